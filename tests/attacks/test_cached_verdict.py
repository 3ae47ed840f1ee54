"""Yesterday's green: something between the register and the eye keeps a verdict and shows it again.

No door that judges lets anyone keep its answer, refusals included; and the house itself remembers no state: what is
said at a door is seen by the next scan at any worker.
"""

from io import BytesIO
from typing import Any

import pytest
from forge import event_of
from house import House

from verifier.statements.recall import Recall
from verifier.web.desk import Desk

KEEPABLE = {
    "/static/", "/entries/", "/checkpoint", "/tile/", "/.well-known/", "/healthz", "/readyz", "/demo/", "/manifest",
    "/sw.js", "/icon", "/openapi.json",
}  # fmt: skip
"""What is no verdict: immutable bytes, a public note checked by its signature, images, health."""


@pytest.fixture(scope="module")
def text(demo_house: House) -> str:
    return demo_house.world.pack("current", 0).digital_link()


ASKED: dict[str, dict[str, Any]] = {
    "a text": {"json": {"text": None}},
    "a text of another pack": {"json": {"text": "(01)09521000000018(17)291231(10)X(21)Y"}},
    "a code that is none": {"json": {"text": "hello"}},
    "nothing": {"json": {}},
    "not JSON": {"data": b"{", "content_type": "application/json"},
    "no photo": {"data": {}, "content_type": "multipart/form-data"},
}


@pytest.mark.parametrize("what", ASKED)
@pytest.mark.parametrize("door", ["/api/scan", "/api/evidence"])
def test_no_answer_of_a_judging_door_may_be_kept(demo_house: House, text: str, door: str, what: str) -> None:
    request = dict(ASKED[what])
    if request.get("json") == {"text": None}:
        request["json"] = {"text": text}
    answer = demo_house.http.post(door, **request)
    assert answer.headers["Cache-Control"] == "no-store"
    assert "ETag" not in answer.headers
    assert "Last-Modified" not in answer.headers


def test_no_photo_and_no_page_of_one_may_be_kept(demo_house: House) -> None:
    image = demo_house.settings.data / "demo" / "genuine-qr.png"
    for door in ("/api/scan", "/", "/demo/genuine-qr.png"):
        answer = demo_house.http.post(door, data={"image": image.open("rb")})
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_nothing_told_of_what_is_brought_to_the_ledger_may_be_kept(demo_house: House, text: str, accept: str) -> None:
    evidence = demo_house.http.post("/api/evidence", json={"text": text}).get_data()
    for form in ({"text": text}, {"file": (BytesIO(evidence), "pack.evidence")}, {"text": "hello"}, {}):
        answer = demo_house.http.post("/ledger", data=form, headers={"Accept": accept})
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Accept" in answer.headers["Vary"]
        assert "ETag" not in answer.headers


def test_every_other_door_that_is_read_may_not_be_kept_either(demo_house: House, text: str) -> None:
    """By the app's own list, so that a door added later is asked too."""
    asked = 0
    for rule in demo_house.app.url_map.iter_rules():
        if "GET" not in (rule.methods or ()) or any(str(rule).startswith(prefix) for prefix in KEEPABLE):
            continue
        path = str(rule)
        for name in rule.arguments:
            path = path.replace(f"<{name}>", "09521000000018").replace(f"<path:{name}>", "09521000000018")
        answer = demo_house.http.get(path)
        assert "no-store" in answer.headers.get("Cache-Control", ""), path
        asked += 1
    assert asked


def test_a_scan_sees_what_was_said_a_moment_ago_at_any_worker(world: House) -> None:
    house = world
    pack, other = house.world.pack("current", 12), Desk(house.settings, house.store, house.clock)
    link = pack.digital_link()

    def codes() -> list[str]:
        here = house.codes(pack)
        there = [reason["code"] for reason in other.check_text(link, None, "en")["reasons"]]
        assert here == there
        return here

    assert codes() == ["genuine", "not_recorded"]
    assert house.say("event", "pharmacie-du-canal", event_of("dispense", [pack], house.clock())).status_code == 201
    assert codes() == ["dispensed"]
    body = Recall(gtin=pack.gtin or "", depth="patients", reason="test", batches=[pack.batch or ""])
    assert house.say("recall", "agence-sante", body).status_code == 201
    assert codes() == ["recall_patient", "dispensed"]
