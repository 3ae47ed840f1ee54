"""The pages' words, in French and English. Only what a person reads stands here, and what chooses its language;
a verdict's own words stand in verdict/reasons.json. No template words anything itself.

>>> text("outcome.caution", "en")
'Caution'
>>> date("2027-12-31", "fr")
'31 décembre 2027'
"""

import json
import re
from datetime import date as Day  # noqa: N812 - `date` here is a day in words
from functools import lru_cache
from importlib.resources import files

from flask import g, request
from markupsafe import Markup, escape
from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

from verifier.identity import expires_on

LANGUAGES = ("fr", "en")
COOKIE = "lang"

WORDS: dict[str, dict[str, str]] = json.loads(files("verifier.web").joinpath("words.json").read_text("utf-8"))


def text(key: str, language: str, **values: object) -> str:
    """The words of `key`, with `{name}` filled from `values`. An unknown key is a KeyError: tests read every template.

    >>> text("proof.index_of", "en", index=17, size=42)
    'no. 17 of 42'
    """
    return typeset(WORDS[key][language].format(**values), language)


def either(key: str, fallback: str, language: str, **values: object) -> str:
    """As `text`, where data names the key and may name one that has no words yet.

    >>> either("ai.21", "ai.other", "en", ai="21"), either("ai.99", "ai.other", "en", ai="99")
    ('Serial number', 'Element 99')
    """
    return text(key if key in WORDS else fallback, language, **values)


def typeset(words: str, language: str) -> str:
    """Curly apostrophes; in French the no-break spaces that keep `:`, `;`, `?`, `!` and quotes on their line.

    >>> typeset("N'arrêtez pas : appelez", "fr")
    'N’arrêtez pas\\xa0: appelez'
    """
    words = words.replace("'", "’")
    if language == "fr":
        words = re.sub(r" (?=[:;?!»])|(?<=«) ", "\N{NO-BREAK SPACE}", words)
    return words


def language() -> str:
    """The language of the request being answered, chosen once."""
    if "language" not in g:
        accepted = _accepted(request.headers.get("Accept-Language", "")[:200])
        asked = request.args.get("lang") if request.query_string else None
        remembered = request.cookies.get(COOKIE) if "Cookie" in request.headers else None
        g.language = choose(asked, remembered, accepted)
    return str(g.language)


@lru_cache(maxsize=256)
def _accepted(header: str) -> LanguageAccept:
    """Accept-Language, parsed once for each browser's way of saying it."""
    return parse_accept_header(header, LanguageAccept)


def choose(asked: str | None, remembered: str | None, accepted: LanguageAccept) -> str:
    """The language of a page: `?lang=`, else the cookie, else Accept-Language. A browser that names neither French
    nor English reads English; one that names nothing, French.

    >>> choose(None, "en", LanguageAccept([("fr", 1)]))
    'en'
    >>> choose("xx", None, LanguageAccept([("de", 1)])), choose(None, None, LanguageAccept([]))
    ('en', 'fr')
    """
    # Not best_match: for it "fr;q=0.5" beats "en-GB;q=1", since only the former is one of ours exactly.
    wishes = [asked or "", remembered or "", *(tag.partition("-")[0].lower() for tag in accepted.values())]
    return next((wish for wish in wishes if wish in LANGUAGES), "en" if accepted else "fr")


def date(day: str, language: str) -> str:
    """An ISO day (YYYY-MM-DD) in words; anything else comes back as it is, since it stands on somebody's box.

    >>> date("2026-11-01", "en"), date("soon", "en")
    ('1 November 2026', 'soon')
    """
    found = re.fullmatch(r"([0-9]{4})-(0[1-9]|1[0-2])-([0-9]{2})", day)
    if found is None:
        return day
    year, month, number = found.groups()
    return text("date.day", language, day=int(number), month=text(f"month.{int(month)}", language), year=year)


def expiry(printed: str, today: Day, language: str) -> str:
    """A pack's YYMMDD in words, as boxes say it: without a day where the code has none (day 00).

    >>> expiry("271231", Day(2026, 11, 24), "en"), expiry("271200", Day(2026, 11, 24), "fr")
    ('31 December 2027', 'décembre 2027')
    """
    last = expires_on(printed, today)
    if not printed.endswith("00"):
        return date(last.isoformat(), language)
    return text("date.month", language, month=text(f"month.{last.month}", language), year=last.year)


def moment(instant: str, language: str) -> str:
    """An RFC 3339 instant in UTC (2026-11-24T10:00:00Z) in words.

    >>> moment("2026-11-24T10:00:00Z", "fr")
    '24 novembre 2026 à 10:00 UTC'
    """
    day, _, clock = instant.partition("T")
    return text("date.moment", language, date=date(day, language), clock=clock[:5]) if clock else date(day, language)


def number(count: int, language: str) -> str:
    """A whole number, its thousands apart: by a narrow no-break space in French.

    >>> number(1234567, "en"), number(1234567, "fr")
    ('1,234,567', '1\\u202f234\\u202f567')
    """
    grouped = f"{count:,}"
    return grouped.replace(",", "\N{NARROW NO-BREAK SPACE}") if language == "fr" else grouped


def joined(parts: list[str], language: str) -> str:
    """Several things in a row, as they are said.

    >>> joined(["2 hôpitaux sur 3", "l'autorité"], "fr")
    "2 hôpitaux sur 3 et l'autorité"
    """
    return ", ".join(parts[:-1]) + f" {WORDS['and'][language]} " * (len(parts) > 1) + "".join(parts[-1:])


def sentences(words: str) -> list[str]:
    """The sentences of a next step, so that the first can stand out.

    >>> sentences("Don't use this box; keep it. Call now.")
    ["Don't use this box; keep it.", 'Call now.']
    """
    return re.split(r"(?<=\.)\s+", words.strip())


def callable_numbers(words: str) -> Markup:
    """A next step whose emergency numbers can be tapped; everything else is escaped.

    >>> callable_numbers("Unwell? 112.")
    Markup('Unwell? <a class="tel" href="tel:112">112</a>.')
    """
    linked = re.sub(r"(?<!\d)(15|112)(?!\d)", r'<a class="tel" href="tel:\1">\1</a>', str(escape(words)))
    return Markup(linked)  # noqa: S704 - escaped above; only the two numbers became links
