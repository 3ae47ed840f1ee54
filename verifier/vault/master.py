"""The master key: a file of mode 0600 that wraps every record key. Better on another medium than the vault.

    probatum-vault-1 <64 hex digits>

A copy of the vault's folder without it opens nothing. It is made once, with an empty vault, and never again: a new key
in place of a lost one would silently open nothing.
"""

from pathlib import Path

from nacl.utils import random

from verifier import files
from verifier.vault.errors import VaultError
from verifier.vault.seal import KEY

FORM = "probatum-vault-1"


def create(path: Path) -> bytes:
    """Make a new master key, durably. Raises VaultError where a file stands or none can be made."""
    key = random(KEY)
    try:
        files.create(path, f"{FORM} {key.hex()}")
    except OSError as fault:
        raise VaultError(path, "a place to write the vault's master key", str(fault)) from fault
    return key


def load(path: Path) -> bytes:
    """The 32 bytes of a master key file. Raises VaultError for one that is absent, malformed or open to others."""
    try:
        mode = path.stat().st_mode & 0o777
        words = path.read_text("ascii").split()
    except (OSError, UnicodeDecodeError) as fault:
        raise VaultError(path, "the vault's master key", str(fault)) from fault
    if mode & 0o077:
        raise VaultError(path, "a master key of mode 0600", f"mode {mode:04o}, open to others; chmod 600 it")
    if len(words) != 2 or words[0] != FORM or len(words[1]) != 2 * KEY or set(words[1]) - set("0123456789abcdef"):
        raise VaultError(path, f"'{FORM} <{2 * KEY} hex digits>'", f"{len(words)} words of another form")
    return bytes.fromhex(words[1])
