"""Published only when the quorum cosigned: one slow or dead, a quorum lost and back, groups, and registered time."""

import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from registry import Registry
from witnessed import Witnesses, aside, until
from witnesses import witness as served

from verifier.ledger import checkpoint as notes
from verifier.ledger.note import NoteError
from verifier.ledger.policy import Group, Policy, PolicyError, parse
from verifier.node import boot, highwater, standing
from verifier.node.cosigning import ANEW_AFTER_S, Stopped
from verifier.node.sequencer import CLOCK_AFTER_S
from verifier.state.replay import clock_time
from verifier.statements.envelope import Statement, read
from verifier.statements.kinds import body_of
from verifier.store import layout
from verifier.store.log import LogStore
from verifier.store.projection import reader


def test_what_is_published_a_quorum_has_cosigned(registry: Registry, three: Witnesses) -> None:
    sequencer = registry.sequencer()
    sequencer.register(registry.enrolment())
    sequencer.register([registry.product()])
    assert notes.open(registry.published, registry.policy) == sequencer.head
    assert len(registry.cosigners) >= 2
    assert not registry.proposed
    assert boot.verify(registry.client, registry.policy, highwater.read(registry.mark)) == sequencer.head.size


def test_one_dead_witness_delays_nothing(registry: Registry, three: Witnesses) -> None:
    three.all[1].stop()
    sequencer = registry.sequencer()
    begun = time.monotonic()
    for number in range(10):
        sequencer.register([*registry.enrolment(), registry.product(number)])
        assert registry.cosigners == ["w1", "w3"]
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
    assert registry.cosigners == ["w2", "w3"]
    gate.set()
    until(lambda: sequencer.step(0.01) == 0 and registry.cosigners == ["w1", "w2", "w3"])
    assert three.all[0].head == sequencer.head


def test_the_quorum_lost_and_back(registry: Registry, three: Witnesses) -> None:
    sequencer = registry.sequencer()
    sequencer.register(registry.enrolment())
    before = registry.published
    for witness in three.all[:2]:
        witness.stop()
    waiting = aside(lambda: sequencer.register([registry.product()]))
    until(lambda: registry.told)
    assert not waiting.done()
    assert (registry.published, registry.proposed) == (before, True)
    stands = standing.read(registry.client)
    assert stands.lost_since == registry.now
    assert [(row.name, bool(row.fault)) for row in stands.rows] == [("w1", True), ("w2", True), ("w3", False)]
    registry.now += 37
    three.all[0].start()
    (receipt,) = waiting.result(20)
    assert receipt.status == "registered"
    assert not registry.proposed
    lost, back = registry.told
    assert lost.startswith("the quorum hospitals does not cosign 18 leaves (w1: not reached")
    assert back == "the quorum hospitals cosigns again, after 37 s"
    assert standing.read(registry.client).lost_since == 0


def test_the_lease_is_held_while_the_quorum_is_missing(
    registry: Registry, three: Witnesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long that takes: a node that let go of it would give the store to another in the middle of a commit."""
    monkeypatch.setattr("verifier.node.lease.TTL_MS", 1500)
    sequencer = registry.sequencer()
    for witness in three.all:
        witness.stop()
    waiting = aside(lambda: sequencer.register(registry.enrolment()))
    until(lambda: registry.told)
    held, end = registry.client.get(layout.LEASE), time.monotonic() + 2.5
    while time.monotonic() < end:
        assert registry.client.get(layout.LEASE) == held is not None
        assert not waiting.done()
    registry.stopping = True
    with pytest.raises(Stopped):
        waiting.result(20)


# --- time ---


def test_registered_time_is_the_quorums(registry: Registry, three: Witnesses) -> None:
    """The second of three to sign decides, and replay sees it."""
    for witness, offset in zip(three.all, (-7, 5, 60), strict=True):
        witness.clock = lambda late=offset: registry.now + late  # type: ignore[misc]
    three.all[2].stop()
    sequencer = registry.sequencer()
    sequencer.register(registry.enrolment())
    first = notes.quorum_time(registry.published, registry.policy)
    assert first == registry.now + 5
    registry.now += 30
    sequencer.register([registry.product()])
    clock = read(LogStore(registry.client).bodies(registry.ids(17)[-1:])[0])
    body: Any = body_of(clock)
    assert (clock.kind, body.size, body.time, body.source) == ("clock", 16, first, "quorum")
    assert clock_time(3, reader(registry.client)) == first
    registry.replayed(18)
    assert clock_time(3, reader(registry.client)) == first


def test_a_time_once_proposed_is_not_followed_by_an_earlier_one(registry: Registry, three: Witnesses) -> None:
    """A witness that joined late made the quorum's time earlier than the clock that was proposed says."""
    offsets = {"w1": -7, "w2": 5, "w3": 60}
    for one in three.all:
        one.clock = lambda name=one.name: registry.now + offsets[name]  # type: ignore[misc]
    three.all[0].stop()
    sequencer = registry.sequencer()
    sequencer.register(registry.enrolment())
    assert sequencer.timed_at == registry.now + 60
    three.all[0].start()
    until(lambda: sequencer.step(0.01) == 0 and len(registry.cosigners) == 3)
    for one in three.all:
        one.stop()
    registry.stopping = True
    with pytest.raises(Stopped):
        sequencer.register([registry.product()])
    registry.stopping = False
    offsets.update(dict.fromkeys(offsets, 0))
    for one in three.all:
        one.start()
    again = registry.sequencer()
    assert [one.status for one in again.register([registry.product(1)])] == ["registered"]
    times = [body_of(one).time for one in every(registry, again.head.size) if one.kind == "clock"]  # type: ignore[attr-defined]
    assert times == [registry.now + 60] * 2


def every(registry: Registry, size: int) -> list[Statement]:
    return [read(raw) for raw in LogStore(registry.client).bodies(registry.ids(size))]


def test_a_restart_keeps_the_time_of_a_head_that_waits_for_its_clock(registry: Registry, three: Witnesses) -> None:
    registry.sequencer().register(registry.enrolment())
    first = notes.quorum_time(registry.published, registry.policy)
    registry.now += 3600
    registry.sequencer().register([registry.product()])
    assert clock_time(3, reader(registry.client)) == first


def test_an_unchanged_head_is_cosigned_anew(registry: Registry, three: Witnesses) -> None:
    sequencer = registry.sequencer()
    sequencer.register(registry.enrolment())
    registry.now += CLOCK_AFTER_S
    assert sequencer.step(0.01) == 1  # its clock, alone
    until(lambda: sequencer.step(0.01) == 0 and len(registry.cosigners) == 3)
    old = registry.published
    asked = [witness.asked for witness in three.all]
    registry.now += ANEW_AFTER_S - 1
    assert sequencer.step(0.01) == 0
    assert (registry.published, [witness.asked for witness in three.all]) == (old, asked)
    registry.now += 1
    until(lambda: sequencer.step(0.01) == 0 and registry.published != old)
    assert notes.open(registry.published, registry.policy) == sequencer.head
    assert notes.quorum_time(registry.published, registry.policy) == registry.now
    history = LogStore(registry.client).history()
    assert (history[0], old in history) == (registry.published, False)
    assert sequencer.head.size == 17


def test_a_quorum_lost_while_nothing_is_sent_is_told_too(registry: Registry, three: Witnesses) -> None:
    sequencer = registry.sequencer()
    sequencer.register(registry.enrolment())
    registry.now += CLOCK_AFTER_S
    sequencer.step(0.01)
    for witness in three.all[:2]:
        witness.stop()
    registry.now += ANEW_AFTER_S
    until(lambda: sequencer.step(0.01) == 0 and registry.told)
    assert standing.read(registry.client).lost_since == registry.now
    three.all[0].start()
    until(lambda: sequencer.step(0.01) == 0 and len(registry.told) == 2)
    assert standing.read(registry.client).lost_since == 0


# --- policies ---


def test_groups_are_asked_as_the_policy_says(registry: Registry, three: Witnesses) -> None:
    """Two of the three hospitals, and the authority: it alone can stop the ledger, and no hospital can."""
    with Witnesses(registry.policy.log, lambda: registry.now, 1, 1, "authority") as authority:
        hospitals, (ministry,) = three.policy, authority.policy.witnesses
        groups = (*hospitals.groups, Group("both", 2, ("hospitals", ministry.name)))
        registry.policy = Policy(hospitals.log, None, (*hospitals.witnesses, ministry), groups, "both")
        sequencer = registry.sequencer()
        sequencer.register(registry.enrolment())
        assert ministry.name in registry.cosigners
        three.all[0].stop()
        sequencer.register([registry.product()])
        assert registry.cosigners == ["w2", "w3", ministry.name]
        authority.all[0].stop()
        waiting = aside(lambda: sequencer.register([registry.product(1)]))
        until(lambda: registry.told)
        assert not waiting.done()
        assert registry.told[0].startswith("the quorum both does not cosign 20 leaves")
        authority.all[0].start()
        waiting.result(20)


def test_a_policy_that_comes_later_has_the_head_cosigned_at_once(registry: Registry) -> None:
    registry.sequencer().register(registry.enrolment())
    with Witnesses(registry.policy.log, lambda: registry.now) as witnesses:
        registry.policy = witnesses.policy
        with pytest.raises(NoteError, match="expected the quorum hospitals"):
            notes.open(registry.published, registry.policy)
        sequencer = registry.sequencer()
        until(lambda: sequencer.step(0.01) == 0 and len(registry.cosigners) == 3)
        assert notes.open(registry.published, registry.policy).size == 16


def test_policies_that_no_node_may_follow(registry: Registry, three: Witnesses) -> None:
    hospitals = three.policy
    registry.policy = replace(hospitals, groups=(Group("hospitals", 1, ("w1", "w2", "w3")),))
    with pytest.raises(PolicyError, match="expected any two to share a witness"):
        registry.sequencer()
    unnamed = [replace(one, url=None) for one in hospitals.witnesses[:2]]
    registry.policy = replace(hospitals, witnesses=(*unnamed, *hospitals.witnesses[2:]))
    with pytest.raises(PolicyError, match="expected addresses of enough of its witnesses, found 1 of 3 with one"):
        registry.sequencer()
    assert registry.client.dbsize() <= 2  # the lease and its epoch


# --- the real ones ---


def test_our_own_witnesses(registry: Registry, tmp_path: Path) -> None:
    """Three of `python -m verifier witness`; one goes, and comes back on the folder that it left."""
    log, clock = registry.policy.log, lambda: registry.now
    with served(tmp_path / "w1", log, "w1", clock) as one, served(tmp_path / "w2", log, "w2", clock) as two:
        with served(tmp_path / "w3", log, "w3", clock) as three:
            lines = [f"log {log}", one.policy_line, two.policy_line, three.policy_line]
            registry.policy = parse("\n".join([*lines, "group g 2 w1 w2 w3", "quorum g", ""]))
            sequencer = registry.sequencer()
            sequencer.register(registry.enrolment())
            until(lambda: sequencer.step(0.01) == 0 and registry.cosigners == ["w1", "w2", "w3"])
            port = three.server.effective_port
        sequencer.register([registry.product()])
        assert registry.cosigners == ["w1", "w2"]
        with served(tmp_path / "w3", log, "w3", clock, port) as three:
            sequencer.register([registry.product(1)])
            until(lambda: sequencer.step(0.01) == 0 and registry.cosigners == ["w1", "w2", "w3"])
            last = three.cosigner.last()
            assert last is not None
            assert last.checkpoint == sequencer.head
    assert registry.told == []


def test_a_standing_that_cannot_be_read_stops_nobody(registry: Registry, three: Witnesses) -> None:
    for kept in (b"", b"\xff", b"\x83\x00\x80\x00", b"\x82\x00\x81\x01"):
        registry.client.set(layout.QUORUM, kept)
        assert standing.read(registry.client) == standing.Standing()
        registry.sequencer().step(0.01)
