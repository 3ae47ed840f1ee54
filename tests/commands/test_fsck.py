"""`fsck`: everything that is held is read again, and each fault is said with its place."""

import fcntl
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import redis
from click.testing import CliRunner, Result
from registry import Registry
from witnessed import Witnesses

from verifier.commands import main
from verifier.ledger import checkpoint as notes
from verifier.ledger.checkpoint import Checkpoint
from verifier.node.pending import Pending
from verifier.statements import cbor
from verifier.statements.envelope import read
from verifier.store import deposits, layout
from verifier.store.embedded import EmbeddedRedis, reach
from verifier.store.log import LogStore
from verifier.store.redis import StoreError, connect
from verifier.web.desk import deposit_folder

Run = Callable[..., Result]
SIZE = 28
"""Leaves of the story: what was said."""


@pytest.fixture
def registry(tmp_path: Path, store: redis.Redis) -> Registry:
    return Registry(tmp_path, store)


@pytest.fixture
def run(registry: Registry, redis_url: str) -> Run:
    env = {"PROBATUM_DATA": str(registry.settings.data), "REDIS_URL": redis_url}
    return lambda *words: CliRunner().invoke(main, ["fsck", *words], env=env)


@pytest.fixture
def told(registry: Registry) -> Registry:
    """A ledger with something of everything; its sequencer goes on holding the lease, as a running node does."""
    registry.sequencer().register(registry.story())
    return registry


def flip(client: redis.Redis, name: bytes, position: int = -1) -> None:
    value = client.get(name)
    assert isinstance(value, bytes)
    position %= len(value)
    client.set(name, value[:position] + bytes([value[position] ^ 1]) + value[position + 1 :])


def of_kind(registry: Registry, kind: str, size: int = SIZE) -> tuple[int, bytes]:
    """The first leaf of a kind."""
    pairs = enumerate(registry.ids(size))
    return next((leaf, one) for leaf, one in pairs if read(registry.client.get(layout.body(one)) or b"").kind == kind)


def test_a_whole_node_is_whole(told: Registry, run: Run) -> None:
    before = {key: told.client.dump(key) for key in told.client.scan_iter()}
    result = run()
    assert result.exit_code == 0, result.output
    assert f"{SIZE} leaves hashed again, root " in result.output
    assert "2 deposits hashed again, 2 named by statements\n2 batches held against" in result.output
    assert f"derived keys compared with a replay of {SIZE} leaves" in result.output
    assert {key: told.client.dump(key) for key in told.client.scan_iter()} == before


def test_the_first_wrong_leaf_is_named(told: Registry, run: Run) -> None:
    for leaf in (20, 11):
        flip(told.client, layout.body(told.ids(SIZE)[leaf]))
    result = run()
    assert result.exit_code == 1
    assert "leaf 11: expected the bytes of statement" in result.output
    assert "leaf 20" not in result.output


def test_deposits_are_hashed_and_missed(told: Registry, run: Run) -> None:
    folder = deposit_folder(told.settings.data)
    altered, gone = deposits.held(folder)
    path = deposits.path_of(folder, altered)
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    deposits.path_of(folder, gone).unlink()
    result = run("--no-replay")
    assert result.exit_code == 1
    assert f"deposit {altered}, which leaf " in result.output
    assert f"names: expected bytes of SHA-256 {altered}, found " in result.output
    assert f"deposit {gone}, which leaf " in result.output
    assert "names: expected it here, found none" in result.output


def test_a_deposit_that_nobody_names_is_hashed_too(told: Registry, run: Run) -> None:
    folder = deposit_folder(told.settings.data)
    (folder / "ab").mkdir(exist_ok=True)
    (folder / "ab" / ("ab" * 32)).write_bytes(b"not of that name")
    result = run("--no-replay")
    assert result.exit_code == 1
    assert f"deposit {'ab' * 32}: expected bytes of SHA-256" in result.output


def test_packs_are_held_against_the_maker_s_root(told: Registry, run: Run) -> None:
    leaf, _ = of_kind(told, "batch")
    prefix = layout.buckets(told.lot.gtin, told.lot.batch)
    flip(told.client, prefix + (1).to_bytes(4, "big"), 5)
    result = run("--no-replay")
    assert result.exit_code == 1
    assert f"batch L1 of {told.lot.gtin} (leaf {leaf}): bucket 1: expected what leads to the root" in result.output


def test_a_state_byte_is_held_against_a_replay(told: Registry, run: Run) -> None:
    """The maker's root says nothing of states: only what happened does."""
    prefix = layout.buckets(told.lot.gtin, told.lot.batch)
    flip(told.client, prefix + bytes(4))
    assert run("--no-replay").exit_code == 0
    result = run()
    assert result.exit_code == 1
    assert f"s:{{{told.lot.gtin}:L1}}:b:" in result.output
    assert "expected what follows from the ledger, found others; `python -m verifier rebuild`" in result.output


CHANGES: dict[str, tuple[Callable[[Registry], object], str]] = {
    "altered": (lambda r: r.client.set(layout.derived(("ledger",)), b"x"), "s:ledger: expected what follows from the"),
    "gone": (lambda r: r.client.delete(layout.derived(("prefixes",))), "s:prefixes: .* ledger, found none"),
    "slipped in": (lambda r: r.client.set(b"s:member:nobody", b"x"), "s:member:nobody: expected no such key"),
    "its heap": (lambda r: flip(r.client, layout.derived(("heap", r.lot.gtin, "L1")), 40), "its tree of hashes|bucket"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_derived_keys_are_compared_with_a_replay(told: Registry, run: Run, change: str) -> None:
    alter, says = CHANGES[change]
    alter(told)
    result = run("--replay")
    assert result.exit_code == 1
    assert re.search(says, result.output), result.output


def test_a_quorum_that_did_not_cosign_is_missed(told: Registry, run: Run) -> None:
    with Witnesses(told.policy.log, lambda: told.now) as three:
        (told.settings.data / "policy.txt").write_text(str(three.policy))
        result = run("--no-replay")
    assert result.exit_code == 1
    assert "the published checkpoint: cosignatures: expected the quorum hospitals, found no cosign" in result.output


def test_what_is_proposed_and_not_published_is_hashed_too(told: Registry, run: Run) -> None:
    log, raw = LogStore(told.client), told.product(7)
    one, head = read(raw).id, notes.open(told.mark.read_bytes(), told.policy)
    told.client.set(layout.body(one), raw)
    values, root = log.growth(SIZE, [one])
    note = notes.sign(Checkpoint(head.origin, SIZE + 1, root), told.log_key)
    told.client.set(layout.PENDING, Pending(note, values).encoded)
    assert run("--no-replay").exit_code == 0
    flip(told.client, layout.body(one))
    result = run("--no-replay")
    assert result.exit_code == 1
    assert f"what is proposed and not published yet: statement {one.hex()}: expected its bytes" in result.output
    flip(told.client, layout.PENDING)
    assert "proposal: expected the bytes that were kept, found others" in run("--no-replay").output


def test_a_batch_whose_secret_is_not_here_is_said_and_no_fault(told: Registry, run: Run) -> None:
    (told.settings.data / "vault").rename(told.settings.data / "vault-elsewhere")
    result = run()
    assert result.exit_code == 0, result.output
    assert result.output.count("its packs read unverified here, since the vault does not hold its secret") == 2
    assert "0 batches held against" in result.output


def test_what_is_laid_out_and_no_leaf_yet_is_no_stranger(told: Registry, run: Run) -> None:
    key = layout.buckets(told.lot.gtin, "ASIDE") + bytes(4)
    told.client.set(key, b"a bucket on its way")
    assert "b:\0\0\0\0: expected no such key" in run("--replay").output
    told.client.set(layout.LAID, cbor.encode([[told.lot.gtin, "ASIDE", 3]]))
    assert run("--replay").exit_code == 0


def test_nothing_to_look_at(registry: Registry, run: Run, tmp_path: Path, redis_url: str) -> None:
    result = run()
    assert (result.exit_code, result.output) == (2, "nothing is published yet: there is nothing to look at\n")
    env = {"PROBATUM_DATA": str(tmp_path / "other"), "REDIS_URL": redis_url}
    result = CliRunner().invoke(main, ["fsck"], env=env)
    assert result.exit_code == 2
    assert "no consortium in" in result.output
    result = CliRunner().invoke(main, ["fsck"], env=env | {"REDIS_URL": "redis://127.0.0.1:1"})
    assert result.exit_code == 2
    assert run("--deeply").exit_code == 64


def test_an_emptied_store_is_damage(told: Registry, run: Run) -> None:
    told.client.flushall()
    result = run()
    assert result.exit_code == 1
    assert result.output.startswith(f"this store holds 0 leaves, and {SIZE} were published from this machine")


@pytest.mark.parametrize("deep", [False, True], ids=["short path", "long path"])
def test_the_store_of_a_folder_is_reached_whoever_runs_it(tmp_path: Path, deep: bool) -> None:
    data = tmp_path.joinpath(*(["a" * 60] * 2 if deep else []))
    data.mkdir(parents=True, exist_ok=True)
    with reach(data) as url:  # started here
        connect(url).set("k", "v")
    with EmbeddedRedis(data), reach(data) as url:  # another's
        assert connect(url).get("k") == b"v"
    with reach(data, "redis://elsewhere") as url:
        assert url == "redis://elsewhere"
    held = os.open(data / "redis" / "lock", os.O_RDWR)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(StoreError, match="found it held by"), reach(data):
            pass
    finally:
        os.close(held)

