"""GS1's own syntax engine, row by row: which door of ours takes a row, and whether what it says there agrees.

Free of pytest: whoever has the rows (gs1-syntax-engine's own tests as JSON: suite, input, accept,
engine_default_accept) can run them. Every row is judged. Where the engine's option and its default differ, the default
is the rule; where ours is another rule still, a row of DIFFERENCES says why, for every input that it fits.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from verifier.identity import Identity, IdentityError, digital_link, gs1, parse_text
from verifier.identity.ai import ITEMS, KEYS
from verifier.identity.text import BY_SYMBOLOGY, parse_scanned

Row = dict[str, Any]


def suite(row: Row) -> str:
    """The engine's own name of the function that the row tests."""
    return str(row["suite"]).removeprefix("test_")


def parse(row: Row) -> Identity:
    """What our door for such a row says; raises IdentityError."""
    return DOORS[suite(row)](row["input"])


def _link(text: str) -> Identity:
    return digital_link.parse(text, _hosts(text))


def _scanned(text: str) -> Identity:
    """Scan data begins with its symbology identifier; without one it is no better than typed."""
    identified = re.match(r"\][A-Za-z][0-9]", text)
    return parse_scanned(text[3:], text[:3], _hosts(text[3:])) if identified else parse_text(text)


def _hosts(uri: str) -> frozenset[str]:
    """The engine knows no hosts: here the link's own is a trusted one."""
    host = re.match("[A-Za-z]*://([^/]*)", uri)
    return frozenset({host[1].lower()} if host else ())


DOORS: dict[str, Callable[[str], Identity]] = {
    "parseDLuri": _link,
    "testProcessScanData": _scanned,
    "processAIdata": lambda text: gs1.parse(text.replace("^", gs1.SEPARATOR)),
    "parseAIdata": parse_text,
    "validateAIs": parse_text,
}


def refusal(row: Row) -> str | None:
    """The code of our refusal, None where we accept."""
    try:
        parse(row)
    except IdentityError as refused:
        return refused.code
    return None


@dataclass(frozen=True, slots=True)
class Difference:
    """A rule of ours that is not the engine's: why, the rows it is about, and the refusal codes it allows them."""

    why: str
    fits: Callable[[Row], bool]
    allows: Callable[[Row], frozenset[str | None]]


def _ais(row: Row) -> list[str]:
    return re.findall(r"\(([0-9]+)\)", row["input"])


def _names_one_thing(row: Row) -> bool:
    return any(ai in KEYS for ai in _ais(row)) and sum(ai in ITEMS for ai in _ais(row)) < 2


def _plain_data(row: Row) -> bool:
    carrier, data = row["input"][:3], row["input"][3:]
    claims = carrier in gs1.SYMBOLOGIES or carrier in BY_SYMBOLOGY or re.match("https?://", data, re.IGNORECASE)
    return suite(row) == "testProcessScanData" and carrier[:1] == "]" and len(carrier) == 3 and not claims


DIFFERENCES = (
    Difference(
        "an AI is never said twice, not even with one value: two readers could keep another of the two",
        lambda row: suite(row) == "validateAIs" and len(set(_ais(row))) < len(_ais(row)),
        lambda _: frozenset({"ai_twice"}),
    ),
    Difference(
        "which AIs need or exclude which is judged over every symbol of a thing (Syntax Dictionary), not over one",
        lambda row: suite(row) == "validateAIs" and not row["accept"] and row["engine_default_accept"],
        lambda row: frozenset({None}) if _names_one_thing(row) else frozenset({"no_key", "two_keys"}),
    ),
    Difference(
        "data that is not GS1's is data to the engine, and names no thing here",
        _plain_data,
        lambda row: frozenset({"not_gs1" if row["input"][3:] else "empty"}),
    ),
    Difference(
        "a composite is two symbols: our readers give each alone, and a message that glues them is refused",
        lambda row: suite(row) == "testProcessScanData" and "|]e0" in row["input"],
        lambda _: frozenset({"charset"}),
    ),
)


def difference(row: Row) -> Difference | None:
    """The rule of ours by which this row is judged, None where it is the engine's."""
    return next((one for one in DIFFERENCES if one.fits(row)), None)


def agrees(row: Row, code: str | None) -> bool:
    """Whether our refusal (None: accepted) is what the engine says, or what our own rule says instead."""
    ours = difference(row)
    if ours is not None:
        return code in ours.allows(row)
    return (code is None) == (row["accept"] and bool(row["engine_default_accept"]))
