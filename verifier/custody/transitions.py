"""The table of what may happen: state + step + role -> state. All that changes a pack's state stands in it.

>>> [t.to for t in TRANSITIONS if t.step == "dispense"]
['supplied']
>>> step_of("dispensing", "dispensed")
'dispense'
"""

import json
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Transition:
    """From `source`, `step` by a member with one of `roles` leads to `to`."""

    step: str
    source: str
    to: str
    roles: frozenset[str]


_TABLE = json.loads(files("verifier.custody").joinpath("transitions.json").read_text("utf-8"))
STATES: dict[str, int] = _TABLE["states"]
STATE_NAMES = {code: name for name, code in STATES.items()}
EPCIS: dict[str, dict[str, str]] = _TABLE["steps"]
TRANSITIONS = tuple(Transition(t["step"], t["from"], t["to"], frozenset(t["roles"])) for t in _TABLE["transitions"])
_BY_WORDS = {(words["bizStep"], words["disposition"]): step for step, words in EPCIS.items()}


def step_of(biz_step: str, disposition: str) -> str | None:
    """The step that EPCIS's two words mean, or None."""
    return _BY_WORDS.get((biz_step, disposition))


def roles_for(step: str) -> frozenset[str]:
    """Every role that may take `step` from some state."""
    return frozenset(role for t in TRANSITIONS if t.step == step for role in t.roles)


def follow(state: str, step: str) -> str | None:
    """The state after `step`, or None where the table has no such way."""
    return next((t.to for t in TRANSITIONS if t.step == step and t.source == state), None)


def diagram() -> str:
    """The table as a Mermaid state diagram (docs/transitions.md is this text)."""
    arrows = [f"    {t.source} --> {t.to}: {t.step} ({', '.join(sorted(t.roles))})" for t in TRANSITIONS]
    return "\n".join(["stateDiagram-v2", "    [*] --> active: batch (maker)", *arrows]) + "\n"
