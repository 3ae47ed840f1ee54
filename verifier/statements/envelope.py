"""The one envelope: everything anyone claims is a COSE_Sign1 (RFC 9052 4.2), tag 18, Ed25519, in SCITT's profile.

Signing, strict reading and signature checks live here; what a claim means does not.

    18([ protected, {}, payload, signature ])
    protected = { 1: -8 (EdDSA), 3: "application/probatum.<kind>+cbor", 4: kid, 15: {1: iss, 2: sub, 6: iat} }
    kid       = SHA-256(public key)[:8]
    id        = SHA-256(18([ protected, {}, payload, signature ])): unprotected headers are left out

A Statement that exists is well formed; whether it is *true to its key* is asked of `signed_by`.
"""

from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Any

import cbor2
from nacl.bindings import (
    crypto_core_ed25519_is_valid_point,
    crypto_sign_BYTES,
    crypto_sign_open,
    crypto_sign_PUBLICKEYBYTES,
)
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey

from verifier.statements import cbor
from verifier.statements.errors import Malformed

ALG, TYPE, KID, CLAIMS = 1, 3, 4, 15
ISS, SUB, IAT = 1, 2, 6
LABELS, CLAIMED = frozenset((ALG, TYPE, KID, CLAIMS)), frozenset((ISS, SUB, IAT))
EDDSA = -8
TAG_18 = b"\xd2"
MEMBER = "urn:probatum:member:"
MEMO_BYTES = 4096  # larger statements are checked each time: a memo must not be a way to fill memory
_PREFIX, _SUFFIX = "application/probatum.", "+cbor"


@dataclass(frozen=True, slots=True)
class Statement:
    """A signed claim, well formed. `raw` is the registered form (no unprotected headers), `issued_at` is declared."""

    raw: bytes
    id: bytes
    kind: str
    kid: bytes
    issuer: str
    subject: str
    issued_at: int
    protected: bytes
    payload: bytes
    signature: bytes

    @property
    def member(self) -> str:
        """The issuing member's id."""
        return self.issuer.removeprefix(MEMBER)


@lru_cache(maxsize=1024)
def kid_of(public: bytes) -> bytes:
    """The key id of a 32-byte Ed25519 public key.

    >>> kid_of(bytes(32)).hex()
    '66687aadf862bd77'
    """
    return sha256(public).digest()[:8]


def sign(kind: str, member: str, subject: str, issued_at: int, payload: bytes, seed: bytes) -> Statement:
    """Sign a payload of deterministic CBOR with the Ed25519 key of `seed` (32 bytes); `issued_at` in Unix seconds."""
    key = _signing_key(seed)
    claims = {ISS: MEMBER + member, SUB: subject, IAT: issued_at}
    kid = kid_of(bytes(key.verify_key))
    header = {ALG: EDDSA, TYPE: _PREFIX + kind + _SUFFIX, KID: kid, CLAIMS: claims}
    protected = cbor2.dumps(header, canonical=True)
    signature = key.sign(to_be_signed(protected, payload)).signature
    return read(TAG_18 + cbor2.dumps([protected, {}, payload, signature], canonical=True))  # read checks it all


def to_be_signed(protected: bytes, payload: bytes) -> bytes:
    """The Sig_structure of RFC 9052 4.4, with no external data."""
    return cbor2.dumps(["Signature1", protected, b"", payload], canonical=True)


def read(raw: bytes) -> Statement:
    """Parse strictly; the payload is read as strictly, once its kind is known (kinds.body_of). Raises Malformed.
    Small ones are memoised by bytes."""
    return _read(raw) if len(raw) <= MEMO_BYTES else _read.__wrapped__(raw)


@lru_cache(maxsize=4096)
def _read(raw: bytes) -> Statement:
    if not raw.startswith(TAG_18):
        raise Malformed("not_cose_sign1", value=raw[:8].hex(), expected="CBOR tag 18", found=raw[:1].hex() or "nothing")
    parts = cbor.decode(raw[1:])
    if not isinstance(parts, list) or len(parts) != 4:
        raise Malformed("not_cose_sign1", expected="an array of 4", found=type(parts).__name__)
    protected, unprotected, payload, signature = parts
    if not (isinstance(protected, bytes) and isinstance(unprotected, dict) and isinstance(payload, bytes)):
        raise Malformed("not_cose_sign1", expected="[bytes, map, bytes, bytes]", found="other types")
    if not isinstance(signature, bytes) or len(signature) != crypto_sign_BYTES:
        found = f"{len(signature)} bytes" if isinstance(signature, bytes) else type(signature).__name__
        raise Malformed("signature_length", expected="64 bytes", found=found)
    kind, kid, claims = _header(cbor.decode(protected))
    if payload[:1] < b"\xa0" or payload[:1] > b"\xbf":  # CBOR major type 5
        raise Malformed("payload", expected="a map", found=payload[:1].hex() or "nothing")
    bare = raw if not unprotected else TAG_18 + cbor.encode([protected, {}, payload, signature])
    return Statement(
        bare, sha256(bare).digest(), kind, kid, claims[ISS], claims[SUB], claims[IAT], protected, payload, signature
    )


def _header(header: Any) -> tuple[str, bytes, dict[int, Any]]:
    if not isinstance(header, dict) or header.keys() != LABELS:
        found = sorted(header) if isinstance(header, dict) else type(header).__name__
        raise Malformed("protected_header", expected="exactly the labels 1, 3, 4 and 15", found=str(found)[:80])
    if header[ALG] != EDDSA:
        raise Malformed("algorithm", value=header[ALG], expected="-8 (EdDSA)", found=str(header[ALG])[:20])
    kid, claims, content = header[KID], header[CLAIMS], header[TYPE]
    if not isinstance(kid, bytes) or len(kid) != 8:
        raise Malformed("kid", expected="8 bytes", found=str(kid)[:20])
    if not isinstance(content, str) or not (content.startswith(_PREFIX) and content.endswith(_SUFFIX)):
        raise Malformed("content_type", value=content, expected=f"{_PREFIX}<kind>{_SUFFIX}", found=str(content)[:60])
    if not isinstance(claims, dict) or claims.keys() != CLAIMED:
        raise Malformed("claims", expected="exactly iss, sub and iat", found=str(claims)[:60])
    issuer, subject = claims[ISS], claims[SUB]
    if not (isinstance(issuer, str) and isinstance(subject, str) and 0 < len(issuer) <= 512 >= len(subject) > 0):
        raise Malformed("claims", expected="iss and sub as text of 1 to 512 characters", found=str(claims)[:60])
    if not issuer.startswith(MEMBER):
        raise Malformed("issuer", value=issuer, expected=MEMBER + "<id>", found=issuer[:60])
    if type(claims[IAT]) is not int or claims[IAT] < 0:
        raise Malformed("issued_at", expected="Unix seconds", found=str(claims[IAT])[:20])
    return content[len(_PREFIX) : -len(_SUFFIX)], kid, claims


def signed_by(statement: Statement, public: bytes) -> bool:
    """Whether `public` (32 bytes) signed it: libsodium's strict check (S < L, no small order). Memoised by bytes."""
    if kid_of(public) != statement.kid:
        return False
    check = _verified if len(statement.payload) <= MEMO_BYTES else _verified.__wrapped__
    return check(statement.protected, statement.payload, statement.signature, public)


@lru_cache(maxsize=4096)
def _verified(protected: bytes, payload: bytes, signature: bytes, public: bytes) -> bool:
    if len(public) != crypto_sign_PUBLICKEYBYTES:  # the binding below asks no length
        return False
    try:
        crypto_sign_open(signature + to_be_signed(protected, payload), public)
    except (BadSignatureError, ValueError):
        return False
    return True


def forget() -> None:
    """Empty the memo of what was read and checked (benchmarks measure a cold scan with it)."""
    for memo in (_read, _verified, usable_key, kid_of):
        memo.cache_clear()


@lru_cache(maxsize=16)
def _signing_key(seed: bytes) -> SigningKey:
    return SigningKey(seed)


@lru_cache(maxsize=1024)
def usable_key(public: bytes) -> bool:
    """Whether a key may be enrolled: 32 bytes, canonical, on the main subgroup, not of small order (RFC 8032 5.1.7)."""
    return len(public) == 32 and crypto_core_ed25519_is_valid_point(public)
