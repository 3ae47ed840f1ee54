"""What the ledger tells of itself: how it grew, what was published, who cosigned. One place for page and JSON.

Every checkpoint shown is one that a log of our own policy signed, whatever the store holds; who cosigned it is asked of
its signatures each time. Nothing is judged here.
"""

from collections.abc import Sequence
from typing import Literal

from msgspec.structs import replace

from verifier.ledger import checkpoint as notes
from verifier.ledger import tiles
from verifier.ledger.encoding import LedgerError, encode_base64
from verifier.ledger.note import NoteError
from verifier.ledger.note import parse as parse_note
from verifier.ledger.policy import NONE, Policy
from verifier.node import standing
from verifier.node.standing import Standing
from verifier.state.replay import Projected
from verifier.store import clocks, layout
from verifier.store.anchors import Anchor, anchors
from verifier.store.clocks import Registered
from verifier.store.log import LogStore
from verifier.store.projection import reader
from verifier.verdict.verdict import utc
from verifier.web.anchored import told
from verifier.web.desk import Desk
from verifier.web.shapes import Convicted, Cosigner, Grown, Overview, Published, Reported

SHOWN = 10  # checkpoints on a page


def overview(desk: Desk, convictions: list[Convicted], before: int | None = None) -> Overview:
    """The ledger as it stands, with its newest checkpoints, or those smaller than `before`; `convictions` are the
    newest of those kept here. Raises NotReady where there is no consortium yet, NoteError where the published
    checkpoint is not our log's, or redis.RedisError. A ledger of which nothing is published yet is an empty one."""
    policy, log = desk.trust.policy, LogStore(desk.client)
    head = log.checkpoint()
    newest = None if head is None else _published(head, policy, ())
    notes_kept = [(raw, size) for raw in log.history() or ([head] if head else []) if (size := _size(raw)) is not None]
    history = [(raw, size) for raw, size in notes_kept if before is None or size < before]
    recent, alarm = clocks.newest(desk.client), desk.client.get(layout.ALARM)
    stands = standing.read(desk.client) if policy.quorum != NONE else Standing()
    page = history[:SHOWN]
    return Overview(
        origin=policy.log.name,
        size=newest.size if newest else 0,
        root=newest.root if newest else None,
        policy=str(policy),
        quorum=_quorum(newest, policy, stands),
        waiting_since=utc(stands.lost_since) if stands.lost_since else None,
        witnesses=[_with_fault(one, stands) for one in newest.witnesses] if newest else [],
        damaged=alarm.decode("utf-8", "replace") if isinstance(alarm, bytes) else None,
        grown=[Grown(utc(one.time), one.size) for one in clocks.spread(desk.client)],
        checkpoints=[one for raw, _ in page if (one := _ours(raw, policy, recent)) is not None],
        anchors=_anchors(desk, newest.size if newest else 0),
        convictions=convictions,
        older=f"/ledger?before={page[-1][1]}" if len(history) > SHOWN else None,
    )


def _agrees(log: LogStore, one: Anchor) -> bool | None:
    """Whether our own tree had this root; None where its tiles are damaged (the node says so itself)."""
    try:
        return tiles.root(one.size, log.tile) == one.root
    except (LookupError, LedgerError):
        return None


def names_of(desk: Desk) -> dict[str, str]:
    """What the policy's witnesses are called: those that bear a member's id, by its enrolled name."""
    directory = Projected(reader(desk.client))
    members = ((one.name, directory.member(one.name)) for one in desk.trust.policy.witnesses)
    return {name: member.name if member and member.since is not None else name for name, member in members}


def _anchors(desk: Desk, size: int) -> list[Reported]:
    """What public chains are reported to say; a chain for development is none."""
    log = LogStore(desk.client)
    seen = [one for one in anchors(desk.client) if not one.development][:SHOWN]
    return [
        Reported(
            **told(one),
            valid=one.valid,
            agrees=_agrees(log, one) if one.size <= size else None,
        )
        for one in seen
    ]


def _size(raw: bytes) -> int | None:
    """What a note says, whoever signed it."""
    try:
        return notes.parse(parse_note(raw).text).size
    except NoteError:
        return None


def _ours(raw: bytes, policy: Policy, recent: Sequence[Registered]) -> Published | None:
    """A note as it is shown; None for one that no log of the policy signed, or that bears a false cosignature."""
    try:
        return _published(raw, policy, recent)
    except NoteError:
        return None


def _published(raw: bytes, policy: Policy, recent: Sequence[Registered]) -> Published:
    head, witnesses = notes.proposed(raw, policy), cosigners(raw, policy)
    moment = policy.quorum_time({one.name: one.time for one in notes.cosigned(raw, policy)})
    moment = clocks.time_of(head.size, recent) if moment is None else moment
    return Published(head.size, encode_base64(head.root), None if moment is None else utc(moment), witnesses)


def cosigners(note: bytes, policy: Policy) -> list[Cosigner]:
    """Each of the policy's witnesses, and when it cosigned this note; raises NoteError for a false cosignature."""
    times = {one.name: utc(one.time) for one in notes.cosigned(note, policy)}
    return [Cosigner(one.name, times.get(one.name)) for one in policy.witnesses]


def _with_fault(one: Cosigner, stands: Standing) -> Cosigner:
    faults = {row.name: row.fault for row in stands.rows if row.fault}
    return replace(one, fault=faults.get(one.name))


def _quorum(
    head: Published | None, policy: Policy, stands: Standing
) -> Literal["none", "reached", "waiting", "missing"]:
    if policy.quorum == NONE:
        return "none"
    if not policy.satisfied([one.name for one in head.witnesses if one.cosigned] if head else []):
        return "missing"
    return "waiting" if stands.lost_since else "reached"
