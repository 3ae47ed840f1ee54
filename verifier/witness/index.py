"""Which leaf a statement is, what was not shown, and what is still lacking: SQLite beside the mirror, derived from it.

Nothing here is believed: an index that is behind, ahead or damaged is made anew from the mirror's own files.
"""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from verifier.ledger.tiles import WIDTH, width_of
from verifier.node.copying import Leaf, held_leaf
from verifier.node.mirror import Mirror

SCHEMA = """
CREATE TABLE IF NOT EXISTS leaves (id BLOB PRIMARY KEY, leaf INTEGER NOT NULL UNIQUE, kind TEXT) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS withheld ON leaves (leaf) WHERE kind IS NULL;
CREATE INDEX IF NOT EXISTS enrolment ON leaves (leaf) WHERE kind IN ('genesis', 'member', 'key');
CREATE TABLE IF NOT EXISTS lacking (entry BLOB, digest BLOB, PRIMARY KEY (entry, digest)) WITHOUT ROWID;
"""


class Index:
    """The index in the file `path`. Safe between threads."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._base = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._base.execute("PRAGMA journal_mode = WAL")
        self._base.execute("PRAGMA synchronous = NORMAL")  # what a crash takes is made again
        self._base.executescript(SCHEMA)

    @classmethod
    def of(cls, path: Path, mirror: Mirror) -> Self:
        """The index of a mirror, brought up to it, or made anew."""
        try:
            found = cls(path)
            found.follow(mirror)
        except (sqlite3.DatabaseError, LookupError):
            for part in path.parent.glob(f"{path.name}*"):
                part.unlink()
            found = cls(path)
            found.follow(mirror)
        return found

    def follow(self, mirror: Mirror) -> None:
        """Bring it up to what the mirror holds; raises LookupError where the mirror lacks what it should have."""
        size = mirror.size
        with self._writing() as base:
            base.execute("DELETE FROM leaves WHERE leaf >= ?", (size,))
        known = len(self)
        for number in range(known // WIDTH, -(-size // WIDTH)):
            ids = enumerate(mirror.ids(number, width_of(0, number, size)), number * WIDTH)
            self.keep([held_leaf(mirror, index, one) for index, one in ids if index >= known])

    def keep(self, leaves: Sequence[Leaf]) -> None:
        """Know these leaves, all or none, and what of them is lacking."""
        rows = [(one.id, one.index, one.statement.kind if one.statement else None) for one in leaves]
        lacking = [(one.id, digest) for one in leaves for digest in one.lacking]
        with self._writing() as base:
            base.executemany("INSERT OR REPLACE INTO leaves (id, leaf, kind) VALUES (?, ?, ?)", rows)
            base.executemany("DELETE FROM lacking WHERE entry = ?", [(one.id,) for one in leaves])
            base.executemany("INSERT OR IGNORE INTO lacking (entry, digest) VALUES (?, ?)", lacking)

    def __len__(self) -> int:
        """How many leaves it knows: the first so many."""
        return int(self._ask("SELECT coalesce(max(leaf) + 1, 0) FROM leaves")[0][0])

    def leaf(self, one: bytes) -> int | None:
        """The leaf of a statement id."""
        found = self._ask("SELECT leaf FROM leaves WHERE id = ?", one)
        return int(found[0][0]) if found else None

    def withheld(self, after: int, limit: int) -> list[tuple[int, bytes]]:
        """The first leaves after leaf `after` whose statements were not shown."""
        query = "SELECT leaf, id FROM leaves WHERE kind IS NULL AND leaf > ? ORDER BY leaf LIMIT ?"
        return self._ask(query, after, limit)

    def lacking(self, limit: int) -> list[tuple[int, bytes]]:
        """The first leaves of which deposits are lacking."""
        return self._ask("SELECT DISTINCT l.leaf, l.id FROM lacking JOIN leaves l ON l.id = entry LIMIT ?", limit)

    def counts(self) -> dict[str, int]:
        """How many statements were not shown, and how many deposits are lacking."""
        queries = {
            "withheld": "SELECT count(*), x'' FROM leaves WHERE kind IS NULL",
            "lacking": "SELECT count(*), x'' FROM lacking",
        }
        return {name: self._ask(query)[0][0] for name, query in queries.items()}

    def enrolment(self) -> list[tuple[int, bytes]]:
        """Every leaf that says who is who."""
        return self._ask("SELECT leaf, id FROM leaves WHERE kind IN ('genesis', 'member', 'key') ORDER BY leaf")

    def close(self) -> None:
        """Give the file back."""
        self._base.close()

    def _ask(self, query: str, *values: object) -> list[tuple[int, bytes]]:
        with self._lock:
            return self._base.execute(query, values).fetchall()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._base.execute("BEGIN IMMEDIATE")
            try:
                yield self._base
            except BaseException:
                self._base.execute("ROLLBACK")
                raise
            self._base.execute("COMMIT")
