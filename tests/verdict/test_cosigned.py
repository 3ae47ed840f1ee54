"""What a policy with witnesses asks of the checkpoint: who cosigned it, and how lately."""

from dataclasses import replace
from typing import Any

import pytest
from forge import Case, Forger, trust
from house import House
from verdict.make_vectors import Row, _witnessed, expected

from verifier.verdict import evidence as files
from verifier.verdict.verdict import Verdict, to_json

GENUINE, REFUSED, UNREACHED = ("genuine", "not_recorded"), ("broken_evidence",), ("witnesses_unreached",)
EXPECTED = {
    "by-all": (GENUINE, 3),
    "by-two": (GENUINE, 2),
    "by-one": (REFUSED, None),
    "by-none": (REFUSED, None),
    "by-one-twice": (REFUSED, None),
    "by-two-in-another-order": (GENUINE, 2),
    "by-a-stranger-too": (("unknown_witnesses",), 2),
    "one-of-another-tree": (REFUSED, None),
    "at-its-age": (GENUINE, 2),
    "past-its-age": (UNREACHED, 2),
    "one-fresh-and-one-old": (UNREACHED, 2),
    "one-old-of-three": (GENUINE, 3),
}
"""The reasons, and how many witnesses are counted; None where the checkpoint is not believed."""


@pytest.fixture(scope="module")
def found(demo_house: House, cases: dict[str, Case]) -> dict[str, Verdict]:
    def row(name: str, case: Case, evidence: Any, **changes: Any) -> Row:
        now = demo_house.clock()
        return replace(Row(name, case.identity, files.encode(evidence), trust(demo_house), now), **changes)

    rows = _witnessed(row, cases["active"], trust(demo_house), demo_house.clock(), Forger(demo_house))
    return {row.name.removeprefix("cosigned/"): expected(row) for row in rows}


def test_every_row_is_expected(found: dict[str, Verdict]) -> None:
    assert found.keys() == EXPECTED.keys()


@pytest.mark.parametrize("name", EXPECTED)
def test_who_cosigned_and_when(found: dict[str, Verdict], name: str) -> None:
    one = found[name]
    told = to_json(one, "en")["ledger"]
    assert (one.reasons, told and told["witnesses"]) == EXPECTED[name]
    assert told is None or told["policy"] == "hospitals"


def test_witnesses_unreached_is_no_word_against_the_box(found: dict[str, Verdict]) -> None:
    told = to_json(found["past-its-age"], "fr")
    assert (told["outcome"], set(told["answers"].values())) == ("unverified", {"unknown"})
    assert told["reasons"][0]["headline"] == "Témoins injoignables"
