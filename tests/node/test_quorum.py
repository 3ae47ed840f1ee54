"""Published only when the quorum cosigned: slow, dead and lying witnesses, a quorum lost and back, a crash between."""

import threading
import time
from collections.abc import Iterator

import pytest
from registry import CARRIER, MAKER, Registry
from witnessed import Witnesses, aside, until

from verifier.ledger import checkpoint as notes
from verifier.node import boot, highwater, standing
from verifier.node.cosigning import Stopped
from verifier.node.lease import LeaseLost
from verifier.node.quorum import Disowned
from verifier.store import layout
from verifier.store.log import LogStore


@pytest.fixture
def three(registry: Registry) -> Iterator[Witnesses]:
    with Witnesses(registry.policy.log, lambda: registry.now) as witnesses:
        registry.policy = witnesses.policy
        yield witnesses


def published(registry: Registry) -> bytes:
    note = registry.client.get(layout.CHECKPOINT)
    assert isinstance(note, bytes)
    return note


def cosigners(registry: Registry) -> list[str]:
    return [one.name for one in notes.cosigned(published(registry), registry.policy)]


def pending(registry: Registry) -> bool:
    return bool(registry.client.exists(layout.PENDING))


def test_what_is_published_a_quorum_has_cosigned(registry: Registry, three: Witnesses) -> None:
    sequencer = registry.sequencer()
    sequencer.register(registry.enrolment())
    sequencer.register([registry.product()])
    assert notes.open(published(registry), registry.policy) == sequencer.head
    assert len(cosigners(registry)) >= 2
    assert not pending(registry)
    assert boot.verify(registry.client, registry.policy, highwater.read(registry.mark)) == sequencer.head.size


def test_one_dead_witness_delays_nothing(registry: Registry, three: Witnesses) -> None:
    three.all[1].stop()
    sequencer = registry.sequencer()
    begun = time.monotonic()
    for number in range(10):
        sequencer.register([*registry.enrolment(), registry.product(number)])
        assert cosigners(registry) == ["w1", "w3"]
    assert time.monotonic() - begun < 5
    assert registry.told == []


def test_one_slow_witness_delays_nothing(registry: Registry, three: Witnesses) -> None:
    gate = threading.Event()
    three.all[0].before = lambda: bool(gate.wait(20))  # type: ignore[assignment,return-value]
    sequencer = registry.sequencer()
    begun = time.monotonic()
    for number in range(10):
        sequencer.register([*registry.enrolment(), registry.product(number)])
    assert time.monotonic() - begun < 5
    assert cosigners(registry) == ["w2", "w3"]
    gate.set()
    until(lambda: sequencer.step(0.01) == 0 and cosigners(registry) == ["w1", "w2", "w3"])
    assert three.all[0].head == sequencer.head


def test_the_quorum_lost_and_back(registry: Registry, three: Witnesses) -> None:
    sequencer = registry.sequencer()
    sequencer.register(registry.enrolment())
    before = published(registry)
    for witness in three.all[:2]:
        witness.stop()
    waiting = aside(lambda: sequencer.register([registry.product()]))
    until(lambda: registry.told)
    assert not waiting.done()
    assert (published(registry), pending(registry)) == (before, True)
    stands = standing.read(registry.client)
    assert stands.lost_since == registry.now
    assert [(row.name, bool(row.fault)) for row in stands.rows] == [("w1", True), ("w2", True), ("w3", False)]
    registry.now += 37
    three.all[0].start()
    (receipt,) = waiting.result(20)
    assert receipt.status == "registered"
    assert not pending(registry)
    lost, back = registry.told
    assert lost.startswith("the quorum hospitals does not cosign 18 leaves (w1: not reached")
    assert back == "the quorum hospitals cosigns again, after 37 s"
    assert standing.read(registry.client).lost_since == 0


def test_a_stop_while_the_quorum_is_missing_keeps_the_proposal(registry: Registry, three: Witnesses) -> None:
    for witness in three.all:
        witness.stop()
    sequencer = registry.sequencer()
    registry.stopping = True
    with pytest.raises(Stopped, match="16 leaves still wait for the quorum hospitals"):
        sequencer.register(registry.enrolment())
    registry.stopping = False
    assert pending(registry)
    for witness in three.all:
        witness.start()
    again = registry.sequencer()
    assert again.step(0.01) == 0
    assert again.head.size == len(registry.enrolment())
    assert again.untimed


def test_what_one_witness_signed_before_a_crash_is_what_is_published(registry: Registry, three: Witnesses) -> None:
    """Two are dead, one signs, the node dies: the next one proposes the same tree, whatever waits in the queue."""
    registry.sequencer().register(registry.enrolment())
    for witness in three.all[:2]:
        witness.stop()
    dying = registry.sequencer()
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
    registry.sequencer().register(registry.enrolment())
    before = published(registry)
    for witness in three.all[1:]:
        witness.stop()
    paused = registry.sequencer()
    waiting = aside(lambda: paused.register([registry.product()]))
    until(lambda: three.all[0].head.size == 18)
    other = registry.sequencer()  # takes the lease over
    with pytest.raises(LeaseLost):
        waiting.result(20)
    assert published(registry) == before
    for witness in three.all[1:]:
        witness.start()
    other.step(0.01)
    assert other.head == three.all[0].head


def test_a_rolled_back_store_is_refused(registry: Registry, three: Witnesses) -> None:
    sequencer = registry.sequencer()
    sequencer.register(registry.enrolment())
    copy = {key: registry.client.dump(key) for key in registry.client.scan_iter()}
    sequencer.register([registry.product()])
    registry.client.flushall()
    for key, value in copy.items():
        registry.client.restore(key, 0, value)
    copied = published(registry)
    again = registry.sequencer()
    with pytest.raises(Disowned, match=r"not the one that its witnesses hold \(w\d: .*rolled back.*restore the newest"):
        again.register([registry.product(1)])
    assert sum(witness.head == sequencer.head for witness in three.all) >= 2
    assert published(registry) == copied
