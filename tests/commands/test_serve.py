"""The supervisor with tiny real children, then the whole house: nothing it started outlives it."""

import itertools
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import click
import httpx
import pytest
from click.testing import CliRunner
from served import Served, free_port

from verifier.commands import VERBS, House, main, supervise
from verifier.commands.serve import Changes, check_port
from verifier.commands.supervise import Child, ServeError, Supervisor
from verifier.node.local_chain import find_anvil
from verifier.process import Process
from verifier.settings import ROOT
from verifier.web.limits import DEVICE

STAY = "import pathlib, sys, time; pathlib.Path(sys.argv[1]).touch(); time.sleep(60)"
LEAVE = "import pathlib, sys; pathlib.Path(sys.argv[1]).touch(); sys.exit(3)"
FAIL = "import sys; sys.exit(3)"
HANG = "import time; time.sleep(60)"
DEAF = (
    "import pathlib, signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    "pathlib.Path(sys.argv[1]).touch(); time.sleep(60)"
)
PARENT = (
    "import pathlib, subprocess, sys, time; "
    "worker = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); "
    "pathlib.Path(sys.argv[1]).write_text(str(worker.pid)); time.sleep(60)"
)


def child(folder: Path, name: str, script: str = STAY, bound_s: float = 10.0) -> Child:
    """A service that is ready once it has made the file of its name."""
    mark = folder / name
    return Child(Process(name, [sys.executable, "-c", script, str(mark)]), mark.exists, bound_s)


def tell(number: int) -> None:
    os.kill(os.getpid(), number)


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "PAUSES_S", (0.01,) * 4)
    monkeypatch.setattr(supervise, "TICK_S", 0.01)


@pytest.fixture(autouse=True)
def handlers_are_given_back() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    assert signal.getsignal(signal.SIGTERM) is before


# --- the order of things ---


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_started_in_order_stopped_in_reverse(tmp_path: Path, said: list[str], number: int) -> None:
    services = [child(tmp_path, name) for name in ("redis", "node", "web")]
    Supervisor(services, said.append).run(lambda: tell(number))
    told = [line.partition(" after")[0] for line in said]
    assert told == [f"{name}: {what}" for name in ("redis", "node", "web") for what in ("starting", "ready")] + [
        f"{name}: stopping" for name in ("web", "node", "redis")
    ]
    assert all(gone(service.process.pid or 0) for service in services)


def test_told_to_stop_while_starting_it_starts_nothing_more(tmp_path: Path, said: list[str]) -> None:
    def stop_when_asked() -> bool:
        tell(signal.SIGTERM)
        return False

    first = Child(Process("first", [sys.executable, "-c", HANG]), stop_when_asked)
    Supervisor([first, child(tmp_path, "second")], said.append).run()
    assert said == ["first: starting", "first: stopping"]


def test_a_child_deaf_to_sigterm_is_killed(tmp_path: Path) -> None:
    deaf = child(tmp_path, "deaf", DEAF)
    deaf.start()
    until(deaf.ready)
    deaf.process.stop(grace_s=0.1)
    assert deaf.process.death() == "signal SIGKILL"


# --- deaths ---


def test_one_that_dies_is_started_again(tmp_path: Path, said: list[str], quick: None) -> None:
    service = child(tmp_path, "web")

    def kill_once() -> None:
        first = service.process.pid or 0
        os.kill(first, signal.SIGKILL)
        until(lambda: service.process.pid != first)
        tell(signal.SIGTERM)

    Supervisor([service], said.append).run(kill_once)
    assert [line for line in said if "ended" in line] == [
        "web: ended (signal SIGKILL; what it said stands above), starting again in 0.01 s"
    ]


def test_one_that_keeps_dying_is_given_up_and_the_rest_stopped(tmp_path: Path, said: list[str], quick: None) -> None:
    well, ill = child(tmp_path, "redis"), child(tmp_path, "node", LEAVE)
    (tmp_path / "node").touch()  # ready at once, so that it is its later deaths that count
    with pytest.raises(ServeError, match=r"^node died 5 times within 60 s: exit status 3; what it said stands above$"):
        Supervisor([well, ill], said.append).run(lambda: time.sleep(60))
    assert gone(well.process.pid or 0)


def test_one_that_is_not_vital_is_only_started_again(tmp_path: Path, said: list[str], quick: None) -> None:
    well, ill = child(tmp_path, "redis"), child(tmp_path, "counters", LEAVE)
    ill.vital = False
    (tmp_path / "counters").touch()
    Supervisor([well, ill], said.append).run(
        lambda: (until(lambda: len([line for line in said if "ended" in line]) > 6), tell(signal.SIGTERM))[0]
    )
    assert "redis: stopping" in said


def test_one_that_ends_before_it_is_ready_ends_everything(tmp_path: Path, said: list[str]) -> None:
    well = child(tmp_path, "redis")
    with pytest.raises(ServeError, match="node ended before it was ready: exit status 3"):
        Supervisor([well, child(tmp_path, "node", FAIL), child(tmp_path, "web")], said.append).run()
    assert gone(well.process.pid or 0)
    assert "web: starting" not in said


def test_one_that_is_never_ready_is_given_up_and_waited_for_aloud(
    tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervise, "SAY_EVERY_S", 0.1)
    with pytest.raises(ServeError, match="node: expected it ready within 0 s, found it is not"):
        Supervisor([child(tmp_path, "node", HANG, bound_s=0.4)], said.append).run()
    assert "node: still starting, 0 s" in said


def test_what_a_dead_child_left_behind_goes_with_it(tmp_path: Path, said: list[str], quick: None) -> None:
    service = child(tmp_path, "web", PARENT)

    def kill_the_leader() -> None:
        until(lambda: bool((tmp_path / "web").read_text()))
        worker, leader = int((tmp_path / "web").read_text()), service.process.pid or 0
        os.kill(leader, signal.SIGKILL)
        until(lambda: service.process.pid != leader)
        until(lambda: gone(worker))
        tell(signal.SIGTERM)

    Supervisor([service], said.append).run(kill_the_leader)


def test_a_failure_after_the_start_stops_all_and_says_why(tmp_path: Path, said: list[str]) -> None:
    def fail() -> None:
        raise ValueError("no room for the demo world")

    with pytest.raises(ServeError, match="after the start: no room for the demo world"):
        Supervisor([child(tmp_path, "web")], said.append).run(fail)
    assert said[-1] == "web: stopping"


def test_a_supervisor_that_is_killed_leaves_no_orphan(tmp_path: Path) -> None:
    script = (
        "import sys; from verifier.commands.supervise import *\n"
        f"one = Child(Process('one', [sys.executable, '-c', {HANG!r}]), lambda: True)\n"
        "Supervisor([one], lambda line: None).run(lambda: print(one.process.pid, flush=True))\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout
        pid = int(killed.stdout.readline())
        assert not gone(pid)
        killed.kill()
    until(lambda: gone(pid))


# --- reload ---


def test_a_change_of_the_code_starts_the_children_again(tmp_path: Path, said: list[str], quick: None) -> None:
    (tmp_path / "app.py").write_text("1")
    service = child(tmp_path, "web")

    def edit() -> None:
        first = service.process.pid
        (tmp_path / "app.py").write_text("22")
        os.utime(tmp_path / "app.py", (1, 1))
        until(lambda: service.process.pid != first)
        tell(signal.SIGTERM)

    Supervisor([service], said.append, Changes(tmp_path)).run(edit)
    assert said.count("the code changed: starting again") >= 1


# --- the port ---


@pytest.mark.parametrize("shared", [False, True], ids=["plain", "SO_REUSEPORT"])
def test_a_port_in_use_is_refused_even_if_it_could_be_shared(shared: bool) -> None:
    with socket.socket() as other:
        if shared:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ServeError, match=rf"^PORT: expected a free port, found {port} in use on 127\.0\.0\.1"):
            check_port("127.0.0.1", port)
    check_port("127.0.0.1", port)


def test_an_address_that_is_not_ours_is_refused() -> None:
    with pytest.raises(ServeError, match=r"PORT: expected to listen on 192\.0\.2\.1:8000, found Cannot assign"):
        check_port("192.0.2.1", 8000)


# --- the verbs ---


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_of_the_table_opens(verb: str) -> None:
    command = main.get_command(click.Context(main), verb)
    assert isinstance(main, House)
    assert command is not None
    assert command.get_short_help_str()


def test_help_opens_no_verb() -> None:
    script = "import sys; from verifier.commands import main; main(['--help'], standalone_mode=False); "
    script += "sys.exit('verifier.commands.serve' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert all(verb in done.stdout for verb in VERBS)


def test_a_setting_that_cannot_be_used_is_one_sentence() -> None:
    result = CliRunner().invoke(main, ["serve"], env={"PORT": "http"})
    assert result.exit_code == 1
    assert result.output == "Error: PORT: expected a port between 1 and 65535, found 'http'\n"


# --- the house ---


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "REDIS_URL"}
    return {**kept, "PORT": str(free_port()), "PROBATUM_DATA": str(tmp_path), "PROBATUM_WORKERS": "1"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_serve_comes_up_refuses_a_second_and_leaves_nothing(environment: dict[str, str], number: int) -> None:
    argv = [sys.executable, "-m", "verifier", "serve", "--demo"]
    with subprocess.Popen(argv, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as house:
        try:
            assert house.stdout
            up = list(itertools.takewhile(lambda line: line != "  stop  Ctrl-C\n", house.stdout))
            assert f"  open  http://127.0.0.1:{environment['PORT']}\n" in up
            children = Path(f"/proc/{house.pid}/task/{house.pid}/children").read_text().split()
            assert len(children) == (6 if find_anvil() else 4)  # with a chain and what speaks to it

            taken = subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
            assert f"expected a free port, found {environment['PORT']} in use" in taken.stderr
            second = {**environment, "PORT": str(free_port())}
            held = subprocess.run(argv, cwd=ROOT, env=second, capture_output=True, text=True, check=False)
            assert f"expected a folder nobody uses, found it held by process {house.pid}" in held.stderr
        finally:
            house.send_signal(number)
            house.wait(30)
    assert house.returncode == (0 if number == signal.SIGTERM else -number)
    until(lambda: all(gone(int(pid)) for pid in children))
    check_port("127.0.0.1", int(environment["PORT"]))


def test_serve_counts_who_asks_and_outlives_its_counters(tmp_path: Path) -> None:
    with Served(tmp_path / "var", PROBATUM_LIMITS="") as server:
        unknown = {"text": "https://id.gs1.org/01/09521000000018/10/AX26K1/21/NOBODY?17=280131"}

        def asked() -> int:
            return httpx.post(f"{server.url}/api/scan", json=unknown, trust_env=False).status_code

        assert [asked() for _ in range(DEVICE.misses.amount + 2)] == [200] * DEVICE.misses.amount + [429, 429]
        (counters,) = counting(server)
        os.kill(counters, signal.SIGKILL)
        until(lambda: asked() == 200)
        until(lambda: counting(server) not in ([], [counters]))
        assert server.ready()


def counting(server: Served) -> list[int]:
    """The process that counts, by its folder; one that just died has none."""
    found = []
    for pid in server.children():
        with suppress(FileNotFoundError):
            if os.readlink(f"/proc/{pid}/cwd").endswith(f"{os.sep}counters"):
                found.append(pid)
    return found
