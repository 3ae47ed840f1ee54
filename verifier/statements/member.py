"""A member of the consortium: what it is, where, and which GS1 company prefixes are its own.

Endorsed by k of the root keys: k statements with this same body, each signed by another root.
"""

from typing import Annotated, Literal

from msgspec import Meta

from verifier.statements.body import Body, Country, MemberId, Name, PublicKey

Role = Literal["maker", "wholesaler", "carrier", "pharmacy", "hospital", "authority", "repackager"]


class Member(Body, frozen=True, kw_only=True):
    """`key` is the member's first key; further ones are `key` statements. `prefixes` never overlap another member's."""

    member: MemberId
    name: Name
    roles: Annotated[list[Role], Meta(min_length=1, max_length=7)]
    country: Country
    prefixes: Annotated[list[Annotated[str, Meta(pattern=r"^[0-9]{4,12}$")]], Meta(max_length=64)]
    key: PublicKey

    def subject(self) -> str:
        """`urn:probatum:member:<id>`."""
        return f"urn:probatum:member:{self.member}"
