"""Who may say what: each refusal by the name of its rule."""

from dataclasses import replace

import pytest
from nacl.signing import SigningKey

from verifier.statements.body import Body
from verifier.statements.envelope import Statement, kid_of, sign
from verifier.statements.errors import Refused
from verifier.statements.genesis import Controller, Genesis, Registry
from verifier.statements.key import Key
from verifier.statements.kinds import body_of
from verifier.statements.member import Member
from verifier.statements.product import Product
from verifier.statements.roster import ROOT, Roster, enrol, signer

GTIN = "09521000000018"


def seed(name: str) -> bytes:
    return name.encode().ljust(32, b".")


def public(name: str) -> bytes:
    return bytes(SigningKey(seed(name)).verify_key)


def say(kind: str, member: str, key: str, body: Body) -> Statement:
    return sign(kind, member, body.subject(), 1_700_000_000, body.encode(), seed(key))


GENESIS = Genesis(
    consortium="test",
    controller=Controller(name="Someone", contact="dpo@example", country="FR"),
    roots=[public("root1"), public("root2"), public("root3")],
    threshold=2,
    log="log.example+00000000+AA==",
    registry=Registry(member="registry", name="Registry", country="FR", key=public("registry")),
)


def member(name: str, *prefixes: str, role: str = "maker") -> Member:
    fields = {"member": name, "name": name, "roles": [role], "country": "FR", "prefixes": list(prefixes)}
    return Member.of({**fields, "key": public(name)})


def key(owner: str, name: str, purpose: str) -> Key:
    return Key.of({"member": owner, "public": public(name), "purpose": purpose, "status": "enrolled"})


class Ledger:
    """Statements in order, and the roster they make."""

    def __init__(self) -> None:
        self.roster, self.size = Roster(), 0
        self.add(say("genesis", ROOT, "root1", GENESIS))

    def add(self, statement: Statement) -> None:
        records = enrol(statement, self.size, self.roster)
        body = body_of(statement)
        self.roster = self.roster.with_records(records, getattr(body, "threshold", self.roster.k))
        self.size += 1

    def refusal(self, statement: Statement) -> str:
        enrolling = statement.kind in ("genesis", "member", "key")
        with pytest.raises(Refused) as refused:
            self.add(statement) if enrolling else signer(statement, self.size, self.roster)
        return refused.value.code

    def enrolled(self, body: Member) -> "Ledger":
        for root in ("root1", "root2"):
            self.add(say("member", ROOT, root, body))
        return self


def test_a_member_takes_k_roots_and_not_one_of_them_twice() -> None:
    ledger = Ledger()
    acme = member("acme", "952100")
    ledger.add(say("member", ROOT, "root1", acme))
    product = say("product", "acme", "acme", Product(gtin=GTIN, name="A"))
    assert ledger.refusal(product) == "unknown_key"
    assert ledger.refusal(say("member", ROOT, "root1", acme)) == "endorsement"
    ledger.add(say("member", ROOT, "root3", acme))
    assert signer(product, ledger.size, ledger.roster).member == "acme"


def test_roots_must_endorse_the_same_body() -> None:
    ledger = Ledger()
    ledger.add(say("member", ROOT, "root1", member("acme", "952100")))
    assert ledger.refusal(say("member", ROOT, "root2", member("acme", "952200"))) == "endorsement"


def test_prefixes_never_overlap() -> None:
    ledger = Ledger().enrolled(member("acme", "952100"))
    assert ledger.refusal(say("member", ROOT, "root1", member("thief", "9521001"))) == "prefix_taken"
    assert ledger.refusal(say("member", ROOT, "root1", member("thief", "9521"))) == "prefix_taken"


def test_two_that_race_for_a_prefix_do_not_both_get_it() -> None:
    ledger = Ledger()
    first, second = member("acme", "952100"), member("other", "952100")
    ledger.add(say("member", ROOT, "root1", first))
    ledger.add(say("member", ROOT, "root1", second))
    ledger.add(say("member", ROOT, "root2", first))
    assert ledger.refusal(say("member", ROOT, "root2", second)) == "prefix_taken"


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        (say("product", "acme", "acme", Product(gtin="09522000000015", name="A")), "own_gtin"),
        (say("product", "acme", "stranger", Product(gtin=GTIN, name="A")), "unknown_key"),
        (say("product", "chemist", "acme", Product(gtin=GTIN, name="A")), "issuer"),
        (say("product", "chemist", "chemist", Product(gtin=GTIN, name="A")), "role"),
        (say("member", "acme", "acme", member("friend")), "key_purpose"),
        (say("key", "acme", "acme", key("chemist", "x", "member")), "own_member"),
        (say("key", "chemist", "chemist", key("chemist", "x", "answer")), "key_purpose"),
        (say("key", "acme", "acme", key("acme", "chemist", "member")), "key_taken"),
        (say("genesis", ROOT, "root1", GENESIS), "genesis"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)  # fmt: skip
def test_refused_by_the_name_of_its_rule(statement: Statement, rule: str) -> None:
    ledger = Ledger().enrolled(member("acme", "952100")).enrolled(member("chemist", role="pharmacy"))
    assert ledger.refusal(statement) == rule


def test_a_signature_of_another_key_under_a_borrowed_kid_is_refused() -> None:
    ledger = Ledger().enrolled(member("acme", "952100"))
    honest = say("product", "acme", "acme", Product(gtin=GTIN, name="A"))
    assert ledger.refusal(replace(honest, signature=bytes(64))) == "bad_signature"


def test_a_key_is_valid_from_its_enrolment_to_its_revocation() -> None:
    ledger = Ledger().enrolled(member("acme", "952100"))
    product = say("product", "acme", "acme", Product(gtin=GTIN, name="A"))
    enrolled = ledger.size - 1
    revoked = Key(member="acme", public=public("acme"), purpose="member", status="revoked", compromised_since=enrolled)
    ledger.add(say("key", ROOT, "root1", revoked))
    with pytest.raises(Refused, match="valid from"):
        signer(product, ledger.size, ledger.roster)
    with pytest.raises(Refused):
        signer(product, enrolled - 1, ledger.roster)
    assert signer(product, enrolled, ledger.roster).member == "acme"
    key = ledger.roster.key(kid_of(public("acme")))
    assert key is not None
    assert key.compromised_since == enrolled


def test_a_genesis_not_signed_by_its_own_roots_founds_nothing() -> None:
    with pytest.raises(Refused):
        enrol(say("genesis", ROOT, "stranger", GENESIS), 0, Roster())
