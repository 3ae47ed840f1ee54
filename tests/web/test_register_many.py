"""POST /entries/many: what becomes of each of many statements, in the order they were sent."""

import json
import tracemalloc
from collections.abc import Sequence
from typing import Any

import pytest
from house import House

from verifier.demo import PRODUCTS, gtin
from verifier.node import queue
from verifier.statements import cbor
from verifier.statements.envelope import Statement
from verifier.statements.product import Product
from verifier.store import layout
from verifier.web.doors import register

AUBREC, CANAL = "laboratoires-aubrac", "pharmacie-du-canal"
GTIN = gtin(PRODUCTS[0][0])


def product(house: House, name: str, member: str = AUBREC) -> Statement:
    return house.sign("product", member, Product(gtin=GTIN, name=name))


def send(house: House, raws: Sequence[object], kind: str = "application/cbor") -> Any:
    return house.http.post("/entries/many", data=cbor.encode(list(raws)), content_type=kind)


@pytest.fixture(autouse=True)
def its_own_name_again(demo_house: House) -> Any:
    """Others read the product's name."""
    yield
    demo_house.register(product(demo_house, PRODUCTS[0][2]).raw)


def test_each_in_its_order_and_one_that_is_refused_keeps_no_other_out(demo_house: House) -> None:
    good = [product(demo_house, f"Amoxadine {number}") for number in range(20)]
    foreign = product(demo_house, "Amoxadine 1", CANAL)  # signed well, by who may not say it: the node's to refuse
    spoilt = good[0].raw[:-1] + bytes([good[0].raw[-1] ^ 1])
    raws = [*(one.raw for one in good[:10]), foreign.raw, spoilt, b"\xd2", *(one.raw for one in good[10:]), good[3].raw]
    size = demo_house.head.size
    answer = send(demo_house, raws)
    assert answer.status_code == 200
    rows = answer.get_json()["receipts"]
    told = ["registered"] * 10 + ["refused", "refused", "malformed"] + ["registered"] * 10 + ["known"]
    assert [row["status"] for row in rows] == told
    leaves = [row for row in rows if row["status"] == "registered"]
    assert [row["id"] for row in leaves] == [one.id.hex() for one in good]
    assert [row["index"] for row in leaves] == list(range(leaves[0]["index"], leaves[0]["index"] + 20))
    assert size <= leaves[0]["index"]
    assert rows[-1]["index"] == rows[3]["index"]
    assert rows[-1]["size"] == demo_house.head.size > leaves[-1]["index"]
    assert [row["code"] for row in rows[10:13]] == ["role", "bad_signature", "not_cbor"]
    assert all(row["expected"] and row["found"] for row in rows[10:13])
    assert demo_house.http.get(f"/entries/{rows[15]['id']}").get_data() == good[12].raw


def test_sent_again_all_are_known(demo_house: House) -> None:
    raws = [product(demo_house, f"Twice {number}").raw for number in range(3)]
    first, again = (send(demo_house, raws).get_json()["receipts"] for _ in range(2))
    assert [row["status"] for row in again] == ["known"] * 3
    assert [row["index"] for row in again] == [row["index"] for row in first]


def test_nothing_sound_asks_no_node(demo_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    pushed: list[object] = []
    monkeypatch.setattr(queue, "submit_all", lambda *given: pushed.append(given))
    rows = send(demo_house, [b"", b"x"]).get_json()["receipts"]
    assert [row["status"] for row in rows] == ["malformed"] * 2
    assert not pushed


@pytest.mark.parametrize(
    ("body", "kind", "status", "code"),
    [
        (b"", "application/cbor", 400, "not_cbor"),
        (b"\x80", "application/cbor", 400, "statements"),
        (b"\x81\x01", "application/cbor", 400, "statements"),
        (b"\xa0", "application/cbor", 400, "statements"),
        (b"\x82\x41a\x61a", "application/cbor", 400, "statements"),
        (cbor.encode([b"x"] * (register.MANY + 1)), "application/cbor", 400, "statements"),
        (b"\x9f\x41a\xff", "application/cbor", 400, "not_cbor"),
        (b"\x81\x41aa", "application/cbor", 400, "not_canonical"),
        (b"\x81\x58\x01a", "application/cbor", 400, "not_canonical"),
        (b"\x81\x45abcd", "application/cbor", 400, "not_canonical"),
        (b"\x82\x41a", "application/cbor", 400, "not_cbor"),
        (b"\x81\x5b\x00", "application/cbor", 400, "not_cbor"),
        (b"\x81\x5f\x41a\xff", "application/cbor", 400, "not_cbor"),
        (b"\x81\x41a", "application/cose", 415, "content_type"),
        (bytes(register.MANY_BYTES + 1), "application/cbor", 413, "too_large"),
    ],
)
def test_what_is_no_array_of_statements(demo_house: House, body: bytes, kind: str, status: int, code: str) -> None:
    answer = demo_house.http.post("/entries/many", data=body, content_type=kind)
    fields = json.loads(answer.get_data())
    assert (answer.status_code, fields["type"]) == (status, f"/problems/{code}")
    assert fields["expected"]


def test_a_node_that_does_not_answer_loses_nothing(demo_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: object) -> None:
        raise queue.Busy("the node did not answer in time; sending the same statement again is safe")

    raws = [product(demo_house, f"Later {number}").raw for number in range(2)]
    with monkeypatch.context() as patched:
        patched.setattr(queue, "submit_all", busy)
        answer = send(demo_house, raws)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert [row["status"] for row in send(demo_house, raws).get_json()["receipts"]] == ["registered"] * 2
    assert demo_house.store.llen(layout.QUEUE) == 0


@pytest.mark.parametrize("item", [b"\x00", b"\x40", b"\x80", b"\xa0"])
@pytest.mark.parametrize("around", [b"", b"\x81"])
def test_a_strangers_body_never_becomes_a_million_values(demo_house: House, item: bytes, around: bytes) -> None:
    """4 MiB of empty arrays would be 270 MB of them, and three seconds, before anything is known of who sends it."""
    count = register.MANY_BYTES - 16
    body = around + b"\x9a" + count.to_bytes(4, "big") + item * count
    tracemalloc.start()
    try:
        answer = demo_house.http.post("/entries/many", data=body, content_type="application/cbor")
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (answer.status_code, answer.get_json()["type"]) == (400, "/problems/statements")
    assert most < 8 * register.MANY_BYTES
