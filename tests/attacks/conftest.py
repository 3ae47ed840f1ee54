"""A demo world for each file of attacks that says things in it, so that no attack spoils another's."""

from collections.abc import Iterator

import pytest
from house import House

from verifier.identity import Identity
from verifier.store.embedded import EmbeddedRedis


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Seeded, on a Redis of its own, shared by the tests of one file."""
    data = tmp_path_factory.mktemp("world")
    with EmbeddedRedis(data) as server, House(data, server.url) as house:
        yield house.seed()


@pytest.fixture(scope="module")
def packs(world: House) -> Iterator[Identity]:
    """Genuine packs that nothing happened to since the pharmacy received them; each is given once."""
    rows = [("imported", number) for number in range(24)] + [("current", number) for number in range(10, 24)]
    return iter([world.world.pack(*row) for row in rows])
