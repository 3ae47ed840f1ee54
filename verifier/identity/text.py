"""What a person types or a wedge scanner sends: which of the four writings is it? The parsing itself is elsewhere.

>>> parse_text("3 400930 000120").gtin
'03400930000120'
>>> parse_text("EXP 12")
Traceback (most recent call last):
verifier.identity.errors.IdentityError: Failed to parse 'EXP 12' as GS1 code: expected a GTIN, AIs or a link, found \
other text.
"""

import re
from collections.abc import Callable

from . import digital_link, gs1
from .ai import TABLE, check_digit
from .errors import IdentityError, within_limit
from .identity import Element, Identity
from .national import of_code_39

BLANKS = " \t\r\n"  # never str.strip() alone: Python holds 0x1D for a blank
WHAT = "GS1 code"
_LINK = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_GTIN = re.compile(r"[0-9]{8}|[0-9]{12,14}")
_RAW = re.compile(rf"(?:{'|'.join(map(re.escape, sorted(gs1.SYMBOLOGIES)))})|\x1d|[0-9]{{2}}")


def parse_text(text: str, hosts: frozenset[str] = digital_link.HOSTS) -> Identity:
    r"""The Identity of a link, a bracketed or raw element string, or a bare GTIN of 8, 12, 13 or 14 digits.

    In brackets, a value that holds "(" is written with a backslash before it, as in GS1's own tools: `(10)A\(1)`.
    Raises IdentityError, `not_gs1` if it is none of these; ForeignLink for any other link.
    """
    text = within_limit(within_limit(text, WHAT).strip(BLANKS), WHAT)
    if _LINK.match(text):
        return digital_link.parse(text, hosts)
    if text.startswith("("):
        return Identity(*_bracketed(text))
    digits = text.replace(" ", "")
    if _GTIN.fullmatch(digits):
        return of_gtin(digits)
    if _RAW.match(text):
        return gs1.parse(text)
    raise IdentityError(text, WHAT, "a GTIN, AIs or a link", "other text", "not_gs1")


def parse_scanned(text: str, symbology: str, hosts: frozenset[str] = digital_link.HOSTS) -> Identity:
    """The Identity of what a scanner read in a symbol of this symbology (ISO/IEC 15424 identifier).

    >>> parse_scanned("02345673", "]E4").gtin
    '00000002345673'
    """
    if symbology in gs1.SYMBOLOGIES:
        return gs1.parse(text)
    if symbology in BY_SYMBOLOGY:
        return BY_SYMBOLOGY[symbology](within_limit(text, WHAT))
    return parse_text(text, hosts)


def of_gtin(digits: str, lengths: str = "8, 12, 13 or 14") -> Identity:
    """The Identity of a bare GTIN; raises IdentityError `length`, `charset` or `check_digit`.

    >>> of_gtin("3400930000120").gtin
    '03400930000120'
    """
    if not (digits.isascii() and digits.isdigit()):
        raise IdentityError(digits, "GTIN", "digits", repr(digits[:20]), "charset")
    if str(len(digits)) not in re.findall("[0-9]+", lengths):
        raise IdentityError(digits, "GTIN", f"{lengths} digits", str(len(digits)), "length")
    check_digit(digits, "GTIN", 0, len(digits))
    return Identity((("01", digits.zfill(14)),))


def _bracketed(text: str) -> tuple[tuple[Element, ...], tuple[str, ...]]:
    known: list[Element] = []
    unknown: list[str] = []
    for element in re.split(r"(?<!\\)\(", text)[1:]:
        ai, closed, value = element.partition(")")
        value = value.strip(BLANKS).replace("\\(", "(")
        if not closed or re.fullmatch("[0-9]{2,4}", ai) is None:
            raise IdentityError(f"({element}", "GS1 element", "an AI in brackets", repr(ai[:80]), "not_gs1")
        if ai in TABLE:
            known.append((ai, value))
        else:
            unknown.append(ai + value)
    return tuple(known), tuple(unknown)


BY_SYMBOLOGY: dict[str, Callable[[str], Identity]] = {
    "]E0": lambda text: of_gtin(text, "13"),  # EAN-13, and UPC-A and UPC-E as the EAN-13 they stand for
    "]E4": lambda text: of_gtin(text, "8"),
    "]I1": lambda text: of_gtin(text, "14"),
    "]A0": of_code_39,
}
"""Linear symbologies that carry one number, and who reads it."""
