"""What each viewer is told at the scanning door: the same facts, in their own words, and no more than is theirs."""

import json
from typing import Any

import pytest
from forge import answer_of
from house import House, with_element

from verifier.identity import Identity
from verifier.statements.envelope import read
from verifier.verdict import evidence as files
from verifier.verdict.reasons import REASONS, STEPS
from verifier.verdict.viewers import VIEWERS, entitled, usual

MEMBERS = {
    "ward": "hopital-saint-roch", "theatre": "hopital-saint-roch", "pharmacy": "pharmacie-des-halles",
    "dock": "transvia",
}  # fmt: skip
CANAL, HALLES, HOSPITAL = "pharmacie-du-canal", "pharmacie-des-halles", "hopital-saint-roch"


def told(house: House, viewer: str, pack: Identity, member: str | None = None, **fields: Any) -> dict[str, Any]:
    """The gravest reason of the verdict to a viewer."""
    if viewer == "patient":
        answer = house.scan(pack.digital_link(), **fields)
    else:
        answer = house.scan_as(member or MEMBERS[viewer], pack.digital_link(), viewer, **fields)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    found: dict[str, Any] = answer.get_json()
    assert found["viewer"] == viewer
    return found["reasons"][0] | {"all": [reason["code"] for reason in found["reasons"]]}


@pytest.mark.parametrize(
    ("viewer", "code", "step"),
    [
        ("patient", "dispensed", "Check seal, lot, date."),
        ("ward", "dispensed", "Check seal, lot, date."),
        ("theatre", "dispensed", "Check seal, lot, date."),
        ("pharmacy", "elsewhere", "Refuse to supply: keep the box and report it."),
        ("dock", "elsewhere", "Refuse the box: quarantine it and report it."),
    ],
)
def test_a_supplied_pack(demo_house: House, viewer: str, code: str, step: str) -> None:
    found = told(demo_house, viewer, demo_house.world.pack("current", 2))
    assert (found["code"], found["next_step"]) == (code, step)


PACKS = {
    "genuine": ("current", 0), "stolen": ("current", 5), "destroyed": ("current", 6), "gap": ("current", 9),
    "expired": ("expired", 0), "recall_patient": ("recalled", 0), "recall_pharmacy": ("withdrawn", 0),
}  # fmt: skip


@pytest.mark.parametrize("viewer", VIEWERS)
@pytest.mark.parametrize("code", PACKS)
def test_every_viewer_is_told_what_is_so(demo_house: House, viewer: str, code: str) -> None:
    found = told(demo_house, viewer, demo_house.world.pack(*PACKS[code]))
    assert (found["code"], found["outcome"]) == (code, REASONS[code].outcome)
    assert ("not_recorded" in found["all"]) == (viewer == "patient" and code == "genuine")


def test_a_professional_is_never_told_to_call_their_pharmacist() -> None:
    for steps in STEPS.values():
        assert "your pharmacist" not in steps["professionals"]["en"]
    assert "Quarantine it and report it" in STEPS["C"]["professionals"]["en"]
    assert "Mettez en quarantaine et signalez" in STEPS["C"]["professionals"]["fr"]


# --- one's own scan ---


def test_ones_own_supply_is_told_with_its_time(demo_house: House) -> None:
    pack = demo_house.world.pack("current", 2)
    found = told(demo_house, "pharmacy", pack, CANAL)
    assert (found["code"], found["outcome"]) == ("dispensed_here", "genuine")
    assert found["next_step"] == "Supply refused: it is already done."
    _, _, moment = found["sentence"].partition("This is your own scan of ")
    assert moment.removesuffix(").").count("-") == 2  # four days ago: the day is told too
    assert told(demo_house, "pharmacy", pack, HALLES)["code"] == "elsewhere"
    assert told(demo_house, "pharmacy", pack, HOSPITAL)["code"] == "elsewhere"
    assert told(demo_house, "dock", pack, CANAL)["code"] == "dispensed_here"


def evidence_for(house: House, member: str, pack: Identity, viewer: str = "pharmacy") -> files.Evidence:
    body = json.dumps({"text": pack.digital_link(), "viewer": viewer}).encode()
    answer = house.post_signed(member, "/api/evidence", body, "application/json")
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return files.decode(answer.get_data())


def test_only_its_signer_is_shown_an_event(demo_house: House) -> None:
    pack = demo_house.world.pack("current", 2)
    kinds = {who: [read(e.raw).kind for e in evidence_for(demo_house, who, pack).statements] for who in (CANAL, HALLES)}
    assert kinds[CANAL].count("event") == 1
    assert "event" not in kinds[HALLES]
    own, others = (answer_of(evidence_for(demo_house, who, pack)) for who in (CANAL, HALLES))
    assert own.withheld == others.withheld
    assert own.audience == others.audience == "professionals"


def test_anybody_else_never_sees_a_pharmacy_or_a_member(demo_house: House) -> None:
    for number in (0, 2, 6, 9):
        pack = demo_house.world.pack("current", number)
        said, proof = json.dumps(demo_house.verdict(pack)), files.encode(demo_house.desk.evidence(pack))
        for member in ("pharmacie-du-canal", "pharmacie-des-halles", "transvia"):
            assert member not in said
            assert member.encode() not in proof
        assert answer_of(demo_house.desk.evidence(pack)).audience is None


# --- known otherwise ---

WRONG = {"10": "AX24C7", "17": "290131"}


@pytest.mark.parametrize("ai", WRONG)
@pytest.mark.parametrize("viewer", VIEWERS)
def test_another_lot_or_date_is_told_to_professionals_alone(demo_house: House, viewer: str, ai: str) -> None:
    pack = with_element(demo_house.world.pack("current", 4), ai, WRONG[ai])
    found = told(demo_house, viewer, pack)
    assert found["all"] == (["unknown"] if viewer == "patient" else ["mismatch"])
    if viewer != "patient":
        assert found["next_step"] == "Scan it again. If it still differs, quarantine it."


@pytest.mark.parametrize("viewer", VIEWERS)
def test_what_is_in_no_lot_is_unknown_to_everybody(demo_house: House, viewer: str) -> None:
    for ai, value in (("21", "NEVERISSUED00"), ("10", "NOSUCHLOT")):
        pack = with_element(with_element(demo_house.world.pack("current", 4), "21", "NEVERISSUED00"), ai, value)
        assert told(demo_house, viewer, pack)["all"] == ["unknown"]


# --- who may be which ---


def test_the_usual_viewer_is_the_signers_own(demo_house: House) -> None:
    pack = demo_house.world.pack("current", 0).digital_link()
    assert demo_house.scan_as(HALLES, pack).get_json()["viewer"] == "pharmacy"
    assert demo_house.scan_as("transvia", pack).get_json()["viewer"] == "dock"
    answer = demo_house.scan_as(HOSPITAL, pack)
    assert (answer.status_code, answer.get_json()["type"]) == (403, "/problems/viewer")
    assert answer.get_json()["expected"] == "ward or theatre or pharmacy or dock"


def test_a_signed_request_may_ask_as_a_patient(demo_house: House) -> None:
    pack = demo_house.world.pack("current", 2)
    assert demo_house.codes_as(CANAL, pack, "patient") == ["dispensed"]


@pytest.mark.parametrize(
    ("fields", "kind"),
    [({"viewer": "chemist"}, "viewer"), ({"viewer": ""}, "fields"), ({"viewer": 3}, "fields"),
     ({"reads": 0}, "fields"), ({"reads": 10}, "fields"), ({"reads": "2"}, "fields"), ({"bought": "shop"}, "fields"),
     ({"member": CANAL}, "fields")],
)  # fmt: skip
def test_bad_fields(demo_house: House, fields: dict[str, Any], kind: str) -> None:
    answer = demo_house.scan(demo_house.world.pack("current", 0).digital_link(), **fields)
    assert (answer.status_code, answer.get_json()["type"]) == (400, f"/problems/{kind}")
    assert answer.get_json()["expected"]
    assert answer.get_json()["found"]


@pytest.mark.parametrize("fields", [{"reads": "many"}, {"reads": "0"}, {"bought": "shop"}, {"viewer": "x" * 21}])
def test_bad_fields_beside_a_photo(demo_house: House, fields: dict[str, str]) -> None:
    with (demo_house.settings.data / "demo" / "genuine-qr.png").open("rb") as image:
        answer = demo_house.http.post("/api/scan", data={"image": image, **fields})
    assert (answer.status_code, answer.get_json()["type"]) == (400, "/problems/fields")


def test_bought_online_and_not_recorded(demo_house: House) -> None:
    pack = demo_house.world.pack("current", 0)
    found = told(demo_house, "patient", pack, bought="online")
    assert (found["all"], found["outcome"]) == (["not_recorded_online"], "caution")
    assert told(demo_house, "patient", demo_house.world.pack("current", 2), bought="online")["all"] == ["dispensed"]
    assert told(demo_house, "pharmacy", pack, bought="online")["all"] == ["genuine"]


def test_the_table_of_viewers() -> None:
    roles = {"maker", "wholesaler", "carrier", "pharmacy", "hospital", "authority", "repackager"}
    assert VIEWERS["patient"].roles == frozenset()
    for viewer in VIEWERS.values():
        assert viewer.usual <= viewer.roles <= roles
        assert viewer.professional == bool(viewer.roles)
        assert viewer.supplied in REASONS
    for role in roles:
        assert usual([role]) in (*entitled([role]), None)
