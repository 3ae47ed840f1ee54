"""WHAT IS PRINTED? An Identity goes in, ink comes out: a symbol, its quiet zone, and the text a person compares.

Nothing here reads a code, opens a file, asks the time or knows whether a pack is genuine. The same Identity
always gives the same bytes. `symbol` makes modules, `label` lays them out with their text, as PNG and SVG; `box`
draws a carton for a product that is invented.
"""

from .box import box_png
from .label import label_png, label_svg
from .symbol import CARRIERS, Modules, datamatrix, element_string, qr, symbol_png, symbol_svg

__all__ = [
    "CARRIERS",
    "Modules",
    "box_png",
    "datamatrix",
    "element_string",
    "label_png",
    "label_svg",
    "qr",
    "symbol_png",
    "symbol_svg",
]
