"""The projection in Redis: what the reducers (state/replay) read and set, and the buckets that state bytes live in.

An Overlay holds the changes of one batch until they are written together with the checkpoint that makes them true.
"""

from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256

import redis

from verifier.state.keys import BatchRecord, Name
from verifier.state.replay import Changes, Read, admit, batch_record, key_record
from verifier.statements import buckets, cbor, manifest, serials
from verifier.statements.batch import Batch
from verifier.statements.envelope import read
from verifier.statements.kinds import body_of
from verifier.statements.roster import KeyRecord
from verifier.store import layout
from verifier.store.log import LogStore

Openings = Callable[[bytes], bytes | None]
Manifests = Callable[[bytes], Iterable[bytes] | None]
CHUNK = 512


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

    def holds(self, gtin: str, batch: str, serial: str) -> bool | None:
        """Whether the pack was issued; None where the bucket cannot be read here (no opening, or not yet built)."""
        bucket = self._bucket(gtin, batch, serial)
        value = self.read(bucket) if bucket else None
        return None if value is None else buckets.find(value, serial.encode()) is not None

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


def write_buckets(client: redis.Redis, gtin: str, batch: str, tree: serials.SerialTree) -> None:
    """Lay out a batch's serials: a value a bucket, and the tree's hashes. Read only once the batch is a leaf."""
    prefix = layout.buckets(gtin, batch)
    pipe = client.pipeline(transaction=False)
    for index, bucket in enumerate(tree.buckets):
        pipe.set(prefix + index.to_bytes(4, "big"), buckets.pack_bucket(bucket, bytes(len(bucket))))
        if index % CHUNK == CHUNK - 1:
            pipe.execute()
    pipe.set(layout.derived(("heap", gtin, batch)), tree.heap)
    pipe.execute()


def open_batch(
    record: BatchRecord, openings: Openings, manifests: Manifests, progress: Callable[[int], None] | None = None
) -> serials.SerialTree | None:
    """The serial tree of a batch from its opening and its manifest; None without either. Raises ValueError if the
    manifest does not give the root that the maker signed."""
    secret, chunks = openings(record.id), manifests(record.manifest)
    if secret is None or chunks is None:
        return None
    tree = serials.build(manifest.decrypt(chunks, secret), secret, record.k, progress=progress)
    if tree.root != record.root:
        raise ValueError(f"manifest: expected serials under {record.root.hex()}, found {tree.root.hex()}")
    return tree


def rebuild(
    client: redis.Redis,
    log: LogStore,
    size: int,
    openings: Openings,
    manifests: Manifests,
    progress: Callable[[int], None] = lambda _: None,
) -> None:
    """Throw the projection away and follow the ledger's first `size` leaves again. While it runs nothing is answered
    (PROJECTED is not the published size). Raises LookupError for a body that is gone or altered."""
    client.set(layout.PROJECTED, bytes(8))
    for key in derived_keys(client):
        client.delete(key)
    for start in range(0, size, CHUNK):
        ids = log.ids(start, min(start + CHUNK, size))
        overlay = Overlay(client)
        for offset, raw in enumerate(log.bodies(ids)):
            statement = read(raw)
            changes = admit(statement, start + offset, overlay.read).changes
            body = body_of(statement)
            if isinstance(body, Batch):
                record = BatchRecord(*cbor.decode(changes["batch", body.gtin, body.batch]))
                tree = open_batch(record, openings, manifests)
                if tree is not None:
                    write_buckets(client, body.gtin, body.batch, tree)
            overlay.apply(changes)
        client.mset(overlay.writes())
        progress(start + len(ids))
    client.set(layout.PROJECTED, size.to_bytes(8, "big"))


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
