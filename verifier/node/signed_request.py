"""A request signed by an enrolled key: HTTP message signatures (RFC 9421), Ed25519, with time and nonce.

Covered: @method, @authority, @path, @query and the Content-Digest (RFC 9530) of the body. A door checks three things:
the signature, that it is fresh, and that its nonce is new.
"""

import datetime
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from http_message_signatures import (
    HTTPMessageSigner,
    HTTPMessageVerifier,
    HTTPSignatureKeyResolver,
    algorithms,
)

from verifier.statements.errors import Refused

COVERED = ("@method", "@authority", "@path", "@query")
MAX_AGE = datetime.timedelta(seconds=300)
LABEL = "probatum"


@dataclass(slots=True)
class Message:
    """What of a request is signed; `url` is absolute."""

    method: str
    url: str
    headers: MutableMapping[str, str]


class _Keys(HTTPSignatureKeyResolver):
    def __init__(self, seed: bytes | None, public: Callable[[bytes], bytes | None]) -> None:
        self.seed, self.public = seed, public

    def resolve_private_key(self, key_id: str) -> Ed25519PrivateKey:  # noqa: ARG002
        return Ed25519PrivateKey.from_private_bytes(self.seed or b"")

    def resolve_public_key(self, key_id: str) -> Ed25519PublicKey:
        public = self.public(bytes.fromhex(key_id))
        if public is None:
            raise ValueError(f"{key_id[:40]} is no enrolled key")
        return Ed25519PublicKey.from_public_bytes(public)


def sign(method: str, url: str, body: bytes | None, seed: bytes, kid: bytes) -> dict[str, str]:
    """The headers to send with a request: Content-Digest, Signature-Input and Signature."""
    message = Message(method, url, {})
    signer = HTTPMessageSigner(signature_algorithm=algorithms.ED25519, key_resolver=_Keys(seed, lambda _: None))
    signer.sign(
        message, key_id=kid.hex(), covered_component_ids=COVERED, body=body, nonce=uuid4().hex, label=LABEL, tag=LABEL
    )
    return dict(message.headers)


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signed a request, when (`created`, Unix seconds), and the nonce that a door must see only once."""

    kid: bytes
    nonce: str
    created: int


def verify(
    method: str, url: str, headers: Mapping[str, str], body: bytes | None, public: Callable[[bytes], bytes | None]
) -> Signer:
    """Check a request; `public` gives the key of a key id, or None. Without `body` (None) its digest is not asked for:
    only for doors whose path names the body's hash. Raises Refused naming what is wrong."""
    message = Message(method, url, dict(headers))
    verifier = HTTPMessageVerifier(signature_algorithm=algorithms.ED25519, key_resolver=_Keys(None, public))
    try:
        results = verifier.verify(
            message, max_age=MAX_AGE, expect_tag=LABEL, expect_label=LABEL, require_components=COVERED, body=body
        )
        parameters = results[0].parameters
        nonce, kid = str(parameters.get("nonce", "")), bytes.fromhex(str(parameters["keyid"]))
        created = int(parameters["created"])
    except Exception as fault:  # the library raises a dozen classes for what a stranger may send
        found = str(fault)[:160] or fault.__class__.__name__
        raise Refused("request_signature", expected="a valid, fresh RFC 9421 signature", found=found) from fault
    if not 16 <= len(nonce) <= 64:
        raise Refused("request_signature", expected="a nonce of 16 to 64 characters", found=nonce[:64] or "none")
    return Signer(kid, nonce, created)
