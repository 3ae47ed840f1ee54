"""What is signed and not published yet: a proposal to the witnesses, durable before any of them sees it.

A witness never cosigns two roots of one size. So what one has seen is proposed until it is published, by this sequencer
or the next: exactly these bytes, never another tree of that size. One value holds all that publishing writes:

    SHA-256 of what follows (32 bytes) || CBOR {"note": the signed note, "writes": [key, value, ...], "laid": bytes}
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

import redis

from verifier.ledger import checkpoint as notes
from verifier.ledger.checkpoint import Checkpoint
from verifier.ledger.policy import Policy
from verifier.statements import cbor
from verifier.store import layout
from verifier.store.log import WIDTH, LogStore

DIGEST = 32


class PendingError(ValueError):
    """What is kept of a proposal is not what was kept."""


@dataclass(frozen=True)
class Pending:
    """`note` is signed by the log alone; `writes` are the keys to set when it is published, `laid` what layout.LAID is
    then (empty: removed)."""

    note: bytes
    writes: Mapping[bytes, bytes]
    laid: bytes = b""

    @cached_property
    def encoded(self) -> bytes:
        """As it is kept; its first 32 bytes name it."""
        flat = [part for pair in self.writes.items() for part in pair]  # a map's keys would be remembered by the codec
        data = cbor.encode({"note": self.note, "writes": flat, "laid": self.laid})
        return sha256(data).digest() + data

    @property
    def name(self) -> bytes:
        """What the publishing script compares."""
        return self.encoded[:DIGEST]

    def tile(self, log: LogStore, level: int, number: int, width: int) -> bytes:
        """The first hashes of a tile of the proposed tree (a ReadTile)."""
        value = self.writes.get(layout.tile(level, number), b"")[: width * DIGEST]
        return value if len(value) == width * DIGEST else log.tile(level, number, width)

    def ids(self, published: int, size: int) -> list[bytes]:
        """The statement ids from `published` to `size`, the leaves that it adds."""
        runs = range(published // WIDTH, -(-size // WIDTH))
        joined = b"".join(self.writes.get(layout.entries(number), b"") for number in runs)[published % WIDTH * DIGEST :]
        return [joined[at : at + DIGEST] for at in range(0, len(joined), DIGEST)]

    def check(self, log: LogStore, published: Checkpoint, policy: Policy) -> Checkpoint:
        """The checkpoint that it proposes, its leaves hashed again on top of the published ones. Raises NoteError,
        PendingError, or LookupError for a statement that is gone or altered."""
        head = notes.proposed(self.note, policy)
        ids = self.ids(published.size, head.size)
        log.bodies(ids)
        grown, root = log.growth(published.size, ids)
        if (published.size + len(ids), root) != (head.size, head.root):
            found = f"{published.size + len(ids)} leaves, root {root.hex()}"
            raise PendingError(f"proposal: expected {head.size} leaves, root {head.root.hex()}, found {found}")
        if any(self.writes.get(key) != value for key, value in grown.items()):
            raise PendingError("proposal: expected the tiles of its leaves, found others")
        return head


def read(client: redis.Redis) -> Pending | None:
    """What the store keeps of a proposal, or None. Raises PendingError where a byte of it changed."""
    kept = client.get(layout.PENDING)
    return decode(kept) if isinstance(kept, bytes) else None


def decode(kept: bytes) -> Pending:
    """A proposal as it is kept; raises PendingError."""
    data = kept[DIGEST:]
    if sha256(data).digest() != kept[:DIGEST]:
        raise PendingError("proposal: expected the bytes that were kept, found others")
    fields = cbor.decode(data, len(data))
    flat = fields["writes"]
    return Pending(fields["note"], dict(zip(flat[::2], flat[1::2], strict=True)), fields["laid"])
