"""Who this request has been proven to come from, if it has. Proving it is doors/signed's; this only remembers."""

from dataclasses import dataclass

from flask import g


@dataclass(frozen=True, slots=True)
class Caller:
    """The enrolled member whose key (`kid`) signed this request; `witness` where the log's policy names it."""

    kid: bytes
    member: str
    roles: frozenset[str]
    witness: bool = False


def remember(caller: Caller, body: bytes | None) -> Caller:
    """Keep it for the rest of the request; `body` is what its digest was checked with, None where it was not."""
    g.signed = caller, body
    return caller


def proven(body: bytes | None = None) -> Caller | None:
    """The proven caller of this request, with this `body` where one is given; None for anybody else."""
    found: tuple[Caller, bytes | None] | None = g.get("signed")
    return found[0] if found and body in (None, found[1]) else None
