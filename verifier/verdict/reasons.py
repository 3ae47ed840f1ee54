"""The catalogue of reasons: code, outcome, rank, question, words, next step. A verdict is its gravest reason.

The rows stand in reasons.json, which the browser reads too; nothing is worded anywhere else.

>>> worst(["genuine", "expired"])
'expired'
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files

from verifier.verdict.viewers import PATIENT, VIEWERS

OUTCOMES = ("genuine", "unverified", "caution", "do_not_use")
QUESTIONS = ("what", "hands", "use")
LANGUAGES = ("fr", "en")


@dataclass(frozen=True, slots=True)
class Reason:
    """One row. `rank` decides among reasons of one outcome; `words` are (headline, sentence) by language, to whom
    `told_to` says nothing else: audience or viewer -> language -> headline, sentence or next_step."""

    code: str
    outcome: str
    rank: int
    question: str
    step: str
    words: dict[str, tuple[str, str]]
    told_to: Mapping[str, Mapping[str, Mapping[str, str]]]

    @property
    def gravity(self) -> tuple[int, int]:
        """Orders reasons: the outcome first, then the rank."""
        return OUTCOMES.index(self.outcome), self.rank


_TABLE = json.loads(files("verifier.verdict").joinpath("reasons.json").read_text("utf-8"))
STEPS: dict[str, dict[str, dict[str, str]]] = _TABLE["steps"]
NOTHING: Mapping[str, str] = {}
REASONS = {
    row["code"]: Reason(
        row["code"],
        row["outcome"],
        row["rank"],
        row["question"],
        row["step"],
        {language: (row[language]["headline"], row[language]["sentence"]) for language in LANGUAGES},
        row.get("for", {}),
    )
    for row in _TABLE["reasons"]
}


def sort(codes: Iterable[str]) -> tuple[str, ...]:
    """The codes, each once, gravest first."""
    return tuple(sorted(set(codes), key=lambda code: REASONS[code].gravity, reverse=True))


def worst(codes: Iterable[str]) -> str:
    """The gravest code."""
    return sort(codes)[0]


class _Blanks(dict[str, str]):
    """A sentence's values; one that nobody knows is an ellipsis."""

    def __missing__(self, name: str) -> str:
        return "…"


def words(code: str, language: str, viewer: str = PATIENT, values: Mapping[str, str] = NOTHING) -> dict[str, str]:
    """A reason as every door shows it to `viewer`; `values` fill the blanks of its sentence.

    >>> words("gap", "en")["next_step"], words("gap", "en", "pharmacy")["next_step"]
    ("Call your pharmacist before your next dose; don't stop without advice.", 'Ask the supplier for the missing step.')
    """
    reason, audience = REASONS[code], VIEWERS[viewer].audience
    headline, sentence = reason.words[language]
    told = {"headline": headline, "sentence": sentence, "next_step": STEPS[reason.step][audience][language]}
    for who in (audience, viewer):
        told |= reason.told_to.get(who, {}).get(language, NOTHING)
    told["sentence"] = told["sentence"].format_map(_Blanks(values))
    return {"code": code, "outcome": reason.outcome, "question": reason.question, **told}
