"""A batch: one signature for every pack in it, through the root of its serial tree (statements/serials)."""

from datetime import date
from typing import Annotated

from msgspec import Meta

from verifier.identity import expires_on
from verifier.statements.body import Body, Country, Digest, Gtin, Lot, PublicKey, Yymmdd, check_gs1, lot_link
from verifier.statements.errors import Malformed

EPOCH = date(2026, 1, 1)  # any day will do: only the form of the date is checked here


class Batch(Body, frozen=True, kw_only=True):
    """`expiry` is the YYMMDD of AI (17); `manifest` the SHA-256 of the encrypted deposit; 2^k buckets under `root`.
    `pack_key`, where there is one, signs this batch's packs and nothing else (statements/pack_signature); its private
    half is destroyed once they are printed."""

    gtin: Gtin
    batch: Lot
    expiry: Yymmdd
    market: Annotated[list[Country], Meta(min_length=1, max_length=60)]
    count: Annotated[int, Meta(ge=1, le=100_000_000)]
    k: Annotated[int, Meta(ge=0, le=24)]
    manifest: Digest
    root: Digest
    pack_key: PublicKey | None = None

    def subject(self) -> str:
        """The lot's Digital Link, `https://id.gs1.org/01/<gtin>/10/<batch>`."""
        return lot_link(self.gtin, self.batch)

    def deposits(self) -> tuple[bytes, ...]:
        """The manifest."""
        return (self.manifest,)

    def check(self) -> None:
        """GTIN, lot and date are GS1's."""
        check_gs1(self.gtin, self.batch)
        try:
            expires_on(self.expiry, EPOCH)
        except ValueError as fault:
            raise Malformed("expiry", value=self.expiry, expected="YYMMDD", found=str(fault)) from fault
