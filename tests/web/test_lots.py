"""Boxes that carry no serial, through the doors: the lot is asked for, checked, and told in both languages; recalls of
each depth and each narrowing; the evidence file says the same offline."""

import re
from typing import Any

import pytest
from forge import STRANGER, trust
from house import House

from scanner.check import check
from scanner.sighting import Sighting
from verifier.demo import PRODUCTS, gtin
from verifier.identity import parse_text
from verifier.statements.recall import Recall

OTC = gtin(PRODUCTS[3][0])
ASKS = {"fr": "Tapez le lot imprimé sur la boîte", "en": "Type the batch printed on the box"}
CLEAR = {"fr": "Lot non rappelé", "en": "Batch not recalled"}


def page(house: House, language: str, **form: str) -> str:
    answer = house.http.post("/", data=form, headers={"Accept-Language": language, "Accept": "text/html"})
    assert answer.content_type.startswith("text/html")
    return str(answer.get_data(as_text=True))


def told(house: House, text: str, sent: dict[str, Any] | None = None) -> tuple[str, ...]:
    return tuple(row["code"] for row in house.scan(text, **(sent or {})).get_json()["reasons"])


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("product", [OTC, STRANGER])
def test_an_ean13_asks_for_the_lot_and_the_lot_is_checked(demo_house: House, language: str, product: str) -> None:
    asked = page(demo_house, language, text=product[1:])
    assert ASKS[language] in asked
    assert CLEAR[language] not in asked
    form = asked.partition('class="typed lot"')[2].partition("</form>")[0]
    (kept,) = re.findall(r'name="text" value="([^"]+)"', form)
    answered = page(demo_house, language, text=kept, lot=" cm 26 p4 ")
    assert ASKS[language] not in answered
    assert CLEAR[language] in answered
    assert "CM26P4" in answered
    assert f'datetime="{demo_house.verdict(f"(01){product}(10)CM26P4")["as_of"]}"' in answered


def test_a_lot_that_no_code_can_hold_is_refused_with_its_text_kept(demo_house: House) -> None:
    for lot in ("É", "x" * 21, "<script>"):
        answer = demo_house.http.post("/", data={"text": OTC, "lot": lot}, headers={"Accept": "text/html"})
        assert answer.status_code == 422 if lot != "<script>" else 200
        assert "<script>" not in answer.get_data(as_text=True)
        assert OTC in answer.get_data(as_text=True)


def test_a_pack_with_a_serial_is_asked_for_no_lot(demo_house: House) -> None:
    asked = page(demo_house, "fr", text=f"(01){OTC}(21)S1")
    assert ASKS["fr"] not in asked


def test_every_writing_of_the_code_says_the_same(demo_house: House) -> None:
    wanted = ("no_serial", "lot_not_recalled")
    for text, symbology in (
        (f"(01){OTC}(17)491231(10)CM26P4", None),
        (f"01{OTC}1749123110CM26P4", "]C1"),
        (f"01{OTC}1749123110CM26P4", "]d2"),
        (f"https://id.gs1.org/01/{OTC}/10/CM26P4?17=491231", None),
    ):
        assert told(demo_house, text, {"symbology": symbology}) == wanted, text
    link = demo_house.http.get(f"/01/{OTC}/10/CM26P4?17=491231", headers={"Accept": "application/json"})
    assert tuple(row["code"] for row in link.get_json()["reasons"]) == wanted


def test_the_evidence_file_says_it_offline(demo_house: House) -> None:
    for text in (f"(01){OTC}(10)CM26P4", f"(01){STRANGER}(10)L1", f"(01){OTC}"):
        answer = demo_house.http.post("/api/evidence", json={"text": text})
        assert answer.status_code == 200
        seen = Sighting(parse_text(text), None)
        found = check(seen, answer.get_data(), trust(demo_house), demo_house.clock())
        assert found.reasons == told(demo_house, text)
        late = demo_house.clock() + trust(demo_house).max_age_s + 1
        assert "stale" in check(seen, answer.get_data(), trust(demo_house), late).reasons


def test_evidence_of_a_pack_that_lacks_lot_or_date_is_refused_by_name(demo_house: House) -> None:
    answer = demo_house.http.post("/api/evidence", json={"text": f"(01){OTC}(21)S1"})
    assert answer.status_code == 422
    assert answer.get_json()["found"] == "(01) (21)"


DEPTHS = {
    "patients": ("withdrawn", "recall_patient", "recall_some"),
    "pharmacies": ("recall_pharmacy", "recall_pharmacy", "recall_pharmacy"),
}


@pytest.mark.parametrize("depth", DEPTHS)
def test_each_depth_and_each_narrowing_through_the_door(house: House, depth: Any) -> None:
    """In turn, on products that nobody registered: an authority recalls any."""
    house.seed()
    whole, of_lot, some = DEPTHS[depth]
    bodies = {
        some: Recall(gtin=gtin("0952900000003"), depth=depth, reason="x", batches=["L1"], serials=["S1"]),
        of_lot: Recall(gtin=gtin("0952900000004"), depth=depth, reason="x", batches=["L1", "L2"]),
        whole: Recall(gtin=gtin("0952900000005"), depth=depth, reason="x"),
    }
    for code, body in bodies.items():
        one = f"(01){body.gtin}(10)L1"
        assert told(house, one) == ("no_serial", "lot_not_recalled")
        assert house.say("recall", "agence-sante", body).status_code == 201
        assert told(house, one) == (code, "no_serial")
        other = (code, "no_serial") if body.batches is None else ("no_serial", "lot_not_recalled")
        assert told(house, f"(01){body.gtin}(10)L3") == other
        assert told(house, f"(01){body.gtin}") == ((code, "no_serial") if body.batches is None else ("no_serial",))


@pytest.mark.parametrize("short", ["(10)CD26B3(21)S1", "(10)CD26B3(21)S1(91)AB", "(21)S1(10)CD26B3"])
def test_a_code_without_its_date_is_told_its_lots_recall(demo_house: House, short: str) -> None:
    assert told(demo_house, f"(01){gtin(PRODUCTS[1][0])}{short}") == ("recall_patient", "incomplete")
