"""The one who dispenses twice: a retry, a replay, a clone at another counter, and two counters in the same second.

The same statement is the same leaf. The same pharmacy's further scan is told it is its own. Another's is a dispute with
its leaf, the first one stands, and the patient is told that something needs explaining. Nothing leads back to active.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from forge import event_of
from house import House

from verifier.identity import Identity

CANAL, HALLES = "pharmacie-du-canal", "pharmacie-des-halles"
RACES = 8


def dispense(house: House, who: str, pack: Identity, name: str = "") -> Any:
    return house.say("event", who, event_of("dispense", [pack], house.clock(), name=who + name))


def test_a_statement_sent_again_is_the_same_leaf(world: House, packs: Iterator[Identity]) -> None:
    pack = next(packs)
    statement = world.sign("event", CANAL, event_of("dispense", [pack], world.clock()))
    first = world.register(statement.raw)
    again = [world.register(statement.raw) for _ in range(3)]
    assert first.status_code == 201
    assert {answer.status_code for answer in again} == {200}
    assert {answer.get_json()["index"] for answer in again} == {first.get_json()["index"]}
    assert world.codes(pack) == ["dispensed"]
    assert len(world.verdict(pack)["custody"]) == 6  # commissioned, shipped twice, received twice, dispensed once


def test_the_pharmacys_own_second_scan_is_told_as_such(world: House, packs: Iterator[Identity]) -> None:
    pack = next(packs)
    assert dispense(world, CANAL, pack).status_code == 201
    size = world.head.size
    again = dispense(world, CANAL, pack, "again")
    assert again.status_code == 409
    assert again.get_json()["type"] == "/problems/already"
    assert "supplied" in again.get_json()["found"]
    assert world.codes(pack) == ["dispensed"]  # no alarm: the commonest false alert there is
    assert world.head.size <= size + 1  # no leaf of it; a clock may have come


def test_another_counters_dispensing_is_a_dispute_and_the_first_stands(world: House, packs: Iterator[Identity]) -> None:
    pack = next(packs)
    assert dispense(world, CANAL, pack).status_code == 201
    statement = world.sign("event", HALLES, event_of("dispense", [pack], world.clock(), name="clone"))
    second = world.register(statement.raw)
    assert second.status_code == 409
    told = second.get_json()
    assert told["type"] == "/problems/disputed"
    assert told["disputes"] == [pack.digital_link().split("?")[0]]
    again = world.register(statement.raw)
    assert (again.status_code, again.get_json()["index"]) == (409, told["index"])
    assert world.codes(pack) == ["disputed", "dispensed"]
    assert world.verdict(pack)["outcome"] == "caution"
    assert [stop["step"] for stop in world.verdict(pack)["custody"]].count("dispense") == 1


@pytest.mark.parametrize("step", ["receive", "ship", "dispense", "destroy"])
@pytest.mark.parametrize("end", ["dispense", "destroy"])
def test_no_step_leads_back_from_the_end(world: House, packs: Iterator[Identity], end: str, step: str) -> None:
    """Undo abuse: to receive a dispensed pack into stock is a dispute, and it stays dispensed."""
    pack = next(packs)
    assert world.say("event", CANAL, event_of(end, [pack], world.clock())).status_code == 201
    to = CANAL if step == "ship" else None
    tried = world.say("event", HALLES, event_of(step, [pack], world.clock(), to, name="undo"))
    assert tried.status_code == 409
    assert {"dispense": "dispensed", "destroy": "destroyed"}[end] in world.codes(pack)
    assert world.verdict(pack)["outcome"] != "genuine"


def test_two_counters_in_the_same_second(world: House, packs: Iterator[Identity]) -> None:
    raced = [next(packs) for _ in range(RACES)]
    start = Barrier(2)

    def counter(who: str) -> list[Any]:
        statements = [world.sign("event", who, event_of("dispense", [pack], world.clock(), name=who)) for pack in raced]
        client = world.app.test_client()
        start.wait()
        return [client.post("/entries", data=s.raw, content_type="application/cose") for s in statements]

    with ThreadPoolExecutor(2) as pool:
        both = list(zip(*pool.map(counter, (CANAL, HALLES)), strict=True))
    for pack, answers in zip(raced, both, strict=True):
        assert sorted(answer.status_code for answer in answers) == [201, 409]
        lost = next(answer.get_json() for answer in answers if answer.status_code == 409)
        assert lost["type"] == "/problems/disputed"
        assert lost["index"] < world.head.size
        assert {"disputed", "dispensed"} <= set(world.codes(pack))
        assert world.verdict(pack)["outcome"] == "caution"


def test_one_event_about_many_packs_disputes_only_those_that_were_gone(world: House, packs: Iterator[Identity]) -> None:
    three = [next(packs) for _ in range(3)]
    assert dispense(world, CANAL, three[1]).status_code == 201
    answer = world.say("event", HALLES, event_of("dispense", three, world.clock(), name="many"))
    assert answer.status_code == 409
    assert answer.get_json()["disputes"] == [three[1].digital_link().split("?")[0]]
    assert "disputed" not in world.codes(three[0])
    assert "dispensed" in world.codes(three[2])
