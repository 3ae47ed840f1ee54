"""From an Identity to modules, and from modules to ink. No text, no layout, no decoding live here.

>>> from verifier.identity import parse_text
>>> pack = parse_text("(01)09521234000013(21)ABC(17)271231(10)LOT1")
>>> element_string(pack)
b'01095212340000131727123110LOT1\\x1d21ABC'
>>> datamatrix(pack).size, datamatrix(pack).quiet
(22, 2)
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import qrcode
import zxingcpp
from qrcode.constants import ERROR_CORRECT_L

from verifier.identity import Identity
from verifier.identity.ai import TABLE

# What a pack prints first, in this order; the rest follows as the Identity orders it.
PRINT_ORDER = ("01", "17", "10", "21")
QUIET = {"qr": 4, "datamatrix": 2}  # modules; ISO/IEC 18004 asks for 4, ISO/IEC 16022 for 1: a second costs nothing
MAX_MODULE_PX = 64
# Level 6 with no filter: smaller than level 9 with OpenCV's own, in a twelfth of its time.
PNG = (cv2.IMWRITE_PNG_COMPRESSION, 6, cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_NONE)


@dataclass(frozen=True, slots=True)
class Modules:
    """A square symbol without its quiet zone: rows of dark (True) modules, and the quiet zone it asks for."""

    rows: tuple[tuple[bool, ...], ...]
    quiet: int

    @property
    def size(self) -> int:
        """Modules a side, quiet zone left out."""
        return len(self.rows)


def printed(identity: Identity) -> tuple[tuple[str, str], ...]:
    """The elements in the order they are printed: 01, 17, 10, 21, then the others."""
    rank = {ai: place for place, ai in enumerate(PRINT_ORDER)}
    return tuple(sorted(identity.elements, key=lambda element: rank.get(element[0], len(rank))))


def element_string(identity: Identity) -> bytes:
    """The GS1 element string as a DataMatrix carries it, after its FNC1: 0x1D ends each variable element but the last.

    Elements whose AI GS1 has not assigned (`identity.unknown`) are not printed.
    """
    elements = printed(identity)
    ends = ["\x1d" if TABLE[ai].length is None else "" for ai, _ in elements]
    ends[-1] = ""
    return "".join(ai + value + end for (ai, value), end in zip(elements, ends, strict=True)).encode("ascii")


def qr(identity: Identity) -> Modules:
    """QR Code Model 2, level L, of the Digital Link with its signature, if any: up to 192 characters are version 8, 19
    mm at 0.33 mm a module. Not written by the library that reads it."""
    symbol = qrcode.QRCode(error_correction=ERROR_CORRECT_L, border=0)
    symbol.add_data(identity.signed_link())
    symbol.make(fit=True)
    return Modules(tuple(tuple(map(bool, row)) for row in symbol.get_matrix()), QUIET["qr"])


def datamatrix(identity: Identity) -> Modules:
    """GS1 DataMatrix ECC 200, always square (pharmacy scanners of the rectangular extension are rare)."""
    # The writer wants its AIs marked: "[" is outside GS1 character set 82, "(" is in it and a serial could forge it.
    marked = "".join(f"[{ai}]{value}" for ai, value in printed(identity))
    symbol = zxingcpp.create_barcode(marked, zxingcpp.BarcodeFormat.DataMatrix, gs1=True, force_square=True)
    return _modules(symbol, QUIET["datamatrix"])


CARRIERS: dict[str, Callable[[Identity], Modules]] = {"qr": qr, "datamatrix": datamatrix}


def symbol_png(modules: Modules, module_px: int = 6) -> bytes:
    """The symbol and its quiet zone as a grey PNG, `module_px` pixels (1 to 64) a module."""
    return png(pixels(modules, module_px))


def symbol_svg(modules: Modules, module_px: int = 6) -> str:
    """The symbol and its quiet zone as a standalone SVG, drawn as one path."""
    side = modules.size + 2 * modules.quiet
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{side * module_px}" height="{side * module_px}" '
        f'viewBox="0 0 {side} {side}" shape-rendering="crispEdges"><path fill="#fff" d="M0 0h{side}v{side}H0z"/>'
        f'<path d="{path(modules)}"/></svg>\n'
    )


def pixels(modules: Modules, module_px: int) -> npt.NDArray[np.uint8]:
    """Grey pixels (0 dark, 255 light), shape (side, side), quiet zone included."""
    if not 1 <= module_px <= MAX_MODULE_PX:
        raise ValueError(f"Failed to draw with module_px {module_px!r}: expected 1 to {MAX_MODULE_PX}.")
    light = np.pad(np.where(np.array(modules.rows), 0, 255).astype(np.uint8), modules.quiet, constant_values=255)
    return light.repeat(module_px, axis=0).repeat(module_px, axis=1)


def path(modules: Modules) -> str:
    """SVG path data, one subpath for each run of dark modules; the unit is a module, the quiet zone is included."""
    runs: list[str] = []
    for y, row in enumerate(modules.rows, modules.quiet):
        x = 0
        while x < len(row):
            start = x
            while x < len(row) and row[x]:
                x += 1
            if x > start:
                runs.append(f"M{start + modules.quiet} {y}h{x - start}v1h{start - x}z")
            x += 1
    return "".join(runs)


def png(grey: npt.NDArray[np.uint8]) -> bytes:
    """Grey pixels as PNG bytes; no time, no name, nothing but pixels inside."""
    written, data = cv2.imencode(".png", grey, PNG)
    if not written:
        raise ValueError(f"Failed to write pixels of shape {grey.shape} as PNG.")
    return data.tobytes()


def _modules(barcode: zxingcpp.Barcode, quiet: int) -> Modules:
    dark = np.array(barcode.to_image(scale=1, add_quiet_zones=False)) < 128
    return Modules(tuple(tuple(map(bool, row)) for row in dark), quiet)
