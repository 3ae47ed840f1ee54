"""The node's patrol: the ledger's bytes hashed again all the time, a page between two steps, slowly.

What it finds wrong is an alarm: one sentence, in the log and (as layout.ALARM) at /readyz. From then on the node signs
nothing, since whatever it would sign stands on what it holds; what was published is answered on, since what is damaged
proves nothing and reads unverified at worst. The alarm ends when a node starts on a store whose every byte it found
whole (boot).

Deposits are hashed again too. One that is damaged is told in the log and stops nobody: no signature stands on it, and
whoever reads it refuses it.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import redis

from verifier.ledger.checkpoint import Checkpoint
from verifier.node.rehash import walk
from verifier.statements.errors import Malformed
from verifier.store import deposits

PAGE = 256
PAUSE_S = 0.25
"""Between pages: a thousand leaves a second, a million in a quarter of an hour, for a hundredth of a core."""
CHUNKS = 16
"""Of a deposit, 64 KiB each, in a page."""


class Patrol:
    """Hashes the ledger in `client` and the deposits in `folder` again and again; `clock` gives seconds that only go
    forward, and `tell` is told of a damaged deposit."""

    def __init__(
        self, client: redis.Redis, folder: Path, clock: Callable[[], float], tell: Callable[[str], None]
    ) -> None:
        self.client, self._clock, self._tell = client, clock, tell
        self._deposits, self._told = self._hashed(folder), set[str]()
        self._next, self.passes = 0.0, 0
        self._pass: Iterator[int] = iter(())

    def look(self, head: Checkpoint) -> None:
        """A page more of both, where the last is long enough ago; after the last page of a ledger begin with the first
        of the one published now, `head`. Raises Damaged, naming the first wrong leaf, or redis.RedisError."""
        now = self._clock()
        if now < self._next:
            return
        self._next = now + PAUSE_S
        next(self._deposits)
        if next(self._pass, None) is None:
            self.passes += 1
            self._pass = walk(self.client, head, run=PAGE, ahead=False)

    def _hashed(self, folder: Path) -> Iterator[None]:
        """Hash each deposit, and begin again; yields after each page, for ever."""
        while True:
            for digest in deposits.held(folder):
                try:
                    for number, _ in enumerate(deposits.open_chunks(folder, digest), 1):
                        if number % CHUNKS == 0:
                            yield
                except Malformed as fault:
                    told = f"expected {fault.expected}, found {fault.found}"
                    self._tell_once(digest, f"deposit {digest} is damaged: {told}")
                except OSError as fault:
                    self._tell_once(digest, f"deposit {digest} could not be read: {fault}")
                yield
            yield

    def _tell_once(self, digest: str, sentence: str) -> None:
        if digest not in self._told:
            self._told.add(digest)
            self._tell(sentence)
