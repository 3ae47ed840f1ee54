"""What the leaves of a log say, heard in their order: each statement's hash, number and strict reading, and whether its
signer was entitled there. Nothing is fetched here; members and keys are all that is remembered.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256

from verifier.statements.clock import Clock
from verifier.statements.envelope import Statement, read, usable_key
from verifier.statements.errors import Malformed, Refused
from verifier.statements.genesis import Genesis
from verifier.statements.kinds import KINDS, body_of
from verifier.statements.roster import KeyRecord, Roster, enrol, signer

OK, NOT_SHOWN = 200, frozenset({401, 403, 404})


class Lied(Exception):
    """What was shown contradicts what was signed or trusted: the resource, its first wrong byte (None where only the
    whole is wrong, such as a signature), what was expected there and what was found."""

    def __init__(self, path: str, offset: int | None, expected: object, found: object) -> None:
        super().__init__(path, offset, expected, found)
        self.path, self.offset, self.expected, self.found = path, offset, _plain(expected), _plain(found)

    def __str__(self) -> str:
        where = self.path if self.offset is None else f"{self.path}, byte {self.offset}"
        return f"{where}: expected {self.expected}, found {self.found}"


def _plain(said: object) -> str:
    """At most 300 characters, none of which a terminal obeys: a stranger may have written them.

    >>> _plain("\\x1b[2Jall agree")
    '\\\\x1b[2Jall agree'
    """
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in str(said)[:300])


class Unreached(Exception):
    """The log was not reached, or not understood: this says nothing of what it holds."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a path gave: the status, the body up to one byte over the limit asked for, the Probatum-Leaf header."""

    status: int
    body: bytes
    leaf: str | None = None


@dataclass(slots=True)
class Testimony:
    """How many statements were `read`, of which `kinds`; and how many leaves are `withheld` from whoever asks."""

    read: int = 0
    withheld: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    _roster: Roster = field(default_factory=Roster)
    _clock: tuple[int, int] = (0, 0)

    def hear(self, index: int, one: bytes, answer: Answer, root: Callable[[], bytes]) -> None:
        """The statement of leaf `index`, whose id is `one`: hashed, numbered, read, its signer asked for; or withheld,
        and counted. `root` gives that of the leaves before it. Raises Lied or Unreached."""
        path = f"entries/{one.hex()}"
        if answer.status in NOT_SHOWN and index:
            self.withheld += 1
            return
        if answer.status != OK:
            raise Lied(path, None, f"status {OK}", answer.status)
        if (digest := sha256(answer.body).digest()) != one:
            raise Lied(path, None, f"bytes whose SHA-256 is {one.hex()}", digest.hex())
        if answer.leaf != str(index):
            raise Lied(path, None, f"Probatum-Leaf: {index}", answer.leaf)
        try:
            statement = read(answer.body)
            if statement.id != one:  # its bytes hash to the id, but the id leaves the unprotected headers out
                raise Refused("not_registered_form", expected="no unprotected header", found="some")
            self._replay(path, index, statement, root)
        except (Malformed, Refused) as fault:
            rule = fault.code.replace("_", " ")
            hidden = f" ({self.withheld} earlier leaves are withheld)" if self.withheld else ""
            raise Lied(path, None, f"{rule}: {fault.expected}", f"{fault.found}{hidden}") from fault
        self.read += 1
        self.kinds[statement.kind] += 1

    def _replay(self, path: str, index: int, statement: Statement, root: Callable[[], bytes]) -> None:
        """The statement may be a leaf, by whoever signed it, here; raises Malformed, Refused, Lied or Unreached."""
        if statement.kind not in KINDS:
            raise Unreached(f"{path}: a statement of kind {statement.kind[:40]!r}, which this auditor does not know")
        kind, body = KINDS[statement.kind], body_of(statement)
        if not kind.leaf:
            raise Refused("not_a_leaf", value=kind.name, expected="a kind that is registered", found=kind.name)
        if kind.reducer == "enrol":
            self._enrol(statement, index)
        else:
            signer(statement, index, self._roster)
        if isinstance(body, Clock):
            self._tick(path, index, body, root)

    def _enrol(self, statement: Statement, index: int) -> None:
        records, body = enrol(statement, index, self._roster), body_of(statement)
        for record in records:
            if isinstance(record, KeyRecord) and not usable_key(record.public):
                raise Refused("weak_key", value=record.kid.hex(), expected="a usable key", found="a weak point")
        threshold = body.threshold if isinstance(body, Genesis) else self._roster.k
        self._roster = self._roster.with_records(records, threshold)

    def _tick(self, path: str, index: int, clock: Clock, root: Callable[[], bytes]) -> None:
        """Clocks go forward, and name a checkpoint of this very tree."""
        size, time = self._clock
        if not size < clock.size <= index or clock.time < time:
            expected = f"a checkpoint of {size + 1} to {index} leaves, at {time} or later"
            raise Lied(path, None, expected, f"{clock.size} leaves at {clock.time}")
        if clock.size == index and clock.root != root():
            raise Lied(path, None, f"the root {root().hex()} of {index} leaves", clock.root.hex())
        self._clock = clock.size, clock.time
