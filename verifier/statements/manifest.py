r"""A batch's manifest: all its serials, sealed so that the deposit may lie anywhere.

    manifest = 0x01 || nonce (24 bytes) || chunk 0 || chunk 1 || ...
    chunk    = XChaCha20-Poly1305 of 65,520 bytes of plaintext (the last: what is left), 65,536 with its tag
    key      = HKDF-SHA256 (RFC 5869) of the batch's secret, no salt, info "manifest", 32 bytes
    nonce of chunk i = nonce, its last 8 bytes plus i modulo 2^64
    associated data  = 0x01 || i as u32 || 1 if it is the last, else 0
    plaintext        = each serial and a newline, which GS1's character set 82 has not

A chunk altered, moved, repeated, missing or added, or cut from another manifest, fails its tag. Both ways stream: a
chunk and a run of serials are in memory at once. Pure: the nonce is an argument, never used twice with one secret.

>>> sealed = list(encrypt([b"A1", b"A2"], bytes(32), bytes(24)))
>>> list(decrypt(sealed, bytes(32)))
[b'A1', b'A2']
"""

import hmac
from collections.abc import Iterable, Iterator
from itertools import islice

from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_decrypt as _open,
)
from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_encrypt as _seal,
)
from nacl.exceptions import CryptoError

from verifier.statements.errors import Malformed
from verifier.statements.numbering import LONGEST

VERSION = b"\x01"
NONCE, TAG, CHUNK = 24, 16, 65_536
PLAIN = CHUNK - TAG
RUN = 4096


def encrypt(serials: Iterable[bytes], secret: bytes, nonce: bytes) -> Iterator[bytes]:
    """The manifest of these serials, in their order, as pieces to write one after the other.

    Raises Malformed for a serial that is empty or holds a newline, or a nonce that is not 24 bytes.
    """
    if len(nonce) != NONCE:
        raise Malformed("nonce", expected=f"{NONCE} bytes", found=f"{len(nonce)} bytes")
    key = hkdf(secret, b"manifest")
    yield VERSION + nonce
    pending, index = b"", 0
    for run in _runs(serials):
        pending += run
        while len(pending) > PLAIN:  # not >=: the last chunk is never empty but in an empty manifest
            yield _seal(pending[:PLAIN], _bound(index, False), _nonce(nonce, index), key)
            pending, index = pending[PLAIN:], index + 1
    yield _seal(pending, _bound(index, True), _nonce(nonce, index), key)


def decrypt(pieces: Iterable[bytes], secret: bytes) -> Iterator[bytes]:
    """The serials of a manifest that arrives in pieces of any length.

    Raises Malformed where a chunk does not open. Serials before it were yielded and are authentic, but believe none
    before the end: only there is it known that none is missing.
    """
    key, tail = hkdf(secret, b"manifest"), b""
    chunks = _chunks(pieces)
    head = next(chunks)
    if len(head) != 1 + NONCE or head[:1] != VERSION:
        raise Malformed("manifest", expected="version 1 and a nonce", found=f"{head[:4].hex()}, {len(head)} bytes")
    held = next(chunks, b"")
    for index, following in enumerate(_with_end(chunks)):
        plain = tail + _opened(held, index, following is None, head[1:], key)
        *serials, tail = plain.split(b"\n")
        yield from serials
        if len(tail) > LONGEST:
            expected = f"serials of at most {LONGEST} bytes, a newline after each"
            raise Malformed("manifest", expected=expected, found=f"{len(tail)} bytes without one")
        held = following or b""
    if tail:
        raise Malformed("manifest", expected="a newline after the last serial", found=repr(tail[:20]))


def hkdf(secret: bytes, info: bytes, salt: bytes = b"", length: int = 32) -> bytes:
    """HKDF-SHA256 (RFC 5869): extract, then expand to `length` bytes, at most 8,160."""
    key = hmac.digest(salt or bytes(32), secret, "sha256")
    block = out = b""
    for counter in range(1, -(-length // 32) + 1):
        block = hmac.digest(key, block + info + bytes([counter]), "sha256")
        out += block
    return out[:length]


def _runs(serials: Iterable[bytes]) -> Iterator[bytes]:
    """The plaintext, a run of serials at a time."""
    source = iter(serials)
    while run := list(islice(source, RUN)):
        plain = b"\n".join(run) + b"\n"
        if plain.count(b"\n") != len(run) or not all(run):
            raise Malformed("serial", expected="serials without a newline, none empty", found="one of another form")
        yield plain


def _chunks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The header, then whole chunks; the last may be shorter."""
    pending, wanted = bytearray(), 1 + NONCE
    for piece in pieces:
        pending += piece
        while len(pending) >= wanted:
            yield bytes(pending[:wanted])
            del pending[:wanted]
            wanted = CHUNK
    if pending or wanted != CHUNK:
        yield bytes(pending)


def _with_end(chunks: Iterator[bytes]) -> Iterator[bytes | None]:
    yield from chunks
    yield None


def _opened(sealed: bytes, index: int, last: bool, nonce: bytes, key: bytes) -> bytes:
    try:
        return _open(sealed, _bound(index, last), _nonce(nonce, index), key)
    except (CryptoError, ValueError) as fault:
        what = f"{'the last ' if last else ''}chunk {index} of {len(sealed)} bytes that does not open"
        raise Malformed("manifest", expected="chunks sealed in order with this batch's secret", found=what) from fault


def _bound(index: int, last: bool) -> bytes:
    return VERSION + index.to_bytes(4, "big") + bytes([last])


def _nonce(nonce: bytes, index: int) -> bytes:
    """Each chunk's own: XChaCha20 forgives no nonce used twice with a key."""
    return nonce[:16] + ((int.from_bytes(nonce[16:], "big") + index) % 2**64).to_bytes(8, "big")
