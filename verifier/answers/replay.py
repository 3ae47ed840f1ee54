"""An answer replayed from a mirror of the ledger: what its signer is convicted of, in files that stand by themselves.

Pure: the mirror's statements, its tiles and its checkpoint are arguments. What an honest node would have answered is
what these lead to by the very reducers that it follows (state/replay), as of the answer's own size (lies).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from verifier.answers.convict import Unproven, convict, entitled, show
from verifier.answers.conviction import Conviction, decode, encode
from verifier.answers.lies import NO_PACK, NOT_ISSUED, Lie
from verifier.ledger import checkpoint as notes
from verifier.ledger import tiles
from verifier.ledger.tiles import ReadTile
from verifier.statements.answer import Answer
from verifier.statements.envelope import read
from verifier.statements.errors import Malformed
from verifier.statements.kinds import body_of
from verifier.statements.roster import Roster, followed
from verifier.statements.serials import SerialProof
from verifier.verdict.evidence import Evidence, Exhibit, Growth
from verifier.verdict.trust import Trust


@dataclass(frozen=True, slots=True)
class Mirror:
    """A ledger as a follower holds it: its signed `note`, the tiles below it, and the statements that matter to an
    answer (members, keys, its product, lot, recalls and events) by id: (leaf index, bytes). Those that the follower may
    not read are not in it; then less can be shown. `index_of` is the leaf index of any id, None for what is no leaf."""

    note: bytes
    tile: ReadTile
    leaves: Mapping[bytes, tuple[int, bytes]]
    index_of: Callable[[bytes], int | None] | None = None


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of it: `convictions`, one a code, each checked as its reader will; and what was not
    judged: "state" (not all steps that it names are here), "issue" (nobody showed whether the serial was issued),
    "size" (it is younger than the mirror), "unentitled" (leaves that no honest log holds were left aside), "no_leaf"
    (it names what was no leaf then, as no honest node does: no file proves that), or the rule by which it is nobody's
    answer."""

    convictions: tuple[Conviction, ...] = ()
    not_judged: tuple[str, ...] = ()


def replay(
    raw: bytes, mirror: Mirror, trust: Trust, serial: SerialProof | None = None, others: Sequence[bytes] = ()
) -> Replayed:
    """Whether the answer `raw` is what the ledger leads to. `serial` proves that its serial was issued, where such a
    proof is held; `others` are further answers about the same identity. Raises ValueError if it is no answer, or the
    mirror's note is not the trusted log's."""
    answer, whole_mirror = answer_in(raw), mirror
    mirror = _sound(mirror)
    trial = _Trial(raw, answer, mirror, trust, notes.open(mirror.note, trust.policy).size)
    if not 0 < answer.size <= trial.size:
        return Replayed(not_judged=("size",))
    whole = trial.evidence(mirror.leaves, serial)
    try:
        lies = {lie.code: lie for lie in reversed(convict(Conviction(whole), trust).lies)}  # one of a code is enough
    except Unproven as fault:
        if fault.code != "no_lie":
            return Replayed(not_judged=(fault.code,))
        lies = {}
    chains = trial.chains(whole)
    found = [trial.shortest(lie, chains, serial if lie.code == "denied_issue" else None) for lie in lies.values()]
    beside = [other for other in others if _beside(raw, answer, other)]
    found += [trial.shortest(Lie("two_answers"), chains, None, other) for other in beside]
    dropped = ("unentitled",) if len(mirror.leaves) < len(whole_mirror.leaves) else ()
    return Replayed(tuple(dict.fromkeys(filter(None, found))), (*_not_judged(answer, mirror, serial), *dropped))


def _sound(mirror: Mirror) -> Mirror:
    """The mirror without the leaves that are of no known kind, or not their signers' to say: whoever signs a log could
    add such a one and name it, so that nothing could be shown beside it."""
    roster, kept = Roster(), dict[bytes, tuple[int, bytes]]()
    for one, (index, raw) in sorted(mirror.leaves.items(), key=lambda row: row[1][0]):
        with suppress(ValueError):
            _, roster = entitled(read(raw), index, roster)
            kept[one] = index, raw
    return replace(mirror, leaves=kept)


def answer_in(raw: bytes) -> Answer:
    """The answer that a statement is, whoever signed it; raises Malformed."""
    statement = read(raw)
    body = body_of(statement)
    if not isinstance(body, Answer):
        raise Malformed("answer", value=statement.kind, expected="a signed answer", found=statement.kind)
    return body


def _beside(raw: bytes, answer: Answer, other: bytes) -> bool:
    """Whether two answers may be held against each other: one key, one identity, one size."""
    beside = answer_in(other)
    same = (beside.identity, beside.size) == (answer.identity, answer.size)
    return same and read(other).kid == read(raw).kid and other != raw


def _not_judged(answer: Answer, mirror: Mirror, serial: SerialProof | None) -> Iterable[str]:
    if answer.state not in NO_PACK and not set(answer.withheld) <= mirror.leaves.keys():
        yield "state"
    if answer.state in NOT_ISSUED and serial is None:
        yield "issue"
    if mirror.index_of is not None:
        indexes = map(mirror.index_of, (*answer.applies, *answer.withheld))
        if any(index is None or index >= answer.size for index in indexes):
            yield "no_leaf"


@dataclass(frozen=True, slots=True)
class _Trial:
    raw: bytes
    answer: Answer
    mirror: Mirror
    trust: Trust
    size: int  # of the mirror

    def evidence(self, ids: Iterable[bytes], serial: SerialProof | None) -> Evidence:
        """The answer, these statements with their proofs, and how its tree grew into the mirror's."""
        mirror, since = self.mirror, self.answer.size
        rows = sorted(mirror.leaves[one] for one in set(ids) & mirror.leaves.keys())
        shown = tuple(Exhibit(index, raw, tiles.inclusion_path(index, self.size, mirror.tile)) for index, raw in rows)
        growth = None
        if since < self.size:
            path = tuple(tiles.consistency_path(since, self.size, mirror.tile))
            growth = Growth(since, tiles.root(since, mirror.tile), path)
        return Evidence(mirror.note, shown, serial, self.raw, growth)

    def chains(self, whole: Evidence) -> Mapping[bytes, frozenset[bytes]]:
        """For each statement and the answer (under b""), the ids that enrol its signer, and end it: today's, too."""
        believed = notes.open(self.mirror.note, self.trust.policy)
        _, roster = show(whole, self.answer.size, believed, self.trust.genesis)
        signers = {read(exhibit.raw).id: read(exhibit.raw).kid for exhibit in whole.statements}
        signers[b""] = read(self.raw).kid
        chains = {
            kid: frozenset(one for link in followed(kid, roster.key) for one in link.statements)
            for kid in set(signers.values())
        }
        return {one: chains[kid] for one, kid in signers.items()}

    def shortest(
        self, lie: Lie, chains: Mapping[bytes, frozenset[bytes]], serial: SerialProof | None, other: bytes | None = None
    ) -> Conviction | None:
        """What convicts of it with no more leaves than show it and entitle their signers; None if that convinces
        nobody, or fits no file."""
        wanted = {self.trust.genesis, *lie.shown_by}.union(*(chains[one] for one in (b"", *lie.shown_by)))
        try:
            found = decode(encode(Conviction(self.evidence(wanted, serial), other)))
            convict(found, self.trust)
        except ValueError:
            return None
        return found
