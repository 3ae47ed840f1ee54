"""Reading an unknown code twice, and saying where a box was bought: what a person may add, and what it changes."""

import re
from typing import Any

import pytest
from forge import Forger, answer_of, key_statement, verdict
from house import House, with_element

from verifier.identity import Identity
from verifier.statements.envelope import read
from verifier.verdict.evidence import Evidence

AUBRAC, REGISTRY = "laboratoires-aubrac", "registre-demo"


@pytest.fixture(scope="module")
def unknown(demo_house: House) -> Identity:
    return with_element(demo_house.world.pack("current", 0), "21", "NEVERISSUED00")


@pytest.fixture(scope="module")
def foreign(demo_house: House) -> Identity:
    """Of a maker whose answer key is not kept here."""
    return with_element(demo_house.world.pack("imported", 0), "21", "NEVERISSUED00")


def codes(house: House, pack: Identity, **fields: Any) -> list[str]:
    return [row["code"] for row in house.scan(pack.digital_link(), **fields).get_json()["reasons"]]


def test_twice_unknown_to_its_own_maker(demo_house: House, unknown: Identity) -> None:
    assert codes(demo_house, unknown) == ["unknown"]
    assert codes(demo_house, unknown, reads=1) == ["unknown"]
    assert codes(demo_house, unknown, reads=2) == ["unknown_confirmed"]
    assert codes(demo_house, unknown, reads=9) == ["unknown_confirmed"]


def test_twice_unknown_to_a_registry_alone_stays_a_caution(demo_house: House, foreign: Identity) -> None:
    assert codes(demo_house, foreign, reads=2) == ["unknown"]


def test_a_genuine_code_read_twice_is_genuine(demo_house: House) -> None:
    assert codes(demo_house, demo_house.world.pack("current", 0), reads=2) == ["genuine", "not_recorded"]


def signer_of(evidence: Evidence) -> str:
    return read(evidence.answer or b"").member


def test_a_maker_answers_for_what_it_never_issued_and_nothing_else(
    demo_house: House, unknown: Identity, foreign: Identity
) -> None:
    assert signer_of(demo_house.desk.evidence(unknown)) == AUBRAC
    assert signer_of(demo_house.desk.evidence(foreign)) == REGISTRY
    for lot in ("current", "recalled", "signed"):
        assert signer_of(demo_house.desk.evidence(demo_house.world.pack(lot, 0))) == REGISTRY
    assert signer_of(demo_house.desk.evidence(with_element(unknown, "01", "09529000000014"))) == REGISTRY


@pytest.mark.parametrize("state", ["active", "supplied", "not_registered"])
def test_a_makers_answer_about_anything_else_is_not_believed(
    demo_house: House, unknown: Identity, state: str
) -> None:
    """It could hide a recall of its own: of what it issued the registry answers."""
    node, evidence = Forger(demo_house), demo_house.desk.evidence(unknown)
    assert verdict(demo_house, unknown, node.remake(evidence), reads=2).reasons == ("unknown_confirmed",)
    found = verdict(demo_house, unknown, node.remake(evidence, state=state), reads=2)
    assert (found.outcome, found.reasons[0]) == ("unverified", "broken_evidence")


def test_a_maker_does_not_answer_for_anothers_product(demo_house: House, foreign: Identity) -> None:
    node, theirs = Forger(demo_house), demo_house.desk.evidence(foreign)
    mine = demo_house.desk.evidence(with_element(foreign, "01", "09521000000018"))
    keys = [leaf for leaf in node.leaves if leaf.id in set(answer_of(mine).applies)]
    found = verdict(demo_house, foreign, node.remake(theirs, *keys, key=node.makers[0]), reads=2)
    assert (found.outcome, found.reasons[0]) == ("unverified", "broken_evidence")


def test_after_a_makers_answer_key_has_ended_the_registry_answers(house: House) -> None:
    """An answer by that key nobody would believe: the pack would read unverified."""
    pack = with_element(house.seed().world.pack("current", 0), "21", "NEVERISSUED00")
    (ended,) = Forger(house).makers
    assert signer_of(house.desk.evidence(pack)) == AUBRAC
    end = key_statement(house.key(AUBRAC), ended.public, "revoked", purpose="answer")
    assert house.register(end.raw).status_code == 201
    assert signer_of(house.desk.evidence(pack)) == REGISTRY
    assert codes(house, pack, reads=2) == ["unknown"]


def test_a_name_makes_no_maker(demo_house: House, foreign: Identity) -> None:
    """The registry may be named as any maker is."""
    assert verdict(demo_house, foreign, demo_house.desk.evidence(foreign), reads=2).reasons == ("unknown",)


# --- the pages ---


def page(house: House, fields: dict[str, Any], path: str = "/") -> str:
    answer = house.app.test_client().post(path, data=fields, headers={"Accept-Language": "en", "Accept": "text/html"})
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def hidden(html: str, name: str) -> list[str]:
    return re.findall(rf'name="{name}" value="([^"]*)"', html)


def test_the_page_of_an_unknown_code_asks_to_read_it_again(demo_house: House, unknown: Identity) -> None:
    first = page(demo_house, {"text": unknown.digital_link()})
    assert "Read the code again" in first
    assert hidden(first, "first") == [unknown.digital_link()]
    with (demo_house.settings.data / "demo" / "unknown-serial.png").open("rb") as image:
        told = page(demo_house, {"image": image})
    (link,) = hidden(told, "first")
    with (demo_house.settings.data / "demo" / "unknown-serial.png").open("rb") as image:
        again = page(demo_house, {"image": image, "first": link})
    assert 'class="judged do_not_use"' in again
    assert "Read the code again" not in again
    assert hidden(again, "first") == [link]  # the other language keeps it
    other = page(demo_house, {"text": hidden(again, "text")[0], "first": link}, "/?lang=fr")
    assert 'class="judged do_not_use"' in other


def test_another_code_then_is_read_for_the_first_time(demo_house: House, unknown: Identity) -> None:
    other = with_element(unknown, "21", "NEVERISSUED01")
    told = page(demo_house, {"text": other.digital_link(), "first": unknown.digital_link()})
    assert 'class="judged caution"' in told


def test_bought_online_is_asked_where_it_matters(demo_house: House) -> None:
    pack = demo_house.world.pack("current", 0)
    first = page(demo_house, {"text": pack.digital_link()})
    assert "Bought online?" in first
    told = page(demo_house, {"text": hidden(first, "text")[-1], "bought": hidden(first, "bought")[0]})
    assert 'class="judged caution"' in told
    assert "Bought online, it should have been." in told
    assert hidden(told, "bought") == ["online"]  # in the other language too
    assert "Bought online?" not in page(demo_house, {"text": demo_house.world.pack("current", 2).digital_link()})
    assert 'class="judged genuine"' in page(demo_house, {"text": pack.digital_link(), "bought": "somewhere"})
