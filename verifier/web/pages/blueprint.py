"""What every page shares: the blueprint, the words of the request's language, and what the pages ask of the house."""

import re
from pathlib import Path
from typing import Any, Protocol, cast

from flask import Blueprint, Response, current_app, request, url_for

from verifier.web import words
from verifier.web.desk import ANYBODY, Asker
from verifier.web.words import language


class Checks(Protocol):
    """What the pages ask of the house, found at `app.extensions["probatum"]` (web/desk)."""

    @property
    def demo_folder(self) -> Path:
        """Where the images named by `demo()` are."""

    @property
    def authority(self) -> bytes | None:
        """The certificate (DER) that phones of the local network trust; None unless they are served."""

    @property
    def lan_port(self) -> int:
        """The port of https on the local network."""

    def check_photo(self, data: bytes, lang: str, asker: Asker = ANYBODY) -> dict[str, Any]:
        """The verdict on the code in a photo, as verdict.to_json gives it; any fault is one that problem.of knows."""

    def check_text(self, text: str, symbology: str | None, lang: str, asker: Asker = ANYBODY) -> dict[str, Any]:
        """The verdict on a typed code, likewise."""

    def demo(self) -> list[dict[str, Any]]:
        """The demo images in the order to show them: `file`, and `outcome` with `reasons` where something is read."""


OUTSIDE = re.compile(r"https://([A-Za-z0-9.-]{1,253})(?::[0-9]{1,5})?(?:[/?#][!-\[\]-~]*)?")
Again = tuple[str, dict[str, str]]
ASKED = ("first", "bought")  # what a person says beside a code: that they read it before, where it was bought

pages = Blueprint("pages", __name__)


def checks() -> Checks:
    """The application's checks."""
    return cast(Checks, current_app.extensions["probatum"])


def again(text: str | None) -> Again | None:
    """Where, and with what fields, this answer can be had in the other language; None where a photo would be needed."""
    if request.method != "POST" and request.blueprint != "resolver":  # a Digital Link is not to be written anew
        return None
    if request.endpoint == "pages.check":
        return request.path, {}
    if not text:
        return None
    if request.blueprint == "ledger":
        return url_for("ledger.check"), {"text": text}
    asked = {name: request.form[name] for name in ASKED if name in request.form}
    return url_for("pages.scan"), {"text": text, **asked}


def outside(link: str | None) -> tuple[str, str] | None:
    """A link out of here as (host, link), to be shown by its host; None for one whose host a browser and we could read
    differently.

    >>> outside("https://leaflet.example/1"), outside("https://known.example\\\\@elsewhere.example/")
    (('leaflet.example', 'https://leaflet.example/1'), None)
    """
    found = OUTSIDE.fullmatch(link) if link else None
    return (found[1].lower(), found[0]) if found else None


@pages.app_context_processor
def vocabulary() -> dict[str, Any]:
    """What every template may say: `t(key)`, and the words of dates and of keys that data names."""
    lang = language()
    return {
        "lang": lang,
        "languages": words.LANGUAGES,
        "t": lambda key, **values: words.text(key, lang, **values),
        "either": lambda key, fallback, **values: words.either(key, fallback, lang, **values),
        "typeset": lambda text: words.typeset(text, lang),
        "date": lambda day: words.date(day, lang),
        "number": lambda count: words.number(count, lang),
        "moment": lambda instant: words.moment(instant, lang),
        "sentences": words.sentences,
        "callable": words.callable_numbers,
        "outside": outside,
    }


@pages.after_request
def finish(response: Response) -> Response:
    """A verdict is never cached: yesterday's green must not answer today. The language asked for is remembered."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["Content-Language"] = language()
    response.vary.update(("Accept-Language", "Cookie"))
    if request.args.get("lang") in words.LANGUAGES:
        response.set_cookie(words.COOKIE, language(), max_age=31_536_000, httponly=True, samesite="Lax")
    return response
