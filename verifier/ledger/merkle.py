"""The Merkle tree of RFC 6962 2.1 (SHA-256), and the checking of its two proofs. Making proofs lives in `tiles`.

Only arithmetic over hashes may live here: no storage, no text, no signature.

>>> a, b, c = (leaf_hash(entry) for entry in (b"a", b"b", b"c"))
>>> root = node_hash(node_hash(a, b), c)
>>> verify_inclusion(b, 1, 3, [a, c], root)
>>> verify_consistency(2, 3, [c], node_hash(a, b), root)
>>> verify_inclusion(b, 1, 3, [a], root)
Traceback (most recent call last):
verifier.ledger.merkle.ProofError: inclusion path of leaf 1 in 3: expected 2 hashes, found 1
"""

from collections.abc import Sequence
from hashlib import sha256

from verifier.ledger.encoding import HASH_BYTES, LedgerError

EMPTY_ROOT: bytes = sha256(b"").digest()


class ProofError(LedgerError):
    """A proof that proves nothing: of the wrong shape, or leading to another root."""


def leaf_hash(entry: bytes) -> bytes:
    """SHA-256(0x00 || entry), RFC 6962 2.1."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right), RFC 6962 2.1."""
    return sha256(b"\x01" + left + right).digest()


def tree_root(leaf_hashes: Sequence[bytes]) -> bytes:
    """The root over leaf hashes, word for word as RFC 6962 2.1 defines it: the slow reference for `tiles`.

    >>> tree_root([]) == EMPTY_ROOT
    True
    """
    if len(leaf_hashes) < 2:
        return leaf_hashes[0] if leaf_hashes else EMPTY_ROOT
    split = 1 << (len(leaf_hashes) - 1).bit_length() - 1  # the largest power of two below n
    return node_hash(tree_root(leaf_hashes[:split]), tree_root(leaf_hashes[split:]))


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> None:
    """Return if the leaf hash stands at `index`, from 0, in the tree of that size and root; else ProofError."""
    _same_root("root", root, root_from_inclusion(leaf, index, size, path))


def root_from_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """The root that an inclusion path leads to (RFC 9162 2.1.3.2): leaf's sibling first, 32-byte hashes.

    Raises ProofError where index >= size, or the path has not exactly the length that index and size give it.
    """
    if not 0 <= index < size:
        raise ProofError("leaf index", expected=f"0 to {size - 1}" if size > 0 else "a tree with leaves", found=index)
    fork, length = _shape(index, size, 0)
    _check_path(f"inclusion path of leaf {index} in {size}", path, length)
    if len(leaf) != HASH_BYTES:
        raise ProofError("leaf hash", expected=f"{HASH_BYTES} bytes", found=len(leaf))
    for height in range(fork):
        if index >> height & 1:
            leaf = sha256(b"\x01" + path[height] + leaf).digest()
        else:
            leaf = sha256(b"\x01" + leaf + path[height]).digest()
    for left in path[fork:]:
        leaf = sha256(b"\x01" + left + leaf).digest()
    return leaf


def verify_consistency(size1: int, size2: int, path: Sequence[bytes], root1: bytes, root2: bytes) -> None:
    """Return if the tree of size2 begins with the tree of size1 (RFC 9162 2.1.4.2); else ProofError.

    A first size of 0 is refused: every tree begins with the empty one, so such a proof says nothing.
    """
    if not 0 < size1 <= size2:
        raise ProofError("first size", expected=f"1 to {size2}", found=size1)
    if size1 == size2:
        _check_path(f"consistency path from {size1} to {size2}", path, 0)
        return _same_root("root", root1, root2)
    start = (size1 & -size1).bit_length() - 1  # the height of the last complete subtree of the first tree
    fork, length = _shape(size1 - 1, size2, start)
    whole = size1 == 1 << start  # the first tree is one complete subtree: its root is known and not sent
    _check_path(f"consistency path from {size1} to {size2}", path, length + (not whole))
    seed, rest = (root1, path) if whole else (path[0], path[1:])
    old = new = seed
    for height, sibling in enumerate(rest, start):
        if height >= fork or (size1 - 1) >> height & 1:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
        else:
            new = node_hash(new, sibling)
    _same_root("first root", root1, old)
    return _same_root("second root", root2, new)


def _shape(index: int, size: int, start: int) -> tuple[int, int]:
    """Where the way up from height `start` above leaf `index` joins the tree's right edge, and its path's length.

    Below that fork every height has a sibling; above it only those where the edge is a right child.
    """
    fork = (index ^ (size - 1)).bit_length()
    return fork, fork - start + (index >> fork).bit_count()


def _check_path(what: str, path: Sequence[bytes], expected: int) -> None:
    if len(path) != expected:
        raise ProofError(what, expected=f"{expected} hashes", found=len(path))
    for item in path:
        if len(item) != HASH_BYTES:
            raise ProofError(what, expected=f"hashes of {HASH_BYTES} bytes", found=f"one of {len(item)}")


def _same_root(what: str, expected: bytes, found: bytes) -> None:
    if expected != found:
        raise ProofError(what, expected=expected.hex(), found=found.hex())
