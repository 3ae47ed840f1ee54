"""Several verdicts become one answer: never better than its worst, never green, and nothing of any is lost."""

from itertools import permutations
from typing import Any

import pytest

from verifier.verdict.reasons import LANGUAGES, OUTCOMES, REASONS
from verifier.verdict.several import together
from verifier.verdict.verdict import compose, plain, to_json
from verifier.verdict.viewers import VIEWERS

NOW = 1_790_000_000
YES = {"what": "yes", "hands": "yes", "use": "yes"}
SIGNS = (("several",), ("codes_differ",), ("codes_differ", "several"))


def verdict(code: str, language: str = "en", viewer: str = "patient") -> dict[str, Any]:
    return to_json(compose({code}, YES, None, NOW, viewer=viewer, values={"time": "10:00"}), language)


def codes(one: dict[str, Any]) -> list[str]:
    return [reason["code"] for reason in one["reasons"]]


@pytest.mark.parametrize("signs", SIGNS)
@pytest.mark.parametrize("one", REASONS)
def test_beside_a_genuine_pack_it_is_never_green_nor_milder(one: str, signs: tuple[str, ...]) -> None:
    if one in ("several", "codes_differ"):
        return
    for pair in permutations((verdict(one), verdict("genuine"))):
        found = together(pair, signs, "en")
        gravest = max(OUTCOMES.index(REASONS[code].outcome) for code in (one, *signs))
        assert found["outcome"] == OUTCOMES[gravest] == found["reasons"][0]["outcome"]
        assert set(signs) < set(codes(found))
        assert found["answers"]["use"] == ("no" if found["outcome"] == "do_not_use" else "unknown")
        assert found["answers"]["what"] != "yes"
        (other,) = found["others"]
        assert {codes(other)[0]} | set(codes(found)) == {one, "genuine", *signs}


def test_the_others_stand_gravest_first_and_unchanged() -> None:
    each = [verdict(code) for code in ("genuine", "expired", "no_serial", "recall_patient", "unknown")]
    found = together(each, ("several",), "en")
    assert [codes(one) for one in (found, *found["others"])] == [
        ["recall_patient", "several"], ["expired"], ["unknown"], ["no_serial"], ["genuine"],
    ]  # fmt: skip
    assert all(other in each for other in found["others"])


def test_one_alone_is_itself() -> None:
    alone = verdict("genuine")
    assert together([alone], (), "en") == alone


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("viewer", VIEWERS)
def test_the_signs_are_told_as_the_rest_is(language: str, viewer: str) -> None:
    found = together([verdict("genuine", language, viewer)] * 2, ("codes_differ",), language, viewer)
    assert found["reasons"][0] == to_json(plain("codes_differ", None, NOW, viewer), language)["reasons"][0]


def test_a_reason_that_only_a_newer_server_knows_is_as_grave_as_its_outcome() -> None:
    newer = verdict("recall_patient")
    newer["reasons"][0]["code"] = "radioactive"
    found = together([verdict("genuine"), newer], ("several",), "en")
    assert (found["outcome"], codes(found)) == ("do_not_use", ["radioactive", "several"])
