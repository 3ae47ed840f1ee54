"""`product`: a photo is drawn anew before it is published, and what was registered is beside the next verdict."""

from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
from served import Served

from scanner.photo import PhotoError, read_header
from verifier.commands.product import LONGEST_SIDE, portrait

GTIN = "09522000000022"


def encoded(suffix: str, pixels: Any) -> bytes:
    written, data = cv2.imencode(suffix, pixels)
    assert written
    return data.tobytes()


def with_exif(jpeg: bytes, orientation: int, secret: bytes) -> bytes:
    """The JPEG with an EXIF segment: an orientation, and a description that nobody should publish."""
    entries = (
        b"\x01\x0e\x00\x02" + len(secret).to_bytes(4, "big") + (38).to_bytes(4, "big")
        + b"\x01\x12\x00\x03" + (1).to_bytes(4, "big") + orientation.to_bytes(2, "big") + b"\0\0"
    )  # fmt: skip
    tiff = b"MM\0\x2a\0\0\0\x08" + (2).to_bytes(2, "big") + entries + b"\0\0\0\0" + secret
    exif = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + jpeg[2:]


def test_only_the_pixels_are_published_and_upright() -> None:
    wide = np.zeros((200, 400, 3), np.uint8)
    wide[:, :200] = (255, 255, 255)  # light on the left
    data = portrait(with_exif(encoded(".jpg", wide), 6, b"GPS 48.85 N\0"))  # 6: turn a quarter clockwise
    assert b"GPS" not in data
    assert b"Exif" not in data.replace(b"EXIF", b"Exif")
    header = read_header(data)
    assert (header.width, header.height) == (200, 400)
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert pixels is not None
    assert pixels[:180].mean() > 240
    assert pixels[220:].mean() < 15


@pytest.mark.parametrize(
    ("suffix", "shape", "kind"),
    [
        (".png", (3000, 1500, 3), np.uint8), (".png", (40, 50, 4), np.uint8), (".png", (40, 50), np.uint8),
        (".png", (40, 50, 3), np.uint16), (".jpg", (1, 1, 3), np.uint8), (".webp", (1200, 4, 3), np.uint8),
    ],
)  # fmt: skip
def test_any_photo_becomes_a_small_webp(suffix: str, shape: tuple[int, ...], kind: Any) -> None:
    pixels = np.full(shape, np.iinfo(kind).max, kind)
    data = portrait(encoded(suffix, pixels))
    header = read_header(data)
    assert data[8:12] == b"WEBP"
    assert max(header.width, header.height) == min(LONGEST_SIDE, max(shape[:2]))
    grey = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert grey is not None
    assert grey.min() > 250


@pytest.mark.parametrize("data", [b"", b"<svg/>", b"GIF89a", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xd9"])
def test_what_is_no_photo_is_refused(data: bytes) -> None:
    with pytest.raises(PhotoError):
        portrait(data)


def test_it_is_beside_the_next_verdict(server: Served, tmp_path: Path) -> None:
    photo = tmp_path / "pack.jpg"
    photo.write_bytes(encoded(".jpg", np.full((300, 500, 3), 200, np.uint8)))
    words = ["verifier", "product", "--gtin", GTIN, "--name", "Nordovil 5 mg", "--form", "tablets"]
    words += ["--leaflet", "https://leaflet.example/nordovil", "--image", str(photo)]
    refused = server.call(*words, "--as", str(server.data / "keys" / "laboratoires-aubrac.key"))
    assert (refused.returncode, b"own GS1 company prefix" in refused.stderr) == (1, True)
    done = server.call(*words, "--as", str(server.data / "keys" / "nordhavn-pharma.key"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode().startswith(f"product {GTIN}: Nordovil 5 mg with a picture of ")
    scan = httpx.post(f"{server.url}/api/scan", json={"text": f"(01){GTIN}(10)L1"}, trust_env=False).json()
    told = scan["information"]
    assert (told["name"], told["form"], told["source"], told["said_by"]) == (
        "Nordovil 5 mg", "tablets", "maker", "Nordhavn Pharma",
    )  # fmt: skip
    assert scan["identity"]["product"] == "Nordovil 5 mg"
    image = httpx.get(f"{server.url}/products/{GTIN}/{told['image']}", trust_env=False)
    assert (image.status_code, image.headers["content-type"]) == (200, "image/webp")
    wrong = server.call(*words[:-2], "--leaflet", "http://x.example", "--as", str(photo))
    assert wrong.returncode == 1
