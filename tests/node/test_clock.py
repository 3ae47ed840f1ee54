"""When it was: each batch says of the one before; the machine's clock may be slow, never gone back."""

from typing import Any

import pytest
from registry import DAY, NOW, Registry

from verifier.node.sequencer import CLOCK_AFTER_S, ClockBack
from verifier.statements.envelope import read
from verifier.statements.kinds import body_of
from verifier.store.log import LogStore


def test_the_next_batch_says_when_this_one_was(registry: Registry) -> None:
    sequencer = registry.sequencer()
    sequencer.register(registry.enrolment())
    old = sequencer.head
    registry.now += 5
    sequencer.register([registry.product()])
    clock = read(LogStore(registry.client).bodies(registry.ids(old.size + 1)[-1:])[0])
    body: Any = body_of(clock)
    assert (clock.kind, body.size, body.root, body.time, body.source) == ("clock", old.size, old.root, NOW, "node")
    assert sequencer.head.size == old.size + 2


def test_a_clock_comes_alone_after_a_minute_and_gets_none_itself(registry: Registry) -> None:
    sequencer = registry.sequencer()
    sequencer.register(registry.enrolment())
    size = sequencer.head.size
    registry.now += CLOCK_AFTER_S - 1
    assert sequencer.step(0.01) == 0
    registry.now += 1
    assert sequencer.step(0.01) == 1
    registry.now += 10 * CLOCK_AFTER_S
    assert sequencer.step(0.01) == 0
    assert registry.sequencer().step(0.01) == 0
    assert sequencer.head.size == size + 1


def test_a_clock_is_not_put_off_by_what_is_refused(registry: Registry) -> None:
    sequencer = registry.sequencer()
    sequencer.register(registry.enrolment())
    assert sequencer.commit([(b"x" * 16, b"nothing")]) == 0
    registry.now += CLOCK_AFTER_S
    assert sequencer.commit([(b"x" * 16, b"nothing")]) == 1


def test_a_restart_neither_forgets_nor_repeats_the_clock(registry: Registry) -> None:
    registry.sequencer().register(registry.enrolment())
    registry.now += 30
    again = registry.sequencer()
    assert again.untimed
    registry.now += CLOCK_AFTER_S
    assert again.step(0.01) == 1
    assert not registry.sequencer().untimed


def test_a_clock_a_little_behind_is_forgiven(registry: Registry) -> None:
    sequencer = registry.sequencer()
    sequencer.register(registry.enrolment())
    sequencer.register([registry.product()])
    registry.now -= 100
    again = registry.sequencer()
    assert again.register([registry.product(1)])[0].status == "registered"
    assert again.register([registry.product(2)])[0].status == "registered"


def test_a_clock_gone_back_is_refused_before_anything_is_signed(registry: Registry) -> None:
    sequencer = registry.sequencer()
    sequencer.register(registry.enrolment())
    sequencer.register([registry.product()])
    registry.now -= 2 * DAY
    with pytest.raises(ClockBack, match=r"this machine's clock: expected a time after .*, found .*; set it"):
        registry.sequencer()
