"""Private keys are files of mode 0600, one key each; never in Redis, never in the repository.

    probatum-key-1 <member> <64 hex digits of the Ed25519 seed>
"""

from dataclasses import dataclass
from pathlib import Path

from nacl.signing import SigningKey

from verifier import files
from verifier.statements.envelope import kid_of


class KeyFileError(ValueError):
    """A key file is absent, malformed, or readable by others; the message says which and what to do."""


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A member's private key."""

    member: str
    seed: bytes

    @property
    def public(self) -> bytes:
        """The 32-byte public key."""
        return bytes(SigningKey(self.seed).verify_key)

    @property
    def kid(self) -> bytes:
        """The key id."""
        return kid_of(self.public)


def create(path: Path, member: str) -> KeyFile:
    """Make a new key and write it, mode 0600; raises FileExistsError rather than overwrite one."""
    key = KeyFile(member, bytes(SigningKey.generate()))
    files.create(path, f"probatum-key-1 {member} {key.seed.hex()}")
    return key


def load(path: Path) -> KeyFile:
    """Read a key file; raises KeyFileError."""
    try:
        if path.stat().st_mode & 0o077:
            raise KeyFileError(f"{path}: expected mode 0600, found it readable by others; chmod 600 it, or replace it")
        words = path.read_text("ascii").split()
    except (OSError, UnicodeDecodeError) as fault:
        found = fault.strerror if isinstance(fault, OSError) else fault
        raise KeyFileError(f"{path}: expected a key file, found {found}") from fault
    form = len(words) == 3 and words[0] == "probatum-key-1" and len(words[2]) == 64
    if not form or set(words[2]) - set("0123456789abcdef"):
        raise KeyFileError(f"{path}: expected 'probatum-key-1 <member> <64 hex digits>', found {len(words)} words")
    return KeyFile(words[1], bytes.fromhex(words[2]))


def load_or_create(path: Path, member: str) -> KeyFile:
    """The key at `path`, made on first use."""
    try:
        return create(path, member)
    except FileExistsError:
        return load(path)
