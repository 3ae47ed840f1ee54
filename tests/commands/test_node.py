"""The node's beginning: what it finishes, what it waits for, what it refuses."""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import redis
from registry import Registry
from witnessed import Witnesses

from verifier.commands import node
from verifier.ledger import checkpoint as notes
from verifier.ledger.note import COSIGNATURE, VerifierKey
from verifier.ledger.policy import Group, Policy, PolicyError, Witness
from verifier.node import lease
from verifier.node.boot import Corrupt
from verifier.node.lease import LeaseLost
from verifier.process import FolderTaken
from verifier.store import layout
from verifier.store.projection import derived_keys, digest
from verifier.web.desk import trust_of


@pytest.fixture
def registry(tmp_path: Path, store: redis.Redis) -> Registry:
    return Registry(tmp_path, store)


def turns(number: int) -> Callable[[], bool]:
    """To be told to stop after being asked so often."""
    left = iter([False] * number)
    return lambda: next(left, True)


def run(registry: Registry, number: int = 2) -> None:
    node.run(replace(registry.settings, redis_url="redis://unused"), registry.client, turns(number))


def test_it_begins_with_the_genesis_and_gives_its_lease_back(registry: Registry) -> None:
    run(registry)
    assert registry.sequencer(place=None).head.size == 1
    assert notes.open(registry.mark.read_bytes(), registry.policy).size == 1


def test_a_genesis_that_is_none_is_refused(registry: Registry) -> None:
    (registry.settings.data / "genesis.cose").write_bytes(registry.product())
    with pytest.raises(Corrupt, match=r"genesis.cose cannot be the first leaf \(.*\); put back the file it was"):
        run(registry)
    assert notes.open(registry.mark.read_bytes(), registry.policy).size == 0
    assert registry.client.exists(layout.CHECKPOINT) == 0


def test_a_rebuild_cut_short_is_finished(registry: Registry, capsys: pytest.CaptureFixture[str]) -> None:
    sequencer = registry.sequencer()
    sequencer.register(registry.story())
    sequencer.lease.drop()
    honest = digest(registry.client)
    registry.client.set(layout.PROJECTED, bytes(8))
    registry.client.delete(*list(derived_keys(registry.client))[::2])
    run(registry)
    assert digest(registry.client) == honest
    assert "node: the projection follows 0 of" in capsys.readouterr().out


def test_the_lease_of_a_dead_node_here_is_taken_over_at_once(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node, "LEASE_PATIENCE_S", 0.0)
    alone, place = node.hold_node(registry.settings.data)
    lease.take(registry.client, place)
    with pytest.raises(FolderTaken):
        run(registry)
    os.close(alone)
    run(registry)
    lease.take(registry.client, "elsewhere")
    with pytest.raises(LeaseLost, match="found one running on this store"):
        run(registry)


def test_the_lease_of_another_machine_is_waited_for(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    held = lease.take(registry.client, "elsewhere")
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            held.drop()

    slept = SimpleNamespace(sleep=pause, monotonic=time.monotonic, time=time.time)
    monkeypatch.setattr("verifier.commands.node.time", slept)
    run(registry)
    assert len(pauses) == 3


def apart(registry: Registry) -> None:
    """A policy under which two histories could each have a quorum."""
    keys = [VerifierKey.of_seed(f"w{number}.example", bytes([number]) * 32, COSIGNATURE) for number in (1, 2)]
    witnesses = tuple(Witness(f"w{number}", key, "http://127.0.0.1:9") for number, key in enumerate(keys, 1))
    policy = Policy(registry.policy.log, None, witnesses, (Group("any", 1, ("w1", "w2")),), "any")
    (registry.settings.data / "policy.txt").write_text(str(policy), "utf-8")


def test_a_policy_whose_quorums_need_not_meet_is_refused_before_the_lease(registry: Registry) -> None:
    apart(registry)
    with pytest.raises(PolicyError, match="quorum any: expected any two to share a witness, found two that share none"):
        run(registry)
    assert registry.client.dbsize() == 0
    assert issubclass(PolicyError, node.REFUSALS)  # told in a sentence
    with pytest.raises(PolicyError):
        trust_of(registry.settings.data)


def test_a_node_told_to_stop_without_a_quorum_stops(registry: Registry) -> None:
    """Its witnesses are dead: the genesis is proposed, kept, and published by a later one."""
    with Witnesses(registry.policy.log, lambda: int(time.time())) as three:
        (registry.settings.data / "policy.txt").write_text(str(three.policy), "utf-8")
        for one in three.all:
            one.stop()
        run(registry, 3)
        assert registry.proposed
        for one in three.all:
            one.start()
        run(registry, 6)
        registry.policy = three.policy
        assert notes.open(registry.published, three.policy).size == 1
        assert not registry.proposed
