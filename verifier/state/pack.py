"""Where one pack stands, from what the projection holds of it: state, way, disputes. What strangers may see of it names
no holder; who supplied it is told to that member alone."""

from dataclasses import dataclass
from functools import lru_cache

from verifier.custody import history
from verifier.custody.transitions import STATES
from verifier.state.keys import BatchRecord
from verifier.state.replay import decode_steps
from verifier.statements.answer import Stop


@dataclass(frozen=True, slots=True)
class Standing:
    """A pack's state and its byte, the stops that strangers may see, the ids of its events, how many are disputes; and
    the event that supplied it: its id, and by whom."""

    state: str
    code: int
    stops: tuple[Stop, ...]
    events: tuple[bytes, ...]
    disputes: int
    supply: tuple[bytes, str] | None


@lru_cache(maxsize=4096)
def standing(batch: BatchRecord, steps: bytes | None) -> Standing:
    """The standing of a pack of `batch` whose ("pack", ...) value is `steps`. Memoised by those bytes."""
    found = decode_steps(steps)
    state = history.custody(batch.issuer, found).state
    missing = history.gaps(batch.issuer, found)
    first = Stop(step="commission", day=batch.day, country=batch.country, gap_before=False)
    later = (
        Stop(step=step.step, day=step.day, country=step.country, gap_before=gap)
        for step, gap in zip(found, missing, strict=True)
        if step.applied
    )
    disputes = sum(not step.applied for step in found)
    supply = next(((step.id, step.member) for step in found if step.applied and step.step == "dispense"), None)
    return Standing(state, STATES[state], (first, *later), tuple(step.id for step in found), disputes, supply)
