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

from verifier.ledger import cosignature, note
from verifier.ledger.cosignature import Cosignature
from verifier.ledger.encoding import HASH_BYTES, MAX_SIZE, decode_decimal, decode_hash, encode_base64
from verifier.ledger.merkle import EMPTY_ROOT
from verifier.ledger.note import Note, NoteError
from verifier.ledger.policy import Policy

ROOT_OF_NONE = "root at size 0"  # what a false root of the empty tree is told as: a witness answers it by 422


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
            raise NoteError(ROOT_OF_NONE, expected=EMPTY_ROOT.hex(), found=self.root.hex())

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
    """The checkpoint of a signed note, if the policy believes it: signed by its log, which it names, and cosigned by
    the policy's quorum. Else NoteError, also where any signature of a key of the policy fails. Memoised by the note's
    bytes."""
    parsed = note.parse(signed)
    checkpoint = _proposed(parsed, policy)
    names = [one.name for one in _cosigned(parsed, policy)]
    if not policy.satisfied(names):
        found = f"cosignatures by {', '.join(names)}" if names else "no cosignature of its witnesses"
        raise NoteError("cosignatures", expected=f"the quorum {policy.quorum}", found=found[:200])
    return checkpoint


def proposed(signed: bytes, policy: Policy) -> Checkpoint:
    """The checkpoint of a note that a log of the policy signed, cosigned or not: what a node asks witnesses to sign.
    Never enough for a verdict. Raises NoteError."""
    return _proposed(note.parse(signed), policy)


def cosigned(signed: bytes, policy: Policy) -> tuple[Cosignature, ...]:
    """The cosignatures by the policy's witnesses, under the names that the policy gives them, in its order; others are
    ignored, and so are those that bear no time: they do not say that this is the largest tree seen. Raises NoteError
    where one of a witness's fails."""
    return _cosigned(note.parse(signed), policy)


def _proposed(parsed: Note, policy: Policy) -> Checkpoint:
    logs = note.verify(parsed, [log.key for log in policy.logs], cosignature.holds)
    checkpoint = parse(parsed.text)
    if checkpoint.origin not in (names := [key.name for key in logs]):
        raise NoteError("origin", expected=" or ".join(names), found=checkpoint.origin)
    return checkpoint


@lru_cache(maxsize=64)
def _cosigned(parsed: Note, policy: Policy) -> tuple[Cosignature, ...]:
    found = ((witness.name, cosignature.time_of(parsed, witness.key)) for witness in policy.witnesses)
    return tuple(Cosignature(name, time) for name, time in found if time)


def quorum_time(signed: bytes, policy: Policy) -> int | None:
    """When the policy's quorum had cosigned (POSIX seconds, by the witnesses' clocks); None without a quorum, or where
    the policy asks for none. Raises NoteError."""
    return policy.quorum_time({one.name: one.time for one in cosigned(signed, policy)})


def confirmed_since(signed: bytes, policy: Policy) -> int | None:
    """The latest moment since which a quorum of the policy's has cosigned; else as `quorum_time`."""
    return policy.confirmed_since({one.name: one.time for one in cosigned(signed, policy)})


def forget() -> None:
    """Empty the memos (benchmarks of a cold check)."""
    open.cache_clear()
    _cosigned.cache_clear()
