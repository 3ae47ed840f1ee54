"""The scanning doors: a photo or a text in, the verdict (or its evidence) out."""

from typing import Any, cast

from flask import Blueprint, Response, current_app, jsonify, request

from verifier.verdict import evidence as files
from verifier.web.desk import Desk, complete
from verifier.web.problem import Problem
from verifier.web.words import language

blueprint = Blueprint("api", __name__)
TEXT_LIMIT = 16_384


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
    text, symbology = _text()
    return no_store(desk().check_text(text, symbology, language()))


@blueprint.post("/api/evidence")
def evidence() -> Response:
    """The evidence about {"text", "symbology", "since"}, as a proof file (verdict/evidence)."""
    text, symbology = _text()
    since = (request.get_json() or {}).get("since")
    if since is not None and (type(since) is not int or since < 0):
        raise Problem("since", 400, "`since` is a checkpoint's size.", expected="a whole number", found=str(since)[:40])
    seen = desk().sight_text(text, symbology)
    identity = getattr(seen, "identity", None)
    if identity is None or not complete(identity):
        raise Problem("incomplete", 422, "Evidence needs a pack's GTIN, lot, expiry and serial.", value=text[:200])
    proof = files.encode(desk().evidence(identity, since))
    answer = Response(proof, content_type="application/probatum.evidence+cbor")
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _text() -> tuple[str, str | None]:
    """The text and symbology of a JSON body, bounded and of the right types."""
    if request.mimetype != "application/json":
        found = request.mimetype or "no content type"
        expected = "multipart/form-data or application/json"
        raise Problem("content_type", 415, "Send a photo or a text.", expected=expected, found=found)
    if (request.content_length or 0) > TEXT_LIMIT:
        found = f"{request.content_length} bytes"
        raise Problem("too_large", 413, "The text is too long.", expected=f"at most {TEXT_LIMIT} bytes", found=found)
    fields: Any = request.get_json()
    text = fields.get("text") if isinstance(fields, dict) else None
    symbology = fields.get("symbology") if isinstance(fields, dict) else None
    if not isinstance(text, str) or not text.strip() or not isinstance(symbology, str | None):
        expected = '{"text": "...", "symbology": "]d2" or null}'
        raise Problem("text_missing", 400, "Send the code's text.", expected=expected, found=str(fields)[:80])
    return text, symbology


def no_store(body: dict[str, Any]) -> Response:
    """JSON that no cache may keep: a verdict is of its moment."""
    answer = jsonify(body)
    answer.headers["Cache-Control"] = "no-store"
    return answer
