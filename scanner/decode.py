"""Grey pixels become symbols: what is written, in which symbology, where. What it means is `sighting`'s question.

Two readers are tables of the same shape; zbar is absent where libzbar0 is. A 2D symbol is believed as the reader's
error correction gives it. A linear one has far less: read on a sliver of its bars it waits for the second reader to
agree (one check digit lets one misread in ten through, and looks of one reader repeat its mistakes), and where its
symbology has no check, or one that part of a code can satisfy, its content must have one that holds.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import zxingcpp

from verifier.identity import IdentityError, parse_scanned

from .enhance import LOOKS, Look, fit
from .photo import Grey

try:  # libzbar0 is a system library: a second opinion where it is, nothing lost where it is not
    from pyzbar import pyzbar
except ImportError:
    pyzbar = None

Corner = tuple[int, int]

FORMATS = {
    "QRCode": zxingcpp.BarcodeFormat.QRCodeModel2,  # the family QRCode adds Micro QR, which noise imitates
    "DataMatrix": zxingcpp.BarcodeFormat.DataMatrix,
    "EAN13": zxingcpp.BarcodeFormat.EAN13,  # a UPC-A is read as the EAN-13 it is
    "EAN8": zxingcpp.BarcodeFormat.EAN8,
    "UPCE": zxingcpp.BarcodeFormat.UPCE,  # its text is that of the UPC-A it stands for, as an EAN-13
    "Code128": zxingcpp.BarcodeFormat.Code128,
    "Code39": zxingcpp.BarcodeFormat.Code39,  # an Italian Code 32 comes out in its digits
    "ITF": zxingcpp.BarcodeFormat.ITF14,  # which reads other lengths too
    "DataBar": zxingcpp.BarcodeFormat.DataBar,  # the family: omnidirectional, stacked, limited, expanded
}
CONTENT = {zxingcpp.ContentType.GS1: "gs1", zxingcpp.ContentType.Text: "text"}
# Not DataBar Expanded, whose dates zbar garbles, and not UPC-E, which it leaves as printed.
ZBAR = {
    "QRCODE": ("QRCode", "]Q1"), "EAN13": ("EAN13", "]E0"), "EAN8": ("EAN8", "]E4"), "CODE128": ("Code128", "]C0"),
    "CODE39": ("Code39", "]A0"), "I25": ("ITF", "]I1"), "DATABAR": ("DataBar", "]e0"),
}  # fmt: skip
MATRIX = frozenset(("QRCode", "DataMatrix"))
NUMBERS = {"EAN13": "]E0", "EAN8": "]E4", "UPCE": "]E0", "ITF": "]I1", "Code39": "]A0"}
"""Linear symbologies that carry one number, and as what it is parsed: what does not parse is not believed."""
# Of its length: honest reads on photographs were 0.03 to 0.7 of it, the one misread 0.009.
THIN = 0.03
# Of codes half as long, or that any part of a longer one can imitate (drawn and harmed, misreads reached 0.04).
THINNER = {"EAN8": 0.06, "UPCE": 0.06, "ITF": 0.06}
# Halves of two symbols pair up under a check of one in 79, six digits stand for twelve: two looks must agree on them.
DOUBTED = frozenset(("DataBar", "UPCE"))
BUDGET_S = 0.35


@dataclass(frozen=True, slots=True)
class Symbol:
    """One code in the photo.

    `content` is the exact bytes, separators as 0x1D; `text` the same as text, never the bracketed form; `symbology` the
    ISO/IEC 15424 identifier ("]d2"); `content_type` is gs1, text or binary; `position` the corners in pixels from
    the top left, clockwise from the symbol's own.
    """

    format: str
    symbology: str
    content: bytes
    text: str
    content_type: str
    position: tuple[Corner, Corner, Corner, Corner]
    reader: str = "zxing"

    @property
    def plausible(self) -> bool:
        """Whether the content is what its symbology carries here, its own check character right."""
        return self.format not in NUMBERS or _parses(self.text, NUMBERS[self.format])

    @property
    def key(self) -> tuple[str, bytes]:
        """What makes two readings one symbol."""
        return self.format, self.content


def _agree(first: tuple[Symbol, Look], second: tuple[Symbol, Look], sliver: bool) -> bool:
    """Whether a doubted reading is confirmed: a sliver by another reader, anything else by another look as well."""
    return first[0].reader != second[0].reader or (not sliver and first[1] != second[1])


def _parses(text: str, symbology: str) -> bool:
    try:
        parse_scanned(text, symbology)
    except IdentityError as refused:
        return refused.code == "no_key"  # well formed: what it says names no thing by itself
    return True


def decode(
    grey: Grey, budget_s: float = BUDGET_S, clock: Callable[[], float] = time.perf_counter
) -> tuple[Symbol, ...]:
    """Every symbol in the photo, 2D codes first, each once.

    Looks are taken in the order of LOOKS until a 2D code is read. The first is always taken; another only if, at the
    slowest pace seen so far, it ends within `budget_s` seconds: a look cannot be interrupted.
    """
    start = clock()
    pace = 0.0  # seconds a pixel
    found: dict[tuple[str, bytes], Symbol] = {}
    doubted: dict[tuple[str, bytes], tuple[Symbol, Look]] = {}
    for look in LOOKS:
        asked = _asked(look, found)
        pixels = look.pixels(grey.shape)
        spent = clock() - start
        if not (asked and pixels) or (pace and spent + pace * pixels > budget_s):
            continue
        for symbol, sliver in _look(grey, look, asked):
            told = doubted.setdefault(symbol.key, (symbol, look)) if sliver or symbol.format in DOUBTED else None
            if told is None or _agree(told, (symbol, look), sliver):
                found.setdefault(symbol.key, symbol if told is None or symbol.reader == "zxing" else told[0])
        pace = max(pace, (clock() - start - spent) / pixels)
    return tuple(sorted(found.values(), key=lambda symbol: symbol.format not in MATRIX))


def _asked(look: Look, found: Iterable[tuple[str, bytes]]) -> frozenset[str]:
    """The formats still worth a look: all when it is always taken, else those no rescue could only make worse."""
    read = {name for name, _ in found}
    if look.always or not read:
        return frozenset(FORMATS)
    return frozenset() if read & MATRIX else MATRIX


def _look(grey: Grey, look: Look, asked: frozenset[str]) -> Iterator[tuple[Symbol, bool]]:
    """The symbols one look shows, in the photo's own pixels, and whether each rests on a sliver."""
    seen = fit(grey, look.side)
    if look.step:
        seen = look.step(seen)
    scale = grey.shape[1] / seen.shape[1]
    for symbol in READERS[look.reader](seen, asked, look):
        if symbol.content and symbol.plausible:
            corners = [(round(x * scale), round(y * scale)) for x, y in symbol.position]
            thin = symbol.reader == "zbar" or _thickness(symbol) < THINNER.get(symbol.format, THIN)
            sliver = thin and symbol.format not in MATRIX
            yield replace(symbol, position=(corners[0], corners[1], corners[2], corners[3])), sliver


def _zxing(seen: Grey, asked: frozenset[str], look: Look) -> Iterator[Symbol]:
    binarizer = zxingcpp.Binarizer.GlobalHistogram if look.global_histogram else zxingcpp.Binarizer.LocalAverage
    # Plain text keeps real separators: the default writes "(01)" or "<GS>", which a serial could contain.
    formats = zxingcpp.BarcodeFormats([FORMATS[name] for name in sorted(asked)])
    for code in zxingcpp.read_barcodes(seen, formats, text_mode=zxingcpp.TextMode.Plain, binarizer=binarizer):
        at, content = code.position, bytes(code.bytes)
        a, b, c, d = ((p.x, p.y) for p in (at.top_left, at.top_right, at.bottom_right, at.bottom_left))
        text = code.text or content.decode("latin-1")  # an unknown character set gives bytes and no text
        kind = CONTENT.get(code.content_type, "binary")
        family, retail = code.symbology, zxingcpp.BarcodeFormat.EANUPC
        name = (code.format if family == retail else family).name
        yield Symbol(name, code.symbology_identifier, content, text, kind, (a, b, c, d))


def _zbar(seen: Grey, asked: frozenset[str], _: Look) -> Iterator[Symbol]:
    names = [name for name, (known, _) in ZBAR.items() if known in asked]
    for code in pyzbar.decode(seen, symbols=[pyzbar.ZBarSymbol[name] for name in names]) if pyzbar else ():
        name, identifier = ZBAR[code.type]
        text = code.data.decode("utf-8", "replace")
        left, top, width, height = code.rect
        right, bottom = left + width, top + height
        box = ((left, top), (right, top), (right, bottom), (left, bottom))
        yield Symbol(name, identifier, bytes(code.data), text, "text", box, "zbar")


READERS: dict[str, Callable[[Grey, frozenset[str], Look], Iterator[Symbol]]] = {"zxing": _zxing, "zbar": _zbar}


def _thickness(symbol: Symbol) -> float:
    a, b, c, _ = symbol.position
    sides = sorted((math.dist(a, b), math.dist(b, c)))
    return sides[0] / max(sides[1], 1)
