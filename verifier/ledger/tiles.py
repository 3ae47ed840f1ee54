r"""The tree as it is stored and served: C2SP tlog-tiles, height 8, 256 hashes of 32 bytes in a full tile.

What depends on the tiles' shape may live here: growing, roots and the making of proofs. Tiles come through a function,
so the room touches no store. A hash at `height` h and position p covers leaves p * 2^h to (p + 1) * 2^h - 1.

>>> Tile(0, 1067, 12).path()
'tile/0/x001/067.p/12'
>>> parse_path("tile/entries/x001/067")
(Tile(level=0, number=1067, width=256), True)
>>> stored: dict[tuple[int, int], bytes] = {}
>>> def read(level: int, number: int, width: int) -> bytes:
...     return stored[level, number][: width * 32]
>>> changed, new_root = grow(0, [bytes([i]) * 32 for i in range(3)], read)
>>> {where: len(content) for where, content in changed.items()}
{(0, 0): 96}
>>> stored.update(changed)
>>> inclusion_path(2, 3, read) == (node_hash(bytes(32), b"\1" * 32),)
True
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

from verifier.ledger.encoding import HASH_BYTES, LedgerError
from verifier.ledger.merkle import EMPTY_ROOT, ProofError, node_hash

HEIGHT = 8
WIDTH = 1 << HEIGHT
TILE_BYTES = WIDTH * HASH_BYTES
LONGEST_PATH = 64  # more than the last tile of 2^63 leaves takes
_PATH = re.compile(r"tile/(entries|[0-9]{1,2})/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([0-9]{1,3}))?")

ReadTile = Callable[[int, int, int], bytes]
"""(level, number, width) -> exactly the first `width` hashes of that tile, width * 32 bytes.

The width asked for is what the tree of the size in question has: the store may hold more, and slices.
"""


class TileError(LedgerError):
    """A tile, entry or hash that is not of its shape: the store is damaged, or was asked wrongly."""


@dataclass(frozen=True, slots=True)
class Tile:
    """The address of a tile: `level` 0 to 63, `number` from 0, `width` 1 to 256 hashes (256: full)."""

    level: int
    number: int
    width: int

    def __post_init__(self) -> None:
        if not (0 <= self.level < 64 and self.number >= 0 and 0 < self.width <= WIDTH):
            found = f"{self.level}, {self.number}, {self.width}"
            raise TileError("tile", expected="level 0 to 63, number from 0, width 1 to 256", found=found)

    def path(self) -> str:
        """Where the tile is served, below the log's prefix."""
        return f"tile/{self.level}/{self._place()}"

    def entries_path(self) -> str:
        """Where the entries under this tile of level 0 are served."""
        return f"tile/entries/{self._place()}"

    def _place(self) -> str:
        digits = str(self.number)
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        groups = [digits[i : i + 3] for i in range(0, len(digits), 3)]
        number = "/".join([*("x" + group for group in groups[:-1]), groups[-1]])
        return number if self.width == WIDTH else f"{number}.p/{self.width}"


def parse_path(path: str) -> tuple[Tile, bool]:
    """The tile that a path names, and whether its entries are meant; raises TileError for any other spelling."""
    if len(path) <= LONGEST_PATH and (found := _PATH.fullmatch(path)):
        level, place, width = found.groups()
        entries, number = level == "entries", int(place.replace("x", "").replace("/", ""))
        tile = Tile(0 if entries else int(level), number, int(width or WIDTH))
        if path == (tile.entries_path() if entries else tile.path()):
            return tile, entries
    expected = "tile/<L>/<N>[.p/<W>] or tile/entries/<N>[.p/<W>], each number in its one spelling"
    raise TileError("tile path", expected=expected, found=repr(path[:100]))


def width_of(level: int, number: int, size: int) -> int:
    """How many hashes the tree of `size` leaves has in a tile: 256 in a full one, 0 beyond its edge.

    >>> width_of(0, 273, 70_000), width_of(1, 1, 70_000), width_of(0, 274, 70_000)
    (112, 17, 0)
    """
    return max(0, min(WIDTH, (size >> HEIGHT * level) - (number << HEIGHT)))


def edges(size: int) -> Iterator[Tile]:
    """The partial tiles of the tree of `size` leaves, lowest first: together they give its root.

    >>> [tile.path() for tile in edges(70_000)]
    ['tile/0/273.p/112', 'tile/1/001.p/17', 'tile/2/000.p/1']
    """
    level = 0
    while width := size >> HEIGHT * level:
        if width % WIDTH:
            yield Tile(level, width >> HEIGHT, width % WIDTH)
        level += 1


def encode_entries(entries: Sequence[bytes]) -> bytes:
    """An entry bundle: before each entry its length, u16 big-endian. Ours are 32-byte statement ids."""
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def decode_entries(bundle: bytes) -> tuple[bytes, ...]:
    """The entries of a bundle; raises TileError where its last entry is cut short."""
    entries, offset = [], 0
    while offset < len(bundle):
        end = offset + 2 + int.from_bytes(bundle[offset : offset + 2], "big")
        if end > len(bundle):
            raise TileError("entry bundle", expected=f"{end} bytes", found=len(bundle))
        entries.append(bundle[offset + 2 : end])
        offset = end
    return tuple(entries)


def grow(size: int, leaf_hashes: Sequence[bytes], read: ReadTile) -> tuple[dict[tuple[int, int], bytes], bytes]:
    """The tiles that change when `leaf_hashes` follow the first `size` leaves, and the new root.

    Each changed tile is whole, keyed by (level, number). Only the right edge of the tree of `size` is read, so that
    what a crash left behind beyond it never matters, and growing again writes the same bytes.
    """
    if size < 0 or any(len(leaf) != HASH_BYTES for leaf in leaf_hashes):
        raise TileError("growth", expected=f"a size from 0 and leaf hashes of {HASH_BYTES} bytes", found=f"size {size}")
    changed: dict[tuple[int, int], bytes] = {}
    level, held, added = 0, size, b"".join(leaf_hashes)
    while added:
        first, width = divmod(held, WIDTH)
        run = _read(read, level, first, width) + added if width else added
        for offset in range(0, len(run), TILE_BYTES):
            changed[level, first + offset // TILE_BYTES] = run[offset : offset + TILE_BYTES]
        added = run[: len(run) - len(run) % TILE_BYTES]
        for _ in range(HEIGHT):  # every full tile becomes one hash of the level above
            added = _halve(added)
        level, held = level + 1, first

    def read_new(level: int, number: int, width: int) -> bytes:
        return changed.get((level, number)) or read(level, number, width)

    return changed, root(size + len(leaf_hashes), read_new)


def root(size: int, read: ReadTile) -> bytes:
    """The root of the tree of `size` leaves; of none, SHA-256 of nothing."""
    return _Tree(size, read).edge(size) if size else EMPTY_ROOT


def leads_up(tile: Tile, content: bytes, size: int, expected: bytes, read: ReadTile) -> bool:
    """Whether these hashes of a tile of level 0 lead to what is stored above it, or, where it is partial, to the
    `expected` root of `size` leaves: where a leaf and its tile disagree, this says which of them is wrong."""
    if tile.width == WIDTH:
        above = read(1, tile.number >> HEIGHT, width_of(1, tile.number >> HEIGHT, size))
        at = tile.number % WIDTH * HASH_BYTES
        return _halve(_layers(content)[-1]) == above[at : at + HASH_BYTES]

    def edge(level: int, number: int, width: int) -> bytes:
        return content if level == 0 else read(level, number, width)

    try:
        return root(size, edge) == expected
    except TileError:
        return False


def inclusion_path(index: int, size: int, read: ReadTile) -> tuple[bytes, ...]:
    """The path from leaf `index` to the root of `size` leaves (RFC 9162 2.1.3.1), leaf's sibling first.

    Reads each tile once: on a level, the leaf's own and the one on the right edge. Raises ProofError unless
    0 <= index < size.
    """
    if not 0 <= index < size:
        raise ProofError("leaf index", expected=f"0 to {size - 1}" if size > 0 else "a tree with leaves", found=index)
    return tuple(_Tree(size, read).siblings(index, 0))


def consistency_path(size1: int, size2: int, read: ReadTile) -> tuple[bytes, ...]:
    """The proof that the tree of size2 begins with that of size1 (RFC 9162 2.1.4.1); empty for equal sizes.

    Raises ProofError unless 0 < size1 <= size2.
    """
    if not 0 < size1 <= size2:
        raise ProofError("first size", expected=f"1 to {size2}", found=size1)
    if size1 == size2:
        return ()
    tree, last = _Tree(size2, read), size1 - 1
    start = (size1 & -size1).bit_length() - 1  # the height of the first tree's last complete subtree
    seed = [] if size1 == 1 << start else [tree.node(start, last >> start)]
    return (*seed, *tree.siblings(last, start))


class _Tree:
    """The tree of `size` leaves, seen through its tiles; each is read once."""

    def __init__(self, size: int, read: ReadTile) -> None:
        self.size, self.read = size, read
        self.tiles: dict[tuple[int, int], tuple[bytes, ...]] = {}

    def node(self, height: int, position: int) -> bytes:
        """The hash of a complete subtree."""
        level, inner = divmod(height, HEIGHT)
        number = position >> HEIGHT - inner
        layers = self.tiles.get((level, number))
        if layers is None:
            width = width_of(level, number, self.size)
            layers = self.tiles[level, number] = _layers(_read(self.read, level, number, width))
        offset = (position - (number << HEIGHT - inner)) * HASH_BYTES
        return layers[inner][offset : offset + HASH_BYTES]

    def edge(self, leaves: int) -> bytes:
        """The hash over the last `leaves` leaves, where they begin at a multiple of a power of two >= leaves."""
        heights = [height for height in range(leaves.bit_length()) if leaves >> height & 1]
        folded, *lefts = (self.node(height, (self.size >> height) - 1) for height in heights)
        for left in lefts:
            folded = node_hash(left, folded)
        return folded

    def siblings(self, index: int, start: int) -> list[bytes]:
        """What stands beside the way from the subtree at height `start` over leaf `index` up to the root."""
        fork = (index ^ (self.size - 1)).bit_length()  # from this height on, the way is the tree's right edge
        path = [self.node(height, index >> height ^ 1) for height in range(start, fork - 1)]
        if fork:
            path.append(self.edge(self.size - ((index >> fork - 1 | 1) << fork - 1)))
        above = range(fork, index.bit_length())
        return path + [self.node(height, (index >> height) - 1) for height in above if index >> height & 1]


def _read(read: ReadTile, level: int, number: int, width: int) -> bytes:
    content = read(level, number, width)
    if len(content) != width * HASH_BYTES:
        raise TileError(f"tile {level}/{number}", expected=f"{width * HASH_BYTES} bytes", found=len(content))
    return content


@lru_cache(maxsize=4096)  # 16 KiB each with its key; the inner hashes of a million leaves, which cost 0.2 ms a tile
def _layers(tile: bytes) -> tuple[bytes, ...]:
    """The complete subtrees inside a tile, by their height in it; keyed by content, hence never stale."""
    layers = [tile]
    while len(layers) < HEIGHT and len(layers[-1]) > HASH_BYTES:
        layers.append(_halve(layers[-1]))
    return tuple(layers)


def _halve(hashes: bytes) -> bytes:
    """The parents of a row of hashes; a last one without a sibling has none."""
    pair = 2 * HASH_BYTES
    return b"".join([sha256(b"\x01" + hashes[i : i + pair]).digest() for i in range(0, len(hashes) - HASH_BYTES, pair)])
