"""C2SP signed-note: a text, an empty line, and lines of signatures over the text.

    text, ending in a newline
    (empty line)
    — <key name> <base64(4-byte key id || signature)>

Only notes and their keys may live here; what the text says is another file's. Keys of all three types of the field are
read; notes signed by Ed25519 (0x01) are verified here, cosignatures (0x04, 0x06) in `cosignature`.

>>> key = VerifierKey.of_seed("log.example", bytes(32))
>>> str(key)
'log.example+d85f6874+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop'
>>> note = parse("hello\\n\\n" + sign("hello\\n", "log.example", bytes(32)))
>>> note.text, verify(note, [key]) == (key,)
('hello\\n', True)
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple, Self, TypeAlias

from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from nacl.bindings import crypto_sign_open
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey

from verifier.ledger.encoding import LedgerError, decode_base64, encode_base64

ED25519, COSIGNATURE, ML_DSA_COSIGNATURE = 0x01, 0x04, 0x06
COSIGNATURES = (COSIGNATURE, ML_DSA_COSIGNATURE)
ID_BYTES, KEY_BYTES, SIGNATURE_BYTES = 4, 32, 64
PUBLIC_BYTES = {ED25519: KEY_BYTES, COSIGNATURE: KEY_BYTES, ML_DSA_COSIGNATURE: 1312}  # type -> public key (FIPS 204)
MAX_BYTES, MAX_SIGNATURES = 1 << 18, 64  # sixteen post-quantum signatures fit; a note beyond is an attack
PREFIX = "\N{EM DASH}"
_NOT_IN_TEXT = re.compile(r"[\x00-\x09\x0b-\x1f\ud800-\udfff]")
_NOT_IN_NAME = re.compile(r"[\x00-\x1f\ud800-\udfff\s+]")  # \s: every space of Unicode


class NoteError(LedgerError):
    """A note or key that is malformed, or a note that no known key signed, or one whose known signature fails."""


def key_id(name: str, kind: int, public: bytes) -> bytes:
    """The first 4 bytes of SHA-256(name || 0x0A || type || public key)."""
    return sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:ID_BYTES]


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A key that may sign notes: its name, 4-byte id, signature type and public key, all agreeing."""

    name: str
    key_id: bytes
    kind: int
    public: bytes

    def __post_init__(self) -> None:
        _check_name(self.name)
        if len(self.public) != PUBLIC_BYTES.get(self.kind):
            known = ", ".join(f"type {kind} of {length} bytes" for kind, length in PUBLIC_BYTES.items())
            raise NoteError("key", expected=known, found=f"type {self.kind} of {len(self.public)} bytes")
        if (expected := key_id(self.name, self.kind, self.public)) != self.key_id:
            raise NoteError(f"key id of {self.name}", expected=expected.hex(), found=self.key_id.hex())

    @classmethod
    def of_public(cls, name: str, public: bytes, kind: int = ED25519) -> Self:
        """The verifier key of a public key; raises NoteError."""
        _check_name(name)
        return cls(name, key_id(name, kind, public), kind, public)

    @classmethod
    def of_seed(cls, name: str, seed: bytes, kind: int = ED25519) -> Self:
        """The verifier key of a 32-byte seed, Ed25519's or ML-DSA-44's; raises NoteError."""
        return cls.of_public(name, public_of(seed, kind), kind)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `name+hex(key id)+base64(type || public key)`; raises NoteError."""
        name, _, rest = text.partition("+")
        hex_id, _, encoded = rest.partition("+")  # base64 has plus signs of its own
        typed = decode_base64(encoded, NoteError)
        if not typed:
            raise NoteError("key", expected="name+hex(key id)+base64(type || public key)", found=repr(text[:100]))
        _check_name(name)
        if (expected := key_id(name, typed[0], typed[1:]).hex()) != hex_id:  # compared as text: one spelling
            raise NoteError(f"key id of {name}", expected=expected, found=repr(hex_id[:20]))
        return cls(name, bytes.fromhex(hex_id), typed[0], typed[1:])

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{encode_base64(bytes([self.kind]) + self.public)}"


Check: TypeAlias = Callable[[VerifierKey, str, bytes], bool]


class Signature(NamedTuple):
    """One signature line, not yet checked by anyone."""

    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """A well-formed note: nothing of it may be believed before `verify`."""

    text: str
    signatures: tuple[Signature, ...]

    def by(self, key: VerifierKey) -> list[bytes]:
        """The signatures that name this key, as they came: nobody checked them."""
        return [s.signature for s in self.signatures if (s.name, s.key_id) == (key.name, key.key_id)]


def sign(text: str, name: str, seed: bytes) -> str:
    """The signature line, newline included, of an Ed25519 seed over a note's text; raises NoteError.

    The whole note is text, an empty line, and one or more such lines.
    """
    _check_text(text)
    return line(VerifierKey.of_seed(name, seed), SigningKey(seed).sign(text.encode()).signature)


def line(key: VerifierKey, signature: bytes) -> str:
    """The signature line, newline included."""
    return f"{PREFIX} {key.name} {encode_base64(key.key_id + signature)}\n"


def parse(note: str | bytes) -> Note:
    """Split a note into text and signatures; raises NoteError unless every line of it is well formed."""
    try:
        raw = note.encode() if isinstance(note, str) else note
        whole = raw.decode()
    except UnicodeError as fault:
        raise NoteError("note", expected="UTF-8", found=fault) from None
    if len(raw) > MAX_BYTES:
        raise NoteError("note", expected=f"at most {MAX_BYTES} bytes", found=len(raw))
    text, empty_line, lines = whole.rpartition("\n\n")
    if not empty_line or not lines.endswith("\n"):
        raise NoteError("note", expected="text, an empty line, signature lines", found=repr(whole[-100:]))
    text += "\n"
    _check_text(text)
    # split at "\n" alone: splitlines() also breaks at 0x0B, 0x85, U+2028 and more
    found = lines[:-1].split("\n")
    if len(found) > MAX_SIGNATURES:
        raise NoteError("note", expected=f"at most {MAX_SIGNATURES} signatures", found=len(found))
    return Note(text, tuple(_parse_line(line) for line in found))


def verify(note: Note, keys: Sequence[VerifierKey], check: Check | None = None) -> tuple[VerifierKey, ...]:
    """The known keys that signed, in the order of `keys`; signatures of unknown keys are ignored.

    Raises NoteError where a known key's signature fails, even beside good ones, or where no known key signed.
    `check` says whether a signature holds: by default Ed25519's over the text, and no other type is known.
    """
    signed = []
    for key in keys:
        mine = note.by(key)
        if not all((check or key_holds)(key, note.text, signature) for signature in mine):
            raise NoteError(f"signature of {key.name}", expected="one that its key made", found="another")
        signed += [key] * bool(mine)
    if not signed:
        wanted = ", ".join(f"{key.name}+{key.key_id.hex()}" for key in keys) or "some known key"
        found = ", ".join(f"{s.name}+{s.key_id.hex()}" for s in note.signatures)[:200]
        raise NoteError("signatures", expected=f"one of {wanted}", found=found)
    return tuple(signed)


def key_holds(key: VerifierKey, text: str, signature: bytes) -> bool:
    """Whether a note's signature is that Ed25519 key's; raises NoteError for a key of another type."""
    if key.kind != ED25519:
        raise NoteError(f"key {key.name}", expected=f"type {ED25519} (Ed25519)", found=f"type {key.kind}")
    return holds(key.public, text.encode(), signature)


def holds(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether an Ed25519 signature (RFC 8032) is that key's over these bytes.

    libsodium also refuses S >= L, keys and R of small order, and keys not canonically encoded.
    """
    if len(signature) != SIGNATURE_BYTES or len(public) != KEY_BYTES:
        return False  # libsodium takes signature and message joined: a short one would borrow from the message
    try:
        crypto_sign_open(signature + message, public)
    except BadSignatureError:
        return False
    return True


def public_of(seed: bytes, kind: int) -> bytes:
    """The public key of a 32-byte seed; raises NoteError."""
    if len(seed) != KEY_BYTES:
        raise NoteError("seed", expected=f"{KEY_BYTES} bytes", found=len(seed))
    if kind == ML_DSA_COSIGNATURE:
        return MLDSA44PrivateKey.from_seed_bytes(seed).public_key().public_bytes_raw()
    return bytes(SigningKey(seed).verify_key)


def _parse_line(line: str) -> Signature:
    fields = line.split(" ")
    if len(fields) != 3 or fields[0] != PREFIX:
        raise NoteError("signature line", expected=f"'{PREFIX} name base64'", found=repr(line[:100]))
    _check_name(fields[1])
    data = decode_base64(fields[2], NoteError)
    if len(data) <= ID_BYTES:
        raise NoteError("signature", expected=f"more than {ID_BYTES} bytes", found=len(data))
    return Signature(fields[1], data[:ID_BYTES], data[ID_BYTES:])


def _check_name(name: str) -> None:
    if not name or _NOT_IN_NAME.search(name):
        raise NoteError("key name", expected="no space, plus or control character, not empty", found=repr(name[:100]))


def _check_text(text: str) -> None:
    if bad := _NOT_IN_TEXT.search(text):
        raise NoteError("note text", expected="UTF-8 with no control character but newline", found=repr(bad[0]))
    if not text.endswith("\n"):
        raise NoteError("note text", expected="a newline at its end", found=repr(text[-20:]))
