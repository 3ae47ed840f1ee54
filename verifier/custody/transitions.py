"""The table of what may happen: state + step + role -> state. All that changes a pack's state stands in it.

>>> [t.to for t in TRANSITIONS if t.step == "dispense"]
['supplied']
>>> step_of("dispensing", "dispensed")
'dispense'
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any


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
_OURS = ("sensor", "still", "recorded")  # columns of ours beside EPCIS's words
EPCIS: dict[str, dict[str, Any]] = {
    step: {word: value for word, value in row.items() if word not in _OURS} for step, row in _TABLE["steps"].items()
}
"""Each step as an EPCIS 2.0 event says it."""
SENSORS: Mapping[str, str] = {step: row["sensor"] for step, row in _TABLE["steps"].items() if "sensor" in row}
STILL = frozenset(step for step, row in _TABLE["steps"].items() if row.get("still"))
RECORDED = frozenset(step for step, row in _TABLE["steps"].items() if row.get("recorded", True))
TRANSITIONS = tuple(Transition(t["step"], t["from"], t["to"], frozenset(t["roles"])) for t in _TABLE["transitions"])
_BY_WORDS = {(row["bizStep"], row["disposition"]): step for step, row in EPCIS.items() if step not in SENSORS}
_BY_SENSOR = {(EPCIS[step]["bizStep"], sensor): step for step, sensor in SENSORS.items()}


def step_of(biz_step: str, disposition: str, sensor: str | None = None) -> str | None:
    """The step that EPCIS's two words mean, or a report of sensors that say `sensor` (statements/event); None if the
    table has no such step. A sensor's alarm in any other step means none: it must not go by unheard.

    >>> step_of("sensor_reporting", "in_transit", "alarm"), step_of("receiving", "in_progress", "alarm")
    ('excursion', None)
    """
    words = _BY_WORDS.get((biz_step, disposition)) if sensor != "alarm" else None
    return _BY_SENSOR.get((biz_step, sensor or ""), words)


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
