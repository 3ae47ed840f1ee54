"""A node that starts holds its store against the chain: a copy from before an anchor is refused before anything is
signed, even where nothing else on the machine remembers; a chain that is of no help stops nobody."""

from dataclasses import replace
from pathlib import Path

import pytest
import redis
from onchain import Clock
from registry import Registry

from verifier.commands import node
from verifier.ledger.anchor import parse
from verifier.node.account import load_or_create
from verifier.node.anchoring import Anchoring, Stored
from verifier.node.boot import Corrupt
from verifier.node.ethereum import Chain, deploy
from verifier.node.local_chain import LocalChain
from verifier.store import layout
from verifier.store.log import LogStore

Copy = tuple[dict[bytes, bytes], bytes]


@pytest.fixture
def registry(tmp_path: Path, store: redis.Redis, local_chain: LocalChain) -> Registry:
    """A node whose account has the contract on the local chain."""
    made = Registry(tmp_path, store)
    made.settings = replace(made.settings, chain=local_chain.url, redis_url="redis://unused")
    account = load_or_create(made.settings.account_key)
    local_chain.give(account.address)
    (tmp_path / "anchors.txt").write_text(str(deploy(local_chain.url, account)))
    return made


def run(registry: Registry) -> None:
    left = iter([False, False])
    node.run(registry.settings, registry.client, lambda: next(left, True))


def anchor(registry: Registry) -> None:
    """Say the newest checkpoint on the chain."""
    account = load_or_create(registry.settings.account_key)
    chosen = parse((registry.settings.data / "anchors.txt").read_text())
    book = Stored(LogStore(registry.client), registry.policy)
    with Chain(registry.settings.chain or "", chosen) as chain:
        Anchoring(chain, book, account, 1, Clock(), lambda _: None).round(demanded=True)


def grow(registry: Registry, number: int, first: int = 0) -> None:
    sequencer = registry.sequencer()
    sequencer.register([*registry.enrolment(), *(registry.product(one) for one in range(first, first + number))])
    sequencer.lease.drop()


def copy(registry: Registry) -> Copy:
    """The store, and what the machine remembers beside it."""
    held = {key: registry.client.dump(key) for key in registry.client.keys("*") if key != layout.LEASE}
    return held, registry.mark.read_bytes()


def restore(registry: Registry, copied: Copy) -> None:
    """All of the machine as it was."""
    held, mark = copied
    registry.client.flushall()
    for key, value in held.items():
        registry.client.restore(key, 0, value)
    registry.mark.write_bytes(mark)


def test_a_store_rolled_back_behind_what_it_anchored_is_refused(registry: Registry) -> None:
    grow(registry, 1)
    earlier = copy(registry)
    grow(registry, 3)
    anchor(registry)
    run(registry)  # as it should be
    known = registry.sequencer().head.size
    restore(registry, earlier)
    note = registry.client.get(layout.CHECKPOINT)
    with pytest.raises(
        Corrupt, match=rf"the chain knows {known} leaves of this ledger, and this store holds \d+"
    ):
        run(registry)
    assert registry.client.get(layout.CHECKPOINT) == note
    assert registry.mark.read_bytes() == earlier[1]


def test_an_emptied_store_begins_no_second_ledger(registry: Registry) -> None:
    empty = copy(registry)
    grow(registry, 1)
    anchor(registry)
    restore(registry, empty)
    with pytest.raises(Corrupt, match=r"the chain knows \d+ leaves of this ledger, and this store holds 0"):
        run(registry)
    assert registry.client.exists(layout.CHECKPOINT) == 0


def test_another_ledger_of_the_same_size_is_refused(registry: Registry) -> None:
    empty = copy(registry)
    grow(registry, 1)
    size = registry.sequencer().head.size
    anchor(registry)
    restore(registry, empty)
    grow(registry, 2, first=5)
    assert registry.sequencer().head.size >= size
    with pytest.raises(Corrupt, match=rf"the chain has the root [0-9a-f]{{64}} at {size} leaves, and this store holds"):
        run(registry)


def test_without_the_chain_it_starts_and_says_so(registry: Registry, capsys: pytest.CaptureFixture[str]) -> None:
    grow(registry, 1)
    registry.settings = replace(registry.settings, chain="http://user:secret@127.0.0.1:9/secret")
    run(registry)
    told = capsys.readouterr().out
    assert "node: this ledger was not held against the chain (the chain at 127.0.0.1:9 was not reached" in told
    assert "starting without it" in told
    assert "secret" not in told


def test_a_chain_that_began_anew_stops_nobody(
    registry: Registry, local_chain: LocalChain, capsys: pytest.CaptureFixture[str]
) -> None:
    grow(registry, 1)
    local_chain.call("anvil_reset")
    run(registry)
    assert "expected the anchor contract at 0x" in capsys.readouterr().out


def test_a_faulty_anchors_txt_is_told(registry: Registry, capsys: pytest.CaptureFixture[str]) -> None:
    grow(registry, 1)
    (registry.settings.data / "anchors.txt").write_text("chain one\n")
    run(registry)
    assert "line 1: chain: expected ASCII digits" in capsys.readouterr().out
