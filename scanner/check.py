"""Photo + evidence file + trust -> Verdict, with no server at all. Files in, a verdict out; nothing is fetched."""

from scanner.sighting import Miss, Sighting
from verifier.verdict import evidence as files
from verifier.verdict.evidence import Evidence
from verifier.verdict.judge import Question, judge
from verifier.verdict.trust import Trust
from verifier.verdict.verdict import Verdict, plain
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
