"""Who may read a statement? One pure rule: its kind's class of readers, whom it concerns, who asks.

The classes stand in kinds.json beside the kinds that name them, each a list of words; here each word meets its test.
Of a kind that is not for anyone, strangers learn what its `strangers` column names, through the node's answer: the
field-level half of the rule is that an answer's Stop has no other field.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from verifier.statements.kinds import TABLE, Kind

NOBODY: frozenset[str] = frozenset()


class Reader(Protocol):
    """An enrolled member that asks, proven by a signed request."""

    @property
    def member(self) -> str:
        """Its id."""

    @property
    def roles(self) -> frozenset[str]:
        """Its roles."""


@dataclass(frozen=True, slots=True)
class Parties:
    """Whom a statement concerns, as member ids. `named`: its source and destination; `makers` and `holders`: who made,
    and who once held, *every* pack it tells of, so that a party to one pack is not shown the serials of others."""

    signer: str
    named: frozenset[str] = NOBODY
    makers: frozenset[str] = NOBODY
    holders: frozenset[str] = NOBODY


WORDS: Mapping[str, Callable[[Parties, Reader], bool]] = {
    "signer": lambda parties, reader: reader.member == parties.signer,
    "named": lambda parties, reader: reader.member in parties.named,
    "maker": lambda parties, reader: reader.member in parties.makers,
    "holder": lambda parties, reader: reader.member in parties.holders,
    "authority": lambda _, reader: "authority" in reader.roles,
}
"""Each word of a class but "anyone", which asks nothing."""

CLASSES: Mapping[str, tuple[str, ...]] = {name: tuple(words) for name, words in TABLE["readers"].items()}


def may_read(kind: Kind, parties: Parties, reader: Reader | None) -> bool:
    """Whether `reader` (None: somebody whom nothing proves) may read a statement of `kind` that concerns `parties`."""
    words = CLASSES[kind.readers]
    return "anyone" in words or (reader is not None and any(WORDS[word](parties, reader) for word in words))
