"""The projection in Redis: what the reducers (state/replay) read and set, and the buckets that state bytes live in.

An Overlay holds the changes of one batch until they are written together with the checkpoint that makes them true.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from typing import Protocol

import redis

from verifier.state.keys import Name
from verifier.state.replay import Changes, Read, admit, batch_record, key_record
from verifier.statements import buckets, growing, manifest, serials
from verifier.statements.batch import Batch
from verifier.statements.buckets import pack_bucket
from verifier.statements.envelope import Statement, read
from verifier.statements.errors import Malformed
from verifier.statements.growing import HASH, Fold
from verifier.statements.kinds import body_of
from verifier.statements.roster import KeyRecord
from verifier.store import layout
from verifier.store.log import LogStore

Openings = Callable[[bytes], bytes | None]
Manifests = Callable[[bytes], Iterable[bytes] | None]
CHUNK = 256
MOST_PACKS = 10_000_000
"""In a batch: laying out so many takes the node a minute."""


class Writer(Protocol):
    """How the projection is written by the one who may: set all or none, write a part of a value, remove all or none,
    stay the one who may."""

    def put(self, values: Mapping[bytes, bytes]) -> None: ...
    def write(self, key: bytes, offset: int, part: bytes) -> None: ...
    def remove(self, keys: Iterable[bytes]) -> None: ...
    def keep(self) -> None: ...


class Values(Protocol):
    """Where a projection is read: a Redis, or a copy of one."""

    def get(self, name: bytes, /) -> object: ...


class Overlay:
    """The projection with changes on top, not yet written. `read` is what the reducers are given."""

    def __init__(self, values: Values) -> None:
        self.values = values
        self.changes: Changes = {}
        self._seen: dict[Name, bytes | None] = {}

    def read(self, name: Name) -> bytes | None:
        """A projected value, this overlay's first."""
        if name in self.changes:
            return self.changes[name]
        if name not in self._seen:
            value = self.values.get(layout.derived(name))
            self._seen[name] = value if isinstance(value, bytes) else None
        return self._seen[name]

    def apply(self, changes: Changes) -> None:
        """Add the changes of one leaf; a pack's state byte goes into its bucket."""
        for name, value in changes.items():
            if name[0] == "state":
                self._set_state(name, value[0])
            else:
                self.changes[name] = value

    def writes(self) -> dict[bytes, bytes]:
        """What to set in Redis."""
        return {layout.derived(name): value for name, value in self.changes.items()}

    def _set_state(self, name: Name, state: int) -> None:
        _, gtin, batch, serial = name
        bucket = self._bucket(gtin, batch, serial)
        value = self.read(bucket) if bucket else None
        position = buckets.find(value, serial.encode()) if value is not None else None
        if bucket and value is not None and position is not None:
            self.changes[bucket] = buckets.with_state(value, position, state)

    def _bucket(self, gtin: str, batch: str, serial: str) -> Name | None:
        record = batch_record(self.read, gtin, batch)
        return None if record is None else ("bucket", gtin, batch, str(serials.bucket_of(serial.encode(), record.k)))


@dataclass(frozen=True, slots=True)
class Opened:
    """A batch's secret, and its serials as its manifest gives them: once, and none is sure before the last."""

    secret: bytes
    serials: Iterator[bytes]


def open_batch(statement_id: bytes, body: Batch, openings: Openings, manifests: Manifests) -> Opened | None:
    """A batch, by its opening and its manifest; None without either."""
    secret, chunks = openings(statement_id), manifests(body.manifest)
    return None if secret is None or chunks is None else Opened(secret, manifest.decrypt(chunks, secret))


def lay_out(body: Batch, opened: Opened, writer: Writer) -> Iterator[int]:
    """Lay out a batch while its manifest is read: a value a bucket, and the tree's hashes. Exhaust it: at each step it
    has laid out some hundred buckets, and says how many serials they hold.

    Nothing of it is read before the batch is a leaf. Raises ValueError or OSError if the manifest is not what the maker
    signed: at the end at the earliest, so whoever does not come to a good end has `laid_out` to remove.
    """
    growing.check_k(body.k, body.count)
    prefix, heap = layout.buckets(body.gtin, body.batch), layout.derived(("heap", body.gtin, body.batch))
    fold = Fold(body.k, lambda node, hashes: writer.write(heap, HASH * node, hashes))
    rows = enumerate(growing.in_order(opened.serials, body.k))
    writer.write(heap, (2 * HASH << body.k) - 1, b"\0")  # in full length at once: grown in pieces it would weigh more
    count = 0
    while chunk := list(islice(rows, CHUNK)):
        if count > body.count:  # no further: a maker might sign few and seal millions
            raise _count(body, f"{count} or more")
        writer.put({prefix + index.to_bytes(4, "big"): pack_bucket(row, bytes(len(row))) for index, row in chunk})
        for index, row in chunk:
            fold.add(serials.bucket_digest(index, row, opened.secret))
        laid = sum(len(row) for _, row in chunk)
        count += laid
        yield laid
    if fold.root != body.root:
        raise Malformed("manifest", expected=f"serials under {body.root.hex()}", found=fold.root.hex())
    if count != body.count:
        raise _count(body, f"{count}")


def _count(body: Batch, found: str) -> Malformed:
    return Malformed("count", value=body.count, expected=f"{found}, as the manifest", found=str(body.count))


def laid_out(gtin: str, batch: str, k: int) -> Iterator[bytes]:
    """Every key that `lay_out` sets."""
    prefix = layout.buckets(gtin, batch)
    yield layout.derived(("heap", gtin, batch))
    yield from (prefix + index.to_bytes(4, "big") for index in range(1 << k))


def is_laid_out(client: redis.Redis, body: Batch) -> bool:
    """Whether `lay_out` came to its end: it writes the root last of all."""
    return client.getrange(layout.derived(("heap", body.gtin, body.batch)), HASH, 2 * HASH - 1) == body.root


def remove(writer: Writer, keys: Iterable[bytes]) -> None:
    """Remove any number of keys, some hundred at once."""
    source = iter(keys)
    while chunk := list(islice(source, CHUNK)):
        writer.remove(chunk)


def rebuild(
    client: redis.Redis,
    size: int,
    openings: Openings,
    manifests: Manifests,
    writer: Writer,
    progress: Callable[[int], None] = lambda _: None,
) -> list[str]:
    """Throw the projection away and follow the ledger's first `size` leaves again; the batches whose packs cannot be
    answered here, each with the reason. While it runs nothing is answered: PROJECTED is not the published size.

    Raises LookupError for a body that is gone or altered, and whatever `writer` raises.
    """
    writer.put({layout.PROJECTED: bytes(8)})
    remove(writer, derived_keys(client))
    closed = follow(LogStore(client), range(size), client, openings, manifests, writer, progress)
    writer.put({layout.PROJECTED: size.to_bytes(8, "big")})
    return [str(one) for one in closed]


@dataclass(frozen=True, slots=True)
class Closed:
    """A batch whose packs cannot be answered here, and why."""

    gtin: str
    batch: str
    why: str

    def __str__(self) -> str:
        return f"batch {self.batch} of {self.gtin}: {self.why}"


def follow(
    log: LogStore,
    leaves: range,
    values: Values,
    openings: Openings,
    manifests: Manifests,
    writer: Writer,
    progress: Callable[[int], None] = lambda _: None,
) -> list[Closed]:
    """Let the projection, read from `values` and written by `writer`, follow these leaves of the log; the batches that
    cannot be laid out. Raises LookupError for a body that is gone or altered, and whatever `writer` raises."""
    closed: list[Closed] = []
    for start in range(leaves.start, leaves.stop, CHUNK):
        ids = log.ids(start, min(start + CHUNK, leaves.stop))
        overlay = Overlay(values)
        for offset, raw in enumerate(log.bodies(ids)):
            statement = read(raw)
            overlay.apply(admit(statement, start + offset, overlay.read).changes)
            if isinstance(body := body_of(statement), Batch):
                closed += lay_out_again(statement, body, openings, manifests, writer)
            writer.keep()
        writer.put(overlay.writes())
        progress(start + len(ids))
    return closed


def lay_out_again(
    statement: Statement, body: Batch, openings: Openings, manifests: Manifests, writer: Writer
) -> Iterator[Closed]:
    """Lay out a batch that is a leaf; why not, if so: a member without the secret, or with a damaged manifest, restores
    everything but the buckets."""
    try:
        opened = open_batch(statement.id, body, openings, manifests)
        if opened is None:
            yield Closed(body.gtin, body.batch, "its manifest or its secret is not here")
            return
        for _ in lay_out(body, opened, writer):
            pass
    except (ValueError, OSError) as fault:
        remove(writer, laid_out(body.gtin, body.batch, body.k))
        yield Closed(body.gtin, body.batch, str(fault))


def derived_keys(client: redis.Redis) -> Iterator[bytes]:
    """Every key of the projection, in any order."""
    return (key for key in client.scan_iter(match=layout.DERIVED, count=1000))


def digest(client: redis.Redis) -> str:
    """One SHA-256 over every derived key and its bytes: equal before and after a rebuild."""
    total = sha256()
    for key in sorted(derived_keys(client)):
        value = client.get(key)
        total.update(len(key).to_bytes(4, "big") + key + sha256(value if isinstance(value, bytes) else b"").digest())
    return total.hexdigest()


def read_keys(client: redis.Redis, kids: Iterable[bytes]) -> dict[bytes, KeyRecord]:
    """The records of these key ids, those that are enrolled, in one round trip."""
    wanted = list(kids)
    values = client.mget([layout.derived(("key", kid.hex())) for kid in wanted])
    return {kid: key_record(value) for kid, value in zip(wanted, values, strict=True) if isinstance(value, bytes)}


def reader(client: redis.Redis) -> Read:
    """A plain reader of the projection."""
    return Overlay(client).read


def read_names(client: redis.Redis, names: Iterable[Name]) -> dict[Name, bytes | None]:
    """The projected values of these names, in one round trip, even for none."""
    wanted = list(names)
    values = client.mget([layout.PROJECTED, *(layout.derived(name) for name in wanted)])[1:]
    return {name: value if isinstance(value, bytes) else None for name, value in zip(wanted, values, strict=True)}
