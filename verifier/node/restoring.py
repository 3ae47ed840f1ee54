"""A ledger brought back into an empty store from whoever mirrors it: a backup's folder, a witness, another node.

Everything is checked before it is written, as an auditor would: the checkpoint's signatures and its quorum, each tile
and id to the signed root, each statement by its hash, and that its signer was entitled to it there.

    each run of 256 leaves    statements, ids, leaf numbers, tiles; deposits before them.
                              Crash: leaves without a checkpoint, which no node starts on; the next restore finds them,
                              and does not ask for them again.
    the projection            replayed.             Crash: as before.
    the checkpoint            Crash before: as before. After: the ledger is back; a mark that is behind is put right.
    the mark                  (node/highwater)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import redis

from verifier.ledger import checkpoint as notes
from verifier.ledger import tiles
from verifier.ledger.checkpoint import Checkpoint
from verifier.ledger.encoding import HASH_BYTES
from verifier.ledger.merkle import leaf_hash
from verifier.ledger.note import MAX_BYTES as NOTE_BYTES
from verifier.ledger.policy import Policy
from verifier.ledger.tiles import WIDTH, Tile
from verifier.node.copying import DeepSource, ask, deposits_of, ids_under
from verifier.node.cosigners import Cosigner, Fault, Proposal
from verifier.node.proved import ProvedTiles
from verifier.node.rehash import Grown, Mark
from verifier.node.remote import NotShown
from verifier.node.testimony import OK, Answer, Lied, Testimony, Unreached
from verifier.statements.envelope import read
from verifier.statements.errors import Malformed
from verifier.store import deposits, layout
from verifier.store.projection import Writer

Progress = Callable[[int], None]


class Occupied(RuntimeError):
    """The store holds something else than the beginning of what is to be restored: nothing of it is touched."""

    def __init__(self, found: str) -> None:
        super().__init__(f"{found}; move it away (the folder redis/ of PROBATUM_DATA), and restore into an empty one")


class Behind(RuntimeError):
    """More of this ledger was published or cosigned than there is to restore."""


@dataclass(slots=True)
class Restored:
    """What came back: the checkpoint and its note, and the digests (hex) of deposits that were not shown."""

    head: Checkpoint
    note: bytes
    lacking: list[str] = field(default_factory=list)


class Restorer:
    """Restores once. `genesis` is the id of the first leaf; `writer` writes as the one who may (node/lease)."""

    def __init__(
        self, source: DeepSource, policy: Policy, genesis: bytes, client: redis.Redis, writer: Writer, folder: Path
    ) -> None:
        self.source, self.policy, self.genesis = source, policy, genesis
        self.client, self.writer, self.folder = client, writer, folder
        self.found = Restored(*self._head())
        self._shown = ProvedTiles(source, self.found.head)
        self._testimony, self._grown = Testimony(), Grown()
        self._waiting: list[bytes] = []
        self._tiles: dict[bytes, bytes] = {}

    def check_marks(self, marks: Sequence[Mark], behind: bool = False) -> None:
        """Each mark is a checkpoint of this ledger that is known: it must lie in the past of what is restored. Raises
        Behind where it does not, unless told that what came after is given up (`behind`); Lied for another ledger."""
        head = self.found.head
        for mark in marks:
            size = mark.checkpoint.size
            if size > head.size and not behind:
                raise Behind(
                    f"{mark.what} knows {size} leaves of this ledger, and only {head.size} are here: signing on from "
                    "there would be a second ledger; restore from who has them"
                )
            if 0 < size <= head.size and (root := tiles.root(size, self._shown)) != mark.checkpoint.root:
                expected = f"{mark.checkpoint.root.hex()} at {size} leaves, as {mark.what} knows it"
                raise Lied("checkpoint", None, expected, root.hex())

    def leaves(self, progress: Progress) -> Restored:
        """Write log, statements and deposits; not yet the checkpoint. Ask `done` before. Raises Lied or Unreached."""
        size = self.found.head.size
        for number in range(-(-size // WIDTH)):
            self._run(Tile(0, number, tiles.width_of(0, number, size)))
            progress(min(size, (number + 1) * WIDTH))
        self._grow()
        self.writer.put(self._tiles)
        return self.found

    def publish(self) -> None:
        """Write the checkpoint, when the projection follows it."""
        self.writer.put({layout.CHECKPOINT: self.found.note})

    def _head(self) -> tuple[Checkpoint, bytes]:
        answer = self.source.get("checkpoint", NOTE_BYTES)
        if answer.status != OK:
            raise Unreached(f"checkpoint: expected status {OK}, found {answer.status}")
        try:
            return notes.open(answer.body, self.policy), answer.body
        except ValueError as fault:
            raise Lied("checkpoint", None, f"what the policy believes ({fault})", "another") from fault

    def check_witnesses(self, now: int) -> list[str]:
        """Have the policy's witnesses cosign once more what is to be restored; those who did not answer, a sentence
        each. Raises Behind where one holds more of this ledger, or another."""
        head = self.found.head
        proposal, silent = Proposal(self.found.note, head.size, self._shown), list[str]()
        for witness in self.policy.witnesses if head.size else ():
            asked = Cosigner(witness, head.size)
            try:
                if witness.url:
                    asked.cosign(proposal, now)
            except Fault as fault:
                if fault.disowns:
                    told = "restore from who has them, or what is missing here is given up for good"
                    raise Behind(f"witness {witness.name} disowns these {head.size} leaves ({fault}); {told}") from None
                silent.append(f"witness {witness.name} could not say whether this is the newest: {fault}")
            finally:
                asked.close()
        return silent

    def done(self) -> bool:
        """Whether the store holds exactly what is to be restored. Raises Occupied where it holds anything else than the
        beginning of it, as a restore cut short leaves it."""
        head, note = self.found.head, self.client.get(layout.CHECKPOINT)
        if isinstance(note, bytes):
            try:
                held = notes.proposed(note, self.policy)
            except ValueError:
                raise Occupied("this store holds the checkpoint of another log, or a damaged one") from None
            if held != head:
                raise Occupied(f"this store holds a ledger of {held.size} leaves, and {head.size} are to be restored")
            return True
        last = -(-head.size // WIDTH) - 1
        beyond = self.client.strlen(layout.entries(last)) > tiles.width_of(0, last, head.size) * HASH_BYTES
        beyond = beyond or bool(self.client.exists(layout.entries(last + 1)))
        if self.client.getrange(layout.entries(0), 0, HASH_BYTES - 1) not in (b"", self.genesis) or beyond:
            raise Occupied("this store holds leaves that are not to be restored")
        if self.client.exists(layout.PENDING):  # of a ledger begun anew: it would be proposed on top of this one
            raise Occupied("this store holds a checkpoint that was proposed and is not published")
        return False

    def _run(self, tile: Tile) -> None:
        """The leaves under one tile of level 0."""
        hashes = self._shown(0, tile.number, tile.width)
        first, (ids, _) = tile.number * WIDTH, ids_under(self.source, tile, hashes)
        if first == 0 and ids[0] != self.genesis:
            raise Lied(tile.entries_path(), 2, self.genesis.hex(), ids[0].hex())
        raws = self._raws(first, ids)
        for index, (one, raw) in enumerate(zip(ids, raws, strict=True), first):
            self._testimony.hear(index, one, Answer(OK, raw, str(index)), self._root)
            self._waiting.append(leaf_hash(one))
            self._keep_deposits(one, raw)
        self._grow()
        values = {layout.body(one): raw for one, raw in zip(ids, raws, strict=True)}
        values |= {layout.index(one): index.to_bytes(8, "big") for index, one in enumerate(ids, first)}
        self.writer.put(values | self._tiles | {layout.entries(tile.number): b"".join(ids)})
        self._tiles = {}

    def _raws(self, first: int, ids: list[bytes]) -> list[bytes]:
        """The statements, each hashed; those that are here already are not asked for."""
        here = self.client.mget([layout.body(one) for one in ids])
        raws = {one: raw for one, raw in zip(ids, here, strict=True) if _is(raw, one)}
        wanted = [one for one in ids if one not in raws]
        raws |= zip(wanted, ask(self.source, wanted), strict=True)
        for index, one in enumerate(ids, first):
            if raws[one] is None:
                raise Unreached(f"entries/{one.hex()}: leaf {index} is not shown to us: restore from who shows it")
        return [raw for one in ids if isinstance(raw := raws[one], bytes)]

    def _keep_deposits(self, one: bytes, raw: bytes) -> None:
        for digest in (found.hex() for found in deposits_of(read(raw))):
            if digest in self.found.lacking or deposits.exists(self.folder, digest):
                continue
            try:
                chunks = self.source.chunks(f"deposits/{digest}?entry={one.hex()}")
                deposits.put(self.folder, digest, chunks)
            except (NotShown, Malformed):
                self.found.lacking.append(digest)

    def _root(self) -> bytes:
        self._grow()
        return self._grown.root

    def _grow(self) -> None:
        if self._waiting:
            changed = self._grown.add(self._waiting)
            self._tiles |= {layout.tile(*where): content for where, content in changed.items()}
            self._waiting = []


def _is(raw: object, one: bytes) -> bool:
    return isinstance(raw, bytes) and sha256(raw).digest() == one
