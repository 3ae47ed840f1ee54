"""What the vault promises to those who use it well, and says to those who do not. Forgetting is in test_forget."""

import resource
import shutil
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier.vault import Vault, VaultConflict, VaultError
from verifier.vault.seal import seal, unseal


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault.open(tmp_path / "vault")


def test_an_opening_is_kept(vault: Vault) -> None:
    vault.put("batch", "b1", b"secret one")
    vault.put("batch", "b2", b"")
    vault.put("salt", "b1", b"another kind")
    again = Vault.open(vault.folder)
    assert again.get("batch", "b1") == b"secret one"
    assert again.get("batch", "b2") == b""
    assert again.get("batch", "b3") is None
    assert again.names("batch") == ["b1", "b2"]
    assert again.names("card") == []


def test_the_same_again_is_nothing_and_another_is_a_conflict(vault: Vault) -> None:
    vault.put("batch", "b1", b"secret one")
    vault.put("batch", "b1", b"secret one")
    with pytest.raises(VaultConflict) as fault:
        vault.put("batch", "b1", b"secret two!")
    assert str(fault.value) == (
        "batch b1: expected no opening, or this one of 11 bytes, found another of 10 bytes; forget that one first"
    )
    assert vault.get("batch", "b1") == b"secret one"


@pytest.mark.parametrize(("kind", "name"), [("", "b1"), ("batch", ""), ("ba\0tch", "b1"), ("batch", "b\0")])
def test_a_name_that_could_be_taken_for_another_is_refused(vault: Vault, kind: str, name: str) -> None:
    for verb in (vault.get, vault.forget, lambda k, n: vault.put(k, n, b"x")):
        with pytest.raises(VaultError, match="expected a kind and a name, neither empty nor with a NUL"):
            verb(kind, name)


def test_nobody_else_on_the_machine_can_read_it(vault: Vault) -> None:
    vault.put("batch", "b1", b"secret one")
    assert vault.folder.stat().st_mode & 0o777 == 0o700
    modes = {path.name: path.stat().st_mode & 0o777 for path in vault.folder.iterdir()}
    assert modes.keys() >= {"vault.db", "vault.db-wal", "master.key"}
    assert set(modes.values()) == {0o600}


def test_nothing_in_the_clear_is_on_the_disk(vault: Vault) -> None:
    vault.put("batch", "b1", b"in the clear?")
    assert not [path for path in vault.folder.iterdir() if b"in the clear?" in path.read_bytes()]


def test_another_master_key_is_refused_in_one_sentence(vault: Vault, tmp_path: Path) -> None:
    key = vault.folder / "master.key"
    other = Vault.open(tmp_path / "other").folder / "master.key"
    with pytest.raises(VaultError) as fault:
        Vault.open(vault.folder, other)
    assert str(fault.value) == (
        f"{other}: expected the master key of the vault in {vault.folder}, found another vault's; "
        "put the right file back"
    )
    assert Vault.open(vault.folder, key).names("batch") == []


def test_a_lost_master_key_is_not_made_anew(vault: Vault) -> None:
    key = vault.folder / "master.key"
    key.unlink()
    with pytest.raises(VaultError, match=r"expected the vault's master key, found .*No such file"):
        Vault.open(vault.folder)
    assert not key.exists()


def test_the_master_key_may_lie_elsewhere(tmp_path: Path) -> None:
    key = tmp_path / "medium" / "vault.key"
    Vault.open(tmp_path / "vault", key).put("batch", "b1", b"secret one")
    assert key.stat().st_mode & 0o777 == 0o600
    assert not (tmp_path / "vault" / "master.key").exists()
    assert Vault.open(tmp_path / "vault", key).get("batch", "b1") == b"secret one"


@pytest.mark.parametrize(
    ("text", "mode", "sentence"),
    [
        (f"probatum-vault-1 {'0' * 64}\n", 0o640, "expected a master key of mode 0600, found mode 0640"),
        ("", 0o600, "expected 'probatum-vault-1 <64 hex digits>', found 0 words"),
        (f"probatum-vault-1 {'0' * 63}\n", 0o600, "found 2 words of another form"),
        (f"probatum-vault-2 {'0' * 64}\n", 0o600, "found 2 words of another form"),
        (f"probatum-vault-1 {'0' * 63}g\n", 0o600, "found 2 words of another form"),
        ("\xff", 0o600, "expected the vault's master key, found 'ascii' codec"),
    ],
)
def test_a_master_key_file_of_another_form_is_refused(tmp_path: Path, text: str, mode: int, sentence: str) -> None:
    key = tmp_path / "key"
    key.write_text(text, "latin-1")
    key.chmod(mode)
    with pytest.raises(VaultError) as fault:
        Vault.open(tmp_path / "vault", key)
    assert str(fault.value).startswith(f"{key}: ")
    assert sentence in str(fault.value)


@pytest.mark.parametrize(
    "sabotage",
    [
        "UPDATE opening SET sealed = zeroblob(60)",
        "UPDATE opening SET sealed = x'00'",
        "UPDATE slot SET wrapped = zeroblob(72)",
        "UPDATE opening SET slot = 3 - slot",
        "UPDATE opening SET name = 'b3' WHERE name = 'b1'",
        "UPDATE opening SET kind = 'card'",
    ],
)
def test_an_altered_or_moved_record_is_not_believed(vault: Vault, sabotage: str) -> None:
    vault.put("batch", "b1", b"secret one")
    vault.put("batch", "b2", b"secret two")
    with sqlite3.connect(vault.folder / "vault.db") as connection:
        connection.execute(sabotage)
    connection.close()
    kind = "card" if "card" in sabotage else "batch"
    name = "b3" if "b3" in sabotage else "b1"
    with pytest.raises(VaultError, match=f"{kind} {name}: expected a record sealed under the vault's master key"):
        vault.get(kind, name)


def test_a_file_that_is_no_vault_is_named(vault: Vault, tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "vault.db").write_bytes(b"not a database" * 100)
    with pytest.raises(VaultError, match="broken: expected a vault that can be read and written, found file is not"):
        Vault.open(tmp_path / "broken")


def test_threads_share_a_vault(vault: Vault) -> None:
    def work(number: int) -> bytes | None:
        vault.put("batch", "shared", b"the same")
        vault.put("batch", f"own-{number}", bytes([number]))
        return vault.get("batch", f"own-{number}")

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(24))) == [bytes([number]) for number in range(24)]
    assert len(vault.names("batch")) == 25


WORKER = """
import sys
from pathlib import Path
from verifier.vault import Vault
vault = Vault.open(Path(sys.argv[1]))
for number in range(10):
    vault.put("batch", "shared", b"the same")
    vault.put("batch", sys.argv[2] + "-%d" % number, b"own")
"""


def test_processes_that_start_together_make_one_vault(tmp_path: Path) -> None:
    folder = tmp_path / "vault"
    workers = [subprocess.Popen([sys.executable, "-c", WORKER, folder, name]) for name in "abcd"]
    assert [worker.wait(60) for worker in workers] == [0] * 4
    vault = Vault.open(folder)
    assert len(vault.names("batch")) == 41
    assert all(vault.get("batch", name) in (b"own", b"the same") for name in vault.names("batch"))


DYING = """
import os, signal, sys
from pathlib import Path
from verifier.vault import Vault
vault = Vault.open(Path(sys.argv[1]))
for number in range(30):
    vault.put("batch", "b%02d" % number, b"secret %02d" % number)
    print("b%02d" % number, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_was_acknowledged_outlives_the_process(tmp_path: Path) -> None:
    died = subprocess.run([sys.executable, "-c", DYING, tmp_path / "vault"], capture_output=True, text=True, timeout=60)
    assert died.returncode == -9
    vault = Vault.open(tmp_path / "vault")
    assert vault.names("batch") == died.stdout.split()
    assert vault.get("batch", "b29") == b"secret 29"


@given(st.binary(max_size=60), st.binary(max_size=20), st.data())
def test_the_cipher_opens_only_what_it_sealed(plain: bytes, bound: bytes, data: st.DataObject) -> None:
    sealed = seal(bytes(32), plain, bound)
    at = data.draw(st.integers(0, len(sealed) - 1))
    flipped = sealed[:at] + bytes([sealed[at] ^ 1 << data.draw(st.integers(0, 7))]) + sealed[at + 1 :]
    assert unseal(bytes(32), sealed, bound) == plain
    assert unseal(bytes(32), flipped, bound) is None
    assert unseal(bytes(32), sealed[:at], bound) is None
    assert unseal(bytes(32), sealed, bound + b"x") is None
    assert unseal(bytes([1] * 32), sealed, bound) is None


def test_a_copy_that_ended_half_way_leaves_the_older_one(vault: Vault, tmp_path: Path) -> None:
    copied = tmp_path / "copy" / "vault.db"
    copied.parent.mkdir()
    vault.put("batch", "b1", b"secret one")
    vault.copy(copied)
    before = copied.read_bytes()
    vault.put("batch", "b2", bytes(100_000))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 4096, limits[1]))  # as a full disk would have it
    try:
        with pytest.raises(VaultError):
            vault.copy(copied)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert copied.read_bytes() == before
    vault.copy(copied)
    assert copied.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in copied.parent.iterdir()] == ["vault.db"]
    shutil.copy(vault.folder / "master.key", copied.parent)
    assert Vault.open(copied.parent).names("batch") == ["b1", "b2"]
