"""Two signed notes that cannot both be true: the log's conviction, which needs nobody's word.

    {"log": vkey, "first": note, "second": note, "root": base64 or null, "path": [base64...]}

Of one size, the notes have two roots. Of two sizes, `path` proves (RFC 9162 2.1.4) that the tree of the second begins
with one whose root is `root`, and the first note names another. `Fork.check` is all that a judge needs.
"""

import json
import logging
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from verifier import files
from verifier.ledger import checkpoint as notes
from verifier.ledger import note
from verifier.ledger.checkpoint import Checkpoint
from verifier.ledger.encoding import LedgerError, decode_hash, encode_base64
from verifier.ledger.merkle import ProofError, verify_consistency
from verifier.ledger.note import NoteError, VerifierKey

told = logging.getLogger("probatum.witness")
MOST = 64  # kept of one log: one is enough, and a disk is not endless
FIELDS = {"log", "first", "second", "root", "path"}


@dataclass(frozen=True, slots=True)
class Fork:
    """Two notes by `log`. Where the sizes differ, `root` is what the second's tree had at the first's size."""

    log: VerifierKey
    first: bytes
    second: bytes
    root: bytes | None = None
    path: tuple[bytes, ...] = ()

    def check(self) -> str:
        """What the log did, in a sentence; raises LedgerError unless the notes convict it."""
        one, two = self._signed(self.first), self._signed(self.second)
        if one.size == two.size and one.root == two.root:
            raise ProofError("notes", expected="two roots", found="one")
        if one.size != two.size:
            if self.root is None or self.root == one.root:
                raise ProofError("root", expected=f"another than {one.root.hex()}", found="none such")
            verify_consistency(one.size, two.size, self.path, self.root, two.root)
        return (
            f"{self.log.name} FORKED: it signed {one.size} leaves under root {one.root.hex()}, and {two.size} under "
            f"{two.root.hex()} that do not begin with them; believe neither, and show both notes to the consortium"
        )

    def name(self) -> str:
        """The same for the same two texts, whoever cosigned them."""
        texts = (note.parse(self.first).text, note.parse(self.second).text)
        return sha256("\n".join(texts).encode()).hexdigest()[:32]

    def encode(self) -> bytes:
        """The evidence file."""
        path = [encode_base64(one) for one in self.path]
        root = None if self.root is None else encode_base64(self.root)
        fields = {"log": str(self.log), "first": self.first.decode(), "second": self.second.decode()}
        return json.dumps(fields | {"root": root, "path": path}, indent=1, ensure_ascii=False).encode() + b"\n"

    def _signed(self, raw: bytes) -> Checkpoint:
        parsed = note.parse(raw)
        note.verify(parsed, [self.log])
        found = notes.parse(parsed.text)
        if found.origin != self.log.name:
            raise NoteError("origin", expected=self.log.name, found=found.origin)
        return found


def decode(raw: bytes) -> Fork:
    """Read an evidence file; raises LedgerError. Believe nothing before `check`."""
    try:
        fields: Any = json.loads(raw)
    except ValueError as fault:
        raise LedgerError("fork", expected="JSON", found=str(fault)[:80]) from fault
    if not isinstance(fields, dict) or fields.keys() != FIELDS or not isinstance(fields["path"], list):
        raise LedgerError("fork", expected=", ".join(sorted(FIELDS)), found=str(fields)[:80])
    words = [fields["log"], fields["first"], fields["second"], fields["root"] or "", *fields["path"]]
    if not all(isinstance(word, str) for word in words):
        raise LedgerError("fork", expected="text", found="something else")
    root = None if fields["root"] is None else decode_hash(fields["root"], ProofError)
    path = tuple(decode_hash(word, ProofError) for word in fields["path"])
    return Fork(VerifierKey.parse(fields["log"]), fields["first"].encode(), fields["second"].encode(), root, path)


class Forks:
    """Those that this witness found, each a file of `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, fork: Fork) -> None:
        """Say it loudly, and keep it, once; what convicts nobody raises LedgerError."""
        sentence = fork.check()
        path = self.folder / f"{fork.name()}.json"
        if path.exists() or len(self.names()) >= MOST:
            return
        told.critical("%s (%s)", sentence, path)
        try:
            files.make_folder(self.folder)
            files.write(path, fork.encode())
        except OSError as fault:
            told.critical("%s could not be kept (%s); the evidence is: %s", path, fault.strerror, fork.encode())

    def names(self) -> list[str]:
        """Of the files, sorted."""
        return sorted(path.name for path in self.folder.glob("*.json"))

    def read(self, name: str) -> bytes | None:
        """One of `names`, as it is kept; None for anything else."""
        return (self.folder / name).read_bytes() if name in self.names() else None
