"""The forger of pack signatures (AI 91, 92): he has our key's hint and makes up the rest, or a key of his own.

A code that names a batch's key must be signed by it, over this very GTIN, expiry, batch and serial. What names no key
of ours is another scheme's, and is judged as if it were not there: nobody's box turns red for its country's rules.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pytest
from forge import Forger, key_statement, signed, verdict
from house import House, with_element
from msgspec import structs
from nacl.signing import SigningKey

from verifier.commands.issuing import Lot, identity_of, issue
from verifier.demo import gtin
from verifier.identity import Identity
from verifier.statements.batch import Batch
from verifier.statements.envelope import Statement
from verifier.statements.kinds import body_of
from verifier.statements.pack_signature import PackSignature, hint_of, signed_pack
from verifier.verdict.evidence import Evidence
from verifier.verdict.reasons import REASONS
from verifier.verdict.verdict import Verdict

GTIN, EXPIRY = "09521000000018", "291231"
NAMES = [b"SIGNED%07d" % number for number in range(12)]
AUBRAC, NORDHAVN = "laboratoires-aubrac", "nordhavn-pharma"
OTHER = SigningKey(bytes([24]) * 32)  # of a made-up lot
ORDER = 2**252 + 27742317777372353535851937790883648493  # L of edwards25519 (RFC 8032 5.1)


@dataclass(frozen=True)
class Signed:
    """A batch whose packs are signed, and its key, which is not yet destroyed."""

    lot: Lot
    key: SigningKey
    leaf: int

    def pack(self, number: int) -> Identity:
        return signed_pack(self.key, self.bare(number))

    def bare(self, number: int) -> Identity:
        return identity_of(self.lot, NAMES[number].decode())


def issued(house: House, batch: str, key: SigningKey, maker: str = AUBRAC, product: str = GTIN) -> Signed:
    lot = Lot(product, batch, EXPIRY, ("FR",))
    public = bytes(key.verify_key)
    leaf = issue(house.client, house.key(maker), lot, NAMES, moment=house.clock(), pack_key=public)
    return Signed(lot, key, int(str(leaf["index"])))


@pytest.fixture(scope="module")
def one(world: House) -> Signed:
    return issued(world, "SIG1", SigningKey(bytes([21]) * 32))


@pytest.fixture(scope="module")
def two(world: House) -> Signed:
    """Another lot of the same product, with a key of its own."""
    return issued(world, "SIG2", SigningKey(bytes([22]) * 32))


@pytest.fixture(scope="module")
def others(world: House) -> Signed:
    """A lot of another maker."""
    return issued(world, "SIG3", SigningKey(bytes([23]) * 32), NORDHAVN, gtin("0952200000001"))


def codes(house: House, pack: Identity) -> list[str]:
    """What the door says of the code as it is printed."""
    return house.codes(pack.signed_link())


def carrying(pack: Identity, hint: str | None, signature: str | None) -> Identity:
    """The same pack with another (91) and (92)."""
    kept = tuple(element for element in pack.elements if element[0] not in ("91", "92"))
    return Identity((*kept, *(("91", hint),) * (hint is not None), *(("92", signature),) * (signature is not None)))  # type: ignore[arg-type]


def resigned(pack: Identity, change: Callable[[bytes], bytes]) -> Identity:
    """The same pack with its signature's bytes changed."""
    before = urlsafe_b64decode((pack.get("92") or "") + "==")
    return carrying(pack, pack.get("91"), urlsafe_b64encode(change(before)).rstrip(b"=").decode())


def test_control_what_its_batchs_key_signed_is_genuine(world: House, one: Signed, two: Signed, others: Signed) -> None:
    for lot in (one, two, others):
        assert codes(world, lot.pack(0)) == ["genuine", "not_recorded"]
        assert codes(world, lot.bare(0)) == ["genuine", "not_recorded"]  # typed, or an old label


def scalar(signature: bytes) -> int:
    return int.from_bytes(signature[32:], "little")


FORGED: dict[str, Callable[[Signed, Signed, Signed], Identity]] = {
    "garbage under our hint": lambda one, *_: resigned(one.pack(0), lambda _: bytes(range(64))),
    "zeros": lambda one, *_: resigned(one.pack(0), lambda _: bytes(64)),
    "a bit of R": lambda one, *_: resigned(one.pack(0), lambda s: bytes([s[0] ^ 1]) + s[1:]),
    "a bit of S": lambda one, *_: resigned(one.pack(0), lambda s: s[:32] + bytes([s[32] ^ 1]) + s[33:]),
    "S + L": lambda one, *_: resigned(one.pack(0), lambda s: s[:32] + (scalar(s) + ORDER).to_bytes(32, "little")),
    "R of small order": lambda one, *_: resigned(one.pack(0), lambda s: bytes([1]) + bytes(31) + s[32:]),
    "another pack's": lambda one, *_: carrying(one.bare(0), one.pack(1).get("91"), one.pack(1).get("92")),
    "a thief's key under our hint": lambda one, *_: carrying(
        one.bare(0), one.pack(0).get("91"), signed_pack(SigningKey(bytes([9]) * 32), one.bare(0)).get("92")
    ),
    "another maker's key under our hint": lambda one, _, others: carrying(
        one.bare(0), one.pack(0).get("91"), signed_pack(others.key, one.bare(0)).get("92")
    ),
    "another lot's key": lambda one, two, _: signed_pack(two.key, one.bare(0)),
    "another lot's key under our hint": lambda one, two, _: carrying(
        one.bare(0), one.pack(0).get("91"), signed_pack(two.key, one.bare(0)).get("92")
    ),
    "our signature under another lot's hint": lambda one, two, _: carrying(
        one.bare(0), two.pack(0).get("91"), one.pack(0).get("92")
    ),
    "a later date": lambda one, *_: with_element(one.pack(0), "17", "301231"),
    "another lot printed": lambda one, two, _: with_element(one.pack(0), "10", two.lot.batch),
    "another serial": lambda one, *_: with_element(one.pack(0), "21", NAMES[1].decode()),
    "a serial never issued": lambda one, *_: with_element(one.pack(0), "21", "NEVERISSUED00"),
}


@pytest.mark.parametrize("what", FORGED)
def test_a_signature_that_our_key_did_not_make_is_forged(
    world: House, one: Signed, two: Signed, others: Signed, what: str
) -> None:
    found = world.verdict(FORGED[what](one, two, others).signed_link())
    assert found["reasons"][0]["code"] == "forged"
    assert (found["outcome"], found["answers"]["what"]) == ("do_not_use", "no")


def test_a_serial_never_issued_is_unknown_though_its_key_signed_it(world: House, one: Signed) -> None:
    """The printer kept the key a while: the tree says which packs there are."""
    made_up = signed_pack(one.key, with_element(one.bare(0), "21", "NEVERISSUED00"))
    found = world.verdict(made_up.signed_link())
    assert [reason["code"] for reason in found["reasons"]] == ["unknown"]
    assert found["answers"] == dict.fromkeys(("what", "hands", "use"), "unknown")


FOREIGN: dict[str, Callable[[Signed, Signed], Identity]] = {
    "a key nobody registered": lambda one, _: signed_pack(SigningKey(bytes([9]) * 32), one.bare(0)),
    "another maker's key": lambda one, others: signed_pack(others.key, one.bare(0)),
    "a hint alone": lambda one, _: carrying(one.bare(0), one.pack(0).get("91"), None),
    "a signature alone": lambda one, _: carrying(one.bare(0), None, one.pack(0).get("92")),
    "a hint of four": lambda one, _: carrying(one.bare(0), "EE08", one.pack(0).get("92")),
    "a crypto tail of 44": lambda one, _: carrying(one.bare(0), one.pack(0).get("91"), "dGVz" * 11),
    "another alphabet": lambda one, _: carrying(one.bare(0), one.pack(0).get("91"), "+" * 86),
    "another spelling of the same bytes": lambda one, _: carrying(one.bare(0), one.pack(0).get("91"), respelt(one)),
}


def respelt(one: Signed) -> str:
    """The last character's four spare bits, set: a lax decoder reads the same signature."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    text = one.pack(0).get("92") or ""
    other = text[:-1] + alphabet[alphabet.index(text[-1]) | 1]
    assert other != text
    assert urlsafe_b64decode(other + "==") == urlsafe_b64decode(text + "==")
    return other


@pytest.mark.parametrize("what", FOREIGN)
def test_what_is_no_signature_of_ours_is_judged_as_if_it_were_not_there(
    world: House, one: Signed, others: Signed, what: str
) -> None:
    pack = FOREIGN[what](one, others)
    assert codes(world, pack) == ["genuine", "not_recorded"]
    assert codes(world, with_element(pack, "21", "NEVERISSUED00")) == ["unknown"]


def test_a_key_of_another_lot_shown_is_no_word_about_this_one(world: House, one: Signed, two: Signed) -> None:
    """Shown only where the code names it: to an unsigned pack, another lot's batch is beside the question."""
    node = Forger(world)
    evidence, batch = world.desk.evidence(one.pack(1)), node.leaves[two.leaf]
    found = verdict(world, one.pack(1), node.remake(evidence, batch))
    assert found.reasons == ("other_identity",)


def test_a_signature_loses_its_forgery_with_the_batch_that_tells_it(world: House, one: Signed, two: Signed) -> None:
    """Left out, the answer still lists it: unverified, never genuine."""
    forged = signed_pack(two.key, one.bare(0))
    whole = world.desk.evidence(forged)
    assert verdict(world, forged, whole).reasons == ("forged",)
    for exhibit in whole.statements:
        poorer = tuple(other for other in whole.statements if other != exhibit)
        found = verdict(world, forged, replace(whole, statements=poorer))
        assert found.outcome != "genuine"
        assert REASONS[found.reasons[0]].outcome in ("unverified", "do_not_use")


@pytest.mark.parametrize(("before", "code"), [(0, "key_compromised"), (1, "genuine")])
def test_what_a_stolen_maker_key_vouched_for_is_in_doubt(world: House, one: Signed, before: int, code: str) -> None:
    """The pack's own signature is only as good as the key that signed its batch."""
    node, maker, pack = Forger(world), world.key(AUBRAC), one.pack(2)
    end = key_statement(maker, maker.public, "revoked", compromised_since=one.leaf + before)
    whole = world.desk.evidence(pack)
    assert verdict(world, pack, node.grown(end).remake(whole, end)).reasons[0] == code
    offline = replace(node.grown(end).remake(whole, end), answer=None, serial=None)
    assert verdict(world, pack, offline).reasons[0] == ("key_compromised" if code != "genuine" else "signed_only")


def test_a_batch_signed_after_its_makers_key_ended_lends_no_key(world: House, one: Signed) -> None:
    """A node that lets it in convinces nobody: the code is not verified, and no alarm is raised either."""
    maker, pack = world.key(AUBRAC), one.pack(3)
    end = key_statement(maker, maker.public, "revoked")
    late = signed("batch", maker, Batch.of(fields_of(world, one, batch="LATE1", pack_key=bytes(OTHER.verify_key))))
    for leaves, code in (((late, end), "signed_only"), ((end, late), "broken_evidence")):
        found = told_of(Forger(world).grown(*leaves), world.desk.evidence(pack), leaves, one, "LATE1")
        assert (found.outcome, found.reasons[0]) == ("unverified", code)
        assert ("signed_only" in found.reasons) == (code == "signed_only")


def told_of(node: Forger, whole: Evidence, leaves: Sequence[Statement], one: Signed, lot: str) -> Verdict:
    """The verdict on a pack of a made-up lot, signed by its key, where only statements are shown."""
    pack = signed_pack(OTHER, with_element(one.bare(3), "10", lot))
    own = node.leaves[one.leaf].id
    evidence = node.remake(whole, *leaves, without=[own], identity=pack.digital_link())
    return verdict(node.house, pack, replace(evidence, answer=None, serial=None))


def test_another_makers_batch_lends_no_key_to_this_product(world: House, one: Signed) -> None:
    """He says a batch of our GTIN, with our own key's hint: neither believed nor an alarm to our packs."""
    thief, pack = world.key(NORDHAVN), one.pack(4)
    lie = signed("batch", thief, Batch.of(fields_of(world, one, batch="POSE1", pack_key=bytes(OTHER.verify_key))))
    posing = signed("batch", thief, Batch.of(fields_of(world, one, batch="POSE2")))
    node = Forger(world).grown(lie, posing)
    enrolled = [leaf for leaf in node.leaves if leaf.kind == "member" and leaf.subject.endswith(NORDHAVN)]
    found = told_of(node, world.desk.evidence(pack), (lie, *enrolled), one, "POSE1")
    assert found.outcome == "unverified"
    assert "signed_only" not in found.reasons
    alarmed = verdict(world, pack, node.remake(world.desk.evidence(pack), posing, *enrolled))
    assert alarmed.reasons == ("broken_evidence",)


def fields_of(house: House, lot: Signed, **changes: object) -> dict[str, object]:
    """The fields of its batch statement, some changed."""
    body = Forger(house).leaves[lot.leaf]
    return {**structs.asdict(body_of(body)), **changes}


def test_a_weak_key_signs_nothing() -> None:
    """The point of order one verifies anything where S = 0 and R = A: libsodium refuses it."""
    weak = bytes([1]) + bytes(31)
    pack = identity_of(Lot(GTIN, "SIG1", EXPIRY, ("FR",)), "A")
    assert not PackSignature(hint_of(weak), weak + bytes(32)).verifies(weak, pack)
    assert not PackSignature(hint_of(b""), bytes(64)).verifies(b"", pack)
