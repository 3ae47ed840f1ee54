"""GS1's own syntax engine: its verdicts on element strings, links and scan data (engine_rows), every row judged."""

import json
import re
from pathlib import Path

import pytest
from identity.engine_rows import DIFFERENCES, DOORS, Row, agrees, difference, parse, refusal, suite

from verifier.identity import digital_link
from verifier.identity.ai import KEYS, TABLE

pytestmark = pytest.mark.interop


@pytest.fixture(scope="module")
def rows(vectors: Path) -> list[Row]:
    rows: list[Row] = json.loads((vectors / "vectors/gs1/engine_vectors.json").read_bytes())
    assert len(rows) >= 185
    return rows


@pytest.mark.parametrize("name", DOORS)
def test_every_row_is_judged_and_agrees(rows: list[Row], name: str) -> None:
    mine = [row for row in rows if suite(row) == name]
    assert len(mine) > 10
    wrong = [(row, code) for row in mine if not agrees(row, code := refusal(row))]
    assert not wrong


def test_no_row_is_left_out(rows: list[Row]) -> None:
    assert {suite(row) for row in rows} == set(DOORS)


def test_what_differs_is_argued_and_little(rows: list[Row]) -> None:
    argued = [one for row in rows if (one := difference(row)) is not None]
    assert set(argued) == set(DIFFERENCES), "a rule that fits no row is no rule"
    assert len(argued) < 35
    assert [refusal(row) for row in rows].count("no_key") < 40


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
