"""A pack's history: its steps in ledger order, the state they lead to, and the gaps between hands.

What a further step would be is decided here: it applies, it is refused (the signer's own second scan), or it is
a dispute (an entitled signer contradicts what is recorded). A step missing between two hands is a *gap*, told.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from msgspec import Struct

from verifier.custody.transitions import SENSORS, STILL, follow

MOST = 500
"""Steps of one pack that are recorded, but for the first of each sort: an answer about it must be able to name them all
(statements/answer), or whoever holds a stolen pack could ship it so often that nobody is told it is stolen."""


class Step(Struct, frozen=True, array_like=True, kw_only=True):
    """One recorded step. `to` is the member it was sent to; `applied` is false for a dispute."""

    index: int
    id: bytes
    step: str
    day: str
    country: str
    member: str
    to: str | None
    applied: bool


@dataclass(frozen=True, slots=True)
class Custody:
    """Where a pack stands: its state, who holds it, whom it is on its way to."""

    state: str
    holder: str
    to: str | None


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a further step; `found` is the present state, in words, when it does not apply."""

    outcome: Literal["applies", "already", "disputed"]
    found: str = ""


def custody(maker: str, steps: Sequence[Step]) -> Custody:
    """Fold the steps that applied, from the maker's hands."""
    now = Custody("active", maker, None)
    for step in steps:
        if step.applied:
            now = after(now, step)
    return now


def after(now: Custody, step: Step) -> Custody:
    """Custody after one step that applies."""
    state = follow(now.state, step.step) or now.state
    if step.step == "ship":
        return Custody(state, step.member, step.to)
    if step.step in STILL:
        return Custody(state, now.holder, now.to)
    return Custody(state, step.member, None)


def decide(maker: str, steps: Sequence[Step], step: str, member: str, to: str | None = None) -> Decision:
    """What `step` by an entitled `member` would be, after `steps`; `to` is whom it would be shipped to.

    The same step by the same member again is their own second scan, and so is the same contradiction; a step the table
    does not allow from the present state, a receipt of what was sent to another, or a sensor's report by who does not
    hold the pack contradicts the record.
    """
    decision = _decide(custody(maker, steps), steps, step, member, to)
    again = any((one.step, one.member, one.applied) == (step, member, False) for one in steps)
    return Decision("already", "disputed") if decision.outcome == "disputed" and again else decision


def _decide(now: Custody, steps: Sequence[Step], step: str, member: str, to: str | None) -> Decision:
    """As `decide`, whatever was disputed before."""
    if follow(now.state, step) is None:
        last = next((s for s in reversed(steps) if s.applied and follow_changes(s)), None)
        own = last is not None and last.step == step and last.member == member
        return Decision("already" if own else "disputed", now.state)
    if step in SENSORS and now.holder != member:
        return Decision("disputed", "held by another")
    if step == "receive" and now.to is not None and now.to != member:
        return Decision("disputed", "sent to another")
    if step == "receive" and now.to is None and now.holder == member and steps:
        return Decision("already", "held")
    if step == "ship" and now.to is not None and (now.holder, now.to) == (member, to):
        return Decision("already", f"on its way to {to}")
    return Decision("applies")


def too_many(steps: Sequence[Step], step: str, decision: Decision) -> bool:
    """Whether a further step is one more of many that say the same: see MOST."""
    sort = (step, decision.outcome == "applies")
    return len(steps) >= MOST and any((one.step, one.applied) == sort for one in steps)


def follow_changes(step: Step) -> bool:
    """Whether the step is one that ends a pack's active life."""
    return follow("active", step.step) not in (None, "active")


def gaps(maker: str, steps: Sequence[Step]) -> tuple[bool, ...]:
    """For each step, whether something is missing before it: hands that never received, a receipt never sent."""
    now, missing = Custody("active", maker, None), []
    for step in steps:
        missing.append(step.applied and _missing(now, step))
        now = after(now, step) if step.applied else now
    return tuple(missing)


def _missing(now: Custody, step: Step) -> bool:
    if step.step in STILL:
        return False
    if step.step == "receive":
        return now.to is None
    return now.holder != step.member or now.to is not None
