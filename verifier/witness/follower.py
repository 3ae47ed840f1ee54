"""Asks a log what it shows to everybody, holds it against what was cosigned, mirrors it, and cosigns it too.

A round, in this order; what is believed is decided from the bytes:

    the checkpoint that the log shows, signed by it
    it grew from what is mirrored, and from what was cosigned     else the log forked: both notes are kept, and told
    tiles, statements and deposits, proved and kept               crash: the next round goes on there
    its cosignature, if nobody asked for it yet                   (cosigning)
    the mirror's checkpoint, ours beside the others'

A log that shows less than it did is compared with the mirror, and told; a log that is away is asked again.
"""

import logging
import sqlite3
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from verifier.ledger import checkpoint as notes
from verifier.ledger import note, tiles
from verifier.ledger.checkpoint import Checkpoint
from verifier.ledger.encoding import LedgerError, encode_base64
from verifier.ledger.note import MAX_BYTES as NOTE_BYTES
from verifier.ledger.note import MAX_SIGNATURES
from verifier.ledger.policy import Policy
from verifier.ledger.witnessing import AddCheckpoint
from verifier.node import copying
from verifier.node.copying import DeepSource, Forked, Leaf
from verifier.node.mirror import Mirror
from verifier.node.proved import ProvedTiles
from verifier.node.testimony import OK, Lied, Unreached
from verifier.witness.cosigning import Cosigner, NotNow, Refused
from verifier.witness.forks import Fork
from verifier.witness.index import Index
from verifier.witness.members import Members
from verifier.witness.state import Last, StateLost

told = logging.getLogger("probatum.witness")
FRESH_S = 60  # an unchanged tree is cosigned anew so often, where the log does not ask
RETRY_S, RETRY_LEAVES = 60.0, 256  # what was not shown is asked for again so often, so many at a time
LONGEST_PAUSE_S = 30.0


class Followed(DeepSource, Protocol):
    """A log asked for as long as a witness runs (node/remote)."""

    def renew(self) -> None:
        """Before each round: ask anew after what was given up."""

    def abort(self) -> None:
        """Give up what is being asked, from another thread."""


class Stopped(Exception):
    """Told to stop in the middle of a round."""


@dataclass(slots=True)
class Standing:
    """How the last round went: the size that the log showed, and what stood in the way, for people."""

    shown: int = 0
    fault: str = ""
    rounds: int = 0


class Follower:
    """Follows one log. `genesis` is the id of its first leaf, where that is known; `entitled` says that the source is
    asked as a member, so that what was not shown may be shown later."""

    def __init__(
        self, source: Followed, cosigner: Cosigner, mirror: Mirror, index: Index, members: Members,
        *, genesis: bytes | None = None, entitled: bool = False,
    ) -> None:  # fmt: skip
        self.source, self.cosigner, self.mirror, self.index, self.members = source, cosigner, mirror, index, members
        self.standing, self._genesis, self._entitled = Standing(), genesis, entitled
        self._log, self._stop = Policy(cosigner.log), threading.Event()
        self._retry_at, self._retried = 0.0, -1

    def run(self, every_s: float) -> None:
        """Rounds, `every_s` apart and further while the log is away, until `stop`."""
        pause = 0.0
        while not self._stop.wait(pause):
            pause = every_s if self.round() else min(LONGEST_PAUSE_S, max(every_s, 2 * pause))

    def stop(self) -> None:
        """End `run`, from another thread; what the round under way asks for is given up."""
        self._stop.set()
        self.source.abort()

    def round(self) -> bool:
        """One round; whether it went well. What stood in the way is in `standing`, and told when it is new."""
        try:
            self.source.renew()
            self._round()
            fault = ""
        except Stopped:
            return False
        except (Unreached, NotNow, OSError, sqlite3.Error) as away:
            fault = str(away)
        except (Lied, Forked, StateLost, LedgerError, LookupError) as alarm:
            fault = str(alarm)
        except Exception as unexpected:  # a round that fails for a reason nobody thought of must not be the last
            told.exception("a round failed")
            fault = repr(unexpected)
        if self._stop.is_set():
            return False
        if fault and fault != self.standing.fault:
            told.error("%s", fault)
        self.standing.fault = fault
        self.standing.rounds += 1
        return not fault

    # --- one round ---

    def _round(self) -> None:
        shown = self._fetched()
        head = self._believed(shown)
        self.standing.shown = head.size
        self.cosigner.notice(shown)
        held = self.mirror.head()
        if held is not None and head.size < held.size:
            self._compare_older(shown, head, held)
            return
        self._grow(shown, head, held)
        self._retry()

    def _fetched(self) -> bytes:
        answer = self.source.get("checkpoint", NOTE_BYTES)
        if answer.status != OK or len(answer.body) > NOTE_BYTES:
            raise Unreached(f"checkpoint: expected status {OK}, found {answer.status}")
        return answer.body

    def _believed(self, shown: bytes) -> Checkpoint:
        try:
            return notes.proposed(shown, self._log)
        except LedgerError as fault:
            raise Lied("checkpoint", None, f"{fault.value}: {fault.expected}", fault.found) from fault

    def _compare_older(self, shown: bytes, head: Checkpoint, held: Checkpoint) -> None:
        """A log that shows less than is here must show its beginning."""
        mirrored = self.mirror.note() or b""
        try:
            copying.prove_growth(head, held, self.mirror.tile)
        except Forked as fork:
            self._convict(shown, mirrored, fork, held.size)
        told.warning("the log shows %d leaves, and showed %d before", head.size, held.size)

    def _grow(self, shown: bytes, head: Checkpoint, held: Checkpoint | None) -> None:
        last = self.cosigner.last()
        path: tuple[bytes, ...] = ()
        if held is None or held.size < head.size:
            proved = ProvedTiles(self.source, head, self.mirror)
            self._prove(self.mirror.note(), held, shown, head, proved)
            path = self._prove_cosigned(last, shown, head, proved)
            copying.copy(self.source, shown, head, self.mirror, self._hear, proved)
        else:
            self._prove(self.mirror.note(), held, shown, head, self.mirror.tile)
            path = self._prove_cosigned(last, shown, head, self.mirror.tile)
        self._cosign(shown, head, path, last)
        served = self._with_ours(shown)
        if served != self.mirror.note():
            self.mirror.publish(served)

    def _prove_cosigned(
        self, last: Last | None, shown: bytes, head: Checkpoint, read: tiles.ReadTile
    ) -> tuple[bytes, ...]:
        """The path from what was cosigned last; what is not published yet is compared when it is."""
        if last is None or last.checkpoint.size > head.size:
            return ()
        return self._prove(last.note, last.checkpoint, shown, head, read)

    def _prove(
        self, first: bytes | None, before: Checkpoint | None, shown: bytes, head: Checkpoint, read: tiles.ReadTile
    ) -> tuple[bytes, ...]:
        """The path that proves growth; where there is none, the log is convicted by the notes `first` and `shown`."""
        try:
            return copying.prove_growth(before, head, read)
        except Forked as fork:
            self._convict(first or b"", shown, fork, head.size)
            raise

    def _convict(self, first: bytes, second: bytes, fork: Forked, size: int) -> None:
        """Keep the evidence, and say it; raises Lied with the same sentence."""
        found = Fork(self.cosigner.log, first, second, None if fork.size == size else fork.root, fork.path)
        self.cosigner.forks.keep(found)
        raise Lied("checkpoint", None, f"a tree grown from the {fork.size} leaves known", found.check()) from fork

    def _cosign(self, shown: bytes, head: Checkpoint, path: tuple[bytes, ...], last: Last | None) -> None:
        """Cosign what is shown, unless that was asked for a moment ago. Who asks meanwhile may win: then not again."""
        size = last.checkpoint.size if last else 0
        fresh = last is not None and self.cosigner.clock() - last.time < FRESH_S
        if (last is None or size < head.size) or (size == head.size and not fresh):
            with suppress(Refused):
                self.cosigner.add(AddCheckpoint(size, path, shown))

    def _with_ours(self, shown: bytes) -> bytes:
        """The note with our newest cosignature in place of older ones, where we gave one for this very tree."""
        last, parsed = self.cosigner.last(), note.parse(shown)
        own = self.cosigner.own
        if last is None or note.parse(last.note).text != parsed.text:
            return shown
        others = [one for one in parsed.signatures if (one.name, one.key_id) != (own.name, own.key_id)]
        if len(others) >= MAX_SIGNATURES:
            return shown
        lines = [f"{note.PREFIX} {one.name} {encode_base64(one.key_id + one.signature)}\n" for one in others]
        lines += [note.line(own, signature) for signature in note.parse(last.note).by(own)]
        return "".join([parsed.text, "\n", *lines]).encode()

    def _hear(self, leaves: Sequence[Leaf]) -> None:
        if leaves and leaves[0].index == 0 and self._genesis not in (None, leaves[0].id):
            raise Lied("tile/entries/000", 2, (self._genesis or b"").hex(), leaves[0].id.hex())
        self.index.keep(leaves)
        self.members.hear(leaves)
        if self._stop.is_set():
            raise Stopped

    def _retry(self) -> None:
        """Ask again for what was not shown, from where the last asking ended, and for what is lacking."""
        if not self._entitled or time.monotonic() < self._retry_at:
            return
        self._retry_at = time.monotonic() + RETRY_S
        withheld = self.index.withheld(self._retried, RETRY_LEAVES)
        self._retried = withheld[-1][0] if len(withheld) == RETRY_LEAVES else -1
        raws = list(copying.ask(self.source, [one for _, one in withheld]))
        got = [(index, one, raw) for (index, one), raw in zip(withheld, raws, strict=True) if raw is not None]
        self.mirror.keep({f"entries/{one.hex()}": raw for _, one, raw in got})
        found = [copying.leaf(index, one, raw) for index, one, raw in got]
        found += [copying.held_leaf(self.mirror, index, one) for index, one in self.index.lacking(RETRY_LEAVES)]
        self._hear([copying.keep_deposits(self.source, self.mirror, leaf) for leaf in found])
