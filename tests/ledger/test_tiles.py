"""Tiles against the slow reference; what is read, and how often; what a crash may leave behind."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from verifier.ledger import tiles
from verifier.ledger.merkle import EMPTY_ROOT, ProofError, leaf_hash, tree_root, verify_consistency, verify_inclusion
from verifier.ledger.tiles import Tile, TileError

LEAVES = [leaf_hash(i.to_bytes(32, "big")) for i in range(70_000)]


class Shelf:
    """Tiles in memory that remember who asked for what."""

    def __init__(self) -> None:
        self.stored: dict[tuple[int, int], bytes] = {}
        self.reads: list[tuple[int, int, int]] = []

    def read(self, level: int, number: int, width: int) -> bytes:
        self.reads.append((level, number, width))
        return self.stored[level, number][: width * 32]

    def grow(self, size: int, leaves: list[bytes]) -> bytes:
        changed, root = tiles.grow(size, leaves, self.read)
        self.stored.update(changed)
        return root


@pytest.fixture(scope="module")
def large() -> Shelf:
    shelf = Shelf()
    shelf.grow(0, LEAVES)
    return shelf


@given(st.lists(st.integers(0, 600), min_size=1, max_size=5))
@example([256, 1, 255, 256])
@example([0, 255, 1, 512])
@settings(max_examples=40, deadline=None)
def test_growing_by_any_steps_is_the_reference_tree(steps: list[int]) -> None:
    shelf, size = Shelf(), 0
    for step in steps:
        root = shelf.grow(size, LEAVES[size : size + step])
        size += step
        assert root == tiles.root(size, shelf.read) == tree_root(LEAVES[:size])
    at_once = Shelf()
    at_once.grow(0, LEAVES[:size])
    assert at_once.stored == shelf.stored


@given(st.integers(0, 1500), st.integers(0, 600), st.integers(0, 600))
@settings(max_examples=40, deadline=None)
def test_a_crash_leaves_nothing_that_matters(size: int, lost: int, step: int) -> None:
    """Tiles written by a growth that was never published are neither read nor missed."""
    shelf = Shelf()
    shelf.grow(0, LEAVES[:size])
    shelf.grow(size, LEAVES[40_000 : 40_000 + lost])
    shelf.reads.clear()
    added = LEAVES[size : size + step]
    assert shelf.grow(size, added) == tree_root(LEAVES[: size + step])
    for level, number, width in shelf.reads:
        assert 0 < width <= 256
        assert (number << 8) + width <= size >> 8 * level, "only what the published tree has"
    assert len(shelf.reads) == len(set(shelf.reads))


def test_70_000_leaves_are_the_tiles_that_the_spec_counts(large: Shelf) -> None:
    widths = {at: len(content) // 32 for at, content in large.stored.items()}
    assert [sum(1 for at in widths if at[0] == level) for level in range(4)] == [274, 2, 1, 0]
    partial = {at: width for at, width in widths.items() if width != 256}
    assert partial == {(0, 273): 112, (1, 1): 17, (2, 0): 1}
    assert large.stored[0, 3] == b"".join(LEAVES[768:1024])
    assert large.stored[1, 0][:32] == tree_root(LEAVES[:256])
    assert large.stored[2, 0] == tree_root(LEAVES[:65_536])


@pytest.mark.parametrize("index", [0, 255, 256, 65_535, 65_536, 69_887, 69_888, 69_999])
@pytest.mark.parametrize("size", [65_536, 65_537, 70_000])
def test_paths_in_three_levels(large: Shelf, index: int, size: int) -> None:
    if index < size:
        root = tiles.root(size, large.read)
        large.reads.clear()
        path = tiles.inclusion_path(index, size, large.read)
        verify_inclusion(LEAVES[index], index, size, path, root)
        assert len(large.reads) == len(set(large.reads)), "no tile twice"
        assert all(sum(1 for read in large.reads if read[0] == level) <= 2 for level in range(3))


@pytest.mark.parametrize("size1", [1, 256, 257, 65_535, 65_536, 69_000])
def test_consistency_in_three_levels(large: Shelf, size1: int) -> None:
    root1, root2 = tiles.root(size1, large.read), tiles.root(70_000, large.read)
    assert root1 == tree_root(LEAVES[:size1])
    verify_consistency(size1, 70_000, tiles.consistency_path(size1, 70_000, large.read), root1, root2)


def test_a_flipped_bit_in_a_leaf_hash_moves_the_root(large: Shelf) -> None:
    """Yeti 2022: one bit of one stored hash, and the log never verified again."""
    shelf = Shelf()
    shelf.stored = dict(large.stored)
    tile = bytearray(shelf.stored[0, 273])
    tile[5] ^= 1
    shelf.stored[0, 273] = bytes(tile)
    assert tiles.root(70_000, shelf.read) != tiles.root(70_000, large.read)


def test_nothing_added_is_nothing_changed() -> None:
    assert tiles.grow(0, [], lambda *_: b"") == ({}, EMPTY_ROOT)
    assert tiles.root(0, lambda *_: b"") == EMPTY_ROOT


def test_equal_sizes_need_no_path_and_no_read() -> None:
    assert tiles.consistency_path(9, 9, lambda *_: b"") == ()


@pytest.mark.parametrize(
    ("tile", "path", "entries"),
    [
        (Tile(0, 0, 256), "tile/0/000", "tile/entries/000"),
        (Tile(0, 67, 12), "tile/0/067.p/12", "tile/entries/067.p/12"),
        (Tile(0, 1067, 12), "tile/0/x001/067.p/12", "tile/entries/x001/067.p/12"),
        (Tile(1, 1_234_067, 256), "tile/1/x001/x234/067", "tile/entries/x001/x234/067"),
        (Tile(63, 1000, 1), "tile/63/x001/000.p/1", "tile/entries/x001/000.p/1"),
    ],
)
def test_paths_of_tiles(tile: Tile, path: str, entries: str) -> None:
    assert (tile.path(), tile.entries_path()) == (path, entries)


@pytest.mark.parametrize("wrong", [(-1, 0, 1), (64, 0, 1), (0, -1, 1), (0, 0, 0), (0, 0, 257)])
def test_a_tile_that_exists_is_valid(wrong: tuple[int, int, int]) -> None:
    with pytest.raises(TileError, match="expected level 0 to 63, number from 0, width 1 to 256"):
        Tile(*wrong)


def test_a_store_that_lost_a_tile_is_named() -> None:
    def read(level: int, number: int, width: int) -> bytes:
        return b"" if (level, number) == (0, 1) else bytes(width * 32)

    with pytest.raises(TileError, match=r"^tile 0/1: expected 1408 bytes, found 0$"):
        tiles.inclusion_path(0, 300, read)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (5, 5), (-1, 5)])
def test_a_leaf_outside_the_tree_has_no_path(index: int, size: int) -> None:
    with pytest.raises(ProofError, match=f"leaf index: expected .*, found {index}"):
        tiles.inclusion_path(index, size, lambda *_: b"")


@pytest.mark.parametrize(("size1", "size2"), [(0, 5), (6, 5), (0, 0)])
def test_no_consistency_path_outside_one_to_the_size(size1: int, size2: int) -> None:
    with pytest.raises(ProofError, match=f"first size: expected 1 to {size2}, found {size1}"):
        tiles.consistency_path(size1, size2, lambda *_: b"")


def test_hashes_of_another_length_never_enter() -> None:
    with pytest.raises(TileError, match="leaf hashes of 32 bytes"):
        tiles.grow(0, [b"x" * 31, b"y" * 33], lambda *_: b"")


@given(st.lists(st.binary(max_size=70), max_size=20))
@settings(max_examples=50, deadline=None)
def test_entry_bundles_come_back(entries: list[bytes]) -> None:
    assert tiles.decode_entries(tiles.encode_entries(entries)) == tuple(entries)


def test_an_entry_bundle_shows_its_bytes() -> None:
    assert tiles.encode_entries([b"\xaa" * 32])[:3] == b"\x00\x20\xaa"


@pytest.mark.parametrize("cut", [1, 33, 35, 67])
def test_a_bundle_cut_short_is_refused(cut: int) -> None:
    with pytest.raises(TileError, match=f"entry bundle: expected .* bytes, found {cut}"):
        tiles.decode_entries(tiles.encode_entries([b"\xaa" * 32] * 2)[:cut])


@given(st.integers(0, 63), st.integers(0, 2**63), st.integers(1, 256), st.booleans())
@example(63, 2**63, 255, False)
def test_a_path_comes_back(level: int, number: int, width: int, entries: bool) -> None:
    tile = Tile(0 if entries else level, number, width)
    assert tiles.parse_path(tile.entries_path() if entries else tile.path()) == (tile, entries)


@given(st.from_regex(r"tile/(entries|\d{1,2})/(x?\d{1,4}/){0,3}x?\d{1,4}(\.p/\d{1,4})?", fullmatch=True))
def test_a_path_that_is_read_is_the_one_spelling(path: str) -> None:
    try:
        tile, entries = tiles.parse_path(path)
    except TileError:
        return
    assert (tile.entries_path() if entries else tile.path()) == path


@pytest.mark.parametrize(
    "path",
    ["", "tile", "tile/0/000/", "/tile/0/000", "tile/0/000\n", "tile/0/0000", "tile/0/x000/000", "tile/0/000.p/256"],
)
def test_another_spelling_is_refused(path: str) -> None:
    with pytest.raises(TileError, match="each number in its one spelling, found"):
        tiles.parse_path(path)


@given(st.integers(0, 70_000), st.integers(0, 2))
@settings(max_examples=60, deadline=None)
def test_widths_add_up_to_the_tree(size: int, level: int) -> None:
    widths = [tiles.width_of(level, number, size) for number in range((size >> 8 * level + 8) + 2)]
    assert sum(widths) == size >> 8 * level
    assert widths == sorted(widths, reverse=True)
