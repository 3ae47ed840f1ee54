"""Which catalogues are in force: of each source the newest, from the member that published it first.

A source is its first publisher's, so that nobody else's rows are shown under its name; an older file is refused, so
that a slip does not take last year's names for today's.
"""

from collections.abc import Callable

import msgspec

from verifier.state.keys import CatalogueRecord, Name
from verifier.statements import cbor
from verifier.statements.catalogue import Catalogue
from verifier.statements.envelope import Statement
from verifier.statements.errors import Refused

Read = Callable[[Name], bytes | None]
NAME: Name = ("catalogues",)
MOST = 100


def published(statement: Statement, body: Catalogue, member: str, index: int, read: Read) -> dict[Name, bytes]:
    """What a catalogue changes in the projection; raises Refused for another's source, or an older day."""
    standing = {record.source: record for record in records(read(NAME))}
    before = standing.get(body.source)
    if before is not None and before.member != member:
        raise Refused("source_taken", value=body.source, expected=f"{before.member}, who publishes it", found=member)
    if before is not None and before.published > body.published:
        expected = f"one of {before.published} or later"
        raise Refused("older_catalogue", value=body.source, expected=expected, found=body.published)
    if before is None and len(standing) >= MOST:
        raise Refused("catalogues", value=body.source, expected=f"at most {MOST} sources", found=f"{MOST + 1}")
    record = CatalogueRecord(body.source, member, index, statement.id, body.published, body.rows)
    rows = sorted({**standing, body.source: record}.items())
    return {NAME: cbor.encode([msgspec.to_builtins(row, builtin_types=(bytes,)) for _, row in rows])}


def records(value: bytes | None) -> tuple[CatalogueRecord, ...]:
    """The catalogues in a ("catalogues",) value, the newest first."""
    rows = cbor.decode(value) if value is not None else []
    found = msgspec.convert(rows, list[CatalogueRecord], builtin_types=(bytes,))
    return tuple(sorted(found, key=lambda record: (record.published, record.index), reverse=True))
