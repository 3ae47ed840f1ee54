"""`rebuild` and `node` in the terminal: what they do, and the one sentence they say when they do not."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import redis
from click.testing import CliRunner, Result
from registry import Registry

from verifier.commands import main
from verifier.commands.node import hold_node
from verifier.node import lease
from verifier.store import layout
from verifier.store.projection import digest

Run = Callable[..., Result]


@pytest.fixture
def registry(tmp_path: Path, store: redis.Redis) -> Registry:
    return Registry(tmp_path, store)


@pytest.fixture
def run(registry: Registry, redis_url: str) -> Run:
    env = {"PROBATUM_DATA": str(registry.settings.data), "REDIS_URL": redis_url}
    return lambda *words: CliRunner().invoke(main, words, env=env)


@pytest.fixture
def told(registry: Registry) -> Registry:
    """A registry with a story in its ledger, and no node running."""
    sequencer = registry.sequencer()
    sequencer.register(registry.story())
    sequencer.lease.drop()
    return registry


def test_the_same_bytes(told: Registry, run: Run) -> None:
    honest = digest(told.client)
    result = run("rebuild")
    assert result.exit_code == 0, result.output
    assert result.output.endswith(f"before {honest}\nafter  {honest}\nthe same bytes\n")
    assert not told.client.exists(layout.LEASE)


def test_what_was_changed_by_hand_is_repaired_and_said(told: Registry, run: Run) -> None:
    honest = digest(told.client)
    told.client.set(layout.derived(("product", "09529000000014")), b"slipped in")
    result = run("rebuild")
    assert result.output.endswith(f"after  {honest}\ndifferent bytes: repaired\n")
    assert digest(told.client) == honest


def test_not_beside_a_node(told: Registry, run: Run) -> None:
    alone, _ = hold_node(told.settings.data)
    try:
        result = run("rebuild")
    finally:
        os.close(alone)
    assert result.exit_code == 1
    assert "expected a folder nobody uses, found it held by process" in result.output
    lease.take(told.client, "another machine")
    result = run("rebuild")
    assert (result.exit_code, "found one running on this store" in result.output) == (1, True)


def test_an_empty_store(run: Run) -> None:
    result = run("rebuild")
    assert (result.exit_code, result.output) == (1, "Error: expected a published ledger, found an empty store\n")


def test_a_damaged_ledger_is_not_followed(told: Registry, run: Run) -> None:
    before = digest(told.client)
    told.client.append(layout.body(told.ids(5)[4]), b"x")
    result = run("rebuild")
    assert result.exit_code == 1
    assert "damaged" in result.output
    assert digest(told.client) == before


def test_a_node_does_not_begin_again_on_an_emptied_store(told: Registry, run: Run) -> None:
    told.client.flushall()
    for verb in ("node", "rebuild"):
        result = run(verb)
        assert result.exit_code == 1
        assert result.output.startswith("Error: this store holds 0 leaves, and "), result.output
    assert told.client.dbsize() == 1, "the fencing counter, and nothing else"


def test_a_second_node_of_one_folder_is_refused(told: Registry, run: Run) -> None:
    alone, _ = hold_node(told.settings.data)
    try:
        result = run("node")
    finally:
        os.close(alone)
    assert (result.exit_code, "stop that one" in result.output) == (1, True)
