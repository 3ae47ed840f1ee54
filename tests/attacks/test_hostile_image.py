"""A hostile image: it wants memory, time, a crash, or a reading that no camera would make. It gets a PhotoError or
nothing, quickly."""

import struct
import time
import tracemalloc
import zlib

import cv2
import numpy as np
import pytest

from scanner.decode import BUDGET_S, decode
from scanner.photo import MAX_SCANS, PhotoError, read_header, read_photo

DOT = np.zeros((8, 8), np.uint8)
SCAN = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00"
REFUSALS = {"not_an_image", "truncated", "too_many_pixels"}


def outcome(data: bytes) -> str:
    """The shape of the picture, or the code of the refusal; anything else fails the test by itself."""
    try:
        return str(read_photo(data).shape)
    except PhotoError as refused:
        return refused.code


def encoded(kind: str, *params: int) -> bytes:
    return cv2.imencode(kind, DOT, params)[1].tobytes()


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width: int, height: int, body: bytes) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(body, 9)) + chunk(b"IEND", b"")


def jpeg_claiming(width: int, height: int) -> bytes:
    whole = encoded(".jpg")
    frame = whole.index(b"\xff\xc0")
    return whole[: frame + 5] + struct.pack(">HH", height, width) + whole[frame + 9 :]


def webp_claiming(width: int, height: int) -> bytes:
    whole = encoded(".webp", cv2.IMWRITE_WEBP_QUALITY, 80)
    return whole[:26] + struct.pack("<HH", width, height) + whole[30:]


BOMBS = {
    "PNG of 60,000 x 60,000": png(60_000, 60_000, bytes(1_000_000)),
    "PNG of 2^31 - 1 x 2^31 - 1": png(2**31 - 1, 2**31 - 1, b""),
    "JPEG of 65,535 x 65,535": jpeg_claiming(65_535, 65_535),
    "WebP of 16,383 x 16,383": webp_claiming(16_383, 16_383),
    "JPEG redrawn in many scans": encoded(".jpg")[:-2] + SCAN * MAX_SCANS + b"\xff\xd9",
}


@pytest.mark.parametrize("data", BOMBS.values(), ids=BOMBS.keys())
def test_a_bomb_is_refused_from_its_header_before_any_memory_is_taken(data):
    tracemalloc.start()
    try:
        with pytest.raises(PhotoError) as refused:
            read_photo(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert refused.value.code == "too_many_pixels"
    assert peak < 1_000_000


@pytest.mark.parametrize("data", [
    b"", b"\0", b"hello", b"GIF89a" + bytes(100), b"BM" + bytes(100), b"II*\0" + bytes(100), b"%PDF-1.7\n" + bytes(100),
    b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"\0\0\0\x1cftypavif" + bytes(100), b"#EXTM3U\nhttp://evil.example/\n",
    png(0, 10, b""), b"RIFF\x04\0\0\0WEBP",
])  # fmt: skip
def test_what_is_not_one_of_three_formats_never_reaches_a_decoder(data, monkeypatch):
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("decoded"))
    with pytest.raises(PhotoError) as refused:
        read_photo(data)
    assert refused.value.code == "not_an_image"


@pytest.mark.parametrize("data", [
    encoded(".png") + b"PK\x03\x04" + bytes(50), encoded(".jpg") + b"<script>alert(1)</script>",
    encoded(".jpg")[:2] + b"\xff\xfe\x00\x1b<script>alert(1)</script>" + encoded(".jpg")[2:],
])  # fmt: skip
def test_a_polyglot_is_only_its_picture(data):
    assert read_photo(data).shape == (8, 8)


def test_a_small_picture_in_a_large_ones_clothes_is_refused_or_is_its_own_size():
    """The header that is checked and the header that is decoded must be the same one."""
    thumbnail = encoded(".jpg")
    large = jpeg_claiming(65_535, 65_535)
    hidden = large[:2] + b"\xff\xe1" + struct.pack(">H", len(thumbnail) + 2) + thumbnail + large[2:]
    with pytest.raises(PhotoError, match="65535 x 65535"):
        read_photo(hidden)
    two_headers = png(8, 8, bytes(72))[:33] + png(60_000, 60_000, b"")[8:]
    assert outcome(two_headers) in {"(8, 8)", *REFUSALS}


@pytest.mark.parametrize("kind", [".png", ".jpg", ".webp"])
def test_each_flipped_byte_gives_a_picture_or_a_refusal_at_once(kind):
    whole = encoded(kind)
    for at in range(len(whole)):
        start = time.process_time()
        told = outcome(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        assert told in REFUSALS or told.startswith("("), at
        assert time.process_time() - start < 2, f"byte {at} bought {told} with seconds"


def test_a_png_chunk_that_claims_four_gigabytes_is_truncated_not_allocated():
    """OpenCV's own reader takes the memory first: 84 bytes cost 13 seconds."""
    whole = png(8, 8, bytes(72))
    assert outcome(whole[:33] + b"\xff" + whole[34:]) == "truncated"


def test_what_a_png_carries_beside_its_picture_is_not_unpacked():
    profile = chunk(b"iCCP", b"icc\0\0" + zlib.compress(bytes(5_000_000), 9))
    frames = chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0))
    whole = png(8, 8, bytes(72))
    assert read_header(whole[:33] + profile + frames + whole[33:]).picture == whole
    assert outcome(whole[:33] + chunk(b"tEXt", b"") * 25_000 + whole[33:]) == "not_an_image"


def finders(scale: int) -> np.ndarray:
    """QR finder patterns edge to edge: each three of them ask the reader for a symbol that is not there."""
    one = np.full((9, 9), 255, np.uint8)
    one[1:8, 1:8], one[2:7, 2:7], one[3:6, 3:6] = 0, 255, 0
    return np.tile(np.kron(one, np.ones((scale, scale), np.uint8)), (400, 400))[:3000, :4000].copy()


TIME_EATERS = {
    "noise": np.random.default_rng(5).integers(0, 256, (3000, 4000), dtype=np.uint8),
    "finder patterns of 1 px": finders(1),
    "finder patterns of 3 px": finders(3),
}


@pytest.mark.parametrize("grey", TIME_EATERS.values(), ids=TIME_EATERS.keys())
def test_a_picture_made_to_cost_time_costs_a_bounded_time_and_reads_as_nothing(grey):
    start = time.process_time()
    assert decode(grey) == ()
    assert time.process_time() - start < 6 * BUDGET_S  # cv2 shrinks on every core, and process time adds them up
