"""When the ledger had which size: the clocks that its projection follows (state/replay), many at once.

A clock says that the tree had `size` leaves at `time`, in Unix seconds; sizes and times only grow. Nothing is
concluded here, and nothing is written. While the projection is rebuilt there may be fewer than there will be.
"""

from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple, cast

import redis

from verifier.state.keys import Name
from verifier.state.replay import CLOCK_PAGE
from verifier.statements import cbor
from verifier.store.projection import read_names


class Registered(NamedTuple):
    """The tree had `size` leaves at `time` (Unix seconds)."""

    size: int
    time: int


def spread(client: redis.Redis, most: int = 64) -> list[Registered]:
    """At most `most` (2 or more) of all clocks, oldest first, evenly apart; the first and the last are among them. Two
    round trips."""
    count = _count(client)
    shown = min(most, count)
    wanted = [number * (count - 1) // max(1, shown - 1) for number in range(shown)]
    pages = _pages(client, {one // CLOCK_PAGE for one in wanted})
    found = ((pages[one // CLOCK_PAGE], one % CLOCK_PAGE) for one in wanted)
    return [page[at] for page, at in found if at < len(page)]


def newest(client: redis.Redis) -> list[Registered]:
    """The newest clocks, oldest first: all of them, or at least as many as a page holds. Two round trips."""
    last = max(0, _count(client) - 1) // CLOCK_PAGE
    pages = _pages(client, {max(0, last - 1), last})
    return [row for number in sorted(pages) for row in pages[number]]


def time_of(size: int, clocks: Sequence[Registered]) -> int | None:
    """When the tree had `size` leaves: the time of the first of `clocks` that covers it; None where none does yet, or
    where it may lie before them.

    >>> clocks = [Registered(5, 100), Registered(9, 200)]
    >>> time_of(5, clocks), time_of(6, clocks), time_of(10, clocks), time_of(4, clocks)
    (100, 200, None, None)
    """
    at = bisect_left(clocks, (size, 0))
    if at == len(clocks) or (at == 0 and clocks[0].size > size):
        return None
    return clocks[at].time


def _count(client: redis.Redis) -> int:
    (count,) = read_names(client, [("clock",)]).values()
    return int(cbor.decode(count)) if count is not None else 0


def _pages(client: redis.Redis, numbers: set[int]) -> dict[int, list[Registered]]:
    names: dict[int, Name] = {number: ("clock", str(number)) for number in sorted(numbers)}
    found = read_names(client, names.values())
    rows = {number: cbor.decode(found[name] or b"\x80") for number, name in names.items()}
    return {number: [Registered(*cast(list[int], row)) for row in page] for number, page in rows.items()}
