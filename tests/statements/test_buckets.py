"""A bucket's value: what is packed is found again, and what is malformed holds nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier.statements.buckets import find, pack_bucket, state_at, unpack_bucket, with_state

NAMES = st.one_of(
    st.sets(st.binary(min_size=1, max_size=20), max_size=70),
    st.sets(st.binary(min_size=12, max_size=12), max_size=70),
).map(sorted)


@given(NAMES, st.binary(min_size=70, max_size=70), st.binary(min_size=1, max_size=20))
def test_what_is_packed_is_found_again(batch: list[bytes], states: bytes, other: bytes) -> None:
    states = states[: len(batch)]
    value = pack_bucket(batch, states)
    assert unpack_bucket(value) == (tuple(batch), states)
    for position, serial in enumerate(batch):
        assert find(value, serial) == position
        assert state_at(value, position) == states[position]
    assert (find(value, other) is None) == (other not in batch)


@given(NAMES.filter(bool), st.data())
def test_a_state_changes_alone(batch: list[bytes], data: st.DataObject) -> None:
    value = pack_bucket(batch, bytes(len(batch)))
    position, state = data.draw(st.integers(0, len(batch) - 1)), data.draw(st.integers(1, 255))
    changed = with_state(value, position, state)
    assert unpack_bucket(changed)[0] == tuple(batch)
    assert [state_at(changed, at) for at in range(len(batch))] == [
        state if at == position else 0 for at in range(len(batch))
    ]


@given(st.binary(max_size=80), st.binary(max_size=20))
def test_reading_is_total(value: bytes, serial: bytes) -> None:
    names, states = unpack_bucket(value)
    assert len(names) == len(states)
    assert find(value, serial) is None or serial in names


@given(NAMES.filter(bool), st.data())
def test_a_value_cut_or_lengthened_holds_nothing(batch: list[bytes], data: st.DataObject) -> None:
    value = pack_bucket(batch, bytes(len(batch)))
    cut = data.draw(st.integers(0, len(value) - 1))
    assert unpack_bucket(value[:cut]) == ((), b"")
    assert unpack_bucket(value + b"x") == ((), b"")
    assert find(value[:cut], batch[0]) is None


@pytest.mark.parametrize("position", [-1, 2])
def test_a_position_outside_is_refused(position: int) -> None:
    value = pack_bucket([b"A1", b"A2"], bytes(2))
    with pytest.raises(IndexError, match=f"expected a position below 2, found {position}"):
        with_state(value, position, 1)
    with pytest.raises(IndexError):
        state_at(value, position)


def test_states_must_match_serials() -> None:
    with pytest.raises(ValueError, match="expected a state byte for each of 2 serials, found 1"):
        pack_bucket([b"A1", b"A2"], b"\x00")


def test_twelve_characters_cost_thirteen_bytes_each() -> None:
    assert len(pack_bucket([b"%012d" % number for number in range(61)], bytes(61))) == 3 + 61 * 13
