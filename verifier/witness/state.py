"""A witness's folder: its key, and the one note that it cosigned last. Whoever loses that note may sign a second tree.

    witness.key   probatum-key-1 <name> <64 hex digits>, mode 0600 (node/keyfile)
    cosigned      the last cosigned checkpoint, with the log's signatures and ours; before the first, NOTHING: a file
                  that was emptied is no new one

    cosigned, NOTHING   crash: a folder without a key is a new folder
    witness.key         crash: there or not; from here on a folder without `cosigned` has lost it, and is refused

Only reading and writing them lives here; what may be cosigned is `cosigning`'s.
"""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from verifier import files
from verifier.ledger import checkpoint as notes
from verifier.ledger import cosignature, note
from verifier.ledger.checkpoint import Checkpoint
from verifier.ledger.note import COSIGNATURE, NoteError, VerifierKey
from verifier.node import keyfile
from verifier.node.keyfile import KeyFile

KEY, COSIGNED = "witness.key", "cosigned"
NOTHING = b"nothing\n"


class StateLost(RuntimeError):
    """What was cosigned last is not known: to go on could sign a second tree. The sentence says what to do."""


@dataclass(frozen=True, slots=True)
class Last:
    """The `checkpoint` cosigned last, the whole `note`, and the `time` given in it (POSIX seconds)."""

    checkpoint: Checkpoint
    note: bytes
    time: int

    @classmethod
    def of(cls, raw: bytes, log: VerifierKey, own: VerifierKey) -> Self:
        """Read it, signed by the log and by us; raises NoteError."""
        parsed = note.parse(raw)
        note.verify(parsed, [log])
        time = cosignature.time_of(parsed, own)
        if time is None:
            raise NoteError("cosignature", expected=f"one by {own}", found="none")
        return cls(notes.parse(parsed.text), raw, time)


def own_key(key: KeyFile) -> VerifierKey:
    """The witness's verifier key, as a policy names it."""
    return VerifierKey.of_seed(key.member, key.seed, COSIGNATURE)


def policy_line(key: KeyFile, url: str | None) -> str:
    """The line that makes a policy believe this witness."""
    return " ".join(["witness", key.member, str(own_key(key)), *([url] if url else [])])


def open_key(folder: Path, name: str | None) -> KeyFile:
    """The key in `folder`, made under `name` if there is none yet; raises KeyFileError or StateLost."""
    path = folder / KEY
    if path.exists():
        key = keyfile.load(path)
        if name not in (None, key.member):
            raise keyfile.KeyFileError(f"{path}: expected the key of {name!r}, found that of {key.member!r}")
        return key
    if name is None:
        raise keyfile.KeyFileError(f"{path}: expected a witness's key, found none; name the new witness (--name NAME)")
    VerifierKey.of_public(name, bytes(32))  # a name that no policy could hold is refused before there is a key
    return _create(folder, name)


def _create(folder: Path, name: str) -> KeyFile:
    files.make_folder(folder)
    cosigned, part = folder / COSIGNED, folder / (KEY + files.PART)
    if cosigned.exists() and cosigned.read_bytes() != NOTHING:
        raise StateLost(f"{folder / KEY}: expected the key that signed {cosigned}, found none; put it back")
    files.write(cosigned, NOTHING)
    with suppress(FileNotFoundError):
        part.unlink()
    key = keyfile.create(part, name)
    part.replace(folder / KEY)
    files.sync(folder)
    return key


def read(folder: Path, log: VerifierKey, own: VerifierKey) -> Last | None:
    """What was cosigned last, None before the first; raises StateLost where that is not known."""
    path = folder / COSIGNED
    advice = "put back the newest copy of it, or begin a new witness, with another key, in another folder"
    try:
        raw = path.read_bytes()
        return None if raw == NOTHING else Last.of(raw, log, own)
    except OSError as fault:
        raise StateLost(f"{path}: expected what was cosigned last, found {fault.strerror}; {advice}") from fault
    except NoteError as fault:
        raise StateLost(f"{path}: expected what {own.name} cosigned of {log.name}, found {fault}; {advice}") from fault


def write(folder: Path, raw: bytes) -> None:
    """Keep a note as the one cosigned last; durable on return. The old one stands where this raises OSError."""
    files.write(folder / COSIGNED, raw)
