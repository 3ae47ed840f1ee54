"""Witnesses that lie, forget, or know better: none counts for more than it can prove, and none stops us alone."""

import threading
import time
from collections.abc import Callable
from functools import partial

import pytest
from registry import Registry
from witnessed import Answer, HttpWitness, Witnesses, aside, until

from verifier.ledger import checkpoint as notes
from verifier.ledger.cosignature import cosign
from verifier.ledger.encoding import encode_base64
from verifier.ledger.note import parse as note_of
from verifier.ledger.policy import Policy
from verifier.node import standing
from verifier.node.quorum import Disowned


def other_root(witness: HttpWitness) -> bytes:
    return witness.sign(f"{witness.log.name}\n17\n{encode_base64(bytes(32))}\n")


def another_text(witness: HttpWitness) -> bytes:
    """A line over a longer note that begins as ours does."""
    text = note_of(witness.stored or b"").text
    return b"more\n\n" + witness.sign(text + "\nmore\n")


def stranger(witness: HttpWitness) -> bytes:
    text = note_of(witness.stored or b"").text
    return cosign(text, "w1.example", bytes(32), witness.clock()).encode()


def stamped(witness: HttpWitness, seconds: int) -> bytes:
    text = note_of(witness.stored or b"").text
    return cosign(text, witness.key.name, witness.seed, witness.clock() + seconds).encode()


LIES: dict[str, tuple[Callable[[HttpWitness, Answer], Answer], str]] = {
    "a wrong signature": (
        lambda _, a: (a[0], a[1][:-8] + (b"AAAA" if a[1][-8:-4] != b"AAAA" else b"BBBB") + a[1][-4:]),
        "its answer is no cosignature",
    ),
    "of another root": (lambda w, _: (200, other_root(w)), "its answer is no cosignature"),
    "of a longer text": (lambda w, _: (200, another_text(w)), "its answer is no cosignature"),
    "of another key": (lambda w, _: (200, stranger(w)), "its answer is no cosignature"),
    "an hour old": (lambda w, _: (200, stamped(w, -3600)), "one of the two clocks is wrong"),
    "an hour early": (lambda w, _: (200, stamped(w, 3600)), "one of the two clocks is wrong"),
    "without a time": (lambda w, _: (200, stamped(w, -w.clock())), "its answer is no cosignature"),
    "garbage": (lambda *_: (200, bytes(range(256))), "its answer is no cosignature"),
    "nothing": (lambda *_: (200, b""), "its answer is no cosignature"),
    "too much": (lambda _, a: (200, a[1] + b"x" * 20_000), "its answer is longer than 16384 bytes"),
    "elsewhere": (lambda *_: (302, b""), "it did not cosign (302)"),
    "no size": (lambda *_: (409, b"many\n"), "it answered 409 and no size"),
    "sizes without end": (lambda w, _: (409, b"%d\n" % (w.asked % 2)), "it does not stand at the size that it names"),
    "our size, and not from there": (lambda *_: (409, b"18\n"), "it does not stand at the size that it names"),
    "more leaves": (lambda *_: (409, b"99999\n"), "it knows 99999 leaves of this log, more than these 18"),
    "another tree": (lambda *_: (422, b"no \x1b[31m\n"), "did not grow from the one that it knows (422 no [31m)"),
    "a stranger to us": (lambda *_: (404, b""), "it does not know this log (404)"),
    "a fault": (lambda *_: (500, b"oops\n"), "it did not cosign (500 oops)"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_liar_counts_for_nothing_and_delays_nothing(registry: Registry, three: Witnesses, lie: str) -> None:
    """With it and one honest witness there is no quorum; with another honest one there is, and it is not in it."""
    sequencer = registry.sequencer()
    sequencer.register(registry.enrolment())
    twist, told = LIES[lie]
    three.all[0].twist = partial(twist, three.all[0])
    three.all[2].stop()
    waiting = aside(lambda: sequencer.register([registry.product()]))
    until(lambda: any(row.fault for row in standing.read(registry.client).rows[:1]))
    assert told in standing.read(registry.client).rows[0].fault
    assert not waiting.done()
    three.all[2].start()
    assert waiting.result(20)[0].status == "registered"
    assert registry.cosigners == ["w2", "w3"]
    begun = time.monotonic()
    for number in range(5):
        sequencer.register([registry.product(10 + number)])
    assert time.monotonic() - begun < 3
    assert registry.cosigners == ["w2", "w3"]


@pytest.mark.parametrize(
    ("head", "drop"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nLong: ", b"x"),
        (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    ],
    ids=["a body", "a head", "hints"],
)
def test_an_answer_without_end_is_cut(
    registry: Registry, three: Witnesses, monkeypatch: pytest.MonkeyPatch, head: bytes, drop: bytes
) -> None:
    """It drips, and would for ever; cut off, the witness is asked again, and counts again once it answers."""
    monkeypatch.setattr("verifier.node.cosigners.WHOLE_S", 0.3)
    sequencer = registry.sequencer()
    sequencer.register(registry.enrolment())
    gone = threading.Event()
    three.all[0].drip, three.all[0].dripping = gone, (head, drop)
    three.all[2].stop()
    waiting = aside(lambda: sequencer.register([registry.product()]))
    until(lambda: standing.read(registry.client).rows and standing.read(registry.client).rows[0].fault)
    assert "its answer took longer than" in standing.read(registry.client).rows[0].fault
    three.all[2].start()
    assert waiting.result(20)[0].status == "registered"
    three.all[0].drip = None
    gone.set()
    until(lambda: sequencer.step(0.01) == 0 and "w1" in registry.cosigners)


def test_a_witness_that_lost_its_memory_is_proved_to_from_nothing(registry: Registry, three: Witnesses) -> None:
    sequencer = registry.sequencer()
    sequencer.register(registry.enrolment())
    sequencer.register([registry.product(number) for number in range(300)])
    three.all[1].stop()
    three.all[0].stored = None
    sequencer.register([registry.product(500)])
    assert registry.cosigners == ["w1", "w3"]
    assert three.all[0].head == sequencer.head


def test_a_witness_that_was_away_is_proved_to_from_where_it_was(registry: Registry, three: Witnesses) -> None:
    sequencer = registry.sequencer()
    sequencer.register(registry.enrolment())
    until(lambda: all(witness.head.size == 16 for witness in three.all))
    three.all[0].stop()
    for number in range(3):
        sequencer.register([registry.product(1000 * number + more) for more in range(100)])
    assert three.all[0].head.size == 16
    three.all[0].start()
    three.all[1].stop()
    sequencer.register([registry.product(500)])
    assert registry.cosigners == ["w1", "w3"]


def test_one_that_says_we_were_rolled_back_stops_nobody_alone(registry: Registry, three: Witnesses) -> None:
    """Two are needed and two are honest; when an honest one is gone too, the node waits, and does not give up."""
    sequencer = registry.sequencer()
    sequencer.register(registry.enrolment())
    three.all[0].twist = lambda _: (409, b"99999\n")
    sequencer.register([registry.product()])
    three.all[1].stop()
    waiting = aside(lambda: sequencer.register([registry.product(1)]))
    until(lambda: registry.told)
    assert not waiting.done()
    three.all[1].start()
    assert waiting.result(20)[0].status == "registered"


def test_an_honest_one_that_heard_of_more_elsewhere_does_not_help_a_liar(registry: Registry, three: Witnesses) -> None:
    """It follows the log, and answers late what it was asked long ago: that says nothing about what is asked now."""
    sequencer = registry.sequencer()
    sequencer.register(registry.enrolment())
    until(lambda: all(witness.head.size == 16 for witness in three.all))
    slow, liar, away = three.all
    asked, gate = threading.Event(), threading.Event()

    def before() -> None:
        asked.set()
        gate.wait(20)

    slow.before = before
    sequencer.register([registry.product()])
    assert asked.wait(20)
    sequencer.register([registry.product(1)])
    slow.stored = registry.published
    liar.twist = lambda _: (409, b"99999\n")
    away.stop()
    waiting = aside(lambda: sequencer.register([registry.product(2)]))
    until(lambda: standing.read(registry.client).lost_since)
    gate.set()
    until(lambda: slow.head.size == 22)
    assert not waiting.done()
    away.start()
    assert waiting.result(20)[0].status == "registered"


def test_two_that_say_so_stop_the_node(registry: Registry, three: Witnesses) -> None:
    sequencer = registry.sequencer()
    sequencer.register(registry.enrolment())
    for witness in three.all[:2]:
        witness.twist = lambda _: (409, b"99999\n")
    with pytest.raises(Disowned, match="it knows 99999 leaves of this log, more than these 18"):
        sequencer.register([registry.product()])
    assert notes.open(registry.published, registry.policy).size == 16


def test_a_rolled_back_store_is_refused(registry: Registry, three: Witnesses) -> None:
    sequencer = registry.sequencer()
    sequencer.register(registry.enrolment())
    copy = {key: registry.client.dump(key) for key in registry.client.scan_iter()}
    sequencer.register([registry.product()])
    registry.client.flushall()
    for key, value in copy.items():
        registry.client.restore(key, 0, value)
    copied = registry.published
    again = registry.sequencer()
    with pytest.raises(Disowned, match=r"not the one that its witnesses hold \(w\d: .*rolled back.*restore the newest"):
        again.register([registry.product(1)])
    assert sum(witness.head == sequencer.head for witness in three.all) >= 2
    assert registry.published == copied


def test_a_rolled_back_store_that_grew_again_is_refused(registry: Registry, three: Witnesses) -> None:
    """It is as large as what the witnesses hold, and another: they say so by 422, since no proof can lead there."""
    asked, alone = registry.policy, Policy(registry.policy.log)
    sequencer = registry.sequencer()
    sequencer.register([*registry.enrolment(), registry.product()])
    size, published = sequencer.head.size, registry.mark.read_bytes()
    until(lambda: all(witness.head.size == size for witness in three.all))
    registry.client.flushall()
    registry.policy = alone
    registry.sequencer().register([*registry.enrolment(), registry.product(1)])
    registry.policy = asked
    grown = registry.published
    assert notes.proposed(grown, asked).size == size
    with pytest.raises(Disowned, match="it says that this tree did not grow from the one that it knows"):
        aside(lambda: registry.sequencer().step(0.01)).result(20)
    assert registry.published == grown != published
