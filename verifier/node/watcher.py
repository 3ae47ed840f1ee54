"""The watcher: follows a log, hears what is answered about it, and convicts whoever answered falsely.

It believes nothing but its trust. The tree is grown from the ids that the log shows, and must lead to each root that it
signs; a statement's bytes must have its id. Every answer, whoever was given it, is replayed from these (answers/replay)
once the log has grown as far as it; and every checkpoint that an answer came with must be of this very tree.

    hearing      an answer is remembered          crash: asked or sent again, it is the same answer
    replaying    what it convicts of is returned  crash: it was not marked as judged, and is replayed again
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from hashlib import sha256

from verifier.answers.convict import Unproven, convict
from verifier.answers.conviction import Conviction
from verifier.answers.lies import NOT_ISSUED
from verifier.answers.replay import Mirror, Replayed, answer_in, replay
from verifier.identity import Identity, digital_link
from verifier.ledger import checkpoint as notes
from verifier.ledger import tiles
from verifier.ledger.checkpoint import Checkpoint
from verifier.ledger.encoding import HASH_BYTES
from verifier.ledger.merkle import EMPTY_ROOT, leaf_hash
from verifier.ledger.note import MAX_BYTES as NOTE_BYTES
from verifier.ledger.tiles import WIDTH, ReadTile, Tile
from verifier.node.auditor import Source
from verifier.node.memory import KEYS, Memory, topic_of
from verifier.node.proved import ProvedTiles, fetch
from verifier.node.testimony import NOT_SHOWN, OK, Lied
from verifier.statements import serials
from verifier.statements.answer import Answer
from verifier.statements.batch import Batch
from verifier.statements.cbor import MAX_BYTES
from verifier.statements.envelope import Statement, read
from verifier.statements.errors import Malformed
from verifier.statements.kinds import KINDS, body_of
from verifier.verdict.evidence import Evidence, Growth
from verifier.verdict.trust import Trust

RUN, TILES = 256, 1024
UNIT = 2 + HASH_BYTES


class Watcher:
    """Watches one log, as `source` shows it, with what `memory` holds of it."""

    def __init__(self, source: Source, trust: Trust, memory: Memory) -> None:
        self.source, self.trust, self.memory = source, trust, memory

    # --- the log ---

    def follow(self) -> list[Conviction]:
        """Read what the log added; what convicts the log itself. Raises Lied where it shows what no signature makes it
        answer for, or Unreached."""
        signed = self._have("checkpoint", NOTE_BYTES)
        try:
            head = notes.open(signed, self.trust.policy)
        except ValueError as fault:
            raise Lied("checkpoint", None, "a checkpoint that the policy believes", fault) from fault
        mine = self._mine()
        if head.size <= mine.size:
            found = self._same(signed)
            if head.size < mine.size and not found:
                raise Lied("checkpoint", None, f"at least {mine.size} leaves, as seen before", head.size)
            return found
        ids = [one for number in range(mine.size // WIDTH, -(-head.size // WIDTH)) for one in self._ids(number, head)]
        news = ids[mine.size % WIDTH :]
        grown, root = tiles.grow(mine.size, [leaf_hash(one) for one in news], self.memory.tile)
        if root != head.root:
            return self._torn(signed, head, mine)
        self.memory.grow(signed, news, grown)
        if self.trust.checkpoint is not None:
            return self._same(self.trust.checkpoint)
        return []

    def read_statements(self) -> Iterator[int]:
        """Ask for the bytes of every leaf that was not asked for yet, some hundred at a time; how many. Raises as
        `follow`."""
        while rows := self.memory.unasked(RUN):
            paths = [f"entries/{one.hex()}" for _, one in rows]
            answers = list(self.source.get_all(paths, MAX_BYTES))
            found: list[tuple[int, Statement | None]] = []
            for (at, one), path, answer in zip(rows, paths, answers, strict=True):
                if answer.status not in (OK, *NOT_SHOWN):
                    raise Lied(path, None, f"status {OK}", answer.status)
                found.append((at, statement(path, one, answer.body) if answer.status == OK else None))
            self.memory.keep(found)
            yield len(rows)

    def hold(self, raw: bytes) -> int | None:
        """Take a statement from whoever holds it, where the log does not show it; its leaf, or None if it is none here.
        Raises Malformed."""
        held = read(raw)
        body_of(held)
        at = self.memory.leaf_of(held.id)
        if at is not None:
            self.memory.keep([(at, held)])
        return at

    def compare(self, signed: bytes) -> list[Conviction] | None:
        """What convicts the log if it once signed a tree that is not this one; None while this one is smaller. Raises
        NoteError for what it never signed."""
        seen = notes.proposed(signed, self.trust.policy)
        return self._same(signed) if seen.size <= self.memory.size else None

    def _mine(self) -> Checkpoint:
        note = self.memory.note
        return notes.open(note, self.trust.policy) if note else Checkpoint(self.trust.policy.log.name, 0, EMPTY_ROOT)

    def _have(self, path: str, limit: int) -> bytes:
        answer = self.source.get(path, limit)
        if answer.status != OK or len(answer.body) > limit:
            found = answer.status if answer.status != OK else "more"
            raise Lied(path, None, f"status {OK} and at most {limit} bytes", found)
        return answer.body

    def _ids(self, number: int, head: Checkpoint) -> list[bytes]:
        """The statement ids under a tile of level 0."""
        bundle = fetch(self.source, Tile(0, number, tiles.width_of(0, number, head.size)), entries=True)
        return [bundle[at + 2 : at + UNIT] for at in range(0, len(bundle), UNIT)]

    # --- what the log itself signed ---

    def _same(self, signed: bytes) -> list[Conviction]:
        """What convicts the log if this checkpoint of it, no larger than ours, is of another tree."""
        seen, mine = notes.proposed(signed, self.trust.policy), self._mine()
        if not 0 < seen.size <= mine.size or tiles.root(seen.size, self.memory.tile) == seen.root:
            return []
        return self._forked(self.memory.note or b"", signed, mine, seen.size, self.memory.tile)

    def _torn(self, signed: bytes, head: Checkpoint, mine: Checkpoint) -> list[Conviction]:
        """It grew from another tree than ours: convict it by the tiles that it shows, if it shows them."""
        ours = self.memory.note
        if ours is not None and (found := self._forked(signed, ours, head, mine.size, ProvedTiles(self.source, head))):
            return found
        raise Lied("tile/entries", None, f"ids that lead to the root {head.root.hex()}", "others")

    def _forked(self, note: bytes, seen: bytes, head: Checkpoint, size: int, tile: ReadTile) -> list[Conviction]:
        growth = None
        if size < head.size:
            growth = Growth(size, tiles.root(size, tile), tuple(tiles.consistency_path(size, head.size, tile)))
        found = Conviction(Evidence(note, growth=growth), seen=seen)
        try:
            convict(found, self.trust)
        except Unproven:
            return []
        return [found]

    # --- what is answered ---

    def hear(self, evidence: Evidence) -> list[Conviction]:
        """Remember what somebody was answered; what convicts the log by the checkpoint that it came with. Raises
        ValueError for what is no evidence of this log."""
        if evidence.checkpoint is None or evidence.answer is None:
            raise Malformed("evidence", expected="a checkpoint and an answer", found="none")
        answer = answer_in(evidence.answer)
        notes.proposed(evidence.checkpoint, self.trust.policy)
        identity = digital_link.parse(answer.identity)
        if evidence.serial is not None and self._was_issued(identity, evidence):
            self.memory.remember_issued(identity, evidence.serial)
        self.memory.hear(answer.identity, answer.size, evidence.answer)
        return self._same(evidence.checkpoint)

    def replay(self) -> Iterator[tuple[bytes, Replayed]]:
        """Replay every answer that the log has grown as far as; each is judged when the next is asked for."""
        for raw in self.memory.to_judge():
            answer = answer_in(raw)
            identity = digital_link.parse(answer.identity)
            proof = self.memory.issued(identity) if answer.state in NOT_ISSUED else None
            beside = self.memory.beside(answer.identity, answer.size)
            yield raw, replay(raw, self.mirror(identity, answer), self.trust, proof, beside)
            self.memory.judged(raw)

    def mirror(self, identity: Identity, answer: Answer) -> Mirror:
        """What is here of all that may matter to an answer."""
        leaves = self.memory.leaves(self._topics(identity), (*answer.applies, *answer.withheld))
        return Mirror(self.memory.note or b"", lru_cache(TILES)(self.memory.tile), leaves, self.memory.leaf_of)

    @staticmethod
    def _topics(identity: Identity) -> Iterable[str]:
        yield KEYS
        named = [element for element in identity.elements if element[0] in ("01", "10", "21")]
        for most in range(1, len(named) + 1):
            yield topic_of(Identity(tuple(named[:most])))

    def _was_issued(self, identity: Identity, evidence: Evidence) -> bool:
        """Whether the serial's proof leads to the root that a lot here was issued with."""
        lot = Identity(tuple(element for element in identity.elements if element[0] in ("01", "10")))
        for _, raw in self.memory.leaves([topic_of(lot)], ()).values():
            body = body_of(read(raw))
            serial = (identity.serial or "").encode()
            if isinstance(body, Batch) and evidence.serial is not None:
                return serials.check(evidence.serial, serial, body.k, body.root)
        return False


def statement(path: str, one: bytes, raw: bytes) -> Statement:
    """The statement that has this id; raises Lied."""
    if (digest := sha256(raw).digest()) != one:
        raise Lied(path, None, f"bytes whose SHA-256 is {one.hex()}", digest.hex())
    try:
        found = read(raw)
        if found.kind in KINDS:
            body_of(found)
    except ValueError as fault:
        raise Lied(path, None, "a statement", fault) from fault
    return found
