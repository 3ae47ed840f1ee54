"""The sequencer: statements become leaves, in one order, with one key, and are acknowledged when that is durable.

The commit, and what a crash at each step leaves (Redis answers each step only when it is on disk):

    1 admit      the rules are asked of each statement, on top of the ones before it; a new batch's buckets are laid
                 out while its manifest is read, after a note of which (laying), and removed if it is not what its
                 maker signed; those of a large batch before its commit, between others.
                                                       Crash: buckets nobody reads; the next sequencer sweeps them away.
    2 keep       the bodies, which are hashed again as they come back.   Crash: orphans; content is named by its hash.
    3 grow       tiles and id runs, in memory.         Crash: nothing more.
    4 sign       the checkpoint, in memory.            Crash: nobody saw it.
    5 publish    tiles, ids, leaf numbers, projection, history and checkpoint, in one script that compares the old
                 checkpoint and the lease's epoch.         Crash before: as 2. After: all of it stands, unacknowledged.
    6 mark       the checkpoint, in a file outside the store.        Crash: the mark is behind, and put right at boot.
    7 answer     the doors are told.   Crash: the sender asks again and hears `known`, with the same leaf.

With witnesses, their quorum stands between 4 and 5, and what they are asked to sign must be kept before they see it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import redis
from msgspec.structs import replace

from verifier.ledger import checkpoint as notes
from verifier.ledger.checkpoint import Checkpoint
from verifier.ledger.merkle import EMPTY_ROOT
from verifier.ledger.policy import Policy
from verifier.node import queue
from verifier.node.draft import SKEW_S, Draft, Sources
from verifier.node.laying import Aside, Layer, Waiting
from verifier.node.lease import GUARD, Lease, LeaseLost
from verifier.node.packs import Packs
from verifier.node.queue import Receipt
from verifier.state.replay import admit, batch_record, last_clock
from verifier.statements import cbor
from verifier.statements.clock import Clock
from verifier.statements.envelope import Statement, read, sign
from verifier.statements.errors import Refused
from verifier.store import layout
from verifier.store.log import KEPT, LogStore
from verifier.store.projection import Manifests, Openings, Overlay, laid_out, remove

BATCH = 256
CLOCK_AFTER_S = 60

_PUBLISH = (
    GUARD
    + f"""
if (redis.call('GET', KEYS[2]) or '') ~= ARGV[3] then return 'checkpoint' end
local head = '^.-\\n\\n'
if ARGV[3]:match(head) == ARGV[4]:match(head) then redis.call('LPOP', KEYS[4]) end
redis.call('LPUSH', KEYS[4], ARGV[4])
redis.call('LTRIM', KEYS[4], 0, {KEPT - 1})
for i = 5, #KEYS do redis.call('SET', KEYS[i], ARGV[i + 1]) end
if ARGV[5] == '' then redis.call('DEL', KEYS[3]) else redis.call('SET', KEYS[3], ARGV[5]) end
redis.call('SET', KEYS[2], ARGV[4])
return 'ok'
"""
)
"""In the history a head that is signed anew takes the place of its older note. That comes first: of all these writes it
alone could be refused, and what stands before a refusal stays."""


class ClockBack(RuntimeError):
    """This machine's clock stands before what the ledger already says."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The node's secrets: the log's seed, and its membership with the seed of its key."""

    log: bytes
    member: str
    seed: bytes


class Sequencer:
    """Turns waiting statements into leaves. One at a time holds the lease; call `step` in a loop.

    After any exception what was published is not known here: throw the sequencer away, and make another on the store.
    """

    def __init__(
        self,
        client: redis.Redis,
        policy: Policy,
        keys: Keys,
        lease: Lease,
        openings: Openings,
        manifests: Manifests,
        clock: Callable[[], int],
        mark: Callable[[bytes], None] = lambda _: None,
    ) -> None:
        """`clock` gives Unix seconds; `mark` keeps a published checkpoint outside the store (node/highwater). Raises
        ClockBack, or what the store raises."""
        self.client, self.policy, self.keys, self.lease = client, policy, keys, lease
        self.clock, self.mark, self.log = clock, mark, LogStore(client)
        self._layer = Layer(lease, openings, manifests)
        self._aside = Aside(self._layer)
        self._sources = Sources(self.log, lease, self._layer, Packs(client, openings), clock)
        self.note = self.log.checkpoint()
        self.head = notes.open(self.note, policy) if self.note else Checkpoint(policy.log.name, 0, EMPTY_ROOT)
        self.timed_at = self._now()
        self.untimed = self._last_is_untimed()
        self._sweep()
        if self.note:
            mark(self.note)

    def step(self, wait_s: float = 1.0) -> int:
        """Commit one batch of what waits (at most 256), or a clock that is due, and go on with a large batch that is
        laid out aside; the number of new leaves."""
        self.lease.keep()
        waiting = self._aside.take(queue.take(self.client, BATCH, 0 if self._aside else wait_s))
        leaves = self.commit(waiting) if waiting or self._due() else 0
        ready = self._aside.go_on(self._admissible) if self._aside else None
        return leaves + self._commit_aside(ready) if ready else leaves

    @property
    def idle(self) -> bool:
        """Whether no batch is on its way into the ledger."""
        return not self._aside

    def commit(self, waiting: Sequence[tuple[bytes, bytes]]) -> int:
        """Make leaves of (token, statement) pairs and answer each; the number of new leaves."""
        before = self.head.size
        receipts = self.register([raw for _, raw in waiting])
        queue.answer(self.client, zip((token for token, _ in waiting), receipts, strict=True))
        return self.head.size - before

    def _commit_aside(self, ready: Waiting) -> int:
        """Make a leaf of a batch that was laid out aside, or refuse it."""
        before = self.head.size
        (receipt,) = self.register([ready.statement.raw])
        self._layer.forget(ready.statement, ready.body)
        queue.answer(self.client, ((token, receipt) for token in ready.tokens))
        return self.head.size - before

    def _admissible(self, statement: Statement) -> bool:
        """Whether it would be a leaf now: nothing is laid out for what is refused anyway."""
        try:
            admit(statement, self.head.size, Overlay(self.client).read)
        except redis.RedisError:
            raise
        except Exception:  # whatever it is, it is told where it is committed
            return False
        return True

    def register(self, raws: Sequence[bytes]) -> list[Receipt]:
        """Make leaves of statements, in this order, after a clock if the head waits for one; what became of each. On
        return all of it is published, durable and marked."""
        draft = Draft(self.client, self.head.size, self._sources)
        if self.untimed:
            self._clock(draft)
        clocks = len(draft.statements)
        receipts = draft.receive(raws)
        news = len(draft.statements) > clocks
        if news or self._due():
            self._integrate(draft)
            self.untimed, self.timed_at = news, max(self.clock(), self.timed_at)
        else:
            self.lease.renew()  # or what was read here may be another's, and so would be the answers
        return [replace(receipt, size=self.head.size) for receipt in receipts]

    def _now(self) -> int:
        """The machine's time, never before what the ledger says; a little slewing is forgiven."""
        now, (_, last) = self.clock(), last_clock(Overlay(self.client).read)
        if last - now > SKEW_S:
            told = f"expected a time after {_day(last)}, the ledger's last, found {_day(now)}"
            raise ClockBack(f"this machine's clock: {told}; set it, then start again")
        return max(now, last)

    def _due(self) -> bool:
        return self.untimed and self.clock() - self.timed_at >= CLOCK_AFTER_S

    def _last_is_untimed(self) -> bool:
        """Whether the published head still waits for its clock: not if its last batch was a clock alone."""
        if not self.head.size:
            return False
        last = read(self.log.bodies(self.log.ids(self.head.size - 1, self.head.size))[0])
        return last.kind != "clock"

    def _sweep(self) -> None:
        """Remove the buckets that a commit cut short laid out."""
        laid = self.client.get(layout.LAID)
        if not isinstance(laid, bytes):
            return
        for gtin, batch, k in cbor.decode(laid):
            if batch_record(Overlay(self.client).read, gtin, batch) is None:
                remove(self.lease, laid_out(gtin, batch, k))
        self.lease.remove([layout.LAID])

    def _clock(self, draft: Draft) -> None:
        """Write when the previous checkpoint was published."""
        body = Clock(size=self.head.size, root=self.head.root, time=self.timed_at, source="node")
        now = max(self.clock(), self.timed_at)
        clock = sign("clock", self.keys.member, body.subject(), now, body.encode(), self.keys.seed)
        try:
            draft.add(clock, admit(clock, draft.next, draft.overlay.read))
        except Refused:
            self.lease.renew()  # another's clock stands there already? Then say that it is the lease that is lost
            raise

    def _integrate(self, draft: Draft) -> None:
        """Steps 2 to 6 of the commit."""
        ids = [statement.id for statement in draft.statements]
        self.client.mset({layout.body(s.id): s.raw for s in draft.statements})
        self.log.bodies(ids)  # hashed again as Redis gives them back: a flipped bit must not become a leaf
        values, root = self.log.growth(self.head.size, ids)
        head = Checkpoint(self.head.origin, draft.next, root)
        note = notes.sign(head, self.keys.log)
        values |= {layout.index(one): leaf.to_bytes(8, "big") for one, leaf in draft.leaves.items()}
        values |= draft.overlay.writes() | {layout.PROJECTED: head.size.to_bytes(8, "big")}
        laid = self._layer.without(draft.statements)
        names = [layout.CHECKPOINT, layout.LAID, layout.HISTORY, *values]
        args = [self.note or b"", note, cbor.encode(laid) if laid else b"", *values.values()]
        if self.lease.run(_PUBLISH, names, args) != b"ok":
            raise LeaseLost(f"checkpoint of {head.size} leaves: expected to follow {self.head.size}, found another")
        self.mark(note)
        self.head, self.note, self._layer.notes = head, note, laid


def _day(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")
