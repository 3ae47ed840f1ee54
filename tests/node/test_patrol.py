"""While the node works, it hashes what it holds again: what is wrong is told, and nothing is signed any more."""

import collections
import itertools
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from registry import Registry

from verifier.commands import node
from verifier.ledger import checkpoint as notes
from verifier.node import patrol
from verifier.node.patrol import PAUSE_S, Patrol
from verifier.node.queue import Busy, submit
from verifier.node.rehash import Damaged
from verifier.store import deposits, layout
from verifier.store.log import LogStore
from verifier.web.desk import deposit_folder


def flipped(registry: Registry, leaf: int) -> bytes:
    """Flip a bit of a statement; the key."""
    name = layout.body(registry.ids(leaf + 1)[leaf])
    value = registry.client.get(name)
    assert isinstance(value, bytes)
    registry.client.set(name, bytes([value[0] ^ 1]) + value[1:])
    return name


@pytest.fixture
def told(registry: Registry) -> Registry:
    sequencer = registry.sequencer()
    sequencer.register(registry.story())
    sequencer.register([registry.product(number) for number in range(2, 300)])
    sequencer.lease.drop()
    return registry


@pytest.fixture
def folder(registry: Registry) -> Path:
    return deposit_folder(registry.settings.data)


def test_a_damaged_deposit_is_told_once_and_stops_nobody(told: Registry, folder: Path) -> None:
    head, seconds, said = told.sequencer().head, itertools.count(100.0, PAUSE_S), list[str]()
    walker = Patrol(told.client, folder, lambda: next(seconds), said.append)
    long = b"x" * (3 * patrol.CHUNKS * deposits.CHUNK + 1)
    deposits.put(folder, sha256(long).hexdigest(), [long])
    collections.deque((walker.look(head) for _ in range(30)), maxlen=0)
    assert said == []
    path = deposits.path_of(folder, deposits.held(folder)[1])
    path.write_bytes(path.read_bytes()[:-1])
    collections.deque((walker.look(head) for _ in range(30)), maxlen=0)
    (sentence,) = said
    assert sentence.startswith(f"deposit {path.name} is damaged: expected bytes of SHA-256 {path.name}, found ")


def test_a_page_at_a_time_and_round_again(told: Registry, folder: Path) -> None:
    now = [100.0]
    head = told.sequencer().head
    walker, pages = Patrol(told.client, folder, lambda: now[0], print), -(-head.size // patrol.PAGE)
    assert pages == 2
    for _ in range(1 + 3 * (pages + 1)):
        walker.look(head)
        walker.look(head)  # too soon: nothing
        now[0] += PAUSE_S
    assert walker.passes == 4


@pytest.mark.parametrize("leaf", [0, 300])
def test_what_is_wrong_is_named(told: Registry, folder: Path, leaf: int) -> None:
    seconds = itertools.count(100.0, PAUSE_S)
    head, walker = told.sequencer().head, Patrol(told.client, folder, lambda: next(seconds), print)
    flipped(told, leaf)
    with pytest.raises(Damaged, match=f"leaf {leaf}: expected the bytes of statement"):
        collections.deque((walker.look(head) for _ in range(9)), maxlen=0)


def test_a_node_that_finds_damage_signs_nothing_more(
    told: Registry, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The damage comes while it runs; what waits stays unanswered, and the door says so at once."""
    monkeypatch.setattr(patrol, "PAUSE_S", 0.0)
    turns, before = iter(range(12)), told.sequencer().head.size

    def stopping() -> bool:
        turn = next(turns, None)
        if turn == 2:
            flipped(told, 270)
            told.client.lpush(layout.QUEUE, b"t" * 16 + told.product(77))
        return turn is None

    node.run(replace(told.settings, redis_url="redis://unused"), told.client, stopping)
    alarm = told.client.get(layout.ALARM)
    assert isinstance(alarm, bytes)
    assert alarm.startswith(b"the ledger in this store is damaged (leaf 270: expected the bytes of statement")
    assert f"node: ALARM: {alarm.decode()}\n" in capsys.readouterr().out
    with pytest.raises(Busy, match="found its ledger damaged and registers nothing"):
        submit(told.client, told.product(78))
    size = notes.open(LogStore(told.client).checkpoint() or b"", told.policy).size
    assert size <= before + 2  # at most what came before the damage was reached
    with pytest.raises(node.Corrupt, match="leaf 270"):
        node.run(replace(told.settings, redis_url="redis://unused"), told.client, lambda: False)
    assert told.client.exists(layout.ALARM)


def test_the_alarm_ends_when_a_node_finds_everything_whole(told: Registry) -> None:
    told.client.set(layout.ALARM, b"found before")
    left = iter([False] * 2)
    node.run(replace(told.settings, redis_url="redis://unused"), told.client, lambda: next(left, True))
    assert not told.client.exists(layout.ALARM)
