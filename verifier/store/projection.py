"""The projection in Redis: what the reducers (state/replay) read and set, and the buckets that state bytes live in.

An Overlay holds the changes of one batch until they are written together with the checkpoint that makes them true.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import sha256
from itertools import islice
from typing import Protocol

import redis

from verifier.state.keys import BatchRecord, Name
from verifier.state.replay import Changes, Read, admit, batch_record, key_record
from verifier.statements import buckets, cbor, manifest, serials
from verifier.statements.batch import Batch
from verifier.statements.buckets import pack_bucket
from verifier.statements.envelope import read
from verifier.statements.kinds import body_of
from verifier.statements.roster import KeyRecord
from verifier.store import layout
from verifier.store.log import LogStore

Openings = Callable[[bytes], bytes | None]
Manifests = Callable[[bytes], Iterable[bytes] | None]
CHUNK = 256
MOST_PACKS = 10_000_000
"""In a batch: a tree of this many takes a minute and over a gigabyte to build, and nothing else is registered then."""

Put = Callable[[Mapping[bytes, bytes]], object]


class Writer(Protocol):
    """How the projection is written by the one who may: set all or none, remove all or none, stay the one who may."""

    def put(self, values: Mapping[bytes, bytes]) -> None: ...
    def remove(self, keys: Iterable[bytes]) -> None: ...
    def keep(self) -> None: ...


class Overlay:
    """The projection with changes on top, not yet written. `read` is what the reducers are given."""

    def __init__(self, client: redis.Redis) -> None:
        self.client = client
        self.changes: Changes = {}
        self._seen: dict[Name, bytes | None] = {}

    def read(self, name: Name) -> bytes | None:
        """A projected value, this overlay's first."""
        if name in self.changes:
            return self.changes[name]
        if name not in self._seen:
            value = self.client.get(layout.derived(name))
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


def write_buckets(put: Put, gtin: str, batch: str, tree: serials.SerialTree) -> None:
    """Lay out a batch's serials: a value a bucket, and the tree's hashes. Read only once the batch is a leaf."""
    prefix = layout.buckets(gtin, batch)
    values = ((prefix + n.to_bytes(4, "big"), pack_bucket(row, bytes(len(row)))) for n, row in enumerate(tree.buckets))
    while chunk := dict(islice(values, CHUNK)):
        put(chunk)
    put({layout.derived(("heap", gtin, batch)): tree.heap})


def laid_out(gtin: str, batch: str, k: int) -> list[bytes]:
    """Every key that `write_buckets` sets."""
    prefix = layout.buckets(gtin, batch)
    return [layout.derived(("heap", gtin, batch)), *(prefix + n.to_bytes(4, "big") for n in range(1 << k))]


def open_batch(
    record: BatchRecord, openings: Openings, manifests: Manifests, progress: Callable[[int], None] | None = None
) -> serials.SerialTree | None:
    """The serial tree of a batch from its opening and its manifest; None without either. Raises ValueError if the
    manifest does not give the root that the maker signed."""
    secret, chunks = openings(record.id), manifests(record.manifest)
    if secret is None or chunks is None:
        return None
    names = islice(manifest.decrypt(chunks, secret), MOST_PACKS + 1)
    tree = serials.build(names, secret, record.k, progress=progress)
    if tree.root != record.root:
        raise ValueError(f"manifest: expected serials under {record.root.hex()}, found {tree.root.hex()}")
    return tree


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
    keys = derived_keys(client)
    while chunk := list(islice(keys, CHUNK)):
        writer.remove(chunk)
    log = LogStore(client)
    closed: list[str] = []
    for start in range(0, size, CHUNK):
        ids = log.ids(start, min(start + CHUNK, size))
        overlay = Overlay(client)
        for offset, raw in enumerate(log.bodies(ids)):
            statement = read(raw)
            changes = admit(statement, start + offset, overlay.read).changes
            overlay.apply(changes)
            if isinstance(body := body_of(statement), Batch):
                record = BatchRecord(*cbor.decode(changes["batch", body.gtin, body.batch]))
                closed += _lay_out_again(body, record, openings, manifests, writer)
            writer.keep()
        writer.put(overlay.writes())
        progress(start + len(ids))
    writer.put({layout.PROJECTED: size.to_bytes(8, "big")})
    return closed


def _lay_out_again(
    body: Batch, record: BatchRecord, openings: Openings, manifests: Manifests, writer: Writer
) -> Iterator[str]:
    """A member without the secret, or with a damaged manifest, restores everything but the buckets."""
    try:
        tree = open_batch(record, openings, manifests, lambda _: writer.keep())
    except (ValueError, OSError) as fault:
        yield f"batch {body.batch} of {body.gtin}: {fault}"
        return
    if tree is None:
        yield f"batch {body.batch} of {body.gtin}: its manifest or its secret is not here"
    else:
        write_buckets(writer.put, body.gtin, body.batch, tree)


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
