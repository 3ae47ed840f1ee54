"""The pack keys that batches register: which may be, and where a scan finds them. Nothing is signed or checked here.

A pack key serves one batch and is no member's key, so it opens no door: it may not be one that is enrolled, nor the
log's, nor another batch's, and nobody may enrol it later.
"""

from collections.abc import Callable

from verifier.state.keys import Name
from verifier.statements import cbor
from verifier.statements.batch import Batch
from verifier.statements.envelope import Statement, kid_of, usable_key
from verifier.statements.errors import Refused
from verifier.statements.pack_signature import hint_of

Read = Callable[[Name], bytes | None]


def registered(statement: Statement, body: Batch, index: int, read: Read) -> dict[Name, bytes]:
    """What a batch's pack key adds to the projection, nothing without one; raises Refused for a key it may not be."""
    if body.pack_key is None:
        return {}
    kid = kid_of(body.pack_key)
    if not usable_key(body.pack_key):
        raise Refused("weak_key", value=kid.hex(), expected="a usable Ed25519 key", found="a weak point")
    if read(("key", kid.hex())) is not None:
        raise Refused("key_taken", value=kid.hex(), expected="a key of this batch alone", found="an enrolled key")
    check_free(kid, read)
    name = pack_keys(body.gtin, hint_of(body.pack_key))
    before = read(name)
    rows = [*(cbor.decode(before) if before is not None else ()), [index, statement.id, statement.kid]]
    return {name: cbor.encode(rows), ("reserved", kid.hex()): cbor.encode(statement.id)}


def check_free(kid: bytes, read: Read) -> None:
    """Raise Refused if a key is reserved: a batch's, or the log's."""
    if read(("reserved", kid.hex())) is not None:
        raise Refused("key_taken", value=kid.hex(), expected="a new key", found="a batch's or the log's")


def pack_keys(gtin: str, hint: bytes) -> Name:
    """The name of the batches of a product whose pack key has this hint."""
    return ("pack_keys", gtin, hint.hex())
