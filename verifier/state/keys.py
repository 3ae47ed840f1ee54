"""The names of everything the projection holds. A name is a tuple; where it is kept is the store's business.

("ledger",)                        threshold of the genesis
("member", id) ("key", kid hex)    statements/roster records
("prefixes",)                      {company prefix: member}
("product", gtin)                  ProductRecord
("batch", gtin, batch)             BatchRecord
("batches", gtin)                  [batch, ...] the product's latest, oldest first
("recalls", gtin)                  [[index, id, kid], ...] of whole-product recalls
("recalls", gtin, batch)           [[index, id, kid], ...] of this lot's
("pack_keys", gtin, hint hex)      [[index, id, kid], ...] of the batches with a pack key of this hint (AI 91)
("reserved", kid hex)              id of the statement whose key no one may enrol: a batch's pack key, the log's own
("pack", gtin, batch, serial)      [custody Step, ...]
("state", gtin, batch, serial)     one byte; kept inside the pack's bucket
("catalogues",)                    [CatalogueRecord, ...] by source: the newest of each
("clock",) ("clock", page)         registered times: the count, and pages of [[size, time], ...]
"""

from msgspec import Struct

Name = tuple[str, ...]


class ProductRecord(Struct, frozen=True, array_like=True):
    """The product statement in force: its leaf, its id, and the key that signed it."""

    index: int
    id: bytes
    kid: bytes


class BatchRecord(Struct, frozen=True, array_like=True):
    """What a scan needs of a batch before it reads the statement itself."""

    index: int
    id: bytes
    kid: bytes
    issuer: str
    country: str
    day: str
    expiry: str
    k: int
    root: bytes
    manifest: bytes


class CatalogueRecord(Struct, frozen=True, array_like=True):
    """A catalogue in force: who publishes it, its leaf and id, its day (YYYY-MM-DD), the SHA-256 of its rows."""

    source: str
    member: str
    index: int
    id: bytes
    published: str
    rows: bytes
