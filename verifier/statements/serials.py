r"""The serial tree: one root signs every pack of a batch, and a pack's proof teaches no other serial.

    leaf    SHA-256(0x00 || serial || 0x1F || MAC || H)     MAC = BLAKE2b-128(serial), keyed with the batch's secret
    node    SHA-256(0x01 || left || right)                  H = hash of the hidden half of a two-part code, or zeros
    bucket  SHA-256(0x02 || index || n || subroot)          index and n are u32 big-endian
    root    the RFC 6962 2.1 tree of 2^k bucket digests, taken as leaf hashes as they are

A serial's bucket is the first k bits of SHA-256(serial); within it serials strictly increase and stand under a subroot
of RFC 6962's shape, SHA-256("") when there are none. Pure: the secret is an argument. What a serial may be stands in
`numbering`, how a batch too large to hold becomes a tree in `growing`, how a bucket is kept in `buckets`, how a batch
travels in `manifest`.

>>> secret = bytes(32)
>>> tree = build([b"A1", b"A2", b"A3"], secret)
>>> proof = prove(b"A2", tree.buckets[0], secret, tree.outer(0), 0)
>>> check(proof, b"A2", tree.k, tree.root), check(proof, b"A3", tree.k, tree.root)
(True, False)
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b, sha256

from verifier.statements import growing
from verifier.statements.errors import Malformed
from verifier.statements.growing import HASH, Fold, node_hash
from verifier.statements.growing import bucket_of as bucket_of  # the room's own word, whoever asks it here
from verifier.statements.growing import choose_k as choose_k
from verifier.statements.numbering import is_serial

MAC_BYTES, SECRET_BYTES = 16, 32
NO_HALF = bytes(HASH)

Halves = Mapping[bytes, bytes]
"""H by serial, 32 bytes each; a serial that is absent has none."""


@dataclass(frozen=True, slots=True)
class SerialTree:
    """A batch's serials and hashes. `heap` is a complete binary tree: node i at heap[32 * i:32 * i + 32], the root at
    1, bucket b's digest at 2^k + b, zeros at 0. `buckets` are the serials of each bucket, increasing."""

    k: int
    count: int
    root: bytes
    heap: bytes
    buckets: tuple[tuple[bytes, ...], ...]

    def outer(self, bucket: int) -> tuple[bytes, ...]:
        """The path of a bucket's digest to the root: its sibling first."""
        nodes = ((1 << self.k | bucket) >> height ^ 1 for height in range(self.k))
        return tuple(self.heap[HASH * node : HASH * (node + 1)] for node in nodes)


@dataclass(frozen=True, slots=True)
class SerialProof:
    """That a serial stands at `position` of the `n` in its bucket, under `mac` (16 bytes) and `half` (32); `inner`
    leads from its leaf to the bucket's subroot, `outer` from the bucket's digest to the root, siblings first."""

    bucket: int
    n: int
    position: int
    mac: bytes
    half: bytes
    inner: tuple[bytes, ...]
    outer: tuple[bytes, ...]


def build(
    serials: Iterable[bytes], secret: bytes, k: int | None = None, halves: Halves | None = None
) -> SerialTree:
    """The tree of a batch small enough to hold, whatever the order of `serials`; `k` is `choose_k` of their number
    unless given. What `growing` does, done in memory.

    Raises Malformed naming a serial that is not 1 to 20 characters of GS1's set 82 or stands twice, or saying what is
    wrong with the secret, `k` or `halves`.
    """
    names = [serial for piece in growing.checked(serials) for serial in piece]
    k = growing.check_k(choose_k(len(names)) if k is None else k, len(names))
    buckets = tuple(map(tuple, growing.place(names, k, 0, 1 << k)))
    if halves and not (halves.keys() <= set(names) and all(len(half) == HASH for half in halves.values())):
        raise Malformed("halves", expected="32-byte hashes of serials of this batch", found="another serial or length")
    heap = bytearray(2 * HASH << k)

    def keep(node: int, hashes: bytes) -> None:
        heap[HASH * node : HASH * node + len(hashes)] = hashes

    fold = Fold(k, keep)
    for index, bucket in enumerate(buckets):
        fold.add(bucket_digest(index, bucket, secret, halves))
    return SerialTree(k, len(names), fold.root, bytes(heap), buckets)


def bucket_digest(index: int, serials: Sequence[bytes], secret: bytes, halves: Halves | None = None) -> bytes:
    """The digest of a bucket whose serials are given in order."""
    level = _leaves(serials, secret, halves) or [sha256(b"").digest()]
    while len(level) > 1:
        level = _above(level)
    return _bucket(index, len(serials), level[0])


def root_from_bucket(index: int, digest: bytes, outer: Sequence[bytes]) -> bytes:
    """The root that a bucket's digest leads to by its path, whose length is k; b"" if `index` is not below 2^k."""
    return _climb(digest, index, 1 << len(outer), outer) or b""


def prove(
    serial: bytes,
    bucket_serials: Sequence[bytes],
    secret: bytes,
    outer: Sequence[bytes],
    bucket: int,
    halves: Halves | None = None,
) -> SerialProof | None:
    """The proof of one serial from the serials of its bucket, in order, and the bucket's path; None if it is not there.

    Nothing is compared with a root: `check` the proof if the bucket comes from a store that may have been altered.
    """
    if serial not in bucket_serials:
        return None
    position, inner = bucket_serials.index(serial), []
    at = position
    for level in _levels(tuple(bucket_serials), secret) if halves is None else _grown(bucket_serials, secret, halves):
        if at ^ 1 < len(level):
            inner.append(level[at ^ 1])
        at >>= 1
    mac, half = blake2b(serial, key=secret, digest_size=MAC_BYTES).digest(), (halves or {}).get(serial, NO_HALF)
    return SerialProof(bucket, len(bucket_serials), position, mac, half, tuple(inner), tuple(outer))


def forget() -> None:
    """Empty what is remembered of buckets (benchmarks of a cold scan)."""
    _levels.cache_clear()


def check(proof: SerialProof, serial: bytes, k: int, root: bytes) -> bool:
    """Whether the serial was issued under `root`; needs no secret. Total: what is malformed in any way is False."""
    if not (is_serial(serial) and type(k) is int and 0 <= k <= 32 and _well_formed(proof)):
        return False
    if proof.bucket != bucket_of(serial, k) or len(proof.outer) != k:
        return False
    subroot = _climb(_leaf(serial, proof.mac, proof.half), proof.position, proof.n, proof.inner)
    return subroot is not None and root == root_from_bucket(
        proof.bucket, _bucket(proof.bucket, proof.n, subroot), proof.outer
    )


def to_map(proof: SerialProof) -> list[int | bytes]:
    """The proof for CBOR: its fields in order, each path one byte string of 32-byte hashes."""
    inner, outer = b"".join(proof.inner), b"".join(proof.outer)
    return [proof.bucket, proof.n, proof.position, proof.mac, proof.half, inner, outer]


def from_map(row: object) -> SerialProof:
    """The proof of such a list; raises Malformed unless it has that shape."""
    match row:
        case [int(bucket), int(n), int(position), bytes(mac), bytes(half), bytes(inner), bytes(outer)]:
            proof = SerialProof(bucket, n, position, mac, half, _split(inner), _split(outer))
            if _well_formed(proof):
                return proof
    expected = "[bucket, n, position, mac, half, inner, outer]"
    raise Malformed("serial_proof", value=row, expected=expected, found=repr(row)[:60])


def _well_formed(proof: SerialProof) -> bool:
    return (
        isinstance(proof, SerialProof)
        and all(type(number) is int and 0 <= number < 1 << 32 for number in (proof.bucket, proof.n, proof.position))
        and [type(part) for part in (proof.mac, proof.half, proof.inner, proof.outer)] == [bytes, bytes, tuple, tuple]
        and (len(proof.mac), len(proof.half)) == (MAC_BYTES, HASH)
        and len(proof.inner) + len(proof.outer) <= 64
        and set(map(type, path := proof.inner + proof.outer)) <= {bytes}
        and set(map(len, path)) <= {HASH}
    )


def _split(path: bytes) -> tuple[bytes, ...]:
    return tuple(path[at : at + HASH] for at in range(0, len(path), HASH))


def _leaves(serials: Sequence[bytes], secret: bytes, halves: Halves | None) -> list[bytes]:
    if len(secret) != SECRET_BYTES:  # blake2b with an empty key is no MAC at all
        raise Malformed("secret", expected=f"{SECRET_BYTES} bytes", found=f"{len(secret)} bytes")
    keyed = blake2b(key=secret, digest_size=MAC_BYTES)  # copied for each serial: a third faster than keyed anew
    leaves = []
    for serial in serials:
        mac = keyed.copy()
        mac.update(serial)
        leaves.append(_leaf(serial, mac.digest(), halves.get(serial, NO_HALF) if halves else NO_HALF))
    return leaves


def _grown(serials: Sequence[bytes], secret: bytes, halves: Halves | None) -> list[list[bytes]]:
    """Every level of a bucket's tree, the leaves first, the subroot last."""
    levels = [_leaves(serials, secret, halves)]
    while len(levels[-1]) > 1:
        levels.append(_above(levels[-1]))
    return levels


@lru_cache(maxsize=512)
def _levels(serials: tuple[bytes, ...], secret: bytes) -> list[list[bytes]]:
    """As `_grown`, memoised: a batch's serials never change, and the packs of a shelf share a bucket. 5 kB each."""
    return _grown(serials, secret, None)


def _leaf(serial: bytes, mac: bytes, half: bytes) -> bytes:
    return sha256(b"\x00" + serial + b"\x1f" + mac + half).digest()


def _bucket(index: int, n: int, subroot: bytes) -> bytes:
    return sha256(b"\x02" + index.to_bytes(4, "big") + n.to_bytes(4, "big") + subroot).digest()


def _above(level: list[bytes]) -> list[bytes]:
    """The next level up: pairs hashed, a last one alone carried up as it is, which gives RFC 6962's shape."""
    pairs = [sha256(b"\x01" + left + right).digest() for left, right in zip(level[::2], level[1::2], strict=False)]
    return pairs + level[-1:] if len(level) & 1 else pairs


def _climb(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root that leaf `index` of `size` reaches with exactly this path, siblings first; None if it does not fit."""
    siblings = iter(path)
    if not 0 <= index < size:
        return None
    while size > 1:
        if index ^ 1 < size:
            sibling = next(siblings, None)
            if sibling is None:
                return None
            leaf = node_hash(sibling, leaf) if index & 1 else node_hash(leaf, sibling)
        index, size = index >> 1, (size + 1) >> 1
    return leaf if next(siblings, None) is None else None
