"""A product: the GTIN and what people call it."""

from typing import Annotated

from msgspec import Meta

from verifier.statements.body import GS1, Body, Gtin, Link, Name, check_gs1


class Product(Body, frozen=True, kw_only=True):
    """`leaflet` is an https link; `form` is the pharmaceutical form as people read it."""

    gtin: Gtin
    name: Name
    form: Annotated[str, Meta(max_length=120)] | None = None
    leaflet: Link | None = None

    def subject(self) -> str:
        """`https://id.gs1.org/01/<gtin>`."""
        return f"{GS1}01/{self.gtin}"

    def check(self) -> None:
        """The GTIN's check digit is right."""
        check_gs1(self.gtin)
