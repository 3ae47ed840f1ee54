"""The vectors, made anew from a house of today: they reach every reason that a judge gives, for every viewer."""

from collections import defaultdict

import pytest
from house import House
from verdict.make_vectors import expected, rows_of, vectors
from verdict.test_vectors import NOT_THE_JUDGES

from verifier.verdict.reasons import REASONS, words
from verifier.verdict.viewers import VIEWERS

EVERYBODYS = {
    "genuine", "gap", "disputed", "cold", "stolen", "destroyed", "expired", "recall_patient", "recall_pharmacy",
    "withdrawn", "key_compromised", "unknown", "not_registered",
}  # fmt: skip
"""What each viewer is told of the very same packs."""


@pytest.fixture(scope="module")
def reached(demo_house: House) -> dict[str, set[str]]:
    """Viewer -> the reasons that some row gives them."""
    found = defaultdict(set)
    rows = list(rows_of(demo_house))
    assert len({row.name for row in rows}) == len(rows)
    for row in rows:
        found[row.viewer] |= set(expected(row).reasons)
    assert len(vectors(rows)["rows"]) == len(rows)
    return found


def test_every_reason_is_reached(reached: dict[str, set[str]]) -> None:
    assert set().union(*reached.values()) == set(REASONS) - NOT_THE_JUDGES


@pytest.mark.parametrize("viewer", VIEWERS)
def test_every_viewer_is_reached_by_what_is_everybodys(reached: dict[str, set[str]], viewer: str) -> None:
    assert reached[viewer] >= EVERYBODYS
    for code in reached[viewer]:
        assert all(words(code, language, viewer)["next_step"] for language in ("fr", "en"))


def test_what_is_not_everybodys(reached: dict[str, set[str]]) -> None:
    told_to = {
        code: {viewer for viewer in VIEWERS if code in reached[viewer]}
        for code in ("dispensed", "elsewhere", "dispensed_here", "mismatch", "not_recorded", "not_recorded_online")
    }
    assert told_to == {
        "dispensed": {"patient", "ward", "theatre"},
        "elsewhere": {"pharmacy", "dock"},
        "dispensed_here": {"pharmacy", "dock"},
        "mismatch": {"ward", "theatre", "pharmacy", "dock"},
        "not_recorded": {"patient"},
        "not_recorded_online": {"patient"},
    }
