"""The log as Redis keeps it: tiles, ids, bodies, checkpoint. Reads of what is immutable are remembered in the process.

Tiles, ids and leaf numbers are written in the step that publishes the checkpoint over them (node/sequencer): the store
never holds more of them than was published. Bodies come before, and one without a leaf number means nothing.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import cast

import redis

from verifier.ledger import tiles
from verifier.ledger.merkle import leaf_hash
from verifier.store import layout

ID = 32
WIDTH = 256
KEPT = 256  # notes in the history (node/sequencer)
MEMO = 4096  # statements, paths and tiles remembered in a process


class LogStore:
    """Reads and prepares writes of the log. Not shared between processes; safe between threads."""

    def __init__(self, client: redis.Redis) -> None:
        self.client = client
        self._tile = lru_cache(MEMO)(self._read_tile)
        self._path = lru_cache(MEMO)(self._make_path)
        self._leaves: dict[bytes, tuple[int, bytes]] = {}

    def checkpoint(self) -> bytes | None:
        """The published signed note, or None before the first."""
        return _bytes(self.client.get(layout.CHECKPOINT))

    def history(self, start: int = 0, count: int = KEPT) -> list[bytes]:
        """The signed notes published last, newest first, from the `start`-th on: at most `count` of the KEPT."""
        end = start + count - 1
        return cast(list[bytes], self.client.lrange(layout.HISTORY, start, end)) if count > 0 else []

    def tile(self, level: int, number: int, width: int) -> bytes:
        """The first `width` hashes of a tile: immutable once below the published size (a ReadTile)."""
        return self._tile(level, number, width)

    def _read_tile(self, level: int, number: int, width: int) -> bytes:
        value = _bytes(self.client.getrange(layout.tile(level, number), 0, width * ID - 1)) or b""
        if len(value) != width * ID:
            raise LookupError(f"tile {level}/{number}: expected {width} hashes, found {len(value) // ID}")
        return value

    def path(self, index: int, size: int) -> tuple[bytes, ...]:
        """The inclusion path of a leaf in the tree of `size`."""
        return self._path(index, size)

    def _make_path(self, index: int, size: int) -> tuple[bytes, ...]:
        return tuple(tiles.inclusion_path(index, size, self.tile))

    def ids(self, start: int, end: int) -> list[bytes]:
        """The statement ids of leaves start..end-1."""
        runs = range(start // WIDTH, -(-end // WIDTH))
        values = [_bytes(v) or b"" for v in self.client.mget([layout.entries(n) for n in runs])] if runs else []
        joined = b"".join(values)
        offset = start - (start // WIDTH) * WIDTH
        found = [joined[i : i + ID] for i in range(offset * ID, (offset + end - start) * ID, ID)]
        if any(len(item) != ID for item in found):
            raise LookupError(f"entries {start} to {end}: expected {end - start} ids, found fewer")
        return found

    def indexes(self, ids: Sequence[bytes]) -> list[int | None]:
        """The leaf of each statement id; None for one that is not registered. Never remembered."""
        values = self.client.mget([layout.index(one) for one in ids]) if ids else []
        return [int.from_bytes(value, "big") if isinstance(value, bytes) else None for value in values]

    def leaf(self, statement_id: bytes) -> tuple[int, bytes] | None:
        """A registered statement: its leaf index and its bytes; None if it is not registered or its bytes are altered.
        Never remembered, one round trip: how long it takes must not tell who else asked for it."""
        values = self.client.mget([layout.index(statement_id), layout.body(statement_id)])
        index, raw = (_bytes(value) for value in values)
        if index is None or raw is None or sha256(raw).digest() != statement_id:
            return None
        return int.from_bytes(index, "big"), raw

    def leaves(self, ids: set[bytes]) -> list[tuple[int, bytes]] | None:
        """The (index, bytes) of registered statements, in one round trip for those not remembered; None if one is not
        registered or its bytes are altered."""
        known = {one: leaf for one in ids if (leaf := self._leaves.get(one)) is not None}
        missing = [one for one in ids if one not in known]
        if missing:
            keys = [key for one in missing for key in (layout.index(one), layout.body(one))]
            values = [_bytes(v) for v in self.client.mget(keys)]
            for one, index, raw in zip(missing, values[::2], values[1::2], strict=True):
                if index is None or raw is None or sha256(raw).digest() != one:
                    return None
                known[one] = (int.from_bytes(index, "big"), raw)
            if len(self._leaves) > MEMO:
                self._leaves = {}  # a new one: other threads may be reading the old
            self._leaves.update((one, known[one]) for one in missing)
        return [known[one] for one in ids]

    def bodies(self, ids: Sequence[bytes]) -> list[bytes]:
        """The statements of these ids, hashed again; LookupError names the first gone or altered."""
        values = [_bytes(v) for v in self.client.mget([layout.body(i) for i in ids])] if ids else []
        for wanted, value in zip(ids, values, strict=True):
            if value is None or sha256(value).digest() != wanted:
                raise LookupError(
                    f"statement {wanted.hex()}: expected its bytes, found {'others' if value else 'none'}"
                )
        return [value for value in values if value is not None]

    def growth(self, size: int, ids: Iterable[bytes]) -> tuple[dict[bytes, bytes], bytes]:
        """The keys to set (tiles and id runs) to grow the tree from `size` by `ids`, and the new root."""
        added = list(ids)
        grown, root = tiles.grow(size, [leaf_hash(i) for i in added], self.tile)
        writes = {layout.tile(level, number): value for (level, number), value in grown.items()}
        first = size // WIDTH
        tail = b"".join(self.ids(first * WIDTH, size)) + b"".join(added)
        for offset in range(0, len(tail), WIDTH * ID):
            writes[layout.entries(first + offset // (WIDTH * ID))] = tail[offset : offset + WIDTH * ID]
        return writes, root


def _bytes(value: object) -> bytes | None:
    return value if isinstance(value, bytes) else None
