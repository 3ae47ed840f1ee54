"""Who asks? The one place where a door learns it: a request signed by an enrolled key (RFC 9421), fresh, its nonce new.

A Caller that exists has been proven; a request that is not signed has none, and is anybody's. What a caller may do or
read is each door's own question.
"""

from flask import request

from verifier.node import signed_request
from verifier.state.replay import Projected
from verifier.statements.errors import Refused
from verifier.store import layout
from verifier.store.projection import reader
from verifier.web.caller import Caller, proven, remember
from verifier.web.desk import desk

__all__ = ["Caller", "caller", "caller_with", "claims_signature"]
NONCE_TTL_S = 600  # twice as long as a request is fresh: clocks may differ either way


def claims_signature() -> bool:
    """Whether this request says that it is signed."""
    return "Signature" in request.headers or "Signature-Input" in request.headers


def caller(body: bytes | None) -> Caller:
    """The signer of this request; `body` None leaves its digest unasked, for doors whose path names the body's hash.

    Raises Refused `request_signature`, `replayed` or `unknown_member`: no enrolled key, a bad or stale signature, a
    nonce seen before.
    """
    if (known := proven(body)) is not None:  # asked again in the same request
        return known
    directory = Projected(reader(desk().client))

    def public(kid: bytes) -> bytes | None:
        key = directory.key(kid)
        return key.public if key is not None and key.until is None else None

    signer = signed_request.verify(request.method, request.url, dict(request.headers), body, public)
    if not desk().client.set(layout.nonce(signer.kid, signer.nonce), b"", nx=True, ex=NONCE_TTL_S):
        raise Refused("replayed", value=signer.nonce, expected="a nonce never used", found="used before")
    key = directory.key(signer.kid)
    member = directory.member(key.member) if key is not None else None
    if member is None or member.since is None:
        found = "endorsed by too few" if member else "no member"
        raise Refused("unknown_member", value=signer.kid.hex(), expected="a key of an enrolled member", found=found)
    witness = any(named.key.name == member.member for named in desk().trust.policy.witnesses)
    return remember(Caller(signer.kid, member.member, frozenset(member.roles), witness), body)


def caller_with(body: bytes | None, *roles: str) -> Caller:
    """As `caller`; raises Refused `role` unless the signer has one of `roles`."""
    found = caller(body)
    if not found.roles & set(roles):
        held = ", ".join(sorted(found.roles))
        raise Refused("role", value=found.member, expected=f"a {' or '.join(roles)}", found=held)
    return found
