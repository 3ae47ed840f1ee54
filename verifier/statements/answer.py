"""What no proof can show, signed: a pack's state, and every statement that applies to it, as of one checkpoint.

An answer is not a leaf. Auditors replay it: one id left out convicts the node that signed it.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from verifier.statements.body import Body, Count, Country, Digest, Seconds

State = Literal["active", "supplied", "destroyed", "stolen", "unknown", "not_registered"]
Ids = Annotated[list[Digest], Meta(max_length=1000)]


class Stop(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, array_like=True):
    """One stop of a pack's way as strangers may see it: the step, the day, the country; never who."""

    step: Annotated[str, Meta(max_length=20)]
    day: Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
    country: Country
    gap_before: bool


class Answer(Body, frozen=True, kw_only=True):
    """`identity` is the pack's canonical Digital Link, expiry included; `applies` are the ids shown with it,
    `withheld` those of events, which name their holders. Both sorted, each once."""

    identity: Annotated[str, Meta(min_length=1, max_length=512)]
    size: Count
    root: Digest
    time: Seconds
    state: State
    applies: Ids
    withheld: Ids
    custody: Annotated[list[Stop], Meta(max_length=1000)]
    disputes: Count

    def subject(self) -> str:
        """The identity it answers about."""
        return self.identity
