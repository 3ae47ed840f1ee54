"""What no proof can show, signed: a pack's state, and every statement that applies to it, as of one checkpoint.

An answer is not a leaf. Auditors replay it: one id left out convicts the node that signed it.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from verifier.statements.body import GS1, Body, Count, Country, Digest, Seconds
from verifier.statements.errors import Malformed

State = Literal["active", "supplied", "destroyed", "stolen", "unknown", "mismatch", "not_registered", "no_serial"]
Ids = Annotated[list[Digest], Meta(max_length=1000)]


class Stop(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, array_like=True):
    """One stop of a pack's way as strangers may see it: the step, the day, the country; never who."""

    step: Annotated[str, Meta(max_length=20)]
    day: Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
    country: Country
    gap_before: bool


class Answer(Body, frozen=True, kw_only=True):
    """`identity` is the pack's canonical Digital Link, expiry included; `applies` are the ids shown with it,
    `withheld` those of events, which name their holders. Both sorted, each once. `audience` is whom it was given to,
    if not to anybody; only a professional is told that a serial is known in another lot or with another date. Of a box
    that carries no serial the state is `no_serial`, whatever its product and lot: it answers for their recalls alone.
    """

    identity: Annotated[str, Meta(min_length=1, max_length=512)]
    size: Count
    root: Digest
    time: Seconds
    state: State
    applies: Ids
    withheld: Ids
    custody: Annotated[list[Stop], Meta(max_length=1000)]
    disputes: Count
    audience: Literal["professionals"] | None = None

    def subject(self) -> str:
        """The identity it answers about."""
        return self.identity

    def check(self) -> None:
        """A miss is told alike to everybody else: a guesser must not learn that he is near."""
        if self.state == "mismatch" and self.audience is None:
            raise Malformed("audience", value=self.state, expected="an answer to professionals", found="to anybody")

    @property
    def gtin(self) -> str:
        """The GTIN of the identity: whose maker may answer."""
        return self.identity.removeprefix(f"{GS1}01/")[:14]
