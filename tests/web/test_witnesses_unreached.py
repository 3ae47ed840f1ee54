"""What the doors say while the quorum of witnesses is there, is lost, and is back."""

import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import httpx
import msgspec
import pytest
import redis
from house import BASE, House
from witnessed import Witnesses, aside, until

from verifier.commands.client import Client
from verifier.ledger import checkpoint as notes
from verifier.statements.product import Product
from verifier.store import layout
from verifier.store.log import LogStore
from verifier.verdict.verdict import utc
from verifier.web import shapes
from verifier.web.desk import policy_of

MAKER, GTIN = "laboratoires-aubrac", "09521000000018"


@pytest.fixture
def three(store: redis.Redis, redis_url: str, tmp_path: Path) -> Iterator[tuple[House, Witnesses]]:
    """An empty consortium whose policy asks two of three witnesses."""
    house = House(tmp_path, redis_url)
    with Witnesses(policy_of(tmp_path).log, house.clock) as witnesses:
        (tmp_path / "policy.txt").write_text(str(witnesses.policy), "utf-8")
        with house:
            yield house, witnesses


def test_ready_says_who_stands_behind_it(three: tuple[House, Witnesses]) -> None:
    house, _ = three
    until(lambda: house.http.get("/readyz").get_json()["witnesses"] == 3)
    told = msgspec.json.decode(house.http.get("/readyz").get_data(), type=shapes.Ready)
    note = house.store.get(layout.CHECKPOINT)
    assert isinstance(note, bytes)
    at = notes.quorum_time(note, policy_of(house.settings.data))
    assert at is not None
    assert (told.size, told.quorum, told.cosigned) == (house.head.size, "hospitals", utc(at))


def test_lost_and_back(three: tuple[House, Witnesses]) -> None:
    """What is sent meanwhile waits, and is registered once; who sends it is not kept waiting."""
    house, witnesses = three
    house.seed()
    first, second = (house.sign("product", MAKER, Product(gtin=GTIN, name=name)).raw for name in ("Waits", "Too"))
    since, size = utc(house.clock()), house.head.size
    for witness in witnesses.all[1:]:
        witness.stop()
    sent = aside(lambda: Client(BASE, httpx.WSGITransport(app=house.app)).register(first))
    until(lambda: house.http.get("/readyz").status_code == 503)
    answer = house.http.get("/readyz")
    assert answer.content_type == "application/problem+json"
    told = msgspec.json.decode(answer.get_data(), type=shapes.Unready)
    assert (told.type, told.since) == ("/problems/witnesses_unreached", since)
    assert isinstance(told.witnesses, list)
    assert [(one.name, one.since) for one in told.witnesses] == [("w1", None), ("w2", since), ("w3", since)]
    assert all((one.fault or "").startswith("not reached") for one in told.witnesses[1:])
    begun = time.monotonic()
    refused = house.register(second)
    assert (refused.status_code, time.monotonic() - begun < 4) == (503, True), "a door that waits answers no scan"
    assert "its quorum of witnesses is missing; sending the same" in refused.get_json()["detail"]
    assert (house.http.get("/checkpoint").status_code, house.head.size) == (200, size)
    witnesses.all[1].start()
    assert sent.result(20)["status"] == "registered"
    until(lambda: house.http.get("/readyz").status_code == 200)
    until(lambda: LogStore(house.store).leaf(sha256(second).digest()))
    assert house.register(second).get_json()["status"] == "known"


def test_a_verdict_says_so_once_the_quorums_word_is_old(three: tuple[House, Witnesses]) -> None:
    house, witnesses = three
    house.seed()
    pack = house.world.pack("current", 0)
    assert house.codes(pack) == ["genuine", "not_recorded"]
    assert house.verdict(pack)["ledger"]["witnesses"] >= 2
    for witness in witnesses.all[1:]:
        witness.stop()
    house.clock.now += 24 * 3600 + 120
    assert house.codes(pack) == ["witnesses_unreached"]
    assert house.verdict(pack)["outcome"] == "unverified"
    until(lambda: house.http.get("/readyz").status_code == 503)
    witnesses.all[1].start()
    until(lambda: house.codes(pack) == ["genuine", "not_recorded"])
