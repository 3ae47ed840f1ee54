"""Evidence: raw exhibits and nothing concluded from them. A proof file *is* this, serialised.

    { "v": 1,
      "checkpoint": bytes,                         the log's signed note (C2SP tlog-checkpoint)
      "statements": [[index, statement, path]],    by leaf index; path = the inclusion proof's hashes, concatenated
      "serial": [...],                             the pack's place in its batch's serial tree (statements/serials)
      "answer": bytes,                             the node's signed answer: state, and every id that applies
      "growth": [size, root, path] }               a consistency proof from a smaller checkpoint, if one was asked for

Deterministic CBOR, at most 1 MiB. A whole lot's has no serial and no answer. Trust never comes from here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from verifier.statements import cbor
from verifier.statements.errors import Malformed
from verifier.statements.serials import SerialProof, from_map, to_map

VERSION = 1
MAX_BYTES = 1 << 20
_FIELDS = {"v", "checkpoint", "statements", "serial", "answer", "growth"}


@dataclass(frozen=True, slots=True)
class Exhibit:
    """A registered statement and the proof that it is leaf `index` (hashes from the leaf's sibling up)."""

    index: int
    raw: bytes
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Growth:
    """A consistency proof: the tree of `size` leaves with `root` is a prefix of the checkpoint's."""

    size: int
    root: bytes
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was gathered about one identity; any part may be missing, and none is believed before `judge` checks it."""

    checkpoint: bytes | None = None
    statements: tuple[Exhibit, ...] = ()
    serial: SerialProof | None = None
    answer: bytes | None = None
    growth: Growth | None = None


def encode(evidence: Evidence) -> bytes:
    """The file's bytes; parts that are missing are left out."""
    growth = evidence.growth
    fields: dict[str, Any] = {
        "v": VERSION,
        "checkpoint": evidence.checkpoint,
        "statements": [[e.index, e.raw, b"".join(e.path)] for e in evidence.statements],
        "serial": to_map(evidence.serial) if evidence.serial else None,
        "answer": evidence.answer,
        "growth": [growth.size, growth.root, b"".join(growth.path)] if growth else None,
    }
    return cbor.encode({name: value for name, value in fields.items() if value is not None})


def decode(data: bytes) -> Evidence:
    """Parse a file strictly; raises Malformed saying what is not as the door of this file shows it."""
    fields = cbor.decode(data, MAX_BYTES)
    if not isinstance(fields, dict) or not set(fields) <= _FIELDS or not _is(fields.get("v"), VERSION):
        raise Malformed("evidence", expected="an evidence map of version 1", found=str(fields)[:40])
    checkpoint, answer = (_optional_bytes(fields, name) for name in ("checkpoint", "answer"))
    return Evidence(
        checkpoint=checkpoint,
        statements=tuple(_exhibit(row) for row in _rows(fields.get("statements", []))),
        serial=_serial(fields["serial"]) if "serial" in fields else None,
        answer=answer,
        growth=_growth(fields["growth"]) if "growth" in fields else None,
    )


def _rows(value: object) -> Sequence[object]:
    if not isinstance(value, list) or len(value) > 1000:
        raise Malformed("evidence", expected="at most 1000 statements", found=str(value)[:40])
    return value


def _exhibit(row: object) -> Exhibit:
    match row:
        case [int(index), bytes(raw), bytes(path)] if index >= 0 and type(index) is int:
            return Exhibit(index, raw, _hashes(path))
    raise Malformed("evidence", expected="[index, statement, path]", found=str(row)[:40])


def _growth(row: object) -> Growth:
    match row:
        case [int(size), bytes(root), bytes(path)] if size > 0 and type(size) is int and len(root) == 32:
            return Growth(size, root, _hashes(path))
    raise Malformed("evidence", expected="[size, root, path]", found=str(row)[:40])


def _serial(row: object) -> SerialProof:
    try:
        proof = from_map(row)
    except ValueError as fault:
        raise Malformed("evidence", expected="a serial proof", found=str(fault)[:80]) from fault
    return proof


def _hashes(path: bytes) -> tuple[bytes, ...]:
    if len(path) % 32 or len(path) > 64 * 32:
        raise Malformed("evidence", expected="whole hashes of 32 bytes, at most 64", found=f"{len(path)} bytes")
    return tuple(path[i : i + 32] for i in range(0, len(path), 32))


def _is(value: object, number: int) -> bool:
    """Equal, and no bool: Python holds True for 1, a second reader does not."""
    return type(value) is int and value == number


def _optional_bytes(fields: dict[str, Any], name: str) -> bytes | None:
    value = fields.get(name)
    if name in fields and not isinstance(value, bytes):
        raise Malformed("evidence", value=name, expected="bytes", found=type(value).__name__)
    return value
