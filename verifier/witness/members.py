"""Who asks a witness, and what may be read: members and keys as the mirrored ledger enrolled them, and no other word.

The rule is statements/readers, the same as at the log's own doors. Requests are signed (RFC 9421); a nonce is good
once, and what was signed before this witness started is refused, since it may have been used then.
"""

import logging
import threading
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from werkzeug.wrappers import Request

from verifier.node import signed_request
from verifier.node.copying import Leaf
from verifier.statements.envelope import usable_key
from verifier.statements.errors import Refused, StatementError
from verifier.statements.genesis import Genesis
from verifier.statements.kinds import KINDS, body_of
from verifier.statements.roster import KeyRecord, Roster, enrol

told = logging.getLogger("probatum.witness")
FRESH_S = 600  # twice as long as a request is fresh: clocks may differ either way
MOST_NONCES = 100_000


@dataclass(frozen=True, slots=True)
class Asker:
    """A Reader (statements/readers), proven."""

    member: str
    roles: frozenset[str]
    witness: bool


class Members:
    """Members as enrolled so far; `witnesses` are the names of the keys of the policy's. Safe between threads."""

    def __init__(self, witnesses: Collection[str] = ()) -> None:
        self._witnesses = frozenset(witnesses)
        self._roster, self._since = Roster(), int(time.time())
        self._nonces: dict[str, float] = {}
        self._lock = threading.Lock()

    def hear(self, leaves: Sequence[Leaf]) -> None:
        """Follow what these leaves enrol. One that was not entitled to enrols nobody, and is told."""
        for leaf in leaves:
            if leaf.statement is not None and KINDS.get(leaf.statement.kind, KINDS["clock"]).reducer == "enrol":
                try:
                    self._enrol(leaf)
                except StatementError as fault:
                    told.error("leaf %d should not stand in the ledger: %s", leaf.index, fault)

    def _enrol(self, leaf: Leaf) -> None:
        assert leaf.statement is not None  # noqa: S101 - as asked above
        records, body = enrol(leaf.statement, leaf.index, self._roster), body_of(leaf.statement)
        if any(isinstance(record, KeyRecord) and not usable_key(record.public) for record in records):
            raise Refused("weak_key", expected="a usable key", found="a weak point")
        threshold = body.threshold if isinstance(body, Genesis) else self._roster.k
        self._roster = self._roster.with_records(records, threshold)

    def asker(self, asked: Request) -> Asker | None:
        """Who signed a request; None where it claims nobody did. Raises Refused."""
        if "Signature" not in asked.headers and "Signature-Input" not in asked.headers:
            return None
        signer = signed_request.verify(asked.method, asked.url, dict(asked.headers), None, self._public)
        self._once(signer)
        roster = self._roster
        key = roster.key(signer.kid)
        member = roster.member(key.member) if key is not None else None
        if member is None or member.since is None:
            raise Refused("unknown_member", value=signer.kid.hex(), expected="an enrolled member's key", found="none")
        return Asker(member.member, frozenset(member.roles), member.member in self._witnesses)

    def _public(self, kid: bytes) -> bytes | None:
        key = self._roster.key(kid)
        return key.public if key is not None and key.until is None else None

    def _once(self, signer: signed_request.Signer) -> None:
        if signer.created < self._since:
            found = f"{self._since - signer.created} s before"
            raise Refused("replayed", value=signer.nonce, expected="signed after this witness started", found=found)
        now, word = time.monotonic(), f"{signer.kid.hex()}{signer.nonce}"
        with self._lock:
            if len(self._nonces) >= MOST_NONCES:
                self._nonces = {word: until for word, until in self._nonces.items() if until > now}
            if word in self._nonces or len(self._nonces) >= MOST_NONCES:
                raise Refused("replayed", value=signer.nonce, expected="a nonce never used", found="used before")
            self._nonces[word] = now + FRESH_S
