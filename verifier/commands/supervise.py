"""Services kept alive in order, and stopped in the reverse order. What they are is serve.py's table.

A vital service that dies before it is ready ends everything, with its reason; one that dies later is started again,
until it has died too often too quickly. The others are started again however often they die.
"""

import contextlib
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from verifier.process import Process

TICK_S = 0.1
QUICK_DEATHS, WITHIN_S = 5, 60.0
PAUSES_S = (0.1, 1.0, 4.0, 8.0)
"""Before the first, second, third and fourth restart of a service that keeps dying; together longer than a lease."""
SAY_EVERY_S = 2.0

Report = Callable[[str], None]


class ServeError(Exception):
    """We could not serve, or not go on; the sentence says why."""


class Service(Protocol):
    """What the supervisor needs: `start` returns at once, `stop` when nothing is left, `death` is for people. Without
    one that is `vital` the house cannot stand; the others are only started again."""

    name: str
    bound_s: float
    reloads: bool
    vital: bool

    def start(self) -> None: ...
    def alive(self) -> bool: ...
    def ready(self) -> bool: ...
    def death(self) -> str: ...
    def stop(self) -> None: ...


class Child:
    """A process of ours as a service; `ready` is asked from outside, within `bound_s` seconds of its start."""

    reloads = True
    vital = True

    def __init__(self, process: Process, ready: Callable[[], bool], bound_s: float = 60.0) -> None:
        self.name, self.process, self.ready, self.bound_s = process.name, process, ready, bound_s
        self.start, self.alive, self.stop = process.start, process.alive, process.stop

    def death(self) -> str:
        """How it ended; what it printed stands above."""
        return f"{self.process.death()}; what it said stands above"


class Supervisor:
    """Runs `services` until SIGTERM, SIGINT or SIGHUP, from the main thread."""

    def __init__(self, services: Sequence[Service], report: Report, changed: Callable[[], bool] | None = None) -> None:
        """`changed` is asked every tick: when true, what `reloads` is started again (`make dev`)."""
        self.services, self.report, self.changed = services, report, changed
        self._stopping = False
        self._started: list[Service] = []
        self._deaths: dict[str, deque[float]] = {service.name: deque() for service in services}
        self._resume: dict[str, float] = {}

    def run(self, once_ready: Callable[[], None] = lambda: None) -> None:
        """Bring every service up, call `once_ready` in a thread of its own, watch, stop all. Raises ServeError, after
        stopping all, if one does not come up, dies too often, or `once_ready` raises."""
        with self._signals():
            try:
                for service in self.services:
                    self._bring_up(service)
                if not self._stopping:
                    self._watch(_Task(once_ready))
            finally:
                for service in reversed(self._started):
                    self.report(f"{service.name}: stopping")
                    service.stop()

    def _bring_up(self, service: Service) -> None:
        if self._stopping:
            return
        begun = time.monotonic()
        said = begun
        self.report(f"{service.name}: starting")
        self._started.append(service)
        service.start()
        while not self._stopping and not service.ready():
            now = time.monotonic()
            if fault := self._late(service, now - begun):
                if service.vital:
                    raise ServeError(fault)
                self.report(f"{fault}; going on without it")
                return
            if now - said > SAY_EVERY_S:
                said = now
                self.report(f"{service.name}: still starting, {now - begun:.0f} s")
            time.sleep(TICK_S / 2)
        if not self._stopping:
            self.report(f"{service.name}: ready after {time.monotonic() - begun:.1f} s")

    @staticmethod
    def _late(service: Service, waited_s: float) -> str | None:
        """Why a service that is not ready yet is waited for no longer."""
        if not service.alive():
            return f"{service.name} ended before it was ready: {service.death()}"
        if waited_s > service.bound_s:
            return f"{service.name}: expected it ready within {service.bound_s:.0f} s, found it is not"
        return None

    def _watch(self, task: "_Task") -> None:
        task.start()
        while not self._stopping:
            for service in self.services:
                if not service.alive():
                    self._revive(service, time.monotonic())
            if task.error is not None:
                raise ServeError(f"after the start: {task.error}") from task.error
            if self.changed and self.changed():
                self._reload()
            time.sleep(TICK_S)

    def _revive(self, service: Service, now: float) -> None:
        resume = self._resume.get(service.name)
        if resume is None:
            pause = self._mourn(service, now)
            self._resume[service.name] = now + pause
            self.report(f"{service.name}: ended ({service.death()}), starting again in {pause} s")
        elif now >= resume:
            del self._resume[service.name]
            service.start()

    def _mourn(self, service: Service, now: float) -> float:
        deaths = self._deaths[service.name]
        deaths.append(now)
        while now - deaths[0] > WITHIN_S:
            deaths.popleft()
        if len(deaths) >= QUICK_DEATHS and service.vital:
            raise ServeError(f"{service.name} died {len(deaths)} times within {WITHIN_S:.0f} s: {service.death()}")
        return PAUSES_S[min(len(deaths), len(PAUSES_S)) - 1]

    def _reload(self) -> None:
        self.report("the code changed: starting again")
        children = [service for service in self.services if service.reloads]
        for service in reversed(children):
            service.stop()
        for service in children:
            service.start()

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        def stop(_number: int, _frame: object) -> None:
            self._stopping = True

        before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class _Task(threading.Thread):
    """Work beside the watching, ended with the process; keeps what it raised."""

    def __init__(self, work: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self.work = work
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            self.work()
        except Exception as error:
            self.error = error
