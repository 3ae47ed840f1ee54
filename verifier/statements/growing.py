"""The serial tree grown while the serials go by: a row of them and a path of hashes are held, never the batch.

    maker   any order -> 256 runs by the first byte of SHA-256(serial) -> rows -> Fold -> root
    node    the manifest, which is in the order of buckets already     -> rows -> Fold -> root, and the heap in pieces

A row is the serials of one bucket, increasing. What is hashed into a bucket's digest stands in `serials`. Pure: where
256 runs are kept until all serials are in is its caller's business.

>>> list(place([b"A1", b"A2", b"A3"], 1, 0, 2))
[[b'A1', b'A3'], [b'A2']]
>>> list(in_order([b"A1", b"A3", b"A2"], 1))
[[b'A1', b'A3'], [b'A2']]
"""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice, pairwise

from verifier.statements.errors import Malformed
from verifier.statements.numbering import are_serials, is_serial

PER_BUCKET = 61
"""The serials a bucket aims at: fewer cost memory for the key and the hash of each, more cost hashing at each scan."""
MAX_BUCKET = 1024
"""A scan hashes a whole bucket. Chance never fills one so at `choose_k`; a maker that asks for a smaller k might."""
SPARE_K = 4
"""How far a maker's k may pass `choose_k`: empty buckets cost 64 bytes each, and k = 24 for one pack a gigabyte."""
HASH = 32
RUN_BITS = 8
STEP = 4096
PIECE = 1024
"""Nodes in a piece of the heap: 32 KiB, on each level at once."""

Row = list[bytes]
Keep = Callable[[int, bytes], object]
"""Given the first node and the 32-byte hashes of some neighbours."""


@dataclass(frozen=True, slots=True)
class Tree:
    """What is left of a batch's tree when its serials have gone by."""

    k: int
    count: int
    root: bytes


def choose_k(count: int) -> int:
    """The k that puts about 61 serials in a bucket.

    >>> choose_k(1), choose_k(10_000), choose_k(1_000_000)
    (0, 7, 14)
    """
    return max(0, round(math.log2(max(count, 1) / PER_BUCKET)))


def check_k(k: int, count: int) -> int:
    """The same k; raises Malformed where that many buckets are no measure for so many serials."""
    highest = choose_k(count) + SPARE_K
    if not 0 <= k <= highest:
        raise Malformed("k", value=k, expected=f"0 to {highest} for {count} serials", found=str(k))
    return k


def bucket_of(serial: bytes, k: int) -> int:
    """The bucket of a serial, 0 to 2^k - 1: the first k bits of SHA-256(serial); k is 0 to 32."""
    return int.from_bytes(sha256(serial).digest()[:4], "big") >> (32 - k)


def run_of(serial: bytes) -> int:
    """The run of a serial, 0 to 255."""
    return sha256(serial).digest()[0]


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash above two (RFC 6962 2.1)."""
    return sha256(b"\x01" + left + right).digest()


def checked(serials: Iterable[bytes]) -> Iterator[Row]:
    """The serials a few thousand at a time; raises Malformed naming one that is none."""
    source = iter(serials)
    while piece := list(islice(source, STEP)):
        if not are_serials(piece):
            wrong = next(serial for serial in piece if not is_serial(serial))
            raise Malformed("serial", value=wrong, expected="1 to 20 characters of GS1's set 82", found=repr(wrong))
        yield piece


def shelves(k: int) -> Iterator[tuple[range, int, int]]:
    """Which runs to read together, and the buckets of which they then hold every serial: the first, and how many."""
    bits = min(k, RUN_BITS)
    width, many = 1 << RUN_BITS - bits, 1 << k - bits
    for number in range(1 << bits):
        yield range(number * width, (number + 1) * width), number * many, many


def place(serials: Iterable[bytes], k: int, first: int, many: int) -> Iterator[Row]:
    """The rows of buckets first to first + many - 1, of which `serials` are all, in any order.

    Raises Malformed naming a serial that stands twice, or for a bucket that would take too long to hash at a scan.
    """
    rows: list[Row] = [[] for _ in range(many)]
    for serial in serials:
        rows[bucket_of(serial, k) - first].append(serial)
    for bucket, row in enumerate(rows, first):
        row.sort()
        yield _row(bucket, row, k)


def in_order(serials: Iterable[bytes], k: int) -> Iterator[Row]:
    """All 2^k rows of serials that come in the order of their buckets, increasing in each. Raises Malformed as
    `checked` and `place` do, or where the order is another."""
    bucket, row = 0, Row()
    for piece in checked(serials):
        for serial in piece:
            at = bucket_of(serial, k)
            if at != bucket:
                if at < bucket:
                    raise _disorder(serial)
                yield _row(bucket, row, k)
                yield from ([] for _ in range(bucket + 1, at))
                bucket, row = at, []
            row.append(serial)
        _row(bucket, row, k)  # one endless row must not be held to its end
    yield _row(bucket, row, k)
    yield from ([] for _ in range(bucket + 1, 1 << k))


class Fold:
    """The tree above 2^k bucket digests, `add`ed in order. `keep` gets each node of the heap once, in pieces: the heap
    is a complete binary tree, node i at its bytes 32 * i, the root at 1, bucket b's digest at 2^k + b."""

    def __init__(self, k: int, keep: Keep | None = None) -> None:
        self._next, self._end, self._keep = 1 << k, 2 << k, keep
        self._left: dict[int, bytes] = {}
        self._pieces: dict[int, bytearray] = {}
        self._root = b""

    def add(self, digest: bytes) -> None:
        """The next bucket's digest; raises ValueError after the last."""
        node, self._next = self._next, self._next + 1
        if node >= self._end:
            raise ValueError(f"serial tree: expected {self._end >> 1} buckets, found one more")
        self._put(node, digest)
        while node & 1 and node > 1:
            node >>= 1
            digest = node_hash(self._left.pop(node), digest)
            self._put(node, digest)
        if node == 1:
            self._root = digest
        else:
            self._left[node >> 1] = digest

    @property
    def root(self) -> bytes:
        """The root; raises ValueError before the last bucket."""
        if self._next != self._end:
            found = self._next - (self._end >> 1)
            raise ValueError(f"serial tree: expected {self._end >> 1} buckets, found {found}")
        return self._root

    def _put(self, node: int, digest: bytes) -> None:
        if self._keep is None:
            return
        piece = self._pieces.setdefault(node.bit_length(), bytearray())
        piece += digest
        if len(piece) == PIECE * HASH or not (node + 1) & node:  # the last of its level
            self._keep(node + 1 - len(piece) // HASH, bytes(piece))
            piece.clear()


def _row(bucket: int, row: Row, k: int) -> Row:
    if len(row) > MAX_BUCKET:
        found = f"{len(row)} in bucket {bucket}; take a larger k"
        raise Malformed("bucket", value=k, expected=f"at most {MAX_BUCKET} serials a bucket", found=found)
    if sorted(set(row)) != row:
        later = next(right for left, right in pairwise(row) if left >= right)
        raise _twice(later) if row.count(later) > 1 else _disorder(later)
    return row


def _twice(serial: bytes) -> Malformed:
    return Malformed("serial_twice", value=serial, expected="each serial once", found=f"{serial!r} twice")


def _disorder(serial: bytes) -> Malformed:
    told = "serials in the order of their buckets, increasing in each"
    return Malformed("serial_order", value=serial, expected=told, found=f"{serial!r} after a later one")
