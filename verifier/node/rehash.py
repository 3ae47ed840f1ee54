"""The ledger's bytes hashed again, a run of leaves at a time: the one walk of the node at boot (boot), of its patrol
between steps (patrol), and of `fsck`. It reads one published tree: whatever grows meanwhile changes nothing.

Of each run: the ids, the hashes of tile level 0, the statements, their leaf numbers; then the tiles above that it
completed, and the roots that were signed of sizes within it. At the end the partial tiles, and the signed root. The
first wrong leaf is named. Nothing is kept of what was read but the tree's right edge.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from typing import cast

import redis

from verifier.ledger import tiles
from verifier.ledger.checkpoint import Checkpoint
from verifier.ledger.encoding import HASH_BYTES
from verifier.ledger.merkle import EMPTY_ROOT
from verifier.ledger.tiles import WIDTH, Tile
from verifier.store import layout

RUN = 2048
"""Leaves of a run, whole tiles: at 64 KiB a statement no more than 128 MiB."""
Hear = Callable[[int, Sequence[bytes]], None]


class Damaged(LookupError):
    """The store does not hold what was published; the sentence names the first wrong leaf, or tile, or root."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A checkpoint that the tree must have grown through; `what` names it to people."""

    what: str
    checkpoint: Checkpoint


@dataclass(frozen=True, slots=True)
class Run:
    """What is stored of the leaves from `start` on: ids, the `hashes` of their tiles joined, statements, numbers."""

    start: int
    ids: list[bytes]
    hashes: bytes
    bodies: list[bytes | None]
    numbers: list[bytes | None]


def walk(
    client: redis.Redis,
    head: Checkpoint,
    marks: Iterable[Mark] = (),
    hear: Hear = lambda *_: None,
    run: int = RUN,
    ahead: bool = True,
) -> Iterator[int]:
    """Hash the published tree of `head` again; the leaves done, after each `run` of them (a multiple of 256). `hear`
    gets the first leaf and the statements of each run that is sound. `ahead`: while one is hashed, the next is read by
    another thread. Raises Damaged, or redis.RedisError."""
    grown, through = Grown(), sorted(marks, key=lambda mark: mark.checkpoint.size)
    spans = [(start, min(start + run, head.size)) for start in range(0, head.size, run)]

    def read(span: tuple[int, int]) -> Run:
        return _read(client, *span)

    for found in _ahead(read, spans) if ahead else map(read, spans):
        hashes = [sha256(b"\x00" + one).digest() for one in found.ids]
        if not _sound(found, hashes):
            raise _first_wrong(client, head, found, hashes)
        full = {where: content for where, content in grown.add(hashes).items() if len(content) == tiles.TILE_BYTES}
        _same_tiles(client, full)
        while through and through[0].checkpoint.size <= grown.size:
            mark = through.pop(0)
            _same_root(mark.what, mark.checkpoint, grown.root_at(mark.checkpoint.size))
        hear(found.start, [body for body in found.bodies if body is not None])
        yield grown.size
    _same_tiles(client, grown.edge())
    _same_root("the signed checkpoint", head, grown.root)
    for mark in through:
        expected = f"at least {mark.checkpoint.size} leaves"
        raise Damaged(f"{mark.what}: expected {expected}, found {head.size}")


class Grown:
    """The tree of the leaves added so far, as far as its growth and its newest roots need it."""

    def __init__(self) -> None:
        self.size, self.root = 0, EMPTY_ROOT
        self._edge: dict[int, tuple[int, bytes]] = {}
        self._news: dict[tuple[int, int], bytes] = {}

    def add(self, hashes: Sequence[bytes]) -> dict[tuple[int, int], bytes]:
        """Add leaf hashes; the tiles that this changed, as tiles.grow gives them."""
        self._news, self.root = tiles.grow(self.size, hashes, self._tile)
        self._edge |= {level: (number, content) for (level, number), content in self._news.items()}
        self.size += len(hashes)
        return self._news

    def root_at(self, size: int) -> bytes:
        """The root when it had `size` leaves, some of those added last."""
        return tiles.root(size, self._tile)

    def edge(self) -> dict[tuple[int, int], bytes]:
        """The last tile of each level."""
        return {(level, number): content for level, (number, content) in self._edge.items()}

    def _tile(self, level: int, number: int, width: int) -> bytes:
        content = self._news.get((level, number)) or self._edge[level][1]
        return content[: width * HASH_BYTES]


# --- reading ---


def _ahead(read: Callable[[tuple[int, int]], Run], spans: Iterable[tuple[int, int]]) -> Iterator[Run]:
    """What was read of each span, in order, the next being read meanwhile."""
    coming: Future[Run] | None = None
    with ThreadPoolExecutor(1, "rehash") as reader:
        for span in spans:
            before, coming = coming, reader.submit(read, span)
            if before is not None:
                yield before.result()
        if coming is not None:
            yield coming.result()


def _read(client: redis.Redis, start: int, end: int) -> Run:
    numbers = range(start // WIDTH, -(-end // WIDTH))
    names = [layout.entries(number) for number in numbers] + [layout.tile(0, number) for number in numbers]
    values = client.mget(names)
    ids: list[bytes] = []
    hashes = b""
    for number, entries, tile in zip(numbers, values, values[len(numbers) :], strict=False):
        length = min(WIDTH, end - number * WIDTH) * HASH_BYTES
        held = entries[:length] if isinstance(entries, bytes) else b""  # it may have grown since
        if len(held) != length:
            raise _wrong(number * WIDTH + len(held) // HASH_BYTES, "its statement's id", "none")
        ids += [held[at : at + HASH_BYTES] for at in range(0, length, HASH_BYTES)]
        hashes += (tile[:length] if isinstance(tile, bytes) else b"").ljust(length, b"\0")
    body, index = layout.body(b""), layout.index(b"")
    found = cast(list[bytes | None], client.mget([body + one for one in ids] + [index + one for one in ids]))
    return Run(start, ids, hashes, found[: len(ids)], found[len(ids) :])


# --- comparing ---


def _sound(run: Run, hashes: list[bytes]) -> bool:
    """Whether all of a run agrees, at the price of the hashing alone."""
    if b"".join(hashes) != run.hashes or None in run.bodies:
        return False
    numbers = range(run.start, run.start + len(run.ids))
    told = [sha256(body).digest() for body in run.bodies]  # type: ignore[arg-type] # none is None
    return told == run.ids and run.numbers == [number.to_bytes(8, "big") for number in numbers]


def _first_wrong(client: redis.Redis, head: Checkpoint, run: Run, hashes: list[bytes]) -> Damaged:
    """What is wrong with the first wrong leaf of a run that does not agree."""
    for place, (one, leaf) in enumerate(zip(run.ids, hashes, strict=True)):
        number, body, index = run.start + place, run.bodies[place], run.numbers[place]
        held = run.hashes[place * HASH_BYTES : (place + 1) * HASH_BYTES]
        if leaf != held:
            return _which(client, head, run, place, leaf)
        if body is None or (digest := sha256(body).digest()) != one:
            found = "none" if body is None else f"others, of {digest.hex()}"
            return _wrong(number, f"the bytes of statement {one.hex()}", found)
        if index != number.to_bytes(8, "big"):
            found = "none" if index is None else str(int.from_bytes(index, "big"))
            return _wrong(number, f"statement {one.hex()} numbered {number}", found)
    raise AssertionError("a run that agrees")  # pragma: no cover


def _which(client: redis.Redis, head: Checkpoint, run: Run, place: int, leaf: bytes) -> Damaged:
    """An id and its tile disagree: what stands above that tile says which of the two is wrong."""
    number = (run.start + place) // WIDTH
    first = number * WIDTH - run.start
    tile = Tile(0, number, min(WIDTH, head.size - number * WIDTH))
    content = run.hashes[first * HASH_BYTES : (first + tile.width) * HASH_BYTES]
    held = run.hashes[place * HASH_BYTES : (place + 1) * HASH_BYTES]

    def stored(level: int, at: int, width: int) -> bytes:
        value = client.getrange(layout.tile(level, at), 0, width * HASH_BYTES - 1)
        return value if isinstance(value, bytes) else b""

    if tiles.leads_up(tile, content, head.size, head.root, stored):
        return _wrong(run.start + place, f"the id whose leaf hash is {held.hex()}", run.ids[place].hex())
    return _wrong(run.start + place, f"its hash {leaf.hex()} in {tile.path()}", held.hex())


def _same_tiles(client: redis.Redis, grown: dict[tuple[int, int], bytes]) -> None:
    """The tiles above level 0, whose hashes were compared with the ids."""
    above = {where: content for where, content in grown.items() if where[0]}
    values = client.mget([layout.tile(*where) for where in above]) if above else []
    for (level, number), content, value in zip(above, above.values(), values, strict=True):
        if not isinstance(value, bytes) or value[: len(content)] != content:
            tile = Tile(level, number, len(content) // HASH_BYTES)
            raise Damaged(f"{tile.path()}: expected the hashes of the tiles below it, found {_first(content, value)}")


def _first(content: bytes, value: object) -> str:
    """Where a tile first differs, for people."""
    if not isinstance(value, bytes) or len(value) < len(content):
        return f"{len(value) // HASH_BYTES if isinstance(value, bytes) else 0} hashes"
    pairs = ((content[at : at + HASH_BYTES], value[at : at + HASH_BYTES]) for at in range(0, len(content), HASH_BYTES))
    return f"another as its hash {[one == other for one, other in pairs].index(False)}"


def _same_root(what: str, expected: Checkpoint, found: bytes) -> None:
    if expected.root != found:
        told = f"expected {expected.root.hex()} as root of {expected.size} leaves, found {found.hex()}"
        raise Damaged(f"{what}: {told}")


def _wrong(number: int, expected: str, found: str) -> Damaged:
    return Damaged(f"leaf {number}: expected {expected}, found {found}")


