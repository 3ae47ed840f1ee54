"""Two sequencers never: whoever slept past its lease writes nothing more."""

from collections.abc import Callable
from functools import partial

import pytest
import redis
from registry import CARRIER, MAKER, Registry, Sabotage, Watcher

from verifier.commands.issuing import Lot
from verifier.node import boot, highwater, lease
from verifier.node.lease import LeaseLost
from verifier.store import layout


def test_one_at_a_time(store: redis.Redis) -> None:
    first = lease.take(store)
    with pytest.raises(LeaseLost, match="expected no sequencer, found one running on this store"):
        lease.take(store)
    first.drop()
    assert lease.take(store).epoch == first.epoch + 1


def test_it_runs_out_and_is_renewed(store: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    held = lease.take(store)
    assert 0 < store.pttl(layout.LEASE) <= lease.TTL_MS
    store.pexpire(layout.LEASE, 5000)
    held.keep()
    assert store.pttl(layout.LEASE) <= 5000, "renewed although the term had just begun"
    held._renewed -= 3
    held.keep()
    assert store.pttl(layout.LEASE) > 5000
    store.pexpire(layout.LEASE, 5000)
    held.put({b"x": b"y"})
    assert store.pttl(layout.LEASE) > 5000


def test_the_same_place_takes_over_at_once_and_fences_the_dead(store: redis.Redis) -> None:
    dead = lease.take(store, "a machine:1:2")
    alive = lease.take(store, "a machine:1:2")
    writes: list[Callable[[], None]] = [lambda: dead.put({b"x": b"y"}), lambda: dead.remove([b"z"]), dead.renew]
    for write in writes:
        with pytest.raises(LeaseLost, match=f"sequencer of epoch {dead.epoch}: expected to hold the lease"):
            write()
    assert store.exists(b"x") == 0
    alive.renew()
    dead.drop()
    alive.renew()
    with pytest.raises(LeaseLost):
        lease.take(store, "a machine:1:3")


def test_a_leader_paused_before_any_request_of_a_commit_cannot_write(registry: Registry, redis_url: str) -> None:
    """While it sleeps another takes over and publishes the same leaves otherwise; whatever it was about to do when it
    wakes up, nothing of the other's is changed."""
    registry.sequencer().register([*registry.enrolment(), registry.product()])
    watcher = Watcher(registry)
    pauses = 0
    while True:
        sabotage = Sabotage(redis_url, partial(overtake, registry, watcher, pauses))
        paused = registry.sequencer(sabotage.client)
        before = registry.mark.read_bytes()
        lot = Lot(registry.lot.gtin, f"P{pauses}", "301231", ("FR",))
        news = [registry.batch(lot, k=3), registry.event("ship", MAKER, registry.pack(0, lot), to=CARRIER)]
        sabotage.left = pauses
        try:
            paused.register(news)
        except LeaseLost:
            pauses += 1
            assert registry.mark.read_bytes() != before
        else:
            break
        size = boot.verify(registry.client, registry.policy, highwater.read(registry.mark))
        assert registry.sequencer().head.size == size
        assert len(set(registry.replayed(size))) == 1
    assert not sabotage.struck
    assert pauses >= 8
    watcher.look()
    watcher.check()


def overtake(registry: Registry, watcher: Watcher, turn: int) -> None:
    """Another sequencer, and the same lot with other packs."""
    lot = Lot(registry.lot.gtin, f"P{turn}", "301231", ("FR",))
    names = [b"OTHER%07d" % number for number in range(90)]
    receipts = registry.sequencer().register([registry.product(100 + turn), registry.batch(lot, names, k=2)])
    assert [receipt.status for receipt in receipts] == ["registered"] * 2
    watcher.look()


def test_a_checkpoint_that_moved_under_the_same_lease_is_not_overwritten(registry: Registry) -> None:
    sequencer = registry.sequencer()
    sequencer.register(registry.enrolment())
    registry.client.append(layout.CHECKPOINT, b"x")
    with pytest.raises(LeaseLost, match="expected to follow 16, found another"):
        sequencer.register([registry.product()])


def test_who_lost_the_lease_answers_nothing_either(registry: Registry) -> None:
    slow = registry.sequencer()
    slow.register(registry.enrolment())
    registry.sequencer().register([registry.product()])
    with pytest.raises(LeaseLost):
        slow.commit([(b"t" * 16, registry.product())])
    with pytest.raises(LeaseLost):
        slow.commit([(b"t" * 16, b"nothing")])
    assert registry.client.exists(layout.reply(b"t" * 16)) == 0
