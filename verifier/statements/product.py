"""A product: the GTIN, what people call it, and where its leaflet and its picture are."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from verifier.statements.body import GS1, Body, Digest, Gtin, Link, Name, check_gs1

MOST_IMAGE_BYTES = 512 * 1024


class Picture(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The picture of a pack, a deposit: what a browser may show without running anything (so no SVG). `size` is in
    bytes."""

    sha256: Digest
    media_type: Literal["image/jpeg", "image/png", "image/webp"]
    size: Annotated[int, Meta(ge=1, le=MOST_IMAGE_BYTES)]


class Product(Body, frozen=True, kw_only=True):
    """`leaflet` is an https link; `form` is the pharmaceutical form as people read it."""

    gtin: Gtin
    name: Name
    form: Annotated[str, Meta(max_length=120)] | None = None
    leaflet: Link | None = None
    image: Picture | None = None

    def subject(self) -> str:
        """`https://id.gs1.org/01/<gtin>`."""
        return f"{GS1}01/{self.gtin}"

    def deposits(self) -> tuple[bytes, ...]:
        """The picture, if there is one."""
        return (self.image.sha256,) if self.image else ()

    def check(self) -> None:
        """The GTIN's check digit is right."""
        check_gs1(self.gtin)
