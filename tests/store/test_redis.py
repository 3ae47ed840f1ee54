"""The private Redis: durable, ours alone, refused rather than opened empty; and what is asked of somebody else's."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from verifier.settings import ROOT
from verifier.store.embedded import EmbeddedRedis
from verifier.store.redis import StoreError, check_durable, connect, durability_faults
from verifier.store.servers import Server, choose, find_servers, identify, recorded

OLD = Server(Path("/opt/old"), "redis", (6, 2, 14))
NEW = Server(Path("/opt/new"), "redis", (7, 0, 15))
VALKEY = Server(Path("/opt/valkey"), "valkey", (8, 0, 1))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedRedis]:
    with EmbeddedRedis(tmp_path) as running:
        yield running


@pytest.fixture
def client(server: EmbeddedRedis) -> Iterator[redis.Redis]:
    with connect(server.url) as talking:
        yield talking


def pid_of(client: redis.Redis) -> int:
    return int(client.info("server")["process_id"])


def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


# --- ours alone, and durable ---


def test_it_listens_on_a_private_socket_and_on_no_port(server: EmbeddedRedis, client: redis.Redis) -> None:
    assert client.config_get("port") == {"port": "0"}
    assert stat.S_IMODE(server.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((server.folder / "redis.sock").stat().st_mode) == 0o700


def test_it_is_as_durable_as_is_asked_of_others(client: redis.Redis) -> None:
    assert durability_faults(client) == ()


def test_what_was_acknowledged_survives_a_kill(server: EmbeddedRedis, client: redis.Redis) -> None:
    for number in range(50):
        client.set(f"k{number}", number)
    os.kill(pid_of(client), signal.SIGKILL)
    until(lambda: not server.alive())
    assert "SIGKILL" in server.death()
    server.start()
    assert [int(client.get(f"k{number}") or -1) for number in range(50)] == list(range(50))


def test_a_client_heals_after_a_restart_at_an_unchanged_url(server: EmbeddedRedis, client: redis.Redis) -> None:
    url = server.url
    client.set("a", 1)
    server.start()
    assert server.url == url
    assert client.get("a") == b"1"


def test_a_command_whose_answer_was_lost_is_not_sent_twice(server: EmbeddedRedis, client: redis.Redis) -> None:
    pid = pid_of(client)
    with connect(f"{server.url}?socket_timeout=0.2") as hasty:
        hasty.ping()
        os.kill(pid, signal.SIGSTOP)
        try:
            with pytest.raises(redis.TimeoutError):
                hasty.incr("n")
        finally:
            os.kill(pid, signal.SIGCONT)
        assert hasty.get("n") == b"1"


def test_data_is_kept_from_one_start_to_the_next(tmp_path: Path) -> None:
    for expected in (1, 2):
        with EmbeddedRedis(tmp_path) as server, connect(server.url) as client:
            assert client.incr("n") == expected


def test_a_path_too_long_for_a_socket_and_with_spaces_works(tmp_path: Path) -> None:
    data = tmp_path / "a folder" / ("x" * 120)
    embedded = EmbeddedRedis(data)
    url = embedded.url  # children are told before it is started
    with embedded as server, connect(url) as client:
        near = Path(server.url.removeprefix("unix://")).parent
        assert client.ping()
        assert near.resolve() == data / "redis"
    assert not near.parent.exists()


def test_an_orphan_ends_with_who_started_it(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from verifier.store.embedded import EmbeddedRedis\n"
        "with EmbeddedRedis(Path(sys.argv[1])) as server:\n"
        "    print(server._process.pid, flush=True); time.sleep(60)\n"
    )
    argv = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout
        pid = int(starter.stdout.readline())
        assert not gone(pid)
        starter.kill()
    until(lambda: gone(pid))
    with EmbeddedRedis(tmp_path) as server:  # and the folder is free again
        assert server.alive()


# --- refused ---


def test_two_on_one_folder_are_refused(server: EmbeddedRedis, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=rf"expected a folder nobody uses, found it held by process {os.getpid()}"):
        EmbeddedRedis(tmp_path).start()
    assert server.ready()


def written(folder: Path) -> Path:
    """The file that the last writes went to, of either layout."""
    return next(folder.rglob("*.incr.aof"), folder / "appendonly.aof")


HARM: dict[str, Callable[[bytes], bytes]] = {
    "torn": lambda raw: raw[:-3],
    "spoilt": lambda raw: raw.replace(b"$1\r\n2", b"$x\r\n2"),
}


@pytest.mark.parametrize("harm", HARM.values(), ids=HARM)
def test_a_harmed_file_is_refused_and_left_as_it_was(tmp_path: Path, harm: Callable[[bytes], bytes]) -> None:
    with EmbeddedRedis(tmp_path) as server, connect(server.url) as client:
        client.set("a", 2)
    file = written(tmp_path / "redis")
    harmed = harm(file.read_bytes())
    file.write_bytes(harmed)
    with pytest.raises(StoreError, match=r"append only file.*nothing was changed: restore the folder") as refusal:
        EmbeddedRedis(tmp_path).__enter__()
    assert "aof-load-truncated" not in str(refusal.value)
    assert file.read_bytes() == harmed


def test_an_older_server_would_start_empty_and_is_refused(tmp_path: Path) -> None:
    (tmp_path / "redis" / "appendonlydir").mkdir(parents=True)
    old = [server for server in find_servers() if server.version < (7,)] or [OLD]
    with pytest.raises(StoreError, match=r"expected redis 7\.0 or newer, which wrote it, found only redis 6"):
        EmbeddedRedis(tmp_path, old).start()


@pytest.mark.parametrize(
    ("servers", "kind", "version", "chosen"),
    [
        ([OLD], "redis", "6.2.14", OLD),
        ([NEW, OLD], "redis", "6.2.14", NEW),
        ([OLD, NEW], "redis", "7.0.11", NEW),
        ([OLD], "redis", "7.0.11", None),
        ([VALKEY, OLD], "redis", "7.2.4", VALKEY),
        ([VALKEY], "redis", "7.4.0", None),
        ([NEW], "valkey", "7.2.5", None),
        ([NEW, VALKEY], "valkey", "8.0.0", VALKEY),
    ],
)
def test_only_a_server_that_reads_the_folder_opens_it(
    tmp_path: Path, servers: list[Server], kind: str, version: str, chosen: Server | None
) -> None:
    (tmp_path / "appendonly.aof").touch()
    (tmp_path / "server.json").write_text(json.dumps({"kind": kind, "version": version}))
    if chosen is not None:
        assert choose(servers, tmp_path) == chosen
    else:
        with pytest.raises(StoreError, match=f"expected {kind} {version[:3]} or newer"):
            choose(servers, tmp_path)


def test_a_spoilt_record_is_refused_and_a_lost_one_is_read_off_the_layout(tmp_path: Path) -> None:
    assert recorded(tmp_path) is None
    (tmp_path / "appendonly.aof").touch()
    assert recorded(tmp_path) == ("redis", (6, 2))
    (tmp_path / "server.json").write_text("{}")
    with pytest.raises(StoreError, match=r"server\.json: expected the kind and version"):
        recorded(tmp_path)


# --- found ---


def program(folder: Path, name: str, says: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)


def test_redis_is_preferred_to_valkey_and_both_to_the_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, "valkey-server", "Valkey server v=8.0.1 sha=00000000:0")
    program(tmp_path, "redis-server", "Redis server v=7.0.15 sha=00000000:0")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert [str(server) for server in find_servers()][:2] == ["redis 7.0.15", "valkey 8.0.1"]


def test_a_program_that_is_no_server_is_passed_over(tmp_path: Path) -> None:
    program(tmp_path, "redis-server", "hello")
    assert identify(tmp_path / "redis-server") is None
    assert identify(tmp_path / "absent") is None


def test_a_machine_without_any_is_told_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"expected a Redis, found no .* install redis-server"):
        choose([], tmp_path)


# --- somebody else's ---


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("appendonly", "no", "appendonly: expected yes, found no: it forgets everything when it restarts"),
        ("appendfsync", "everysec", "appendfsync: expected always, found everysec"),
        ("aof-load-truncated", "yes", "aof-load-truncated: expected no, found yes"),
        ("maxmemory-policy", "allkeys-lru", "maxmemory-policy: expected noeviction, found allkeys-lru"),
    ],
)
def test_a_server_that_may_forget_is_refused_unless_allowed(
    client: redis.Redis, name: str, value: str, sentence: str
) -> None:
    client.config_set(name, value)
    with pytest.raises(StoreError, match=sentence):
        check_durable(client, allow_volatile=False)
    check_durable(client, allow_volatile=True)


def test_a_server_that_forbids_the_question_is_refused(client: redis.Redis) -> None:
    client.acl_setuser("default", commands=["-config"])
    with pytest.raises(StoreError, match="expected to be allowed to ask whether this Redis forgets"):
        check_durable(client, allow_volatile=False)


def test_a_server_that_is_not_there_is_never_allowed(tmp_path: Path) -> None:
    nobody = connect(f"unix://{tmp_path}/none.sock")
    with pytest.raises(StoreError, match="expected a server that answers"):
        check_durable(nobody, allow_volatile=True)


def test_a_malformed_url_is_refused() -> None:
    with pytest.raises(StoreError, match="REDIS_URL: expected a Redis URL, found 'http://x'"):
        connect("http://x")
