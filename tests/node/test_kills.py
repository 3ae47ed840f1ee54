"""kill -9, for real, at random moments: the node under registrations, and Redis under the node. What was acknowledged
is a leaf, each leaf once, and no checkpoint contradicts another."""

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import pytest
from town import Town

from verifier.node import queue
from verifier.store.embedded import EmbeddedRedis

KILLS = 4


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    with EmbeddedRedis(tmp_path) as server, Town(tmp_path, server) as town:
        yield town


# Of the waits the median: one start may be slow where much else runs, but a lease waited for is waited for each time.


def kill_often(town: Town, victim: Callable[[], int | None], revive: Callable[[], None]) -> list[float]:
    chance, waits = random.Random(2026), []
    for _ in range(KILLS):
        town.until_acknowledged(5)
        time.sleep(chance.random() / 20)
        os.kill(victim() or 0, signal.SIGKILL)
        revive()
        waits.append(town.until_acknowledged())
    town.until_acknowledged(5)
    return waits


def test_the_node_killed_under_registrations(town: Town) -> None:
    """The next one takes over its stale lease at once: a door that waits its eight seconds hears from it."""
    waits = kill_often(town, lambda: town.node.pid, town.node.start)
    town.__exit__()
    town.check()
    assert median(waits) < queue.PATIENCE_S, waits


def test_redis_killed_under_the_node(town: Town) -> None:
    """The node stays: it waits for its store, checks all of it again, and goes on."""
    process = town.server._process
    assert process is not None
    before = town.node.pid
    waits = kill_often(town, lambda: process.pid, town.server.start)
    assert town.node.alive()
    assert town.node.pid == before
    town.__exit__()
    town.check()
    assert median(waits) < queue.PATIENCE_S, waits
