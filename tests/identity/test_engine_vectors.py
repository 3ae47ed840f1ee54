"""GS1's own syntax engine: its verdicts on element strings and Digital Links, and the rows where ours differ by rule.

Not judged here: zero-suppressed GTINs, unknown AIs in links and convenience names, which the engine also refuses
unless an option says otherwise, are judged by that default; retail codes and plain text, which no FNC1 begins, come
to this room through `parse_text` only.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from verifier.identity import Identity, IdentityError, digital_link, gs1, parse_text
from verifier.identity.ai import KEYS, TABLE

pytestmark = pytest.mark.interop
Row = dict[str, Any]
# Why a row that the engine accepts is refused here, or the reverse.
DIFFERENCES = {
    # The engine lets an AI be repeated with the same value; we never let one be said twice.
    "(400)ABC(99)DEF(400)ABC": "ai_twice",
    "(99)ABC(400)XYZ(400)XYZ": "ai_twice",
    # An AI that GS1 has not assigned is kept, the engine has no such notion outside links.
    "(01)12345678901231(3333)333333(3338)030333": None,
    # Which AIs need which others is judged over every symbol of a thing (Syntax Dictionary), not over one.
    "(01)12345678901231(250)ABC123": None,
    "(8030)DIGSIG(01)12345678901231": None,
    "(8030)DIGSIG(8010)1234567890": None,
    "(253)1234567890128(8030)ABC123": None,
}


def parse(row: Row) -> Identity:
    suite, text = row["suite"].removeprefix("test_"), row["input"]
    if suite == "testProcessScanData" and text[:3] in gs1.SYMBOLOGIES:
        return gs1.parse(text)
    if suite in ("parseDLuri", "testProcessScanData"):
        uri = re.sub(r"^\][dQ]1", "", text)
        host = re.match("[A-Za-z]*://([^/]*)", uri)
        return digital_link.parse(uri, frozenset({host[1].lower()} if host else ()))
    return gs1.parse(text.replace("^", gs1.SEPARATOR)) if suite == "processAIdata" else parse_text(text)


def judged(row: Row) -> bool:
    scanned = row["suite"] != "test_testProcessScanData" or row["input"][:3] in gs1.SYMBOLOGIES
    return scanned or re.match(r"\][dQ]1https?://", row["input"], re.IGNORECASE) is not None


def refusal(row: Row) -> str | None:
    try:
        parse(row)
    except IdentityError as refused:
        return refused.code
    return None


def agrees(row: Row, code: str | None) -> bool:
    if row["input"] in DIFFERENCES:
        return code == DIFFERENCES[row["input"]]
    return (code is None) == (row["accept"] and bool(row["engine_default_accept"]))


@pytest.fixture(scope="module")
def rows(vectors: Path) -> list[Row]:
    rows = json.loads((vectors / "vectors/gs1/engine_vectors.json").read_bytes())
    return [row for row in rows if judged(row)]


def test_rows(rows: list[Row]) -> None:
    codes = [refusal(row) for row in rows]
    wrong = [(row, code) for row, code in zip(rows, codes, strict=True) if not agrees(row, code)]
    assert not wrong
    assert len(rows) > 150
    assert codes.count("no_key") < 30


def test_what_was_read_is_what_the_engine_read(rows: list[Row]) -> None:
    links = [row for row in rows if row["suite"] == "test_parseDLuri" and row["accept"] and row["engine_out"][0] == "("]
    assert len(links) > 25
    for row in links:
        read = parse(row)
        theirs = re.findall(r"\(([0-9]+)\)([^(]*)", row["engine_out"])
        assert sorted(read.elements) == sorted(theirs), row["input"]


def test_our_tables_are_the_dictionary_s(vectors: Path) -> None:
    lines = (vectors / "vectors/gs1/gs1-syntax-dictionary.txt").read_text("utf-8").splitlines()
    seen = 0
    for line in (line for line in lines if line and not line.startswith("#")):
        span, flags, rules = line.split(maxsplit=1)[0], line[11:14], line[14:].partition(" #")[0]
        first, _, last = span.partition("-")
        for ai in (str(number).zfill(len(first)) for number in range(int(first), int(last or first) + 1)):
            seen += 1
            key = re.search(r"dlpkey(?:=(\S+))?", rules)
            ways = tuple(tuple(way.split(",")) for way in key[1].split("|")) if key and key[1] else ()
            assert KEYS.get(ai) == (ways if key else None), ai
            assert (ai in digital_link.NOT_ATTRIBUTES) == ("?" not in flags), ai
            assert (TABLE[ai].length is not None) == ("*" in flags), ai
            assert (TABLE[ai].digits is not None) == (re.search(r"csum\b", rules) is not None), ai
            assert [zero for _, zero in TABLE[ai].dates] == [d == "0" for d in re.findall(r"\byymmd([0d])", rules)], ai
    assert seen == len(TABLE)
