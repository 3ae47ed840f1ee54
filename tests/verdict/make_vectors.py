"""Writes vectors.json: questions and evidence with the verdict they must have, for whoever writes the judge again.

    PYTHONPATH=.:tests python tests/verdict/make_vectors.py

    { "about": text,
      "evidences": { name: base64 of an evidence file, or of bytes that are none },
      "trust": { name: trust.json's object },
      "rows": [ { "name", "question": {"digital_link", "viewer", "reads"}, "evidence": name or null, "trust": name,
                  "now": Unix seconds,
                  "expect": {"outcome", "reasons", "answers", "as_of"} } ] }

A question also has "member" and "bought" where they are said, and `expect` the "values" that fill a sentence's blanks,
where there are any.

A file that cannot be read is judged `broken_evidence`. Made on a seeded house with keys of its own: each run writes
another consortium, so run it when the format or the law changes, not otherwise.
"""

import json
import tempfile
from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from forge import Case, Forger, answer_of, cases_of, key_statement, signed, trust
from house import House, with_element

from verifier.identity import Identity, parse_text
from verifier.ledger.cosignature import cosign
from verifier.ledger.note import COSIGNATURE, VerifierKey
from verifier.ledger.policy import Group, Policy, Witness
from verifier.node.keyfile import KeyFile
from verifier.statements import cbor
from verifier.statements.envelope import read
from verifier.statements.member import Member
from verifier.statements.pack_signature import carrying
from verifier.statements.product import Product
from verifier.statements.recall import Recall
from verifier.store.embedded import EmbeddedRedis
from verifier.verdict import evidence as files
from verifier.verdict import trust as trusts
from verifier.verdict.evidence import Evidence
from verifier.verdict.judge import Question, judge
from verifier.verdict.trust import Trust
from verifier.verdict.verdict import Verdict, plain, utc
from verifier.verdict.viewers import VIEWERS

FILE = Path(__file__).with_name("vectors.json")
ABOUT = "Verdict vectors: question, evidence, trust and now in; outcome, reasons (gravest first), answers, as_of out."
ORDER = 2**252 + 27742317777372353535851937790883648493  # L of edwards25519
FLIPS = 24
CUTS = (0, 1, 100, 1000)
SAME_NAME = KeyFile("registre-labo", bytes([5]) * 32)
SAME_GTIN = "09523000000012"


@dataclass(frozen=True)
class Row:
    """One vector before it is judged; `data` is the file, None for no evidence."""

    name: str
    identity: Identity
    data: bytes | None
    trust: Trust
    now: int
    viewer: str = "patient"
    reads: int = 1
    member: str | None = None
    bought: str | None = None

    @property
    def question(self) -> Question:
        """As the judge is asked."""
        return Question(self.identity, self.viewer, self.reads, self.member, self.bought)


def expected(row: Row) -> Verdict:
    """What the judge says, of bytes as they come."""
    if row.data is None:
        return judge(row.question, None, row.trust, row.now)
    try:
        evidence = files.decode(row.data)
    except ValueError:
        return plain("broken_evidence", row.identity, row.now, row.viewer)
    return judge(row.question, evidence, row.trust, row.now)


def rows_of(house: House) -> Iterator[Row]:
    """Every row, of a house that is seeded."""
    _add(house)
    cases = cases_of(house)
    world = house.world
    for name, identity in {
        "unknown-namesake": parse_text(f"(01){SAME_GTIN}(17)291231(10)L1(21)S1"),
        "unknown-imported": with_element(world.pack("imported", 0), "21", "NEVERISSUED00"),
        "lot-clear": parse_text(f"(01){world.lots['current'].gtin}(10){world.lots['current'].batch}"),
        "lot-never-issued": parse_text("(01)09529000000014(10)NEVER1"),
        "lot-recalled": parse_text(f"(01){world.lots['recalled'].gtin}(10){world.lots['recalled'].batch}"),
        "lot-recalled-in-part": parse_text(f"(01){SAME_GTIN}(10)L9"),
        "lot-not-told": parse_text(f"(01){world.lots['current'].gtin}"),
    }.items():
        cases[name] = Case(identity, house.desk.evidence(identity))
    believed, now, node = trust(house), house.clock(), Forger(house)

    def row(name: str, case: Case, evidence: Evidence | bytes | None, **changes: Any) -> Row:
        data = files.encode(evidence) if isinstance(evidence, Evidence) else evidence
        return replace(Row(name, case.identity, data, believed, now), **changes)

    for name, case in cases.items():
        yield row(f"whole/{name}", case, case.evidence)
    active = cases["active"]
    yield from _viewed(row, cases, house, node)
    yield from _short(row, active)
    yield from _poorer(row, active, cases)
    yield from _timed(row, active, believed, now, node)
    yield from _witnessed(row, active, believed, now, node)
    yield from _forged(row, active, house, node)
    yield from _signed(row, cases["signed"], house, node)
    yield from _unnumbered(row, active, house, node)
    data = files.encode(active.evidence)
    for n in range(FLIPS):
        at = (2 * n + 1) * len(data) // (2 * FLIPS)
        bad = data[:at] + bytes([data[at] ^ 1 << n % 8]) + data[at + 1 :]
        yield row(f"flipped/bit-{n % 8}-of-byte-{at}", active, bad)
    for cut in CUTS:
        yield row(f"cut/after-{cut}", active, data[:cut])
    yield row("cut/one-short", active, data[:-1])
    yield row("cut/one-more", active, data + b"\0")
    fields = cbor.decode(data, files.MAX_BYTES)
    first, *others = fields["statements"]
    for name, changed in {
        "version-2": {"v": 2},
        "version-true": {"v": True},
        "unknown-field": {"x": b""},
        "null-growth": {"growth": None},
        "index-false": {"statements": [[False, *first[1:]], *others]},
        "index-negative": {"statements": [[-1, *first[1:]], *others]},
        "row-too-long": {"statements": [[*first, b""], *others]},
        "path-not-whole": {"statements": [[*first[:2], b"x"], *others]},
    }.items():
        yield row(f"form/{name}", active, cbor.encode(fields | changed))


def _add(house: House) -> None:
    """What the demo world lacks: a maker named as the node is."""
    fields = {"member": SAME_NAME.member, "name": "Registre de démonstration", "roles": ["maker"], "country": "FR"}
    body = Member.of(fields | {"prefixes": ["952300"], "key": SAME_NAME.public})
    for root in ("root-1", "root-2"):
        house.register(signed("member", house.key(root), body).raw)
    said = signed("product", SAME_NAME, Product(gtin=SAME_GTIN, name="Registrine"))
    assert house.register(said.raw).status_code == 201
    some = Recall(gtin=SAME_GTIN, depth="patients", reason="test", batches=["L9"], serials=["S9"])
    assert house.say("recall", "agence-sante", some).status_code == 201


Make = Callable[..., Row]


def _viewed(row: Make, cases: dict[str, Case], house: House, node: Forger) -> Iterator[Row]:
    """The same evidence to each professional; what only its signer, or only a member, is given; codes read twice."""
    for viewer, (name, case) in product(VIEWERS, cases.items()):
        if viewer != "patient":
            yield row(f"{viewer}/{name}", case, case.evidence, viewer=viewer)
    for name in ("unknown", "unknown-imported", "unknown-namesake", "active"):
        yield row(f"read-twice/{name}", cases[name], cases[name].evidence, reads=2)
    for name in ("active", "supplied", "gap"):
        yield row(f"bought-online/{name}", cases[name], cases[name].evidence, bought="online")
    yield row("bought-online/active-at-a-counter", cases["active"], cases["active"].evidence, bought="online",
              viewer="pharmacy")  # fmt: skip
    canal, halles, gather = "pharmacie-du-canal", "pharmacie-des-halles", house.desk.gatherer.gather
    supplied = cases["supplied"]
    own = gather(supplied.identity, house.clock(), None, canal)
    for viewer, member in (("pharmacy", canal), ("dock", canal), ("pharmacy", halles), ("pharmacy", None),
                           ("ward", None), ("patient", None)):  # fmt: skip
        yield row(f"own-scan/{viewer}-{member or 'nobody'}", supplied, own, viewer=viewer, member=member)
    hidden = replace(own, statements=tuple(e for e in own.statements if read(e.raw).kind != "event"))
    yield row("own-scan/event-not-shown", supplied, hidden, viewer="pharmacy", member=canal)
    unnamed = node.remake(own, applies=answer_of(own).applies, withheld=[])
    yield row("own-scan/event-not-named", supplied, unnamed, viewer="pharmacy", member=canal)
    active = cases["active"]
    for name, ai, value in (("lot", "10", "AX24C7"), ("date", "17", "290131")):
        other = with_element(active.identity, ai, value)
        found = Case(other, gather(other, house.clock(), None, canal))
        for viewer in VIEWERS:
            yield row(f"another-{name}/{viewer}", found, found.evidence, viewer=viewer)
    unknown = cases["unknown"]
    yield row("answer/by-a-maker-of-what-it-issued", unknown, node.remake(unknown.evidence, state="active"))


def _unnumbered(row: Make, active: Case, house: House, node: Forger) -> Iterator[Row]:
    """Boxes that carry no serial: their lot is all there is to check."""
    gtin, lot = active.identity.gtin or "", active.identity.batch or ""
    box = parse_text(f"(01){gtin}(17){active.identity.expiry}(10){lot}")
    case = Case(box, house.desk.evidence(box))
    yield row("no-serial/lot", case, case.evidence)
    yield row("no-serial/nothing", case, None)
    body = Recall(gtin=gtin, depth="patients", reason="test", batches=[lot], serials=["OTHER"])
    recall = signed("recall", house.key("laboratoires-aubrac"), body)
    yield row("no-serial/some-recalled", case, node.grown(recall).remake(case.evidence, recall))


def _short(row: Make, active: Case) -> Iterator[Row]:
    gtin = active.identity.gtin
    for text in (
        "(00)395210000000000019", f"(01){gtin}", f"(01){gtin}(17)200131(10)AX", f"(01){gtin}(21)A1",
        f"(01){gtin}(10)AX(21)A1",
    ):  # fmt: skip
        yield row(f"short/{text}", replace(active, identity=parse_text(text)), active.evidence)
    yield row("unreached", active, None)
    gone = replace(active, identity=with_element(active.identity, "17", "200131"))
    yield row("unreached/expired", gone, None)


def _poorer(row: Make, active: Case, cases: dict[str, Case]) -> Iterator[Row]:
    whole = active.evidence
    yield row("without/checkpoint", active, replace(whole, checkpoint=None))
    yield row("without/serial", active, replace(whole, serial=None))
    yield row("without/answer", active, replace(whole, answer=None))
    yield row("without/statements", active, replace(whole, statements=()))
    for n in range(len(whole.statements)):
        rest = whole.statements[:n] + whole.statements[n + 1 :]
        yield row(f"without/statement-{n}", active, replace(whole, statements=rest))
    lot = cases["lot-clear"]
    for n in range(len(lot.evidence.statements)):
        rest = lot.evidence.statements[:n] + lot.evidence.statements[n + 1 :]
        yield row(f"without/lot-statement-{n}", lot, replace(lot.evidence, statements=rest))
    yield row("anothers/lot", lot, cases["lot-never-issued"].evidence)
    recalled = cases["recalled"]
    rest = tuple(e for e in recalled.evidence.statements if e != recalled.evidence.statements[-1])
    yield row("without/recall", recalled, replace(recalled.evidence, statements=rest))
    yield row("twice/statement-0", active, replace(whole, statements=whole.statements[:1] + whole.statements))
    yield row("backwards", active, replace(whole, statements=whole.statements[::-1]))
    yield row("nothing", active, Evidence())
    for name in ("neighbour", "supplied", "imported", "stolen", "recalled"):
        yield row(f"anothers/{name}", active, cases[name].evidence)
    other = cases["neighbour"].evidence
    for part in ("serial", "answer"):
        yield row(f"anothers-part/{part}", active, replace(whole, **{part: getattr(other, part)}))


def _timed(row: Make, active: Case, believed: Trust, now: int, node: Forger) -> Iterator[Row]:
    for late, name in ((believed.max_age_s, "at-its-age"), (believed.max_age_s + 1, "past-its-age"), (-300, "skewed")):
        yield row(f"time/{name}", active, active.evidence, now=now + late)
    yield row("time/from-the-future", active, active.evidence, now=now - 301)
    yield row("trust/another-genesis", active, active.evidence, trust=replace(believed, genesis=bytes(32)))
    other_log = Policy(VerifierKey.of_seed(believed.policy.log.name, bytes(32)))
    yield row("trust/another-log", active, active.evidence, trust=replace(believed, policy=other_log))
    size = node.size
    later = node.grown(node.leaves[-1])
    grown = later.remake(active.evidence)
    fork = node.cut(size - 1).grown(node.leaves[0])
    for name, evidence, note in (
        ("same", node.remake(active.evidence), node.note()),
        ("same-size-other-root", node.remake(active.evidence), fork.note()),
        ("older-evidence", node.remake(active.evidence), later.note()),
        ("newer-without-growth", grown, node.note()),
        ("newer-with-growth", replace(grown, growth=later.growth(size)), node.note()),
        ("newer-with-growth-from-elsewhere", replace(grown, growth=later.growth(size - 1)), node.note()),
        ("newer-with-growth-of-a-fork", replace(grown, growth=later.growth(size)), fork.note()),
    ):
        yield row(f"seen/{name}", active, evidence, trust=replace(believed, checkpoint=note))


def _witnessed(row: Make, active: Case, believed: Trust, now: int, node: Forger) -> Iterator[Row]:
    """A policy that asks two of three witnesses: how many cosigned, when, and how a cosignature may be wrong."""
    seeds = {name: bytes([number]) * 32 for number, name in enumerate(("w1", "w2", "w3"), 201)}
    keys = {name: VerifierKey.of_seed(f"{name}.example", seed, COSIGNATURE) for name, seed in seeds.items()}
    witnesses = tuple(Witness(name, key) for name, key in keys.items())
    policy = Policy(believed.policy.log, None, witnesses, (Group("hospitals", 2, tuple(seeds)),), "hospitals")
    whole, bare = node.remake(active.evidence), node.note()
    text, late = bare.decode().partition("\n\n")[0] + "\n", believed.max_age_s

    def cosigned(**times: int) -> bytes:
        lines = (cosign(text, f"{name}.example", seeds[name], time) for name, time in times.items())
        return bare + "".join(lines).encode()

    stranger = cosign(text, "w4.example", bytes([204]) * 32, now).encode()
    for name, note in {
        "by-all": cosigned(w1=now, w2=now, w3=now),
        "by-two": cosigned(w1=now, w3=now),
        "by-one": cosigned(w2=now),
        "by-none": bare,
        "by-one-twice": cosigned(w2=now) + cosigned(w2=now - 1).removeprefix(bare),
        "by-two-in-another-order": cosigned(w3=now, w1=now),
        "by-a-stranger-too": cosigned(w1=now, w3=now) + stranger,
        "one-of-another-tree": cosigned(w1=now, w3=now) + cosign(
            f"{text.splitlines()[0]}\n1\n{text.splitlines()[2]}\n", "w2.example", seeds["w2"], now).encode(),
        "at-its-age": cosigned(w1=now - late, w2=now - late),
        "past-its-age": cosigned(w1=now - late - 1, w2=now - late - 1),
        "one-fresh-and-one-old": cosigned(w1=now, w2=now - late - 1),
        "one-old-of-three": cosigned(w1=now, w2=now - late - 1, w3=now),
    }.items():  # fmt: skip
        yield row(f"cosigned/{name}", active, replace(whole, checkpoint=note), trust=replace(believed, policy=policy))


def _forged(row: Make, active: Case, house: House, node: Forger) -> Iterator[Row]:
    whole, gtin = active.evidence, active.identity.gtin or ""
    maker, authority = house.key("laboratoires-aubrac"), house.key("agence-sante")
    enrolled = [leaf for leaf in node.leaves if leaf.kind == "member" and leaf.subject.endswith("agence-sante")]
    recall = signed("recall", authority, Recall(gtin=gtin, depth="patients", reason="test"))
    yield row("added/withdrawal", active, node.grown(recall).remake(whole, *enrolled, recall))
    end = key_statement(maker, maker.public, "revoked", compromised_since=0)
    yield row("added/key-compromised", active, node.grown(end).remake(whole, end))
    late = key_statement(maker, maker.public, "revoked", compromised_since=node.size)
    yield row("added/key-compromised-later", active, node.grown(late).remake(whole, late))
    yield row("answer/by-the-nodes-member-key", active, node.remake(whole, key=node.node))
    yield row("answer/by-a-maker", active, node.remake(whole, key=maker))
    yield row("answer/of-a-smaller-ledger", active, node.remake(whole, size=node.size - 1))
    yield row("answer/names-more", active, node.remake(whole, applies=sorted([*answer_of(whole).applies, bytes(32)])))
    yield row("answer/names-less", active, node.remake(whole, applies=answer_of(whole).applies[1:]))
    yield row("answer/supplied-and-disputed", active, node.remake(whole, state="supplied", disputes=2))
    yield row("checkpoint/by-another", active, replace(node.remake(whole), checkpoint=node.note(bytes(32))))


def _signed(row: Make, case: Case, house: House, node: Forger) -> Iterator[Row]:
    """Packs that carry (91) and (92): right, wrong, and another scheme's; with their evidence, their lot's, less."""
    pack, lot = case.identity, house.world.lots["signed"]
    whole, of_lot = case.evidence, house.desk.gatherer.gather_lot(lot.gtin, lot.batch)
    hint, signature = pack.get("91") or "", pack.get("92") or ""
    other = "B" if signature[0] == "A" else "A"
    codes = {
        "right": pack,
        "absent": parse_text(pack.digital_link()),
        "a-character-changed": carrying(pack, hint, other + signature[1:]),
        "zeros": carrying(pack, hint, "A" * 86),
        "s-plus-l": carrying(pack, hint, _malleated(signature)),
        "another-packs": carrying(pack, hint, house.world.pack("signed", 1).get("92") or ""),
        "date-changed": with_element(pack, "17", "491231"),
        "lot-changed": with_element(pack, "10", "AX26K1"),
        "serial-changed": with_element(pack, "21", "NEVERISSUED00"),
        "unknown-hint": carrying(pack, "AAAAAAAA", signature),
        "another-spelling": carrying(pack, hint, _respelt(signature)),
        "another-scheme": carrying(pack, "EE08", "dGVzdA=="),
    }
    for name, identity in codes.items():
        asked = replace(case, identity=identity)
        yield row(f"signed/{name}", asked, house.desk.evidence(identity))
        yield row(f"signed-lot/{name}", asked, of_lot)
    yield row("signed/without-answer", case, replace(whole, answer=None))
    yield row("signed/without-serial", case, replace(whole, serial=None))
    yield row("signed/without-both", case, replace(whole, answer=None, serial=None))
    yield row("signed/anothers-evidence", case, house.desk.evidence(house.world.pack("signed", 1)))
    maker = house.key("laboratoires-aubrac")
    end = key_statement(maker, maker.public, "revoked", compromised_since=0)
    grown = node.grown(end).remake(whole, end)
    yield row("signed/key-compromised", case, grown)
    yield row("signed-lot/key-compromised", case, replace(grown, answer=None, serial=None))


def _malleated(text: str) -> str:
    """The signature with L added to its S (RFC 8032 5.1.7 refuses it)."""
    data = urlsafe_b64decode(text + "==")
    scalar = int.from_bytes(data[32:], "little") + ORDER
    return urlsafe_b64encode(data[:32] + scalar.to_bytes(32, "little")).rstrip(b"=").decode()


def _respelt(text: str) -> str:
    """The same bytes in another spelling: a spare bit of the last character set."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return text[:-1] + alphabet[alphabet.index(text[-1]) | 1]


def vectors(rows: list[Row]) -> dict[str, Any]:
    """The document."""
    blobs: dict[bytes, str] = {}
    believed: dict[Trust, str] = {}
    out = []
    for row in rows:
        if row.data is not None:
            blobs.setdefault(row.data, row.name)
        believed.setdefault(row.trust, row.name)
        found = expected(row)
        out.append(
            {
                "name": row.name,
                "question": {"digital_link": row.identity.signed_link(), "viewer": row.viewer, "reads": row.reads}
                | {name: said for name in ("member", "bought") if (said := getattr(row, name)) is not None},
                "evidence": None if row.data is None else blobs[row.data],
                "trust": believed[row.trust],
                "now": row.now,
                "expect": {
                    "outcome": found.outcome,
                    "reasons": list(found.reasons),
                    "answers": dict(found.answers),
                    "as_of": None if found.as_of is None else utc(found.as_of),
                }
                | ({"values": dict(found.values)} if found.values else {}),
            }
        )
    evidences = {name: b64encode(data).decode() for data, name in blobs.items()}
    trust = {name: json.loads(trusts.encode(one)) for one, name in believed.items()}
    return {"about": ABOUT, "evidences": evidences, "trust": trust, "rows": out}


def main() -> None:
    """Write the file."""
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedRedis(Path(folder)) as server,
        House(Path(folder), server.url) as house,
    ):
        document = vectors(list(rows_of(house.seed())))
    FILE.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", "utf-8")
    print(f"{FILE.name}: {len(document['rows'])} rows, {FILE.stat().st_size} bytes")


if __name__ == "__main__":
    main()
