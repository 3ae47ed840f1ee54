"""Bytes to upright grey pixels. Every picture is drawn here, so that what it must look like is known."""

import struct

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner import photo
from scanner.photo import PhotoError, read_header, read_photo

# A corner of ink at the top left: after any turn it is known where it must be.
PICTURE = np.full((40, 60), 255, np.uint8)
PICTURE[:16, :16] = 0


def encode(pixels: np.ndarray, kind: str, *params: int) -> bytes:
    return cv2.imencode(kind, pixels, params)[1].tobytes()


def oriented(kind: str, orientation: int) -> bytes:
    """The picture with an EXIF orientation tag and nothing else in it (TIFF 6.0, tag 0x0112)."""
    tag = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0" + struct.pack("<I", orientation) + b"\0\0\0\0"
    exif = np.frombuffer(tag, np.uint8)
    return cv2.imencodeWithMetadata(kind, PICTURE, [cv2.IMAGE_METADATA_EXIF], [exif])[1].tobytes()


def corners(grey: np.ndarray) -> list[bool]:
    return [bool(grey[y, x] < 128) for y, x in ((3, 3), (3, -4), (-4, -4), (-4, 3))]


@pytest.mark.parametrize("kind", [".jpg", ".png", ".webp"])
def test_each_format_gives_the_pixels_that_were_written(kind):
    grey = read_photo(encode(PICTURE, kind))
    assert (grey.shape, grey.dtype) == ((40, 60), np.uint8)
    assert corners(grey) == [True, False, False, False]
    assert read_header(encode(PICTURE, kind)).width == 60


@pytest.mark.parametrize("kind", [".jpg", ".png", ".webp"])
@pytest.mark.parametrize(("orientation", "shape", "corner"), [(1, (40, 60), 0), (3, (40, 60), 2), (6, (60, 40), 1),
                                                              (8, (60, 40), 3)])  # fmt: skip
def test_exif_orientation_is_applied(kind, orientation, shape, corner):
    grey = read_photo(oriented(kind, orientation))
    assert grey.shape == shape
    assert corners(grey) == [place == corner for place in range(4)]


@pytest.mark.parametrize("kind", [".png", ".webp"])
def test_ink_on_nothing_is_ink_on_paper(kind):
    black = np.zeros((40, 60, 3), np.uint8)
    grey = read_photo(encode(np.dstack([black, 255 - PICTURE]), kind))
    assert corners(grey) == [True, False, False, False]


def test_sixteen_bits_and_progressive_scans_are_read():
    assert corners(read_photo(encode(PICTURE.astype(np.uint16) * 257, ".png")))[0]
    progressive = encode(PICTURE, ".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
    assert read_header(progressive).scans > 1
    assert corners(read_photo(progressive)) == [True, False, False, False]


def test_what_a_phone_appends_after_the_picture_is_left_alone():
    assert read_photo(encode(PICTURE, ".jpg") + b"\0\0\0\x18ftypmp42" + bytes(100)).shape == (40, 60)


def test_a_photo_over_the_limit_of_bytes_is_refused_and_one_at_it_is_not():
    whole = encode(PICTURE, ".png")
    assert read_photo(whole + bytes(photo.MAX_BYTES - len(whole))).shape == (40, 60)
    with pytest.raises(PhotoError, match="expected at most 12000000 bytes, found 12000001 bytes") as refused:
        read_photo(whole + bytes(photo.MAX_BYTES + 1 - len(whole)))
    assert refused.value.code == "too_large"


@pytest.mark.parametrize("kind", [".jpg", ".png", ".webp"])
def test_a_cut_file_is_truncated_wherever_it_is_cut(kind):
    whole = encode(PICTURE, kind)
    for end in range(20, len(whole) - 1):
        with pytest.raises(PhotoError) as refused:
            read_photo(whole[:end])
        assert refused.value.code == "truncated", end


STARTS = [b"", b"\xff\xd8\xff", b"RIFF\0\0\0\0WEBPVP8X", encode(PICTURE, ".png")[:30]]


@given(st.binary(max_size=200), st.sampled_from(STARTS))
def test_any_bytes_are_a_photo_or_a_photo_error(data, start):
    with pytest.raises(PhotoError) as refused:
        read_photo(start + data)
    assert refused.value.code in {"not_an_image", "too_large", "too_many_pixels", "truncated"}
    assert refused.value.expected
    assert refused.value.found
