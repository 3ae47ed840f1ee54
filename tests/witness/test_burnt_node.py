"""The node's machine burnt: any one witness gives the ledger back, to the byte, by its own doors."""

import shutil
from pathlib import Path

import pytest
import redis
from click.testing import CliRunner, Result
from flask import Flask
from registry import Registry
from witnesses import served, until, witness

from verifier import web
from verifier.commands import main
from verifier.ledger.note import VerifierKey
from verifier.ledger.policy import Policy, Witness
from verifier.store import deposits, layout
from verifier.web.desk import Desk, deposit_folder, trust_of
from verifier.witness import state
from verifier.witness.running import Following, Running

HOSPITAL = "hopital-saint-roch"


def held(client: redis.Redis) -> dict[bytes, bytes]:
    """All that a store must hold again: the log, and what follows from it."""
    gone = (layout.LEASE, layout.EPOCH, layout.HISTORY, layout.QUORUM)
    names = sorted(name for name in client.scan_iter() if name not in gone)
    return dict(zip(names, client.mget(names), strict=True))  # type: ignore[arg-type]


def restore(registry: Registry, redis_url: str, *words: str) -> Result:
    env = {"PROBATUM_DATA": str(registry.settings.data), "REDIS_URL": redis_url}
    return CliRunner().invoke(main, ["restore", *words], env=env)


@pytest.fixture
def registry(tmp_path: Path, store: redis.Redis) -> Registry:
    """A ledger with something of everything, its policy naming the hospital's witness; its node has stopped."""
    registry = Registry(tmp_path / "var", store)
    own: VerifierKey = state.own_key(state.open_key(tmp_path / "w1", HOSPITAL))
    policy = Policy(registry.policy.log, witnesses=(Witness(HOSPITAL, own),))
    (registry.settings.data / "policy.txt").write_text(str(policy))
    sequencer = registry.sequencer()
    sequencer.register(registry.story())
    sequencer.lease.drop()
    return registry


def mirrored(registry: Registry, running: Running) -> None:
    """Wait until the witness has all of it."""
    size = trust_size(registry)
    assert running.follower is not None
    follower = running.follower
    until(lambda: follower.mirror.size == size and follower.index.counts() == {"withheld": 0, "lacking": 0})


def trust_size(registry: Registry) -> int:
    return int(bytes(registry.client.get(layout.CHECKPOINT) or b"").split(b"\n")[1])  # type: ignore[arg-type]


def test_a_burnt_node_comes_back_from_a_witness(registry: Registry, redis_url: str, tmp_path: Path) -> None:
    data = registry.settings.data
    app = Flask("verifier.web")
    web.wire(app, Desk(registry.settings, registry.client, lambda: registry.now))
    before, kept = held(registry.client), set(deposits.held(deposit_folder(data)))
    assert kept
    log, key = registry.policy.log, registry.key(HOSPITAL)
    with served(app) as url:
        following = Following(url, trust_of(data).genesis, (HOSPITAL,), key, every_s=0.1)
        with witness(tmp_path / "w1", log, HOSPITAL, following=following) as w1:
            mirrored(registry, w1)
    registry.client.flushall()
    shutil.rmtree(deposit_folder(data))
    away = Following("http://127.0.0.1:1", None, (HOSPITAL,))
    with witness(tmp_path / "w1", log, HOSPITAL, following=away) as w1:
        done = restore(registry, redis_url, "--from", w1.url)
    assert done.exit_code == 0, done.output
    after = held(registry.client)
    assert {name: value for name, value in after.items() if name != layout.CHECKPOINT} == {
        name: value for name, value in before.items() if name != layout.CHECKPOINT
    }
    signed, back = before[layout.CHECKPOINT], after[layout.CHECKPOINT]
    assert back.startswith(signed)  # the log's own signature, and the witness's beside it
    assert back[len(signed) :].startswith(f"— {HOSPITAL} ".encode())
    assert set(deposits.held(deposit_folder(data))) == kept


def test_without_the_nodes_key_only_what_is_for_anyone_comes_back(
    registry: Registry, redis_url: str, tmp_path: Path
) -> None:
    """A stranger who asks a witness learns no more than from the log: such a store is not whole, and not taken."""
    app = Flask("verifier.web")
    web.wire(app, Desk(registry.settings, registry.client, lambda: registry.now))
    log, stranger = registry.policy.log, tmp_path / "stranger.key"
    (tmp_path / "stranger.key").write_text(f"probatum-key-1 nobody {'11' * 32}\n")
    stranger.chmod(0o600)
    with served(app) as url:
        key = registry.key(HOSPITAL)
        following = Following(url, trust_of(registry.settings.data).genesis, (HOSPITAL,), key, every_s=0.1)
        with witness(tmp_path / "w1", log, HOSPITAL, following=following) as w1:
            mirrored(registry, w1)
            registry.client.flushall()
            done = restore(registry, redis_url, "--from", w1.url, "--as", str(stranger))
    assert done.exit_code != 0
    assert registry.client.get(layout.CHECKPOINT) is None
