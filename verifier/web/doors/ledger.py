"""The ledger's own page, and the same as JSON by Accept: how it grew, what was published, who cosigned."""

import msgspec
from flask import Blueprint, Response, make_response, request

from verifier.statements.cbor import MAX_INT
from verifier.web.doors.api import desk
from verifier.web.ledger import overview
from verifier.web.pages.blueprint import finish
from verifier.web.pages.ledger import ledger_page
from verifier.web.pages.problems import prefers_json
from verifier.web.problem import Problem

blueprint = Blueprint("ledger", __name__)


@blueprint.get("/ledger")
def ledger() -> Response:
    """What the ledger tells of itself: growth, checkpoints and who cosigned them. A page, or JSON by Accept."""
    seen = overview(desk(), _before())
    if prefers_json():
        return Response(msgspec.json.encode(seen), content_type="application/json")
    return finish(make_response(ledger_page(seen, desk().trust.policy, desk().clock())))


@blueprint.after_request
def fresh(response: Response) -> Response:
    """No cache keeps it: it is of its moment, and of who asks how."""
    response.headers["Cache-Control"] = "no-store"
    response.vary.update(("Accept", "Accept-Language", "Cookie"))
    return response


def _before() -> int | None:
    """The size that the checkpoints shown are to be smaller than; Problem 400 for what is none."""
    asked = request.args.get("before")
    if asked is None:
        return None
    if not (asked.isascii() and asked.isdecimal() and len(asked) <= 16 and int(asked) < MAX_INT):
        raise Problem("before", 400, "Not a size.", value=asked[:40], expected="a whole number", found=asked[:40])
    return int(asked)
