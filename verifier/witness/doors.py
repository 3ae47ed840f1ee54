"""The witness over HTTP. Every error is problem+json (RFC 9457), but the 409 that C2SP tlog-witness gives another form.

    POST /add-checkpoint        C2SP tlog-witness: the cosignature line, once the checkpoint is kept
    GET  /checkpoint, /tile/..  C2SP tlog-tiles: the mirror, its checkpoint with our cosignature
    GET  /entries/<id>          a statement, to whom it is open at the log's own door (statements/readers)
    GET  /deposits/<hash>       what the statement `?entry=<id>` names, likewise
    GET  /forks[/<name>]        the notes that convict the log, if it ever forked
    GET  /healthz, /readyz      it runs; it would cosign, and follows

Below a prefix too, where the policy names one: whatever stands in front may leave it on or take it off.
"""

import json
import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Request, Response

from verifier.ledger import witnessing
from verifier.ledger.encoding import LedgerError
from verifier.statements.errors import StatementError
from verifier.witness.cosigning import Cosigner, NotNow, Refused
from verifier.witness.follower import Follower
from verifier.witness.problem import Problem
from verifier.witness.shelf import Shelf
from verifier.witness.state import StateLost

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

told = logging.getLogger("probatum.witness")
Door = Callable[[Request, str], Response]
HEADERS = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'"}
REFUSED = {400: "malformed", 403: "not_signed", 404: "unknown_log", 422: "not_proven"}


class Doors:
    """The WSGI application over a cosigner and what it mirrors, if it follows; `prefix` is the path of the URL that the
    policy names."""

    def __init__(self, cosigner: Cosigner, prefix: str = "", follower: Follower | None = None) -> None:
        self.cosigner, self.prefix, self.follower = cosigner, prefix.rstrip("/"), follower
        shelf = Shelf(follower.mirror, follower.index, follower.members) if follower else None
        self._doors: dict[tuple[str, str], Door] = {
            ("POST", "add-checkpoint"): self._add,
            ("GET", "forks"): self._forks,
            ("GET", "healthz"): lambda *_: _json({"status": "ok"}),
            ("GET", "readyz"): self._ready,
        }
        if shelf is not None:
            for name in ("checkpoint", "tile", "entries", "deposits"):
                self._doors["GET", name] = getattr(shelf, name)

    def __call__(self, environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        asked = Request(environ)
        try:
            answer = self._answer(asked)
        except Exception as fault:
            answer = _problem(fault).response()
        answer.headers.update(HEADERS)
        return answer(environ, start)

    def _answer(self, asked: Request) -> Response:
        path = asked.path.removeprefix(self.prefix) if asked.path.startswith(f"{self.prefix}/") else asked.path
        first, _, rest = path.lstrip("/").partition("/")
        method = "GET" if asked.method == "HEAD" else asked.method
        door = self._doors.get((method, first))
        if door is None:
            allowed = [way for way, name in self._doors if name == first]
            if allowed:
                raise Problem("method_not_allowed", 405, "Not this method.", expected=allowed[0], found=asked.method)
            raise Problem("not_found", 404, "Nothing is at this address.", found=f"{asked.method} {asked.path}")
        return door(asked, rest)

    def _add(self, asked: Request, rest: str) -> Response:
        if rest:
            raise Problem("not_found", 404, "Nothing is at this address.", found=asked.path)
        body = asked.stream.read(witnessing.MAX_BYTES + 1)
        try:
            return Response(self.cosigner.add(witnessing.parse(body)), content_type=witnessing.TEXT)
        except Refused as refused:
            said = refused.answer
            if said.known is None:
                raise
            return Response(said.body, said.status, content_type=said.content_type)

    def _forks(self, _: Request, name: str) -> Response:
        forks = self.cosigner.forks
        if not name:
            return _json({"forks": forks.names()})
        kept = forks.read(name)
        if kept is None:
            raise Problem("not_found", 404, "No such evidence is kept here.", found=name)
        return Response(kept, content_type="application/json")

    def _ready(self, _: Request, __: str) -> Response:
        """200 while it would cosign; what stands behind it."""
        last, forks = self.cosigner.last(), self.cosigner.forks.names()
        if forks:
            raise Problem("forked", 503, "The log signed two ledgers; both notes are at /forks.", found=forks[0])
        head = {"size": last.checkpoint.size, "root": last.checkpoint.root.hex(), "time": last.time} if last else {}
        named = {"status": "ready", "log": self.cosigner.log.name, "witness": str(self.cosigner.own)}
        return _json(named | head | self._following())

    def _following(self) -> dict[str, Any]:
        """What is mirrored, of how much, and what stands in the way."""
        if self.follower is None:
            return {}
        standing = self.follower.standing
        fault = {"fault": standing.fault} if standing.fault else {}
        return {"mirrored": self.follower.mirror.size, "shown": standing.shown, **self.follower.index.counts(), **fault}


def _problem(fault: Exception) -> Problem:
    if isinstance(fault, Problem):
        return fault
    if isinstance(fault, Refused):
        return Problem(REFUSED[fault.answer.status], fault.answer.status, fault.answer.why)
    if isinstance(fault, StatementError):
        return Problem(fault.code, 403, str(fault), value=fault.value, expected=fault.expected, found=fault.found)
    if isinstance(fault, LedgerError):
        return Problem("malformed", 400, str(fault), value=fault.value, expected=fault.expected, found=fault.found)
    if isinstance(fault, StateLost):
        return Problem("not_now", 503, str(fault))
    if isinstance(fault, NotNow):
        return Problem("not_now", 503, str(fault), again=fault.again)
    if isinstance(fault, HTTPException):
        return Problem("bad_request", fault.code or 500, fault.description or fault.name)
    told.error("unexpected fault", exc_info=fault)
    return Problem("internal", 500, "Something failed on our side. Nothing was signed; the next try may work.")


def _json(fields: dict[str, Any]) -> Response:
    answer = Response(json.dumps(fields), content_type="application/json")
    answer.headers["Cache-Control"] = "no-store"
    return answer
