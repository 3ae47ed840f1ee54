"""What a chain was seen to say of this ledger, as a verdict and the pages report it: reported and not proven, since no
evidence holds it. On a chain that is thrown away nothing is anchored, and nothing there is called so.
"""

from collections.abc import Callable
from typing import Any

import redis

from verifier.ledger.encoding import encode_base64
from verifier.store.anchors import Anchor, anchors, newest
from verifier.verdict.verdict import utc

REMEMBERED_S = 5
"""How long a worker goes by what it read: a verdict does not wait for a report."""


class Anchored:
    """Reads what is kept of the chain; `clock` gives Unix seconds."""

    def __init__(self, client: redis.Redis, clock: Callable[[], int]) -> None:
        self._client, self._clock = client, clock
        self._read: tuple[int, list[Anchor]] = (-REMEMBERED_S, [])

    def seen(self) -> list[Anchor]:
        """What was seen, newest first; nothing while the store does not answer."""
        at, seen = self._read
        if not 0 <= self._clock() - at < REMEMBERED_S:
            try:
                seen = anchors(self._client)
            except redis.RedisError:
                seen = []
            self._read = (self._clock(), seen)
        return seen

    def beside(self, size: int) -> dict[str, Any]:
        """What stands in the `ledger` of a verdict on a ledger of `size` leaves: `anchor`, None where there is none;
        and `development_chain`, only where there is one."""
        found = newest(self.seen(), size)
        if found is None:
            return {"anchor": None}
        if found.development:
            return {"anchor": None, "development_chain": told(found)}
        return {"anchor": told(found)}


def told(one: Anchor) -> dict[str, Any]:
    """As every door tells it (shapes.OnChain)."""
    return {
        "size": one.size,
        "root": encode_base64(one.root),
        "chain": one.chain,
        "contract": one.contract,
        "transaction": one.transaction,
        "block": one.block,
        "depth": one.depth,
        "time": utc(one.time),
        "accounts": one.accounts,
    }
