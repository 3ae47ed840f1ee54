"""Before it signs anything, the node hashes again what it holds: a store that lost or changed a byte is refused.

One sentence says what is wrong and what to do. What the store alone cannot show, an older copy of it being whole, is
told by the last checkpoint published from this machine (node/highwater); by its witnesses, who are asked to cosign the
head once more before anything new is signed (node/sequencer); and by the chain (commands/node).
"""

from collections.abc import Callable
from typing import cast

import redis

from verifier.ledger import checkpoint as notes
from verifier.ledger.checkpoint import Checkpoint
from verifier.ledger.policy import Policy
from verifier.node.rehash import Hear, Mark, walk
from verifier.store import layout
from verifier.store.log import LogStore

RESTORE = "restore the newest copy of the store, or another member's (python -m verifier restore)"


class Corrupt(RuntimeError):
    """The store does not hold what was published."""


def verify(
    client: redis.Redis, policy: Policy, mark: bytes | None = None, progress: Callable[[int], None] = lambda _: None
) -> int:
    """The size of the published ledger, once `examine` finds nothing wrong. Raises Corrupt."""
    head = examine(client, policy, mark, progress)
    return head.size if head else 0


def examine(
    client: redis.Redis,
    policy: Policy,
    mark: bytes | None = None,
    progress: Callable[[int], None] = lambda _: None,
    hear: Hear = lambda *_: None,
) -> Checkpoint | None:
    """Hash every id and body again, compare leaf numbers, tiles, the signed checkpoint and `mark`, the last one known
    to be published; the checkpoint, None before the first. `progress` gets the leaves done, every 2048, and `hear` the
    first leaf and the statements of each such run. Raises Corrupt."""
    note = LogStore(client).checkpoint()
    try:
        before = signed(mark, policy) if mark else None
    except ValueError as fault:
        told = f"the checkpoint in node/high-water is not this log's ({fault}); put back the file, or the log's key"
        raise Corrupt(told) from fault
    try:
        head = signed(note, policy) if note else None
        if head is None and client.exists(layout.PROJECTED, layout.entries(0)):
            raise LookupError("expected a checkpoint, found leaves without one")
        _not_behind(head, before)
        marks = [*([Mark("node/high-water", before)] if before else []), *_history(client, policy)]
        for done in walk(client, head, marks, hear) if head else ():
            progress(done)
    except (ValueError, LookupError) as fault:
        raise Corrupt(f"the ledger in this store is damaged, or not this log's ({fault}); {RESTORE}") from fault
    return head


def signed(note: bytes, policy: Policy) -> Checkpoint:
    """The checkpoint of a note that this log signed, each known witness's signature on it holding: what a node knows of
    its own. Whether they were enough is asked by whoever believes it. Raises NoteError."""
    notes.cosigned(note, policy)
    return notes.proposed(note, policy)


def _history(client: redis.Redis, policy: Policy) -> list[Mark]:
    """The notes that were published before, as far as they are kept."""
    kept = cast(list[bytes], client.lrange(layout.HISTORY, 0, -1))
    return [Mark(f"note {number} of the history", signed(note, policy)) for number, note in enumerate(kept)]


def _not_behind(head: Checkpoint | None, before: Checkpoint | None) -> None:
    size = head.size if head else 0
    if before is not None and size < before.size:
        raise Corrupt(
            f"this store holds {size} leaves, and {before.size} were published from this machine: it was emptied, "
            f"rolled back or exchanged; {RESTORE}, or begin another ledger in another PROBATUM_DATA"
        )
