"""One value, one encoding: everything else is refused, and says why."""

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier.statements import cbor
from verifier.statements.errors import Malformed

INTS = st.integers(-(2**53) + 1, 2**53 - 1)
SCALARS = st.none() | st.booleans() | INTS | st.binary(max_size=40) | st.text(max_size=40)


def _maps(values: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    naturals, negatives = st.integers(0, 2**53 - 1), st.integers(-(2**53) + 1, -1)
    keys = (st.text(max_size=8), st.binary(max_size=8), naturals, negatives)
    return st.one_of(*(st.dictionaries(key, values, max_size=5) for key in keys))


VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=5) | _maps(inner), max_leaves=20)


@given(VALUES)
def test_what_is_encoded_is_read_back(value: object) -> None:
    assert cbor.decode(cbor.encode(value)) == value


@given(st.binary(max_size=60))
def test_bytes_are_refused_or_are_the_one_encoding(data: bytes) -> None:
    try:
        value = cbor.decode(data)
    except Malformed:
        return
    assert cbor.encode(value) == data


@pytest.mark.parametrize(
    ("data", "why"),
    {
        "a float": ("f93c00", "type"),
        "a float inside": ("81fb3ff0000000000000", "type"),
        "a tag": ("c11a514b67b0", "type"),
        "a big number": ("c249010000000000000000", "integer_range"),
        "2^53": ("1b0020000000000000", "integer_range"),
        "a duplicate key": ("a2616101616102", "not_cbor"),
        "keys out of order": ("a2616201616102", "not_canonical"),
        "keys of two types": ("a20101616102", "map_keys"),
        "keys of two signs": ("a201012002", "map_keys"),
        "an indefinite array": ("9f01ff", "not_cbor"),
        "indefinite text": ("7f6161ff", "not_cbor"),
        "a long form of 1": ("1801", "not_canonical"),
        "trailing bytes": ("0101", "not_cbor"),
        "cut short": ("4403", "not_cbor"),
        "undefined": ("f7", "type"),
        "a simple value": ("f8ff", "type"),
        "text that is not UTF-8": ("61ff", "not_cbor"),
        "nothing": ("", "not_cbor"),
    }.values(),
    ids=lambda value: value if len(value) < 40 else None,
)
def test_refused(data: str, why: str) -> None:
    with pytest.raises(Malformed) as refusal:
        cbor.decode(bytes.fromhex(data))
    assert refusal.value.code in (why, "not_canonical" if why == "not_cbor" else why)


def test_cbor2_alone_lets_some_of_these_through() -> None:
    """Why what was read is encoded again: the library's own strictness is not enough (a long form of 1)."""
    assert cbor2.loads(b"\x18\x01", allow_duplicate_keys=False, allow_indefinite=False) == 1


def test_too_long() -> None:
    with pytest.raises(Malformed, match="at most 65536 bytes, found 65541 bytes"):
        cbor.decode(cbor.encode(bytes(65536)))


def test_deep_nesting_is_refused_not_a_crash() -> None:
    with pytest.raises(Malformed):
        cbor.decode(b"\x81" * 5000 + b"\x01")
