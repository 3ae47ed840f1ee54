"""Pixels to symbols, on codes drawn here: content exact, all of them seen, and nothing read where nothing is."""

import cv2
import numpy as np
import pytest
import zxingcpp

from scanner import decode as decoding
from scanner.decode import decode

B = zxingcpp.BarcodeFormat
ELEMENTS = b"01095212340000131727123110LOT1\x1d21A7K2M9QX3Z8YB"
LINK = "https://id.gs1.org/01/09521234000013/10/LOT1/21/A7K2M9QX3Z8YB?17=271231"


def draw(content: str | bytes, kind: zxingcpp.BarcodeFormat, scale: int = 5, **options: bool) -> np.ndarray:
    return np.array(zxingcpp.create_barcode(content, kind, **options).to_image(scale=scale))


def gs1_datamatrix(scale: int = 5) -> np.ndarray:
    marked = "[01]09521234000013[17]271231[10]LOT1[21]A7K2M9QX3Z8YB"
    return draw(marked, B.DataMatrix, scale, gs1=True, force_square=True)


def beside(*pictures: np.ndarray) -> np.ndarray:
    high = max(picture.shape[0] for picture in pictures) + 40
    padded = [
        np.pad(one, ((20, high - 20 - one.shape[0]), (30, 30)), constant_values=255) for one in pictures
    ]
    return np.hstack(padded)


def turned(picture: np.ndarray, degrees: float) -> np.ndarray:
    side = int(np.hypot(*picture.shape)) + 20
    high, wide = picture.shape
    turn = cv2.getRotationMatrix2D((wide / 2, high / 2), degrees, 1)
    turn[:, 2] += ((side - wide) / 2, (side - high) / 2)
    return cv2.warpAffine(picture, turn, (side, side), borderValue=(255,))


def test_a_gs1_datamatrix_keeps_its_separators_and_says_it_is_gs1():
    (symbol,) = decode(beside(gs1_datamatrix()))
    assert (symbol.format, symbol.symbology, symbol.content_type) == ("DataMatrix", "]d2", "gs1")
    assert symbol.content == ELEMENTS
    assert symbol.text == ELEMENTS.decode()


def test_a_rectangular_gs1_datamatrix_is_gs1_whatever_its_identifier():
    wide = draw("[01]09521234000013[91]AAAAAAAA[92]" + "A_-b" * 21 + "xy", B.DataMatrix, gs1=True)
    (symbol,) = decode(beside(wide))
    assert wide.shape[0] < wide.shape[1]
    assert (symbol.symbology, symbol.content_type) == ("]d8", "gs1")


@pytest.mark.parametrize(("content", "kind", "name", "identifier"), [
    (LINK, B.QRCodeModel2, "QRCode", "]Q1"), ("0952123400001", B.EAN13, "EAN13", "]E0"),
    ("09521239", B.EAN8, "EAN8", "]E4"),
])  # fmt: skip
def test_a_plain_code_is_text(content, kind, name, identifier):
    text = content if kind is B.QRCodeModel2 else zxingcpp.create_barcode(content[:-1], kind).text
    (symbol,) = decode(beside(draw(text, kind)))
    assert (symbol.format, symbol.symbology, symbol.content_type, symbol.text) == (name, identifier, "text", text)


def test_a_upc_a_is_the_ean_13_it_is():
    (symbol,) = decode(beside(draw("012345678905", B.UPCA)))
    assert (symbol.format, symbol.text) == ("EAN13", "0012345678905")


@pytest.mark.parametrize("degrees", [0, 17, 45, 90, 133, 180, 270])
def test_inverse_and_turned_codes_are_read(degrees):
    for picture, content in ((gs1_datamatrix(), ELEMENTS), (draw(LINK, B.QRCodeModel2), LINK.encode())):
        photo = turned(np.pad(picture, 30, constant_values=255), degrees)
        assert [symbol.content for symbol in decode(photo)] == [content]
        assert [symbol.content for symbol in decode(255 - photo)] == [content]


def test_every_code_of_a_photo_is_returned_once_2d_first():
    other = draw("another code", B.QRCodeModel2)
    photo = beside(draw("4006381333931", B.EAN13), gs1_datamatrix(), other, other)
    symbols = decode(photo)
    assert [symbol.format for symbol in symbols[-1:]] == ["EAN13"]
    assert sorted(symbol.text for symbol in symbols) == sorted([ELEMENTS.decode(), "another code", "4006381333931"])


def test_a_small_second_code_in_a_large_photo_is_seen_beside_a_large_one():
    photo = np.full((1900, 2500), 255, np.uint8)
    large, small = draw("large", B.QRCodeModel2, 20), draw("a small one", B.QRCodeModel2, 2)
    photo[100 : 100 + large.shape[0], 100 : 100 + large.shape[1]] = large
    photo[1500 : 1500 + small.shape[0], 2000 : 2000 + small.shape[1]] = small
    assert {symbol.text for symbol in decode(photo, budget_s=5)} == {"large", "a small one"}


def test_positions_are_in_the_photos_own_pixels():
    photo = np.full((3000, 4000), 255, np.uint8)
    code = draw("where", B.QRCodeModel2, 20)
    photo[1000 : 1000 + code.shape[0], 2000 : 2000 + code.shape[1]] = code
    (symbol,) = decode(photo, budget_s=5)
    quiet = 4 * 20
    want = ((2000 + quiet, 1000 + quiet), (2000 + code.shape[1] - quiet, 1000 + code.shape[0] - quiet))
    assert np.abs(np.array(symbol.position)[[0, 2]] - want).max() < 12


def test_a_text_that_imitates_the_bracketed_form_stays_a_text():
    (symbol,) = decode(beside(draw("(01)09521234000013(21)A", B.DataMatrix)))
    assert (symbol.content_type, symbol.text) == ("text", "(01)09521234000013(21)A")


def test_a_micro_qr_is_not_read_and_nothing_is_read_on_blank_or_noise():
    noise = np.random.default_rng(7).integers(0, 256, (480, 640), dtype=np.uint8)
    for photo in (beside(draw("12345", B.MicroQRCode)), np.full((480, 640), 255, np.uint8), noise):
        assert decode(photo) == ()


def grainy(code: np.ndarray) -> np.ndarray:
    flipped = np.random.default_rng(3).random(code.shape) < 0.12
    return np.where(flipped, 255 - code, code).astype(np.uint8)


def far_and_soft(code: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(cv2.resize(code, None, fx=0.36, fy=0.36, interpolation=cv2.INTER_AREA), (0, 0), 0.8)


@pytest.mark.parametrize(("step", "harm"), [("median", grainy), ("twice", far_and_soft)])
def test_the_rescue_reads_what_the_first_look_does_not(step, harm, monkeypatch):
    photo = harm(beside(gs1_datamatrix()))
    assert [symbol.content for symbol in decode(photo, budget_s=5)] == [ELEMENTS]
    monkeypatch.setattr(decoding, "LOOKS", tuple(look for look in decoding.LOOKS if look.step is None))
    assert decode(photo, budget_s=5) == (), f"{step} is not needed here: the harm is too mild to show it"


def test_the_budget_stops_the_looks_before_the_one_that_would_exceed_it(monkeypatch):
    """The clock counts looks: each costs a second, so in two and a half two of one size fit, or one and a cheaper."""
    looked: list[str] = []

    def reader(_seen, _asked, look):
        looked.append(look.name)
        yield from ()

    monkeypatch.setattr(decoding, "READERS", {"zxing": reader, "zbar": reader})
    decode(np.full((480, 640), 255, np.uint8), budget_s=2.5, clock=lambda: float(len(looked)))
    assert looked == ["as it is", "unsharp", "half"]


def test_without_libzbar_the_first_reader_works_alone(monkeypatch):
    monkeypatch.setattr(decoding, "pyzbar", None)
    assert decode(np.full((200, 200), 255, np.uint8)) == ()
    assert [symbol.content for symbol in decode(beside(gs1_datamatrix()))] == [ELEMENTS]


def test_a_sliver_of_a_retail_code_is_not_believed_alone(monkeypatch):
    """On a photograph, 3 of 338 pixels of an EAN gave another valid EAN; such a read needs a second reader."""
    box = ((0, 0), (300, 0), (300, 3), (0, 3))
    sliver = decoding.Symbol("EAN13", "]E0", b"4006381333931", "4006381333931", "text", box)

    def thin(_seen, _asked, _look):
        yield sliver

    def silent(_seen, _asked, _look):
        yield from ()

    def agreeing(_seen, _asked, _look):
        yield decoding.replace(sliver, reader="zbar")

    blank = np.full((300, 400), 255, np.uint8)
    monkeypatch.setattr(decoding, "READERS", {"zxing": thin, "zbar": silent})
    assert decode(blank, budget_s=5) == ()
    monkeypatch.setattr(decoding, "READERS", {"zxing": thin, "zbar": agreeing})
    assert [symbol.text for symbol in decode(blank, budget_s=5)] == ["4006381333931"]
