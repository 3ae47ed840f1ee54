"""The river, end to end in one process: the demo world through the doors, and a batch of one's own."""

import json
import os
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from house import House, with_element
from werkzeug.test import EnvironBuilder

from verifier.commands.issuing import Lot, draw, identity_of, issue
from verifier.commands.say import epcis
from verifier.identity import Identity
from verifier.statements import numbering
from verifier.statements.event import Event
from verifier.statements.recall import Recall
from verifier.statements.serials import bucket_of
from verifier.store import layout
from verifier.store.projection import derived_keys

DEMO = (
    "genuine-qr.png", "genuine-datamatrix.png", "already-dispensed.png", "two-counters.png", "expired.png",
    "recalled.png", "withdrawn.png", "product-withdrawn.png", "unknown-serial.png", "batch-mismatch.png",
    "stolen.png", "destroyed.png", "journey-incomplete.png", "cold-chain-broken.png", "key-retired.png",
    "key-compromised.png", "signed-pack.png", "forged-signature.png", "foreign-91-92.png", "maker-not-enrolled.png",
    "look-alike-url.png", "no-serial-lot.png", "no-serial-recalled.png", "ean13-only.png", "two-packs.png",
    "codes-differ.png", "blank-photo.jpg",
)  # fmt: skip
OWN = Lot("09521000000018", "RIVER1", "280331", ("FR",))


@pytest.mark.parametrize("file", DEMO)
def test_every_demo_image_says_what_it_should(demo_house: House, file: str) -> None:
    folder = demo_house.settings.data / "demo"
    expected = json.loads((folder / "expected.json").read_text("utf-8"))[file]
    with (folder / file).open("rb") as image:
        answer = demo_house.http.post("/api/scan", data={"image": image})
    found = answer.get_json()
    if "status" in expected:
        assert answer.status_code == expected["status"], found
        assert answer.content_type == "application/problem+json"
    else:
        assert told(found) == (expected["outcome"], expected["reasons"])
        assert [other["outcome"] for other in found["others"]] == expected.get("others", [])
    for row in expected.get("also", ()):
        assert told(asked(demo_house, folder / file, row)) == (row["outcome"], row["reasons"]), row


def told(found: dict[str, Any]) -> tuple[str, list[str]]:
    return found["outcome"], [reason["code"] for reason in found["reasons"]]


def asked(house: House, image: Path, row: dict[str, Any]) -> dict[str, Any]:
    """The verdict on an image as a row of expected.json asks for it: by whose key, as whom, saying what."""
    form = {name: str(row[name]) for name in ("viewer", "reads", "bought") if name in row}
    form_data = {**form, "image": (BytesIO(image.read_bytes()), "x.png")}
    environ = EnvironBuilder(method="POST", data=form_data).get_environ()
    body, kind = environ["wsgi.input"].read(), environ["CONTENT_TYPE"]  # what is signed is what is sent
    if "as" in row:
        answer = house.post_signed(row["as"].removesuffix(".key"), "/api/scan", body, kind)
    else:
        answer = house.http.post("/api/scan", data=body, content_type=kind)
    found: dict[str, Any] = answer.get_json()
    return found


def test_no_demo_image_is_forgotten_here(demo_house: House) -> None:
    expected = json.loads((demo_house.settings.data / "demo" / "expected.json").read_text("utf-8"))
    assert set(expected) == set(DEMO)


@pytest.fixture(scope="module")
def packs(demo_house: House) -> list[Identity]:
    """The packs of a batch issued here, as `python -m verifier issue` does it."""
    names = tuple(numbering.generate(6, os.urandom))
    issue(demo_house.client, demo_house.key("laboratoires-aubrac"), OWN, names, moment=demo_house.clock())
    return [identity_of(OWN, name.decode()) for name in names]


def test_a_batch_of_ones_own_is_genuine_from_its_labels(
    demo_house: House, packs: list[Identity], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("labels")
    draw(OWN, [(pack.serial or "").encode() for pack in packs], folder, "Amoxadine 500 mg")
    for label in sorted(folder.glob("*.png")):
        with label.open("rb") as image:
            found = demo_house.http.post("/api/scan", data={"image": image}).get_json()
        assert (found["outcome"], found["reasons"][0]["code"]) == ("genuine", "genuine")
        assert found["identity"]["serial"] in label.name
        (stop,) = found["custody"]
        assert stop == {"step": "commission", "day": found["as_of"][:10], "country": "FR", "gap_before": False}
        assert (found["ledger"]["witnesses"], found["ledger"]["policy"]) == (0, "none")


def test_one_character_changed_is_unknown(demo_house: House, packs: list[Identity]) -> None:
    serial = packs[0].serial or ""
    for at in range(len(serial)):
        changed = serial[:at] + ("0" if serial[at] != "0" else "1") + serial[at + 1 :]
        assert demo_house.codes(with_element(packs[0], "21", changed)) == ["unknown"]


def test_another_lot_or_date_is_not_genuine(demo_house: House, packs: list[Identity]) -> None:
    assert demo_house.codes(with_element(packs[0], "10", "RIVER2")) == ["unknown"]
    assert demo_house.verdict(with_element(packs[0], "17", "290331"))["outcome"] != "genuine"


def test_a_serial_slipped_into_redis_by_hand_is_refused(demo_house: House, packs: list[Identity]) -> None:
    stranger = with_element(packs[0], "21", "ABCDEFGHJKLMN")
    key = layout.buckets(OWN.gtin, OWN.batch) + bucket_of(b"ABCDEFGHJKLMN", 0).to_bytes(4, "big")
    assert key in set(derived_keys(demo_house.store))
    bucket = demo_house.store.get(key)
    assert isinstance(bucket, bytes)
    digest = sha256(bucket).digest()
    demo_house.store.set(key, bucket.replace((packs[1].serial or "").encode(), b"ABCDEFGHJKLMN"))
    assert demo_house.verdict(stranger)["outcome"] != "genuine"
    demo_house.store.set(key, bucket)
    assert sha256(demo_house.store.get(key) or b"").digest() == digest
    assert demo_house.codes(packs[1])[0] == "genuine"


def test_dispensed_then_recalled(demo_house: House, packs: list[Identity]) -> None:
    event = Event(epcis=epcis("dispense", [packs[2]], demo_house.clock(), None, "river"))
    assert demo_house.say("event", "pharmacie-du-canal", event).status_code == 201
    # Nobody shipped it there: the journey is incomplete, and that is graver than the supply.
    assert demo_house.codes(packs[2]) == ["gap", "dispensed"]
    recall = Recall(gtin=OWN.gtin, depth="patients", reason="x", batches=[OWN.batch], serials=[packs[3].serial or ""])
    assert demo_house.say("recall", "agence-sante", recall).status_code == 201
    assert demo_house.codes(packs[3])[0] == "recall_patient"
    assert demo_house.codes(packs[4])[0] == "genuine"
