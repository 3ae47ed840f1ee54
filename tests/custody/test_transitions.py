"""The table of what may happen, and that nothing else may."""

import itertools
from pathlib import Path

import pytest

from verifier.custody.transitions import EPCIS, SENSORS, STATES, TRANSITIONS, diagram, follow, roles_for, step_of

ROOT = Path(__file__).resolve().parent.parent.parent


def test_only_an_active_pack_moves() -> None:
    """Reg. (EU) 2016/161 Art. 13 and DOMAIN: from an inactive state no step of today's table leads on."""
    for state, step in itertools.product(set(STATES) - {"active"}, EPCIS):
        assert follow(state, step) is None


@pytest.mark.parametrize(
    ("step", "role"), [("dispense", "carrier"), ("dispense", "maker"), ("destroy", "carrier"), ("stolen", "pharmacy")]
)
def test_who_may_not(step: str, role: str) -> None:
    assert role not in roles_for(step)


def test_every_state_and_step_of_a_transition_is_defined() -> None:
    for transition in TRANSITIONS:
        assert {transition.source, transition.to} <= set(STATES)
        assert transition.step in EPCIS
        assert transition.roles


def test_each_state_has_its_own_byte() -> None:
    assert sorted(STATES.values()) == list(range(len(STATES)))


def test_two_words_of_epcis_make_one_step() -> None:
    told = {step: step_of(w["bizStep"], w.get("disposition", ""), SENSORS.get(step)) for step, w in EPCIS.items()}
    assert told == {step: step for step in EPCIS}
    assert step_of("dispensing", "stolen") is None


def test_a_sensors_alarm_is_an_excursion_or_no_step_at_all() -> None:
    for step, words in EPCIS.items():
        found = step_of(words["bizStep"], words.get("disposition", ""), "alarm")
        assert found == ("excursion" if step in SENSORS else None)
    assert step_of("sensor_reporting", "in_transit", "alarm") == "excursion"
    assert step_of("sensor_reporting", "in_transit", "reading") == "reading"
    assert step_of("sensor_reporting", "in_transit") is None
    assert step_of("shipping", "in_transit", "reading") == "ship"


def test_the_diagram_in_the_docs_is_drawn_from_the_table() -> None:
    assert diagram() in (ROOT / "docs" / "transitions.md").read_text("utf-8")
