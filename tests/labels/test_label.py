"""The label a person reads: its text is the encoded value, its ink stays inside, hostile text stays text."""

from xml.etree import ElementTree

import cv2
import numpy as np
import pytest

from verifier.identity import gs1
from verifier.labels import label_png, label_svg

PACK = gs1.parse(b"01095212340000131727123110LOT<&>1\x1d21A7K2M9QX3Z8YB")
ROWS = ["(01)", "09521234000013", "EXP (17)", "271231", "LOT (10)", "LOT<&>1", "SN (21)", "A7K2M9QX3Z8YB"]


def texts(svg: str) -> list[str]:
    return [node.text or "" for node in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]  # noqa: S314


def pixels(png: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)


@pytest.mark.parametrize("carrier", ["qr", "datamatrix"])
def test_the_text_under_the_symbol_is_what_the_symbol_says(carrier):
    assert texts(label_svg(PACK, carrier)) == ROWS
    assert texts(label_svg(PACK, carrier, "Amoxiline 500 mg")) == ["Amoxiline 500 mg", *ROWS]


def test_a_title_is_text_and_nothing_else():
    hostile = '</text><script>alert("1")</script>&\x00\x1b\n' + "x" * 200
    (title, *rows) = texts(label_svg(PACK, "qr", hostile))
    assert title == hostile.replace("\x00\x1b\n", "")[:80]
    assert rows == ROWS


def test_what_only_machines_compare_is_not_printed_as_text():
    signed = gs1.parse(b"010952123400001321ABC\x1d9112345678\x1d92" + b"A" * 86)
    assert texts(label_svg(signed, "datamatrix")) == ["(01)", "09521234000013", "SN (21)", "ABC"]


@pytest.mark.parametrize("carrier", ["qr", "datamatrix"])
@pytest.mark.parametrize("module_px", [1, 3, 6, 12])
@pytest.mark.parametrize("title", ["", "Amoxiline 500 mg, comprimés pelliculés sécables, boîte de 30"])
def test_png_and_svg_are_one_size_and_no_ink_touches_the_edge(carrier, module_px, title):
    sheet = pixels(label_png(PACK, carrier, title, module_px))
    root = ElementTree.fromstring(label_svg(PACK, carrier, title, module_px))  # noqa: S314
    assert (int(root.attrib["height"]), int(root.attrib["width"])) == sheet.shape
    edge = np.concatenate([sheet[:3].ravel(), sheet[-3:].ravel(), sheet[:, :3].ravel(), sheet[:, -3:].ravel()])
    assert edge.min() == 255


def test_the_text_is_drawn_and_smooth():
    bare, titled = pixels(label_png(PACK, "qr")), pixels(label_png(PACK, "qr", "Amoxiline"))
    strip = titled[: titled.shape[0] - bare.shape[0]]
    assert strip.min() < 64
    assert len(np.unique(strip)) > 16, "text without grey levels is not anti-aliased"


def test_the_same_label_is_the_same_bytes():
    assert label_png(PACK, "qr", "é") == label_png(PACK, "qr", "é")
    assert label_svg(PACK, "qr", "é") == label_svg(PACK, "qr", "é")


def test_an_unknown_carrier_is_refused():
    with pytest.raises(ValueError, match="Failed to draw carrier 'aztec': expected qr or datamatrix"):
        label_png(PACK, "aztec")
