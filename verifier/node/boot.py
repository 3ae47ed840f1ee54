"""Before it signs anything, the node hashes again what it holds: a store that lost or changed a byte is refused.

One sentence says what is wrong and what to do. Comparing with witnesses and a chain comes when there are some; until
then the last checkpoint published from this machine (node/highwater) is what a store cannot be rolled back behind.
"""

from collections.abc import Callable

import redis

from verifier.ledger import checkpoint as notes
from verifier.ledger import tiles
from verifier.ledger.checkpoint import Checkpoint
from verifier.ledger.merkle import leaf_hash
from verifier.ledger.policy import Policy
from verifier.store import layout
from verifier.store.log import LogStore

RUN = 4096
RESTORE = "restore the newest copy of the store, or another member's"


class Corrupt(RuntimeError):
    """The store does not hold what was published."""


def verify(
    client: redis.Redis, policy: Policy, mark: bytes | None = None, progress: Callable[[int], None] = lambda _: None
) -> int:
    """Hash every id and body again, compare leaf numbers, tiles, the signed checkpoint and `mark`, the last one known
    to be published; the size. `progress` gets the leaves done, every 4096. Raises Corrupt."""
    log = LogStore(client)
    note = log.checkpoint()
    try:
        before = notes.open(mark, policy) if mark else None
    except ValueError as fault:
        told = f"the checkpoint in node/high-water is not this log's ({fault}); put back the file, or the log's key"
        raise Corrupt(told) from fault
    try:
        head = notes.open(note, policy) if note else None
        if head is None and client.exists(layout.PROJECTED, layout.entries(0)):
            raise LookupError("expected a checkpoint, found leaves without one")
        _not_behind(head, before)
        if head is not None:
            _compare(log, head, before, progress)
    except (ValueError, LookupError) as fault:
        raise Corrupt(f"the ledger in this store is damaged, or not this log's ({fault}); {RESTORE}") from fault
    return head.size if head else 0


def _not_behind(head: Checkpoint | None, before: Checkpoint | None) -> None:
    size = head.size if head else 0
    if before is not None and size < before.size:
        raise Corrupt(
            f"this store holds {size} leaves, and {before.size} were published from this machine: it was emptied, "
            f"rolled back or exchanged; {RESTORE}, or begin another ledger in another PROBATUM_DATA"
        )


def _compare(log: LogStore, head: Checkpoint, before: Checkpoint | None, progress: Callable[[int], None]) -> None:
    """Grow the tree again from the ids, and hold it against everything that is stored of it."""
    grown: dict[tuple[int, int], bytes] = {}
    root = tiles.root(0, log.tile)

    def so_far(level: int, number: int, width: int) -> bytes:
        return grown[level, number][: width * 32]

    for start in range(0, head.size, RUN):
        ids = log.ids(start, min(start + RUN, head.size))
        _numbered(log, start, ids)
        log.bodies(ids)
        news, root = tiles.grow(start, [leaf_hash(i) for i in ids], so_far)
        grown |= news
        progress(start + len(ids))
    _same("root", head, root)
    if before is not None:
        _same("root in node/high-water", before, tiles.root(before.size, so_far))
    for (level, number), value in grown.items():
        if log.tile(level, number, len(value) // 32) != value:
            raise LookupError(f"tile {level}/{number}: expected the hashes of its leaves, found others")


def _numbered(log: LogStore, start: int, ids: list[bytes]) -> None:
    for number, found in enumerate(log.indexes(ids), start):
        if found != number:
            raise LookupError(f"statement {ids[number - start].hex()}: expected leaf {number}, found {found}")


def _same(what: str, expected: Checkpoint, found: bytes) -> None:
    if expected.root != found:
        told = f"{expected.root.hex()} at {expected.size} leaves, found {found.hex()}"
        raise LookupError(f"{what}: expected {told}")
