"""What every body is: a closed, frozen record that exists only if it is valid (CNIL C4).

The base class and the shared field types live here; each kind's own body has its own file.
"""

from typing import Annotated, Any, Self
from urllib.parse import quote

import cbor2
import msgspec
from msgspec import Meta

from verifier.identity.ai import TABLE
from verifier.statements import cbor
from verifier.statements.errors import Malformed

GS1 = "https://id.gs1.org/"
Gtin = Annotated[str, Meta(pattern=r"^[0-9]{14}$")]
Lot = Annotated[str, Meta(min_length=1, max_length=20)]
Serial = Annotated[str, Meta(min_length=1, max_length=20)]
Yymmdd = Annotated[str, Meta(pattern=r"^[0-9]{6}$")]
Country = Annotated[str, Meta(pattern=r"^[A-Z]{2}$")]
MemberId = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{1,39}$")]
Name = Annotated[str, Meta(min_length=1, max_length=120)]
Link = Annotated[str, Meta(pattern=r"^https://[!-~]{1,250}$")]
Digest = Annotated[bytes, Meta(min_length=32, max_length=32)]
PublicKey = Digest
Seconds = Annotated[int, Meta(ge=0, lt=2**53)]
Count = Annotated[int, Meta(ge=0, lt=2**53)]


class Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A kind's body. `subject` is what its statement must name; `check` holds what a type cannot say."""

    def subject(self) -> str:
        """The canonical subject of a statement with this body."""
        raise NotImplementedError

    def check(self) -> None:
        """Raise Malformed if the fields disagree with each other."""

    def deposits(self) -> tuple[bytes, ...]:
        """The SHA-256 of each deposit that the statement refers to: it is kept while the statement stands."""
        return ()

    def encode(self) -> bytes:
        """The payload: deterministic CBOR, fields that are null left out. What breaks a rule is refused when read."""
        fields = msgspec.to_builtins(self, builtin_types=(bytes,))
        return cbor2.dumps({name: value for name, value in fields.items() if value is not None}, canonical=True)

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Parse a payload; raises Malformed naming the field."""
        return cls.of(cbor.decode(payload))

    @classmethod
    def of(cls, fields: dict[str, Any]) -> Self:
        """The body of plain fields; raises Malformed naming the field."""
        try:
            body = msgspec.convert(fields, type=cls, strict=True, builtin_types=(bytes,))
        except msgspec.ValidationError as fault:
            expected = f"the fields of {cls.__name__}"
            raise Malformed("body", value=cls.__name__, expected=expected, found=str(fault)[:200]) from fault
        if None in fields.values():
            raise Malformed("body", value=cls.__name__, expected="null fields left out", found="a field that is null")
        body.check()
        return body


def lot_link(gtin: str, batch: str) -> str:
    """The lot's canonical Digital Link, of elements already known to be GS1's.

    >>> lot_link("09521000000018", "A/1")
    'https://id.gs1.org/01/09521000000018/10/A%2F1'
    """
    return f"{GS1}01/{gtin}/10/{quote(batch, safe='')}"


def check_gs1(gtin: str, batch: str | None = None) -> None:
    """Raise Malformed unless these are a GTIN and a lot as GS1 has them."""
    try:
        TABLE["01"].check(gtin)
        if batch is not None:
            TABLE["10"].check(batch)
    except ValueError as fault:
        raise Malformed("gs1", value=gtin, expected="a valid GS1 key", found=str(fault)) from fault
