"""An EPCIS 2.0 event, carried as the bytes its author wrote, and the few facts of it that custody reads.

The strict reading of foreign JSON lives here; what a step may do to a pack is custody's table.
"""

import json
import re
from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from verifier.identity import Identity, digital_link
from verifier.statements.body import Body
from verifier.statements.errors import Malformed

MAX_PACKS, MAX_REPORTS = 500, 1000
_OFFSET = re.compile(r"[+-](?:0[0-9]|1[0-4]):[0-5][0-9]")


class Epcis(Struct, frozen=True, kw_only=True):
    """What custody reads of one ObjectEvent: `time` in Unix seconds, `local` that moment by the clock where it happened
    (eventTimeZoneOffset), `day` its day, `packs` in order. `sensor` is what its sensors say: "alarm" where a report of
    the temperature carries EPCIS's exception ALARM_CONDITION, None where there are none."""

    event_id: str
    time: int
    local: datetime
    day: str
    biz_step: str
    disposition: str
    packs: tuple[Identity, ...]
    destination: str | None
    source: str | None = None
    sensor: Literal["alarm", "reading"] | None = None


class Event(Body, frozen=True, kw_only=True):
    """`epcis` is one EPCIS 2.0 ObjectEvent in JSON, at most 60 kB, about 1 to 500 packs named by full Digital Link
    (lot included: a pack is found by its batch)."""

    epcis: Annotated[bytes, Meta(min_length=2, max_length=60_000)]

    def subject(self) -> str:
        """The pack's Digital Link; for several packs, the event's own id."""
        event = self.read()
        return event.packs[0].digital_link() if len(event.packs) == 1 else event.event_id

    def check(self) -> None:
        """The bytes are an event this room can read."""
        self.read()

    def read(self) -> Epcis:
        """The facts of the event; raises Malformed naming the EPCIS field."""
        try:
            fields = json.loads(self.epcis, object_pairs_hook=_once, parse_constant=_no_constant)
        except ValueError as fault:  # JSONDecodeError and UnicodeDecodeError are ValueErrors
            raise (
                fault
                if isinstance(fault, Malformed)
                else Malformed("epcis", expected="one JSON object", found=str(fault)[:120])
            ) from fault
        except RecursionError as fault:
            raise Malformed("epcis", expected="JSON of modest depth", found="deep nesting") from fault
        if not isinstance(fields, dict):
            raise Malformed("epcis", expected="one JSON object", found=type(fields).__name__)
        if fields.get("type") != "ObjectEvent":
            raise Malformed(
                "epcis", value=fields.get("type"), expected="type ObjectEvent", found=str(fields.get("type"))[:40]
            )
        if "errorDeclaration" in fields:  # it takes an event back; read as one, it would say the step again
            back = "errorDeclaration"
            raise Malformed("epcis", value=back, expected="a step that was taken (none is taken back yet)", found=back)
        when = _time(_text(fields, "eventTime"), fields.get("eventTimeZoneOffset"))
        return Epcis(
            event_id=_text(fields, "eventID"),
            time=int(when.timestamp()),
            local=when,
            day=when.date().isoformat(),
            biz_step=_text(fields, "bizStep", ""),
            disposition=_text(fields, "disposition", ""),
            packs=_packs(fields.get("epcList")),
            destination=_party(fields.get("destinationList"), "destination"),
            source=_party(fields.get("sourceList"), "source"),
            sensor=_sensor(fields.get("sensorElementList")),
        )


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise Malformed("epcis", expected="each key once", found="a key twice")
    return fields


def _no_constant(name: str) -> None:
    raise Malformed("epcis", value=name, expected="JSON numbers", found=name)


def _text(fields: dict[str, Any], name: str, default: str | None = None) -> str:
    value = fields.get(name, default)
    if not isinstance(value, str) or len(value) > 512 or (default is None and not value):
        raise Malformed("epcis", value=name, expected=f"{name} as text", found=str(value)[:40])
    if any("\ud800" <= character <= "\udfff" for character in value):  # nothing that says it could be sent or kept
        raise Malformed("epcis", value=name, expected=f"{name} in Unicode", found="half a surrogate pair")
    return value


def _time(text: str, offset: object) -> datetime:
    """The moment, in the zone that `offset` ("+01:00") names, or else in the one it is written in."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError as fault:
        raise Malformed("epcis", value=text, expected="eventTime in ISO 8601", found=text[:40]) from fault
    if when.tzinfo is None or not 1970 < when.year < 2200:
        raise Malformed("epcis", value=text, expected="eventTime with a zone", found=text[:40])
    there = _OFFSET.fullmatch(offset) if isinstance(offset, str) else None
    return when.astimezone(datetime.strptime(there[0], "%z").tzinfo) if there else when


def _packs(items: object) -> tuple[Identity, ...]:
    if not isinstance(items, list) or not 1 <= len(items) <= MAX_PACKS:
        raise Malformed("epcis", value="epcList", expected=f"a list of 1 to {MAX_PACKS} packs", found=str(items)[:40])
    packs = tuple(_pack(item) for item in items)
    if len(set(packs)) != len(packs):
        raise Malformed("epcis", value="epcList", expected="each pack once", found="a pack twice")
    return packs


def _pack(item: object) -> Identity:
    try:
        identity = digital_link.parse(item) if isinstance(item, str) else None
    except ValueError as fault:
        raise Malformed("epcis", value=item, expected="a pack's Digital Link", found=str(fault)[:120]) from fault
    if identity is None or [ai for ai, _ in identity.elements] != ["01", "10", "21"]:
        raise Malformed("epcis", value=item, expected="/01/<gtin>/10/<lot>/21/<serial>", found=str(item)[:80])
    return identity


def _party(items: object, name: str) -> str | None:
    """The possessing party of a destinationList or a sourceList (EPCIS 2.0, 7.3.5.4)."""
    for item in items if isinstance(items, list) else ():
        if isinstance(item, dict) and item.get("type") == "possessing_party":
            return _text(item, name)
    return None


def _sensor(items: object) -> Literal["alarm", "reading"] | None:
    """What a sensorElementList says (EPCIS 2.0, 7.3.7), of temperatures; None where there is no list."""
    if items is None:
        return None
    elements = _objects(items, "sensorElementList")
    reports = [report for element in elements for report in _objects(element.get("sensorReport"), "sensorReport")]
    said = {(_last(report.get("type")), _last(report.get("exception"))) for report in reports}
    return "alarm" if ("Temperature", "ALARM_CONDITION") in said else "reading"


def _objects(items: object, name: str) -> list[dict[str, Any]]:
    if not isinstance(items, list) or not 1 <= len(items) <= MAX_REPORTS or not all(isinstance(i, dict) for i in items):
        raise Malformed("epcis", value=name, expected=f"a list of 1 to {MAX_REPORTS} objects", found=str(items)[:40])
    return items


def _last(word: object) -> str:
    """A word of GS1's vocabulary, however it is written: bare, with its prefix, or as a whole URI."""
    return re.split("[:/]", word)[-1] if isinstance(word, str) else ""
