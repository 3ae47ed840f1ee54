"""A tree grown while its serials go by is the tree of the batch held whole, and little is held meanwhile."""

import os
import tracemalloc
from collections.abc import Iterator
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verifier.statements import serials
from verifier.statements.errors import Malformed
from verifier.statements.growing import PIECE, Fold, bucket_of, check_k, in_order, place, run_of, shelves
from verifier.statements.numbering import generate

SECRET = bytes(range(32))
KS = st.integers(0, 12)


@settings(max_examples=30, deadline=None)
@given(KS, st.sets(st.integers(0, 10**6).map(b"%d".__mod__), max_size=300))
def test_read_shelf_by_shelf_the_rows_are_those_of_the_batch_held_whole(k: int, names: set[bytes]) -> None:
    runs: list[list[bytes]] = [[] for _ in range(256)]
    for name in names:
        runs[run_of(name)].append(name)
    rows = [
        row for span, first, many in shelves(k) for row in place([s for run in span for s in runs[run]], k, first, many)
    ]
    assert rows == list(place(names, k, 0, 1 << k))
    assert rows == [sorted(name for name in names if bucket_of(name, k) == bucket) for bucket in range(1 << k)]
    assert list(in_order((name for row in rows for name in row), k)) == rows


@pytest.mark.parametrize("k", [0, 1, 2, 9, 10, 11, 12])
def test_a_fold_gives_every_node_once_and_the_root(k: int) -> None:
    digests = [sha256(b"%d" % bucket).digest() for bucket in range(1 << k)]
    nodes = [bytes(32)] * (1 << k) + digests
    for node in range((1 << k) - 1, 0, -1):
        nodes[node] = sha256(b"\x01" + nodes[2 * node] + nodes[2 * node + 1]).digest()
    found: dict[int, bytes] = {}

    def keep(node: int, hashes: bytes) -> None:
        assert len(hashes) <= PIECE * 32
        for at in range(0, len(hashes), 32):
            found[node + at // 32] = hashes[at : at + 32]
            counted[node + at // 32] += 1

    counted = [0] * (2 << k)
    fold, plain = Fold(k, keep), Fold(k)
    for digest in digests:
        fold.add(digest)
        plain.add(digest)
    assert counted == [0] + [1] * ((2 << k) - 1)
    assert [found[node] for node in range(1, 2 << k)] == nodes[1:]
    assert fold.root == plain.root == nodes[1]


def test_a_fold_says_when_it_is_not_whole() -> None:
    fold = Fold(2)
    for _ in range(3):
        fold.add(bytes(32))
    with pytest.raises(ValueError, match="expected 4 buckets, found 3"):
        _ = fold.root
    fold.add(bytes(32))
    assert len(fold.root) == 32
    with pytest.raises(ValueError, match="expected 4 buckets, found one more"):
        fold.add(bytes(32))


def test_a_row_out_of_order_or_of_one_twice_is_refused_by_name() -> None:
    names = [name for row in place([b"%d" % number for number in range(50)], 3, 0, 8) for name in row]
    for at in range(49):
        swapped = [*names[:at], names[at + 1], names[at], *names[at + 2 :]]
        with pytest.raises(Malformed, match=r"serial order: expected serials in the order of their buckets"):
            list(in_order(swapped, 3))
        with pytest.raises(Malformed, match=f"serial twice: expected each serial once, found {names[at]!r} twice"):
            list(in_order([*names[: at + 1], *names[at:]], 3))


def test_a_bucket_too_full_is_refused_before_it_is_held_whole() -> None:
    read = 0

    def endless() -> Iterator[bytes]:
        nonlocal read
        while True:
            read += 1
            yield b"%020d" % read

    with pytest.raises(Malformed, match="at most 1024 serials a bucket, found 4096 in bucket 0; take a larger k"):
        list(in_order(endless(), 0))
    assert read == 4096


@pytest.mark.parametrize(("k", "count"), [(-1, 1), (5, 1), (12, 10_000)])
def test_a_k_out_of_measure_is_refused(k: int, count: int) -> None:
    with pytest.raises(Malformed, match=f"k: expected 0 to .* for {count} serials, found {k}"):
        check_k(k, count)


def peak(count: int) -> int:
    """The most bytes held while `count` serials in order become a root."""
    k = serials.choose_k(count)
    whole = sorted(generate(count, os.urandom), key=lambda name: (bucket_of(name, k), name))
    fold = Fold(k, lambda _node, _hashes: None)
    tracemalloc.start()
    try:
        for index, row in enumerate(in_order(iter(whole), k)):
            fold.add(serials.bucket_digest(index, row, SECRET))
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_ten_times_the_serials_take_no_more_memory() -> None:
    few, many = peak(5_000), peak(50_000)
    assert many < few + 400_000  # three more levels, of 32 KiB twice each; the serials would take 3 MB
