"""The sequencer: statements become leaves, in one order, with one key, and are acknowledged when that is durable.

The commit, and what a crash at each step leaves (Redis answers each step only when it is on disk):

    1 admit      the rules are asked of each statement, on top of the ones before it; a new batch's buckets are laid
                 out while its manifest is read, after a note of which (laying), and removed if it is not what its
                 maker signed; those of a large batch before its commit, between others.
                                                       Crash: buckets nobody reads; the next sequencer sweeps them away.
    2 keep       the bodies, which are hashed again as they come back.   Crash: orphans; content is named by its hash.
    3 grow       tiles and id runs, in memory.         Crash: nothing more.
    4 sign       the checkpoint, in memory.            Crash: nobody saw it.
   4a propose    what 5 will write, kept as it is (node/pending), in one script that compares the old checkpoint and the
                 lease's epoch.       Crash: nobody saw it; the next sequencer proposes exactly that, and no other tree.
   4b cosign     witnesses are asked until a quorum has signed.      Crash: some have signed; as 4a.
    5 publish    tiles, ids, leaf numbers, projection, history and checkpoint, in one script that compares the old
                 checkpoint, the proposal and the lease's epoch.
                                Crash before: as 2, or with witnesses 4b. After: all of it stands, unacknowledged.
    6 mark       the checkpoint, in a file outside the store.        Crash: the mark is behind, and put right at boot.
    7 answer     the doors are told.   Crash: the sender asks again and hears `known`, with the same leaf.

Without witnesses (quorum none) there is no 4a and no 4b. While their quorum is missing nothing is taken from the queue
and nothing is published; who loses the lease meanwhile publishes nothing. An unchanged head is cosigned anew about
every minute, so that its time is fresh: 4b and 5 with nothing to write but the note, and nothing to keep before. So it
is before a sequencer signs anything new: what its witnesses hold, and this store does not, is told there.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Literal

import redis
from msgspec.structs import replace

from verifier.ledger import checkpoint as notes
from verifier.ledger.checkpoint import Checkpoint
from verifier.ledger.merkle import EMPTY_ROOT
from verifier.ledger.policy import NONE, Policy
from verifier.node import pending, queue
from verifier.node.boot import RESTORE, Corrupt
from verifier.node.cosigners import Proposal
from verifier.node.cosigning import Cosigning
from verifier.node.draft import SKEW_S, Draft, Sources
from verifier.node.laying import Aside, Layer, Note, Waiting
from verifier.node.lease import GUARD, Lease, LeaseLost
from verifier.node.packs import Packs
from verifier.node.pending import Pending
from verifier.node.queue import Receipt
from verifier.state.replay import admit, batch_record, last_clock
from verifier.statements import cbor
from verifier.statements.batch import Batch
from verifier.statements.clock import Clock
from verifier.statements.envelope import Statement, read, sign
from verifier.statements.errors import Refused
from verifier.statements.kinds import body_of
from verifier.store import layout
from verifier.store.log import KEPT, LogStore
from verifier.store.projection import Manifests, Openings, Overlay, is_laid_out, laid_out, lay_out_again, remove

BATCH = 256
CLOCK_AFTER_S = 60

_PUBLISH = (
    GUARD
    + f"""
if (redis.call('GET', KEYS[2]) or '') ~= ARGV[3] then return 'checkpoint' end
if redis.call('GETRANGE', KEYS[5], 0, 31) ~= ARGV[6] then return 'proposal' end
local head = '^.-\\n\\n'
if ARGV[3]:match(head) == ARGV[4]:match(head) then redis.call('LPOP', KEYS[4]) end
redis.call('LPUSH', KEYS[4], ARGV[4])
redis.call('LTRIM', KEYS[4], 0, {KEPT - 1})
for i = 6, #KEYS do redis.call('SET', KEYS[i], ARGV[i + 1]) end
redis.call('DEL', KEYS[5])
if ARGV[5] == '' then redis.call('DEL', KEYS[3]) else redis.call('SET', KEYS[3], ARGV[5]) end
redis.call('SET', KEYS[2], ARGV[4])
return 'ok'
"""
)
"""In the history a head that is signed anew takes the place of its older note. That comes first: of all these writes it
alone could be refused, and what stands before a refusal stays. A proposal is published as it was proposed, or not."""
_PROPOSE = (
    GUARD
    + """
if (redis.call('GET', KEYS[2]) or '') ~= ARGV[3] then return 'checkpoint' end
if redis.call('EXISTS', KEYS[3]) == 1 then return 'proposal' end
redis.call('SET', KEYS[3], ARGV[4])
return 'ok'
"""
)


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
        tell: Callable[[str], None] = lambda _: None,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        """`clock` gives Unix seconds; `mark` keeps a published checkpoint outside the store (node/highwater); `tell`
        is told when the quorum is lost and when it is back; who waits for it asks whether it is `stopping`. Raises
        ClockBack, PolicyError, PendingError, or what the store raises."""
        self.client, self.policy, self.keys, self.lease = client, policy, keys, lease
        self.clock, self.mark, self.tell, self.log = clock, mark, tell, LogStore(client)
        self._layer = Layer(lease, openings, manifests)
        self._aside = Aside(self._layer)
        self._sources = Sources(self.log, lease, self._layer, Packs(client, openings), clock)
        self.note = self.log.checkpoint()
        # What this store published was believed when it was: its policy may have had other witnesses then.
        self.head = notes.proposed(self.note, policy) if self.note else Checkpoint(policy.log.name, 0, EMPTY_ROOT)
        self._witnesses = None
        if policy.quorum != NONE:
            self._witnesses = Cosigning(policy, self.head.size, lease, clock, tell, stopping)
        elif client.exists(layout.QUORUM):
            lease.remove([layout.QUORUM])  # nobody is missed who is not asked
        self.untimed = False
        self._left, self._settled = _kept(client), False
        self._begin()
        if self.note:
            mark(self.note)

    def step(self, wait_s: float = 1.0) -> int:
        """Commit one batch of what waits (at most 256), or a clock that is due, and go on with a large batch that is
        laid out aside; the number of new leaves."""
        self.lease.keep()
        self._finish()
        waiting = self._aside.take(queue.take(self.client, BATCH, 0 if self._aside else wait_s))
        leaves = self.commit(waiting) if waiting or self._due() else 0
        if not leaves:
            self._cosign_anew()
        ready = self._aside.go_on(self._admissible) if self._aside else None
        return leaves + self._commit_aside(ready) if ready else leaves

    def close(self) -> None:
        """Give back the connections to the witnesses."""
        if self._witnesses is not None:
            self._witnesses.close()

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
        self._finish()
        draft = Draft(self.client, self.head.size, self._sources)
        if self.untimed:
            self._clock(draft)
        clocks = len(draft.statements)
        receipts = draft.receive(raws)
        news = len(draft.statements) > clocks
        if news or self._due():
            self._integrate(draft)
            self.untimed = news
        else:
            self.lease.renew()  # or what was read here may be another's, and so would be the answers
        return [replace(receipt, size=self.head.size) for receipt in receipts]

    def _last(self) -> int:
        """The ledger's last time; the machine's stands after it, but for a little slewing. Raises ClockBack."""
        now, (_, last) = self.clock(), last_clock(Overlay(self.client).read)
        if last - now > SKEW_S:
            told = f"expected a time after {_day(last)}, the ledger's last, found {_day(now)}"
            raise ClockBack(f"this machine's clock: {told}; set it, then start again")
        return last

    def _time(self, last: int) -> None:
        """When the head was published, never before `last`: by its quorum's time where it has one, else now."""
        at = notes.quorum_time(self.note, self.policy) if self.note else None
        self.source: Literal["node", "quorum"] = "node" if at is None else "quorum"
        self.timed_at = max(self.clock() if at is None else at, last)

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
        body = Clock(size=self.head.size, root=self.head.root, time=self.timed_at, source=self.source)
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
        values |= {layout.index(one): leaf.to_bytes(8, "big") for one, leaf in draft.leaves.items()}
        values |= draft.overlay.writes() | {layout.PROJECTED: head.size.to_bytes(8, "big")}
        laid = self._layer.without(draft.statements)
        proposed = Pending(notes.sign(head, self.keys.log), values, _encoded(laid))
        if self._witnesses is not None:
            told = self.lease.run(_PROPOSE, [layout.CHECKPOINT, layout.PENDING], [self.note or b"", proposed.encoded])
            self._expect(told, head)
        self._publish(proposed, head, proposed.name if self._witnesses else b"")
        self._layer.notes = laid

    def _publish(self, proposed: Pending, head: Checkpoint, name: bytes) -> None:
        """Steps 4b to 6: once its quorum has cosigned. `name` is that of the proposal that is kept, if one is."""
        note = proposed.note
        if self._witnesses is not None:
            note = self._witnesses.cosign(Proposal(note, head.size, partial(proposed.tile, self.log)))
        self._write(note, head, proposed, name)
        self._time(self.timed_at)

    def _write(self, note: bytes, head: Checkpoint, proposed: Pending, name: bytes) -> None:
        names = [layout.CHECKPOINT, layout.LAID, layout.HISTORY, layout.PENDING, *proposed.writes]
        args = [self.note or b"", note, proposed.laid, name, *proposed.writes.values()]
        self._expect(self.lease.run(_PUBLISH, names, args), head)
        self.mark(note)
        self.head, self.note = head, note

    def _expect(self, told: bytes, head: Checkpoint) -> None:
        if told != b"ok":
            what = f"{told.decode()} of {head.size} leaves"
            raise LeaseLost(f"{what}: expected to follow {self.head.size}, found another")

    def _finish(self) -> None:
        """Once, before anything new is signed: publish what a sequencer before this one proposed and did not publish;
        or else have a quorum cosign the head once more. There a store is disowned that was rolled back with all that
        this machine remembers."""
        if self._settled:
            return
        if self._left is not None:
            self._publish_left(self._left)
        elif self._witnesses is not None and self.note is not None:
            self._write_anew(self._witnesses.cosign(self._again()))
        self._settled = True

    def _publish_left(self, left: Pending) -> None:
        """Exactly what was proposed."""
        try:
            head = left.check(self.log, self.head, self.policy)
        except (ValueError, LookupError) as fault:
            raise Corrupt(f"what this store proposed last is damaged ({fault}); {RESTORE}") from fault
        for statement in map(read, self.log.bodies(left.ids(self.head.size, head.size))):
            self._lay_again(statement)
        self._publish(left, head, left.name)
        self._left = None
        self._begin()

    def _lay_again(self, statement: Statement) -> None:
        """A batch that was proposed is laid out, unless the projection was made anew since."""
        body = body_of(statement)
        if isinstance(body, Batch) and not is_laid_out(self.client, body):
            for sentence in lay_out_again(statement, body, self._layer.openings, self._layer.manifests, self.lease):
                self.tell(f"its packs read unverified here: {sentence}")

    def _begin(self) -> None:
        """What follows from the published head: its time, and where nothing waits to be published first, the rest."""
        self._time(self._last())
        if self._left is None:
            self.untimed = self._last_is_untimed()
            self._sweep()

    def _cosign_anew(self) -> None:
        """Keep the time of an unchanged head fresh."""
        if self._witnesses is None or self.note is None:
            return
        note = self._witnesses.anew(self.note, self._again)
        if note is not None:
            self._write_anew(note)

    def _again(self) -> Proposal:
        """The published head, once more: signed to the same bytes."""
        return Proposal(notes.sign(self.head, self.keys.log), self.head.size, self.log.tile)

    def _write_anew(self, note: bytes) -> None:
        self._write(note, self.head, Pending(note, {}, _encoded(self._layer.notes)), b"")


def _kept(client: redis.Redis) -> Pending | None:
    try:
        return pending.read(client)
    except ValueError as fault:
        raise Corrupt(f"what this store proposed last is damaged ({fault}); {RESTORE}") from fault


def _encoded(laid: Sequence[Note]) -> bytes:
    return cbor.encode(laid) if laid else b""


def _day(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")
