"""GS1's own syntax engine, row by row: which door of ours takes a row, and whether what it says there agrees.

Where the engine's option and its default differ, the default is the rule. Where ours is another rule still, DIFFERENCES
names it, knows the rows it is about and the refusals it allows them; docs/conformance.md argues it. A link that both
accept must also say the same elements.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.rows import Row as Judged
from conformance.rows import Source, files
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
    """A rule of ours that is not the engine's: its name, the rows it is about, the refusal codes it allows them."""

    name: str
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
        "said_twice",
        lambda row: suite(row) == "validateAIs" and len(set(_ais(row))) < len(_ais(row)),
        lambda _: frozenset({"ai_twice"}),
    ),
    Difference(
        "one_symbol",
        lambda row: suite(row) == "validateAIs" and not row["accept"] and row["engine_default_accept"],
        lambda row: frozenset({None}) if _names_one_thing(row) else frozenset({"no_key", "two_keys"}),
    ),
    Difference(
        "plain_data",
        _plain_data,
        lambda row: frozenset({"not_gs1" if row["input"][3:] else "empty"}),
    ),
    Difference(
        "composite",
        lambda row: suite(row) == "testProcessScanData" and "|]e0" in row["input"],
        lambda _: frozenset({"charset"}),
    ),
)


def difference(row: Row) -> Difference | None:
    """The rule of ours by which this row is judged, None where it is the engine's."""
    return next((one for one in DIFFERENCES if one.fits(row)), None)


def _rows(folder: Path) -> Iterator[Row]:
    for path in files(folder, "engine_vectors.json"):
        yield from json.loads(path.read_bytes())


def _judge(folder: Path) -> Iterator[Judged]:
    for row in _rows(folder):
        accepted = row["accept"] and bool(row["engine_default_accept"])
        expected, found, kind = "accepted" if accepted else "refused", *_said(row)
        if accepted and found == "accepted" and suite(row) == "parseDLuri" and row["engine_out"][:1] == "(":
            expected, found, kind = f"read {_theirs(row)}", f"read {sorted(parse(row).elements)}", "elements"
        yield Judged(f"{suite(row)} {row['input']}", expected, found, kind)


def _said(row: Row) -> tuple[str, str]:
    """Whether we accept; and the rule of ours that says so where one fits, which allows no other refusals."""
    code, rule = refusal(row), difference(row)
    if rule is None:
        return "accepted" if code is None else "refused", code or "accepted"
    if code not in rule.allows(row):
        return f"refused as {code}" if code else "accepted", f"not by {rule.name}"
    return "accepted" if code is None else "refused", rule.name


def _theirs(row: Row) -> list[tuple[str, str]]:
    return sorted(re.findall(r"\(([0-9]+)\)([^(]*)", row["engine_out"]))


SOURCE = Source("gs1 engine", "vectors/gs1", lambda folder: sum(1 for _ in _rows(folder)), _judge)
