"""What comes wrongly to the scanning doors: a clear problem+json with the right status, and the next request works."""

import json
import re
import struct
import zlib
from html import unescape
from typing import Any
from urllib.parse import quote_from_bytes

import cv2
import numpy as np
import pytest
import zxingcpp
from house import House
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from verifier.store import layout
from verifier.web import HEADERS

GTIN = "09521000000018"
QR, MATRIX = zxingcpp.BarcodeFormat.QRCodeModel2, zxingcpp.BarcodeFormat.DataMatrix


def code(text: str, symbology: zxingcpp.BarcodeFormat = QR) -> np.ndarray[Any, Any]:
    symbol = zxingcpp.create_barcode(text, symbology, gs1=text.startswith("["))
    pixels = np.array(symbol.to_image(scale=6, add_quiet_zones=True))
    return np.pad(pixels, 30, constant_values=255)


def png(pixels: np.ndarray[Any, Any]) -> bytes:
    written, data = cv2.imencode(".png", pixels)
    assert written
    return data.tobytes()


def link(serial: str) -> str:
    return f"https://id.gs1.org/01/{GTIN}/10/AX26K1/21/{serial}?17=280131"


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def bomb() -> bytes:
    """A PNG of 3.6 gigapixels in a few kilobytes."""
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    data = zlib.compress(bytes(4_000_000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def beside(*pictures: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    high = max(one.shape[0] for one in pictures)
    return np.hstack([np.pad(one, ((0, high - one.shape[0]), (0, 40)), constant_values=255) for one in pictures])


def photo(house: House, data: bytes, name: str = "image") -> Any:
    """POST a photo; the form is written here, since Flask's test client leaves its temporary file open."""
    head = f'--b\r\nContent-Disposition: form-data; name="{name}"; filename="p"\r\n\r\n'.encode()
    body = head + data + b"\r\n--b--\r\n"
    return house.http.post("/api/scan", data=body, content_type="multipart/form-data; boundary=b")


def assert_problem(answer: Any, status: int, kind: str) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(answer.get_data())
    assert (answer.status_code, fields["status"]) == (status, status), fields
    assert answer.content_type == "application/problem+json"
    assert fields["type"] == f"/problems/{kind}"
    assert fields["title"]
    assert fields["detail"]
    assert answer.headers["Cache-Control"] == "no-store"
    return fields


def assert_works(house: House) -> None:
    assert house.codes(house.world.pack("current", 0)) == ["genuine", "not_recorded"]


BROKEN = code(link("ABC").replace(GTIN, GTIN[:-1] + "9"))
PHOTOS: tuple[tuple[str, bytes, int, str, str, str], ...] = (
    ("a text", b"I am no photo", 415, "not_an_image", "JPEG, PNG or WebP", "4920616d206e6f20"),
    ("nothing", b"", 415, "not_an_image", "JPEG, PNG or WebP", "nothing"),
    ("a GIF", b"GIF89a" + bytes(40), 415, "not_an_image", "JPEG, PNG or WebP", "474946383961"),
    ("an SVG", b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415, "not_an_image", "JPEG, PNG or WebP", "3c737667"),
    ("cut short", png(code(link("ABC")))[:-40], 422, "truncated", "a whole file", "no end mark"),
    ("a bomb", bomb(), 413, "too_many_pixels", "at most 40000000 pixels", "60000 x 60000"),
    ("12 MB and more", b"\xff\xd8\xff" + bytes(12_000_000), 413, "too_large", "at most 12000000 bytes", "12000003"),
    ("no code", png(np.full((400, 400), 200, np.uint8)), 422, "nothing_read", "a sharp QR or DataMatrix", "none"),
    ("a wrong check digit", png(BROKEN), 422, "check_digit", "8", "9"),
)


@pytest.mark.parametrize(("name", "data", "status", "kind", "expected", "found"), PHOTOS, ids=[p[0] for p in PHOTOS])
def test_a_bad_photo_is_a_problem_that_says_what_was_found(
    demo_house: House, name: str, data: bytes, status: int, kind: str, expected: str, found: str
) -> None:
    fields = assert_problem(photo(demo_house, data), status, kind)
    assert expected in str(fields["expected"])
    assert found in str(fields["found"])
    assert_works(demo_house)


def test_a_body_over_every_limit(demo_house: House) -> None:
    fields = assert_problem(photo(demo_house, bytes(13 * 2**20)), 413, "too_large")
    assert fields["expected"].startswith("at most ")
    assert_works(demo_house)


def test_two_packs_in_one_photo_are_both_told(demo_house: House) -> None:
    answer = photo(demo_house, png(beside(code(link("ONE")), code(link("TWO")))))
    assert answer.status_code == 200
    found = answer.get_json()
    assert [reason["code"] for reason in found["reasons"]] == ["unknown", "several"]
    (other,) = found["others"]
    assert sorted(one["identity"]["serial"] for one in (found, other)) == ["ONE", "TWO"]
    assert other.keys() == found.keys()
    assert_works(demo_house)


def test_an_ai_twice_in_a_datamatrix(demo_house: House) -> None:
    fields = assert_problem(
        photo(demo_house, png(code(f"[01]{GTIN}[17]280131[10]AX26K1[21]ABC[10]OTHER", MATRIX))), 422, "ai_twice"
    )
    assert fields["expected"] == "each AI once"
    assert fields["found"] == "(10) 2 times"
    assert_works(demo_house)


TEXTS: tuple[tuple[str, Any, int, str], ...] = (
    ("an AI twice", {"text": f"(01){GTIN}(21)A(21)B"}, 422, "ai_twice"),
    ("an AI twice, raw", {"text": f"01{GTIN}21A\x1d21B", "symbology": "]d2"}, 422, "ai_twice"),
    ("a wrong check digit", {"text": GTIN[:-1] + "9"}, 422, "check_digit"),
    ("a nul", {"text": f"01{GTIN}21A\x00B"}, 422, "charset"),
    ("no text", {"symbology": "]d2"}, 400, "fields"),
    ("empty", {"text": ""}, 400, "fields"),
    ("blank", {"text": " \n"}, 400, "fields"),
    ("a number", {"text": 5}, 400, "fields"),
    ("a list", [1, 2], 400, "fields"),
    ("symbology a number", {"text": GTIN, "symbology": 4}, 400, "fields"),
)


@pytest.mark.parametrize("door", ["/api/scan", "/api/evidence"])
@pytest.mark.parametrize(("name", "sent", "status", "kind"), TEXTS, ids=[t[0] for t in TEXTS])
def test_a_bad_text(demo_house: House, door: str, name: str, sent: Any, status: int, kind: str) -> None:
    fields = assert_problem(demo_house.http.post(door, json=sent), status, kind)
    assert fields["expected"]
    assert fields["found"]
    assert_works(demo_house)


BODIES: tuple[tuple[str, bytes, str, int, str], ...] = (
    ("5 MB", b'{"text": "' + b"A" * 5_000_000 + b'"}', "application/json", 413, "too_large"),
    ("not JSON", b"{text: 1}", "application/json", 400, "not_json"),
    ("cut short", b'{"text": "01', "application/json", 400, "not_json"),
    ("nothing", b"", "application/json", 400, "not_json"),
    ("not UTF-8", b'{"text": "\xff\xfe"}', "application/json", 400, "not_json"),
    ("deep", b'{"x": ' + b"[" * 16_000, "application/json", 400, "fields"),
    ("a long number", b'{"text": ' + b"9" * 10_000 + b"}", "application/json", 400, "fields"),
    ("a field too many", b'{"text": "01", "viewers": "pharmacy"}', "application/json", 400, "fields"),
    ("a long symbology", b'{"text": "01", "symbology": "]d2]d2]d2"}', "application/json", 400, "fields"),
    ("NaN", b'{"text": NaN}', "application/json", 400, "not_json"),
    ("null", b"null", "application/json", 400, "fields"),
    ("half a character", b'{"text": "\\ud800"}', "application/json", 400, "not_json"),
    ("plain text", b"0100", "text/plain", 415, "content_type"),
    ("a form", b"text=0100", "application/x-www-form-urlencoded", 415, "content_type"),
    ("COSE", b"\xd2\x84", "application/cose", 415, "content_type"),
    ("no type", b"0100", "", 415, "content_type"),
    ("half a form", b"--x\r\nContent-Disp", "multipart/form-data; boundary=x", 400, "image_missing"),
    ("a form without a boundary", b"--x--", "multipart/form-data", 400, "image_missing"),
)


@pytest.mark.parametrize(("name", "body", "kind", "status", "problem"), BODIES, ids=[b[0] for b in BODIES])
def test_a_bad_body(demo_house: House, name: str, body: bytes, kind: str, status: int, problem: str) -> None:
    fields = assert_problem(demo_house.http.post("/api/scan", data=body, content_type=kind), status, problem)
    assert fields["expected"]
    assert fields["found"]
    assert_works(demo_house)


def test_the_photo_under_another_name(demo_house: House) -> None:
    fields = assert_problem(photo(demo_house, b"x", "picture"), 400, "image_missing")
    assert (fields["expected"], fields["found"]) == ("a file `image`", "picture")


@pytest.mark.parametrize("since", [-1, True, 1.5, "3", [], 2**80])
def test_growth_since_no_size(demo_house: House, since: Any) -> None:
    pack = demo_house.world.pack("current", 0).digital_link()
    fields = assert_problem(
        demo_house.http.post("/api/evidence", json={"text": pack, "since": since}), 400, "fields"
    )
    assert "since" in fields["expected"]
    assert fields["found"].endswith("`$.since`")


def test_evidence_needs_all_four_elements_of_a_pack(demo_house: House) -> None:
    short = {"text": f"(01){GTIN}(21)S1"}
    assert_problem(demo_house.http.post("/api/evidence", json=short), 422, "incomplete")
    nowhere = {"text": f"https://id.gs1.org/01/{GTIN}/10/NOLOT", "whole_lot": True}
    assert_problem(demo_house.http.post("/api/evidence", json=nowhere), 404, "lot_unknown")


WRONG = (
    ("GET", "/api/scan", 405, "method_not_allowed"),
    ("PUT", "/api/scan", 405, "method_not_allowed"),
    ("GET", "/entries", 405, "method_not_allowed"),
    ("DELETE", "/entries/" + "0" * 64, 405, "method_not_allowed"),
    ("POST", "/checkpoint", 405, "method_not_allowed"),
    ("GET", "/nowhere", 404, "not_found"),
    ("GET", "/api/nowhere", 404, "not_found"),
    ("GET", "/demo/..%2fworld.json", 404, "not_found"),
    ("GET", "/demo/world.json", 404, "not_found"),
    ("GET", "/entries/", 404, "not_found"),
    ("GET", "/entries/0", 400, "entry"),
    ("GET", "/entries/" + "0" * 64, 404, "entry_unknown"),
)


@pytest.mark.parametrize(("method", "path", "status", "kind"), WRONG)
def test_a_wrong_address_or_method(demo_house: House, method: str, path: str, status: int, kind: str) -> None:
    answer = demo_house.http.open(path, method=method, headers={"Accept": "application/json"})
    assert_problem(answer, status, kind)
    if status == 405:
        assert answer.headers["Allow"]


def test_a_browser_that_is_lost_gets_a_page(demo_house: House) -> None:
    answer = demo_house.http.get("/nowhere", headers={"Accept": "text/html"})
    assert answer.status_code == 404
    assert answer.content_type.startswith("text/html")


def test_every_answer_carries_the_headers_and_no_verdict_is_cached(demo_house: House) -> None:
    pack = {"text": demo_house.world.pack("current", 0).digital_link()}
    judging = [
        demo_house.http.post("/api/scan", json=pack),
        demo_house.http.post("/api/evidence", json=pack),
        demo_house.http.post("/", data=pack),
        demo_house.http.post("/api/scan", json={}),
    ]
    others = [demo_house.http.get(path) for path in ("/", "/demo", "/nowhere", "/checkpoint", "/healthz", "/readyz")]
    assert [answer.status_code for answer in judging] == [200, 200, 200, 400]
    for answer in (*judging, *others):
        assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
        assert len(answer.headers.getlist("Content-Security-Policy")) == 1
    assert all(answer.headers["Cache-Control"] == "no-store" for answer in judging)
    assert "unsafe" not in HEADERS["Content-Security-Policy"]
    assert HEADERS["X-Content-Type-Options"] == "nosniff"


def test_readiness_says_what_stands_behind_it(demo_house: House) -> None:
    assert demo_house.http.get("/readyz").get_json() == {
        "status": "ready", "size": demo_house.head.size, "witnesses": 0, "quorum": "none",
        "cosigned": None,
    }  # fmt: skip


def test_not_ready_while_the_ledger_is_replayed(house: House) -> None:
    assert house.http.get("/readyz").status_code == 200
    house.store.set(layout.PROJECTED, bytes(8))
    assert_problem(house.http.get("/readyz"), 503, "not_ready")
    assert_problem(house.http.post("/api/scan", json={"text": link("A")}), 503, "not_ready")


def test_a_damaged_ledger_is_told_and_answered_on(house: House) -> None:
    """What the node's patrol found: operators hear the sentence, nothing is taken to be registered, scans go on."""
    house.store.set(layout.ALARM, "the ledger in this store is damaged (leaf 7: ...)")
    fields = assert_problem(house.http.get("/readyz"), 503, "damaged")
    assert fields["detail"] == "the ledger in this store is damaged (leaf 7: ...)"
    genesis = (house.settings.data / "genesis.cose").read_bytes()
    fields = assert_problem(house.register(genesis), 503, "not_ready")
    assert fields["detail"] == "the node found its ledger damaged and registers nothing until it is restored"
    assert house.http.post("/api/scan", json={"text": link("A")}).status_code == 200


def test_not_ready_before_there_is_a_ledger(house: House) -> None:
    house.store.flushall()
    answer = house.http.get("/readyz")
    assert_problem(answer, 503, "not_ready")
    assert answer.headers["Retry-After"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
AI = st.sampled_from(["01", "10", "17", "21", "22", "00", "8006", "710", "99", "05"])
PAIRS = st.lists(st.tuples(AI, st.sampled_from([GTIN, "280131", "A", "\x1d", "(", "%2F"]) | st.text()), max_size=5)
ELEMENTS = PAIRS.map(lambda pairs: "".join(f"({ai}){value}" for ai, value in pairs)) | PAIRS.map(
    lambda pairs: "\x1d".join(ai + value for ai, value in pairs)
)
LINKS = st.text().map(lambda tail: f"https://id.gs1.org/01/{GTIN}/{tail}")
SENT = JSON | st.fixed_dictionaries(
    {"text": JSON | ELEMENTS | LINKS},
    optional={"symbology": JSON | st.sampled_from(["]d2", "]C1", "]Q3", "]E0", None]), "since": JSON},
)


@pytest.mark.parametrize("door", ["/api/scan", "/api/evidence"])
@given(sent=SENT)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_json_is_a_fault_of_ours(demo_house: House, door: str, sent: Any) -> None:
    answer = demo_house.http.post(door, data=json.dumps(sent), content_type="application/json")
    assert answer.status_code in (200, 400, 404, 413, 422), answer.get_data()


@given(body=st.binary(max_size=200))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_body_is_a_fault_of_ours(demo_house: House, body: bytes) -> None:
    for kind in ("application/json", "multipart/form-data; boundary=x"):
        answer = demo_house.http.post("/api/scan", data=body, content_type=kind)
        assert answer.status_code in (400, 413, 415, 422), answer.get_data()


METHODS = st.sampled_from(["GET", "POST", "PUT", "HEAD", "OPTIONS"])
HEADS = st.sampled_from(["Accept", "Accept-Language", "Cookie", "Content-Type", "Signature", "Signature-Input"])
VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=40)
PATHS = st.lists(
    st.sampled_from(["entries", "deposits", "demo", "problems", "vault", "batches", "..", "static"])
    | st.binary(max_size=8).map(quote_from_bytes),
    max_size=4,
)


@given(method=METHODS, path=PATHS, heads=st.dictionaries(HEADS, VALUES))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_address_or_header_is_a_fault_of_ours(
    demo_house: House, method: str, path: list[str], heads: dict[str, str]
) -> None:
    answer = demo_house.http.open("/" + "/".join(filter(None, path)), method=method, headers=heads)
    assert answer.status_code < 500, answer.get_data()


@given(text=st.text(st.characters(codec=None), max_size=80) | ELEMENTS | LINKS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_typed_is_a_fault_of_ours(demo_house: House, text: str) -> None:
    body = "text=" + quote_from_bytes(text.encode("utf-8", "surrogatepass"))
    answer = demo_house.http.post("/", data=body, content_type="application/x-www-form-urlencoded")
    assert answer.status_code in (200, 400, 422), answer.get_data()


def test_a_forged_code_asked_again_in_another_language_stays_forged(demo_house: House) -> None:
    """What the page sends again carries the signature that was read."""
    browser = demo_house.app.test_client()  # of its own: a page asked for in a language leaves a cookie
    with (demo_house.desk.demo_folder / "forged-signature.png").open("rb") as image:
        page = browser.post("/?lang=fr", data={"image": image}).get_data(as_text=True)
    assert "Signature fausse" in page
    (asked,) = set(re.findall(r'name="text" value="([^"]+)"', page))
    again = browser.post("/?lang=en", data={"text": unescape(asked)}).get_data(as_text=True)
    assert "False signature" in again
    assert re.findall(r"verifier prove ([^<]*)", unescape(page))[0].count("&92=") == 1  # nor does the check it proposes
