"""kill -9, for real, at random moments under registrations: the node, Redis under the node, witnesses. What was
acknowledged is a leaf, each leaf once, and no checkpoint contradicts another. `make soak` does it 500 times."""

import random
from pathlib import Path
from statistics import median

import pytest
from soak import injected, killed, strike
from town import Town

from verifier.node import queue
from verifier.store.embedded import EmbeddedRedis

KILLS = 3


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
