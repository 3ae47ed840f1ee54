"""Deposits: what is there is whole and is what its name says."""

import os
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from verifier.statements.errors import Malformed
from verifier.store import deposits

DATA = b"a logger's readings" * 10_000
DIGEST = sha256(DATA).hexdigest()


def pieces(data: bytes = DATA) -> Iterator[bytes]:
    yield from (data[at : at + 7_000] for at in range(0, len(data), 7_000))


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_what_is_put_is_read_back(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "deposits"
    path = deposits.put(folder, DIGEST, pieces())
    assert path == folder / DIGEST[:2] / DIGEST
    assert path.stat().st_mode & 0o777 == 0o600
    assert deposits.exists(folder, DIGEST)
    assert b"".join(deposits.open_chunks(folder, DIGEST)) == DATA
    assert deposits.put(folder, DIGEST, pieces()) == path
    assert files(folder) == [path]


def test_nothing_is_a_deposit_too(tmp_path: Path) -> None:
    empty = sha256(b"").hexdigest()
    deposits.put(tmp_path, empty, [])
    assert list(deposits.open_chunks(tmp_path, empty)) == []


def test_a_mismatch_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(Malformed) as fault:
        deposits.put(tmp_path, DIGEST, [DATA, b"x"])
    found = sha256(DATA + b"x").hexdigest()
    assert str(fault.value) == f"deposit mismatch: expected bytes of SHA-256 {DIGEST}, found {found}"
    assert fault.value.code == "deposit_mismatch"
    assert files(tmp_path) == []


def test_too_much_is_refused_before_it_is_all_read(tmp_path: Path) -> None:
    taken = []

    def endless() -> Iterator[bytes]:
        while True:
            taken.append(1)
            yield bytes(1000)

    with pytest.raises(Malformed, match="too large: expected at most 5000 bytes, found 6000 or more") as fault:
        deposits.put(tmp_path, DIGEST, endless(), 5000)
    assert fault.value.code == "too_large"
    assert len(taken) == 6
    assert files(tmp_path) == []
    assert deposits.put(tmp_path, DIGEST, pieces(), len(DATA)).exists()


def test_a_sender_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield DATA[:100]
        raise ConnectionResetError("gone")

    with pytest.raises(ConnectionResetError):
        deposits.put(tmp_path, DIGEST, broken())
    assert files(tmp_path) == []
    assert not deposits.exists(tmp_path, DIGEST)


@pytest.mark.parametrize(
    "digest", ["", "..", "../" * 21 + "x", DIGEST.upper(), DIGEST[:-1], DIGEST + "\n", "/" + DIGEST[1:], "٣" * 64]
)
def test_only_a_digest_becomes_a_path(tmp_path: Path, digest: str) -> None:
    with pytest.raises(Malformed, match="deposit digest: expected 64 lower-case hex digits, found"):
        deposits.put(tmp_path, digest, pieces())
    with pytest.raises(Malformed):
        deposits.exists(tmp_path, digest)
    with pytest.raises(Malformed):
        next(deposits.open_chunks(tmp_path, digest))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("altered", [DATA[:-1], DATA + b"x", b"X" + DATA[1:], b""])
def test_a_file_altered_on_disk_is_not_believed(tmp_path: Path, altered: bytes) -> None:
    deposits.put(tmp_path, DIGEST, pieces()).write_bytes(altered)
    with pytest.raises(Malformed, match=f"deposit mismatch: expected bytes of SHA-256 {DIGEST}, found "):
        list(deposits.open_chunks(tmp_path, DIGEST))
    deposits.put(tmp_path, DIGEST, pieces())
    assert b"".join(deposits.open_chunks(tmp_path, DIGEST)) == DATA


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    assert not deposits.exists(tmp_path, DIGEST)
    with pytest.raises(FileNotFoundError):
        next(deposits.open_chunks(tmp_path, DIGEST))


def test_only_old_deposits_that_nothing_refers_to_are_collected(tmp_path: Path) -> None:
    contents = {sha256(name).hexdigest(): name for name in (b"referred", b"forgotten", b"new")}
    referred, forgotten, new = contents
    for digest, content in contents.items():
        os.utime(deposits.put(tmp_path, digest, [content]), (0, 1000 if digest != new else 5000))
    stray = tmp_path / forgotten[:2] / ".put-left"
    foreign = tmp_path / forgotten[:2] / "README"
    for path in (stray, foreign):
        path.write_bytes(b"")
        os.utime(path, (0, 1000))
    assert deposits.collect(tmp_path, {referred}, 3600, 4600) == []
    assert deposits.collect(tmp_path, {referred}, 3600, 4601) == [forgotten]
    assert {path.name for path in files(tmp_path)} == {referred, new, "README"}


def test_a_deposit_put_again_is_new_again(tmp_path: Path) -> None:
    os.utime(deposits.put(tmp_path, DIGEST, pieces()), (0, 0))
    stat = deposits.put(tmp_path, DIGEST, pieces()).stat()
    assert deposits.collect(tmp_path, (), 60, stat.st_mtime + 59) == []


DYING = """
import os, signal, sys
from pathlib import Path
from verifier.store import deposits
def dies():
    yield b"x" * 100_000
    os.kill(os.getpid(), signal.SIGKILL)
deposits.put(Path(sys.argv[1]), sys.argv[2], dies())
"""


def test_a_crash_leaves_a_stray_and_no_deposit(tmp_path: Path) -> None:
    assert subprocess.run([sys.executable, "-c", DYING, tmp_path, DIGEST], timeout=60).returncode == -9
    (stray,) = files(tmp_path)
    assert stray.name.startswith(deposits.STRAY)
    assert not deposits.exists(tmp_path, DIGEST)
    assert deposits.collect(tmp_path, (), 0, stray.stat().st_mtime + 1) == []
    assert files(tmp_path) == []
