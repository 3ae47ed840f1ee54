"""Several verdicts of one photo become one answer: the gravest first, the others beside it, and why there are several.

It works on the JSON that every door gives (verdict.to_json), since a terminal gets its verdicts from a server in that
form. A green never comes out where two things were seen: `several` and `codes_differ` are graver than `genuine`.
"""

from collections.abc import Sequence
from typing import Any

from verifier.verdict.reasons import OUTCOMES, REASONS, words
from verifier.verdict.viewers import PATIENT

JUDGED = 8
"""Things of one photo that are judged; of more, each of the rest is told as `left_out`: that bounds the work."""


def together(
    verdicts: Sequence[dict[str, Any]], signs: Sequence[str], language: str, viewer: str = PATIENT
) -> dict[str, Any]:
    """The gravest of these verdicts with the rest as its `others`, gravest first, and `signs` among its reasons.

    Of one verdict, that verdict. `verdicts` has at least one; `signs` are codes of the catalogue, told to `viewer`.
    """
    first, *others = sorted(verdicts, key=lambda one: _gravity(one["reasons"][0]), reverse=True)
    if not signs:
        return first | {"others": others}
    reasons = [*first["reasons"], *(words(code, language, viewer) for code in signs)]
    reasons.sort(key=_gravity, reverse=True)
    outcome = reasons[0]["outcome"]
    answers = dict(first["answers"])
    for question in (REASONS[code].question for code in signs):
        answers[question] = "unknown" if answers[question] == "yes" else answers[question]
    answers["use"] = "no" if outcome == "do_not_use" else "unknown"
    return first | {"outcome": outcome, "answers": answers, "reasons": reasons, "others": others}


def _gravity(reason: dict[str, Any]) -> tuple[int, int]:
    """A reason's place in the order; one that only a newer server knows is as grave as its outcome."""
    known = REASONS.get(reason["code"])
    return known.gravity if known else (OUTCOMES.index(reason["outcome"]), 0)
