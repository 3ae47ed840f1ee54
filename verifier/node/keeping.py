"""Deposits that no leaf refers to are removed when they are a day old: an issue given up, a batch refused.

Between the node's steps the ledger is followed a page at a time; only when all of it was read is anything removed. A
deposit sent again is new again, and every sender sends it right before its statement, so none is missed on its way.
"""

import logging
from collections.abc import Callable
from pathlib import Path

from verifier.statements.envelope import read
from verifier.statements.kinds import body_of
from verifier.store import deposits
from verifier.store.log import LogStore

DAY_S = 86_400
PAGE = 256
told = logging.getLogger("probatum.node")


class Keeper:
    """Looks after the deposits in `folder`; `clock` gives Unix seconds."""

    def __init__(self, log: LogStore, folder: Path, clock: Callable[[], int]) -> None:
        self._log, self._folder, self._clock = log, folder, clock
        self._referred: set[str] = set()
        self._followed, self._next = 0, clock()

    def look(self, size: int) -> list[str]:
        """Once a day, follow a page more of the ledger's `size` leaves, or, if all are followed, remove what none
        refers to; the digests removed. Call it while no batch is on its way. A body that is gone or altered stops it
        for the day: what it refers to is not known."""
        now = self._clock()
        if now < self._next:
            return []
        try:
            if self._followed < size:
                self._follow(min(self._followed + PAGE, size))
                return []
        except LookupError as fault:
            told.warning("no deposit is removed today: %s", fault)
            self._next = now + DAY_S
            return []
        self._next = now + DAY_S
        return deposits.collect(self._folder, self._referred, DAY_S, now)

    def _follow(self, end: int) -> None:
        for raw in self._log.bodies(self._log.ids(self._followed, end)):
            self._referred |= {digest.hex() for digest in body_of(read(raw)).deposits()}
        self._followed = end
