r"""GS1 element strings, as a scanner sends them: AI, value, AI, value; FNC1 arrives as 0x1D (General Specs 7.8).

Strict where two readers could differ, tolerant only where the standard is: a value of predefined length may be
followed by a separator that it does not need, and so may the last element. One separator, no more: an empty element
is refused. A value that looks like AIs is a value up to its separator. Of AIs GS1 has not assigned the length is
unknown, so such an element is read up to the next separator and kept raw.

>>> parse("]d201095212340000131727123110A21B\x1d21ABC").elements
(('01', '09521234000013'), ('10', 'A21B'), ('21', 'ABC'), ('17', '271231'))
"""

from .ai import TABLE, WIDTH
from .errors import IdentityError, within_limit
from .identity import Element, Identity

SEPARATOR = "\x1d"
# ISO/IEC 15424 identifiers of carriers whose first character is FNC1: GS1-128, DataBar, DataMatrix (and its
# rectangular extension), QR, DotCode.
SYMBOLOGIES = frozenset({"]C1", "]e0", "]d2", "]d8", "]Q3", "]J1"})


def parse(raw: str | bytes) -> Identity:
    """The Identity of an element string, with or without its symbology identifier and first FNC1; AIs in any order.

    Raises IdentityError; bytes above 0x7F are in no GS1 character set and refused as `charset`.
    """
    return Identity(*split(raw.decode("latin-1") if isinstance(raw, bytes) else raw))


def split(raw: str) -> tuple[tuple[Element, ...], tuple[str, ...]]:
    """The elements as (AI, value) in the order read, their values not yet checked, and the raw unknown elements."""
    within_limit(raw, "GS1 element string")
    at = 3 if raw[:3] in SYMBOLOGIES else 0
    at += raw.startswith(SEPARATOR, at)
    if at == len(raw):
        raise IdentityError(raw, "GS1 element string", "an element", "nothing", "empty")
    known: list[Element] = []
    unknown: list[str] = []
    while at < len(raw):
        ai, start, stop = _element(raw, at)
        if ai is None:
            unknown.append(raw[at:stop])
        else:
            known.append((ai, raw[start:stop]))
        at = stop + raw.startswith(SEPARATOR, stop)
    return tuple(known), tuple(unknown)


def _element(raw: str, at: int) -> tuple[str | None, int, int]:
    """The AI that begins at `at`, or None if unknown, and where its value starts and stops."""
    stop = raw.find(SEPARATOR, at)
    if stop < 0:
        stop = len(raw)
    head = raw[at : at + 2]
    if stop == at or not (head.isascii() and head.isdigit() and len(head) == 2):
        found, code = ("an empty element", "empty") if stop == at else (repr(head), "not_gs1")
        raise IdentityError(raw[at:stop] or raw, "GS1 element", "an application identifier", found, code)
    start = at + WIDTH.get(head, 2)
    spec = TABLE.get(raw[at:start])
    if spec is None:
        return None, at, stop
    return spec.code, start, stop if spec.length is None else min(stop, start + spec.length)
