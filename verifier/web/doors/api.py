"""The scanning doors: a photo or a text in, the verdict (or its evidence) out.

What a JSON body may hold is one struct a door: it refuses what is wrong, and web/openapi describes the door by it.
"""

from typing import Annotated, Any, Literal, TypeVar

import msgspec
from flask import Blueprint, Response, request
from msgspec import Meta, Struct

from verifier.statements.cbor import MAX_INT
from verifier.verdict import evidence as files
from verifier.web.desk import desk as desk  # the other doors find it here
from verifier.web.doors.signed import caller, claims_signature
from verifier.web.doors.viewer import asker
from verifier.web.problem import Problem
from verifier.web.words import language

blueprint = Blueprint("api", __name__)
TEXT_LIMIT = 16_384  # bytes of a JSON body
DRAINED = 16 * 2**20  # bytes of a refused body; whoever sends more may see its connection reset
T = TypeVar("T", bound=Struct)
Viewer = Annotated[str, Meta(min_length=1, max_length=20, examples=["pharmacy"])]
Reads = Annotated[int, Meta(ge=1, le=9)]


class Code(Struct, frozen=True, forbid_unknown_fields=True):
    """A code as a reader or a hand gave it: a Digital Link, an element string, or its "(01)..." text. `symbology` is
    the reader's ISO/IEC 15424 identifier ("]d2"), when a reader named it."""

    text: Annotated[str, Meta(min_length=1, max_length=TEXT_LIMIT, pattern=r"\S", examples=["(01)09521000000018"])]
    symbology: Annotated[str, Meta(max_length=8, examples=["]d2"])] | None = None


class Scan(Code, frozen=True, forbid_unknown_fields=True):
    """A code, and who asks: a professional `viewer` is a signed request (RFC 9421), whose signer's roles must entitle
    it. `reads` is how many times the same code was read, `bought` where, if the person said so."""

    viewer: Viewer | None = None
    reads: Reads = 1
    bought: Literal["online"] | None = None


class Photo(Struct, frozen=True):
    """What goes with a photo, in the fields of its form: as in Scan."""

    viewer: Viewer | None = None
    reads: Reads = 1
    bought: Literal["online"] | None = None


class Asked(Code, frozen=True, forbid_unknown_fields=True):
    """A box's code, and the size of the checkpoint (`since`) from which the ledger's growth is to be proved. `viewer`
    as for a scan: to a professional the evidence shows what they signed themselves. Of a `whole_lot`, the evidence
    holds for each of its packs that carries its own signature, and answers for none."""

    since: Annotated[int, Meta(ge=0, lt=MAX_INT)] | None = None
    viewer: Viewer | None = None
    whole_lot: bool = False


@blueprint.post("/api/scan")
def scan() -> Response:
    """The verdict on `image` (multipart) or on {"text", "symbology"} (JSON), for whoever asks (Scan)."""
    if request.mimetype == "multipart/form-data":
        if claims_signature():
            request.get_data()  # kept whole: the signature covers it as it was sent, before the form is read
        sent = _form(Photo)
        who = asker(sent.viewer, sent.reads, sent.bought)
        return no_store(desk().check_photo(photo(), language(), who))
    code = asked(Scan, "multipart/form-data or application/json")
    who = asker(code.viewer, code.reads, code.bought)
    return no_store(desk().check_text(code.text, code.symbology, language(), who))


@blueprint.post("/api/evidence")
def evidence() -> Response:
    """The evidence about {"text", "symbology", "since", "viewer", "whole_lot"} as a proof file (verdict/evidence)."""
    sent = asked(Asked)
    who = asker(sent.viewer)
    proof = files.encode(desk().proof(desk().thing(sent.text, sent.symbology), sent.since, sent.whole_lot, who))
    answer = Response(proof, content_type="application/probatum.evidence+cbor")
    answer.headers["Cache-Control"] = "no-store"
    return answer


def photo() -> bytes:
    """The request's file `image`; Problem 400 without one."""
    image = request.files.get("image")
    if image is None:
        found = ", ".join(request.files) or "no file"
        raise Problem("image_missing", 400, "Send the photo as `image`.", expected="a file `image`", found=found)
    data: bytes = image.read()
    return data


def asked(kind: type[T], accepted: str = "application/json") -> T:
    """The JSON body as a `kind`, bounded; Problem 415, 413 or 400 naming the field that is wrong. Whoever
    signed it is proven first."""
    if request.mimetype != "application/json":
        found = request.mimetype or "no content type"
        raise Problem("content_type", 415, "Not a type this door reads.", expected=accepted, found=found)
    body = body_within(TEXT_LIMIT)
    if claims_signature():
        caller(body)
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as fault:
        raise _fields(kind, fault) from fault
    except (msgspec.DecodeError, UnicodeError, RecursionError) as fault:
        found = f"{body[:40]!r}: {fault}"[:200]
        raise Problem("not_json", 400, "The body is not JSON.", expected="one JSON object", found=found) from fault


def _form(kind: type[T]) -> T:
    """The fields of a form as a `kind`; Problem 400 naming the field that is wrong."""
    sent = {name: request.form[name] for name in kind.__struct_fields__ if name in request.form}
    try:
        return msgspec.convert(sent, kind, strict=False)
    except msgspec.ValidationError as fault:
        raise _fields(kind, fault) from fault


def _fields(kind: type[Struct], fault: Exception) -> Problem:
    expected, found = "the fields " + ", ".join(kind.__struct_fields__), str(fault)[:200]
    return Problem("fields", 400, "Not this door's fields.", expected=expected, found=found)


def body_within(limit: int) -> bytes:
    """The request's body, its length told beforehand or not; Problem 413 over `limit` bytes."""
    length, body = request.content_length, b""
    if length is None or length <= limit:
        request.max_content_length = limit + 1  # what comes in chunks is cut there without a word
        body = request.get_data()
        length = len(body)
    if length > limit:
        drain()
        found = f"{length} bytes"
        raise Problem("too_large", 413, "The body is too long.", expected=f"at most {limit} bytes", found=found)
    return body


def drain() -> None:
    """Read on for a while and keep nothing: to one who is still sending, a connection closed at once is reset, and the
    refusal is lost on its way."""
    left, source = DRAINED, request.environ["wsgi.input"]
    while left > 0 and (piece := source.read(min(left, 1 << 16))):
        left -= len(piece)


def no_store(body: dict[str, Any]) -> Response:
    """JSON that no cache may keep: a verdict is of its moment."""
    answer = Response(msgspec.json.encode(body), content_type="application/json")
    answer.headers["Cache-Control"] = "no-store"
    return answer
