"""What is told beside a verdict and changes none: what the product is, and the notice of each recall that is told.

Here is who said it and when they say they did; whether they may say it was asked before (judge), or by whoever looks
a product up in a catalogue.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from verifier.statements.envelope import Statement
from verifier.statements.product import Product
from verifier.statements.recall import Recall

LAST = 253_402_300_799  # 9999-12-31T23:59:59Z
Source = Literal["maker", "catalogue"]


@dataclass(frozen=True, slots=True)
class Information:
    """A product as its maker signed it, or as a catalogue that an authority signed has it. `said_by` is the maker's or
    the catalogue's name, `day` (YYYY-MM-DD) the one they declare; `image` is the SHA-256 of the picture (hex)."""

    name: str
    form: str | None
    leaflet: str | None
    image: str | None
    source: Source
    said_by: str
    day: str
    contents: str | None = None

    def json(self) -> dict[str, Any]:
        """As every door shows it."""
        return {
            "name": self.name,
            "form": self.form,
            "contents": self.contents,
            "leaflet": self.leaflet,
            "image": self.image,
            "source": self.source,
            "said_by": self.said_by,
            "as_of": self.day,
        }


@dataclass(frozen=True, slots=True)
class Notice:
    """A recall in the words of who signed it; `day` as above."""

    depth: str
    reason: str
    instructions: str | None
    link: str | None
    said_by: str
    day: str

    def json(self) -> dict[str, Any]:
        """As every door shows it."""
        return {
            "depth": self.depth,
            "reason": self.reason,
            "instructions": self.instructions,
            "link": self.link,
            "said_by": self.said_by,
            "as_of": self.day,
        }


def of_product(body: Product, said_by: str, statement: Statement) -> Information:
    """What a registered product statement says."""
    image = body.image.sha256.hex() if body.image else None
    return Information(body.name, body.form, body.leaflet, image, "maker", said_by, day_of(statement))


def of_recall(body: Recall, said_by: str, statement: Statement) -> Notice:
    """What a registered recall says."""
    return Notice(body.depth, body.reason, body.instructions, body.link, said_by, day_of(statement))


def day_of(statement: Statement) -> str:
    """The day (UTC) on which its signer says that it was signed; the calendar's last for what lies beyond."""
    return datetime.fromtimestamp(min(statement.issued_at, LAST), UTC).date().isoformat()
