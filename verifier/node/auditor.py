"""The auditor: all that a log shows, read again and held against what was trusted beforehand. The network is asked of a
Source alone, and belief is decided from the bytes it brings.

In this order, for each run of 256 leaves: the ids, the hashes of tile level 0, each statement that is shown (its hash,
its leaf number, its strict reading, its signer's entitlement as the ledger enrolled keys up to there, the clocks), and
every tile above that the run completed; at the end the partial tiles, and the signed root. Nothing is kept of what was
read but the tree's right edge, and members with their keys.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from verifier.ledger import checkpoint as notes
from verifier.ledger import tiles
from verifier.ledger.checkpoint import Checkpoint
from verifier.ledger.encoding import HASH_BYTES
from verifier.ledger.merkle import EMPTY_ROOT, leaf_hash
from verifier.ledger.note import MAX_BYTES as NOTE_BYTES
from verifier.ledger.policy import Policy
from verifier.ledger.tiles import WIDTH, Tile
from verifier.node.testimony import NOT_SHOWN, OK, Answer, Lied, Testimony
from verifier.statements.cbor import MAX_BYTES

PREFIX = HASH_BYTES.to_bytes(2, "big")
UNIT = len(PREFIX) + HASH_BYTES


class Source(Protocol):
    """Where a log is read. Both raise Unreached."""

    def get(self, path: str, limit: int) -> Answer:
        """The answer at a path below the log's prefix; at most `limit` + 1 bytes of it are read."""

    def get_all(self, paths: Sequence[str], limit: int) -> Iterable[Answer]:
        """The answers at several paths, in their order."""


@dataclass(slots=True)
class Report:
    """What was read so far: the signed `size` and `root`, the size grown `since`, tiles and bundles, and statements."""

    size: int = 0
    root: bytes = EMPTY_ROOT
    since: int | None = None
    tiles: int = 0
    testimony: Testimony = field(default_factory=Testimony)


class Auditor:
    """Audits one log once. `genesis` is the id of its first leaf; `seen` a checkpoint it must have grown from."""

    def __init__(self, source: Source, policy: Policy, genesis: bytes, seen: bytes | None = None) -> None:
        self.source, self.policy, self.genesis = source, policy, genesis
        self.seen = notes.open(seen, policy) if seen else None
        self.report = Report(since=self.seen.size if self.seen else None)
        self._grown, self._root, self._waiting = 0, EMPTY_ROOT, list[bytes]()
        self._edge: dict[tuple[int, int], bytes] = {}

    def audit(self, progress: Callable[[int], None] = lambda _: None) -> Report:
        """Read everything; raises Lied at the first wrong byte, or Unreached. `progress` gets the leaves done."""
        head = self._head()
        self.report.size, self.report.root = head.size, head.root
        for number in range(-(-head.size // WIDTH)):
            self._run(number, tiles.width_of(0, number, head.size))
            progress(min(head.size, (number + 1) * WIDTH))
        root = self._root_now()
        for (level, number), content in self._edge.items():
            self._same_tile(level, number, content)
        if root != head.root:
            raise Lied("checkpoint", None, f"the root {root.hex()} of its leaves", head.root.hex())
        return self.report

    def _head(self) -> Checkpoint:
        """The published checkpoint, no smaller than the one seen before."""
        note = self._have("checkpoint", NOTE_BYTES)
        try:
            head = notes.open(note, self.policy)
        except ValueError as fault:
            expected, found = getattr(fault, "expected", ""), getattr(fault, "found", "")
            raise Lied("checkpoint", None, f"{getattr(fault, 'value', '')}: {expected}", found) from fault
        if self.seen is not None and head.size < self.seen.size:
            raise Lied("checkpoint", None, f"at least {self.seen.size} leaves, as seen before", head.size)
        self._grew()
        return head

    def _have(self, path: str, limit: int) -> bytes:
        """The body of what a log must serve."""
        answer = self.source.get(path, limit)
        if answer.status != OK:
            raise Lied(path, None, f"status {OK}", answer.status)
        if len(answer.body) > limit:
            raise Lied(path, limit, f"at most {limit} bytes", "more")
        return answer.body

    # --- hashes ---

    def _run(self, number: int, width: int) -> None:
        """The leaves under one tile of level 0."""
        ids = self._ids(number, width)
        self._leaves(number, ids)
        first = number * WIDTH
        if first == 0 and ids[0] != self.genesis:
            raise Lied(Tile(0, 0, width).entries_path(), len(PREFIX), self.genesis.hex(), ids[0].hex())
        paths = [f"entries/{one.hex()}" for one in ids]
        for index, (one, answer) in enumerate(zip(ids, self.source.get_all(paths, MAX_BYTES), strict=True), first):
            self.report.testimony.hear(index, one, answer, self._root_now)
            self._waiting.append(leaf_hash(one))
            self._grew()

    def _ids(self, number: int, width: int) -> list[bytes]:
        tile = Tile(0, number, width)
        bundle = self._content(tile, entries=True)
        for at in range(0, len(bundle), UNIT):
            if bundle[at : at + len(PREFIX)] != PREFIX:
                found = bundle[at : at + len(PREFIX)].hex()
                raise Lied(tile.entries_path(), at, f"{PREFIX.hex()}, the length of an id", found)
        return [bundle[at + len(PREFIX) : at + UNIT] for at in range(0, len(bundle), UNIT)]

    def _content(self, tile: Tile, *, entries: bool = False) -> bytes:
        """A tile's bytes; where a partial one is gone, the beginning of the full one (tlog-tiles, Partial Tiles)."""
        path, length = (tile.entries_path(), UNIT) if entries else (tile.path(), HASH_BYTES)
        answer = self.source.get(path, tile.width * length)
        if answer.status in NOT_SHOWN and tile.width < WIDTH:
            whole = Tile(tile.level, tile.number, WIDTH)
            full = self.source.get(whole.entries_path() if entries else whole.path(), WIDTH * length)
            answer = Answer(full.status, full.body[: tile.width * length]) if full.status == OK else answer
        if answer.status != OK:
            raise Lied(path, None, f"status {OK}", answer.status)
        if len(answer.body) != tile.width * length:
            found = "more" if len(answer.body) > tile.width * length else len(answer.body)
            raise Lied(path, min(len(answer.body), tile.width * length), f"{tile.width * length} bytes", found)
        self.report.tiles += 1
        return answer.body

    def _leaves(self, number: int, ids: list[bytes]) -> None:
        """The ids and the hashes of one tile agree; where they do not, the tile above says which of them is wrong."""
        tile = Tile(0, number, len(ids))
        served = self._content(tile)
        for place, one in enumerate(ids):
            found = served[place * HASH_BYTES : (place + 1) * HASH_BYTES]
            if leaf_hash(one) != found and self._proved(tile, served):
                at = place * UNIT + len(PREFIX)
                raise Lied(tile.entries_path(), at, f"the id whose leaf hash is {found.hex()}", one.hex())
        self._same(tile, b"".join(map(leaf_hash, ids)), served)

    def _proved(self, tile: Tile, served: bytes) -> bool:
        """Whether what is served above leads from these leaf hashes to what was signed."""

        def read(level: int, number: int, width: int) -> bytes:
            return self._content(Tile(level, number, width))

        return tiles.leads_up(tile, served, self.report.size, self.report.root, read)

    def _same_tile(self, level: int, number: int, content: bytes) -> None:
        if level:  # those of level 0 were compared with the ids
            tile = Tile(level, number, len(content) // HASH_BYTES)
            self._same(tile, content, self._content(tile))

    @staticmethod
    def _same(tile: Tile, expected: bytes, found: bytes) -> None:
        for at, (one, other) in enumerate(zip(expected, found, strict=True) if expected != found else ()):
            if one != other:
                raise Lied(tile.path(), at, f"{one:02x}, as recomputed", f"{other:02x}")

    def _grow(self) -> None:
        """Grow the tree by the leaves that wait, and compare the tiles that this completes."""
        if not self._waiting:
            return
        changed, self._root = tiles.grow(self._grown, self._waiting, lambda level, number, _: self._edge[level, number])
        self._grown += len(self._waiting)
        self._waiting = []
        for (level, number), content in changed.items():
            if len(content) < tiles.TILE_BYTES:
                self._edge[level, number] = content
            else:
                self._edge.pop((level, number), None)
                self._same_tile(level, number, content)

    def _root_now(self) -> bytes:
        self._grow()
        return self._root

    def _grew(self) -> None:
        """At the size seen before, the root must be the one seen before."""
        if self.seen is not None and self._grown + len(self._waiting) == self.seen.size:
            root = self._root_now()
            if root != self.seen.root:
                expected = f"growth from {self.seen.size} leaves under {self.seen.root.hex()}, as seen before"
                raise Lied("checkpoint", None, expected, root.hex())
