"""The tiles of one signed tree, each proved to lead to its root before it is handed out.

The partial tiles on the right edge give the root together; below them the hash of each full tile stands in its parent.
So any one tile is proved by a few others, and a reader who keeps a tile a level needs no more memory for a longer log.
"""

from collections.abc import Mapping
from typing import Protocol

from verifier.ledger import tiles
from verifier.ledger.checkpoint import Checkpoint
from verifier.ledger.encoding import HASH_BYTES
from verifier.ledger.merkle import tree_root
from verifier.ledger.tiles import HEIGHT, WIDTH, Tile
from verifier.node.auditor import Source
from verifier.node.testimony import NOT_SHOWN, OK, Answer, Lied


class AtHand(Protocol):
    """Tiles that need not be asked for, and are proved all the same."""

    def at_hand(self, tile: Tile) -> bytes | None:
        """Exactly these hashes; None where they are not there."""


class ProvedTiles:
    """A ReadTile of the tree of `head`, as `source` shows it; raises Lied or Unreached. `fresh` gathers, by path, what
    `source` was asked for and proved, until it is taken."""

    def __init__(self, source: Source, head: Checkpoint, nearer: AtHand | None = None) -> None:
        self.source, self.head, self._nearer = source, head, nearer
        self.fresh: dict[str, bytes] = {}
        self._full: dict[int, tuple[int, bytes]] = {}
        self._edges = self._proved_edges()

    def __call__(self, level: int, number: int, width: int) -> bytes:
        """The first `width` hashes of a tile."""
        return self._content(level, number)[: width * HASH_BYTES]

    def take(self) -> dict[str, bytes]:
        """What is fresh, by path; from now on nothing is."""
        taken, self.fresh = self.fresh, {}
        return taken

    def _proved_edges(self) -> dict[tuple[int, int], bytes]:
        """The partial tile of each level that has one."""
        wanted, size = list(tiles.edges(self.head.size)), self.head.size
        near = {tile: content for tile in wanted if (content := self._near(tile)) is not None}
        found = near | {tile: fetch(self.source, tile) for tile in wanted if tile not in near}
        if near and _root(size, found) != self.head.root:  # what is nearer is damaged, or another tree's
            near, found = {}, {tile: fetch(self.source, tile) for tile in wanted}
        if (root := _root(size, found)) != self.head.root:
            raise Lied("checkpoint", None, f"the root {root.hex()} of its tiles", self.head.root.hex())
        self.fresh |= {tile.path(): content for tile, content in found.items() if tile not in near}
        return {(tile.level, tile.number): content for tile, content in found.items()}

    def _content(self, level: int, number: int) -> bytes:
        if (level, number) in self._edges:
            return self._edges[level, number]
        held = self._full.get(level)
        if held is None or held[0] != number:
            held = self._full[level] = number, self._proved(Tile(level, number, WIDTH))
        return held[1]

    def _proved(self, tile: Tile) -> bytes:
        """A full tile: its hash is the one in its parent."""
        at = tile.number % WIDTH * HASH_BYTES
        expected = self._content(tile.level + 1, tile.number >> HEIGHT)[at : at + HASH_BYTES]
        near = self._near(tile)
        if near is not None and _hash(near) == expected:
            return near
        content = fetch(self.source, tile)
        if (found := _hash(content)) != expected:
            raise Lied(tile.path(), None, f"hashes under {expected.hex()}, as signed", found.hex())
        self.fresh[tile.path()] = content
        return content

    def _near(self, tile: Tile) -> bytes | None:
        return self._nearer.at_hand(tile) if self._nearer else None


def fetch(source: Source, tile: Tile, *, entries: bool = False) -> bytes:
    """A tile's hashes, or the bundle of its ids, by its length alone; where a partial one is gone, the beginning of the
    full one (tlog-tiles, Partial Tiles). Raises Lied or Unreached."""
    unit = HASH_BYTES + 2 if entries else HASH_BYTES
    path, length = tile.entries_path() if entries else tile.path(), tile.width * unit
    answer = source.get(path, length)
    if answer.status in NOT_SHOWN and tile.width < WIDTH:
        whole = Tile(tile.level, tile.number, WIDTH)
        full = source.get(whole.entries_path() if entries else whole.path(), WIDTH * unit)
        answer = Answer(full.status, full.body[:length]) if full.status == OK else answer
    if answer.status != OK:
        raise Lied(path, None, f"status {OK}", answer.status)
    if len(answer.body) != length:
        found = "more" if len(answer.body) > length else len(answer.body)
        raise Lied(path, min(len(answer.body), length), f"{length} bytes", found)
    return answer.body


def _root(size: int, edges: Mapping[Tile, bytes]) -> bytes:
    placed = {(tile.level, tile.number): content for tile, content in edges.items()}
    return tiles.root(size, lambda level, number, width: placed[level, number][: width * HASH_BYTES])


def _hash(content: bytes) -> bytes:
    """The hash of a full tile, as it stands in its parent."""
    return tree_root([content[i : i + HASH_BYTES] for i in range(0, len(content), HASH_BYTES)])
