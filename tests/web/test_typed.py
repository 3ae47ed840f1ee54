"""A typing scanner's damage at the doors: said with what to do, what was typed kept, and mended only when asked to."""

import re
from html import unescape
from typing import Any

import pytest
from house import House

from verifier.identity.wedge import AZERTY, QWERTZ, US
from verifier.labels import element_string
from verifier.verdict.reasons import LANGUAGES
from verifier.web import words
from verifier.web.typed import TOLD


def codes(house: House) -> dict[str, tuple[str, str]]:
    """Damage -> what a genuine pack's code came to, and what it was."""
    pack = house.world.pack("current", 0)
    raw, link = "]d2" + element_string(pack).decode(), pack.digital_link()
    return {
        "caps_lock": (link.swapcase(), link),
        "layout_azerty": (raw.translate(str.maketrans(US, AZERTY)), raw),
        "layout_qwertz": (link.translate(str.maketrans(US, QWERTZ)), link),
        "lost_separator": (raw.replace("\x1d", ""), raw),
    }


@pytest.mark.parametrize("kind", TOLD)
def test_damage_is_a_problem_that_says_what_to_do(demo_house: House, kind: str) -> None:
    typed, was = codes(demo_house)[kind]
    answer = demo_house.scan(typed)
    fields: dict[str, Any] = answer.get_json()
    assert (answer.status_code, fields["type"]) == (422, f"/problems/{kind}")
    assert answer.content_type == "application/problem+json"
    assert (fields["value"], fields["suggested"]) == (typed[:200], was)
    assert (fields["detail"], fields["expected"], fields["found"]) == TOLD[kind]
    assert demo_house.codes(fields["suggested"])[0] == "genuine"


@pytest.mark.parametrize("kind", TOLD)
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_keeps_what_was_typed_and_offers_the_other_reading(
    demo_house: House, kind: str, language: str
) -> None:
    typed, was = codes(demo_house)[kind]
    answer = demo_house.http.post(f"/?lang={language}", data={"text": typed})
    page = unescape(answer.get_data(as_text=True))
    assert answer.status_code == 422
    for key in (f"problem.{kind}.title", f"problem.{kind}.text", "typed.title", "typed.check", "problem.harmless"):
        assert words.text(key, language) in page
    (offered,) = re.findall(r'<input type="hidden" name="text" value="([^"]*)"><button class="button wide">', page)
    assert offered == was
    assert f'name="text" type="text" value="{typed}"' in page
    again = demo_house.http.post(f"/?lang={language}", data={"text": offered})
    assert again.status_code == 200
    assert 'class="judged genuine"' in again.get_data(as_text=True)


def test_where_two_readings_are_left_none_is_offered(demo_house: House) -> None:
    typed = "01095210000000181727123110A21B21C" + "D" * 14
    fields = demo_house.scan(typed).get_json()
    assert fields["type"] == "/problems/lost_separator"
    assert "suggested" not in fields
    page = demo_house.http.post("/?lang=en", data={"text": typed}).get_data(as_text=True)
    assert words.text("typed.title", "en") not in page


def test_a_scanner_that_names_its_symbology_is_no_keyboard(demo_house: House) -> None:
    typed, _ = codes(demo_house)["caps_lock"]
    assert demo_house.scan(typed, symbology="]Q1").get_json()["outcome"] != "genuine"


@pytest.mark.parametrize(("change", "said"), [(str.lower, True), (str.upper, False)])
def test_an_unknown_number_in_small_letters_may_be_caps_lock_and_is_not_mended(
    demo_house: House, change: Any, said: bool
) -> None:
    text = f"(01)09521000000018(17)280131(10)AX26K1(21){change('ABCDEFGHJKLMN')}"
    page = demo_house.http.post("/?lang=en", data={"text": text}).get_data(as_text=True)
    assert "Unknown number" in page
    assert ("Caps Lock may be on" in page) == said
    assert change("ABCDEFGHJKLMN") in page
