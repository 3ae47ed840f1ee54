"""A pack's own signature, for a phone with no network: AI (91) says which key, AI (92) holds what it signed.

What is signed and how it is written live here; which keys may sign for a product is the ledger's to say, and what a
signature is worth the verdict's. It proves the code, never the box that carries it.

    (91) = base64url(SHA-256(public key)[:6]), 8 characters
    (92) = base64url(Ed25519 signature), 86 characters, over deterministic CBOR
           ["probatum pack v1", gtin, expiry as YYMMDD, batch, serial]

Other countries use these AIs for their own ends: what has not this form is no Probatum signature, and nothing is wrong
with it. Only one spelling of each is ours (RFC 4648 3.5: the bits left over in the last character are zero).

>>> from verifier.identity import parse_text
>>> pack = parse_text("(01)09521234000013(17)271231(10)LOT1(21)ABC")
>>> key = SigningKey(bytes(32))
>>> signed = signed_pack(key, pack)
>>> signed.get("91"), signed.get("92")[:12]
('E545QOZL', 'lra-XPcMQkXW')
>>> read(signed).verifies(bytes(key.verify_key), signed)
True
>>> read(signed).verifies(bytes(key.verify_key), parse_text("(01)09521234000013(17)281231(10)LOT1(21)ABC"))
False
>>> read(pack), read(parse_text("(01)09521234000013(17)271231(10)LOT1(21)ABC(91)EE08(92)dGVzdA=="))
(None, None)
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass

import cbor2
from nacl.bindings import crypto_sign_open, crypto_sign_PUBLICKEYBYTES
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey

from verifier.identity import Identity
from verifier.statements.envelope import kid_of
from verifier.statements.errors import Malformed

CONTEXT = "probatum pack v1"
HINT, SIGNATURE = "91", "92"
HINT_BYTES, SIGNATURE_BYTES = 6, 64


@dataclass(frozen=True, slots=True)
class PackSignature:
    """What a code carries: the key's hint (6 bytes) and a signature (64 bytes), of our form and not yet checked."""

    hint: bytes
    signature: bytes

    def verifies(self, public: bytes, identity: Identity) -> bool:
        """Whether the key `public` signed this identity: libsodium's strict check (S < L, no small order)."""
        if len(public) != crypto_sign_PUBLICKEYBYTES:  # the binding below asks no length
            return False
        try:
            crypto_sign_open(self.signature + message(identity), public)
        except (BadSignatureError, ValueError):
            return False
        return True


def read(identity: Identity) -> PackSignature | None:
    """The signature that a code carries, or None where it carries none of ours, or not all that one covers."""
    hint, signature = _bytes(identity.get(HINT), HINT_BYTES), _bytes(identity.get(SIGNATURE), SIGNATURE_BYTES)
    if hint is None or signature is None or None in _covered(identity):
        return None
    return PackSignature(hint, signature)


def signed_pack(key: SigningKey, identity: Identity) -> Identity:
    """The identity with its (91) and (92), signed by the batch's pack key; raises Malformed unless it is a pack's."""
    return carrying(identity, *sign(key, identity))


def carrying(identity: Identity, hint: str, signature: str) -> Identity:
    """The identity with these (91) and (92), whatever they are."""
    others = (element for element in identity.elements if element[0] not in (HINT, SIGNATURE))
    return Identity((*others, (HINT, hint), (SIGNATURE, signature)), identity.unknown)


def sign(key: SigningKey, identity: Identity) -> tuple[str, str]:
    """The values of (91) and (92); raises Malformed without a GTIN, expiry, batch and serial."""
    return _text(hint_of(bytes(key.verify_key))), _text(key.sign(message(identity)).signature)


def hint_of(public: bytes) -> bytes:
    """What (91) says of a key: the first 6 bytes of its key id."""
    return kid_of(public)[:HINT_BYTES]


def message(identity: Identity) -> bytes:
    """The bytes that are signed; raises Malformed without a GTIN, expiry, batch and serial.

    >>> from verifier.identity import parse_text
    >>> message(parse_text("(01)09521234000013(17)271231(10)L(21)A")).hex()
    '857070726f626174756d207061636b2076316e303935323132333430303030313366323731323331614c6141'
    """
    covered = _covered(identity)
    if None in covered:
        found = " ".join(f"({ai})" for ai, _ in identity.elements)
        raise Malformed("pack_signature", expected="a GTIN (01), expiry (17), batch (10) and serial (21)", found=found)
    return cbor2.dumps([CONTEXT, *covered], canonical=True)


def _covered(identity: Identity) -> tuple[str | None, ...]:
    return identity.gtin, identity.expiry, identity.batch, identity.serial


def _bytes(text: str | None, size: int) -> bytes | None:
    """What `text` spells, if that is `size` bytes in the one spelling that is ours."""
    if text is None or len(text) != -(-size * 8 // 6):
        return None
    try:
        found = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None
    return found if _text(found) == text else None  # it drops what is not of its alphabet, and takes any last bits


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
