"""Who supplied a pack, as far as the one who asks may know: their own signed event, and nobody else's.

The commonest false alert is a pharmacy's own second scan (DOMAIN): it is told as such, with the time it signed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from verifier.custody.transitions import roles_for, step_of
from verifier.identity import Identity
from verifier.statements.envelope import Statement
from verifier.statements.event import Epcis, Event
from verifier.statements.roster import MemberRecord

DISPENSE = "dispense"


@dataclass(frozen=True, slots=True)
class Said:
    """An event that is a leaf: which step, by which member, entitled to take it."""

    id: bytes
    member: str
    step: str
    event: Epcis

    def about(self, identity: Identity) -> bool:
        """Whether this very pack is one of the event's."""
        pack = (identity.gtin, identity.batch, identity.serial)
        return any((one.gtin, one.batch, one.serial) == pack for one in self.event.packs)


def said(statement: Statement, body: Event, member: MemberRecord, gtin: str | None, batch: str | None) -> Said:
    """What a proven event says; raises ValueError if it is about other lots, or a step its signer may not take."""
    event = body.read()
    if not any((pack.gtin, pack.batch) == (gtin, batch) for pack in event.packs):
        raise ValueError("about another lot")
    step = step_of(event.biz_step, event.disposition, event.sensor)
    if step is None or not roles_for(step) & set(member.roles):
        raise ValueError("a step that is not the signer's to take")
    return Said(statement.id, member.member, step, event)


def own_supply(events: Iterable[Said], member: str | None) -> Epcis | None:
    """The dispensing that `member` signed, if it is among these events of a pack."""
    return next((one.event for one in events if (one.member, one.step) == (member, DISPENSE)), None)


def when(event: Epcis, now: int) -> str:
    """The time by the clock where it happened, HH:MM; with its day, unless that is today there (`now`, Unix seconds):
    minutes ago is one's own scan, days ago is something to ask about."""
    clock, today = event.local.strftime("%H:%M"), datetime.fromtimestamp(now, UTC).astimezone(event.local.tzinfo).date()
    return clock if event.local.date() == today else f"{clock} ({event.local.date().isoformat()})"
