"""kill -9, for real, at each step of a commit and at random moments under load: the node, Redis under the node,
witnesses. What was acknowledged is a leaf, each leaf once, and no checkpoint contradicts another. `make soak` does it
500 times."""

import random
import signal
from pathlib import Path
from statistics import median

import pytest
from moments import MOMENTS, WITNESSED, prelude
from reckoning import Reckoning, reckon
from registry import Registry
from soak import injected, killed, strike
from town import Town, stopped, until

from verifier.ledger.checkpoint import Checkpoint
from verifier.node import queue
from verifier.statements.envelope import read
from verifier.store import layout
from verifier.store.embedded import EmbeddedRedis
from verifier.store.log import LogStore

KILLS = 3
PUBLISHED = ("published and not marked", "marked and not answered")


@pytest.mark.parametrize("victim", ["node", "redis"])
def test_killed_it_is_back_before_a_door_loses_patience(tmp_path: Path, victim: str) -> None:
    """A node takes over its own stale lease at once; one whose store died waits for it, checks all of it again and goes
    on. Of the waits the median: one may be slow where much else runs, but a lease waited for is waited for each time.
    """
    chance, waits = random.Random(2026), []
    with EmbeddedRedis(tmp_path) as server:
        with Town(tmp_path / "data", server) as town:
            node = town.node.pid
            for _ in range(KILLS):
                town.until_acknowledged(3)
                waits.append(strike(town, [victim], chance))
            town.until_acknowledged(3)
            assert (town.node.pid == node) == (victim == "redis")
        town.check()
    assert median(waits) < queue.PATIENCE_S, waits


@pytest.mark.parametrize("victim", ["node", "redis", "witnesses"])
def test_killed_at_each_step_of_a_commit(tmp_path: Path, victim: str) -> None:
    """The node stops at the step, and what is killed there is started again before it goes on."""
    flag = tmp_path / "stop"
    with EmbeddedRedis(tmp_path) as server:
        with Town(tmp_path / "data", server, witnesses=3, senders=0, prelude=prelude(flag)) as town:
            for number, moment in enumerate(MOMENTS):
                raw = town.registry.product(number)
                stop_at(town, flag, moment, raw)
                leaf = LogStore(town.registry.client).indexes([read(raw).id])[0]
                assert (leaf is not None) == (moment in PUBLISHED)
                assert town.registry.proposed == (moment in WITNESSED)
                kill(town, victim)
                receipt = town.submit(raw)
                assert leaf in (None, receipt.index)
                assert receipt.status == "known" or moment not in WITNESSED + PUBLISHED, moment
        town.check()


def stop_at(town: Town, flag: Path, moment: str, raw: bytes) -> None:
    """Send a statement that nobody waits for, and have the node stop in its commit: an unchanged head that is cosigned
    anew comes by there too."""
    flag.write_text(moment, "ascii")
    town.registry.client.lpush(layout.QUEUE, bytes(queue.TOKEN) + raw)
    until(lambda: stopped(town.node.pid), moment, town.node.told)
    while town.registry.client.llen(layout.QUEUE):
        flag.write_text(moment, "ascii")
        town.node.send(signal.SIGCONT)
        until(lambda: not flag.exists() and stopped(town.node.pid), moment, town.node.told)


def kill(town: Town, victim: str) -> None:
    """Kill -9 while the node stands still; then everything goes on."""
    if victim == "node":
        town.node.kill()
        town.node.start()
        return
    if victim == "redis":
        town.kill_redis()
        town.server.start()
    else:
        for one in town.witnesses:
            one.kill()
            one.begin()
    town.node.send(signal.SIGCONT)


def test_any_of_them_killed_with_witnesses(tmp_path: Path) -> None:
    done = killed(12, random.Random(7), tmp_path)
    assert sum(done.struck.values()) >= 12
    assert set(done.struck) == {"node", "redis", "witness"}
    assert (done.lost, done.reused, done.contradicted) == (0, 0, 0)
    assert done.acknowledged > 12


@pytest.mark.parametrize("witnessed", [False, True], ids=["alone", "witnessed"])
def test_requests_that_fail_on_one_ledger(tmp_path: Path, witnessed: bool) -> None:
    done = injected(60, random.Random(2026), tmp_path, witnessed)
    assert sum(done.struck.values()) == 60
    assert (done.lost, done.reused, done.contradicted) == (0, 0, 0)
    assert done.acknowledged > 60


def test_what_did_not_survive_is_counted(registry: Registry) -> None:
    sequencer = registry.sequencer()
    told = {one.id: one.index for one in sequencer.register([*registry.enrolment(), registry.product()])}
    size, (first, second, *_) = sequencer.head.size, told
    assert reckon(registry, told, [sequencer.head]) == Reckoning(size, 0, 0, 0)
    assert reckon(registry, told | {first: 1, second: 0}) == Reckoning(size, 2, 0, 0)
    assert reckon(registry, told | {bytes(32): size}) == Reckoning(size, 1, 0, 0)
    assert reckon(registry, told | {second: 0}) == Reckoning(size, 1, 1, 0)
    others = [Checkpoint(sequencer.head.origin, at, bytes([7]) * 32) for at in (1, size, size + 1)]
    assert reckon(registry, told, others) == Reckoning(size, 0, 0, 3)
