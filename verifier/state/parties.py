"""Whom does a registered statement concern? Read from the projection: pure, over values fetched beforehand."""

from collections.abc import Mapping
from functools import reduce
from typing import cast

from verifier.custody.history import holders
from verifier.state.keys import Name
from verifier.state.replay import batch_record, steps_of
from verifier.statements.envelope import MEMBER, Statement
from verifier.statements.event import Epcis, Event
from verifier.statements.kinds import body_of
from verifier.statements.readers import NOBODY, Parties

Lot = tuple[str, str]


def names_for(statement: Statement) -> list[Name]:
    """The projected names that `parties_of` reads: none but for an event, whose packs have a batch and a way."""
    if statement.kind != "event":
        return []
    packs = [(pack.gtin or "", pack.batch or "", pack.serial or "") for pack in _event(statement).packs]
    lots: list[Name] = [("batch", *lot) for lot in dict.fromkeys(pack[:2] for pack in packs)]
    return lots + [("pack", *pack) for pack in packs]


def parties_of(statement: Statement, values: Mapping[Name, bytes | None]) -> Parties:
    """Whom it concerns, given the values of `names_for`."""
    if statement.kind != "event":
        return Parties(statement.member)
    event, makers, held = _event(statement), [], []
    for pack in event.packs:
        lot = (pack.gtin or "", pack.batch or "")
        batch = batch_record(values.get, *lot)
        maker = batch.issuer if batch else ""
        makers.append(frozenset({maker}))
        held.append(holders(maker, steps_of(values.get, *lot, pack.serial or "")))
    named = frozenset(one.removeprefix(MEMBER) for one in (event.source, event.destination) if one)
    return Parties(statement.member, named, _every(makers), _every(held))


def _every(sets: list[frozenset[str]]) -> frozenset[str]:
    """The members of all of them."""
    return reduce(frozenset.__and__, sets) - {""} if sets else NOBODY


def _event(statement: Statement) -> Epcis:
    return cast(Event, body_of(statement)).read()
