"""A disk without room, for each of those that write: Redis, the mark outside it, a witness, the deposits. Nothing that
was acknowledged is lost, nothing is signed that could not be kept, and when there is room again it goes on."""

import os
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from house import House
from registry import MAKER
from town import Town, no_room, until

from verifier.node import highwater, signed_request
from verifier.store import deposits, layout
from verifier.store.embedded import EmbeddedRedis
from verifier.web.desk import deposit_folder


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    with EmbeddedRedis(tmp_path) as server, Town(tmp_path / "data", server) as town:
        yield town


def test_redis_without_room(town: Town) -> None:
    """With appendfsync always it ends rather than forget; a new one has no room either, until there is some."""
    town.until_acknowledged(5)
    node = town.node.pid
    for _ in range(3):
        with no_room(town.redis_pid):
            until(lambda: not town.server.alive(), "Redis ends")
        known = len(town.acknowledged)
        town.server.start()
    town.until_acknowledged(5)
    assert len(town.acknowledged) >= known + 5
    assert town.node.alive()
    assert town.node.pid == node, "the node waits for its store"
    assert "the store went away" in town.node.told()
    finish(town)


def test_redis_that_refuses_to_write(town: Town) -> None:
    """It is there and takes nothing: no memory, no replica. The node waits, and says so once, not a thousand times."""
    town.until_acknowledged(5)
    at_once = town.registry.client.pipeline()  # something waits when it begins, or the node has nothing to write
    at_once.lpush(layout.QUEUE, bytes(16) + town.registry.product(7_777_777))
    at_once.config_set("maxmemory", 1)
    at_once.execute()
    until(lambda: "the store refuses" in town.node.told(), "the node hears it", town.node.told)
    known = len(town.acknowledged)
    time.sleep(1.5)  # what is measured is how often it speaks meanwhile
    assert len(town.acknowledged) == known
    assert town.node.told().count("\n") <= 4, town.node.told()
    assert town.node.alive()
    town.registry.client.config_set("maxmemory", 0)
    town.until_acknowledged(5)
    finish(town)


def test_no_room_for_the_mark_stops_the_node(town: Town) -> None:
    """What was published and could not be marked is not acknowledged, and nothing is published after it."""
    town.until_acknowledged(5)
    with no_room(town.node.pid):
        told = town.node.ended()
    assert told.count("\n") == 1, told
    assert f"{town.registry.mark}: expected to keep the checkpoint" in told
    assert "nothing more is signed: make room for it, then start again" in told
    assert "Traceback" not in told
    note, marked = town.registry.published, highwater.read(town.registry.mark)
    assert note != marked, "the mark is behind what was published"
    town.node.start()
    town.until_acknowledged(5)
    finish(town)


def test_a_node_does_not_start_without_room(town: Town) -> None:
    """Whatever it would write first: one sentence, and nothing is published."""
    town.until_acknowledged(5)
    with no_room(town.node.pid):
        town.node.ended()
    head = town.head()
    starved = town.standby("import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))")
    for _ in range(2):
        starved.start()
        told = starved.ended()
        assert told.startswith("Error: ")
        assert told.count("\n") == 1, told
        assert town.head() == head
    starved.stop()
    town.node.start()
    town.until_acknowledged(5)
    finish(town)


def test_witnesses_without_room(tmp_path: Path) -> None:
    """What could not be kept is not cosigned: one without room delays nothing, two stop the log until there is some."""
    with EmbeddedRedis(tmp_path) as server, Town(tmp_path / "data", server, witnesses=3) as town:
        town.until_acknowledged(3)
        first, second, _ = (one.process.pid for one in town.witnesses)
        with no_room(first):
            town.until_acknowledged(5)
            with no_room(second):
                until(lambda: town.registry.proposed, "a proposal waits")
                until(lambda: "the quorum hospitals does not cosign" in town.node.told(), "it says so", town.node.told)
                known, head = len(town.acknowledged), town.head()
            town.until_acknowledged(3)
            assert town.head() != head
        assert len(town.acknowledged) >= known + 3
        assert "503" in town.node.told()
        assert all(one.process.poll() is None for one in town.witnesses), "a witness died of it"
        finish(town)


def test_no_room_for_a_deposit(demo_house: House) -> None:
    data = os.urandom(50_000)
    with no_room(os.getpid()):
        answer = deposit(demo_house, data)
    assert answer.status_code == 507
    assert answer.get_json()["detail"] == "There is no room to keep this here. Nothing of it was kept."
    folder = deposit_folder(demo_house.settings.data) / sha256(data).hexdigest()[:2]
    assert not any(path.name.startswith(deposits.STRAY) for path in folder.iterdir())
    assert deposit(demo_house, data).status_code == 201


def deposit(house: House, data: bytes) -> Any:
    path, key = f"/deposits/{sha256(data).hexdigest()}", house.key(MAKER)
    headers = signed_request.sign("PUT", house.client.base + path, None, key.seed, key.kid)
    return house.http.put(path, data=data, headers=headers, base_url=house.client.base)


def finish(town: Town) -> None:
    town.__exit__()
    town.check()
