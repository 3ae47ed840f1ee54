"""The projection once more, in memory: what every derived key must be, against what the store holds of it.

It is compared while the node goes on: some hundred keys are read in one command together with the size that they
follow, and the replay goes on to that size before it is asked.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice

import redis

from verifier.statements import cbor
from verifier.store import layout
from verifier.store.log import LogStore
from verifier.store.projection import CHUNK, Closed, Manifests, Openings, derived_keys, follow

LAID_BYTES = 2**20


class Memory:
    """Values and writer of a projection (store/projection) in this process."""

    def __init__(self) -> None:
        self.values: dict[bytes, bytes] = {}
        self._parts: dict[bytes, bytearray] = {}

    def get(self, name: bytes, /) -> bytes | None:
        """A value."""
        part = self._parts.get(name)
        return self.values.get(name) if part is None else bytes(part)

    def names(self) -> list[bytes]:
        """Every key that is set, sorted."""
        return sorted(self.values.keys() | self._parts.keys())

    def __contains__(self, name: bytes) -> bool:
        return name in self.values or name in self._parts

    def put(self, values: Mapping[bytes, bytes]) -> None:
        """Set keys."""
        self.values.update(values)

    def write(self, key: bytes, offset: int, part: bytes) -> None:
        """Write a part of a value; what lies before it and was never written is zeros."""
        value = self._parts.setdefault(key, bytearray())
        value.extend(bytes(max(0, offset + len(part) - len(value))))
        value[offset : offset + len(part)] = part

    def remove(self, keys: Iterable[bytes]) -> None:
        """Remove keys."""
        for key in keys:
            self.values.pop(key, None)
            self._parts.pop(key, None)

    def keep(self) -> None:
        """Nobody else writes here."""


class Shadow:
    """A replay into memory, that follows the store's ledger as far as it is asked."""

    def __init__(self, client: redis.Redis, openings: Openings, manifests: Manifests) -> None:
        self.client, self.log, self.memory = client, LogStore(client), Memory()
        self.size, self.closed = 0, list[Closed]()
        self._sources = openings, manifests

    def follow(self, size: int, progress: Callable[[int], None] = lambda _: None) -> None:
        """Follow the ledger up to `size` leaves. Raises LookupError for a statement that is gone or altered."""
        leaves = range(self.size, size)
        self.closed += follow(self.log, leaves, self.memory, *self._sources, self.memory, progress)
        self.size = max(self.size, size)

    def differences(self) -> Iterator[str]:
        """A sentence for each derived key that is not what follows from the ledger. The buckets of a batch whose packs
        cannot be read here are passed over: they answer for nothing."""
        names = iter(self.memory.names())
        while chunk := list(islice(names, CHUNK)):
            for name, value in zip(chunk, self._held(chunk), strict=True):
                if value != self.memory.get(name):
                    yield f"{told(name)}: expected what follows from the ledger, found {'others' if value else 'none'}"
        foreign = [name for name in derived_keys(self.client) if name not in self.memory]
        self._held([])  # what became a leaf meanwhile is no stranger
        passed = self._passed()
        for name in sorted(foreign):
            if name not in self.memory and not name.startswith(passed):
                yield f"{told(name)}: expected no such key, found one"

    def _held(self, names: list[bytes]) -> list[object]:
        """What the store holds under these names; the replay then stands where they stood."""
        at, *values = self.client.mget([layout.PROJECTED, *names])
        size = int.from_bytes(at, "big") if isinstance(at, bytes) else 0
        if size < self.size:
            raise LookupError(f"expected the projection of {self.size} leaves, found it being replayed at {size}")
        self.follow(size)
        return list(values)

    def _passed(self) -> tuple[bytes, ...]:
        """Beginnings of the keys of batches that are no leaves yet, or cannot be read here."""
        laid = self.client.get(layout.LAID)
        notes = cbor.decode(laid, LAID_BYTES) if isinstance(laid, bytes) else []
        lots = [(gtin, batch) for gtin, batch, _ in notes] + [(one.gtin, one.batch) for one in self.closed]
        return tuple(one for lot in lots for one in (layout.buckets(*lot), layout.derived(("heap", *lot))))


def told(name: bytes) -> str:
    """A key, for people."""
    return name.decode("utf-8", "backslashreplace")
