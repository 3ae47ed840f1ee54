"""Who borrows a professional's eyes: to learn what patients are not told, or to have a patient's answer pass for a
pharmacy's. Each is refused in words, and none is quietly judged as a patient."""

import json
from typing import Any

import pytest
from house import BASE, House

from verifier.identity import Identity
from verifier.node import signed_request
from verifier.node.keyfile import KeyFile

CANAL, HOSPITAL, CARRIER = "pharmacie-du-canal", "hopital-saint-roch", "transvia"
STRANGER = KeyFile(CANAL, bytes([7]) * 32)  # it names a member, and nobody enrolled it


@pytest.fixture(scope="module")
def pack(demo_house: House) -> Identity:
    return demo_house.world.pack("current", 2)


def refused(answer: Any, kind: str) -> dict[str, Any]:
    fields: dict[str, Any] = answer.get_json()
    assert (answer.status_code, fields["type"]) == (403, f"/problems/{kind}")
    assert fields["expected"]
    assert fields["found"]
    assert "outcome" not in fields
    return fields


@pytest.mark.parametrize("viewer", ["ward", "pharmacy", "dock", "theatre"])
def test_a_patient_who_claims_to_be_a_professional(demo_house: House, pack: Identity, viewer: str) -> None:
    fields = refused(demo_house.scan(pack.digital_link(), viewer=viewer), "viewer")
    assert (fields["value"], fields["found"]) == (viewer, "no signature")
    with (demo_house.settings.data / "demo" / "genuine-qr.png").open("rb") as image:
        refused(demo_house.http.post("/api/scan", data={"image": image, "viewer": viewer}), "viewer")
    body = {"text": pack.digital_link(), "viewer": viewer}
    refused(demo_house.http.post("/api/evidence", json=body), "viewer")


@pytest.mark.parametrize(
    ("member", "viewer"),
    [(CANAL, "theatre"), (CANAL, "ward"), (CARRIER, "pharmacy"), (CARRIER, "ward"), ("agence-sante", "pharmacy")],
)
def test_a_members_key_that_claims_anothers_viewer(
    demo_house: House, pack: Identity, member: str, viewer: str
) -> None:
    fields = refused(demo_house.scan_as(member, pack.digital_link(), viewer), "viewer")
    assert fields["value"] == viewer
    assert viewer not in fields["expected"].split(" or ")
    assert "dock" in fields["expected"]


def test_a_key_that_nobody_enrolled(demo_house: House, pack: Identity) -> None:
    body = json.dumps({"text": pack.digital_link(), "viewer": "pharmacy"}).encode()
    headers = signed_request.sign("POST", BASE + "/api/scan", body, STRANGER.seed, STRANGER.kid)
    refused(send(demo_house, body, headers), "request_signature")


def send(house: House, body: bytes, headers: dict[str, str], path: str = "/api/scan") -> Any:
    return house.http.post(path, data=body, content_type="application/json", headers=headers, base_url=BASE)


@pytest.fixture
def signed(demo_house: House, pack: Identity) -> tuple[bytes, dict[str, str]]:
    """A pharmacy's scan, as it may be overheard."""
    key, body = demo_house.key(CANAL), json.dumps({"text": pack.digital_link(), "viewer": "pharmacy"}).encode()
    return body, signed_request.sign("POST", BASE + "/api/scan", body, key.seed, key.kid)


def test_a_signed_scan_sent_again(demo_house: House, signed: tuple[bytes, dict[str, str]]) -> None:
    assert send(demo_house, *signed).status_code == 200
    refused(send(demo_house, *signed), "replayed")


def test_a_signed_scan_whose_body_was_swapped(demo_house: House, signed: tuple[bytes, dict[str, str]]) -> None:
    body, headers = signed
    other = json.dumps({"text": demo_house.world.pack("current", 3).digital_link(), "viewer": "pharmacy"}).encode()
    refused(send(demo_house, other, headers), "request_signature")
    without = {name: value for name, value in headers.items() if name.lower() != "content-digest"}
    refused(send(demo_house, other, without), "request_signature")
    assert send(demo_house, body, headers).status_code == 200  # the control: nothing of it was spent


def test_a_signed_scan_with_a_query_added(demo_house: House, signed: tuple[bytes, dict[str, str]]) -> None:
    refused(send(demo_house, *signed, path="/api/scan?lang=fr"), "request_signature")


def test_a_signature_for_another_door(demo_house: House, signed: tuple[bytes, dict[str, str]]) -> None:
    refused(send(demo_house, *signed, path="/api/evidence"), "request_signature")


def test_a_broken_signature_is_not_read_as_none(demo_house: House, pack: Identity) -> None:
    body = json.dumps({"text": pack.digital_link()}).encode()
    refused(send(demo_house, body, {"Signature": "probatum=:AA==:"}), "request_signature")


def test_a_photo_under_a_form_that_was_swapped(demo_house: House) -> None:
    """The digest is of the whole form as it was sent: neither photo nor viewer can be another."""
    photos = demo_house.settings.data / "demo"
    key, boundary = demo_house.key(HOSPITAL), "b0undary"

    def form(file: str, viewer: str) -> bytes:
        part = f'--{boundary}\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'.encode()
        field = f'\r\n--{boundary}\r\nContent-Disposition: form-data; name="viewer"\r\n\r\n{viewer}'.encode()
        return part + (photos / file).read_bytes() + field + f"\r\n--{boundary}--\r\n".encode()

    def post(body: bytes, headers: dict[str, str]) -> Any:
        kind = f"multipart/form-data; boundary={boundary}"
        return demo_house.http.post("/api/scan", data=body, content_type=kind, headers=headers, base_url=BASE)

    mine = form("stolen.png", "theatre")
    headers = signed_request.sign("POST", BASE + "/api/scan", mine, key.seed, key.kid)
    refused(post(form("genuine-qr.png", "theatre"), headers), "request_signature")
    refused(post(form("stolen.png", "pharmacy"), headers), "request_signature")
    found = post(mine, headers).get_json()
    assert (found["outcome"], found["viewer"]) == ("do_not_use", "theatre")
