"""A crash note at each step of the commit, and here each is tried: the line to Redis is cut before and after every
request of a commit; then another sequencer goes on, and nothing was lost, used twice or contradicted."""

from pathlib import Path

import pytest
import redis
from registry import MAKER, NEVER, Registry, Sabotage, Watcher

from verifier.node import boot, highwater
from verifier.statements.envelope import read
from verifier.store import layout
from verifier.store.projection import derived_keys, digest

REQUESTS = 40  # more than the commit below makes; what is not reached says so


def a_commit(registry: Registry) -> list[bytes]:
    return [registry.batch(k=3), registry.product(1), registry.event("stolen", MAKER, registry.pack(0))]


@pytest.mark.parametrize("after", [False, True], ids=["unsent", "unheard"])
def test_the_line_cut_at_every_request(tmp_path: Path, store: redis.Redis, redis_url: str, after: bool) -> None:
    registry = Registry(tmp_path, store)
    beginning = [*registry.enrolment(), registry.product()]
    news = a_commit(registry)
    cuts = 0
    for left in range(REQUESTS):
        store.flushall()
        registry.mark.unlink(missing_ok=True)
        watcher, sabotage = Watcher(registry), Sabotage(redis_url)
        registry.sequencer().register(beginning)
        watcher.look()
        sequencer = registry.sequencer(sabotage.client)
        sabotage.left, sabotage.after = left, after
        try:
            sequencer.register(news)
        except redis.ConnectionError:
            cuts += 1
        finally:
            sabotage.left = NEVER
        watcher.look()
        published = boot.verify(store, registry.policy, highwater.read(registry.mark))
        receipts = registry.sequencer().register(news)
        watcher.look()
        size = registry.sequencer().head.size
        assert [one.status for one in receipts] in (["registered"] * 3, ["known"] * 3)
        assert (receipts[0].status == "known") == (published > len(beginning))
        ids = registry.ids(size)
        assert len(set(ids)) == size
        assert [ids[one.index] for one in receipts] == [read(raw).id for raw in news]
        assert boot.verify(store, registry.policy, highwater.read(registry.mark)) == size
        watcher.check()
        assert len(set(registry.replayed(size))) == 1
        if not sabotage.struck:
            break
    assert not sabotage.struck, "the commit makes more requests than were cut"
    assert cuts == left >= 6


def test_a_crash_before_the_mark(registry: Registry) -> None:
    """Published and not marked: the mark is behind, nothing else."""
    sequencer = registry.sequencer()
    sequencer.register(registry.enrolment())
    marked = registry.mark.read_bytes()

    def full(_: bytes) -> None:
        raise OSError(28, "No space left on device")

    sequencer.mark = full
    with pytest.raises(OSError, match="No space"):
        sequencer.commit([(b"t" * 16, registry.product())])
    assert registry.client.exists(layout.reply(b"t" * 16)) == 0, "acknowledged although not marked"
    assert highwater.read(registry.mark) == marked
    size = boot.verify(registry.client, registry.policy, marked)
    assert registry.sequencer().register([registry.product()])[0].status == "known"
    assert highwater.read(registry.mark) != marked
    assert size == len(registry.enrolment()) + 2


def test_a_body_altered_on_its_way_does_not_become_a_leaf(registry: Registry) -> None:
    sequencer = registry.sequencer()
    sequencer.register(registry.enrolment())
    honest = sequencer.client.mset

    def flip(values: dict[bytes, bytes]) -> None:
        honest({name: value[:-1] + bytes([value[-1] ^ 1]) for name, value in values.items()})

    sequencer.client.mset = flip  # type: ignore[method-assign,assignment]
    with pytest.raises(LookupError, match="expected its bytes, found others"):
        sequencer.register([registry.product()])
    sequencer.client.mset = honest  # type: ignore[method-assign]
    again = registry.sequencer()
    assert again.head.size == len(registry.enrolment())
    assert again.register([registry.product()])[0].status == "registered"


def test_nothing_of_a_lost_commit_is_read(registry: Registry) -> None:
    """Another commit follows on the same leaves: no tile of the first is remembered."""
    first = registry.sequencer()
    first.register(registry.enrolment())
    paths = [first.log.path(index, first.head.size) for index in range(first.head.size)]
    before = digest(registry.client), set(derived_keys(registry.client))
    first.lease.run = cut  # type: ignore[method-assign,assignment]
    with pytest.raises(redis.ConnectionError):
        first.register([registry.product(number) for number in range(40)])
    second = registry.sequencer()
    assert (digest(registry.client), set(derived_keys(registry.client))) == before
    second.register([registry.product(number) for number in range(50, 80)])
    assert [second.log.path(index, first.head.size) for index in range(first.head.size)] == paths
    assert boot.verify(registry.client, registry.policy) == second.head.size


def cut(*_: object) -> bytes:
    raise redis.ConnectionError("cut by the test")
