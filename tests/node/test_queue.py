"""From a door to the node and back."""

import threading

import pytest
import redis
from registry import Registry

from verifier.node import queue
from verifier.node.queue import Busy, Receipt
from verifier.store import layout
from verifier.store.redis import connect


def test_in_order_and_at_most_so_many(store: redis.Redis) -> None:
    for number in range(5):
        store.lpush(layout.QUEUE, bytes(16) + b"%d" % number)
    assert [raw for _, raw in queue.take(store, 3, 0.01)] == [b"0", b"1", b"2"]
    assert [raw for _, raw in queue.take(store, 3, 0.01)] == [b"3", b"4"]
    assert queue.take(store, 3, 0.01) == []


def test_there_and_back(registry: Registry, redis_url: str) -> None:
    sequencer = registry.sequencer()
    sequencer.register(registry.enrolment())
    receipts: list[Receipt] = []
    door = threading.Thread(target=lambda: receipts.append(queue.submit(connect(redis_url), registry.product())))
    door.start()
    while not sequencer.step(0.1):
        pass
    door.join()
    (receipt,) = receipts
    assert (receipt.status, receipt.index, receipt.size) == ("registered", sequencer.head.size - 1, sequencer.head.size)


@pytest.mark.parametrize("item", [b"", b"x", b"\xff" * 40, bytes(16), bytes(17), b"t" * 16 + b"\xd2" * 100])
def test_bad_bytes_in_the_queue_stop_nobody(registry: Registry, item: bytes) -> None:
    sequencer = registry.sequencer()
    sequencer.register(registry.enrolment())
    registry.client.lpush(layout.QUEUE, item, b"t" * 16 + registry.product())
    assert sequencer.step(0.1) == 2


def test_many_are_answered_in_their_order_whatever_order_the_node_takes(store: redis.Redis, redis_url: str) -> None:
    told: list[list[Receipt]] = []
    door = threading.Thread(
        target=lambda: told.append(queue.submit_all(connect(redis_url), [b"%d" % number for number in range(9)]))
    )
    door.start()
    waiting: list[tuple[bytes, bytes]] = []
    while len(waiting) < 9:
        waiting += queue.take(store, 9, 0.1)
    for pairs in (waiting[5:], waiting[:4], waiting[4:5]):
        queue.answer(store, [(token, Receipt(status="malformed", found=raw.decode())) for token, raw in pairs])
    door.join()
    assert [receipt.found for receipt in told[0]] == list("012345678")


def test_many_of_which_one_is_not_answered_are_busy(store: redis.Redis, redis_url: str) -> None:
    def answer_two() -> None:
        waiting: list[tuple[bytes, bytes]] = []
        while len(waiting) < 3:
            waiting += queue.take(client, 3, 0.1)
        queue.answer(client, [(token, Receipt(status="malformed")) for token, _ in waiting[1:]])

    client = connect(redis_url)
    node = threading.Thread(target=answer_two)
    node.start()
    with pytest.raises(Busy, match="sending the same statement again is safe"):
        queue.submit_all(store, [b"1", b"2", b"3"], timeout_s=0.3)
    node.join()


def test_a_reply_nobody_reads_expires(store: redis.Redis) -> None:
    queue.answer(store, [(b"t" * 16, Receipt(status="malformed"))])
    assert 0 < store.ttl(layout.reply(b"t" * 16)) <= queue.REPLY_TTL_S


def test_no_node_is_busy_and_says_that_again_is_safe(store: redis.Redis) -> None:
    with pytest.raises(Busy, match="sending the same statement again is safe"):
        queue.submit(store, b"x", timeout_s=0.05)


def test_a_long_queue_takes_no_more(store: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "LONGEST", 2)
    store.lpush(layout.QUEUE, b"1", b"2")
    with pytest.raises(Busy, match="too many statements are waiting"):
        queue.submit(store, b"3")
    assert store.llen(layout.QUEUE) == 2


def test_a_receipt_of_many_disputes_comes_through(store: redis.Redis) -> None:
    receipt = Receipt(status="disputed", id=bytes(32), index=7, size=9, disputes=["https://id.gs1.org/01/x"] * 500)
    queue.answer(store, [(b"t" * 14 + bytes(2), receipt)])

    class Door:
        pipeline, lpush = staticmethod(store.pipeline), staticmethod(lambda *_: 1)
        brpop = staticmethod(lambda *_, **__: store.brpop([layout.reply(b"t" * 16)], timeout=1))

    assert queue.submit(Door(), b"") == receipt  # type: ignore[arg-type]
