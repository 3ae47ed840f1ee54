"""When there is no verdict: what happened and what to do, in the same shell. A problem's words are found by its code
(the end of problem+json's `type`), else by its HTTP status; `/problems/<code>` is the page that `type` names."""

from flask import Response, make_response, render_template, request
from werkzeug.exceptions import HTTPException

from verifier.web import words
from verifier.web.pages.blueprint import again, pages
from verifier.web.problem import of
from verifier.web.typed import TOLD

BY_STATUS = {404: "not_found", 413: "too_large", 415: "not_an_image", 422: "malformed", 503: "store_down"}
# Problems of what was sent: the page offers to send it again.
SENT = {"nothing_read", "empty", "malformed", "check_digit", "not_gs1", *TOLD}
PHOTO = {"not_an_image", "truncated", "too_large", "too_many_pixels"}
OUTAGE = 503
KEPT = 2000  # characters of typed text put back into the form


def words_of(code: str, status: int) -> str:
    """The code whose words explain a problem.

    >>> words_of("nothing_read", 422), words_of("ai_twice", 422), words_of("teapot", 418), words_of("x", 502)
    ('nothing_read', 'malformed', 'refused', 'internal')
    """
    if f"problem.{code}.title" in words.WORDS:
        return code
    return BY_STATUS.get(status, "refused" if status < 500 else "internal")


@pages.errorhandler(Exception)
def failed(fault: Exception) -> Response:
    """A page, unless a program asks one of these addresses and says so."""
    return of(fault).response() if prefers_json() else explain(fault)


def explain(fault: Exception) -> Response:
    """The page of whatever went wrong, with what was typed kept for correcting."""
    problem = of(fault)
    code = words_of(problem.type_code, problem.status)
    kept = typed()
    page = render_template(
        "problem.html",
        code=code,
        status=problem.status,
        problem=problem,
        typed=kept,
        retry=code in SENT | PHOTO or (request.method == "POST" and problem.status == OUTAGE),
        again=again(kept),
    )
    response = make_response(page, problem.status)
    response.headers.update(problem.headers())
    return response


def prefers_page() -> bool:
    """Whether the asker is a browser, which names text/html, rather than a program; errors outside these pages ask."""
    accept = request.accept_mimetypes
    return accept.quality("text/html") > accept.quality("application/problem+json")


def prefers_json() -> bool:
    """Whether the asker named JSON before text/html."""
    accept = request.accept_mimetypes
    return max(map(accept.quality, ("application/json", "application/problem+json"))) > accept.quality("text/html")


@pages.get("/problems/<code>")
def described(code: str) -> str:
    """What a problem's `type` means. The code itself is not repeated: an address must not word our pages."""
    return render_template("problem.html", code=words_of(code, 400), status=None, problem=None, typed="", retry=False)


def typed() -> str:
    """What was typed, to be put back into the form; nothing where the form itself cannot be read."""
    try:
        return request.form.get("text", "")[:KEPT] if request.method == "POST" else ""
    except HTTPException:  # the body itself was refused: over the limit, or cut short
        return ""
