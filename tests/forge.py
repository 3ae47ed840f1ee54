"""A node without scruples: it holds the node's keys and makes evidence of any kind, true in form whatever it says.

Tests of the verdict and of the attacks stand on it. It asks no rule of any statement, unlike the sequencer.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid4, uuid5

from house import House, with_element
from msgspec.structs import replace as changed

from verifier.custody.transitions import EPCIS
from verifier.demo import gtin
from verifier.identity import Identity
from verifier.ledger import checkpoint as notes
from verifier.ledger import tiles
from verifier.ledger.checkpoint import Checkpoint
from verifier.ledger.merkle import leaf_hash
from verifier.node.keyfile import KeyFile, load
from verifier.statements.answer import Answer
from verifier.statements.body import Body
from verifier.statements.envelope import MEMBER, Statement, read, sign
from verifier.statements.event import Event
from verifier.statements.key import Key
from verifier.statements.kinds import body_of
from verifier.statements.product import Product
from verifier.verdict.evidence import Evidence, Exhibit, Growth
from verifier.verdict.judge import Question, judge_strictly
from verifier.verdict.trust import Trust
from verifier.verdict.verdict import Verdict
from verifier.web.desk import trust_of

PACKS = {
    "active": ("current", 0), "neighbour": ("current", 1), "supplied": ("current", 2), "stolen": ("current", 5),
    "destroyed": ("current", 6), "gap": ("current", 9), "expired": ("expired", 0), "recalled": ("recalled", 0),
    "withdrawn": ("withdrawn", 0), "imported": ("imported", 0),
    "signed": ("signed", 0), "disputed": ("current", 25), "cold": ("imported", 24), "retracted": ("retracted", 0),
    "retired": ("retired", 0), "doubted": ("doubted", 0),
}  # fmt: skip
STRANGER = "09529000000014"  # no member holds its prefix


@dataclass(frozen=True)
class Case:
    """A pack, and what was gathered about it."""

    identity: Identity
    evidence: Evidence


def cases_of(house: House) -> dict[str, Case]:
    """By what is wrong with them: each demo pack, one that was never issued, and one of a maker nobody enrolled."""
    for _ in range(4):  # so that the last leaves, which forgers cut off, are never a case's
        house.say("product", "nordhavn-pharma", Product(gtin=gtin("0952200000099"), name=f"Of no case {uuid4()}"))
    found = {name: house.world.pack(*row) for name, row in PACKS.items()}
    found["unknown"] = with_element(found["active"], "21", "NEVERISSUED00")
    found["not_registered"] = with_element(found["active"], "01", STRANGER)
    return {name: Case(one, house.desk.evidence(one)) for name, one in found.items()}


class Forger:
    """The ledger `leaves`, and every key of the node that keeps it."""

    def __init__(self, house: House, leaves: Sequence[Statement] | None = None) -> None:
        self.house, node = house, house.settings.data / "node"
        self.log, self.node, self.answerer = (load(node / f"{name}.key") for name in ("log", "node", "answer"))
        self.makers = [load(file) for file in sorted(node.glob("answer-*.key"))]
        self.leaves = tuple(leaves) if leaves is not None else ledger_of(house)
        self.index = {statement.id: index for index, statement in enumerate(self.leaves)}
        self._tiles, self.root = tiles.grow(0, [leaf_hash(s.id) for s in self.leaves], lambda *_: b"")

    @property
    def size(self) -> int:
        return len(self.leaves)

    def grown(self, *statements: Statement) -> Self:
        """The ledger with more leaves, whatever they say."""
        return type(self)(self.house, (*self.leaves, *statements))

    def cut(self, size: int) -> Self:
        """The ledger as it was."""
        return type(self)(self.house, self.leaves[:size])

    def note(self, seed: bytes | None = None) -> bytes:
        """The signed checkpoint."""
        return notes.sign(Checkpoint("probatum.example/demo", self.size, self.root), seed or self.log.seed)

    def show(self, ids: Iterable[bytes]) -> tuple[Exhibit, ...]:
        """These leaves, with their proofs."""
        rows = sorted((self.index[one], one) for one in set(ids))
        return tuple(
            Exhibit(index, self.leaves[index].raw, tiles.inclusion_path(index, self.size, self._read))
            for index, _ in rows
        )

    def growth(self, size: int) -> Growth:
        """The proof that this ledger begins with its own first `size` leaves."""
        return Growth(size, tiles.root(size, self._read), tiles.consistency_path(size, self.size, self._read))

    def remake(
        self,
        evidence: Evidence,
        *also: Statement,
        without: Iterable[bytes] = (),
        key: KeyFile | None = None,
        **said: Any,
    ) -> Evidence:
        """The same evidence as this ledger's: `also` shown too, `without` left out, the answer signed anew by `key`
        with the fields `said` changed."""
        shown = {read(e.raw).id for e in evidence.statements}.union(s.id for s in also) - set(without)
        answer = None
        if evidence.answer is not None:
            fields = {"size": self.size, "root": self.root, "applies": sorted(shown)} | said
            answer = self.sign_answer(changed(answer_of(evidence), **fields), key or self.answered(evidence))
        return replace(evidence, checkpoint=self.note(), statements=self.show(shown), answer=answer, growth=None)

    def answered(self, evidence: Evidence) -> KeyFile:
        """The key here that signed the answer: the registry's, or that of a maker which the node keeps."""
        kid = read(evidence.answer or b"").kid
        return next(key for key in (self.answerer, *self.makers) if key.kid == kid)

    def sign_answer(self, answer: Answer, key: KeyFile | None = None) -> bytes:
        """An answer by the node, or by whoever holds `key`."""
        who = key or self.answerer
        return sign("answer", who.member, answer.identity, answer.time, answer.encode(), who.seed).raw

    def _read(self, level: int, number: int, width: int) -> bytes:
        return self._tiles[level, number][: width * 32]


def ledger_of(house: House) -> tuple[Statement, ...]:
    """Every leaf of the house, in order."""
    return house.leaves()


def answer_of(evidence: Evidence) -> Answer:
    """What the answer in it says."""
    body = body_of(read(evidence.answer or b""))
    assert isinstance(body, Answer)
    return body


def signed(kind: str, key: KeyFile, body: Body, moment: int = 1_700_000_000, member: str | None = None) -> Statement:
    """A statement by any key, in any member's name."""
    return sign(kind, member or key.member, body.subject(), moment, body.encode(), key.seed)


def event_of(step: str, packs: Sequence[Identity], moment: int, to: str | None = None, name: str = "") -> Event:
    """An event of the transitions table; `name` tells two alike apart."""
    links = [f"https://id.gs1.org/01/{p.gtin}/10/{quote(p.batch or '')}/21/{quote(p.serial or '')}" for p in packs]
    fields: dict[str, Any] = {"type": "ObjectEvent", "eventID": f"urn:uuid:{uuid5(NAMESPACE_URL, step + name)}"}
    fields |= {"eventTime": datetime.fromtimestamp(moment, UTC).isoformat(), "eventTimeZoneOffset": "+00:00"}
    fields |= {"epcList": links, "action": "OBSERVE", **EPCIS[step]}
    if to is not None:
        fields["destinationList"] = [{"type": "possessing_party", "destination": MEMBER + to}]
    return Event(epcis=json.dumps(fields).encode())


def key_statement(by: KeyFile, public: bytes, status: str = "enrolled", **fields: Any) -> Statement:
    """A key enrolled or revoked by a member's key."""
    named = {"member": by.member, "public": public, "purpose": "member", "status": status}
    return signed("key", by, Key.of(named | fields))


def trust(house: House, **changes: Any) -> Trust:
    """What a verifier of this house believes, with no checkpoint seen."""
    return replace(trust_of(house.settings.data), **changes)


def verdict(
    house: House, identity: Identity, evidence: Evidence | None, believed: Trust | None = None, **asked: Any
) -> Verdict:
    """The verdict of who believes this house's genesis and log, now."""
    now = asked.pop("now", house.clock())
    return judge_strictly(Question(identity, **asked), evidence, believed or trust(house), now)
