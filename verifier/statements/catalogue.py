"""A catalogue: what an authority publishes about many products at once, of which one deposit holds the rows.

Fifteen thousand presentations cost one leaf. Nothing in it makes a box genuine: it only names what a code says.
"""

from datetime import date
from typing import Annotated

from msgspec import Meta

from verifier.statements.body import Body, Digest, Link, Name
from verifier.statements.errors import Malformed

MOST_ROWS = 200_000
MOST_BYTES = 64 * 2**20


class Catalogue(Body, frozen=True, kw_only=True):
    """`source` is its short name, by which a later one replaces it; `name` what people call it, `licence` the terms it
    is reused under; `rows` the SHA-256 of the deposit (statements/catalogue_rows), `size` in bytes, `count` in rows."""

    source: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
    name: Name
    published: Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
    licence: Name
    count: Annotated[int, Meta(ge=1, le=MOST_ROWS)]
    rows: Digest
    size: Annotated[int, Meta(ge=1, le=MOST_BYTES)]
    link: Link | None = None

    def subject(self) -> str:
        """`urn:probatum:catalogue:<source>`."""
        return f"urn:probatum:catalogue:{self.source}"

    def deposits(self) -> tuple[bytes, ...]:
        """The rows."""
        return (self.rows,)

    def check(self) -> None:
        """The day exists."""
        try:
            date.fromisoformat(self.published)
        except ValueError as fault:
            expected, found = "a day, YYYY-MM-DD", self.published
            raise Malformed("published", value=found, expected=expected, found=str(fault)[:60]) from fault
