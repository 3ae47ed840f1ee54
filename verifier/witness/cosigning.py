"""The one thing that a witness signs: that a log's checkpoint is the largest it saw, grown from the one before.

Under one lock, in this order; what may be cosigned is decided by ledger/witnessing, without I/O:

    decide, and sign      crash: nothing is kept and nothing was said
    keep the note         crash: kept or not, nothing was said; asked again, the log is told the size we stand at
    answer                crash: kept; the log asks again, and the same tree is cosigned anew

What was not kept is never answered. A cosignature never bears a time before one that this key gave.
"""

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from verifier.ledger import checkpoint as notes
from verifier.ledger import cosignature, note, witnessing
from verifier.ledger.encoding import LedgerError
from verifier.ledger.note import VerifierKey
from verifier.ledger.witnessing import AddCheckpoint, Answer
from verifier.node.keyfile import KeyFile
from verifier.witness import state
from verifier.witness.forks import Fork, Forks
from verifier.witness.state import Last, StateLost

UNPROVEN = 422
told = logging.getLogger("probatum.witness")


class Refused(Exception):
    """The checkpoint is not cosigned, for a reason of the asker's: the `answer` that it is owed."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.why)
        self.answer = answer


class NotNow(RuntimeError):
    """Nothing was signed, for a reason of ours; the sentence says which. `again` is when to ask again, in seconds."""

    def __init__(self, sentence: str, again: int = 2) -> None:
        super().__init__(sentence)
        self.again = again


class Cosigner:
    """Cosigns one log, by the state in `folder`; `clock` gives Unix seconds. Safe between threads; one process only."""

    def __init__(self, folder: Path, log: VerifierKey, key: KeyFile, clock: Callable[[], int], forks: Forks) -> None:
        """Raises StateLost."""
        self.folder, self.log, self.clock, self.forks = folder, log, clock, forks
        self._key, self.own = key, state.own_key(key)
        self._lock = threading.Lock()
        self._last = state.read(folder, log, self.own)
        self._certain, self._distrusted = True, ""

    def notice(self, signed: bytes) -> None:
        """Look at a note that others hold: where we cosigned more than we remember, this folder is an older copy of
        ours, or another's use of our key, and from now on nothing is signed. Raises StateLost then, or NoteError."""
        last = self._last  # after the note was fetched: what we answered was kept before
        parsed = note.parse(signed)
        time, size = cosignature.time_of(parsed, self.own), notes.parse(parsed.text).size
        if time is not None and (last is None or time > last.time or size > last.checkpoint.size):
            stands = f"{last.checkpoint.size} leaves at {last.time}" if last else "nothing"
            self._distrusted = (
                f"{self.folder}: {self.own.name} cosigned {size} leaves at {time}, and this folder remembers {stands}: "
                "it is an older copy; put back the newest, or begin a new witness, with another key, in another folder"
            )
            raise StateLost(self._distrusted)

    def last(self) -> Last | None:
        """What was cosigned last; None before the first."""
        return self._last

    def add(self, request: AddCheckpoint) -> str:
        """Cosign the request's checkpoint: the signature line, its note kept. Raises Refused, NotNow or StateLost."""
        with self._lock:
            before = self._known()
            answer = witnessing.decide(request, before.note if before else None, [self.log])
            if answer.checkpoint is None:
                self._convict(request, answer, before)
                raise Refused(answer)
            self.notice(request.checkpoint)
            text = answer.checkpoint.encode()
            line = cosignature.cosign(text, self.own.name, self._key.seed, self._now(before))
            self._keep(self._signed(request.checkpoint) + line.encode())
            return line

    def _known(self) -> Last | None:
        """What is on the disk: read again where the last writing failed, since either may stand there now."""
        if self._distrusted:
            raise StateLost(self._distrusted)
        if not self._certain:
            self._last, self._certain = state.read(self.folder, self.log, self.own), True
        return self._last

    def _now(self, before: Last | None) -> int:
        now = self.clock()
        if before is not None and now < before.time:
            raise NotNow(
                f"the clock went back: expected {before.time} or later, found {now}; set this machine's clock right, "
                "or if it is right, and stood ahead before, begin a new witness, with another key, in another folder",
                min(before.time - now, 3600),
            )
        return now

    def _keep(self, note: bytes) -> None:
        self._certain = False
        try:
            state.write(self.folder, note)
        except OSError as fault:
            told.error("%s: nothing was cosigned: %s", self.folder, fault.strerror)
            raise NotNow(f"the checkpoint could not be kept ({fault.strerror}), so it was not cosigned") from fault
        self._last, self._certain = Last.of(note, self.log, self.own), True

    def _signed(self, raw: bytes) -> bytes:
        """The note with the log's signatures alone: what others signed is not ours to keep."""
        parsed = note.parse(raw)
        lines = (note.line(self.log, signature) for signature in parsed.by(self.log))
        return "".join([parsed.text, "\n", *lines]).encode()

    def _convict(self, request: AddCheckpoint, answer: Answer, before: Last | None) -> None:
        """Two roots of one size, both signed by the log, are its conviction: keep them. A false proof is none."""
        if before is not None and answer.status == UNPROVEN:
            with suppress(LedgerError):
                self.forks.keep(Fork(self.log, before.note, request.checkpoint))
