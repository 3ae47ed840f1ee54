"""The verdict: a value, and the JSON that every door gives of it. What it means is decided in judge."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from verifier.identity import Identity, national
from verifier.identity.identity import SIGNATURE
from verifier.statements.answer import Stop
from verifier.verdict.beside import Information, Notice
from verifier.verdict.reasons import QUESTIONS, REASONS, sort, words
from verifier.verdict.viewers import PATIENT

NO_ANSWERS: Mapping[str, str] = dict.fromkeys(QUESTIONS, "unknown")


@dataclass(frozen=True, slots=True)
class Ledger:
    """How we know: the batch's leaf, the checkpoint, who answered, and how many witnesses stand behind it."""

    index: int | None
    size: int
    root: bytes
    witnesses: int
    policy: str
    answered_by: str | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """`reasons` are codes, gravest first, never empty; times are Unix seconds. `viewer` is who asked, in whose words it
    is told; `values` fill the blanks of a sentence."""

    reasons: tuple[str, ...]
    answers: Mapping[str, str]
    identity: Identity | None
    checked_at: int
    information: Information | None = None
    notices: tuple[Notice, ...] = ()
    custody: tuple[Stop, ...] = ()
    ledger: Ledger | None = None
    as_of: int | None = None
    viewer: str = PATIENT
    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def outcome(self) -> str:
        """The outcome of the gravest reason."""
        return REASONS[self.reasons[0]].outcome


def plain(code: str, identity: Identity | None, now: int, viewer: str = PATIENT) -> Verdict:
    """A verdict of one reason and no evidence: what a scan that reaches no ledger says."""
    return compose({code}, dict(NO_ANSWERS), identity, now, viewer=viewer)


def compose(codes: set[str], known: Mapping[str, str], identity: Identity | None, now: int, **facts: Any) -> Verdict:
    """Fold reasons into a verdict: each can only worsen the answer to its own question; `use` follows all."""
    reasons = sort(codes)
    answers = dict(known)
    for reason in (REASONS[code] for code in reasons):
        if reason.outcome == "do_not_use":
            answers[reason.question] = "no"
        elif reason.outcome != "genuine" and answers[reason.question] == "yes":
            answers[reason.question] = "unknown"
    outcome = REASONS[reasons[0]].outcome
    if outcome != "genuine":
        answers["use"] = "no" if outcome == "do_not_use" else "unknown"
    return Verdict(reasons, answers, identity, now, **facts)


def to_json(verdict: Verdict, language: str) -> dict[str, Any]:
    """The JSON of every door that judges (DESIGN, "The verdict"), worded in `language` ("fr" or "en")."""
    ledger = verdict.ledger
    return {
        "outcome": verdict.outcome,
        "answers": dict(verdict.answers),
        "reasons": [words(code, language, verdict.viewer, verdict.values) for code in verdict.reasons],
        "identity": identity_json(verdict.identity, verdict.information) if verdict.identity else None,
        "custody": [
            {"step": s.step, "day": s.day, "country": s.country, "gap_before": s.gap_before} for s in verdict.custody
        ],
        "information": verdict.information.json() if verdict.information else None,
        "recalls": [notice.json() for notice in verdict.notices],
        "ledger": {
            "index": ledger.index,
            "size": ledger.size,
            "root": b64encode(ledger.root).decode(),
            "witnesses": ledger.witnesses,
            "anchor": None,
            "policy": ledger.policy,
            "answered_by": ledger.answered_by,
        }
        if ledger
        else None,
        "as_of": utc(verdict.as_of) if verdict.as_of is not None else None,
        "checked_at": utc(verdict.checked_at),
        "viewer": verdict.viewer,
        "others": [],  # filled where a photo shows several things (verdict/several)
    }


def identity_json(identity: Identity, product: Information | None) -> dict[str, Any]:
    """An identity as the doors show it: the elements, its links, the text to compare with the box, where a pack's
    signature is not printed, and the national numbers."""
    return {
        "gtin": identity.gtin,
        "batch": identity.batch,
        "serial": identity.serial,
        "expiry": identity.expiry,
        "digital_link": identity.digital_link(),
        "printed_link": identity.signed_link(),
        "human": [[label, value] for label, value in identity.human() if label.strip("()") not in SIGNATURE],
        "national": [list(row) for row in national.numbers(identity)],
        "product": product.name if product and product.source == "maker" else None,
    }


def utc(seconds: int) -> str:
    """Unix seconds as RFC 3339.

    >>> utc(0)
    '1970-01-01T00:00:00Z'
    """
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
