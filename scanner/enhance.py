"""The rescue steps: grey pixels in, grey pixels out, nothing else. Which step is tried when is one table, LOOKS.

A step may change the size; who calls scales positions back. No decoder, no clock and no state live here.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from .photo import Grey

# Long sides in pixels: a first look that is always quick, and one that sees a small code in a large photo.
NORMAL, CLOSE, FINEST = 1280, 2560, 4096


def fit(grey: Grey, side: int) -> Grey:
    """Shrunk so that the long side is at most `side` pixels (area average, no aliasing); never enlarged."""
    ratio = side / max(grey.shape)
    if ratio >= 1:
        return grey
    height, width = (max(1, round(length * ratio)) for length in grey.shape)
    return _grey(cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA))


def unsharp(grey: Grey) -> Grey:
    """Unsharp mask, sigma 2 pixels: lifts defocus of about a module."""
    return _grey(cv2.addWeighted(grey, 2.5, cv2.GaussianBlur(grey, (0, 0), 2), -1.5, 0))


def median(grey: Grey) -> Grey:
    """Median 3 x 3: removes grain, keeps edges."""
    return _grey(cv2.medianBlur(grey, 3))


def half(grey: Grey) -> Grey:
    """Half size by area: the cheapest noise filter when modules are large."""
    return fit(grey, max(1, max(grey.shape) // 2))


def twice(grey: Grey) -> Grey:
    """Twice as large, then unsharp: for modules of one or two pixels."""
    return unsharp(_grey(cv2.resize(grey, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)))


def stretched(grey: Grey) -> Grey:
    """Each pixel between the darkest and lightest of its neighbourhood, 1/24 of the long side: for glare."""
    reach = max(9, max(grey.shape) // 24 | 1)
    kernel = np.ones((reach, reach), np.uint8)
    low, high = cv2.blur(cv2.erode(grey, kernel), (reach, reach)), cv2.blur(cv2.dilate(grey, kernel), (reach, reach))
    span = cv2.max(cv2.subtract(high, low), 16)  # type: ignore[call-overload]
    return _grey(cv2.divide(cv2.subtract(grey, low), span, scale=255))


def clahe(grey: Grey) -> Grey:
    """Contrast-limited adaptive histogram equalisation, for linear codes in uneven light."""
    return _grey(cv2.createCLAHE(clipLimit=3.0, tileGridSize=(8, 8)).apply(grey))


@dataclass(frozen=True, slots=True)
class Look:
    """One way to look at a photo: shrink to `side`, apply `step`, ask `reader`; `always` even after a code was read.

    `growth` is how many pixels `step` makes of one; a photo whose long side is not `above` is not worth this look.
    """

    name: str
    side: int
    step: Callable[[Grey], Grey] | None = None
    reader: str = "zxing"
    always: bool = False
    global_histogram: bool = False
    growth: float = 1.0
    above: int = 0

    def pixels(self, shape: tuple[int, ...]) -> int:
        """How many pixels this look reads of a photo of this shape; 0 when an earlier look showed as many."""
        longest = max(shape)
        ratio = min(1.0, self.side / longest)
        return math.ceil(math.prod(shape) * ratio * ratio * self.growth) if longest > self.above else 0


# Two looks are always taken, so that two codes that disagree are both seen; the others while no 2D code was read.
LOOKS = (
    Look("as it is", NORMAL, always=True),
    Look("close", CLOSE, always=True, above=NORMAL),
    Look("unsharp", NORMAL, unsharp),
    Look("median", NORMAL, median),
    Look("half", NORMAL, half, growth=0.25),
    Look("twice", NORMAL, twice, growth=4.0),
    Look("stretched", NORMAL, stretched),
    Look("global histogram", NORMAL, global_histogram=True),
    Look("clahe", NORMAL, clahe),
    Look("second reader", NORMAL, reader="zbar"),
    Look("finest", FINEST, above=CLOSE),
)


def _grey(pixels: object) -> Grey:
    return np.asarray(pixels, np.uint8)
