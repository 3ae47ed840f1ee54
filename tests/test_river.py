"""The river, end to end in one process: the demo world through the doors, and a batch of one's own."""

import json

import pytest
from house import House

DEMO = (
    "genuine-qr.png", "genuine-datamatrix.png", "already-dispensed.png", "expired.png", "recalled.png",
    "unknown-serial.png", "stolen.png", "look-alike-url.png", "ean13-only.png", "blank-photo.jpg",
)  # fmt: skip


@pytest.mark.parametrize("file", DEMO)
def test_every_demo_image_says_what_it_should(demo_house: House, file: str) -> None:
    folder = demo_house.settings.data / "demo"
    expected = json.loads((folder / "expected.json").read_text("utf-8"))[file]
    answer = demo_house.http.post("/api/scan", data={"image": (folder / file).open("rb")})
    found = answer.get_json()
    if "status" in expected:
        assert answer.status_code == expected["status"], found
        assert answer.content_type == "application/problem+json"
    else:
        codes = [reason["code"] for reason in found["reasons"]]
        assert {"outcome": found["outcome"], "reasons": codes} == expected
