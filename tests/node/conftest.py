"""A registry on an empty store."""

from pathlib import Path

import pytest
import redis
from registry import Registry


@pytest.fixture
def registry(tmp_path: Path, store: redis.Redis) -> Registry:
    return Registry(tmp_path, store)
