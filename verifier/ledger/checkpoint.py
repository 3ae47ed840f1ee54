"""C2SP tlog-checkpoint: what a log commits to at one moment, as a signed note. No clock and no store may live here.

    <origin>
    <size, decimal>
    <base64 of the root>

>>> from verifier.ledger.note import VerifierKey
>>> empty = Checkpoint("log.example", 0, EMPTY_ROOT)
>>> print(empty.encode(), end="")
log.example
0
47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=
>>> policy = Policy(VerifierKey.of_seed("log.example", bytes(32)))
>>> open(sign(empty, bytes(32)), policy) == empty
True
"""

from dataclasses import dataclass
from functools import lru_cache

from verifier.ledger import note
from verifier.ledger.encoding import HASH_BYTES, MAX_SIZE, decode_decimal, decode_hash, encode_base64
from verifier.ledger.merkle import EMPTY_ROOT
from verifier.ledger.note import NoteError
from verifier.ledger.policy import Policy


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The `root` (32 bytes) of the log `origin` when it had `size` leaves. An empty tree has but one root."""

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        if not self.origin or "\n" in self.origin:
            raise NoteError("origin", expected="one line, not empty", found=repr(self.origin[:100]))
        if not 0 <= self.size <= MAX_SIZE:
            raise NoteError("size", expected=f"0 to {MAX_SIZE}", found=self.size)
        if len(self.root) != HASH_BYTES:
            raise NoteError("root", expected=f"{HASH_BYTES} bytes", found=len(self.root))
        if self.size == 0 and self.root != EMPTY_ROOT:
            raise NoteError("root at size 0", expected=EMPTY_ROOT.hex(), found=self.root.hex())

    def encode(self) -> str:
        """The note's text: three lines."""
        return f"{self.origin}\n{self.size}\n{encode_base64(self.root)}\n"


def parse(text: str) -> Checkpoint:
    """Read a note's text, strictly and without extension lines; raises NoteError. To believe it takes `open`."""
    lines = text.split("\n")
    if len(lines) != 4 or lines[3]:
        found = f"{len(lines) - 1} lines" if text.endswith("\n") else repr(text[-100:])
        raise NoteError("checkpoint", expected="3 lines: origin, size, root", found=found)
    return Checkpoint(lines[0], decode_decimal(lines[1], "size", NoteError), decode_hash(lines[2], NoteError))


def sign(checkpoint: Checkpoint, seed: bytes) -> bytes:
    """The note signed by the log's 32-byte Ed25519 seed, its key named as the origin; raises NoteError."""
    text = checkpoint.encode()
    return f"{text}\n{note.sign(text, checkpoint.origin, seed)}".encode()


@lru_cache(maxsize=64)
def open(signed: bytes, policy: Policy) -> Checkpoint:
    """The checkpoint of a signed note, if the policy believes it: signed by its log, and naming it. Else NoteError.
    Memoised by the note's bytes."""
    parsed = note.parse(signed)
    note.verify(parsed, [policy.log])
    checkpoint = parse(parsed.text)
    if checkpoint.origin != policy.log.name:
        raise NoteError("origin", expected=policy.log.name, found=checkpoint.origin)
    return checkpoint
