"""A whole machine is put back: store, high-water file and all (a snapshot of a virtual machine is restored). Nothing on
it remembers what was published since; its witnesses do. Nothing new is signed.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from registry import Registry
from witnessed import HttpWitness, Witnesses, aside, until

from verifier.ledger import checkpoint as notes
from verifier.ledger.witnessing import parse
from verifier.node import boot
from verifier.node.quorum import Disowned
from verifier.node.sequencer import Sequencer
from verifier.store import layout


class Heard:
    """Every root that a witness was shown, by size: of what this log's key signed, nothing contradicts anything."""

    def __init__(self, witnesses: Witnesses) -> None:
        self.heads: dict[int, set[bytes]] = {}
        for one in witnesses.all:
            one.decide = self._listening(one)  # type: ignore[method-assign]

    def _listening(self, one: HttpWitness):  # type: ignore[no-untyped-def]
        honest = one.decide

        def decide(body: bytes):  # type: ignore[no-untyped-def]
            head = notes.proposed(parse(body).checkpoint, self.policy)
            self.heads.setdefault(head.size, set()).add(head.root)
            return honest(body)

        self.policy = notes.Policy(one.log)
        return decide


@pytest.fixture
def registry(tmp_path: Path, store: redis.Redis) -> Registry:
    return Registry(tmp_path, store)


@pytest.fixture
def three(registry: Registry) -> Iterator[Witnesses]:
    with Witnesses(registry.policy.log, lambda: registry.now) as witnesses:
        registry.policy = witnesses.policy
        yield witnesses


@pytest.fixture
def heard(three: Witnesses) -> Heard:
    return Heard(three)


@pytest.fixture
def size(registry: Registry, three: Witnesses, heard: Heard) -> int:
    """The size that a machine holds which was put back, all of it; its witnesses saw four leaves more."""
    sequencer = registry.sequencer()
    sequencer.register(registry.enrolment())
    copy = {key: registry.client.dump(key) for key in registry.client.scan_iter() if key != layout.LEASE}
    mark, size = registry.mark.read_bytes(), sequencer.head.size
    for number in (1, 2):
        sequencer.register([registry.product(number)])
    assert sequencer.head.size == size + 4
    registry.client.flushall()
    for key, value in copy.items():
        registry.client.restore(key, 0, value)  # type: ignore[arg-type]
    registry.mark.write_bytes(mark)
    assert boot.verify(registry.client, registry.policy, mark) == size  # by itself, all is well
    return size


def refused(registry: Registry, sequencer: Sequencer) -> str:
    registry.client.lpush(layout.QUEUE, b"t" * 16 + registry.product(99))
    with pytest.raises(Disowned) as fault:
        sequencer.step(0.01)
    return str(fault.value)


def test_the_witnesses_remember(registry: Registry, three: Witnesses, heard: Heard, size: int) -> None:
    told = refused(registry, registry.sequencer())
    assert told.startswith("this store's ledger is not the one that its witnesses hold (w")
    assert f"it knows {size + 4} leaves of this log, more than these {size}" in told
    assert "it was rolled back, or another node signs with this log's key; stop that node, or restore" in told
    assert all(len(roots) == 1 for roots in heard.heads.values())
    assert not registry.client.exists(layout.PENDING)
    assert registry.client.llen(layout.QUEUE) == 1


def test_one_witness_that_answers_is_enough_to_sign_nothing(
    registry: Registry, three: Witnesses, heard: Heard, size: int
) -> None:
    """The others are away: without a quorum that knows no more, nothing new is signed, and when they are back it is
    refused."""
    for away in three.all[1:]:
        away.stop()
    registry.client.lpush(layout.QUEUE, b"t" * 16 + registry.product(99))
    waiting = aside(lambda: registry.sequencer().step(0.01))
    until(lambda: registry.told)
    assert f"(w1: it knows {size + 4} leaves of this log, more than these {size}; w2: not reached" in registry.told[0]
    assert not waiting.done()
    assert not registry.client.exists(layout.PENDING)
    for away in three.all[1:]:
        away.start()
    with pytest.raises(Disowned):
        waiting.result(20)
    assert all(len(roots) == 1 for roots in heard.heads.values())


def test_a_witness_that_lies_about_it_stops_nobody(registry: Registry, three: Witnesses) -> None:
    registry.sequencer().register(registry.enrolment())
    three.all[0].twist = lambda _: (409, b"999999\n")
    sequencer = registry.sequencer()
    (receipt,) = sequencer.register([registry.product()])
    assert receipt.status == "registered"
    assert sequencer.head.size == three.all[1].head.size == three.all[2].head.size


def test_an_honest_start_signs_nothing_twice(registry: Registry, three: Witnesses, heard: Heard) -> None:
    """What is asked before anything new is the very head: a start adds cosignatures of now, and nothing else."""
    registry.sequencer().register(registry.enrolment())
    before = registry.client.get(layout.CHECKPOINT) or b""
    registry.now += 5
    registry.sequencer().step(0.01)
    after = registry.client.get(layout.CHECKPOINT) or b""
    assert isinstance(before, bytes)
    assert isinstance(after, bytes)
    assert notes.proposed(after, registry.policy) == notes.proposed(before, registry.policy)
    first, second = (notes.quorum_time(note, registry.policy) or 0 for note in (before, after))
    assert second == first + 5
    assert registry.client.llen(layout.HISTORY) == 1
    assert all(len(roots) == 1 for roots in heard.heads.values())
