"""What a live frame shows and where: told, and nothing more. It is no scan, and has a budget of its own."""

import json
from io import BytesIO
from typing import Any

import cv2
import numpy as np
import pytest
from browser import film
from counting import Counted, assert_refused
from house import House

from verifier.web import limits
from verifier.web.limits import DEVICE

SEEN = {
    "genuine-qr.png": ("pack", "QRCode"),
    "genuine-datamatrix.png": ("pack", "DataMatrix"),
    "unknown-serial.png": ("pack", "DataMatrix"),
    "ean13-only.png": ("stripes", "EAN13"),
    "look-alike-url.png": ("foreign_link", "QRCode"),
}


def look(http: Any, data: bytes, name: str = "image", **more: Any) -> Any:
    body = f'--b\r\nContent-Disposition: form-data; name="{name}"; filename="f"\r\n\r\n'.encode() + data + b"\r\n--b--"
    return http.post("/api/look", data=body, content_type="multipart/form-data; boundary=b", **more)


def frame(house: House, *files: str) -> bytes:
    scene = film.scene(*(house.settings.data / "demo" / file for file in files))
    return cv2.imencode(".jpg", scene)[1].tobytes()


@pytest.mark.parametrize("file", SEEN)
def test_what_a_frame_shows_is_told_with_its_place(demo_house: House, file: str) -> None:
    data = frame(demo_house, file)
    answer = look(demo_house.http, data)
    found = answer.get_json()
    (code,) = found["codes"]
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    assert (found["seen"], code["format"]) == SEEN[file]
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert pixels is not None
    cover = np.zeros_like(pixels)
    cv2.fillPoly(cover, [np.array(code["corners"])], (255,))
    covered = cv2.imencode(".png", np.where(cv2.dilate(cover, np.ones((9, 9), np.uint8)), 255, pixels))[1].tobytes()
    assert look(demo_house.http, covered).get_json()["codes"] == [], "the code is where it was said to be"


def test_nothing_is_told_of_an_empty_table(demo_house: House) -> None:
    assert look(demo_house.http, frame(demo_house)).get_json() == {"seen": "nothing_read", "codes": []}


def test_two_packs_are_both_shown(demo_house: House) -> None:
    found = look(demo_house.http, frame(demo_house, "genuine-qr.png", "recalled.png")).get_json()
    assert found["seen"] == "several"
    assert sorted(code["format"] for code in found["codes"]) == ["DataMatrix", "QRCode"]


@pytest.mark.parametrize(
    ("data", "name", "status", "kind"),
    [(b"I am no picture", "image", 415, "not_an_image"), (b"", "image", 415, "not_an_image"),
     (b"x", "photo", 400, "image_missing"), (b"\xff\xd8\xff" + bytes(12_000_000), "image", 413, "too_large")],
)  # fmt: skip
def test_what_is_no_frame_is_a_problem(demo_house: House, data: bytes, name: str, status: int, kind: str) -> None:
    answer = look(demo_house.http, data, name)
    assert (answer.status_code, json.loads(answer.data)["type"]) == (status, f"/problems/{kind}")


def test_looking_spends_no_scan_and_is_bounded_too(
    counted: Counted, demo_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    budget = limits.Budget(type(DEVICE.scans)(1, 5), DEVICE.misses, type(DEVICE.scans)(3, 5))
    monkeypatch.setattr(limits, "DEVICE", budget)
    data, base = frame(demo_house, "unknown-serial.png"), {"REMOTE_ADDR": "192.0.2.1"}
    for _ in range(3):
        assert look(counted.http, data, environ_base=base).get_json()["seen"] == "pack"
    assert_refused(look(counted.http, data, environ_base=base))
    assert look(counted.http, data, environ_base={"REMOTE_ADDR": "192.0.2.9"}).status_code == 200
    assert counted.http.post("/", data={"image": (BytesIO(data), "f")}, environ_base=base).status_code == 200
    assert counted.http.post("/", data={"image": (BytesIO(data), "f")}, environ_base=base).status_code == 429


def test_a_member_may_look_more(counted: Counted) -> None:
    assert limits.MEMBER.looks.amount > DEVICE.looks.amount > DEVICE.scans.amount
