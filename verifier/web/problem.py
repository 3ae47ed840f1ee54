"""Every error a door gives is problem+json (RFC 9457): what was asked, what was expected, what was found.

One table says which failure is which status. Never a stack trace; nothing here changes any state.
"""

import errno
import logging
from collections.abc import Mapping
from typing import Any

import redis
from flask import Response, jsonify, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound, RequestEntityTooLarge

from scanner.photo import PhotoError
from verifier.identity import IdentityError
from verifier.node.queue import Busy
from verifier.statements.errors import Malformed, Refused
from verifier.store.gather import NotReady
from verifier.vault import VaultConflict, VaultError

log = logging.getLogger("probatum.web")


class Problem(Exception):
    """A refusal with its status; `type_code` is a stable word and ends the problem's type URI. `suggested` is a text
    to ask with instead, if the one who asks finds it right; `more` are members of this type of problem alone."""

    def __init__(
        self,
        type_code: str,
        status: int,
        detail: str,
        *,
        title: str = "",
        value: object = None,
        expected: object = None,
        found: object = None,
        suggested: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.type_code, self.status, self.detail = type_code, status, detail
        self.title = title or type_code.replace("_", " ").capitalize()
        self.value, self.expected, self.found, self.suggested = value, expected, found, suggested
        self.more: Mapping[str, Any] = {}
        self.retry_after: int | None = 2 if status == 503 else None  # seconds

    def fields(self) -> dict[str, Any]:
        """The members of the problem document."""
        known = {"value": self.value, "expected": self.expected, "found": self.found, "suggested": self.suggested}
        base = {"type": f"/problems/{self.type_code}", "title": self.title, "status": self.status}
        return {**base, "detail": self.detail, **{k: v for k, v in known.items() if v not in (None, "")}, **self.more}

    def response(self) -> Response:
        """The HTTP answer."""
        answer = jsonify(self.fields())
        answer.status_code, answer.content_type = self.status, "application/problem+json"
        answer.headers.update(self.headers())
        return answer

    def headers(self) -> dict[str, str]:
        """The headers that go with it, on a page too."""
        retry = {"Retry-After": str(self.retry_after)} if self.retry_after is not None else {}
        allow = {"Allow": str(self.expected)} if self.status == 405 else {}  # RFC 9110 15.5.6
        return {"Cache-Control": "no-store", **retry, **allow}


PHOTO_STATUS = {"too_large": 413, "too_many_pixels": 413, "not_an_image": 415}
REFUSED_STATUS = {"already": 409, "batch_exists": 409, "already_enrolled": 409}
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
STORE_DOWN = "The register cannot be reached just now. This says nothing about the pack. Try again in a moment."


def of(fault: Exception) -> Problem:
    """The problem that any exception is, by the table of this file."""
    if isinstance(fault, Problem):
        return fault
    if isinstance(fault, PhotoError):
        return _told(fault, PHOTO_STATUS.get(fault.code, 422))
    if isinstance(fault, IdentityError):
        return _told(fault, 422)
    if isinstance(fault, Malformed):
        return _told(fault, 413 if fault.code == "too_large" else 400)
    if isinstance(fault, Refused):
        return _told(fault, REFUSED_STATUS.get(fault.code, 403))
    if isinstance(fault, Busy | NotReady):
        return Problem("not_ready", 503, str(fault))
    if isinstance(fault, redis.RedisError):
        return Problem("store_down", 503, STORE_DOWN)
    if isinstance(fault, VaultConflict):
        told = {"value": fault.value, "expected": fault.expected, "found": fault.found}
        return Problem("vault_conflict", 409, str(fault), **told)
    if isinstance(fault, VaultError):  # its sentence names files: for the operator, not for a stranger
        log.error("the vault does not answer: %s", fault)
        return Problem("store_down", 503, STORE_DOWN)
    if isinstance(fault, HTTPException):
        return _http(fault)
    if isinstance(fault, OSError) and fault.errno in NO_ROOM:
        log.error("no room to keep what was sent: %s", fault)
        return Problem("no_room", 507, "There is no room to keep this here. Nothing of it was kept.")
    log.error("unexpected fault", exc_info=fault)
    return Problem("internal", 500, "Something failed on our side. Nothing was changed; the next try may work.")


def _http(fault: HTTPException) -> Problem:
    """What the framework refuses before a door is reached."""
    asked = f"{request.method} {request.path}"[:200]
    if isinstance(fault, NotFound):
        return Problem("not_found", 404, "Nothing is at this address.", expected="an address of ours", found=asked)
    if isinstance(fault, MethodNotAllowed):
        expected = ", ".join(sorted(fault.valid_methods or ()))
        return Problem("method_not_allowed", 405, "Not this method.", expected=expected, found=asked)
    if isinstance(fault, RequestEntityTooLarge):
        expected, length = f"at most {request.max_content_length} bytes", request.content_length
        found = "more" if length is None else f"{length} bytes"
        return Problem("too_large", 413, "The request is too long.", expected=expected, found=found)
    code = fault.name.lower().replace(" ", "_").replace("'", "")
    return Problem(code, fault.code or 500, fault.description or fault.name)


def _told(fault: Any, status: int) -> Problem:
    value, expected, found = (_short(getattr(fault, name, None)) for name in ("value", "expected", "found"))
    return Problem(str(fault.code), status, str(fault), value=value, expected=expected, found=found)


def _short(value: object) -> object:
    return value[:200] if isinstance(value, str) else value
