r"""What a scanner that types like a keyboard can do to a code on its way, and how to say so.

The rule of this door: damage is said, with the reading it suggests, and never mended unasked; a wrong lot read without
an error is worse than an unread one. Told are: Caps Lock, where the code's own letters show it; a US scanner on an
AZERTY or QWERTZ keyboard; and separators (0x1D) that were not sent, so that one value swallows the next element.

What nobody can tell: Caps Lock on an element string without its symbology identifier, or QWERTZ on one whose letters
are Y and Z alone: these read as other serials. Two undamaged codes look damaged: a link with host and scheme in
capitals and small letters after it, and a lot that ends in 21 and thirteen characters of our serials' alphabet.

>>> damage("]D2010952123400001310lot1\x1d21abc")
Damage(code='caps_lock', suggested=']d2010952123400001310LOT1\x1d21ABC')
>>> damage("$déà&àç(é&é\"'àààà&\"&àqé&").code
'layout_azerty'
>>> damage("01095212340000131727123110LOT121A7K2M9Y3X8HBC")
Damage(code='lost_separator', suggested='01095212340000131727123110LOT1\x1d21A7K2M9Y3X8HBC')
"""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from . import digital_link, gs1
from .ai import TABLE, WIDTH
from .errors import IdentityError
from .identity import Identity
from .text import BLANKS, parse_text

# The same keys in the same order, unshifted then shifted: what a US keyboard types, and what the other one does.
US = "`1234567890-=qwertyuiop[]\\asdfghjkl;'zxcvbnm,./" + '~!@#$%^&*()_+QWERTYUIOP{}|ASDFGHJKL:"ZXCVBNM<>?'
AZERTY = "²&é\"'(-è_çà)=azertyuiop^$*qsdfghjklmùwxcvbn,;:!" + "\0" + "1234567890°+AZERTYUIOP¨£µQSDFGHJKLM%WXCVBN?./§"
QWERTZ = "^1234567890ß´qwertzuiopü+#asdfghjklöäyxcvbnm,.-" + "°!\"§$%&/()=?`QWERTZUIOPÜ*'ASDFGHJKLÖÄYXCVBNM;:_"
UNDO: dict[str, Callable[[str], str]] = {
    "caps_lock": str.swapcase,
    "layout_azerty": lambda text: text.translate(str.maketrans(AZERTY, US)),
    "layout_qwertz": lambda text: text.translate(str.maketrans(QWERTZ, US)),
}
PACK = ("01", "10", "17", "21")
SWALLOWED = (*PACK, "710", "711", "712", "713", "714", "715", "716")
LONGEST = 160  # characters; the fullest code of a pack without its signature is shorter
READINGS = 64
_OWN_SERIAL = re.compile("[0-9A-HJ-NPR-Y]{13}")  # statements/numbering; Q, Z, I and O are none of ours
_ENCODED = re.compile("%[0-9A-Fa-f]{2}")
_CAPITAL_LINK = re.compile(r"HTTPS?://[A-Z0-9.:-]+/")


@dataclass(frozen=True, slots=True)
class Damage:
    """`code` is caps_lock, layout_azerty, layout_qwertz or lost_separator; `suggested` the code as it may have been,
    None where it can be read in more than one way."""

    code: str
    suggested: str | None


def damage(text: str, hosts: frozenset[str] = digital_link.HOSTS, read: Identity | None = None) -> Damage | None:
    """What happened to this text on its way, or None: nothing that can be told. Never raises. `read` is what the text
    says, for whoever has parsed it."""
    text = text.strip(BLANKS)
    read = read or _try(text, hosts)
    if read is not None:
        letters = _ENCODED.sub("", text)
        if _CAPITAL_LINK.match(text) and letters != letters.upper():
            return Damage("caps_lock", text.swapcase())
        return _unseparated(text, read)
    undone = {code: undo(text) for code, undo in UNDO.items()}
    for code, mended in undone.items():
        if mended != text and (identity := _try(mended, hosts)) is not None:
            also = _unseparated(mended, identity)  # Ctrl and ], which type a separator, are other keys there
            return Damage(code, also.suggested if also else mended)
    if told := _unseparated(text, None):
        return told
    for code, mended in undone.items():
        if mended != text and (also := _unseparated(mended, None)):
            return Damage(code, also.suggested)
    return None


def _try(text: str, hosts: frozenset[str]) -> Identity | None:
    with suppress(IdentityError):
        return parse_text(text, hosts)
    return None


class Reading(NamedTuple):
    """One way to read an element string that has lost its separators: as it was sent, and what it says."""

    text: str
    identity: Identity


def _unseparated(text: str, read: Identity | None) -> Damage | None:
    """Damage `lost_separator` where a pack comes out once one is put back, and as it stands none does."""
    if gs1.SEPARATOR in text or len(text) > LONGEST or (read is not None and read.serial is not None):
        return None
    start = 3 if text[:3] in gs1.SYMBOLOGIES else 0
    if text[start : start + 2] not in WIDTH:
        return None
    found = list(_readings(text, start))
    own = [one for one in found if _OWN_SERIAL.fullmatch(one.identity.serial or "")]
    if read is not None and not own:
        return None  # a lot may well hold "21"
    best = own or found
    return Damage("lost_separator", best[0].text if len(best) == 1 else None) if best else None


def _readings(text: str, start: int) -> Iterator[Reading]:
    """Every way to put separators back that gives a whole pack, READINGS at most."""
    for ends in islice(_parted(text, start, ()), READINGS):
        separated = _with_separators(text, ends)
        with suppress(IdentityError):
            identity = gs1.parse(separated)
            if all(identity.get(ai) is not None for ai in PACK):
                yield Reading(separated, identity)


def _parted(text: str, at: int, ends: tuple[int, ...], said: frozenset[str] = frozenset()) -> Iterator[tuple[int, ...]]:
    """The places, one after each variable element but the last, where a separator may have stood; no AI is said twice,
    so that the ways are few."""
    if at == len(text):
        yield ends
        return
    spec = TABLE.get(text[at : at + WIDTH.get(text[at : at + 2], 2)])
    if spec is None or spec.code in said:
        return
    value, said = at + len(spec.code), said | {spec.code}
    if spec.length is not None:
        if value + spec.length <= len(text):
            yield from _parted(text, value + spec.length, ends, said)
        return
    yield ends
    for end in range(value + 1, min(value + 20, len(text)) + 1):
        if text.startswith(SWALLOWED, end):
            yield from _parted(text, end, (*ends, end), said)


def _with_separators(text: str, ends: tuple[int, ...]) -> str:
    parts = [text[start:stop] for start, stop in zip((0, *ends), (*ends, len(text)), strict=True)]
    return gs1.SEPARATOR.join(parts)
