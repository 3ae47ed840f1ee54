"""Batches laid out in the store before they are leaves; a large one aside, while the node goes on with all the rest.

A bucket is read by nobody before its batch is a leaf, so it may be written ahead of the commit that makes it one. Of a
batch that is laid out aside nothing else of its name may be touched meanwhile: a second statement of it waits behind.

    note which (layout.LAID)    crash: a note of nothing
    lay out, slice by slice     crash: buckets nobody reads; the next sequencer sweeps them away
    commit, as any other        refused after all: removed here
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import redis

from verifier.node.lease import Lease, LeaseLost
from verifier.statements import cbor
from verifier.statements.batch import Batch
from verifier.statements.envelope import Statement, read
from verifier.statements.errors import Malformed, Refused, StatementError
from verifier.statements.kinds import body_of
from verifier.store import layout
from verifier.store.projection import MOST_PACKS, Manifests, Openings, laid_out, lay_out, open_batch, remove

Note = list[str | int]
LARGE = 16_384
"""Packs that take the node about a tenth of a second: more are laid out aside."""
SLICE_S = 0.2
"""How long a statement may have to wait for a batch that is laid out aside."""
MOST_ASIDE = 64


class Layer:
    """Lays batches out, and knows which of them are no leaves yet."""

    def __init__(self, lease: Lease, openings: Openings, manifests: Manifests) -> None:
        self.lease, self.openings, self.manifests = lease, openings, manifests
        self.notes: list[Note] = []
        self.done: dict[bytes, Exception | None] = {}
        """By id, what was laid out aside: None, or why it could not be."""

    def lay(self, statement: Statement, body: Batch) -> Iterator[int]:
        """Lay out a new batch from its manifest: some hundred buckets a step, and how many packs they hold. Raises
        Refused if it is not what the maker signed, and then leaves nothing."""
        if statement.id in self.done:
            if (fault := self.done[statement.id]) is not None:
                raise fault
            return
        if body.count > MOST_PACKS:
            raise Refused("count", value=body.count, expected=f"at most {MOST_PACKS} packs", found=str(body.count))
        opened = open_batch(statement.id, body, self.openings, self.manifests)
        if opened is None:
            expected = "its manifest among the deposits and its secret in the vault"
            raise Refused("manifest", value=body.batch, expected=expected, found="one of them missing")
        self.notes.append(_note(body))
        self._write_notes()
        try:
            yield from lay_out(body, opened, self.lease)
        except (redis.RedisError, LeaseLost):
            raise
        except Exception as fault:
            self._remove(body)
            raise _false(body, fault) if isinstance(fault, ValueError) else fault from fault

    def without(self, statements: Sequence[Statement]) -> list[Note]:
        """The notes that stand once these are leaves."""
        leaves = [[body.gtin, body.batch] for body in map(body_of, statements) if isinstance(body, Batch)]
        return [note for note in self.notes if note[:2] not in leaves]

    def forget(self, statement: Statement, body: Batch) -> None:
        """A batch that was laid out aside is a leaf now, or was refused after all: then it is removed."""
        self.done.pop(statement.id, None)
        if _note(body) in self.notes:
            self._remove(body)

    def _remove(self, body: Batch) -> None:
        """Only what is noted is ever removed: the buckets of a leaf bear the same names."""
        remove(self.lease, laid_out(body.gtin, body.batch, body.k))
        self.notes.remove(_note(body))
        self._write_notes()

    def _write_notes(self) -> None:
        if self.notes:
            self.lease.put({layout.LAID: cbor.encode(self.notes)})
        else:
            self.lease.remove([layout.LAID])


@dataclass(frozen=True, slots=True)
class Waiting:
    """A batch aside, and the tokens of the doors that wait for it."""

    statement: Statement
    body: Batch
    tokens: list[bytes]


class Aside:
    """The batches that are laid out aside, one after the other."""

    def __init__(self, layer: Layer) -> None:
        self._layer = layer
        self._waiting: list[Waiting] = []
        self._work: Iterator[int] | None = None

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def take(self, pairs: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """Keep the (token, statement) pairs of large batches, and of any whose name waits here; the others."""
        return [(token, raw) for token, raw in pairs if not self._takes(token, raw)]

    def _takes(self, token: bytes, raw: bytes) -> bool:
        try:
            body = body_of(statement := read(raw))
        except StatementError:
            return False
        if not isinstance(body, Batch):
            return False
        for waiting in self._waiting:
            if waiting.statement.id == statement.id:
                waiting.tokens.append(token)
                return True
        names = [(one.body.gtin, one.body.batch) for one in self._waiting]
        if body.count <= LARGE and (body.gtin, body.batch) not in names:
            return False
        if len(self._waiting) < MOST_ASIDE:  # else it is not answered: its sender hears that we are busy
            self._waiting.append(Waiting(statement, body, [token]))
        return True

    def go_on(self, admissible: Callable[[Statement], bool]) -> Waiting | None:
        """Lay out a slice of the oldest, if it is `admissible` at all; returns it when it is ready to be committed, or
        refused. Raises only what the store and the lease raise."""
        first = self._waiting[0]
        if self._work is None:
            if not admissible(first.statement):
                return self._waiting.pop(0)
            self._work = self._layer.lay(first.statement, first.body)
        deadline, fault = time.monotonic() + SLICE_S, None
        try:
            for _ in self._work:
                if time.monotonic() > deadline:
                    return None
        except (redis.RedisError, LeaseLost):
            raise
        except Exception as found:  # whatever it is, it refuses this batch, and is told where it is committed
            fault = found
        self._layer.done[first.statement.id] = fault
        self._work = None
        return self._waiting.pop(0)


def _note(body: Batch) -> Note:
    return [body.gtin, body.batch, body.k]


def _false(body: Batch, fault: ValueError) -> Refused:
    """The refusal of a batch that is not what its maker signed."""
    if isinstance(fault, Malformed) and fault.code == "count":
        return Refused("count", value=body.count, expected=fault.expected, found=fault.found)
    return Refused("manifest", value=body.batch, expected="serials under the root", found=str(fault))
