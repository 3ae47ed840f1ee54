"""A maker's words and files are shown to strangers: none of them may run, lead astray unseen, or be what it is not."""

from hashlib import sha256
from html import escape
from typing import Any

import pytest
from house import House
from msgspec.structs import replace

from verifier.commands.product import portrait, register
from verifier.demo import PRODUCTS, gtin
from verifier.labels import box_png
from verifier.node import signed_request
from verifier.statements.body import Body
from verifier.statements.errors import Malformed
from verifier.statements.product import MOST_IMAGE_BYTES, Picture, Product
from verifier.store import deposits
from verifier.web.desk import deposit_folder

GTIN, MAKER = gtin(PRODUCTS[2][0]), "nordhavn-pharma"
TYPES = ("image/jpeg", "image/png", "image/webp")
HTML = b"<!doctype html><script>alert(1)</script>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'


def put(house: House, data: bytes) -> bytes:
    """Deposit these bytes as the maker would; their SHA-256."""
    digest, key = sha256(data), house.key(MAKER)
    path = f"/deposits/{digest.hexdigest()}"
    headers = signed_request.sign("PUT", f"http://localhost{path}", None, key.seed, key.kid)
    answer = house.http.put(path, data=data, headers=headers)
    assert answer.status_code == 201, answer.get_data(as_text=True)
    return digest.digest()


def product(digest: bytes, media_type: Any, size: int) -> Product:
    picture = Picture(sha256=digest, media_type=media_type, size=size)
    return Product(gtin=GTIN, name="Insuvia 100 U/ml", image=picture)


def test_what_is_no_picture_is_not_taken_for_one(world: House) -> None:
    """Whatever type it claims, and though it begins as one; nor one that is not here, or of another length."""
    png = box_png("x")
    for data in (HTML, SVG, b"GIF89a" + HTML, b"\x89PNG\r\n\x1a\n" + HTML, b"\xff\xd8\xff" + HTML, png[:-20], b"RIFF"):
        digest = put(world, data)
        for media_type in TYPES:
            answer = world.say("product", MAKER, product(digest, media_type, len(data)))
            assert (answer.status_code, answer.get_json()["type"]) == (403, "/problems/picture"), data
    digest = put(world, png)
    for wrong in (
        product(digest, "image/webp", len(png)), product(digest, "image/png", len(png) - 1),
        product(bytes(32), "image/png", len(png)),
    ):  # fmt: skip
        answer = world.say("product", MAKER, wrong)
        assert (answer.status_code, answer.get_json()["type"]) == (403, "/problems/picture")
        assert answer.get_json()["expected"].startswith("a whole image/")


def test_a_picture_of_more_pixels_than_a_phone_should_draw(world: House) -> None:
    import cv2
    import numpy as np

    written, data = cv2.imencode(".png", np.zeros((2100, 2100), np.uint8))
    assert written
    assert data.size < MOST_IMAGE_BYTES
    answer = world.say("product", MAKER, product(put(world, data.tobytes()), "image/png", data.size))
    assert answer.get_json()["expected"] == "at most 4000000 pixels"


def test_only_the_picture_in_force_is_served_and_only_as_a_picture(world: House) -> None:
    bare = Product(gtin=GTIN, name="Insuvia 100 U/ml")
    first, second = (portrait(box_png(name)) for name in ("one", "two"))
    register(world.client, world.key(MAKER), bare, first, world.clock())
    digest = sha256(first).hexdigest()
    answer = world.http.get(f"/products/{GTIN}/{digest}")
    assert (answer.status_code, answer.content_type, answer.get_data()) == (200, "image/webp", first)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    manifest = next((deposit_folder(world.settings.data)).glob("??/*")).name
    other = gtin(PRODUCTS[0][0])
    for path in (
        f"/products/{GTIN}/{manifest}", f"/products/{other}/{digest}", f"/products/{GTIN}/{'0' * 64}",
        f"/products/{GTIN}/..%2f..%2fgenesis.cose", f"/products/{GTIN}/{digest.upper()}",
        f"/products/٠{GTIN[1:]}/{digest}",
    ):  # fmt: skip
        answer = world.http.get(path)
        assert answer.status_code == 404, path
        assert answer.content_type == "application/problem+json"
    unsigned = [world.http.get(f"/deposits/{one}") for one in (digest, "0" * 64)]  # deposits are for members
    assert [answer.status_code for answer in unsigned] == [400, 400]
    assert unsigned[0].get_json() == unsigned[1].get_json()
    register(world.client, world.key(MAKER), bare, second, world.clock())
    assert world.http.get(f"/products/{GTIN}/{digest}").status_code == 404
    assert world.http.get(f"/products/{GTIN}/{sha256(second).hexdigest()}").status_code == 200


def test_a_picture_altered_on_disk_is_not_served(world: House) -> None:
    data = portrait(box_png("three"))
    register(world.client, world.key(MAKER), Product(gtin=GTIN, name="x"), data, world.clock())
    digest = sha256(data).hexdigest()
    file = deposits.path_of(deposit_folder(world.settings.data), digest)
    assert world.http.get(f"/products/{GTIN}/{digest}").status_code == 200
    file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert world.http.get(f"/products/{GTIN}/{digest}").status_code == 404
    file.unlink()
    assert world.http.get(f"/products/{GTIN}/{digest}").status_code == 404
    assert world.codes(f"(01){GTIN}(10)L1") == ["no_serial", "lot_not_recalled"]  # the verdict stands without


@pytest.mark.parametrize(
    "leaflet", ["javascript:alert(1)", "http://leaflet.example/", "data:text/html,x", "//x.example", "https://a b", " "]
)
def test_a_leaflet_of_another_scheme_is_refused(leaflet: str) -> None:
    with pytest.raises(Malformed, match="Product"):
        Product.of({"gtin": GTIN, "name": "x", "leaflet": leaflet})


POISON = '<script>alert(1)</script>"><img src=x onerror=alert(2)>'
AUTHORITY = "agence-sante"


def page(world: House, language: str) -> str:
    answer = world.http.post("/", data={"text": f"(01){GTIN}(10)L1"}, headers={"Accept-Language": language})
    assert answer.status_code == 200
    return str(answer.get_data(as_text=True))


@pytest.mark.parametrize("language", ["fr", "en"])
def test_names_are_words_and_never_markup(world: House, language: str) -> None:
    body = Product(gtin=GTIN, name=POISON, form=POISON, leaflet='https://leaflet.example/"><script>alert(3)</script>')
    assert world.say("product", MAKER, body).status_code in (200, 201)  # known, the second time
    shown = page(world, language)
    assert escape(POISON, quote=True).replace("&#x27;", "&#39;").replace("&quot;", "&#34;") in shown
    assert "<script>alert" not in shown
    assert "onerror=alert(2)>" not in shown
    assert shown.count("<script") == 1  # our own


@pytest.mark.parametrize(
    ("link", "host"),
    [
        ("https://leaflet.example/a?b=c#d", "leaflet.example"),
        ("https://LEAFLET.example:8443/a", "leaflet.example"),
        ("https://known.example@elsewhere.example/", None),
        ("https://elsewhere.example\\@known.example/", None),
        ("https://known.example\\.elsewhere.example/", None),
        ("https://xn--80ak6aa92e.example/", "xn--80ak6aa92e.example"),
    ],
)
def test_a_link_out_names_the_host_that_a_browser_would_open_or_is_not_shown(
    world: House, link: str, host: str | None
) -> None:
    assert world.say("product", MAKER, Product(gtin=GTIN, name="x", leaflet=link)).status_code == 201
    shown = page(world, "en")
    assert ('class="outside"' in shown) == (host is not None)
    if host:
        assert f"on another site: {host}" in shown
        assert 'rel="noreferrer noopener external"' in shown


def test_another_makers_product_is_not_ones_own_to_name(world: House) -> None:
    other: Body = replace(Product(gtin=gtin(PRODUCTS[0][0]), name="x"))
    answer = world.say("product", MAKER, other)
    assert (answer.status_code, answer.get_json()["type"]) == (403, "/problems/own_gtin")
