r"""The vault's one cipher: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) with a random nonce in front.

>>> sealed = seal(bytes(32), b"opening", b"its name")
>>> unseal(bytes(32), sealed, b"its name"), unseal(bytes(32), sealed, b"another"), len(sealed) - len(b"opening")
(b'opening', None, 40)
"""

from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_decrypt,
    crypto_aead_xchacha20poly1305_ietf_encrypt,
)
from nacl.exceptions import CryptoError
from nacl.utils import random

KEY, NONCE, TAG = 32, 24, 16


def seal(key: bytes, plain: bytes, bound: bytes) -> bytes:
    """nonce || ciphertext || tag of `plain`, bound to `bound`; 40 bytes longer."""
    nonce = random(NONCE)
    return nonce + crypto_aead_xchacha20poly1305_ietf_encrypt(plain, bound, nonce, key)


def unseal(key: bytes, sealed: bytes, bound: bytes) -> bytes | None:
    """What was sealed under this key and bound to `bound`; None if it was not, or is altered."""
    if len(sealed) < NONCE + TAG:
        return None
    try:
        return crypto_aead_xchacha20poly1305_ietf_decrypt(sealed[NONCE:], bound, sealed[:NONCE], key)
    except CryptoError:
        return None
