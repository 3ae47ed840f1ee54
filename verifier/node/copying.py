"""A log copied into a mirror, run by run, every byte checked against the signed checkpoint before it is kept.

In this order: the right edge of the new tree; that it begins with the tree that is here; then for each run of 256
leaves its tile, its ids, and the statements that are shown, with the deposits they name; at last the checkpoint. What
is here already is not asked for again, so that a copy that was cut short goes on where it was. No more is held in
memory than a run and a tile a level.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

from verifier import files
from verifier.ledger import tiles
from verifier.ledger.checkpoint import Checkpoint
from verifier.ledger.merkle import leaf_hash
from verifier.ledger.tiles import WIDTH, Tile
from verifier.node.auditor import Source
from verifier.node.mirror import UNIT, Mirror
from verifier.node.proved import ProvedTiles, fetch
from verifier.node.remote import NotShown
from verifier.node.testimony import NOT_SHOWN, OK, Answer, Lied
from verifier.statements.cbor import MAX_BYTES
from verifier.statements.envelope import Statement, read
from verifier.statements.errors import StatementError
from verifier.statements.kinds import KINDS, body_of

DEPOSIT_BYTES = 256 * 2**20


class DeepSource(Source, Protocol):
    """A Source that also gives deposits, whose bytes no memory should hold."""

    def chunks(self, path: str) -> Iterator[bytes]:
        """The bytes at a path; raises NotShown or Unreached."""


class Forked(Exception):
    """A tree of `size` leaves that is known does not begin the one that is shown: at that size, the shown one has
    another `root`, as `path` proves (RFC 9162 2.1.4; empty where both have that size)."""

    def __init__(self, size: int, root: bytes, path: tuple[bytes, ...]) -> None:
        super().__init__(f"another tree of {size} leaves")
        self.size, self.root, self.path = size, root, path


@dataclass(frozen=True, slots=True)
class Leaf:
    """What a mirror holds of a leaf: its statement, None where it was not shown, and the deposits that were not."""

    index: int
    id: bytes
    statement: Statement | None
    lacking: tuple[bytes, ...] = ()


Hear = Callable[[Sequence[Leaf]], None]
"""Called with each run's leaves, in their order, once they are kept."""


def prove_growth(before: Checkpoint | None, head: Checkpoint, read_tile: tiles.ReadTile) -> tuple[bytes, ...]:
    """The path that proves that the tree of `head`, whose tiles are read, begins with that of `before`; raises Forked.
    Every tree begins with none, and with the empty one."""
    if before is None or before.size == 0:
        return ()
    same = before.size == head.size  # then the tiles may be those of before
    root = head.root if same else tiles.root(before.size, read_tile)
    path = () if same else tiles.consistency_path(before.size, head.size, read_tile)
    if root != before.root:
        raise Forked(before.size, root, path)
    return path


def copy(
    source: DeepSource, signed: bytes, head: Checkpoint, mirror: Mirror, hear: Hear, proved: ProvedTiles | None = None
) -> None:
    """Bring `mirror` up to `head`, the checkpoint of the note `signed`, which its caller believes. `proved` are the
    tiles of `head`, where the caller has asked already. Raises Forked, Lied or Unreached; then what was copied stays.
    """
    before = mirror.head()
    shown = proved or ProvedTiles(source, head, mirror)
    prove_growth(before, head, shown)
    size = before.size if before else 0
    for number in range(size // WIDTH, -(-head.size // WIDTH)):
        width = tiles.width_of(0, number, head.size)
        hear(_run(source, Tile(0, number, width), size, mirror, shown))
    mirror.keep(shown.take())
    mirror.publish(signed)


def _run(source: DeepSource, tile: Tile, since: int, mirror: Mirror, shown: ProvedTiles) -> list[Leaf]:
    """The leaves from `since` on under one tile, kept with all that belongs to them."""
    hashes = shown(0, tile.number, tile.width)
    ids, bundle = _ids(source, tile, mirror, hashes)
    first = max(since, tile.number * WIDTH)
    new = ids[first - tile.number * WIDTH :]
    raws = {one: _kept(mirror, one) for one in new}
    wanted = [one for one, raw in raws.items() if raw is None]
    raws |= zip(wanted, ask(source, wanted), strict=True)
    news = {_entry(one): raw for one in wanted if (raw := raws[one]) is not None}
    mirror.keep({**shown.take(), tile.entries_path(): bundle, **news})
    return [keep_deposits(source, mirror, leaf(index, one, raws[one])) for index, one in enumerate(new, first)]


def _ids(source: Source, tile: Tile, mirror: Mirror, hashes: bytes) -> tuple[list[bytes], bytes]:
    """The ids whose leaf hashes these are, and their bundle; from here where they are here."""
    with suppress(LookupError):
        ids = mirror.ids(tile.number, tile.width)
        if b"".join(map(leaf_hash, ids)) == hashes:
            return ids, tiles.encode_entries(ids)
    return ids_under(source, tile, hashes)


def ids_under(source: Source, tile: Tile, hashes: bytes) -> tuple[list[bytes], bytes]:
    """The ids whose leaf hashes are these, and their bundle, as the source has them; raises Lied or Unreached."""
    bundle = fetch(source, tile, entries=True)
    ids = [bundle[at + 2 : at + UNIT] for at in range(0, len(bundle), UNIT)]
    if tiles.encode_entries(ids) != bundle or b"".join(map(leaf_hash, ids)) != hashes:
        raise Lied(tile.entries_path(), None, f"the ids whose leaf hashes are {tile.path()}", "others")
    return ids, bundle


def ask(source: Source, ids: Sequence[bytes]) -> Iterator[bytes | None]:
    """The statements of these ids, each hashed; None for what is not shown. Raises Lied or Unreached."""
    for one, answer in zip(ids, source.get_all([_entry(one) for one in ids], MAX_BYTES), strict=True):
        yield _statement(one, answer)


def _statement(one: bytes, answer: Answer) -> bytes | None:
    if answer.status in NOT_SHOWN:
        return None
    if answer.status != OK:
        raise Lied(_entry(one), None, f"status {OK}", answer.status)
    if (digest := sha256(answer.body).digest()) != one:
        raise Lied(_entry(one), None, f"bytes whose SHA-256 is {one.hex()}", digest.hex())
    return answer.body


def leaf(index: int, one: bytes, raw: bytes | None) -> Leaf:
    """What a leaf says, or that it was not shown; raises Lied for what is no statement."""
    try:
        statement = read(raw) if raw is not None else None
    except StatementError as fault:
        raise Lied(_entry(one), None, "a statement", fault) from fault
    if statement is not None and statement.id != one:  # its bytes hash to the id, which leaves unprotected headers out
        raise Lied(_entry(one), None, "no unprotected header", "some")
    return Leaf(index, one, statement)


def held_leaf(mirror: Mirror, index: int, one: bytes) -> Leaf:
    """A leaf as the mirror has it; what is damaged there is as if it had not been shown."""
    try:
        found = leaf(index, one, _kept(mirror, one))
    except Lied:
        return Leaf(index, one, None)
    lacking = (digest for digest in deposits_of(found.statement) if not mirror.has(f"deposits/{digest.hex()}"))
    return Leaf(index, one, found.statement, tuple(lacking))


def keep_deposits(source: DeepSource, mirror: Mirror, found: Leaf) -> Leaf:
    """The same leaf, with what its statement names kept too, or told as lacking; raises Unreached."""
    lacking = []
    for digest in deposits_of(found.statement):
        path = f"deposits/{digest.hex()}"
        if mirror.has(path):
            continue
        try:
            mirror.keep_chunks(digest.hex(), source.chunks(f"{path}?entry={found.id.hex()}"), DEPOSIT_BYTES)
        except (NotShown, files.WrongBytes):
            lacking.append(digest)
    return Leaf(found.index, found.id, found.statement, tuple(lacking))


def deposits_of(statement: Statement | None) -> tuple[bytes, ...]:
    """The digests of the deposits that a statement names; none of a kind that is not known here."""
    if statement is None or statement.kind not in KINDS:
        return ()
    with suppress(StatementError):
        return body_of(statement).deposits()
    return ()


def _kept(mirror: Mirror, one: bytes) -> bytes | None:
    answer = mirror.get(_entry(one), MAX_BYTES)
    return answer.body if answer.status == OK and sha256(answer.body).digest() == one else None


def _entry(one: bytes) -> str:
    return f"entries/{one.hex()}"
