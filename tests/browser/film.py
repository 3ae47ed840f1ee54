"""What a camera sees: films of JPEG frames that Chromium plays, over and over, as a camera of its own.

A film needs a browser launched for it. Nothing is asserted here.
"""

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

from scanner.photo import Grey

WIDE, TALL = (1280, 720), (720, 1280)
SECOND = 30  # frames, as Chromium plays them


def table(size: tuple[int, int] = WIDE) -> Grey:
    """An empty table: light falling off to one side."""
    width, height = size
    return np.tile(np.linspace(190, 140, width), (height, 1)).astype(np.uint8)


def scene(*packs: Path, size: tuple[int, int] = WIDE, blur: float = 0.7) -> Grey:
    """Labels side by side on the table, each within three fifths of the height and its share of the width, out of focus
    by so many pixels."""
    frame = table(size)
    room = size[0] // max(len(packs), 1)
    for place, pack in enumerate(packs):
        label = cv2.imread(str(pack), cv2.IMREAD_GRAYSCALE)
        assert label is not None, pack
        scale = min(size[1] * 0.6 / label.shape[0], room * 0.85 / label.shape[1], 1)
        label = cv2.resize(label, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        top, left = (size[1] - label.shape[0]) // 2, room * place + (room - label.shape[1]) // 2
        frame[top : top + label.shape[0], left : left + label.shape[1]] = label
    return np.asarray(cv2.GaussianBlur(frame, (0, 0), blur), np.uint8)


def shoot(film: Path, *takes: tuple[Grey, int]) -> Path:
    """Write a film: each take is a frame and for how many frames it stands."""
    film.write_bytes(b"".join(_jpegs(takes)))
    return film


def _jpegs(takes: Iterable[tuple[Grey, int]]) -> Iterable[bytes]:
    for frame, times in takes:
        written, data = cv2.imencode(".jpg", cv2.cvtColor(frame, cv2.COLOR_GRAY2BGR), [cv2.IMWRITE_JPEG_QUALITY, 90])
        assert written
        yield data.tobytes() * times


FAKED = "--use-fake-device-for-media-stream"
ALLOWED = (FAKED, "--use-fake-ui-for-media-stream")
"""A camera, and a user who allows it: the flags of a browser."""


def showing(film: Path) -> tuple[str, ...]:
    """The flags of a browser whose camera shows `film`, and whose user allows it."""
    return *ALLOWED, f"--use-file-for-fake-video-capture={film}"
