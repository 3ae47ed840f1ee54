"""What every test may ask for: a real Redis, the shared vectors, a browser. No test double lives here.

With PROBATUM_NO_SKIP=1 a skipped test is a failed one: there, what cannot be tested must not pass for tested.
"""

import os
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest
import redis
from hypothesis import HealthCheck, settings

from verifier.node.local_chain import LocalChain, find_anvil
from verifier.store.embedded import VOLATILE, EmbeddedRedis
from verifier.store.redis import connect

if TYPE_CHECKING:
    from counting import Counted
    from golang import Elsewhere
    from house import House
    from served import Served
    from wide import Wide

# A machine that does much else at once fails no test: what must be quick is measured where it is promised.
# Where others wait for the answer the examples are the same each time, as hypothesis has it by itself.
settings.register_profile(
    "patient", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=bool(os.environ.get("CI"))
)
settings.load_profile("patient")

ROOT = Path(__file__).resolve().parent.parent
R = TypeVar("R", pytest.TestReport, pytest.CollectReport)


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an embedded Redis that lives as long as the session, as durable as the one that serves."""
    with EmbeddedRedis(tmp_path_factory.mktemp("store")) as server:
        yield server.url


@pytest.fixture
def store(redis_url: str) -> Iterator[redis.Redis]:
    """A client of that Redis, emptied before the test."""
    client = connect(redis_url)
    client.flushall()
    yield client
    client.close()


@pytest.fixture(scope="session")
def vectors() -> Path:
    """The folder that holds vectors/ and photos/, data nobody here wrote: PROBATUM_VECTORS, or ../shared."""
    folder = Path(os.environ.get("PROBATUM_VECTORS") or ROOT.parent / "shared").absolute()
    if not (folder / "vectors").is_dir():
        pytest.skip(f"PROBATUM_VECTORS: expected a folder holding vectors/, found none at {folder}")
    return folder


@pytest.fixture(scope="session")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> "Elsewhere":
    """A witness, a log's client and a verifier that nobody here wrote, where Go can build them."""
    from golang import build

    return build(tmp_path_factory.mktemp("elsewhere"))


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The browser's program."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("expected Debian's chromium on the PATH, found none: apt-get install chromium")
    return Path(program)


def _forbid_skip(report: R) -> R:
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("PROBATUM_NO_SKIP") == "1":
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"PROBATUM_NO_SKIP=1: expected this to be tested, found it skipped: {reason}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A skipped test."""
    return _forbid_skip((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A file skipped whole."""
    return _forbid_skip((yield))


@pytest.fixture(scope="session")
def demo_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator["House"]:
    """The demo world on a Redis of its own, seeded once: for tests that only read, or add what no other test sees."""
    from house import House  # the whole house is imported by who lives in it

    data = tmp_path_factory.mktemp("house")
    with EmbeddedRedis(data) as server, House(data, server.url) as house:
        yield house.seed()


@pytest.fixture
def house(store: redis.Redis, redis_url: str, tmp_path: Path) -> Iterator["House"]:
    """An empty consortium: keys and a genesis, nobody enrolled yet."""
    from house import House

    assert store.dbsize() == 0
    with House(tmp_path, redis_url) as house:
        yield house


@pytest.fixture(scope="session")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Wide"]:
    """A ledger of more than 512 leaves behind the real doors, on a Redis of its own: for tests that only read."""
    from wide import Wide

    data = tmp_path_factory.mktemp("wide")
    with EmbeddedRedis(data) as server, Wide(data, server.url) as wide:
        yield wide


@pytest.fixture(scope="session")
def counters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis]:
    """A Redis that counts and may forget (web/limits)."""
    with EmbeddedRedis(tmp_path_factory.mktemp("counters"), None, "counters", VOLATILE) as server:
        yield server


@pytest.fixture
def counted(demo_house: "House", counters: EmbeddedRedis) -> Iterator["Counted"]:
    """The demo world behind doors that count, nothing counted yet."""
    from counting import Counted

    counted = Counted(demo_house, counters.url)
    counted.client.flushall()
    yield counted
    counted.client.close()


@pytest.fixture
def local_chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalChain]:
    """A real Ethereum node of this machine alone, empty; each transaction makes a block, which is there once what sent
    it returns: anvil itself answers before the block is."""
    program = find_anvil()
    if program is None:
        pytest.skip("expected anvil, found none: make chain")
    from onchain import mined

    from verifier.node import ethereum

    with LocalChain(program, tmp_path / "chain.log") as chain:
        monkeypatch.setattr(ethereum, "send", mined(chain, ethereum.send))
        yield chain


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Served"]:
    """A real `serve --demo`, started once: for the terminal's and the browser's tests. Leave its demo packs as they
    are; a test that kills one of its parts waits until it is ready again."""
    from served import Served

    with Served(tmp_path_factory.mktemp("served") / "var") as served:
        yield served


@pytest.fixture(scope="session")
def lan_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Served"]:
    """As `server`, and serving the phones of the local network."""
    from served import Served

    with Served(tmp_path_factory.mktemp("lan") / "var", PROBATUM_LAN="1") as served:
        yield served
