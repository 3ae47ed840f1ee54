"""The vault's file: openings sealed under record keys, in SQLite, so that one can be forgotten and stay so.

An opening is sealed under its own key, and that key, wrapped by the master key, stands in a slot of fixed size which
is never moved and, to forget, is overwritten where it stands. The rows themselves cannot be relied on for that: with
`secure_delete` SQLite wipes a deleted row, but not the copies that it left when it moved rows between pages. Such a
copy of a sealed opening may stay on disk; without its key it says nothing, to the holder of the master key either.
What a file system or a flash disk keeps of overwritten blocks is beyond us: hence the master key on another medium.

Names are not sealed: choose ones that say nothing (an id, never a patient's name).
"""

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from nacl.utils import random

from verifier.vault import master as masters
from verifier.vault.errors import VaultConflict, VaultError
from verifier.vault.seal import KEY, seal, unseal

PATIENCE_S = 10.0
SLOT = KEY + 40
CANARY = b"probatum vault v1"

_SETTINGS = ("secure_delete=ON", "synchronous=FULL", "temp_store=MEMORY", "foreign_keys=ON")
_SCHEMA = """
CREATE TABLE IF NOT EXISTS canary (id INTEGER PRIMARY KEY CHECK (id = 1), sealed BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS slot (id INTEGER PRIMARY KEY, wrapped BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS opening (
    kind TEXT NOT NULL, name TEXT NOT NULL, slot INTEGER NOT NULL REFERENCES slot, sealed BLOB NOT NULL,
    PRIMARY KEY (kind, name)) WITHOUT ROWID;
"""


class Vault:
    """Openings by kind and name. Safe between threads and processes (not to be carried over a fork); every method
    raises VaultError where the file is not reached within ten seconds."""

    def __init__(self, folder: Path, master: bytes) -> None:
        """Use `open`."""
        self.folder, self._master = folder, master
        self._local = threading.local()

    @classmethod
    def open(cls, folder: Path, master: Path | None = None) -> Self:
        """The vault in `folder` (made if absent, mode 0700) under the master key in the file `master`, by default
        `master.key` within. An empty vault makes its key. Raises VaultError saying what is wrong with the key."""
        key_file = master or folder / "master.key"
        with _told(folder), _alone(folder):
            file = folder / "vault.db"
            os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))  # SQLite gives its side files the same mode
            connection = _connect(file)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.executescript(_SCHEMA)
            key = _master_of(connection, folder, key_file)
            _wipe(connection)  # what a forgetting cut short left in the write-ahead log
            connection.close()
        return cls(folder, key)

    def put(self, kind: str, name: str, opening: bytes) -> None:
        """Keep an opening; durable on return. The same again changes nothing; another raises VaultConflict."""
        bound = _bound(kind, name)
        with _told(self.folder), self._transaction() as connection:
            known = self._read(connection, kind, name)
            if known is None:
                key = random(KEY)
                wrapped = seal(self._master, key, b"key\0" + bound)
                slot = connection.execute("INSERT INTO slot (wrapped) VALUES (?)", (wrapped,)).lastrowid
                row = (kind, name, slot, seal(key, opening, b"opening\0" + bound))
                connection.execute("INSERT INTO opening VALUES (?, ?, ?, ?)", row)
            elif known != opening:
                found = f"another of {len(known)} bytes; forget that one first"
                raise VaultConflict(f"{kind} {name}", f"no opening, or this one of {len(opening)} bytes", found)

    def get(self, kind: str, name: str) -> bytes | None:
        """An opening; None if there is none, or no longer. Raises VaultError for a record that was altered."""
        _bound(kind, name)
        with _told(self.folder):
            return self._read(self._connection(), kind, name)

    def forget(self, kind: str, name: str) -> bool:
        """Lose an opening and its key for good; whether there was one. On return neither is in the vault's files.

        Raises VaultError if another process kept the log from being emptied: the opening is gone for every reader, but
        call again, until it returns, to have the bytes gone from the file.
        """
        _bound(kind, name)
        with _told(self.folder):
            with self._transaction() as connection:
                found = "SELECT slot FROM opening WHERE kind = ? AND name = ?"
                row = connection.execute(found, (kind, name)).fetchone()
                if row is not None:
                    connection.execute("DELETE FROM opening WHERE kind = ? AND name = ?", (kind, name))
                    # Of the same length, so that SQLite writes it in place.
                    connection.execute("UPDATE slot SET wrapped = ? WHERE id = ?", (bytes(SLOT), row[0]))
            # A crash here leaves old pages in the log; the next `open` or `forget` wipes them.
            if not _wipe(connection):
                raise VaultError(f"{kind} {name}", "the write-ahead log emptied", "a reader holding it; try again")
        return row is not None

    def copy(self, file: Path) -> None:
        """Write all that the vault holds now into a file of mode 0600, whole, sealed as it is: what is forgotten here
        later is still known there. The master key is not in it. Cut short, an older copy stands beside a part."""
        part = file.with_name(f"{file.name}.part")
        with _told(file):
            os.close(os.open(part, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600))
            out = sqlite3.connect(part)
            try:
                self._connection().backup(out)
            finally:
                out.close()
            part.replace(file)

    def names(self, kind: str) -> list[str]:
        """The names of a kind, sorted."""
        with _told(self.folder):
            rows = self._connection().execute("SELECT name FROM opening WHERE kind = ? ORDER BY name", (kind,))
            return [name for (name,) in rows]

    def _read(self, connection: sqlite3.Connection, kind: str, name: str) -> bytes | None:
        query = "SELECT wrapped, sealed FROM opening JOIN slot ON slot.id = slot WHERE kind = ? AND name = ?"
        row = connection.execute(query, (kind, name)).fetchone()
        if row is None:
            return None
        bound = _bound(kind, name)
        key = unseal(self._master, row[0], b"key\0" + bound)
        opening = unseal(key, row[1], b"opening\0" + bound) if key is not None else None
        if opening is None:
            raise VaultError(f"{kind} {name}", "a record sealed under the vault's master key", "an altered one")
        return opening

    def _connection(self) -> sqlite3.Connection:
        """This thread's own."""
        if not hasattr(self._local, "connection"):
            self._local.connection = _connect(self.folder / "vault.db")
        found: sqlite3.Connection = self._local.connection
        return found

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        connection = self._connection()
        connection.execute("BEGIN IMMEDIATE")  # the write lock first: what is read cannot change before the write
        try:
            yield connection
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")


class _Connection(sqlite3.Connection):
    """Closed when its thread ends."""

    def __del__(self) -> None:
        self.close()


def _connect(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        file, timeout=PATIENCE_S, isolation_level=None, factory=_Connection, check_same_thread=False
    )
    for setting in _SETTINGS:
        connection.execute(f"PRAGMA {setting}")
    return connection


def _master_of(connection: sqlite3.Connection, folder: Path, file: Path) -> bytes:
    """The master key, proven to be this vault's by its canary."""
    row = connection.execute("SELECT sealed FROM canary").fetchone()
    if row is None:
        key = masters.load(file) if file.exists() else masters.create(file)
        connection.execute("INSERT INTO canary VALUES (1, ?)", (seal(key, CANARY, b"canary"),))
        return key
    key = masters.load(file)
    if unseal(key, row[0], b"canary") != CANARY:
        raise VaultError(file, f"the master key of the vault in {folder}", "another vault's; put the right file back")
    return key


def _wipe(connection: sqlite3.Connection) -> bool:
    """Move the write-ahead log into the file and empty it; False if a reader prevents it."""
    busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy


def _bound(kind: str, name: str) -> bytes:
    """What a record is sealed to, so that none can be moved under another name."""
    if not kind or not name or "\0" in kind + name:
        raise VaultError(f"{kind!r} {name!r}", "a kind and a name, neither empty nor with a NUL", "another form")
    return f"{kind}\0{name}".encode()


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder while a vault is opened: processes that start together make one key and one schema."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    """Say what SQLite or the file system reports as the vault's own error."""
    try:
        yield
    except (sqlite3.Error, OSError) as fault:
        raise VaultError(folder, "a vault that can be read and written", str(fault)) from fault
