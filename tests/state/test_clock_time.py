"""Registered time: found by halves over pages, it is that of the first clock whose checkpoint covers the leaf."""

import pytest
from forge import signed
from house import House
from hypothesis import given, settings
from hypothesis import strategies as st
from state.conftest import Memory

from verifier.node.keyfile import load
from verifier.state.keys import Name
from verifier.state.replay import CLOCK_PAGE, clock_time
from verifier.statements import cbor
from verifier.statements.clock import Clock
from verifier.statements.errors import Refused


def projected(rows: list[tuple[int, int]]) -> dict[Name, bytes]:
    """The clocks as the reducer lays them out."""
    pages = range(0, len(rows), CLOCK_PAGE)
    values: dict[Name, bytes] = {
        ("clock", str(start // CLOCK_PAGE)): cbor.encode([list(row) for row in rows[start : start + CLOCK_PAGE]])
        for start in pages
    }
    return {**values, ("clock",): cbor.encode(len(rows))} if rows else values


def rows_of(steps: list[tuple[int, int]]) -> list[tuple[int, int]]:
    rows, size, time = [], 0, 1_700_000_000
    for more, later in steps:
        size, time = size + more, time + later
        rows.append((size, time))
    return rows


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(st.tuples(st.integers(1, 9), st.integers(0, 99)), max_size=40),
    copies=st.integers(1, 30),
    index=st.integers(0, 12_000),
)
def test_the_first_clock_that_covers_a_leaf_times_it(steps: list[tuple[int, int]], copies: int, index: int) -> None:
    rows = rows_of(steps * copies)
    values = projected(rows)
    expected = next((time for size, time in rows if size > index), None)
    assert clock_time(index, values.get) == expected


@pytest.mark.parametrize("count", [1, CLOCK_PAGE - 1, CLOCK_PAGE, CLOCK_PAGE + 1, 2 * CLOCK_PAGE])
def test_at_the_edges_of_pages(count: int) -> None:
    rows = [(n + 1, 1000 + n) for n in range(count)]
    values = projected(rows)
    assert [clock_time(index, values.get) for index in range(count + 2)] == [*(t for _, t in rows), None, None]


def test_before_any_clock_no_leaf_is_timed() -> None:
    assert clock_time(0, projected([]).get) is None


def test_the_reducer_lays_clocks_out_so_and_refuses_time_going_back(demo_house: House, memory: Memory) -> None:
    node = load(demo_house.settings.data / "node" / "node.key")

    def clock(size: int, time: int) -> Clock:
        return Clock(size=size, root=bytes(32), time=time, source="node")

    start, time = memory.size, 2**40
    for n in range(CLOCK_PAGE + 3):  # over the edge of a page, wherever the demo's own clocks end
        memory.follow([signed("clock", node, clock(memory.size, time + n))])
    assert clock_time(start - 1, memory.values.get) == time
    assert [clock_time(start + n, memory.values.get) for n in range(CLOCK_PAGE + 2)] == [
        time + n + 1 for n in range(CLOCK_PAGE + 2)
    ]
    for size, moment in ((memory.size, time - 1), (memory.size - 1, time + 9_999), (memory.size + 1, time + 9_999)):
        with pytest.raises(Refused, match="clock"):
            memory.admit(signed("clock", node, clock(size, moment)))
