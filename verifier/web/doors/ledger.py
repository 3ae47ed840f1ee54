"""The ledger's own page, and the same as JSON by Accept: how it grew, what was published, who cosigned; and what
somebody brings to hold against it, a code or a file. To a browser a refusal of what was brought is that page again."""

import msgspec
from flask import Blueprint, Response, make_response, request
from werkzeug.exceptions import RequestEntityTooLarge

from verifier.statements.cbor import MAX_INT
from verifier.web.brought import LIMIT, examine, place, too_large
from verifier.web.doors.api import desk, drain
from verifier.web.doors.convictions import listed
from verifier.web.ledger import names_of, overview
from verifier.web.pages.blueprint import finish
from verifier.web.pages.ledger import found_page, ledger_page
from verifier.web.pages.problems import prefers_json, typed
from verifier.web.pages.scan import TYPED_LIMIT
from verifier.web.problem import Problem, of
from verifier.web.shapes import Convicted

blueprint = Blueprint("ledger", __name__)
AROUND = 65_536  # bytes of a form around its file
CONVICTIONS = 3
BROKEN = 500  # from here on it is our fault, and no page of the ledger can be shown


@blueprint.get("/ledger")
def ledger() -> Response:
    """What the ledger tells of itself: growth, checkpoints and who cosigned them. A page, or JSON by Accept."""
    seen = overview(desk(), _convictions(), _before())
    if prefers_json():
        return Response(msgspec.json.encode(seen), content_type="application/json")
    return finish(make_response(ledger_page(seen, desk().trust.policy, names_of(desk()), desk().clock())))


@blueprint.post("/ledger")
def check() -> Response:
    """Where the statements about the code in `text` stand, or what `file` is and is worth here; of a file that names no
    box, `text` says which. Evidence is judged with this server's trust. A page, or JSON by Accept."""
    try:
        data, text = _brought()
        found = examine(desk(), data, text) if data else place(desk(), text)
    except Exception as fault:
        told = of(fault)
        if prefers_json() or told.status >= BROKEN:
            raise
        return _refused(told)
    if prefers_json():
        return Response(msgspec.json.encode(found), content_type="application/json")
    return finish(make_response(found_page(found, "" if data else text, names_of(desk()))))


@blueprint.after_request
def fresh(response: Response) -> Response:
    """No cache keeps it: it is of its moment, and of who asks how."""
    response.headers["Cache-Control"] = "no-store"
    response.vary.update(("Accept", "Accept-Language", "Cookie"))
    return response


def _brought() -> tuple[bytes, str]:
    """The form's file and text; Problem where there is neither, or more than a file of LIMIT."""
    request.max_content_length = LIMIT + AROUND
    length = request.content_length
    if length is not None and length > LIMIT + AROUND:
        drain()
        raise too_large(f"a body of {length} bytes")
    try:
        data = next((sent for file in request.files.getlist("file") if (sent := file.read())), b"")
        text = request.form.get("text", "").strip()
    except RequestEntityTooLarge:  # a length that was not told beforehand, or else the form's text
        drain()
        raise (too_large("more") if length is None else _too_long("more")) from None
    if len(text) > TYPED_LIMIT:
        raise _too_long(f"{len(text)} characters")
    if not data and not text:
        raise Problem("nothing_brought", 422, "The form is empty.", expected="a file or a code", found="neither")
    return data, text


def _too_long(found: str) -> Problem:
    expected = f"at most {TYPED_LIMIT} characters"
    return Problem("malformed", 422, "No code is as long.", expected=expected, found=found)


def _convictions() -> list[Convicted]:
    return [msgspec.convert(one, Convicted) for one in listed(CONVICTIONS)]


def _refused(told: Problem) -> Response:
    """The page, saying why; what was typed is kept in its form."""
    seen, policy = overview(desk(), _convictions()), desk().trust.policy
    page = ledger_page(seen, policy, names_of(desk()), desk().clock(), told, typed())
    answer = finish(make_response(page, told.status))
    answer.headers.update(told.headers())
    return answer


def _before() -> int | None:
    """The size that the checkpoints shown are to be smaller than; Problem 400 for what is none."""
    asked = request.args.get("before")
    if asked is None:
        return None
    if not (asked.isascii() and asked.isdecimal() and len(asked) <= 16 and int(asked) < MAX_INT):
        raise Problem("before", 400, "Not a size.", value=asked[:40], expected="a whole number", found=asked[:40])
    return int(asked)
