"""A photo's bytes become upright grey pixels, or a PhotoError. Limits are checked in the header, before any decoding.

No code is looked for here, and no file is opened: bytes in, pixels out. What is trusted of a header is only its
size, to refuse; the decoder checks the rest.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Grey = npt.NDArray[np.uint8]

MAX_BYTES = 12_000_000
MAX_PIXELS = 40_000_000
# A progressive JPEG may ask for the whole picture again in each of its scans; an honest one has about ten.
MAX_SCANS = 32
MAX_CHUNKS = 20_000
PICTURE_CHUNKS = frozenset((b"IHDR", b"PLTE", b"tRNS", b"eXIf", b"IDAT", b"IEND"))
EOI, SOS = b"\xff\xd9", b"\xff\xda"
STANDALONE = frozenset((0x01, *range(0xD0, 0xD9)))  # JPEG markers without a length
START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


class PhotoError(ValueError):
    """These bytes are no photo we read. `code` is not_an_image, too_large, too_many_pixels or truncated."""

    def __init__(self, code: str, *, value: str, expected: str, found: str) -> None:
        super().__init__(f"Failed to read {value} as a photo: expected {expected}, found {found}.")
        self.code, self.value, self.expected, self.found = code, value, expected, found


@dataclass(frozen=True, slots=True)
class Header:
    """What the marks say: size in pixels, whether the file reaches its end, whether some of it is transparent."""

    width: int
    height: int
    complete: bool
    alpha: bool
    scans: int = 1
    picture: bytes | None = None  # what the decoder is given instead of the whole file


def read_photo(data: bytes) -> Grey:
    """JPEG, PNG or WebP bytes as upright grey pixels, shape (height, width), 0 dark, 255 light.

    EXIF orientation is applied, transparency is laid on white. At most 12 MB and 40 megapixels; PhotoError otherwise.
    """
    if len(data) > MAX_BYTES:
        raise _refusal("too_large", data, f"at most {MAX_BYTES} bytes", f"{len(data)} bytes")
    header = read_header(data)
    if header.width * header.height > MAX_PIXELS or header.scans > MAX_SCANS:
        found = f"{header.width} x {header.height} in {header.scans} scans"
        raise _refusal("too_many_pixels", data, f"at most {MAX_PIXELS} pixels in {MAX_SCANS} scans", found)
    if not header.complete:
        raise _refusal("truncated", data, "a whole file", "no end mark")
    return _pixels(data, header)


def read_header(data: bytes) -> Header:
    """Size and completeness from the file's own marks, without decoding; PhotoError not_an_image or truncated."""
    for magic, offset, read in READERS:
        if data[offset : offset + len(magic)] == magic:
            try:
                header = read(data)
            except (struct.error, IndexError):
                raise _refusal("truncated", data, "a whole header", f"{len(data)} bytes") from None
            if not header.width or not header.height:
                raise _refusal("not_an_image", data, "at least one pixel", f"{header.width} x {header.height}")
            return header
    raise _refusal("not_an_image", data, "JPEG, PNG or WebP", data[:8].hex() or "nothing")


def _pixels(data: bytes, header: Header) -> Grey:
    mode = cv2.IMREAD_UNCHANGED if header.alpha else cv2.IMREAD_GRAYSCALE
    try:
        pixels = cv2.imdecode(np.frombuffer(header.picture or data, np.uint8), mode)
    except cv2.error:
        pixels = None
    if pixels is None or not pixels.size:
        raise _refusal("not_an_image", data, "pixels", "none that decode")
    size = pixels.shape[:2]
    if sorted(size) != sorted((header.height, header.width)):
        raise _refusal("not_an_image", data, f"{header.width} x {header.height}", f"{size[1]} x {size[0]}")
    return _on_white(pixels)


def _on_white(pixels: npt.NDArray[np.generic]) -> Grey:
    """Any channels and depth as 8-bit grey; what is transparent becomes paper, never black."""
    flat = pixels.view(np.uint8)[..., 1::2] if pixels.dtype == np.uint16 else pixels.astype(np.uint8, copy=False)
    if flat.ndim == 2:
        return flat
    if flat.shape[2] == 2:
        grey, alpha = flat[..., 0], flat[..., 1]
    elif flat.shape[2] == 4:
        grey, alpha = cv2.cvtColor(flat, cv2.COLOR_BGRA2GRAY).astype(np.uint8, copy=False), flat[..., 3]
    else:
        return cv2.cvtColor(flat, cv2.COLOR_BGR2GRAY).astype(np.uint8, copy=False)
    ink = cv2.multiply(255 - grey, alpha, scale=1 / 255)
    return (255 - ink).astype(np.uint8, copy=False)


def _jpeg(data: bytes) -> Header:
    """Walk the segments (ITU-T T.81 B.1): a thumbnail inside one is stepped over, so it cannot lie for the picture."""
    at, size = 2, (0, 0)
    while True:
        if data[at] != 0xFF:
            raise _refusal("not_an_image", data, "a JPEG marker", f"byte {data[at]:#04x} at {at}")
        marker = data[at + 1]
        if marker == 0xFF or marker in STANDALONE:
            at += 1 if marker == 0xFF else 2
            continue
        if marker in (SOS[1], EOI[1]):
            end = data.find(EOI, at)  # inside a scan 0xFF is always stuffed, so the first EOI is the picture's
            return Header(size[1], size[0], end >= 0, False, data.count(SOS, at, end))
        if marker in START_OF_FRAME:
            size = max(size, struct.unpack_from(">HH", data, at + 5), key=lambda pair: pair[0] * pair[1])
        at += 2 + struct.unpack_from(">H", data, at + 2)[0]


def _png(data: bytes) -> Header:
    """Walk the chunks (RFC 2083 3.2); colour types 4 and 6 and a tRNS chunk are transparent.

    Only the chunks that make the picture go on to the decoder: OpenCV's takes memory for whatever length a chunk
    claims (an 84-byte file cost 13 s), and compressed texts and profiles are bombs of their own.
    """
    width, height, _, colour = struct.unpack_from(">IIBB", data, 16)
    at, names, kept = 8, set(), [data[:8]]
    for _ in range(MAX_CHUNKS):
        length, name = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            return Header(width, height, False, False)
        names.add(name)
        if name in PICTURE_CHUNKS:
            kept.append(data[at:end])
        if name == b"IEND":
            alpha = bool(colour & 4) or b"tRNS" in names
            return Header(width, height, True, alpha, picture=b"".join(kept))
        at = end
    raise _refusal("not_an_image", data, f"at most {MAX_CHUNKS} chunks", "more")


def _webp(data: bytes) -> Header:
    """RIFF size, then VP8X, VP8L or VP8 (RFC 9649)."""
    complete = len(data) >= 8 + struct.unpack_from("<I", data, 4)[0]
    chunk = data[12:16]
    if chunk == b"VP8X":
        wide, high = data[24:27], data[27:30]
        if len(high) < 3:
            raise IndexError
        size = (1 + int.from_bytes(wide, "little"), 1 + int.from_bytes(high, "little"))
        return Header(*size, complete, bool(data[20] & 0x10))
    if chunk == b"VP8L":
        bits = struct.unpack_from("<I", data, 21)[0]
        return Header(1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF), complete, bool(bits >> 28 & 1))
    width, height = struct.unpack_from("<HH", data, 26)
    return Header(width & 0x3FFF, height & 0x3FFF, complete, False)


READERS: tuple[tuple[bytes, int, Callable[[bytes], Header]], ...] = (
    (b"\xff\xd8\xff", 0, _jpeg),
    (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", 0, _png),
    (b"WEBPVP8", 8, _webp),
)


def _refusal(code: str, data: bytes, expected: str, found: str) -> PhotoError:
    return PhotoError(code, value=f"{len(data)} bytes", expected=expected, found=found)
