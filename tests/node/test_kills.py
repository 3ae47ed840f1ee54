"""kill -9, for real, at random moments: the node under registrations, and Redis under the node. What was acknowledged
is a leaf, each leaf once, and no checkpoint contradicts another."""

import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import pytest
import redis
from registry import Registry, Watcher

from verifier.node import boot, highwater, queue
from verifier.process import Process
from verifier.settings import ROOT
from verifier.statements.envelope import read
from verifier.store.embedded import EmbeddedRedis
from verifier.store.redis import connect

KILLS = 4


class Town:
    """A Redis, a node process, and a sender that never tires."""

    def __init__(self, data: Path, server: EmbeddedRedis) -> None:
        self.server, self.url = server, server.url
        self.registry = Registry(data, connect(server.url))
        env = {**os.environ, "REDIS_URL": self.url, "PROBATUM_DATA": str(data)}
        self.node = Process("node", [sys.executable, "-m", "verifier", "node"], cwd=ROOT, env=env)
        self.acknowledged: dict[bytes, int] = {}
        self.watcher = Watcher(self.registry)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._send)
        self.fault: BaseException | None = None

    def __enter__(self) -> "Town":
        self.node.start()
        for raw in self.registry.enrolment():
            self._enrol(raw)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(20)
        self.node.stop()
        self.registry.client.close()

    def _enrol(self, raw: bytes) -> None:
        """Send it until the node, which may still be starting, answers."""
        deadline = time.monotonic() + 60
        while True:
            try:
                assert queue.submit(self.registry.client, raw).status in ("registered", "known")
            except queue.Busy:
                assert time.monotonic() < deadline, "the node did not answer for 60 s"
            else:
                return

    def _send(self) -> None:
        client = connect(self.url)
        watcher, number = self.watcher, 0
        while not self._stop.is_set():
            raw = self.registry.product(number)
            try:
                receipt = queue.submit(client, raw, timeout_s=1.0)
                watcher.look()
            except (redis.RedisError, queue.Busy):
                time.sleep(0.02)
                continue  # the same again: it is safe
            except BaseException as fault:
                self.fault = fault
                return
            assert receipt.status in ("registered", "known")
            self.acknowledged[receipt.id] = receipt.index
            number += 1
        client.close()

    def until_acknowledged(self, more: int = 1) -> float:
        """Wait for `more` acknowledgements; seconds."""
        begun, wanted = time.monotonic(), len(self.acknowledged) + more
        while len(self.acknowledged) < wanted:
            assert self.fault is None, self.fault
            assert time.monotonic() - begun < 60, "nothing was acknowledged for 60 s"
            time.sleep(0.005)
        return time.monotonic() - begun

    def check(self) -> None:
        """Everything acknowledged is where it was said to be."""
        client, registry = self.registry.client, self.registry
        assert self.fault is None
        size = boot.verify(client, registry.policy, highwater.read(registry.mark))
        ids = registry.ids(size)
        assert len(set(ids)) == size
        assert all(ids[index] == one for one, index in self.acknowledged.items())
        assert {read(registry.product(0)).id} <= set(self.acknowledged)
        self.watcher.look()
        self.watcher.check()
        registry.now = int(time.time())  # the node that was killed wrote by the true clock
        registry.sequencer(place=None).lease.drop()
        assert len(set(registry.replayed(size))) == 1


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
