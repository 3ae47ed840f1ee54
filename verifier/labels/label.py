"""A label: title, symbol with its quiet zone, human-readable text under it. One layout, two inks (PNG and SVG).

The text is what a person compares with the box, so it is the encoded value, never a prettier one
(GS1 General Specifications 4.14: the AI in brackets, then the data exactly as carried).
"""

from dataclasses import dataclass
from xml.sax.saxutils import escape

import cv2
import numpy as np

from verifier.identity import Identity

from .symbol import CARRIERS, Modules, path, pixels, png, printed

MAX_TITLE = 80  # characters; a product's name, not its leaflet
# The words a European pack prints beside the AIs (Reg. (EU) 2016/161 Art. 7).
WORDS = {"17": "EXP", "10": "LOT", "21": "SN"}
LIGHT, REGULAR, BOLD = 300, 450, 700  # weights of OpenCV's own variable font


@dataclass(frozen=True, slots=True)
class Line:
    """A text drawn at its left end and baseline, in pixels; `width` is what the font measured."""

    text: str
    x: int
    baseline: int
    px: int
    weight: int
    width: int


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything goes, in pixels from the top left; `symbol` is the corner of the quiet zone."""

    width: int
    height: int
    symbol: tuple[int, int]
    lines: tuple[Line, ...]


def label_png(identity: Identity, carrier: str, title: str = "", module_px: int = 6) -> bytes:
    """A label as PNG bytes, grey, deterministic. `carrier` is "qr" or "datamatrix"; ValueError otherwise."""
    modules = _carried(identity, carrier)
    symbol = pixels(modules, module_px)
    layout = _layout(identity, symbol.shape[0], title, module_px)
    sheet = np.full((layout.height, layout.width), 255, np.uint8)
    x, y = layout.symbol
    sheet[y : y + symbol.shape[0], x : x + symbol.shape[1]] = symbol
    for line in layout.lines:
        cv2.putText(sheet, line.text, (line.x, line.baseline), (0,), font(), line.px, line.weight)
    return png(sheet)


def label_svg(identity: Identity, carrier: str, title: str = "", module_px: int = 6) -> str:
    """The same label as a standalone SVG: vector modules, real and escaped text."""
    modules = _carried(identity, carrier)
    layout = _layout(identity, (modules.size + 2 * modules.quiet) * module_px, title, module_px)
    x, y = layout.symbol
    texts = "".join(map(_svg_text, layout.lines))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{layout.width}" height="{layout.height}" '
        f'viewBox="0 0 {layout.width} {layout.height}"><path fill="#fff" d="M0 0h{layout.width}v{layout.height}H0z"/>'
        f'<path transform="translate({x} {y}) scale({module_px})" shape-rendering="crispEdges" d="{path(modules)}"/>'
        f'<g font-family="Rubik, Arial, Helvetica, sans-serif">{texts}</g></svg>\n'
    )


def _carried(identity: Identity, carrier: str) -> Modules:
    if carrier not in CARRIERS:
        raise ValueError(f"Failed to draw carrier {carrier!r}: expected {' or '.join(CARRIERS)}.")
    return CARRIERS[carrier](identity)


def _layout(identity: Identity, side: int, title: str, module_px: int) -> Layout:
    px = max(13, module_px * 7 // 2)
    margin, step = px // 2, px * 3 // 2
    name = "".join(c for c in title if c.isprintable())[:MAX_TITLE]
    top = margin + (step if name else 0)
    lines = [_line(name, margin, margin + px, px, BOLD)] if name else []
    lines += _rows(identity, margin, top + side + px, px, step)
    width = max(side, *(line.x + line.width for line in lines)) + 2 * margin
    height = lines[-1].baseline + px // 3 + margin
    return Layout(width, height, (margin, top), tuple(lines))


def _rows(identity: Identity, margin: int, baseline: int, px: int, step: int) -> list[Line]:
    """One row an element, in two columns: the words and AI, then the value. AIs 90 to 99 are for machines."""
    elements = [(ai, value) for ai, value in printed(identity) if not ai.startswith("9")]
    keys = [f"{WORDS.get(ai, '')} ({ai})".strip() for ai, _ in elements]
    column = margin + max(_width(key, px, LIGHT) for key in keys) + px // 2
    lines: list[Line] = []
    for key, (_, value) in zip(keys, elements, strict=True):
        lines += (_line(key, margin, baseline, px, LIGHT), _line(value, column, baseline, px, REGULAR))
        baseline += step
    return lines


def _line(text: str, x: int, baseline: int, px: int, weight: int) -> Line:
    return Line(text, x, baseline, px, weight, _width(text, px, weight))


def _width(text: str, px: int, weight: int) -> int:
    _, _, width, _ = cv2.getTextSize((0, 0), text, (0, 0), font(), px, weight)
    return int(width) + 1


def font() -> cv2.FontFace:
    """The font inside OpenCV: no machine's own fonts may change the bytes. One a call, threads share none."""
    return cv2.FontFace("sans")


def _svg_text(line: Line) -> str:
    # textLength keeps a reader's other font inside the measured width.
    return (
        f'<text x="{line.x}" y="{line.baseline}" font-size="{line.px}" font-weight="{line.weight}" '
        f'textLength="{line.width}" lengthAdjust="spacingAndGlyphs" xml:space="preserve">{escape(line.text)}</text>'
    )
