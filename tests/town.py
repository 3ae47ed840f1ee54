"""A town under load whose parts can be killed, paused or starved: Redis, node and witnesses in processes of their own,
and senders that never tire. What was acknowledged, and every checkpoint that was seen, is remembered and held against
the ledger in the end."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import PIPE, STDOUT
from typing import Self

import redis
from reckoning import Reckoning, reckon
from registry import Registry, Watcher
from witnesses import WitnessProcess

from verifier.ledger import checkpoint as notes
from verifier.ledger.checkpoint import Checkpoint
from verifier.ledger.policy import Group, Policy, Witness
from verifier.node import queue
from verifier.settings import ROOT
from verifier.store.embedded import EmbeddedRedis
from verifier.store.redis import connect
from verifier.witness import state

BOUND_S = 60.0
PATIENCE_S = 0.5  # of a sender: what a dead node had in hand is sent again after that
MAIN = "from verifier.commands import main; main(prog_name='verifier')"


class Node:
    """`python -m verifier node` on `data`; `prelude` is Python run in it first: what a test has go wrong there. What it
    prints comes through a pipe: a disk that is full for it takes no word away."""

    def __init__(self, data: Path, url: str, prelude: str = "") -> None:
        self._env = {**os.environ, "REDIS_URL": url, "PROBATUM_DATA": str(data), "PYTHONUNBUFFERED": "1"}
        self._argv = [sys.executable, "-c", f"{prelude}\n{MAIN}", "node"]
        self._process: subprocess.Popen[str] | None = None
        self._lines: list[str] = []

    def start(self) -> None:
        """Start it, anew if it ran before."""
        self.stop()
        lines: list[str] = []
        process = subprocess.Popen(
            self._argv, cwd=ROOT, env=self._env, stdin=subprocess.DEVNULL, stdout=PIPE, stderr=STDOUT, text=True
        )
        self._process, self._lines = process, lines
        self._reader = threading.Thread(target=lambda: lines.extend(process.stdout or ()), daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def send(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        """kill -9; it is gone on return."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)

    def stop(self) -> None:
        """SIGTERM, and SIGKILL to one that does not end."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self.kill()
        self._reader.join(5)
        if self._process.stdout:
            self._process.stdout.close()
        self._process = None

    def told(self) -> str:
        """What it printed since it started."""
        return "".join(self._lines)

    def ended(self) -> str:
        """Wait until it ends by itself, with a fault; what it printed."""
        until(lambda: not self.alive(), "the node ends", self.told)
        self._reader.join(5)
        assert self._process is not None
        assert self._process.returncode == 1, self._process.returncode
        return self.told()


class Town:
    """A context manager: inside, the members are enrolled and `senders` threads send, each one statement at a time."""

    def __init__(
        self, data: Path, server: EmbeddedRedis, witnesses: int = 0, senders: int = 1, prelude: str = ""
    ) -> None:
        self.data, self.server, self.url, self.senders = data, server, server.url, senders
        self.registry = Registry(data, connect(server.url))
        log = self.registry.policy.log
        names = [f"w{number}" for number in range(1, witnesses + 1)]
        self.witnesses = [WitnessProcess(data / "witnesses" / name, log, name) for name in names]
        if witnesses:
            members = tuple(Witness(one.name, one.vkey, one.url) for one in self.witnesses)
            group = Group("hospitals", witnesses // 2 + 1, tuple(names))
            self.registry.policy = Policy(log, None, members, (group,), "hospitals")
            (data / "policy.txt").write_text(str(self.registry.policy), "utf-8")
        self.node = Node(data, self.url, prelude)
        self.acknowledged: dict[bytes, int] = {}
        self.watcher = Watcher(self.registry)
        self._stop, self._lock = threading.Event(), threading.Lock()
        self._threads = [threading.Thread(target=self._send, args=(number,)) for number in range(senders)]
        self.faults: list[BaseException] = []

    def __enter__(self) -> Self:
        for one in self.witnesses:
            one.begin()
        self.node.start()
        try:
            for raw in self.registry.enrolment():
                self.submit(raw)
        except BaseException:
            self.__exit__()
            raise
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.rest()
        self.node.stop()
        for one in self.witnesses:
            one.stop()
        self.registry.client.close()

    def kill_redis(self) -> None:
        """kill -9; it is gone on return."""
        os.kill(self.redis_pid, signal.SIGKILL)
        until(lambda: not self.server.alive(), "Redis is gone")

    @property
    def redis_pid(self) -> int:
        process = self.server._process
        assert process is not None
        return process.pid or 0

    def rest(self) -> None:
        """Nobody sends any more."""
        self._stop.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(20)

    def submit(self, raw: bytes) -> queue.Receipt:
        """Send it until the node, which may be starting, answers."""
        deadline = time.monotonic() + BOUND_S
        while True:
            try:
                receipt = queue.submit(self.registry.client, raw, timeout_s=2.0)
            except (queue.Busy, redis.RedisError):
                assert time.monotonic() < deadline, f"no answer for {BOUND_S:.0f} s: {self.node.told()}"
            else:
                return self._acknowledge(receipt)

    def _acknowledge(self, receipt: queue.Receipt) -> queue.Receipt:
        """Remember what was said: never two leaves for one statement."""
        assert receipt.status in ("registered", "known"), receipt
        with self._lock:
            assert self.acknowledged.setdefault(receipt.id, receipt.index) == receipt.index, "told two leaves"
        return receipt

    def _send(self, sender: int) -> None:
        client, number = connect(self.url), 0
        while not self._stop.is_set():
            raw = self.registry.product(sender * 1_000_000 + number)
            try:
                self._acknowledge(queue.submit(client, raw, timeout_s=PATIENCE_S))
                number += 1
                with self._lock:
                    self.watcher.look()
            except (redis.RedisError, queue.Busy):
                time.sleep(0.02)  # then the same again: it is safe
            except BaseException as fault:
                self.faults.append(fault)
                return
        client.close()

    def until_acknowledged(self, more: int = 1) -> float:
        """Wait for `more` acknowledgements; seconds."""
        begun, wanted = time.monotonic(), len(self.acknowledged) + more
        while len(self.acknowledged) < wanted:
            assert not self.faults, self.faults
            assert time.monotonic() - begun < BOUND_S, f"nothing was acknowledged: {self.node.told()}"
            time.sleep(0.002)
        return time.monotonic() - begun

    def reckon(self) -> Reckoning:
        """The whole ledger, and everything that was ever seen of it; call it when everything has stopped but Redis."""
        assert not self.faults, self.faults
        client, registry = connect(self.url), self.registry
        registry.client = client
        self.watcher.look()
        found = reckon(registry, self.acknowledged, [*self.watcher.seen.values(), *self._cosigned()])
        registry.now = int(time.time())  # the node that was killed wrote by the true clock
        assert len(set(registry.replayed(found.size))) == 1, "the projection is not what the ledger says"
        client.close()
        return found

    def check(self) -> None:
        """Nothing is lost, used twice or contradicted, and something was acknowledged."""
        found = self.reckon()
        assert found.sound, found
        assert self.acknowledged

    def _cosigned(self) -> list[Checkpoint]:
        """What each witness cosigned last; none saw two histories."""
        assert [path for one in self.witnesses for path in (one.folder / "forks").glob("*")] == []
        kept = [state.read(one.folder, self.registry.policy.log, one.vkey) for one in self.witnesses]
        return [last.checkpoint for last in kept if last is not None]

    def head(self) -> Checkpoint:
        """What is published: a quorum has cosigned it, now or before."""
        return notes.open(self.registry.published, self.registry.policy)

    def standby(self, prelude: str = "") -> Node:
        """Another node on the same store, as on another machine: its own copy of the folder, its own place."""
        data = self.data.parent / f"{self.data.name}-standby"
        data.mkdir()
        for name in ("node", "keys", "vault", "deposits"):
            if (self.data / name).exists():
                shutil.copytree(self.data / name, data / name, ignore=shutil.ignore_patterns("lock"))
        for name in ("genesis.cose", "policy.txt"):
            shutil.copy(self.data / name, data / name)
        return Node(data, self.url, prelude)


def until(true: Callable[[], object], what: str, told: Callable[[], str] = str, bound_s: float = BOUND_S) -> None:
    """Wait for it, no longer than it takes."""
    deadline = time.monotonic() + bound_s
    while not true():
        assert time.monotonic() < deadline, f"waited {bound_s:.0f} s until {what}: {told()}"
        time.sleep(0.005)


def stopped(pid: int) -> bool:
    """Whether a process is paused (proc(5): state T)."""
    return Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(") ")[2].startswith("T")


@contextmanager
def no_room(pid: int) -> Iterator[None]:
    """A full disk, for one process: no file may grow beyond a byte (setrlimit(2), RLIMIT_FSIZE; Python and what it
    starts ignore SIGXFSZ, so that a write fails with EFBIG as it would with ENOSPC)."""
    soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, hard))
    try:
        yield
    finally:
        with suppress(ProcessLookupError):  # it died of it
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))


__all__ = ["Node", "Town", "no_room", "stopped", "until"]
