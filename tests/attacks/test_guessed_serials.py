"""The guesser: he types serials, lots and dates until one answers differently from the rest.

EU serials may be guessable at 1 in 10,000, so a miss must not say how near it was: no serial of that lot, no such lot,
another date, all read the same `unknown`, with the same evidence behind it.
"""

from typing import Any

import pytest
from counting import Counted, assert_refused, commands, wrong
from forge import answer_of
from house import House, with_element
from msgspec.structs import replace

from verifier.identity import Identity
from verifier.statements.envelope import read
from verifier.verdict.evidence import encode
from verifier.web.limits import DEVICE

GUESSES = {
    "another serial": ("21", "0000000000000"),
    "a serial of another lot": ("21", None),
    "another lot of the product": ("10", "AX24C7"),
    "no such lot": ("10", "ZZ99Z9"),
    "another date": ("17", "290101"),
}


@pytest.fixture(scope="module")
def genuine(demo_house: House) -> Identity:
    return demo_house.world.pack("current", 4)


def guess(house: House, genuine: Identity, name: str) -> Identity:
    ai, value = GUESSES[name]
    return with_element(genuine, ai, value or house.world.serials["recalled"][0])


def without_the_question(verdict: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in verdict.items() if name != "identity"}


def test_the_control_is_genuine(demo_house: House, genuine: Identity) -> None:
    assert demo_house.codes(genuine) == ["genuine", "not_recorded"]


@pytest.mark.parametrize("name", GUESSES)
def test_every_miss_is_told_alike(demo_house: House, genuine: Identity, name: str) -> None:
    first = demo_house.verdict(guess(demo_house, genuine, "no such lot"))
    said = demo_house.verdict(guess(demo_house, genuine, name))
    assert [reason["code"] for reason in said["reasons"]] == ["unknown"]
    assert without_the_question(said) == without_the_question(first)


@pytest.mark.parametrize("name", GUESSES)
def test_the_evidence_of_every_miss_is_alike(demo_house: House, genuine: Identity, name: str) -> None:
    first, said = (
        demo_house.desk.evidence(guess(demo_house, genuine, one)) for one in ("no such lot", name)
    )
    assert said.serial is None
    assert said.statements == first.statements
    assert "batch" not in {read(exhibit.raw).kind for exhibit in said.statements}
    mine, its = answer_of(said), answer_of(first)
    assert replace(mine, identity=its.identity) == its
    assert len(encode(said)) - len(mine.identity) * 2 == len(encode(first)) - len(its.identity) * 2


@pytest.mark.parametrize("name", GUESSES)
def test_through_the_doors_every_miss_is_alike_to_its_length(demo_house: House, genuine: Identity, name: str) -> None:
    """The same headers, so the same length; and as many reads of the store, so no other time to take."""

    def told(one: str) -> list[tuple[int, Any, list[str]]]:
        link, found = guess(demo_house, genuine, one).digital_link(), []
        path, accept = link.removeprefix("https://id.gs1.org"), {"Accept": "application/json"}
        for ask in (
            lambda: demo_house.http.post("/api/scan", json={"text": link}),
            lambda: demo_house.http.post("/api/evidence", json={"text": link}),
            lambda: demo_house.http.post("/", data={"text": link}),
            lambda: demo_house.http.get(path, headers=accept),
            lambda: demo_house.http.get(path + "&linkType=linkset"),
        ):
            with commands(demo_house.store) as sent:
                answer = ask()
            headers = {name: value.replace(path.partition("?")[0], "") for name, value in answer.headers}
            assert answer.status_code == 200
            assert int(headers["Content-Length"]) > 300
            if answer.mimetype == "text/html":
                del headers["Content-Length"]  # it words the date that was asked about
            found.append((answer.status_code, headers, sent))
        return found

    told("no such lot")  # whatever is remembered of the product is remembered now
    assert told(name) == told("no such lot")


def test_a_harvester_is_stopped_and_his_neighbour_is_not(counted: Counted) -> None:
    genuine = counted.house.world.pack("current", 0)
    for number in range(DEVICE.misses.amount):
        assert counted.outcome(wrong(counted.house, number), "192.0.2.1") == "unknown"
    refusals = [counted.scan(pack) for pack in (wrong(counted.house, 99), genuine)]
    for answer in refusals:
        assert_refused(answer)
    assert refusals[0].get_json() == refusals[1].get_json()  # a hit and a miss read alike
    assert counted.outcome(genuine, "192.0.2.2") == "genuine"
    assert counted.outcome(counted.house.world.pack("imported", 0), "192.0.2.1") in ("genuine", "recall_patient")


@pytest.mark.parametrize("left_out", ["10", "17"])
def test_without_all_four_elements_no_pack_is_looked_up(demo_house: House, genuine: Identity, left_out: str) -> None:
    """What is known of its lot is told, and the same whatever the serial."""
    told = []
    for identity in (genuine, guess(demo_house, genuine, "another serial")):
        text = "".join(f"{ai}{value}" for ai, value in identity.human() if ai != f"({left_out})")
        said = demo_house.verdict(text)
        assert [reason["code"] for reason in said["reasons"]] == ["incomplete"]
        assert (said["ledger"]["index"], said["custody"], said["as_of"]) == (None, [], None)
        told.append({name: value for name, value in said.items() if name not in ("identity", "checked_at")})
    assert told[0] == told[1]
