"""What a witness may have signed is proposed until it is published, by whoever sequences: exactly that tree."""

import contextlib
import threading
from dataclasses import replace

import pytest
import redis
from registry import CARRIER, MAKER, NEVER, Registry, Sabotage
from witnessed import Witnesses, aside, until

from verifier.ledger import checkpoint as notes
from verifier.ledger import tiles
from verifier.ledger.policy import Group, Policy
from verifier.node import boot, highwater, lease, pending, standing
from verifier.node.boot import Corrupt
from verifier.node.cosigning import Stopped
from verifier.node.lease import LeaseLost
from verifier.statements.envelope import read
from verifier.store import layout
from verifier.store.log import LogStore
from verifier.store.projection import rebuild


def test_a_stop_while_the_quorum_is_missing_keeps_the_proposal(registry: Registry, three: Witnesses) -> None:
    for witness in three.all:
        witness.stop()
    sequencer = registry.sequencer()
    registry.stopping = True
    with pytest.raises(Stopped, match="16 leaves still wait for the quorum hospitals"):
        sequencer.register(registry.enrolment())
    registry.stopping = False
    assert registry.proposed
    for witness in three.all:
        witness.start()
    again = registry.sequencer()
    assert again.step(0.01) == 0
    assert again.head.size == len(registry.enrolment())
    assert again.untimed


def test_what_one_witness_signed_before_a_crash_is_what_is_published(registry: Registry, three: Witnesses) -> None:
    """Two are dead, one signs, the node dies: the next one proposes the same tree, whatever waits in the queue."""
    dying = registry.sequencer()
    dying.register(registry.enrolment())
    for witness in three.all[:2]:
        witness.stop()
    registry.stopping = True
    with pytest.raises(Stopped):
        dying.register([registry.product(), registry.batch(k=2)])
    until(lambda: three.all[2].head.size == 19)
    registry.stopping = False
    seen = three.all[2].head
    for witness in three.all[:2]:
        witness.start()
    again = registry.sequencer()
    (receipt, first) = again.register([registry.product(1), registry.product()])
    assert (first.index, first.status, receipt.status) == (17, "known", "registered")
    history = [notes.open(note, registry.policy) for note in LogStore(registry.client).history()]
    assert seen in history
    assert len({head.size for head in history}) == len(history)
    assert len(set(registry.replayed(again.head.size))) == 1
    (shipped,) = registry.sequencer().register([registry.event("ship", MAKER, registry.pack(0), to=CARRIER)])
    assert (shipped.status, shipped.code) == ("registered", "")


def test_a_lease_lost_while_waiting_publishes_nothing(registry: Registry, three: Witnesses) -> None:
    paused = registry.sequencer()
    paused.register(registry.enrolment())
    before = registry.published
    for witness in three.all[1:]:
        witness.stop()
    waiting = aside(lambda: paused.register([registry.product()]))
    until(lambda: three.all[0].head.size == 18)
    other = registry.sequencer()  # takes the lease over
    with pytest.raises(LeaseLost):
        waiting.result(20)
    assert registry.published == before
    for witness in three.all[1:]:
        witness.start()
    other.step(0.01)
    assert other.head == three.all[0].head


@pytest.mark.parametrize("after", [False, True], ids=["unsent", "unheard"])
def test_the_line_cut_at_every_request(registry: Registry, three: Witnesses, redis_url: str, after: bool) -> None:
    """As in test_crashes, with witnesses: whatever one of them signed is what is published, and no other tree is."""
    beginning = [*registry.enrolment(), registry.product()]
    news = [registry.batch(k=3), registry.product(1), registry.event("stolen", MAKER, registry.pack(0))]
    registry.policy = replace(three.policy, groups=(Group("hospitals", 3, ("w1", "w2", "w3")),))  # none is late
    left, proposed = 10, 0  # before those it reads, as it does without witnesses
    while True:
        registry.client.flushall()
        registry.mark.unlink(missing_ok=True)
        for witness in three.all:
            witness.stored, witness.seen = None, []
        registry.sequencer().register(beginning)
        sabotage = Sabotage(redis_url)
        sequencer = registry.sequencer(sabotage.client)
        sabotage.left, sabotage.after = left, after
        with contextlib.suppress(redis.ConnectionError):
            sequencer.register(news)
        sabotage.left = NEVER
        proposed += registry.proposed
        again = registry.sequencer()
        first = again.register([registry.product(2), *news])  # another order: a proposal must not follow it
        assert {one.status for one in first[1:]} in ({"registered"}, {"known"})
        size = boot.verify(registry.client, registry.policy, highwater.read(registry.mark))
        ids = registry.ids(size)
        assert [ids[one.index] for one in first[1:]] == [read(raw).id for raw in news]
        for witness in three.all:  # one root a size, over all that any of them ever cosigned
            for head in witness.seen:
                assert head.root == tiles.root(head.size, again.log.tile)
        assert len(set(registry.replayed(size))) == 1
        if not sabotage.struck:
            break
        left += 1
    assert left >= 16
    assert proposed >= 1


def test_a_proposal_of_which_a_bit_flipped_is_not_signed_by_anybody(registry: Registry, three: Witnesses) -> None:
    left_behind(registry, three)
    kept = registry.client.get(layout.PENDING)
    assert isinstance(kept, bytes)
    before = registry.published
    heads = [witness.head for witness in three.all]
    for at in range(0, len(kept), len(kept) // 23):
        registry.client.set(layout.PENDING, kept[:at] + bytes([kept[at] ^ 1]) + kept[at + 1 :])
        with pytest.raises(Corrupt, match="what this store proposed last is damaged"):
            registry.sequencer()
    assert [witness.head for witness in three.all] == heads
    registry.client.set(layout.PENDING, kept)
    body = layout.body(read(registry.product()).id)
    honest = registry.client.get(body)
    assert isinstance(honest, bytes)
    registry.client.set(body, honest[:-1] + bytes([honest[-1] ^ 1]))
    with pytest.raises(Corrupt, match="expected its bytes, found others"):
        registry.sequencer().step(0.01)
    assert registry.published == before
    registry.client.set(body, honest)
    again = registry.sequencer()
    again.step(0.01)
    assert registry.published != before


@pytest.mark.parametrize("what", ["a tile", "a run of ids", "a leaf more", "another's note"])
def test_a_proposal_that_another_wrote_is_not_signed(registry: Registry, three: Witnesses, what: str) -> None:
    """Its digest is right, as whoever writes to the store can make it; its tree is not."""
    left_behind(registry, three)
    left = pending.read(registry.client)
    assert left is not None
    heads = [witness.head for witness in three.all]
    tile, ids = layout.tile(0, 0), layout.entries(0)
    changed = {
        "a tile": {tile: left.writes[tile][:-1] + bytes([left.writes[tile][-1] ^ 1])},
        "a run of ids": {ids: left.writes[ids][:-64] + left.writes[ids][-32:] + left.writes[ids][-64:-32]},
        "a leaf more": {ids: left.writes[ids] + left.writes[ids][-32:]},
        "another's note": {},
    }[what]
    stranger = notes.sign(notes.proposed(left.note, registry.policy), bytes(32))
    note = stranger if what == "another's note" else left.note
    registry.client.set(layout.PENDING, replace(left, note=note, writes={**left.writes, **changed}).encoded)
    with pytest.raises(Corrupt, match="what this store proposed last is damaged"):
        registry.sequencer().step(0.01)
    assert [witness.head for witness in three.all] == heads


def left_behind(registry: Registry, three: Witnesses) -> None:
    """A proposal that nobody signed and nobody published."""
    dying = registry.sequencer()
    dying.register(registry.enrolment())
    for witness in three.all:
        witness.stop()
    registry.stopping = True
    with pytest.raises(Stopped):
        dying.register([registry.product(), registry.batch(k=2)])
    registry.stopping = False
    for asking in (one for one in threading.enumerate() if one.name.startswith("asks ")):
        asking.join(20)  # or it would ask them once they are back
    for witness in three.all:
        witness.start()


def test_a_projection_made_anew_lays_out_what_is_proposed_again(registry: Registry, three: Witnesses) -> None:
    left_behind(registry, three)
    size = boot.verify(registry.client, registry.policy)
    assert rebuild(registry.client, size, *registry.sources, lease.take(registry.client, "here")) == []
    again = registry.sequencer()
    again.step(0.01)
    assert again.head.size == size + 3
    (shipped,) = again.register([registry.event("ship", MAKER, registry.pack(0), to=CARRIER)])
    assert (shipped.status, shipped.code) == ("registered", "")
    assert len(set(registry.replayed(again.head.size))) == 1


def test_the_line_cut_while_what_is_proposed_is_laid_out_again(
    registry: Registry, three: Witnesses, redis_url: str
) -> None:
    """Half a batch is none: the next sequencer lays out all of it."""
    left_behind(registry, three)
    size = boot.verify(registry.client, registry.policy)
    rebuild(registry.client, size, *registry.sources, lease.take(registry.client, "here"))
    copy = {key: registry.client.dump(key) for key in registry.client.scan_iter()}
    for left in range(40):
        registry.client.flushall()
        for key, value in copy.items():
            registry.client.restore(key, 0, value)
        sabotage = Sabotage(redis_url)
        sequencer = registry.sequencer(sabotage.client)
        sabotage.left = left
        with contextlib.suppress(redis.ConnectionError):
            sequencer.step(0.01)
        sabotage.left = NEVER
        again = registry.sequencer()
        again.step(0.01)
        assert again.head.size == size + 3
        assert len(set(registry.replayed(again.head.size))) == 1, f"cut at request {left}"
        if not sabotage.struck:
            break
    assert left > 8


def test_what_was_proposed_is_published_when_the_policy_asks_for_nobody_any_more(
    registry: Registry, three: Witnesses
) -> None:
    left_behind(registry, three)
    assert standing.read(registry.client) != standing.Standing()
    registry.policy = Policy(registry.policy.log)
    again = registry.sequencer()
    again.step(0.01)
    assert (again.head.size, registry.proposed) == (19, False)
    assert registry.client.exists(layout.QUORUM) == 0, "nobody is missed who is not asked"
