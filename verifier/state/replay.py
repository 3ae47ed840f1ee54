"""Replay: kind -> reducer, statements -> projection. The one place that says what a leaf changes.

A reducer reads the projection through `read` and returns the names it sets; it never needs an opening, a clock or a
random number, so a rebuilt projection is the same bytes. `admit` says, before registration, what a statement would be.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypeVar, cast

import msgspec

from verifier.custody import history
from verifier.custody.transitions import RECORDED, STATES, follow, roles_for, step_of
from verifier.identity import Identity
from verifier.state import catalogues, pack_keys
from verifier.state.keys import BatchRecord, Name, ProductRecord
from verifier.statements import cbor
from verifier.statements.batch import Batch
from verifier.statements.catalogue import Catalogue
from verifier.statements.clock import Clock
from verifier.statements.envelope import MEMBER, Statement, kid_of, usable_key
from verifier.statements.errors import Refused
from verifier.statements.event import Event
from verifier.statements.genesis import Genesis
from verifier.statements.kinds import body_of, kind_of
from verifier.statements.product import Product
from verifier.statements.recall import Recall
from verifier.statements.roster import KeyRecord, MemberRecord, Record, enrol, signer

Read = Callable[[Name], bytes | None]
Changes = dict[Name, bytes]
AUTHORITY = "authority"
CLOCK_PAGE = 256
MOST_RECALLS = 40  # of one lot, or of a product, that a maker may add to: evidence has room for them and an authority's
MOST_LOTS = 200  # of one product are remembered by name: to find a serial that was read with another's lot
LIMIT = 2**24  # the projection's own values: longer than a statement may be
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Projected:
    """The projection seen as a directory of members and keys (statements/roster)."""

    read: Read

    def member(self, member: str) -> MemberRecord | None:
        """The record of a member id."""
        return _get(self.read, ("member", member), MemberRecord)

    def key(self, kid: bytes) -> KeyRecord | None:
        """The record of a key id."""
        return _get(self.read, ("key", kid.hex()), KeyRecord)

    def threshold(self) -> int:
        """How many roots must endorse a member; 0 before the genesis."""
        return int(_value(self.read, ("ledger",), 0))

    def prefixes(self) -> Mapping[str, str]:
        """Every enrolled company prefix and its member."""
        return dict(_value(self.read, ("prefixes",), {}))


@dataclass(frozen=True, slots=True)
class Admission:
    """What a statement would change as leaf `index`. `disputes` names the packs whose record it contradicts."""

    changes: Changes
    disputes: tuple[str, ...] = ()


def admit(statement: Statement, index: int, read: Read) -> Admission:
    """What the statement does as the leaf `index`; raises Refused naming the rule, or Malformed."""
    kind = kind_of(statement)
    if not kind.leaf:
        raise Refused("not_a_leaf", value=kind.name, expected="a kind that is registered", found=kind.name)
    return _REDUCERS[kind.reducer](statement, index, read)


def clock_time(index: int, read: Read) -> int | None:
    """The registered time (Unix seconds) of leaf `index`: that of the first clock whose checkpoint covers it."""
    count = int(_value(read, ("clock",), 0))
    low, high = 0, count
    while low < high:
        middle = (low + high) // 2
        size, _ = _value(read, ("clock", str(middle // CLOCK_PAGE)), [])[middle % CLOCK_PAGE]
        low, high = (middle + 1, high) if size <= index else (low, middle)
    return None if low == count else int(_value(read, ("clock", str(low // CLOCK_PAGE)), [])[low % CLOCK_PAGE][1])


def last_clock(read: Read) -> tuple[int, int]:
    """The size and the time (Unix seconds) of the last clock; (0, 0) before the first."""
    count = int(_value(read, ("clock",), 0))
    if not count:
        return 0, 0
    size, time = _value(read, ("clock", str((count - 1) // CLOCK_PAGE)), [])[(count - 1) % CLOCK_PAGE]
    return size, time


def steps_of(read: Read, gtin: str, batch: str, serial: str) -> tuple[history.Step, ...]:
    """The recorded steps of a pack, oldest first."""
    return decode_steps(read(("pack", gtin, batch, serial)))


def decode_steps(value: bytes | None) -> tuple[history.Step, ...]:
    """The steps in a ("pack", ...) value."""
    rows = cbor.decode(value, LIMIT) if value is not None else []
    return tuple(msgspec.convert(rows, list[history.Step], builtin_types=(bytes,)))


def batch_record(read: Read, gtin: str, batch: str) -> BatchRecord | None:
    """What is kept of an issued batch."""
    return _get(read, ("batch", gtin, batch), BatchRecord)


def product_record(read: Read, gtin: str) -> ProductRecord | None:
    """What is kept of a registered product."""
    return _get(read, ("product", gtin), ProductRecord)


def key_record(value: bytes) -> KeyRecord:
    """The record in a ("key", kid) value."""
    return msgspec.convert(cbor.decode(value, LIMIT), KeyRecord, builtin_types=(bytes,))


def encode_record(record: object) -> bytes:
    """A record's bytes: deterministic CBOR."""
    return cbor.encode(msgspec.to_builtins(record, builtin_types=(bytes,)))


def _get(read: Read, name: Name, kind: type[T]) -> T | None:
    value = read(name)
    return None if value is None else cast(T, _record(value, cast(Any, kind)))


@lru_cache(maxsize=1024)
def _record(value: bytes, kind: type) -> object:
    """Memoised by the bytes themselves: a maker's key and membership are read for each of its statements."""
    return msgspec.convert(cbor.decode(value, LIMIT), kind, builtin_types=(bytes,))


def _value(read: Read, name: Name, default: Any) -> Any:
    value = read(name)
    return default if value is None else cbor.decode(value, LIMIT)


def _enrol(statement: Statement, index: int, read: Read) -> Admission:
    directory = Projected(read)
    records = enrol(statement, index, directory)
    for record in records:
        if isinstance(record, KeyRecord) and not usable_key(record.public):
            raise Refused("weak_key", value=record.kid.hex(), expected="a usable Ed25519 key", found="a weak point")
        if isinstance(record, KeyRecord):
            pack_keys.check_free(record.kid, read)
    changes: Changes = {_name(record): encode_record(record) for record in records}
    if (body := body_of(statement)) and isinstance(body, Genesis):
        changes["ledger",] = cbor.encode(body.threshold)
        if (log := body.log_key()) is not None:
            changes["reserved", kid_of(log).hex()] = cbor.encode(statement.id)
    active = {p: r.member for r in records if isinstance(r, MemberRecord) and r.since is not None for p in r.prefixes}
    changes["keyring",] = cbor.encode(index)
    if active:
        changes["prefixes",] = cbor.encode({**directory.prefixes(), **active})
    return Admission(changes)


def _name(record: Record) -> Name:
    return ("member", record.member) if isinstance(record, MemberRecord) else ("key", record.kid.hex())


def _product(statement: Statement, index: int, read: Read) -> Admission:
    signer(statement, index, Projected(read))
    body = cast(Product, body_of(statement))
    return Admission({("product", body.gtin): encode_record(ProductRecord(index, statement.id, statement.kid))})


def _batch(statement: Statement, index: int, read: Read) -> Admission:
    member = signer(statement, index, Projected(read))
    body = cast(Batch, body_of(statement))
    if read(("product", body.gtin)) is None:
        raise Refused("unknown_product", value=body.gtin, expected="a registered product", found="no product")
    name = ("batch", body.gtin, body.batch)
    if read(name) is not None:
        raise Refused("batch_exists", value=body.batch, expected="a batch not issued before", found="issued before")
    record = issued(statement, index, member)
    lots = [*_value(read, ("batches", body.gtin), []), body.batch][-MOST_LOTS:]
    changes: Changes = {name: encode_record(record), ("batches", body.gtin): cbor.encode(lots)}
    return Admission({**changes, **pack_keys.registered(statement, body, index, read)})


def issued(statement: Statement, index: int, member: MemberRecord) -> BatchRecord:
    """What is kept of the batch that `member` issued as leaf `index`."""
    body = cast(Batch, body_of(statement))
    day = datetime.fromtimestamp(statement.issued_at, UTC).date().isoformat()
    who = (statement.id, statement.kid, member.member, member.country, day)
    return BatchRecord(index, *who, body.expiry, body.k, body.root, body.manifest)


def _recall(statement: Statement, index: int, read: Read) -> Admission:
    member = signer(statement, index, Projected(read))
    body = cast(Recall, body_of(statement))
    names: list[Name] = [("recalls", body.gtin, batch) for batch in body.batches or ()] or [("recalls", body.gtin)]
    before = {name: _value(read, name, []) for name in names}
    most = max(map(len, before.values()))
    if most >= MOST_RECALLS and AUTHORITY not in member.roles:
        raise Refused("too_many_recalls", value=body.gtin, expected=f"at most {MOST_RECALLS}", found=f"{most} before")
    row = [index, statement.id, statement.kid]
    return Admission({name: cbor.encode([*rows, row]) for name, rows in before.items()})


def _catalogue(statement: Statement, index: int, read: Read) -> Admission:
    member = signer(statement, index, Projected(read))
    body = cast(Catalogue, body_of(statement))
    return Admission(catalogues.published(statement, body, member.member, index, read))


def _clock(statement: Statement, index: int, read: Read) -> Admission:
    signer(statement, index, Projected(read))
    body = cast(Clock, body_of(statement))
    count = int(_value(read, ("clock",), 0))
    page: Name = ("clock", str(count // CLOCK_PAGE))
    rows = _value(read, page, [])
    if body.size > index:
        raise Refused("clock", value=body.size, expected="a checkpoint before its leaf", found=f"leaf {index}")
    last = last_clock(read)
    if body.size <= last[0] or body.time < last[1]:
        found = f"size {body.size} at {body.time}"
        raise Refused("clock", value=body.time, expected=f"after size {last[0]} at {last[1]}", found=found)
    return Admission({page: cbor.encode([*rows, [body.size, body.time]]), ("clock",): cbor.encode(count + 1)})


def _event(statement: Statement, index: int, read: Read) -> Admission:
    member = signer(statement, index, Projected(read))
    event = cast(Event, body_of(statement)).read()
    step = step_of(event.biz_step, event.disposition, event.sensor)
    if step is None:
        words = f"{event.biz_step or '-'}/{event.disposition or '-'}" + f", {event.sensor}" * (event.sensor == "alarm")
        raise Refused("unknown_step", value=words, expected="a bizStep and disposition of the table", found=words)
    if not roles_for(step) & set(member.roles):
        found = ", ".join(member.roles)
        raise Refused("step_role", value=step, expected=" or ".join(sorted(roles_for(step))), found=found)
    if step not in RECORDED:
        _held(event.packs, member, read)
        return Admission({})
    to = _destination(event.destination, step, read)
    changes: Changes = {}
    disputes: list[str] = []
    refusals: list[history.Decision] = []
    for pack in event.packs:
        decision = _pack(statement, index, read, member, step, event.day, to, pack, changes)
        if decision.outcome == "disputed":
            disputes.append(pack.digital_link())
        elif decision.outcome == "already":
            refusals.append(decision)
    if not changes:
        found = f"your own earlier {step}: {refusals[0].found}"
        raise Refused("already", value=statement.subject, expected=f"a pack not yet {step}", found=found)
    return Admission(changes, tuple(disputes))


def _pack(
    statement: Statement,
    index: int,
    read: Read,
    member: MemberRecord,
    step: str,
    day: str,
    to: str | None,
    pack: Identity,
    changes: Changes,
) -> history.Decision:
    """Decide one pack's step and write what it changes."""
    key = (pack.gtin or "", pack.batch or "", pack.serial or "")
    batch = batch_record(read, *key[:2])
    if batch is None:
        raise Refused("unknown_batch", value=pack.batch, expected="an issued batch", found="no such batch")
    if roles_for(step) & set(member.roles) == {"maker"} and batch.issuer != member.member:
        raise Refused("own_gtin", value=pack.gtin, expected="the maker's own packs", found=f"{batch.issuer}'s")
    steps = steps_of(read, *key)
    decision = history.decide(batch.issuer, steps, step, member.member, to)
    if decision.outcome == "already":
        return decision
    if history.too_many(steps, step, decision):
        found = f"{len(steps)}, and a {step} among them"
        raise Refused("too_many_steps", value=pack.digital_link(), expected=f"{history.MOST} steps", found=found)
    applied = decision.outcome == "applies"
    row = history.Step(
        index=index, id=statement.id, step=step, day=day, country=member.country, member=member.member, to=to,
        applied=applied,
    )  # fmt: skip
    changes["pack", *key] = encode_record([*steps, row])
    if applied:
        state = follow(history.custody(batch.issuer, steps).state, step)
        changes["state", *key] = bytes([STATES[state or "active"]])
    return decision


def steps_recorded(
    pack: Identity, batch: BatchRecord, events: Iterable[tuple[int, Statement, MemberRecord]]
) -> bytes | None:
    """The ("pack", ...) value that registered events, in ledger order, lead to, whatever other packs they name; None if
    none of them is recorded of this pack."""
    key = (pack.gtin or "", pack.batch or "", pack.serial or "")
    known: Changes = {("batch", *key[:2]): encode_record(batch)}
    for index, statement, member in events:
        event = cast(Event, body_of(statement)).read()
        step = step_of(event.biz_step, event.disposition, event.sensor)
        if step is not None and step in RECORDED and key in [(one.gtin, one.batch, one.serial) for one in event.packs]:
            to = (event.destination or "").removeprefix(MEMBER) if step == "ship" else None
            _pack(statement, index, known.get, member, step, event.day, to, pack, known)
    return known.get(("pack", *key))


def _held(packs: tuple[Identity, ...], member: MemberRecord, read: Read) -> None:
    """Raise Refused unless the member holds every one of the packs."""
    for pack in packs:
        key = (pack.gtin or "", pack.batch or "", pack.serial or "")
        batch = batch_record(read, *key[:2])
        if batch is None:
            raise Refused("unknown_batch", value=pack.batch, expected="an issued batch", found="no such batch")
        if history.custody(batch.issuer, steps_of(read, *key)).holder != member.member:
            raise Refused("holder", value=pack.digital_link(), expected="who holds the pack", found="held by another")


def _destination(destination: str | None, step: str, read: Read) -> str | None:
    if step != "ship":
        return None
    to = (destination or "").removeprefix(MEMBER)
    known = Projected(read).member(to) if to else None
    if known is None or known.since is None:
        raise Refused("destination", value=destination, expected="an enrolled member", found=destination or "none")
    return to


_REDUCERS: Mapping[str, Callable[[Statement, int, Read], Admission]] = {
    "enrol": _enrol,
    "product": _product,
    "batch": _batch,
    "recall": _recall,
    "catalogue": _catalogue,
    "clock": _clock,
    "event": _event,
}
