"""The resolver as granian serves it: the path arrives decoded, and a serial with a slash is found all the same."""

from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from served import Served

GTIN, LOT = "09521000000018", "SLASH/1"
SERIALS = ("A/B", "A%2FB", "A+B", "A/B/C", "100%", "A(B", "A?B&C=D")


@pytest.fixture(scope="module")
def issued(server: Served, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A batch whose lot and serials hold what a link has to encode: its link up to the serial."""
    names = tmp_path_factory.mktemp("serials") / "names"
    names.write_text("\n".join(SERIALS) + "\n", "ascii")
    given = ("--gtin", GTIN, "--batch", LOT, "--expiry", "280331", "--serials", str(names))
    done = server.call("verifier", "issue", *given)
    assert done.returncode == 0, done.stderr
    return f"/01/{GTIN}/10/{quote(LOT, safe='')}/21/"


def get(server: Served, path: str, accept: str = "application/json", method: str = "GET") -> httpx.Response:
    return httpx.request(method, server.url + path, headers={"Accept": accept}, trust_env=False)


@pytest.mark.parametrize("serial", SERIALS)
def test_a_serial_that_must_be_encoded_is_genuine(server: Served, issued: str, serial: str) -> None:
    answer = get(server, f"{issued}{quote(serial, safe='')}?17=280331")
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert (said["outcome"], said["identity"]["serial"], said["identity"]["batch"]) == ("genuine", serial, LOT)


def test_pages_redirects_and_refusals(server: Served, issued: str) -> None:
    page = get(server, f"{issued}100%25?17=280331", "text/html")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "Code authentique" in page.text
    led = get(server, f"{issued}100%25?linkType=gs1:epil&17=280331")
    assert led.status_code == 307
    assert led.headers["location"].startswith("https://leaflet.example/")  # the newest product statement's
    assert led.headers["location"].endswith("?linkType=gs1:epil&17=280331")
    assert get(server, f"/01/{GTIN[:-1]}9").status_code == 400
    assert get(server, f"{issued}A/?17=280331").json()["type"] == "/problems/encoding"  # two readings
    assert get(server, "/.well-known/gs1resolver").json()["resolverRoot"] == server.url


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
def test_other_methods(server: Served, issued: str, method: str) -> None:
    answer = get(server, f"{issued}100%25?17=280331", method=method)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["access-control-allow-origin"] == "*"


def test_links_in_the_linkset_lead_here(server: Served, issued: str) -> None:
    (found,) = get(server, f"{issued}A%2FB?17=280331", "application/linkset+json").json()["linkset"]
    (default,) = found["https://ref.gs1.org/voc/defaultLink"]
    answer = httpx.get(default["href"], headers={"Accept": "application/json"}, trust_env=False)
    assert (answer.json()["outcome"], answer.json()["identity"]["serial"]) == ("genuine", "A/B")
    assert Path(default["href"]).name == "A%2FB?17=280331"
