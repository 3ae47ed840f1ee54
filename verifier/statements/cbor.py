r"""Deterministic CBOR, read strictly: one value has one encoding, and any other is refused.

Only the codec lives here. Allowed: int below 2^53, bytes, text, bool, null, array, map whose keys are of one type and
sign. Refused: floats, tags, duplicate keys, indefinite lengths, trailing bytes, any order but the canonical one
(RFC 8949 4.2.1). cbor2 alone lets something of each through, so what was read is encoded again and compared.

>>> encode({"b": 1, "a": b"x"}).hex()
'a261614178616201'
>>> decode(bytes.fromhex("a261614178616201"))
{'a': b'x', 'b': 1}
>>> decode(b"\x18\x01")
Traceback (most recent call last):
    ...
verifier.statements.errors.Malformed: not canonical: expected deterministic CBOR, found another encoding of the value
"""

from functools import lru_cache
from typing import Any

import cbor2

from verifier.statements.errors import Malformed

MAX_BYTES = 65_536
MAX_INT = 2**53
_SCALARS = (bytes, str, bool, type(None))
_PLAIN = frozenset((bytes, str))
_KEYS = frozenset((bytes, str, int))
_BYTES, _ARRAY = 2, 4  # major types


def encode(value: object) -> bytes:
    """The one encoding of `value`; raises Malformed for a type or an integer outside the profile."""
    try:
        data = cbor2.dumps(value, canonical=True)
    except Exception as fault:  # as below
        raise Malformed("type", expected="int, bytes, text, bool, null, array or map", found=str(fault)[:80]) from fault
    decode(data, len(data))
    return data


def decode(data: bytes, limit: int = MAX_BYTES) -> Any:
    """The value of `data`, at most `limit` bytes; raises Malformed for anything but its one encoding."""
    if len(data) > limit:
        raise Malformed("too_large", expected=f"at most {limit} bytes", found=f"{len(data)} bytes")
    try:
        value = cbor2.loads(data, allow_duplicate_keys=False, allow_indefinite=False, max_depth=32)
        _check(value)
        again = cbor2.dumps(value)  # in the order read, which _check_map holds to be the canonical one
    except Malformed:
        raise
    except Exception as fault:  # cbor2 raises a dozen classes; all mean the same here
        raise Malformed("not_cbor", value=data[:16].hex(), expected="deterministic CBOR", found=str(fault)) from fault
    if again != data:
        raise Malformed("not_canonical", expected="deterministic CBOR", found="another encoding of the value")
    return value


def byte_strings(data: bytes, most: int) -> list[bytes]:
    """The statements in an array of 1 to `most` byte strings. Only heads are read, so that a stranger's bytes never
    become a million values before they are refused. Raises Malformed."""
    expected, found = f"an array of 1 to {most} byte strings", list[bytes]()
    major, count, at = _head(data, 0)
    if major != _ARRAY or not 0 < count <= most:
        told = f"{count} items" if major == _ARRAY else f"CBOR of major type {major}"
        raise Malformed("statements", expected=expected, found=told)
    for _ in range(count):
        major, length, at = _head(data, at)
        if major != _BYTES:
            raise Malformed("statements", expected=expected, found=f"CBOR of major type {major} among them")
        found.append(data[at : at + length])
        at += length
    if cbor2.dumps(found) != data:
        raise Malformed("not_canonical", expected="deterministic CBOR", found="another encoding of the value")
    return found


def _head(data: bytes, at: int) -> tuple[int, int, int]:
    """Major type and argument of the head at a place (RFC 8949 3), and where it ends; raises Malformed."""
    first = data[at] if at < len(data) else 0xFF
    major, short = first >> 5, first & 31
    length = 1 << short - 24 if 24 <= short < 28 else 0
    if short > 27 or at + 1 + length > len(data):
        found = "the end, or a head of no definite length"
        raise Malformed("not_cbor", value=data[:16].hex(), expected="deterministic CBOR", found=found)
    return major, int.from_bytes(data[at + 1 : at + 1 + length], "big") if length else short, at + 1 + length


def _check(value: object) -> None:
    kind = type(value)
    if kind in _PLAIN:
        return
    if kind is int:
        if not -MAX_INT < value < MAX_INT:  # type: ignore[operator]
            raise Malformed("integer_range", value=value, expected="an integer below 2^53", found=str(value))
    elif kind is list or kind is tuple:
        for item in value:  # type: ignore[attr-defined]
            if type(item) not in _PLAIN:  # most are: a call each would be most of the work
                _check(item)
    elif kind is dict:
        _check_map(value)  # type: ignore[arg-type]
    elif kind not in _SCALARS:
        raise Malformed("type", expected="int, bytes, text, bool, null, array or map", found=kind.__name__)


def _check_map(value: dict[object, object]) -> None:
    _check_keys(tuple(value), tuple(map(type, value)))
    for item in value.values():
        if type(item) not in _PLAIN:
            _check(item)


@lru_cache(maxsize=256)
def _check_keys(keys: tuple[Any, ...], types: tuple[type, ...]) -> None:
    """Raise Malformed unless the keys are of one type and sign, in canonical order. Maps have few shapes: a memo of
    them spares most of the work. `types` tells True from 1, which are equal."""
    sorts: set[object] = set(types)
    if not sorts <= _KEYS:
        raise Malformed("map_keys", expected="keys that are int, text or bytes", found=str(sorts)[:80])
    if sorts == {int}:
        sorts = {key < 0 for key in keys}
        _check(keys)
    if len(sorts) > 1:
        raise Malformed("map_keys", expected="keys of one type and one sign", found=f"{len(sorts)} sorts of keys")
    if list(keys) != sorted(keys, key=_rank):
        raise Malformed("not_canonical", expected="deterministic CBOR", found="keys in another order")


def _rank(key: int | str | bytes) -> tuple[int, bytes]:
    """The order of a key among keys of its type and sign: that of their encodings, shorter first."""
    if isinstance(key, int):
        return (key if key >= 0 else -1 - key), b""
    data = key.encode() if isinstance(key, str) else key
    return len(data), data
