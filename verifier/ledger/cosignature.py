"""C2SP tlog-cosignature: a witness says that a checkpoint is the largest consistent one that it saw, and when.

    signature of a note's line    u64 big-endian POSIX time || Ed25519, 64 bytes (type 0x04), or ML-DSA-44, 2,420 (0x06)
    Ed25519 signs                 cosignature/v1\\ntime <decimal>\\n, then the whole text of the note
    ML-DSA-44 signs               "subtree/v1\\n\\0", name, time, origin, 0, size, root: strings after a byte of length

The Ed25519 message does not bind the witness's name: one key a witness, never shared. Only these two messages may live
here; which witnesses are enough is `policy`'s.

>>> key = VerifierKey.of_seed("w.example", bytes(32), COSIGNATURE)
>>> text = "log.example\\n0\\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\\n"
>>> from verifier.ledger.note import parse
>>> read(parse(text + "\\n" + cosign(text, "w.example", bytes(32), 1700000000)), [key])
(Cosignature(name='w.example', time=1700000000),)
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey
from nacl.signing import SigningKey

from verifier.ledger.encoding import decode_decimal, decode_hash
from verifier.ledger.note import (
    COSIGNATURE,
    COSIGNATURES,
    ED25519,
    ML_DSA_COSIGNATURE,
    Note,
    NoteError,
    VerifierKey,
    key_holds,
    line,
)
from verifier.ledger.note import holds as ed25519_holds

LABEL = b"subtree/v1\n\0"
TIME_BYTES, MAX_TIME, MAX_STRING = 8, 2**63 - 1, 2**8 - 1


@dataclass(frozen=True, slots=True)
class Cosignature:
    """`name` cosigned at `time`, in POSIX seconds by its own clock."""

    name: str
    time: int


def cosign(text: str, name: str, seed: bytes, time: int, kind: int = COSIGNATURE) -> str:
    """The signature line, newline included, of a 32-byte seed over a checkpoint's text; raises NoteError."""
    key = VerifierKey.of_seed(name, seed, kind)
    message = _message(key, text, time)
    if kind == ML_DSA_COSIGNATURE:
        signature = MLDSA44PrivateKey.from_seed_bytes(seed).sign(message)
    else:
        signature = SigningKey(seed).sign(message).signature
    return line(key, time.to_bytes(TIME_BYTES) + signature)


def read(note: Note, keys: Sequence[VerifierKey]) -> tuple[Cosignature, ...]:
    """Who of `keys` cosigned, in their order, by the keys' names; of several by one key, the newest. Signatures of
    unknown keys are ignored; raises NoteError where a known key's signature fails, even beside good ones."""
    found = ((key.name, time_of(note, key)) for key in keys)
    return tuple(Cosignature(name, time) for name, time in found if time is not None)


def time_of(note: Note, key: VerifierKey) -> int | None:
    """When this key cosigned, at its newest; None if it did not; raises NoteError where a signature of it fails."""
    found = note.by(key)
    if not found:
        return None
    _check_type(key)
    if not all(holds(key, note.text, signature) for signature in found):
        raise NoteError(f"cosignature of {key.name}", expected="one that its key made", found="another")
    return max(int.from_bytes(signature[:TIME_BYTES]) for signature in found)


def holds(key: VerifierKey, text: str, signature: bytes) -> bool:
    """Whether a signature of any of the three types is that key's over a checkpoint's text: a log may sign with
    ML-DSA-44 too. Raises NoteError where the key can have signed no such thing."""
    if key.kind == ED25519:
        return key_holds(key, text, signature)
    time, signature = int.from_bytes(signature[:TIME_BYTES]), signature[TIME_BYTES:]
    message = _message(key, text, time)
    if key.kind == COSIGNATURE:
        return ed25519_holds(key.public, message, signature)
    try:
        MLDSA44PublicKey.from_public_bytes(key.public).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _check_type(key: VerifierKey) -> None:
    if key.kind not in COSIGNATURES:
        raise NoteError(f"key {key.name}", expected="type 4 or 6 (a cosignature's)", found=f"type {key.kind}")


def _message(key: VerifierKey, text: str, time: int) -> bytes:
    """What the key signs; raises NoteError where there can be no such message."""
    _check_type(key)
    if not 0 <= time <= MAX_TIME:
        raise NoteError("time", expected=f"0 to {MAX_TIME}", found=time)
    origin, size, root = _head(text)
    if key.kind == COSIGNATURE:
        return f"cosignature/v1\ntime {time}\n{text}".encode()
    tree = bytes(8) + size.to_bytes(8) + root
    return LABEL + _short(key.name) + time.to_bytes(8) + _short(origin) + tree


def _head(text: str) -> tuple[str, int, bytes]:
    """Origin, size and root. Extension lines may follow them: a cosigner says nothing about those."""
    lines = text.split("\n")
    if len(lines) < 4 or not lines[0]:
        raise NoteError("cosigned text", expected="a checkpoint: origin, size, root", found=repr(text[:100]))
    return lines[0], decode_decimal(lines[1], "size", NoteError), decode_hash(lines[2], NoteError)


def _short(text: str) -> bytes:
    data = text.encode()
    if not 0 < len(data) <= MAX_STRING:
        raise NoteError("name or origin", expected=f"1 to {MAX_STRING} bytes", found=len(data))
    return bytes([len(data)]) + data
