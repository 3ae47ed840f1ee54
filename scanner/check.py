"""Photo + evidence file + trust -> Verdict, with no server at all. Files in, a verdict out; nothing is fetched."""

from collections.abc import Callable
from typing import Any

from scanner.sighting import Miss, Sighting
from verifier.verdict import evidence as files
from verifier.verdict.evidence import Evidence
from verifier.verdict.judge import Question, judge
from verifier.verdict.several import JUDGED, together
from verifier.verdict.trust import Trust
from verifier.verdict.verdict import Verdict, plain, to_json
from verifier.verdict.viewers import PATIENT


def check(
    seen: Sighting, evidence: bytes, trust: Trust, now: int, viewer: str = PATIENT, member: str | None = None
) -> Verdict:
    """The verdict on what was seen, from an evidence file's bytes and a trust obtained beforehand, at `now`.

    It is told to `viewer`, and `member` if they are one: what the file holds for them, and no more.

    Bytes that are no evidence give `unverified`, never an error: a damaged file says nothing about the pack.
    """
    read: Evidence
    try:
        read = files.decode(evidence)
    except ValueError:
        return plain("broken_evidence", seen.identity, now, viewer)
    return judge(Question(seen.identity, viewer, member=member), read, trust, now)


PLAIN = ("foreign_link", "no_serial", "not_a_pack")


def miss(seen: Miss, now: int, viewer: str = PATIENT) -> Verdict | None:
    """The verdict that a miss is by itself, or None where nothing was read that could be judged."""
    return plain(seen.code, None, now, viewer) if seen.code in PLAIN else None


def check_each(
    seen: Sighting, judge_one: Callable[[Sighting], dict[str, Any]], now: int, language: str, viewer: str = PATIENT
) -> dict[str, Any]:
    """The verdict JSON on everything a photo shows: each thing judged alone, by whoever judges here."""
    left_out = [to_json(plain("left_out", one.identity, now, viewer), language) for one in seen.things[JUDGED:]]
    return together([*map(judge_one, seen.things[:JUDGED]), *left_out], seen.signs, language, viewer)
