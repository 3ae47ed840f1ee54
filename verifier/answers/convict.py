"""convict(conviction, trust) -> Convicted: who lied, about what, since when. Pure: nothing is believed but the trust.

The order of belief: the checkpoint is the trusted log's; the answer's own tree is that checkpoint's, or one it grew
from; each statement is a leaf of it, its signer entitled there from the trusted genesis on; the answer's key was
enrolled as of the answer and in nobody else's hands as far as is shown. Only then are the rules asked (lies).

It is a key that is convicted. One that is reported stolen later, from before the answer on, convicts nobody any more:
a watcher shows what its ledger says of the key, and who only has the file knows it up to the checkpoint in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from verifier.answers.conviction import Conviction
from verifier.answers.lies import WORDS, Leaf, Lie, Said, Shown, differ, lies
from verifier.identity import digital_link
from verifier.ledger import checkpoint as notes
from verifier.ledger.checkpoint import Checkpoint
from verifier.ledger.merkle import verify_consistency
from verifier.ledger.policy import Policy
from verifier.statements.answer import Answer
from verifier.statements.envelope import Statement, read
from verifier.statements.errors import Refused
from verifier.statements.kinds import body_of, kind_of
from verifier.statements.roster import MemberRecord, Roster, enrol, in_doubt, signer
from verifier.verdict.evidence import Evidence
from verifier.verdict.judge import ENROLLING, REGISTRY, proven
from verifier.verdict.trust import Trust
from verifier.verdict.verdict import utc


class Unproven(Refused):
    """The file convicts nobody; `code` says why."""


@dataclass(frozen=True, slots=True)
class Convicted:
    """`member` (its id; its `name`) signed with the key `kid` an answer about `identity`, as of `size` leaves, at
    `time` (Unix seconds), and these `lies`. The log itself has no member, identity or time. All was proven under
    the checkpoint `believed`; `leaves` is what was shown below the answer's size."""

    member: str
    name: str
    kid: bytes
    identity: str | None
    size: int
    time: int | None
    lies: tuple[Lie, ...]
    leaves: Mapping[bytes, Leaf]
    believed: Checkpoint


def convict(conviction: Conviction, trust: Trust) -> Convicted:
    """Who lied, as these bytes prove; raises Unproven."""
    try:
        if conviction.said.answer is None:
            return _the_log(conviction, trust)
        return _the_answerer(conviction.said, conviction.said.answer, conviction.other, trust)
    except Unproven:
        raise
    except ValueError as fault:  # notes, proofs, statements: each says what it expected
        told = {name: str(getattr(fault, name, "")) for name in ("value", "expected", "found")}
        raise Unproven(getattr(fault, "code", "proof"), **told) from fault


def _the_answerer(said: Evidence, raw: bytes, other: bytes | None, trust: Trust) -> Convicted:
    answer, kid = _answer(raw)
    believed = notes.open(said.checkpoint or b"", trust.policy)
    root = _root(said, answer.size, believed, trust.policy)
    shown, latest = show(said, answer.size, believed, trust.genesis)
    member = _entitled(raw, answer, shown.roster)
    if in_doubt(kid, answer.size - 1, latest):
        raise Unproven("stolen_key", value=kid.hex(), expected="a key in its owner's hands", found="reported stolen")
    found = _beside(answer, kid, other, root, shown.roster)
    if answer.root != root:
        found.append(Lie("another_tree"))
    else:
        found += lies(Said(answer, digital_link.parse(answer.identity), kid), shown)
    if not found:
        raise Unproven("no_lie", value=answer.identity, expected="a lie that is shown", found="none")
    told = (answer.identity, answer.size, answer.time)
    return Convicted(member.member, member.name, kid, *told, tuple(found), shown.leaves, believed)


def _answer(raw: bytes) -> tuple[Answer, bytes]:
    statement = read(raw)
    body = body_of(statement)
    if not isinstance(body, Answer) or statement.raw != raw:
        raise Unproven("answer", value=statement.kind, expected="a signed answer", found=statement.kind)
    if digital_link.parse(body.identity).digital_link() != body.identity:
        raise Unproven("answer", value=body.identity, expected="a canonical Digital Link", found=body.identity[:80])
    return body, statement.kid


def _entitled(raw: bytes, answer: Answer, roster: Roster) -> MemberRecord:
    """The member that answered, as of the answer; a maker's word counts for `unknown` alone, and is nothing else."""
    member = signer(read(raw), answer.size - 1, roster)
    if REGISTRY not in member.roles and answer.state != "unknown":
        raise Unproven("role", value=member.member, expected="the registry, or a miss", found=answer.state)
    return member


def _root(said: Evidence, size: int, believed: Checkpoint, policy: Policy) -> bytes:
    """The root of the first `size` leaves of the tree that is believed."""
    if believed.origin != policy.log.name:  # of several logs, the consortium's own
        raise Unproven("origin", value=believed.origin, expected=policy.log.name, found=believed.origin)
    growth = said.growth
    if growth is None and size == believed.size:
        return believed.root
    if growth is None or growth.size != size:
        found = f"growth from {growth.size}" if growth else "none"
        expected = f"the growth from {size} leaves to {believed.size}"
        raise Unproven("growth", value=size, expected=expected, found=found)
    verify_consistency(growth.size, believed.size, growth.path, growth.root, believed.root)
    return growth.root


def show(said: Evidence, size: int, believed: Checkpoint, genesis: bytes) -> tuple[Shown, Roster]:
    """What the statements prove of the first `size` leaves; and members and keys as far as they are shown, later leaves
    too. Raises ValueError for one that is no leaf, or not its signer's to say."""
    shown, latest = Shown(genesis, serial=said.serial), Roster()
    indexes = [exhibit.index for exhibit in said.statements]
    if indexes != sorted(set(indexes)):
        raise Unproven("exhibits", expected="statements by leaf index, each once", found=str(indexes)[:80])
    for exhibit in said.statements:
        statement = proven(exhibit, believed, genesis)
        leaf, latest = entitled(statement, exhibit.index, latest)
        if exhibit.index < size:
            shown.roster = latest
            shown.leaves[statement.id] = leaf
    return shown, latest


def entitled(statement: Statement, index: int, roster: Roster) -> tuple[Leaf, Roster]:
    """A statement as leaf `index` after those of `roster`, and the roster after it; raises ValueError if it may be no
    leaf, or is not its signer's to say."""
    body = body_of(statement)
    if not kind_of(statement).leaf:
        raise Unproven("not_a_leaf", value=statement.kind, expected="a registered kind", found=statement.kind)
    if statement.kind not in ENROLLING:
        return Leaf(index, statement, body, signer(statement, index, roster)), roster
    records = enrol(statement, index, roster)
    return Leaf(index, statement, body), roster.with_records(records, getattr(body, "threshold", roster.k))


def _beside(answer: Answer, kid: bytes, raw: bytes | None, root: bytes, roster: Roster) -> list[Lie]:
    """What another answer, as truly signed, shows beside the first."""
    if raw is None:
        return []
    other, by = _answer(raw)
    _entitled(raw, other, roster)
    if (by, other.identity, other.size) != (kid, answer.identity, answer.size):
        expected = "another answer by the same key about the same identity and size"
        raise Unproven("two_answers", expected=expected, found=f"{by.hex()}, {other.identity}, {other.size}"[:160])
    if other.root != root:
        return [Lie("another_tree")]
    if answer.root == root and differ(answer, other):
        return [Lie("two_answers")]
    raise Unproven("two_answers", expected="answers that differ", found="two that agree")


def _the_log(conviction: Conviction, trust: Trust) -> Convicted:
    """The log signed two trees, neither of which grew from the other. Its own signature binds it, whoever cosigned: an
    honest log never signs a second tree of a size, not even one that it does not publish (node/pending)."""
    notes_of = (conviction.said.checkpoint or b"", conviction.seen or b"")
    believed, seen = (notes.proposed(note, trust.policy) for note in notes_of)
    root = _root(conviction.said, seen.size, believed, trust.policy)
    if seen.origin != believed.origin or root == seen.root:
        found = f"{seen.origin}, {seen.root.hex()}"
        raise Unproven("no_lie", value=seen.size, expected=f"another root of {believed.origin}", found=found)
    log = trust.policy.log
    return Convicted("", log.name, log.key_id, None, seen.size, None, (Lie("two_logs"),), {}, believed)


def to_json(convicted: Convicted, language: str) -> dict[str, Any]:
    """What a file proves, as doors and terminal show it."""
    return {
        "who": {"member": convicted.member or None, "name": convicted.name, "key": convicted.kid.hex()},
        "identity": convicted.identity,
        "answered": {"size": convicted.size, "time": utc(convicted.time) if convicted.time is not None else None},
        "lies": [_lie(convicted, lie, language) for lie in convicted.lies],
        "believed": {"size": convicted.believed.size, "root": convicted.believed.root.hex()},
    }


def _lie(convicted: Convicted, lie: Lie, language: str) -> dict[str, Any]:
    leaf = convicted.leaves.get(lie.shown_by[0]) if lie.shown_by else None
    statement = None
    if leaf is not None:
        by = leaf.statement
        statement = {"id": by.id.hex(), "kind": by.kind, "by": by.member, "leaf": leaf.index}
        statement["said_at"] = utc(by.issued_at)
    return {"code": lie.code, "sentence": WORDS[lie.code][language], "statement": statement}
