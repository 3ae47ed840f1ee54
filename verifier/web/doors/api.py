"""The scanning doors: a photo or a text in, the verdict (or its evidence) out."""

from typing import Any, cast

import msgspec
from flask import Blueprint, Response, current_app, request

from verifier.statements.cbor import MAX_INT
from verifier.verdict import evidence as files
from verifier.web.desk import Desk
from verifier.web.problem import Problem
from verifier.web.words import language

blueprint = Blueprint("api", __name__)
TEXT_LIMIT = 16_384
DRAINED = 16 * 2**20  # bytes of a refused body; whoever sends more may see its connection reset


def desk() -> Desk:
    """The desk of this worker."""
    return cast(Desk, current_app.extensions["probatum"])


@blueprint.post("/api/scan")
def scan() -> Response:
    """The verdict on `image` (multipart) or on {"text", "symbology"} (JSON)."""
    if request.mimetype == "multipart/form-data":
        image = request.files.get("image")
        if image is None:
            found = ", ".join(request.files) or "no file"
            raise Problem("image_missing", 400, "Send the photo as `image`.", expected="a file `image`", found=found)
        return no_store(desk().check_photo(image.read(), "patient", language()))
    _, text, symbology = _text()
    return no_store(desk().check_text(text, symbology, language()))


@blueprint.post("/api/evidence")
def evidence() -> Response:
    """The evidence about {"text", "symbology", "since"}, as a proof file (verdict/evidence)."""
    fields, text, symbology = _text()
    since = fields.get("since")
    if since is not None and (type(since) is not int or not 0 <= since < MAX_INT):
        raise Problem("since", 400, "`since` is a checkpoint's size.", expected="a whole number", found=str(since)[:40])
    identity = desk().pack(text, symbology)
    proof = files.encode(desk().evidence(identity, since))
    answer = Response(proof, content_type="application/probatum.evidence+cbor")
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _text() -> tuple[dict[str, Any], str, str | None]:
    """The fields of a JSON body, and its text and symbology: bounded, and of the right types."""
    if request.mimetype != "application/json":
        found = request.mimetype or "no content type"
        expected = "multipart/form-data or application/json"
        raise Problem("content_type", 415, "Send a photo or a text.", expected=expected, found=found)
    fields = _json(body_within(TEXT_LIMIT))
    text, symbology = (fields.get("text"), fields.get("symbology")) if isinstance(fields, dict) else (None, None)
    if not isinstance(text, str) or not text.strip() or not isinstance(symbology, str | None):
        expected = '{"text": "...", "symbology": "]d2" or null}'
        raise Problem("text_missing", 400, "Send the code's text.", expected=expected, found=str(fields)[:80])
    return fields, text, symbology


def body_within(limit: int) -> bytes:
    """The request's body, its length told beforehand or not; Problem 413 over `limit` bytes."""
    length, body = request.content_length, b""
    if length is None or length <= limit:
        request.max_content_length = limit + 1  # what comes in chunks is cut there without a word
        body = request.get_data()
        length = len(body)
    if length > limit:
        _drain()
        found = f"{length} bytes"
        raise Problem("too_large", 413, "The body is too long.", expected=f"at most {limit} bytes", found=found)
    return body


def _drain() -> None:
    """Read on for a while and keep nothing: to one who is still sending, a connection closed at once is reset, and the
    refusal is lost on its way."""
    left, source = DRAINED, request.environ["wsgi.input"]
    while left > 0 and (piece := source.read(min(left, 1 << 16))):
        left -= len(piece)


def _json(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as fault:
        found = f"{body[:40]!r}: {fault}"[:200]
        raise Problem("not_json", 400, "The body is not JSON.", expected="one JSON object", found=found) from fault


def no_store(body: dict[str, Any]) -> Response:
    """JSON that no cache may keep: a verdict is of its moment."""
    answer = Response(msgspec.json.encode(body), content_type="application/json")
    answer.headers["Cache-Control"] = "no-store"
    return answer
