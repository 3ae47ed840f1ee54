"""Forgotten is gone: the tests read the files' bytes, as one who took the disk would, with the master key in hand."""

import sqlite3
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from verifier.vault import Vault, VaultError, vault
from verifier.vault.master import load
from verifier.vault.seal import unseal


def disk(folder: Path) -> bytes:
    """Everything in the vault's files, free pages and logs included."""
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))


def record(folder: Path, kind: str, name: str) -> tuple[bytes, bytes]:
    """A record as the file holds it: the wrapped key and the sealed opening."""
    connection = sqlite3.connect(folder / "vault.db")
    query = "SELECT wrapped, sealed FROM opening JOIN slot ON slot.id = slot WHERE kind = ? AND name = ?"
    found: tuple[bytes, bytes] = connection.execute(query, (kind, name)).fetchone()
    connection.close()
    return found


def test_a_forgotten_opening_leaves_no_byte(tmp_path: Path) -> None:
    kept = Vault.open(tmp_path)
    kept.put("salt", "p1", b"the opening to forget")
    kept.put("salt", "p2", b"the opening to keep")
    wrapped, sealed = record(tmp_path, "salt", "p1")
    key = unseal(load(tmp_path / "master.key"), wrapped, b"key\0salt\0p1")
    assert key is not None
    assert wrapped in disk(tmp_path)
    assert sealed in disk(tmp_path)

    assert kept.forget("salt", "p1") is True

    for trace in (wrapped, sealed, key, b"the opening to forget", wrapped[:16], sealed[:16]):
        assert trace not in disk(tmp_path)
    assert kept.get("salt", "p1") is None
    assert kept.forget("salt", "p1") is False
    assert kept.get("salt", "p2") == b"the opening to keep"
    assert kept.names("salt") == ["p2"]


def test_a_forgotten_name_may_be_used_again(tmp_path: Path) -> None:
    kept = Vault.open(tmp_path)
    kept.put("salt", "p1", b"one")
    kept.forget("salt", "p1")
    kept.put("salt", "p1", b"two")
    assert kept.get("salt", "p1") == b"two"


def test_no_key_survives_in_a_page_that_sqlite_once_moved(tmp_path: Path) -> None:
    """secure_delete leaves copies of rows that were moved between pages before they were deleted: at this size SQLite
    3.40 keeps some sealed openings. Were their keys in the same rows, they would stay too."""
    kept, random = Vault.open(tmp_path), Random(5)
    kept._connection().execute("PRAGMA synchronous=OFF")  # the same bytes, sooner
    names = [f"{random.getrandbits(128):032x}" for _ in range(2000)]
    for name in names:
        kept.put("salt", name, random.randbytes(random.choice([20, 90, 600])))
    traces = {name: record(tmp_path, "salt", name) for name in names}
    gone, live = names[:1800], names[1800:]
    random.shuffle(gone)
    for name in gone:
        assert kept.forget("salt", name)
    found = disk(tmp_path)
    assert [name for name in gone if any(traces[name][0][at : at + 16] in found for at in (0, 24, 56))] == []
    assert all(traces[name][0] in found for name in live)
    assert all(kept.get("salt", name) is not None for name in live)


DYING = """
import os, signal, sys
from pathlib import Path
from verifier.vault import Vault, vault
kept = Vault.open(Path(sys.argv[1]))
kept.put("salt", "p1", b"x" * 50)
print(kept._connection().execute("SELECT hex(wrapped) FROM slot").fetchone()[0], flush=True)
vault._wipe = lambda _: os.kill(os.getpid(), signal.SIGKILL)
kept.forget("salt", "p1")
"""


def test_a_forgetting_cut_short_is_finished_when_the_vault_is_opened(tmp_path: Path) -> None:
    died = subprocess.run([sys.executable, "-c", DYING, tmp_path], capture_output=True, text=True, timeout=60)
    assert died.returncode == -9, died.stderr
    wrapped = bytes.fromhex(died.stdout)
    assert wrapped in disk(tmp_path)  # in the write-ahead log
    assert Vault.open(tmp_path).names("salt") == []
    assert wrapped not in disk(tmp_path)


def test_a_reader_that_holds_the_log_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vault, "PATIENCE_S", 0.05)
    kept = Vault.open(tmp_path)
    kept.put("salt", "p1", b"x" * 50)
    wrapped, _ = record(tmp_path, "salt", "p1")
    reader = sqlite3.connect(tmp_path / "vault.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM slot").fetchall()
    with pytest.raises(VaultError, match="salt p1: expected the write-ahead log emptied, found a reader holding it"):
        kept.forget("salt", "p1")
    assert kept.get("salt", "p1") is None
    assert wrapped in disk(tmp_path)
    reader.close()
    assert kept.forget("salt", "p1") is False
    assert wrapped not in disk(tmp_path)
