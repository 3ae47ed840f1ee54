"""Who may read a statement? One pure rule: its kind's class of readers, whom it concerns, who asks.

The classes stand in kinds.json beside the kinds that name them, each a list of words; here each word meets its test.
Who made a pack, or held it before, is no party to what others do with it: each owns the data that it made itself, and
an authority may investigate (Reg. (EU) 2016/161 Art. 38, 39). A maker learns counts, never where a pack was supplied.
Who keeps the ledger holds all of it, so that no fire at one place is the end of it: the registry, and each member that
the policy names as a witness. They hand it on under this same rule.
Of a kind that is not for anyone, strangers learn what its `strangers` column names, through the node's answer: the
field-level half of the rule is that an answer's Stop has no other field.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from verifier.statements.envelope import MEMBER, Statement
from verifier.statements.event import Event
from verifier.statements.kinds import TABLE, Kind, body_of


class Reader(Protocol):
    """An enrolled member that asks, proven by a signed request."""

    @property
    def member(self) -> str:
        """Its id."""

    @property
    def roles(self) -> frozenset[str]:
        """Its roles."""

    @property
    def witness(self) -> bool:
        """Whether the log's policy has it for a witness: that one's key is named by its member's id."""


@dataclass(frozen=True, slots=True)
class Parties:
    """Whom a statement concerns, as member ids. `named`: the source and destination of an event."""

    signer: str
    named: frozenset[str] = frozenset()


WORDS: Mapping[str, Callable[[Parties, Reader], bool]] = {
    "signer": lambda parties, reader: reader.member == parties.signer,
    "named": lambda parties, reader: reader.member in parties.named,
    "authority": lambda _, reader: "authority" in reader.roles,
    "registry": lambda _, reader: "registry" in reader.roles,
    "witness": lambda _, reader: reader.witness,
}
"""Each word of a class but "anyone", which asks nothing."""

CLASSES: Mapping[str, tuple[str, ...]] = {name: tuple(words) for name, words in TABLE["readers"].items()}


def may_read(kind: Kind, parties: Parties, reader: Reader | None) -> bool:
    """Whether `reader` (None: somebody whom nothing proves) may read a statement of `kind` that concerns `parties`."""
    return _is_one(CLASSES[kind.readers], parties, reader)


def may_fetch(parties: Parties, reader: Reader | None) -> bool:
    """Whether `reader` may have the deposits that a statement which concerns `parties` names."""
    return _is_one(CLASSES["deposits"], parties, reader)


def _is_one(words: tuple[str, ...], parties: Parties, reader: Reader | None) -> bool:
    return "anyone" in words or (reader is not None and any(WORDS[word](parties, reader) for word in words))


def parties_of(statement: Statement) -> Parties:
    """Whom it concerns, by what it says itself; raises Malformed if it is not well formed."""
    body = body_of(statement)
    if not isinstance(body, Event):
        return Parties(statement.member)
    event = body.read()
    named = (one.removeprefix(MEMBER) for one in (event.source, event.destination) if one)
    return Parties(statement.member, frozenset(named))
