"""C2SP tlog-witness: what a log asks of a witness, and which answer it is owed. No HTTP, no clock and no store here.

    old <size that the witness cosigned last, decimal>
    <base64 hash of the consistency proof>...   up to 63, none from size 0
    (empty line)
    <signed checkpoint, verbatim>

The consistency proof from size 0 is this file's: `merkle.verify_consistency` begins at 1, as RFC 9162 does. Who answers
200 decides and persists under one lock, and persists before it answers: else two requests at once roll a log back.

>>> from verifier.ledger.merkle import EMPTY_ROOT
>>> log = VerifierKey.of_seed("log.example", bytes(32))
>>> first = AddCheckpoint(0, (), checkpoint.sign(Checkpoint("log.example", 0, EMPTY_ROOT), bytes(32)))
>>> parse(first.encode()) == first
True
>>> decide(first, None, [log]).status, decide(first, None, []).status
(200, 404)
"""

from collections.abc import Sequence
from dataclasses import dataclass

from verifier.ledger import checkpoint, cosignature, note
from verifier.ledger.checkpoint import Checkpoint
from verifier.ledger.encoding import HASH_BYTES, MAX_SIZE, LedgerError, decode_decimal, decode_hash, encode_base64
from verifier.ledger.merkle import ProofError, verify_consistency
from verifier.ledger.note import NoteError, VerifierKey

MAX_PROOF = 63
MAX_BYTES = note.MAX_BYTES + 4096  # of a request: the note, and lines of 45 bytes
TEXT, SIZE = "text/plain; charset=utf-8", "text/x.tlog.size"


class RequestError(LedgerError):
    """A request, or an answer, that is malformed."""


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """The size that the witness is believed to have cosigned last, the path from there, and a well-formed note."""

    old: int
    proof: tuple[bytes, ...]
    checkpoint: bytes

    def __post_init__(self) -> None:
        if not 0 <= self.old <= MAX_SIZE:
            raise RequestError("old size", expected=f"0 to {MAX_SIZE}", found=self.old)
        if len(self.proof) > MAX_PROOF or any(len(item) != HASH_BYTES for item in self.proof):
            found = f"{len(self.proof)} of {sorted({len(item) for item in self.proof})} bytes"
            raise RequestError("proof", expected=f"up to {MAX_PROOF} hashes of {HASH_BYTES} bytes", found=found)
        note.parse(self.checkpoint)

    @property
    def origin(self) -> str:
        """The log that the checkpoint names: nobody has verified it."""
        return note.parse(self.checkpoint).text.partition("\n")[0]

    def encode(self) -> bytes:
        """The body of the request."""
        lines = [f"old {self.old}", *(encode_base64(item) for item in self.proof), "", ""]
        return "\n".join(lines).encode() + self.checkpoint


def parse(raw: bytes) -> AddCheckpoint:
    """Read the body of a request; raises LedgerError (a 400) on any byte that `encode` would not write."""
    if len(raw) > MAX_BYTES:
        raise RequestError("request", expected=f"at most {MAX_BYTES} bytes", found=len(raw))
    head, empty_line, signed = raw.partition(b"\n\n")
    if not empty_line or not head.isascii():
        raise RequestError("request", expected="ASCII lines, an empty line, a checkpoint", found=repr(raw[:100]))
    first, *lines = head.decode("ascii").split("\n")
    if not first.startswith("old "):
        raise RequestError("first line", expected="'old <decimal>'", found=repr(first[:100]))
    if len(lines) > MAX_PROOF:
        raise RequestError("proof", expected=f"at most {MAX_PROOF} lines", found=len(lines))
    old = decode_decimal(first.removeprefix("old "), "old size", RequestError)
    return AddCheckpoint(old, tuple(decode_hash(line, RequestError) for line in lines), signed)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request is owed. With 200, `checkpoint` is to be persisted, then cosigned: the lines are the body. Else
    `body` is whole: with 409, `known`, the size that the witness cosigned last; else `why`."""

    status: int
    why: str
    checkpoint: Checkpoint | None = None
    known: int | None = None

    @property
    def body(self) -> bytes:
        """The answer's bytes where it is a refusal."""
        return f"{self.why if self.known is None else self.known}\n".encode()

    @property
    def content_type(self) -> str:
        """Of `body`, or of the cosignature lines."""
        return TEXT if self.known is None else SIZE


def decide(request: AddCheckpoint, stored: bytes | None, logs: Sequence[VerifierKey]) -> Answer:
    """What a witness answers that trusts `logs` (each for the origin that is its name), when the note that it cosigned
    last for this origin is `stored`, None if it never did. Raises NoteError where `stored` is not that log's: a witness
    whose memory is damaged signs nothing.

    404 the origin is unknown; 403 no trusted signature, or one that fails; 400 malformed, or old above its size; 409
    old is not what is stored; 422 a false proof, another root at the same size, or a false root at size 0.
    """
    signed = note.parse(request.checkpoint)
    keys = [key for key in logs if key.name == request.origin]
    if not keys:
        return Answer(404, f"unknown log {request.origin[:200]}")
    try:
        note.verify(signed, keys, cosignature.holds)
    except NoteError as fault:
        return Answer(403, str(fault))
    try:
        new = checkpoint.parse(signed.text)
    except NoteError as fault:
        return Answer(422 if fault.value == checkpoint.ROOT_OF_NONE else 400, str(fault))
    if request.old > new.size:
        return Answer(400, f"old size: expected at most {new.size}, found {request.old}")
    before = _stored(stored, keys)
    known = before.size if before else 0
    if request.old != known:
        return Answer(409, f"old size: expected {known}, found {request.old}", known=known)
    try:
        _grown(before, new, request.proof)
    except ProofError as fault:
        return Answer(422, str(fault))
    return Answer(200, "consistent", new)


def _stored(note_: bytes | None, keys: Sequence[VerifierKey]) -> Checkpoint | None:
    if note_ is None:
        return None
    signed = note.parse(note_)
    note.verify(signed, keys, cosignature.holds)
    return checkpoint.parse(signed.text)


def _grown(before: Checkpoint | None, new: Checkpoint, proof: Sequence[bytes]) -> None:
    """Raises ProofError unless the new tree begins with the one before. Every tree begins with the empty one, which
    needs no proof and takes none."""
    if before is not None and before.size > 0:
        verify_consistency(before.size, new.size, proof, before.root, new.root)
    elif proof:
        raise ProofError("consistency path from 0", expected="0 hashes", found=len(proof))


def accepted(signed: bytes, body: bytes, key: VerifierKey) -> str:
    """The newest line of a 200's body that is `key`'s cosignature of the note, newline included; lines of other keys
    are ignored. Raises LedgerError where one of `key` fails, bears no time, or there is none."""
    text = note.parse(signed).text
    answered = note.parse(text.encode() + b"\n" + body)
    if answered.text != text:  # an empty line in the body would make another text of it, which `key` may have signed
        raise RequestError("answer", expected="signature lines", found=repr(body[:100]))
    time = cosignature.time_of(answered, key)
    if not time:  # "the cosignature MUST NOT omit the timestamp"
        found = "none" if time is None else "one without a time"
        raise RequestError("answer", expected=f"a cosignature of {key.name}", found=found)
    return note.line(key, max(answered.by(key)))  # a signature begins with its time, big-endian


def known_size(body: bytes) -> int:
    """The size in a 409's body: what the witness says, proved by nothing. Raises RequestError."""
    if not body.endswith(b"\n") or len(body) > 64 or not body.isascii():
        raise RequestError("known size", expected="a decimal and a newline", found=repr(body[:64]))
    return decode_decimal(body[:-1].decode("ascii"), "known size", RequestError)
