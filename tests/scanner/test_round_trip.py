"""What is printed is read: every label, shrunk, turned, softened and sent as a JPEG, gives back its exact content."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.signing import SigningKey

from scanner.decode import decode
from scanner.photo import Grey, read_photo
from scanner.sighting import Sighting, sight
from verifier.identity import Identity, gs1
from verifier.labels import element_string, label_png
from verifier.statements.pack_signature import signed_pack

PRINTABLE = "ABCDEFGHJKMNPQRSTVWXYZ0123456789abcxyz-._/()%&+*!\"'<>?=:;,"
texts = st.text(PRINTABLE, min_size=1, max_size=20).filter(lambda text: text not in (".", ".."))  # which no link holds


@st.composite
def identities(draw: st.DrawFn) -> Identity:
    body = "09521" + draw(st.text("0123456789", min_size=8, max_size=8))
    check = -sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(body)) % 10
    expiry = f"{draw(st.integers(26, 40)):02}{draw(st.integers(1, 12)):02}{draw(st.integers(0, 28)):02}"
    return gs1.parse(f"01{body}{check}17{expiry}10{draw(texts)}\x1d21{draw(texts)}")


signed = st.builds(signed_pack, st.binary(min_size=32, max_size=32).map(SigningKey), identities())


def photographed(label: Grey, shrink: float, degrees: float, sigma: float, quality: int) -> bytes:
    """The label on a grey table, as a camera would send it."""
    high, wide = label.shape
    side = int(np.hypot(high, wide) * shrink) + 40
    camera = cv2.getRotationMatrix2D((wide / 2, high / 2), degrees, shrink)
    camera[:, 2] += ((side - wide) / 2, (side - high) / 2)
    table = cv2.warpAffine(label, camera, (side, side), flags=cv2.INTER_AREA, borderValue=(140,))
    soft = cv2.GaussianBlur(table, (0, 0), sigma)
    return cv2.imencode(".jpg", soft, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


@pytest.mark.parametrize("carrier", ["qr", "datamatrix"])
@given(identity=identities() | signed, shrink=st.floats(0.5, 1.0), degrees=st.floats(0, 360), sigma=st.floats(0.3, 0.8),
       quality=st.integers(60, 95))  # fmt: skip
@settings(max_examples=25, deadline=None)
def test_a_label_photographed_is_the_pack_that_was_printed(carrier, identity, shrink, degrees, sigma, quality):
    drawn = read_photo(label_png(identity, carrier, "Amoxiline 500 mg"))
    symbols = decode(read_photo(photographed(drawn, shrink, degrees, sigma, quality)), budget_s=5)
    printed = element_string(identity) if carrier == "datamatrix" else identity.signed_link().encode()
    assert [symbol.content for symbol in symbols] == [printed]
    seen = sight(symbols)
    assert isinstance(seen, Sighting)
    assert seen.identity == identity
