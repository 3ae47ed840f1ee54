"""One spelling a value: base64 and decimals as the C2SP formats write them; every other spelling is refused here.

Only what several formats of this room share may live here, with the root of the room's errors.

>>> decode_base64("AQI=", LedgerError)
b'\\x01\\x02'
>>> decode_base64("AQJ=", LedgerError)
Traceback (most recent call last):
verifier.ledger.encoding.LedgerError: base64: expected 'AQI=', found 'AQJ='
"""

from base64 import b64decode, b64encode

HASH_BYTES = 32
MAX_SIZE = 2**63 - 1  # leaves; what a signed 64-bit reader of the same log can still hold


class LedgerError(ValueError):
    """What was wrong (`value`), what was `expected` and what was `found`; the message says all three."""

    def __init__(self, value: str, *, expected: object, found: object) -> None:
        super().__init__(f"{value}: expected {expected}, found {found}")
        self.value, self.expected, self.found = value, expected, found


def encode_base64(data: bytes) -> str:
    """RFC 4648 section 4, with padding."""
    return b64encode(data).decode("ascii")


def decode_base64(text: str, fail: type[LedgerError]) -> bytes:
    """The bytes of canonical base64; raises `fail` on any other spelling of them."""
    try:
        data = b64decode(text, validate=True)
    except ValueError:
        raise fail("base64", expected="the alphabet of RFC 4648, padded", found=repr(text[:100])) from None
    # b64decode ignores the bits that padding leaves unused: the same bytes would have several spellings
    if (canonical := encode_base64(data)) != text:
        raise fail("base64", expected=repr(canonical[:100]), found=repr(text[:100]))
    return data


def decode_hash(text: str, fail: type[LedgerError]) -> bytes:
    """The 32 bytes of a base64 hash; raises `fail`."""
    data = decode_base64(text, fail)
    if len(data) != HASH_BYTES:
        raise fail("hash", expected=f"{HASH_BYTES} bytes", found=f"{len(data)} bytes")
    return data


def decode_decimal(text: str, what: str, fail: type[LedgerError]) -> int:
    """0 to 2^63 - 1 in ASCII digits without leading zeros; raises `fail` naming `what`.

    >>> decode_decimal("017", "size", LedgerError)
    Traceback (most recent call last):
    verifier.ledger.encoding.LedgerError: size: expected ASCII digits without leading zeros, found '017'
    """
    # isdecimal alone takes the digits of every script; a length limit keeps int() from quadratic work
    if not (text.isascii() and text.isdecimal()) or (text[0] == "0" and text != "0"):
        raise fail(what, expected="ASCII digits without leading zeros", found=repr(text[:100]))
    if len(text) > len(str(MAX_SIZE)) or int(text) > MAX_SIZE:
        raise fail(what, expected=f"at most {MAX_SIZE}", found=text[:100])
    return int(text)
