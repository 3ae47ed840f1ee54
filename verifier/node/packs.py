"""Was this pack issued? Asked of every pack an event speaks of: it needs the batch's secret, so replay cannot ask it.

A bucket is believed only if it leads to the root that the maker signed: a serial slipped into Redis is nobody's.
"""

from functools import lru_cache

import redis

from verifier.state.keys import BatchRecord
from verifier.state.replay import batch_record
from verifier.statements import buckets, serials
from verifier.store import layout
from verifier.store.projection import Openings, Overlay

HASH = 32


class Packs:
    """The issued packs, as a node with the batches' openings can read them."""

    def __init__(self, client: redis.Redis, openings: Openings) -> None:
        self.client, self.openings = client, openings
        self._whole = lru_cache(4096)(self._leads_to_root)  # by a bucket's serials, which never change; not its states

    def issued(self, gtin: str, batch: str, serial: bytes, overlay: Overlay) -> bool | None:
        """Whether its batch holds the serial; None where that cannot be read here: no such batch, no opening, or a
        bucket that is not what the maker signed."""
        record = batch_record(overlay.read, gtin, batch)
        if record is None:
            return None
        index = serials.bucket_of(serial, record.k)
        value = overlay.read(("bucket", gtin, batch, str(index)))
        names, _ = buckets.unpack_bucket(value or b"")
        if value is None or not self._whole(gtin, batch, record, index, names):
            return None
        return serial in names

    def _leads_to_root(self, gtin: str, batch: str, record: BatchRecord, index: int, names: tuple[bytes, ...]) -> bool:
        secret = self.openings(record.id)
        if secret is None:
            return False
        pipe = self.client.pipeline(transaction=False)
        for height in range(record.k):
            node = (1 << record.k | index) >> height ^ 1
            pipe.getrange(layout.derived(("heap", gtin, batch)), node * HASH, node * HASH + HASH - 1)
        digest = serials.bucket_digest(index, names, secret)
        return serials.root_from_bucket(index, digest, pipe.execute()) == record.root
