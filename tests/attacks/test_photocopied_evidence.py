"""The photocopier: he copies the proof of one genuine pack onto many boxes, or the code itself.

Another code with that proof is not verified. The same code copied cannot be told from the original by any proof: what
tells is its state, so the first to be dispensed makes every later scan say so, and evidence says of when it is.
"""

import pytest
from forge import Case, answer_of, cases_of, event_of, verdict
from house import House, with_element

from scanner.check import check
from scanner.sighting import Sighting, sight_text
from verifier.identity import Identity
from verifier.verdict.evidence import encode
from verifier.verdict.reasons import REASONS
from verifier.web.desk import trust_of


@pytest.fixture(scope="module")
def cases(demo_house: House) -> dict[str, Case]:
    return cases_of(demo_house)


def others(house: House, genuine: Identity) -> dict[str, Identity]:
    return {
        "a neighbour, genuine too": house.world.pack("current", 1),
        "a made-up serial": with_element(genuine, "21", "COPY000000001"),
        "a later date": with_element(genuine, "17", "491231"),
        "another lot": with_element(genuine, "10", "AX99X9"),
        "another product": with_element(genuine, "01", "09521000000025"),
        "a variant of the product": Identity((*genuine.elements, ("22", "2A"))),
    }


@pytest.mark.parametrize("name", ["active", "supplied"])
def test_one_packs_proof_beside_another_code_is_unverified(
    demo_house: House, cases: dict[str, Case], name: str
) -> None:
    file = encode(cases[name].evidence)
    trust = trust_of(demo_house.settings.data)
    for what, identity in others(demo_house, cases["active"].identity).items():
        seen = sight_text(identity.digital_link(), None, demo_house.settings.hosts)
        assert isinstance(seen, Sighting)
        found = check(seen, file, trust, demo_house.clock())
        assert found.outcome == "unverified", what
        assert found.answers == dict.fromkeys(found.answers, "unknown"), what
        assert all(REASONS[code].outcome == "unverified" for code in found.reasons), what


def test_once_dispensed_the_copies_are_told(world: House) -> None:
    house, pack = world, world.world.pack("current", 20)
    copy = house.desk.evidence(pack)
    assert verdict(house, pack, copy).outcome == "genuine"  # original and copies alike: no proof can tell them apart
    house.clock.now += 60
    event = event_of("dispense", [pack], house.clock())
    assert house.say("event", "pharmacie-du-canal", event).status_code == 201
    fresh = house.desk.evidence(pack)
    assert verdict(house, pack, fresh).reasons == ("dispensed",)
    assert verdict(house, pack, fresh, viewer="pharmacy").reasons == ("elsewhere",)  # no counter supplies it again
    old = verdict(house, pack, copy)
    assert old.as_of == answer_of(copy).time == house.clock() - 60  # and the copied proof says of when it is
