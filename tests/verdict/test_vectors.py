"""Every row of vectors.json has the verdict it names; and the rows reach every reason that the judge can give today."""

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from verifier.identity import parse_text
from verifier.verdict import evidence as files
from verifier.verdict import trust as trusts
from verifier.verdict.judge import Question, judge
from verifier.verdict.reasons import REASONS
from verifier.verdict.verdict import plain, utc

FILE = Path(__file__).with_name("vectors.json")
VECTORS: dict[str, Any] = json.loads(FILE.read_text("utf-8"))
ROWS: list[dict[str, Any]] = VECTORS["rows"]
NOT_THE_JUDGES = {
    "foreign_link",  # said by the scanner, before there is anything to judge (tests/scanner/test_sighting.py)
    "several", "codes_differ", "left_out",  # of photos, not of packs (verdict/several, tests/verdict/test_several.py)
    "caution", "do_not_use", "unverified",  # the outcomes' own words, for what has no reason of its own
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_a_row_has_the_verdict_it_names(row: dict[str, Any]) -> None:
    asked = row["question"]
    question = Question(
        parse_text(asked["digital_link"]), asked["viewer"], asked["reads"], asked.get("member"), asked.get("bought")
    )
    believed = trusts.decode(json.dumps(VECTORS["trust"][row["trust"]]))
    try:
        evidence = None if row["evidence"] is None else files.decode(b64decode(VECTORS["evidences"][row["evidence"]]))
        found = judge(question, evidence, believed, row["now"])
    except ValueError:  # a file that cannot be read
        found = plain("broken_evidence", question.identity, row["now"], question.viewer)
    assert {"values": {}, **row["expect"]} == {
        "outcome": found.outcome,
        "reasons": list(found.reasons),
        "answers": dict(found.answers),
        "as_of": None if found.as_of is None else utc(found.as_of),
        "values": dict(found.values),
    }


def test_the_rows_reach_every_reason_there_is() -> None:
    reached = {code for row in ROWS for code in row["expect"]["reasons"]}
    assert reached == set(REASONS) - NOT_THE_JUDGES


def test_nothing_altered_is_genuine() -> None:
    kinds = ("flipped/", "cut/", "form/", "without/", "twice/", "backwards", "anothers", "nothing", "checkpoint/")
    altered = [row for row in ROWS if row["name"].startswith(kinds)]
    assert len(altered) > 40
    assert all(row["expect"]["outcome"] != "genuine" for row in altered)


def test_the_file_is_small_enough_to_carry_and_names_what_it_holds() -> None:
    assert FILE.stat().st_size < 1_000_000
    assert len(ROWS) >= 60
    assert len({row["name"] for row in ROWS}) == len(ROWS)
    assert {row["evidence"] for row in ROWS} - {None} == set(VECTORS["evidences"])
