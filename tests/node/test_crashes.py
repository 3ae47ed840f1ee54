"""A crash note at each step of the commit, and here each is tried: the commit fails at every request to Redis, by a
line cut before or after it or by an error; then another sequencer goes on, and nothing was lost, used twice or
contradicted."""

import pytest
import redis
from cutting import WAYS, Cut, Cutter
from registry import MAKER, Registry

from verifier.node import boot, highwater
from verifier.store import layout
from verifier.store.projection import derived_keys, digest

REQUESTS = 60  # more than the commit below makes; what is not reached says so


def a_commit(registry: Registry) -> list[bytes]:
    return [registry.batch(k=3), registry.product(1), registry.event("stolen", MAKER, registry.pack(0))]


@pytest.mark.parametrize("witnessed", [False, True], ids=["alone", "witnessed"])
@pytest.mark.parametrize("way", WAYS)
def test_a_commit_that_fails_at_every_request(registry: Registry, redis_url: str, way: str, witnessed: bool) -> None:
    """One request further each time, until the commit makes no more; with witnesses, between its proposal and its
    publication too: then whoever goes on publishes exactly what some witness may have seen."""
    cutter, beginning = Cutter(registry, redis_url, witnessed), [*registry.enrolment(), registry.product()]
    news, cuts = a_commit(registry), list[Cut]()
    while len(cuts) < REQUESTS:
        cutter.begin(beginning)
        cuts.append(cutter.cut(news, len(cuts), way, registry.product(2)))
        assert cutter.reckon().sound
        if not cuts[-1].struck:
            break
    cutter.close()
    assert not cuts[-1].struck, "the commit makes more requests than were cut"
    assert not cuts[-1].failed
    failed = [cut for cut in cuts if cut.failed]
    assert len(failed) >= 6
    left = {"nothing"} | ({"a proposal"} if witnessed else set()) | ({"leaves"} if way == "unheard" else set())
    assert {cut.left for cut in failed} == left


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
