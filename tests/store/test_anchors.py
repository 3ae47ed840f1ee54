"""The report of what a chain says: kept whole, replaced whole, and never a reason to fail."""

from dataclasses import replace

import redis

from verifier.store import layout
from verifier.store.anchors import KEPT, ODD, Anchor, anchors, keep, newest

ONE = Anchor(5, bytes(range(32)), 1, "0x" + "ab" * 20, "0x" + "cd" * 32, 17, 3, 1_700_000_000, False)


def test_what_is_kept_comes_back_newest_first(store: redis.Redis) -> None:
    assert anchors(store) == []
    development = replace(ONE, size=9, development=True, accounts=2, valid=False)
    keep(store, [ONE, development])
    assert anchors(store) == [development, ONE]
    keep(store, [ONE])  # the chain was reorganised
    assert anchors(store) == [ONE]


def test_only_the_newest_are_kept(store: redis.Redis) -> None:
    keep(store, [replace(ONE, size=size) for size in range(1, KEPT + 3)])
    assert [one.size for one in anchors(store)] == list(range(KEPT + 2, 2, -1))


def test_what_does_not_agree_crowds_nothing_else_out(store: redis.Redis) -> None:
    odd = [replace(ONE, size=10**6 + size, agrees=None) for size in range(100)]
    fitting = [replace(ONE, size=size) for size in range(1, KEPT + 1)]
    keep(store, [*odd, *fitting])
    kept = anchors(store)
    assert [one.size for one in kept[:ODD]] == list(range(10**6 + 99, 10**6 + 99 - ODD, -1))
    assert [one.size for one in kept[ODD:]] == list(range(KEPT, ODD, -1))


def test_a_report_that_cannot_be_read_reports_nothing(store: redis.Redis) -> None:
    for spoilt in (b"", b"\xc1", b"\x91\x80"):
        store.set(layout.ANCHORS, spoilt)
        assert anchors(store) == []


def test_what_is_reported_of_a_ledger_is_valid_and_no_larger() -> None:
    forked = replace(ONE, size=8, agrees=False)
    seen = [replace(ONE, size=9), forked, replace(ONE, size=7, valid=False), replace(ONE, size=5), replace(ONE, size=3)]
    assert [newest(seen, size) for size in (2, 5, 8, 9)] == [None, seen[3], seen[3], seen[0]]
