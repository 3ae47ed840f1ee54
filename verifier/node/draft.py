"""A batch of leaves being made: what the rules let in, on top of the published ledger and of each other.

Which statement may be a leaf is decided here, by asking the rooms that know; nothing of it is published here. A
statement that is refused leaves no trace in the draft.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, TypeVar

import redis

from verifier.node.laying import Layer
from verifier.node.lease import Lease, LeaseLost
from verifier.node.packs import Packs
from verifier.node.queue import Receipt
from verifier.state.replay import Admission, admit, steps_of
from verifier.statements.batch import Batch
from verifier.statements.envelope import Statement, read
from verifier.statements.errors import Malformed, Refused
from verifier.statements.event import Event
from verifier.statements.kinds import body_of
from verifier.store.log import LogStore
from verifier.store.projection import Overlay

SKEW_S = 300
T = TypeVar("T")
told = logging.getLogger("probatum.node")


@dataclass(frozen=True, slots=True)
class Sources:
    """What the rules are asked with: the log, who may write, who lays batches out, what packs were issued, the time."""

    log: LogStore
    lease: Lease
    layer: Layer
    packs: Packs
    clock: Callable[[], int]


class Draft:
    """The leaves from `size` on; `statements` are in, in order, each with its number in `leaves`."""

    def __init__(self, client: redis.Redis, size: int, sources: Sources) -> None:
        self.size, self.sources, self.overlay = size, sources, Overlay(client)
        self.statements: list[Statement] = []
        self.leaves: dict[bytes, int] = {}

    @property
    def next(self) -> int:
        """The leaf that the next statement would be."""
        return self.size + len(self.statements)

    def add(self, statement: Statement, admission: Admission) -> int:
        """Make it the next leaf; which."""
        leaf = self.leaves[statement.id] = self.next
        self.overlay.apply(admission.changes)
        self.statements.append(statement)
        return leaf

    def receive(self, raws: Sequence[bytes]) -> list[Receipt]:
        """Ask the rules of strangers' bytes, in order; what is admitted joins, and what became of each is returned.
        Raises only what the store and the lease raise."""
        parsed = [_guarded(partial(_parse, raw)) for raw in raws]
        ids = list({one.id for one in parsed if isinstance(one, Statement)})
        published = self.sources.log.indexes(ids)  # for all in one round trip
        known = {one: leaf for one, leaf in zip(ids, published, strict=True) if leaf is not None}
        return [one if isinstance(one, Receipt) else self._receive(one, known) for one in parsed]

    def _receive(self, statement: Statement, published: Mapping[bytes, int]) -> Receipt:
        self.sources.lease.keep()
        leaf = self.leaves.get(statement.id, published.get(statement.id))
        if leaf is not None:  # sent again: the same leaf, and the same answer if it was a dispute
            return _receipt(statement, leaf, _disputes(statement, self.overlay), "known")
        checked = _guarded(partial(self._check, statement))
        if isinstance(checked, Receipt):
            return checked
        return _receipt(statement, self.add(statement, checked), list(checked.disputes), "registered")

    def _check(self, statement: Statement) -> Admission:
        """What the statement would change as the next leaf; a batch's buckets are laid out then. Raises Refused or
        Malformed."""
        ahead = statement.issued_at - self.sources.clock()
        if ahead > SKEW_S:
            found = f"{ahead} s ahead"
            raise Refused("future", value=statement.issued_at, expected=f"at most {SKEW_S} s ahead", found=found)
        admission = admit(statement, self.next, self.overlay.read)
        body = body_of(statement)
        if isinstance(body, Event):
            self._check_packs(body)
        if isinstance(body, Batch):
            for _ in self.sources.layer.lay(statement, body):
                pass
        return admission

    def _check_packs(self, body: Event) -> None:
        for pack in body.read().packs:
            serial = (pack.serial or "").encode()
            issued = self.sources.packs.issued(pack.gtin or "", pack.batch or "", serial, self.overlay)
            if issued is None:
                expected = "a batch whose serials this node can read"
                raise Refused("unread_batch", value=pack.batch, expected=expected, found="none that the maker signed")
            if not issued:
                raise Refused("unknown_pack", value=pack.serial, expected="an issued serial", found="not in its batch")


def _disputes(statement: Statement, overlay: Overlay) -> list[str]:
    body = body_of(statement)
    packs = body.read().packs if isinstance(body, Event) else ()
    return [
        pack.digital_link()
        for pack in packs
        for step in steps_of(overlay.read, pack.gtin or "", pack.batch or "", pack.serial or "")
        if step.id == statement.id and not step.applied
    ]


def _parse(raw: bytes) -> Statement:
    statement = read(raw)
    body_of(statement)
    return statement


def _guarded(ask: Callable[[], T]) -> T | Receipt:
    """What was asked for, or the refusal. What upsets us in one statement must not stop the others."""
    try:
        return ask()
    except (Malformed, Refused) as fault:
        return Receipt.of(fault)
    except (redis.RedisError, LeaseLost):
        raise
    except Exception as fault:
        told.exception("a statement was refused for a fault of ours")
        return Receipt(status="refused", code="internal", expected="no fault of ours", found=type(fault).__name__)


def _receipt(
    statement: Statement, leaf: int, disputes: list[str], otherwise: Literal["registered", "known"]
) -> Receipt:
    return Receipt(status="disputed" if disputes else otherwise, id=statement.id, index=leaf, disputes=disputes)
