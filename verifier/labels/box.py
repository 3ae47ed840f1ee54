"""The picture of a box that there is none of: a plain carton with its name on it, for products that are invented.

>>> box_png("Amoxadine 500 mg", "gélules")[:4]
b'\\x89PNG'
"""

import cv2
import numpy as np

from .label import BOLD, REGULAR, font

WIDTH, HEIGHT = 640, 400  # pixels
FRONT = ((40, 90), (560, 90), (560, 360), (40, 360))
TOP = ((40, 90), (560, 90), (606, 42), (86, 42))
SIDE = ((560, 90), (606, 42), (606, 312), (560, 360))
PAPER, LID, SHADE, INK, BAND, TABLE = (
    (250, 250, 248), (238, 238, 234), (214, 216, 212), (58, 44, 30), (140, 116, 58), (226, 222, 216),
)  # fmt: skip
"""Blue, green, red: OpenCV's order."""
LARGEST, SMALLEST, MARGIN = 58, 16, 64


def box_png(name: str, form: str = "") -> bytes:
    """A drawing of a carton as PNG bytes, deterministic: `name` in one line, `form` under it."""
    sheet = np.full((HEIGHT, WIDTH, 3), TABLE, np.uint8)
    for corners, colour in ((FRONT, PAPER), (TOP, LID), (SIDE, SHADE)):
        face = np.array(corners, np.int32)
        cv2.fillPoly(sheet, [face], colour, cv2.LINE_AA)
        cv2.polylines(sheet, [face], True, INK, 2, cv2.LINE_AA)
    cv2.rectangle(sheet, (41, 300), (559, 330), BAND, -1)
    px = _fitting(name)
    cv2.putText(sheet, name, (MARGIN, 190), INK, font(), px, BOLD)
    cv2.putText(sheet, form, (MARGIN, 190 + px), INK, font(), max(SMALLEST, px // 2), REGULAR)
    written, data = cv2.imencode(".png", sheet)
    assert written  # noqa: S101 - plain pixels always encode
    return data.tobytes()


def _fitting(name: str) -> int:
    """The largest letters in which the name fits on the front."""
    room = FRONT[1][0] - MARGIN - 24
    for px in range(LARGEST, SMALLEST, -2):
        _, _, width, _ = cv2.getTextSize((0, 0), name, (0, 0), font(), px, BOLD)
        if width <= room:
            return px
    return SMALLEST
