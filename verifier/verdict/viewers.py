"""Who asks, and what that changes. The viewers stand in viewers.json, which the browser reads too.

A supplied pack is the normal one in a patient's hand, on a ward and in a theatre; a counter or a dock must not take
it for stock (Reg. (EU) 2016/161 Art. 12 forbids its further supply, not its use).

>>> usual(["pharmacy"]), usual(["hospital"])
('pharmacy', None)
>>> entitled(["hospital"])
('ward', 'theatre', 'pharmacy', 'dock')
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files

PATIENT = "patient"
PATIENTS, PROFESSIONALS = AUDIENCES = ("patients", "professionals")


@dataclass(frozen=True, slots=True)
class Viewer:
    """One row of the table."""

    name: str
    audience: str
    supplied: str
    roles: frozenset[str]
    usual: frozenset[str]

    @property
    def professional(self) -> bool:
        """Whether only an enrolled member may ask so."""
        return self.audience == PROFESSIONALS


_TABLE = json.loads(files("verifier.verdict").joinpath("viewers.json").read_text("utf-8"))["viewers"]
VIEWERS = {
    name: Viewer(name, row["audience"], row["supplied"], frozenset(row["roles"]), frozenset(row["usual"]))
    for name, row in _TABLE.items()
}


def entitled(roles: Iterable[str]) -> tuple[str, ...]:
    """The professional viewers that a member with these roles may be."""
    held = set(roles)
    return tuple(viewer.name for viewer in VIEWERS.values() if viewer.roles & held)


def usual(roles: Iterable[str]) -> str | None:
    """The one viewer that a member with these roles usually is; None where there is none, or more than one."""
    held = set(roles)
    names = [viewer.name for viewer in VIEWERS.values() if viewer.usual & held]
    return names[0] if len(names) == 1 else None
