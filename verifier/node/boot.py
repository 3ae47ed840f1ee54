"""Before it signs anything, the node hashes again what it holds: a store that lost or changed a byte is refused.

One sentence says what is wrong and what to do. Comparing with witnesses and a chain comes when there are some.
"""

from collections.abc import Callable

import redis

from verifier.ledger import checkpoint as notes
from verifier.ledger import tiles
from verifier.ledger.merkle import leaf_hash
from verifier.ledger.policy import Policy
from verifier.store.log import LogStore

RUN = 4096


class Corrupt(RuntimeError):
    """The store does not hold what its own checkpoint says."""


def verify(client: redis.Redis, policy: Policy, progress: Callable[[int], None] = lambda _: None) -> int:
    """Hash every id and body again and compare with the signed checkpoint; the size. Raises Corrupt."""
    log = LogStore(client)
    note = log.checkpoint()
    if note is None:
        return 0
    try:
        head = notes.open(note, policy)
        root = _root(log, head.size, progress)
    except (ValueError, LookupError) as fault:
        raise Corrupt(f"the ledger in this store is damaged ({fault}); restore it from another member") from fault
    if root != head.root:
        found = f"expected root {head.root.hex()} at {head.size} leaves, found {root.hex()}"
        raise Corrupt(f"the ledger in this store is damaged ({found}); restore it from another member")
    return head.size


def _root(log: LogStore, size: int, progress: Callable[[int], None]) -> bytes:
    """The root that the ids give, each body hashed and each stored tile compared on the way."""
    grown: dict[tuple[int, int], bytes] = {}
    root = tiles.root(0, log.tile)

    def so_far(level: int, number: int, width: int) -> bytes:
        return grown[level, number][: width * 32]

    for start in range(0, size, RUN):
        ids = log.ids(start, min(start + RUN, size))
        log.bodies(ids)
        news, root = tiles.grow(start, [leaf_hash(i) for i in ids], so_far)
        grown |= news
        progress(start + len(ids))
    for (level, number), value in grown.items():
        if log.tile(level, number, len(value) // 32) != value:
            raise LookupError(f"tile {level}/{number}: expected the hashes of its leaves, found others")
    return root
