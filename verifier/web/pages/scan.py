"""`/`: a photo or a typed code in, the verdict out. Its page shows the JSON of every door, and nothing else."""

import shlex
from datetime import date
from typing import Any

from flask import render_template, request

from verifier.identity import Identity, parse_text
from verifier.verdict.findings import ONLINE
from verifier.web.desk import Asker
from verifier.web.pages.blueprint import again, checks, pages
from verifier.web.problem import Problem
from verifier.web.typed import perhaps_caps_lock
from verifier.web.words import expiry, language

UNKNOWN = ("unknown", "unknown_confirmed")
TYPED_LIMIT = 16_384  # characters; no code is this long, and an urlencoded form has no limit of its own
# All that a pack's printed link repeats, beside its signature: a code that says more cannot be asked again by its link
# without losing some.
REPEATABLE = {"(01)", "(10)", "(17)", "(21)"}
# Reasons that several codes of one photo give together: the page then explains none of them, and shows a card of each.
TOGETHER = ("several", "codes_differ")
PRINTED = ("01", "17", "10", "21")  # the order of our labels, and of many boxes


@pages.get("/")
def home() -> str:
    """The one large action, and typed entry."""
    return render_template("home.html")


@pages.post("/")
def scan() -> str:
    """The verdict on the form's `image` or `text`."""
    text, lot = request.form.get("text", "").strip(), request.form.get("lot", "")
    data = next((photo for file in request.files.getlist("image") if (photo := file.read())), b"")
    if len(text) + len(lot) > TYPED_LIMIT:
        found = f"{len(text) + len(lot)} characters"
        raise Problem("too_large", 413, "Too long.", expected=f"at most {TYPED_LIMIT} characters", found=found)
    first = request.form.get("first")
    asker = Asker(reads=2 if first else 1, bought=_bought(), first=first)
    if data:
        return verdict_page(checks().check_photo(data, language(), asker))
    text = with_lot(text, lot) if lot.strip() else text
    if text:
        return verdict_page(checks().check_text(text, None, language(), asker), text)
    raise Problem("empty", 422, "The form is empty.", expected="a photo or a text", found="neither")


def with_lot(text: str, lot: str) -> str:
    """The text of a box whose lot somebody read off it; raises IdentityError. Blanks in it only space it out, and who
    typed no capital at all used a phone's small letters: a lot missed by its case would hide its recall.

    >>> with_lot("03400930000120", " ab 12(c "), with_lot("(01)03400930000120", "aB")
    ('(01)03400930000120(10)AB12\\\\(C', '(01)03400930000120(10)aB')
    """
    lot = "".join(lot.split())
    return typed(Identity((*parse_text(text).elements, ("10", lot.upper() if lot == lot.lower() else lot))))


def typed(identity: Identity) -> str:
    """The text by which the same verdict can be asked for again: every element of it."""
    return "".join(f"({ai}){value.replace('(', chr(92) + '(')}" for ai, value in identity.elements)


def verdict_page(verdict: dict[str, Any], text: str | None = None, from_file: bool = False) -> str:
    """The page of a verdict as JSON (verdict.to_json): its gravest reason fills the first screen. `text` is the text
    it was asked with, if it was; `from_file`: it was judged from a file that somebody brought, and nothing was asked of
    the register, nor is to be by a form of the page."""
    cards = _cards(verdict) if verdict["others"] else []
    identity = None if verdict["reasons"][0]["code"] in TOGETHER else verdict["identity"]
    human = sorted(identity["human"], key=lambda row: _printed(row[0])) if identity else []
    link = identity["printed_link"] if identity else None
    repeated = None if from_file else text or (_repeated(identity) if identity and not cards else None)
    today = date.fromisoformat(verdict["checked_at"][:10])
    rows = [
        (ai, value, expiry(value, today, language()) if ai == "17" else None)
        for label, value in human
        for ai in [label.strip("()")]
    ]
    return render_template(
        "verdict.html",
        verdict=verdict,
        reason=verdict["reasons"][0],
        rows=rows,
        facts=[(ai, reading or value) for ai, value, reading in rows if ai in ("10", "17")],
        cards=cards,
        caps_lock=text is not None and any(row["code"] in UNKNOWN for row in verdict["reasons"]) and _small(verdict),
        of_one=identity is not None or not cards,
        from_file=from_file,
        again=again(repeated),
        asking=repeated,
        code=shlex.quote(link) if link and verdict["ledger"] else None,
        ask_lot=link if identity and asks_lot(verdict) and not from_file else None,
        lot_clear=next((row for row in verdict["reasons"] if row["code"] == "lot_not_recalled"), None),
        server=shlex.quote(request.host_url.rstrip("/")),
    )


def asks_lot(verdict: dict[str, Any]) -> bool:
    """Whether a lot would say more: nothing is wrong, and the box carries neither serial nor lot."""
    codes = {row["code"] for row in verdict["reasons"]}
    return verdict["outcome"] == "unverified" and "no_serial" in codes and not verdict["identity"]["batch"]


def _cards(verdict: dict[str, Any]) -> list[dict[str, Any]]:
    """A card for each thing of the photo, gravest first: its own gravest reason, its print, and how to ask it alone."""
    own = [reason for reason in verdict["reasons"] if reason["code"] not in TOGETHER]
    return [
        {
            "reason": reason,
            "human": sorted(one["identity"]["human"], key=lambda row: _printed(row[0])) if one["identity"] else [],
            "product": one["identity"]["product"] if one["identity"] else None,
            "text": _repeated(one["identity"]) if one["identity"] else None,
        }
        for one, reason in [(verdict, own[0]), *((other, other["reasons"][0]) for other in verdict["others"])]
    ]


def _repeated(identity: dict[str, Any]) -> str | None:
    """The text that asks for this identity again and says all of it: its link, or its elements in brackets where the
    link would leave some out; None for a signature beside such elements, which neither holds."""
    if {label for label, _ in identity["human"]} <= REPEATABLE:
        return str(identity["printed_link"])
    if identity["printed_link"] != identity["digital_link"]:
        return None
    return "".join(label + value.replace("(", "\\(") for label, value in identity["human"])


def _small(verdict: dict[str, Any]) -> bool:
    return perhaps_caps_lock(verdict["identity"]["serial"])


def _bought() -> str | None:
    """Where the person says they bought it, if the pages ask about it."""
    return ONLINE if request.form.get("bought") == ONLINE else None


def _printed(label: str) -> int:
    ai = label.strip("()")
    return PRINTED.index(ai) if ai in PRINTED else len(PRINTED)
