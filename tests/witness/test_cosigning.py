"""add-checkpoint by a real witness over HTTP: what it cosigns, what it refuses, and what it never forgets."""

import json
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from witnesses import PLAIN, Log, add_checkpoint, cosigned_at, witness

from verifier.ledger import note
from verifier.ledger.note import VerifierKey
from verifier.ledger.policy import parse as parse_policy
from verifier.node.keyfile import KeyFileError
from verifier.process import FolderTaken
from verifier.witness import forks, state
from verifier.witness.running import Running
from verifier.witness.state import StateLost

NOW = 1_800_000_000


class Clock:
    now = NOW

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def log() -> Log:
    return Log(5)


@pytest.fixture
def w1(tmp_path: Path, log: Log, clock: Clock) -> Iterator[Running]:
    with witness(tmp_path / "w1", log.key, "w1", clock) as running:
        yield running


def test_the_first_checkpoint_and_the_next(w1: Running, log: Log, clock: Clock) -> None:
    answer = add_checkpoint(w1.url, log.request(0).encode())
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
    assert cosigned_at(log.note(), answer.text, w1.vkey) == NOW
    clock.now += 7
    log.grow(600)
    answer = add_checkpoint(w1.url, log.request(5).encode())
    assert answer.status_code == 200
    assert cosigned_at(log.note(), answer.text, w1.vkey) == NOW + 7
    last = w1.cosigner.last()
    assert last is not None
    assert (last.checkpoint.size, last.checkpoint.root, last.time) == (605, log.root, NOW + 7)


def test_an_unchanged_tree_is_cosigned_anew(w1: Running, log: Log, clock: Clock) -> None:
    for moment in (NOW, NOW + 60, NOW + 60):
        clock.now = moment
        answer = add_checkpoint(w1.url, log.request(0 if moment == NOW else 5).encode())
        assert cosigned_at(log.note(), answer.text, w1.vkey) == moment


def test_the_empty_tree(tmp_path: Path, clock: Clock) -> None:
    log = Log()
    with witness(tmp_path / "w1", log.key, "w1", clock) as w1:
        assert add_checkpoint(w1.url, log.request(0).encode()).status_code == 200
        assert add_checkpoint(w1.url, log.request(0).encode()).status_code == 200
        log.grow(3)
        assert add_checkpoint(w1.url, log.request(0).encode()).status_code == 200


def test_where_it_stands_is_told(w1: Running, log: Log) -> None:
    """409 with the size, in the one type that tlog-witness gives it."""
    assert add_checkpoint(w1.url, log.request(5).encode()).text == "0\n"
    assert add_checkpoint(w1.url, log.request(0).encode()).status_code == 200
    log.grow(3)
    answer = add_checkpoint(w1.url, log.request(4).encode())
    assert (answer.status_code, answer.text, answer.headers["Content-Type"]) == (409, "5\n", "text/x.tlog.size")


REFUSED = {
    "an unknown origin": (404, "unknown_log"),
    "another's signature": (403, "not_signed"),
    "an old size beyond its size": (400, "malformed"),
    "a proof cut short": (422, "not_proven"),
    "no request": (400, "malformed"),
    "too long": (413, ""),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(w1: Running, log: Log, name: str) -> None:
    assert add_checkpoint(w1.url, log.request(0).encode()).status_code == 200
    log.grow(3)
    stranger = Log(8, origin="other.example")
    liar = Log(8, seed=bytes(31) + b"1")
    honest = log.request(5)
    bodies = {
        "an unknown origin": stranger.request(5).encode(),
        "another's signature": liar.request(5).encode(),
        "an old size beyond its size": b"old 9\n\n" + log.note(),
        "a proof cut short": f"old 5\n\n{log.note().decode()}".encode(),
        "no request": b"new 5\n\n" + log.note(),
        "too long": honest.encode() + b"x" * (1 << 20),
    }
    status, code = REFUSED[name]
    answer = add_checkpoint(w1.url, bodies[name])
    assert answer.status_code == status
    if code:
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["type"] == f"/problems/{code}"
    last = w1.cosigner.last()
    assert last is not None
    assert last.checkpoint.size == 5
    assert add_checkpoint(w1.url, honest.encode()).status_code == 200


def test_a_fork_of_the_same_size_convicts(w1: Running, log: Log, caplog: pytest.LogCaptureFixture) -> None:
    """Both notes are kept, and need nobody's word."""
    assert add_checkpoint(w1.url, log.request(0).encode()).status_code == 200
    other = Log(3, "x").grow(2)
    assert add_checkpoint(w1.url, other.request(5).encode()).status_code == 422
    assert add_checkpoint(w1.url, other.request(5).encode()).status_code == 422
    (name,) = w1.cosigner.forks.names()
    kept = w1.cosigner.forks.read(name)
    assert kept is not None
    found = forks.decode(kept)
    assert found.log == log.key
    assert (note.parse(found.first).text, note.parse(found.second).text) == tuple(
        note.parse(one.note()).text for one in (log, other)
    )
    (line,) = [record.getMessage() for record in caplog.records if "FORKED" in record.getMessage()]
    assert line.startswith("log.example FORKED: it signed 5 leaves under root ")
    assert found.check() in line


def test_a_rollback_is_refused(w1: Running, log: Log) -> None:
    assert add_checkpoint(w1.url, log.request(0).encode()).status_code == 200
    for old in (0, 3):
        answer = add_checkpoint(w1.url, log.request(old, 4).encode())
        assert (answer.status_code, answer.text) == (409, "5\n")
    assert add_checkpoint(w1.url, log.request(5, 4).encode()).status_code == 400
    assert w1.cosigner.forks.names() == []


def test_a_clock_that_went_back(w1: Running, log: Log, clock: Clock) -> None:
    """Nothing is cosigned with an earlier time, and when it is right again all goes on."""
    assert add_checkpoint(w1.url, log.request(0).encode()).status_code == 200
    clock.now -= 1
    log.grow(1)
    answer = add_checkpoint(w1.url, log.request(5).encode())
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert answer.json()["detail"].startswith(f"the clock went back: expected {NOW} or later, found {NOW - 1}")
    clock.now += 1
    assert add_checkpoint(w1.url, log.request(5).encode()).status_code == 200


def test_what_cannot_be_kept_is_not_cosigned(
    w1: Running, log: Log, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert add_checkpoint(w1.url, log.request(0).encode()).status_code == 200
    log.grow(1)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr("verifier.files.os.fsync", full)
        answer = add_checkpoint(w1.url, log.request(5).encode())
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/not_now")
    assert "No space left on device" in answer.json()["detail"]
    assert add_checkpoint(w1.url, log.request(5).encode()).status_code == 200


@pytest.mark.parametrize("failing", range(1, 4))
def test_after_a_failed_writing_the_disk_is_asked(
    w1: Running, log: Log, failing: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever note stands there is the one to go on from: no other tree is cosigned over it."""
    assert add_checkpoint(w1.url, log.request(0).encode()).status_code == 200
    log.grow(1)
    real, calls = os.fsync, iter(range(1, 100))

    def fsync(descriptor: int) -> None:
        if next(calls) == failing:
            raise OSError(5, "Input/output error")
        real(descriptor)

    with monkeypatch.context() as disk:
        disk.setattr("verifier.files.os.fsync", fsync)
        status = add_checkpoint(w1.url, log.request(5).encode()).status_code
    assert status == (503 if failing < 3 else 200)
    stands = 5 if failing == 1 else 6
    assert add_checkpoint(w1.url, log.request(stands, 6).encode()).status_code == 200


def test_a_note_that_we_cosigned_and_do_not_remember(tmp_path: Path, log: Log, clock: Clock) -> None:
    """Whoever shows it, this folder is an older copy of ours: from then on nothing is cosigned."""
    folder = tmp_path / "w1"
    with witness(folder, log.key, "w1", clock) as w1:
        assert add_checkpoint(w1.url, log.request(0).encode()).status_code == 200
        copy = (folder / "cosigned").read_bytes()
        log.grow(2)
        line = add_checkpoint(w1.url, log.request(5).encode())
        assert line.status_code == 200
    (folder / "cosigned").write_bytes(copy)
    with witness(folder, log.key, "w1", clock) as w1:
        shown = add_checkpoint(w1.url, log.request(5).encode() + line.content)
        assert (shown.status_code, "it is an older copy; put back the newest" in shown.json()["detail"]) == (503, True)
        assert add_checkpoint(w1.url, Log(5, "x").grow(2).request(5).encode()).status_code == 503
        assert (folder / "cosigned").read_bytes() == copy


# --- races ---


def test_of_two_at_once_one_wins(w1: Running, log: Log) -> None:
    """Of sixteen at once, each another tree from the same size: one 200, the rest where it then stands."""
    assert add_checkpoint(w1.url, log.request(0).encode()).status_code == 200
    for _ in range(5):
        size = w1.cosigner.last().checkpoint.size  # type: ignore[union-attr]
        while log.size < size + 16:
            log.grow(1)
        bodies = [log.request(size, size + more).encode() for more in range(1, 17)]
        barrier = threading.Barrier(len(bodies))

        def ask(body: bytes, barrier: threading.Barrier = barrier) -> tuple[int, str]:
            barrier.wait()
            answer = add_checkpoint(w1.url, body)
            return answer.status_code, answer.text

        with ThreadPoolExecutor(len(bodies)) as pool:
            answers = list(pool.map(ask, bodies))
        winners = [more for more, (status, _) in enumerate(answers, 1) if status == 200]
        assert len(winners) == 1
        assert [text for status, text in answers if status == 409] == [f"{size + winners[0]}\n"] * 15


# --- the folder ---


def test_the_same_folder_is_the_same_witness(tmp_path: Path, log: Log, clock: Clock) -> None:
    folder = tmp_path / "w1"
    with witness(folder, log.key, "w1", clock) as first:
        assert add_checkpoint(first.url, log.request(0).encode()).status_code == 200
    assert (folder / "witness.key").stat().st_mode & 0o777 == 0o600
    with witness(folder, log.key, "w1", clock) as again:
        assert again.vkey == first.vkey
        assert add_checkpoint(again.url, log.request(0).encode()).text == "5\n"
        clock.now -= 1
        assert add_checkpoint(again.url, log.request(5).encode()).status_code == 503


def test_its_line_makes_a_policy(tmp_path: Path, log: Log, clock: Clock) -> None:
    with witness(tmp_path / "w1", log.key, "w1", clock) as w1:
        policy = parse_policy(f"log {log.key}\n{w1.policy_line}\nquorum w1\n")
        (named,) = policy.witnesses
        assert (named.name, named.key, named.url) == ("w1", w1.vkey, w1.url)


def test_a_second_process_on_the_folder_is_refused(tmp_path: Path, w1: Running, log: Log) -> None:
    with pytest.raises(FolderTaken, match="give this witness a folder of its own"):
        Running(tmp_path / "w1", log.key, ("127.0.0.1", 0), Clock())


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        ("gone", "expected what was cosigned last, found No such file"),
        ("flipped", "expected what w1 cosigned of log.example, found "),
        ("torn", "expected what w1 cosigned of log.example, found "),
        ("emptied", "expected what w1 cosigned of log.example, found "),
        ("another log", "expected what w1 cosigned of other.example, found "),
        ("another name", "expected the key of 'w2', found that of 'w1'"),
        ("key gone", "expected the key that signed"),
    ],
)
def test_a_damaged_folder_is_refused(tmp_path: Path, log: Log, clock: Clock, damage: str, sentence: str) -> None:
    folder, path = tmp_path / "w1", tmp_path / "w1" / "cosigned"
    with witness(folder, log.key, "w1", clock) as w1:
        assert add_checkpoint(w1.url, log.request(0).encode()).status_code == 200
    raw = path.read_bytes()
    if damage == "gone":
        path.unlink()
    elif damage == "flipped":
        path.write_bytes(raw[:-10] + bytes([raw[-10] ^ 1]) + raw[-9:])
    elif damage == "torn":
        path.write_bytes(raw[:-30])
    elif damage == "emptied":
        path.write_bytes(b"")
    elif damage == "key gone":
        (folder / "witness.key").unlink()
    key = Log(origin="other.example").key if damage == "another log" else log.key
    name = "w2" if damage == "another name" else "w1"
    with pytest.raises((StateLost, KeyFileError), match=sentence):
        Running(folder, key, ("127.0.0.1", 0), clock, name=name)


def test_no_name_no_key(tmp_path: Path, log: Log, clock: Clock) -> None:
    with pytest.raises(KeyFileError, match="name the new witness"):
        Running(tmp_path / "w1", log.key, ("127.0.0.1", 0), clock)
    with pytest.raises(ValueError, match="key name"):
        Running(tmp_path / "w1", log.key, ("127.0.0.1", 0), clock, name="a b")
    assert not (tmp_path / "w1" / "witness.key").exists()


def test_ready_says_what_it_stands_for(w1: Running, log: Log) -> None:
    assert add_checkpoint(w1.url, log.request(0).encode()).status_code == 200
    ready = httpx.get(f"{w1.url}/readyz", trust_env=False, verify=PLAIN).json()
    expected = {"status": "ready", "log": "log.example", "witness": str(w1.vkey), "size": 5, "root": log.root.hex()}
    assert ready == expected | {"time": NOW}
    assert add_checkpoint(w1.url, Log(3, "x").grow(2).request(5).encode()).status_code == 422
    answer = httpx.get(f"{w1.url}/readyz", trust_env=False, verify=PLAIN)
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/forked")
    (name,) = httpx.get(f"{w1.url}/forks", trust_env=False, verify=PLAIN).json()["forks"]
    assert json.loads(httpx.get(f"{w1.url}/forks/{name}", trust_env=False, verify=PLAIN).content)["log"] == str(log.key)
    assert httpx.get(f"{w1.url}/forks/..%2fcosigned", trust_env=False, verify=PLAIN).status_code == 404


def test_a_state_is_its_own_keys(tmp_path: Path, log: Log) -> None:
    key = state.open_key(tmp_path / "w1", "w1")
    assert state.own_key(key) != VerifierKey.of_seed("w1", bytes(32), 4)
