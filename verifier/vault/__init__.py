"""WHAT MAY BE FORGOTTEN? Openings of what the ledger only commits to: batch secrets, people's values and salts.

    vault    put, get, forget          seal     the one cipher
    master   the key of all keys       errors   what is said when it fails

On disk, never in Redis, whose append-only file keeps what was deleted. Imports nothing of ours.
"""

from verifier.vault.errors import VaultConflict, VaultError
from verifier.vault.vault import Vault

__all__ = ["Vault", "VaultConflict", "VaultError"]
