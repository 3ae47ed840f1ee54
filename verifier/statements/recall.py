"""A recall: of a product, of lots, or of single packs; to pharmacies, or down to patients. Never undone."""

from typing import Annotated, Literal

from msgspec import Meta

from verifier.statements.body import GS1, Body, Gtin, Link, Lot, Name, Serial, check_gs1, lot_link
from verifier.statements.errors import Malformed


class Recall(Body, frozen=True, kw_only=True):
    """No `batches` means the whole product (a withdrawal); `serials` narrow a recall of exactly one batch.
    `instructions` say what to do, `link` leads to the notice."""

    gtin: Gtin
    depth: Literal["patients", "pharmacies"]
    reason: Name
    batches: Annotated[list[Lot], Meta(min_length=1, max_length=500)] | None = None
    serials: Annotated[list[Serial], Meta(min_length=1, max_length=500)] | None = None
    instructions: Annotated[str, Meta(min_length=1, max_length=300)] | None = None
    link: Link | None = None

    def subject(self) -> str:
        """The lot's link when it is one lot, the product's otherwise."""
        if self.batches and len(self.batches) == 1:
            return lot_link(self.gtin, self.batches[0])
        return f"{GS1}01/{self.gtin}"

    def check(self) -> None:
        """Serials need one batch; lots are sorted and each named once."""
        check_gs1(self.gtin)
        for batch in self.batches or ():
            check_gs1(self.gtin, batch)
        if self.serials and len(self.batches or ()) != 1:
            raise Malformed("serials", expected="exactly one batch", found=f"{len(self.batches or ())} batches")
        if self.batches and sorted(set(self.batches)) != self.batches:
            raise Malformed("batches", expected="sorted, each once", found=str(self.batches)[:80])

    def covers(self, batch: str | None, serial: str | None) -> bool:
        """Whether a pack of this GTIN is recalled by it."""
        if self.batches is None:
            return True
        return batch in self.batches and (self.serials is None or serial in self.serials)
