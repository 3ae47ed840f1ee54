"""What no leaf refers to is removed, a day later; what one refers to never is."""

import os
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from registry import DAY, Registry

from verifier.commands import node
from verifier.node import keeping
from verifier.node.keeping import Keeper
from verifier.store import deposits, layout
from verifier.store.log import LogStore
from verifier.web.desk import deposit_folder


@pytest.fixture
def folder(registry: Registry) -> Path:
    return deposit_folder(registry.settings.data)


@pytest.fixture
def size(registry: Registry, folder: Path) -> int:
    """A ledger with two batches, and two deposits of batches that were never registered, one of them new; the others
    are two days old."""
    sequencer = registry.sequencer()
    sequencer.register(registry.story())
    sequencer.lease.drop()
    registry.batch(replace(registry.lot, batch="GIVENUP"))
    for path in folder.glob("*/*"):
        os.utime(path, (0, registry.now - 2 * DAY))
    new = b"of a batch on its way"
    path = deposits.put(folder, sha256(new).hexdigest(), [new])
    os.utime(path, (0, registry.now - DAY // 2))
    return sequencer.head.size


def kept(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("*/*")}


def look(keeper: Keeper, size: int, times: int = 20) -> list[str]:
    return [gone for _ in range(times) for gone in keeper.look(size)]


@pytest.mark.parametrize("page", [1, 7, 256])
def test_only_what_is_old_and_nobodys_is_removed(
    registry: Registry, folder: Path, size: int, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "PAGE", page)
    keeper, before = Keeper(LogStore(registry.client), folder, lambda: registry.now), kept(folder)
    assert look(keeper, size, -(-size // page)) == []  # not before all of the ledger is followed
    gone = look(keeper, size)
    assert len(gone) == 1
    assert kept(folder) == before - set(gone)
    assert registry.replayed(size)[0] == registry.replayed(size)[1]  # both batches are still to be laid out from theirs


def test_it_looks_once_a_day_and_follows_what_came_since(registry: Registry, folder: Path, size: int) -> None:
    keeper = Keeper(LogStore(registry.client), folder, lambda: registry.now)
    assert len(look(keeper, size)) == 1
    sequencer = registry.sequencer()
    sequencer.register([registry.batch(replace(registry.lot, batch="LATER"))])
    registry.batch(replace(registry.lot, batch="GIVENUP"))
    for path in folder.glob("*/*"):
        os.utime(path, (0, registry.now - 2 * DAY))
    registry.now += DAY - 1
    assert look(keeper, sequencer.head.size) == []
    registry.now += 1
    assert len(look(keeper, sequencer.head.size)) == 2  # that one, and the one that was new the day before
    assert len(kept(folder)) == 3


def test_a_body_that_is_gone_stops_it(registry: Registry, folder: Path, size: int) -> None:
    before = kept(folder)
    registry.client.delete(layout.body(registry.ids(size)[-3]))
    keeper = Keeper(LogStore(registry.client), folder, lambda: registry.now)
    assert look(keeper, size) == []
    assert kept(folder) == before


def test_the_node_does_it(registry: Registry, folder: Path, size: int, capsys: pytest.CaptureFixture[str]) -> None:
    left = iter([False] * 6)
    before = kept(folder)
    node.run(replace(registry.settings, redis_url="redis://unused"), registry.client, lambda: next(left, True))
    assert len(before - kept(folder)) == 1
    assert "node: removed 1 deposit that no statement refers to" in capsys.readouterr().out
