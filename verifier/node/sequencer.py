"""The sequencer: statements become leaves, in one order, with one key, and are acknowledged when that is durable.

The commit, and what a crash at each step leaves (Redis answers each step only when it is on disk):

    1 admit      the rules are asked of each statement, on top of the ones before it.   Crash: nothing happened.
    2 prepare    bodies, and a new batch's buckets.              Crash: orphans nobody reads; content is named by hash.
    3 grow       every body is hashed again; tiles and id runs past the checkpoint.   Crash: the next batch overwrites.
    4 sign       the checkpoint, in memory.                                           Crash: nobody saw it.
    5 publish    checkpoint, leaf numbers and projection, in one script that compares the old checkpoint and the
                 lease's epoch.                      Crash before: as 4. After: all of it stands, unacknowledged.
    6 answer     the doors are told.   Crash: the sender asks again and hears `known`, with the same leaf.

With witnesses, their quorum stands between 4 and 5.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import redis
from msgspec.structs import replace

from verifier.ledger import checkpoint as notes
from verifier.ledger.checkpoint import Checkpoint
from verifier.ledger.merkle import EMPTY_ROOT
from verifier.ledger.policy import Policy
from verifier.node import queue
from verifier.node.lease import Lease, LeaseLost
from verifier.node.queue import Receipt
from verifier.state.keys import BatchRecord
from verifier.state.replay import Admission, admit, steps_of
from verifier.statements import cbor
from verifier.statements.batch import Batch
from verifier.statements.clock import Clock
from verifier.statements.envelope import Statement, read, sign
from verifier.statements.errors import Malformed, Refused
from verifier.statements.event import Event
from verifier.statements.kinds import body_of
from verifier.store import layout
from verifier.store.log import LogStore
from verifier.store.projection import Manifests, Openings, Overlay, open_batch, write_buckets

BATCH = 256
SKEW_S = 300
CLOCK_AFTER_S = 60

_PUBLISH = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'lease' end
if (redis.call('GET', KEYS[2]) or '') ~= ARGV[2] then return 'checkpoint' end
for i = 3, #KEYS do redis.call('SET', KEYS[i], ARGV[i + 1]) end
redis.call('SET', KEYS[2], ARGV[3])
return 'ok'
"""


@dataclass(frozen=True, slots=True)
class Keys:
    """The node's secrets: the log's seed, and its membership with the seed of its key."""

    log: bytes
    member: str
    seed: bytes


@dataclass(slots=True)
class _Draft:
    """A batch being made: what is admitted so far, on top of the published ledger."""

    overlay: Overlay
    statements: list[Statement]
    receipts: list[tuple[bytes, Receipt]]


class Sequencer:
    """Turns waiting statements into leaves. One at a time holds the lease; call `step` in a loop."""

    def __init__(
        self,
        client: redis.Redis,
        policy: Policy,
        keys: Keys,
        lease: Lease,
        openings: Openings,
        manifests: Manifests,
        clock: Callable[[], int],
    ) -> None:
        self.client, self.policy, self.keys, self.lease = client, policy, keys, lease
        self.openings, self.manifests, self.clock = openings, manifests, clock
        self.log = LogStore(client)
        self.note = self.log.checkpoint()
        self.head = self._open(self.note)
        self.timed_at = clock()
        self.untimed = self._last_is_untimed()
        self._publish = client.register_script(_PUBLISH)

    def _open(self, note: bytes | None) -> Checkpoint:
        return notes.open(note, self.policy) if note else Checkpoint(self.policy.log.name, 0, EMPTY_ROOT)

    def step(self, wait_s: float = 1.0) -> int:
        """Commit one batch of what waits (at most 256), or a clock that is due; the number of new leaves."""
        self.lease.renew()
        waiting = queue.take(self.client, BATCH, wait_s)
        due = self.untimed and self.clock() - self.timed_at >= CLOCK_AFTER_S
        if not waiting and not due:
            return 0
        return self.commit(waiting)

    def commit(self, waiting: list[tuple[bytes, bytes]]) -> int:
        """Make leaves of (token, statement) pairs and answer each; returns how many were added."""
        draft = _Draft(Overlay(self.client), [], [])
        self._clock(draft)
        clocks = len(draft.statements)
        for token, raw in waiting:
            draft.receipts.append((token, self._admit(raw, draft)))
        news = len(draft.statements) - clocks
        if news or (clocks and not waiting):
            self._integrate(draft)
            self.untimed, self.timed_at = news > 0, max(self.clock(), self.timed_at)
        queue.answer(self.client, [(token, replace(receipt, size=self.head.size)) for token, receipt in draft.receipts])
        return len(draft.statements) if news else 0

    def _last_is_untimed(self) -> bool:
        """Whether the published head still waits for its clock: not if its last batch was a clock alone."""
        if not self.head.size:
            return False
        last = read(self.log.bodies(self.log.ids(self.head.size - 1, self.head.size))[0])
        return last.kind != "clock"

    def _admit(self, raw: bytes, draft: _Draft) -> Receipt:
        """Ask the rules; what is admitted joins the draft."""
        try:
            statement = read(raw)
            body_of(statement)
            known = self._known(statement, draft)
            return known or self._enter(statement, draft)
        except Refused as fault:
            return _receipt("refused", fault)
        except Malformed as fault:
            return _receipt("malformed", fault)

    def _known(self, statement: Statement, draft: _Draft) -> Receipt | None:
        """The receipt of a statement sent again: the same leaf, and the same answer if it was a dispute."""
        leaf = self.log.leaf(statement.id)
        same = (n for n, other in enumerate(draft.statements) if other.id == statement.id)
        index = leaf[0] if leaf is not None else next((self.head.size + n for n in same), None)
        if index is None:
            return None
        disputes = _disputes(statement, draft.overlay)
        return Receipt(status="disputed" if disputes else "known", id=statement.id, index=index, disputes=disputes)

    def _enter(self, statement: Statement, draft: _Draft) -> Receipt:
        index = self.head.size + len(draft.statements)
        now = self.clock()
        if statement.issued_at > now + SKEW_S:
            found = f"{statement.issued_at - now} s ahead"
            raise Refused("future", value=statement.issued_at, expected=f"at most {SKEW_S} s ahead", found=found)
        admission = admit(statement, index, draft.overlay.read)
        self._check_packs(statement, draft.overlay)
        self._prepare(statement, admission)
        draft.overlay.apply(admission.changes)
        draft.statements.append(statement)
        status: Literal["disputed", "registered"] = "disputed" if admission.disputes else "registered"
        return Receipt(status=status, id=statement.id, index=index, disputes=list(admission.disputes))

    def _check_packs(self, statement: Statement, overlay: Overlay) -> None:
        """An event is about packs that were issued: this needs the openings, so it is asked here and not in replay."""
        body = body_of(statement)
        for pack in body.read().packs if isinstance(body, Event) else ():
            if not overlay.holds(pack.gtin or "", pack.batch or "", pack.serial or ""):
                raise Refused("unknown_pack", value=pack.serial, expected="an issued serial", found="not in its batch")

    def _prepare(self, statement: Statement, admission: Admission) -> None:
        """Lay out a new batch's buckets from its manifest, after checking it against the root the maker signed."""
        body = body_of(statement)
        if not isinstance(body, Batch):
            return
        record = BatchRecord(*cbor.decode(admission.changes["batch", body.gtin, body.batch]))
        try:
            tree = open_batch(record, self.openings, self.manifests, lambda _: self.lease.renew())
        except ValueError as fault:
            raise Refused("manifest", value=body.batch, expected="serials under the root", found=str(fault)) from fault
        if tree is None:
            expected = "its manifest among the deposits and its secret in the vault"
            raise Refused("manifest", value=body.batch, expected=expected, found="one of them missing")
        if tree.count != body.count:
            raise Refused("count", value=body.count, expected=f"{tree.count}, as the manifest", found=str(body.count))
        write_buckets(self.client, body.gtin, body.batch, tree)

    def _clock(self, draft: _Draft) -> None:
        """Write when the previous checkpoint was published, once the registry is enrolled."""
        if not self.untimed or not self.head.size:
            return
        body = Clock(size=self.head.size, root=self.head.root, time=self.timed_at, source="node")
        clock = sign("clock", self.keys.member, body.subject(), self.clock(), body.encode(), self.keys.seed)
        draft.overlay.apply(admit(clock, self.head.size, draft.overlay.read).changes)
        draft.statements.append(clock)

    def _integrate(self, draft: _Draft) -> None:
        """Steps 2 to 5 of the commit."""
        ids = [statement.id for statement in draft.statements]
        self.client.mset({layout.body(s.id): s.raw for s in draft.statements})
        self.log.bodies(ids)  # hashed again as Redis gives them back: a flipped bit must not become a leaf
        writes, root = self.log.growth(self.head.size, ids)
        self.client.mset(writes)
        head = Checkpoint(self.head.origin, self.head.size + len(ids), root)
        note = notes.sign(head, self.keys.log)
        last = {layout.index(i): (self.head.size + n).to_bytes(8, "big") for n, i in enumerate(ids)}
        last |= draft.overlay.writes() | {layout.PROJECTED: head.size.to_bytes(8, "big")}
        done = self._publish(
            keys=[layout.LEASE, layout.CHECKPOINT, *last],
            args=[self.lease.epoch, self.note or b"", note, *last.values()],
        )
        if done != b"ok":
            raise LeaseLost(f"checkpoint of {head.size} leaves: expected to publish it, found another {done.decode()}")
        self.head, self.note = head, note


def _disputes(statement: Statement, overlay: Overlay) -> list[str]:
    body = body_of(statement)
    packs = body.read().packs if isinstance(body, Event) else ()
    return [
        pack.digital_link()
        for pack in packs
        for step in steps_of(overlay.read, pack.gtin or "", pack.batch or "", pack.serial or "")
        if step.id == statement.id and not step.applied
    ]


def _receipt(status: Literal["refused", "malformed"], fault: Refused | Malformed) -> Receipt:
    return Receipt(status=status, code=fault.code, value=fault.value, expected=fault.expected, found=fault.found)
