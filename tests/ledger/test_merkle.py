"""The two proofs, against the definition: every honest one passes, every bent one fails. No storage here."""

from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verifier.ledger import merkle, tiles
from verifier.ledger.merkle import ProofError, leaf_hash, node_hash, tree_root

# the eight entries and roots by which implementations of RFC 6962 are usually compared
ENTRIES = [bytes.fromhex(h) for h in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657")]
ENTRIES.append(bytes(range(0x60, 0x70)))
KNOWN_ROOTS = {
    0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}
LEAVES = [leaf_hash(i.to_bytes(32, "big")) for i in range(700)]
SIZES = st.integers(1, len(LEAVES))


def reader(size: int) -> tiles.ReadTile:
    stored, _ = tiles.grow(0, LEAVES[:size], lambda *_: b"")
    return lambda level, number, width: stored[level, number][: width * 32]


def flip(data: bytes, bit: int) -> bytes:
    return (int.from_bytes(data, "big") ^ 1 << bit % (8 * len(data))).to_bytes(len(data), "big")


@pytest.mark.parametrize("size", KNOWN_ROOTS)
def test_known_roots(size: int) -> None:
    assert tree_root([leaf_hash(entry) for entry in ENTRIES[:size]]).hex() == KNOWN_ROOTS[size]


def test_a_leaf_never_reads_as_a_node() -> None:
    left, right = LEAVES[:2]
    assert leaf_hash(left + right) != node_hash(left, right)
    assert leaf_hash(b"x") == sha256(b"\x00x").digest()


@given(st.data(), SIZES)
@settings(max_examples=60, deadline=None)
def test_every_inclusion_path_proves_its_leaf_and_no_other(data: st.DataObject, size: int) -> None:
    index = data.draw(st.integers(0, size - 1))
    root = tree_root(LEAVES[:size])
    path = tiles.inclusion_path(index, size, reader(size))
    merkle.verify_inclusion(LEAVES[index], index, size, path, root)
    bit = data.draw(st.integers(0, 255))
    bent = [(flip(LEAVES[index], bit), path, root), (LEAVES[index], path, flip(root, bit))]
    bent += [(LEAVES[index], (*path, root), root), (LEAVES[index], (LEAVES[0], *path), root)]
    if path:
        at = data.draw(st.integers(0, len(path) - 1))
        bent.append((LEAVES[index], (*path[:at], flip(path[at], bit), *path[at + 1 :]), root))
        bent += [(LEAVES[index], path[:-1], root), (LEAVES[index], path[1:], root)]
        bent.append((LEAVES[index], (*path[:-1], path[-1][:31]), root))
    for leaf, wrong_path, wrong_root in bent:
        with pytest.raises(ProofError):
            merkle.verify_inclusion(leaf, index, size, wrong_path, wrong_root)
    for other in {index - 1, index + 1, size - 1 - index} - {index}:
        with pytest.raises(ProofError):
            merkle.verify_inclusion(LEAVES[index], other, size, path, root)


@given(st.data(), SIZES)
@settings(max_examples=60, deadline=None)
def test_every_consistency_path_proves_growth_and_nothing_else(data: st.DataObject, size2: int) -> None:
    size1 = data.draw(st.integers(1, size2))
    root1, root2 = tree_root(LEAVES[:size1]), tree_root(LEAVES[:size2])
    path = tiles.consistency_path(size1, size2, reader(size2))
    merkle.verify_consistency(size1, size2, path, root1, root2)
    bit = data.draw(st.integers(0, 255))
    bent = [(path, flip(root1, bit), root2), (path, root1, flip(root2, bit)), ((*path, root1), root1, root2)]
    if path:
        at = data.draw(st.integers(0, len(path) - 1))
        bent.append(((*path[:at], flip(path[at], bit), *path[at + 1 :]), root1, root2))
        bent += [(path[:-1], root1, root2), (path[1:], root1, root2), (path, root2, root1)]
        bent.append(((*path[:-1], path[-1] + b"\0"), root1, root2))
    for wrong_path, wrong1, wrong2 in bent:
        with pytest.raises(ProofError):
            merkle.verify_consistency(size1, size2, wrong_path, wrong1, wrong2)


def test_all_small_trees_both_ways() -> None:
    for size2 in range(1, 20):
        read, root2 = reader(size2), tree_root(LEAVES[:size2])
        for n in range(1, size2 + 1):
            path = tiles.inclusion_path(n - 1, size2, read)
            merkle.verify_inclusion(LEAVES[n - 1], n - 1, size2, path, root2)
            path = tiles.consistency_path(n, size2, read)
            merkle.verify_consistency(n, size2, path, tree_root(LEAVES[:n]), root2)


def test_a_rewritten_past_has_no_consistency_path() -> None:
    forged = [LEAVES[699], *LEAVES[1:300]]
    stored, root2 = tiles.grow(0, forged, lambda *_: b"")
    path = tiles.consistency_path(200, 300, lambda level, number, width: stored[level, number][: width * 32])
    with pytest.raises(ProofError, match="first root: expected"):
        merkle.verify_consistency(200, 300, path, tree_root(LEAVES[:200]), root2)


@pytest.mark.parametrize(
    ("index", "size", "path", "says"),
    [
        (3, 3, [], "leaf index: expected 0 to 2, found 3"),
        (-1, 3, [], "leaf index: expected 0 to 2, found -1"),
        (0, 0, [], "leaf index: expected a tree with leaves, found 0"),
        (0, -4, [], "leaf index: expected a tree with leaves, found 0"),
        (16, 17, [LEAVES[0]] * 2, "inclusion path of leaf 16 in 17: expected 1 hashes, found 2"),
        (0, 2, [b"short"], "inclusion path of leaf 0 in 2: expected hashes of 32 bytes, found one of 5"),
    ],
)
def test_inclusion_says_what_is_wrong(index: int, size: int, path: list[bytes], says: str) -> None:
    with pytest.raises(ProofError) as caught:
        merkle.root_from_inclusion(LEAVES[0], index, size, path)
    assert str(caught.value) == says


@pytest.mark.parametrize(
    ("size1", "size2", "path", "says"),
    [
        (0, 5, [], "first size: expected 1 to 5, found 0"),
        (0, 0, [], "first size: expected 1 to 0, found 0"),
        (6, 5, [], "first size: expected 1 to 5, found 6"),
        (5, 5, [LEAVES[0]], "consistency path from 5 to 5: expected 0 hashes, found 1"),
        (4, 5, [], "consistency path from 4 to 5: expected 1 hashes, found 0"),
        (3, 5, [], "consistency path from 3 to 5: expected 4 hashes, found 0"),
    ],
)
def test_consistency_says_what_is_wrong(size1: int, size2: int, path: list[bytes], says: str) -> None:
    with pytest.raises(ProofError) as caught:
        merkle.verify_consistency(size1, size2, path, LEAVES[0], LEAVES[0])
    assert str(caught.value) == says


def test_a_leaf_of_another_length_is_refused() -> None:
    with pytest.raises(ProofError, match="leaf hash: expected 32 bytes, found 0"):
        merkle.verify_inclusion(b"", 0, 1, [], b"")
