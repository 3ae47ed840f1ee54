"""What strangers are told: everything that an anonymous caller can get, searched for who held a pack.

A signed event names its pharmacy; a stranger sees step, day and country. The member statements themselves are public
(who is enrolled is no secret), so the entries of the other kinds are searched, and everything that is about a pack.
"""

import itertools
import json
from collections.abc import Iterator
from html import escape
from typing import Any

import pytest
from house import House, with_element

from verifier.demo import MEMBERS
from verifier.identity import Identity
from verifier.statements.envelope import Statement

HELD = ("pharmacy", "carrier", "hospital")
WORDS = {word for member, name, role, *_ in MEMBERS if role in HELD for word in (member, name)}
SECRETS = sorted({written.encode() for word in WORDS for written in (word, json.dumps(word)[1:-1], escape(word))})
LANGUAGES = ("fr", "en")
MISSES = (("21", "0000000000000"), ("10", "ZZ99Z9"), ("17", "290101"))
ACCEPTED = ("text/html", "application/json", "application/linkset+json", "application/probatum.evidence+cbor")


def packs(house: House) -> Iterator[Identity]:
    """Every pack that the demo draws, and what is like one."""
    world = house.world
    for lot in world.lots:
        yield from (world.pack(lot, number) for number in (0, 2, 5, 6, 9, 12))
    genuine = world.pack("current", 0)
    for ai, value in (*MISSES, ("21", world.serials["recalled"][0])):
        yield with_element(genuine, ai, value)


def answers(house: House) -> Iterator[tuple[str, Any]]:
    """Every anonymous answer, with what was asked."""
    http = house.http
    for pack, language in itertools.product(packs(house), LANGUAGES):
        sent, head = {"text": pack.digital_link()}, {"Accept-Language": language}
        yield "/api/scan", http.post("/api/scan", json=sent, headers=head)
        yield "/", http.post("/", data=sent, headers=head)
        yield "/api/evidence", http.post("/api/evidence", json=sent | {"since": 3}, headers=head)
        path = pack.digital_link().removeprefix("https://id.gs1.org")
        for accepted in ACCEPTED:
            yield path, http.get(path, headers=head | {"Accept": accepted})
    for row in house.desk.demo():
        yield f"/demo/{row['file']}", http.post(f"/demo/{row['file']}")
    for rule in house.app.url_map.iter_rules():
        if "GET" in (rule.methods or ()) and not rule.arguments:
            for accepted in ("text/html", "application/json"):
                yield rule.rule, http.get(rule.rule, headers={"Accept": accepted})
    for statement in house.leaves():
        if statement.kind not in ("member", "genesis"):
            yield f"/entries/{statement.kind}", http.get(f"/entries/{statement.id.hex()}")
    for sent in ({}, {"text": "01"}, {"text": 1}, {"text": "(01)09521000000018"}):
        yield "/api/scan", http.post("/api/scan", json=sent)
    yield "/entries", house.register(b"\x00")


@pytest.fixture(scope="module")
def told(demo_house: House) -> list[tuple[str, int, bytes]]:
    found = []
    for asked, answer in answers(demo_house):
        assert answer.status_code < 500, asked
        found.append((asked, answer.status_code, str(answer.headers).encode() + answer.get_data()))
        answer.close()
    return found


def test_no_stranger_sees_who_held_a_pack(told: list[tuple[str, int, bytes]]) -> None:
    assert len(told) > 200
    assert {status for _, status, _ in told} >= {200, 404, 400, 422}
    assert len(WORDS) == 8
    assert [(asked, secret) for asked, _, text in told for secret in SECRETS if secret in text] == []


def test_no_stranger_sees_a_signed_event(demo_house: House, told: list[tuple[str, int, bytes]]) -> None:
    events: list[Statement] = [one for one in demo_house.leaves() if one.kind == "event"]
    assert len(events) > 20
    exhibits = [part for event in events for part in (event.payload, event.signature)]
    assert [asked for asked, _, text in told if any(part in text for part in exhibits)] == []


def test_the_search_would_find_them(demo_house: House) -> None:
    event = next(one for one in demo_house.leaves() if one.kind == "event")
    assert any(secret in event.raw for secret in SECRETS)
