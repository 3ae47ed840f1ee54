"""The store is torn, flipped, rolled back, emptied, exchanged, or its clock put back, with the real server started on
it again: nothing is signed on it, and one sentence says what is wrong and what to do.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from registry import DAY, Registry

from verifier.commands import main
from verifier.store.embedded import EmbeddedRedis
from verifier.store.log import LogStore
from verifier.store.redis import StoreError, connect


class Kept:
    """A node's folder, with a ledger in it and nothing running; `older` is a copy of its store from before the end."""

    def __init__(self, data: Path, ahead: int = 0) -> None:
        self.data, self.older = data, data.parent / f"{data.name}-older"
        data.mkdir()
        self.say(lambda registry: registry.story())
        shutil.copytree(data / "redis", self.older)
        self.say(lambda registry: [registry.product(5)], ahead)
        self.note = (data / "node" / "high-water").read_bytes()

    def say(self, what: Callable[[Registry], list[bytes]], ahead: int = 0) -> None:
        with EmbeddedRedis(self.data) as server, connect(server.url) as client:
            registry = Registry(self.data, client)
            registry.now += ahead
            sequencer = registry.sequencer()
            sequencer.register(what(registry))
            if ahead:
                sequencer.register([registry.product(6)])  # after a clock that says so
            self.body = client.get(b"{log}:body:" + registry.ids(sequencer.head.size)[10])
            sequencer.lease.drop()

    def start(self) -> str:
        """Start the store and the node on what is there; what is said. Asserts that nothing was signed."""
        before = self.kept()
        with EmbeddedRedis(self.data) as server:
            env = {"PROBATUM_DATA": str(self.data), "REDIS_URL": server.url}
            with connect(server.url) as client:
                note = LogStore(client).checkpoint()
            result = CliRunner().invoke(main, ["node"], env=env)
            with connect(server.url) as client:
                assert LogStore(client).checkpoint() == note
        assert self.kept() == before
        assert result.exit_code == 1
        assert result.output.count("\n") == 1, result.output
        return result.output.removeprefix("Error: ").strip()

    def kept(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in (self.data / "node").iterdir() if path.name != "lock"}

    def written(self) -> list[Path]:
        """The server's append-only files, in order: one of them since 6.2 and before, a folder of them since 7.0."""
        return sorted(path for path in (self.data / "redis").rglob("*.aof") if path.stat().st_size)


@pytest.fixture
def held(tmp_path: Path) -> Kept:
    return Kept(tmp_path / "var")


def flip(path: Path, position: int, bit: int = 1) -> None:
    raw = bytearray(path.read_bytes())
    raw[position] ^= bit
    path.write_bytes(raw)


def test_a_bit_flipped_on_the_disk(held: Kept) -> None:
    """The server loads it without a word (LEDGER.md); the statement is hashed again and named."""
    assert isinstance(held.body, bytes)
    (path, at) = next((path, at) for path in held.written() if (at := path.read_bytes().find(held.body)) >= 0)
    flip(path, at + len(held.body) // 2)
    told = held.start()
    assert told.startswith("the ledger in this store is damaged, or not this log's (leaf 10: expected the bytes of")
    assert told.endswith("restore the newest copy of the store, or another member's (python -m verifier restore)")


def test_a_torn_file(held: Kept) -> None:
    path = held.written()[-1]
    path.write_bytes(path.read_bytes()[:-9])
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"nothing was changed: restore the folder from a copy, mend a copy of it"):
        held.start()
    assert path.read_bytes() == before


def test_a_file_cut_between_two_writes(held: Kept) -> None:
    """Cut there it is whole to the server, which starts: it is an older store, and the mark says so."""
    path = held.written()[-1]
    raw = path.read_bytes()
    path.write_bytes(raw[: raw.rindex(b"\r\n*1\r\n$5\r\nMULTI\r\n", 0, raw.rindex(b"{log}:history")) + 2])
    told = held.start()
    assert told.startswith("this store holds 28 leaves, and 30 were published from this machine: it was emptied")


def test_an_older_copy(held: Kept) -> None:
    shutil.rmtree(held.data / "redis")
    held.older.rename(held.data / "redis")
    told = held.start()
    assert told.startswith("this store holds 28 leaves, and 30 were published from this machine: it was emptied")
    assert "restore the newest copy of the store, or another member's (python -m verifier restore), or begin" in told


def test_an_emptied_store(held: Kept) -> None:
    shutil.rmtree(held.data / "redis")
    assert held.start().startswith("this store holds 0 leaves, and 30 were published from this machine")


def test_a_store_exchanged_for_another_s(held: Kept, tmp_path: Path) -> None:
    other = Kept(tmp_path / "other")
    shutil.rmtree(held.data / "redis")
    (other.data / "redis").rename(held.data / "redis")
    assert held.start().startswith("the ledger in this store is damaged, or not this log's (")


def test_a_store_exchanged_for_another_of_the_same_key(held: Kept, tmp_path: Path) -> None:
    """The same log's key signed two ledgers: what the mark says decides."""
    mark = (held.data / "node" / "high-water").read_bytes()
    other = tmp_path / "other"
    shutil.copytree(held.data, other, ignore=lambda _, names: {"redis"} & set(names))
    shutil.rmtree(held.data / "redis")
    (held.data / "node" / "high-water").unlink()
    held.say(lambda registry: [*registry.enrolment(), *(registry.product(n) for n in range(40, 70))])
    (held.data / "node" / "high-water").write_bytes(mark)
    assert "(node/high-water: expected " in held.start()


def test_the_mark_is_gone(held: Kept) -> None:
    (held.data / "node" / "high-water").unlink()
    told = held.start()
    assert "node/high-water: expected the last checkpoint published from this machine, found no such file" in told
    assert "put it back, or restore the newest copy" in told


def test_the_mark_is_gone_and_the_store_with_it(held: Kept) -> None:
    """A node that begins has a mark over no leaves: what has neither does not begin again with the same key."""
    (held.data / "node" / "high-water").unlink()
    shutil.rmtree(held.data / "redis")
    assert "found no such file" in held.start()


@pytest.mark.parametrize("position", [3, 40, -30])
def test_the_mark_is_altered(held: Kept, position: int) -> None:
    flip(held.data / "node" / "high-water", position)
    told = held.start()
    assert told.startswith("the checkpoint in node/high-water is not this log's (")
    assert told.endswith("put back the file, or the log's key")


def test_the_clock_has_gone_back(tmp_path: Path) -> None:
    held = Kept(tmp_path / "var", 3 * DAY)
    told = held.start()
    assert told.startswith("this machine's clock: expected a time after ")
    assert told.endswith("set it, then start again")
