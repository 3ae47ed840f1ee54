"""A registry on an empty store, alone or with three witnesses."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from registry import Registry
from witnessed import Witnesses


@pytest.fixture
def registry(tmp_path: Path, store: redis.Redis) -> Registry:
    return Registry(tmp_path, store)


@pytest.fixture
def three(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Iterator[Witnesses]:
    """Three witnesses, of whom the registry's policy asks two. The pauses are shorter: what is tested is what happens,
    and measured elsewhere is how fast."""
    monkeypatch.setattr("verifier.node.quorum.PAUSES_S", (0.02, 0.05))
    monkeypatch.setattr("verifier.node.cosigning.SLICE_S", 0.03)
    monkeypatch.setattr("verifier.node.standing.WRITE_EVERY_S", 0.03)
    monkeypatch.setattr("verifier.node.standing.SLACK_S", 0.3)
    monkeypatch.setattr("verifier.node.cosigning.SLACK_S", 0.3)
    with Witnesses(registry.policy.log, lambda: registry.now) as witnesses:
        registry.policy = witnesses.policy
        yield witnesses
