"""The node's patrol: the ledger's bytes hashed again all the time, a page between two steps, slowly.

What it finds wrong is an alarm: one sentence, in the log and (as layout.ALARM) at /readyz. From then on the node signs
nothing, since whatever it would sign stands on what it holds; what was published is answered on, since what is damaged
proves nothing and reads unverified at worst. The alarm ends when a node starts on a store whose every byte it found
whole (boot).
"""

from collections.abc import Callable, Iterator

import redis

from verifier.ledger.checkpoint import Checkpoint
from verifier.node.rehash import walk

PAGE = 256
PAUSE_S = 0.25
"""Between pages: a thousand leaves a second, a million in a quarter of an hour, for a hundredth of a core."""


class Patrol:
    """Hashes the ledger in `client` again and again; `clock` gives seconds that only go forward."""

    def __init__(self, client: redis.Redis, clock: Callable[[], float]) -> None:
        self.client, self._clock = client, clock
        self._next, self.passes = 0.0, 0
        self._pass: Iterator[int] = iter(())

    def look(self, head: Checkpoint) -> None:
        """A page more, where the last one is long enough ago; after the last page of a ledger begin with the first of
        the one published now, `head`. Raises Damaged, naming the first wrong leaf, or redis.RedisError."""
        now = self._clock()
        if now < self._next:
            return
        self._next = now + PAUSE_S
        if next(self._pass, None) is None:
            self.passes += 1
            self._pass = walk(self.client, head, run=PAGE, ahead=False)
