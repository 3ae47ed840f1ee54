"""What a watcher remembers of a log: one SQLite file, about as large as what it may read of it; it goes on from there.

    note         the newest checkpoint whose whole tree is here
    tile         its hashes, as tlog-tiles has them; so that every proof is made from here, whatever the log shows later
    leaf         number, id and bytes; no bytes where they are not for who watches, or were not asked for yet
    about        topic -> leaf: members and keys, a product, a lot, a pack
    issued       pack -> the proof that its serial was issued, once somebody was shown one
    answer       answers heard, the newest; `judged` once the log has grown as far
    convicted    key, lie, identity -> the file that was published

Every change is one transaction, durable on return. What it says was checked by who writes it (node/watcher).
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from verifier.identity import Identity
from verifier.statements import cbor
from verifier.statements.envelope import Statement
from verifier.statements.event import Event
from verifier.statements.kinds import KINDS, body_of
from verifier.statements.serials import SerialProof, from_map, to_map

KEYS = "keys"
_BETWEEN = "\x1f"  # in no GTIN, lot or serial
MOST_ANSWERS, MOST_BESIDE = 10_000, 20
_TABLES = """
CREATE TABLE IF NOT EXISTS note (one INTEGER PRIMARY KEY CHECK (one = 0), size INTEGER NOT NULL, signed BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS tile (level INTEGER, number INTEGER, hashes BLOB NOT NULL, PRIMARY KEY (level, number));
CREATE TABLE IF NOT EXISTS leaf (at INTEGER PRIMARY KEY, id BLOB UNIQUE NOT NULL, raw BLOB, asked INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS unasked ON leaf (at) WHERE asked = 0;
CREATE TABLE IF NOT EXISTS about (topic TEXT, at INTEGER, PRIMARY KEY (topic, at)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS issued (pack TEXT PRIMARY KEY, proof BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS answer (identity TEXT, size INTEGER, raw BLOB UNIQUE NOT NULL, judged INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS beside ON answer (identity, size);
CREATE TABLE IF NOT EXISTS convicted (kid BLOB, code TEXT, identity TEXT, name TEXT NOT NULL,
                                      PRIMARY KEY (kid, code, identity));
"""


class Memory:
    """The memory in `path`, made if it is not there; one watcher at a time. A context manager that closes it."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, timeout=5)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.executescript(_TABLES)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    # --- the tree ---

    @property
    def size(self) -> int:
        """How many leaves are here."""
        return int(self._one("SELECT size FROM note") or 0)

    @property
    def note(self) -> bytes | None:
        """The newest checkpoint whose tree is here; None before the first."""
        value = self._one("SELECT signed FROM note")
        return value if isinstance(value, bytes) else None

    def tile(self, level: int, number: int, width: int) -> bytes:
        """A ReadTile; raises LookupError."""
        value = self._one("SELECT hashes FROM tile WHERE level = ? AND number = ?", level, number)
        if value is None or len(value) < width * 32:
            raise LookupError(f"tile {level}/{number}: expected {width} hashes, found {len(value or b'') // 32}")
        return bytes(value[: width * 32])

    def grow(self, signed: bytes, ids: Sequence[bytes], tiles: Mapping[tuple[int, int], bytes]) -> None:
        """Add leaves, the tiles that they change, and the checkpoint that is true from here on."""
        first = self.size
        with self._change():
            rows = [(level, number, hashes) for (level, number), hashes in tiles.items()]
            self._db.executemany("INSERT OR REPLACE INTO tile VALUES (?, ?, ?)", rows)
            leaves = [(at, one) for at, one in enumerate(ids, first)]
            self._db.executemany("INSERT INTO leaf VALUES (?, ?, NULL, 0)", leaves)
            self._db.execute("INSERT OR REPLACE INTO note VALUES (0, ?, ?)", (first + len(ids), signed))

    # --- the statements ---

    def unasked(self, most: int) -> list[tuple[int, bytes]]:
        """Leaves whose bytes nobody asked for yet: (number, id)."""
        return list(self._db.execute("SELECT at, id FROM leaf WHERE asked = 0 ORDER BY at LIMIT ?", (most,)))

    def ask_again(self) -> None:
        """Ask once more for what was withheld: somebody else is asking now."""
        with self._change():
            self._db.execute("UPDATE leaf SET asked = 0 WHERE raw IS NULL")

    def keep(self, read: Iterable[tuple[int, Statement | None]]) -> None:
        """What came of asking for leaves: their statements, or None where they are withheld."""
        with self._change():
            for at, statement in read:
                raw = statement.raw if statement else None
                self._db.execute("UPDATE leaf SET raw = coalesce(?, raw), asked = 1 WHERE at = ?", (raw, at))
                topics = topics_of(statement) if statement else ()
                self._db.executemany("INSERT OR IGNORE INTO about VALUES (?, ?)", [(topic, at) for topic in topics])

    def leaf_of(self, statement_id: bytes) -> int | None:
        """The number of a leaf; None if there is none with this id."""
        found = self._one("SELECT at FROM leaf WHERE id = ?", statement_id)
        return None if found is None else int(found)

    def withheld(self) -> int:
        """How many leaves' bytes are not for who watches."""
        return int(self._one("SELECT count(*) FROM leaf WHERE raw IS NULL"))

    def leaves(self, topics: Iterable[str], ids: Iterable[bytes]) -> dict[bytes, tuple[int, bytes]]:
        """The statements about any of these topics, and those with these ids: id -> (leaf number, bytes)."""
        found: dict[bytes, tuple[int, bytes]] = {}
        about = "SELECT leaf.id, leaf.at, leaf.raw FROM about JOIN leaf USING (at) WHERE topic = ?"
        for topic in topics:
            found |= {one: (at, raw) for one, at, raw in self._db.execute(about, (topic,))}
        named = "SELECT id, at, raw FROM leaf WHERE id = ? AND raw IS NOT NULL"
        for wanted in ids:
            found |= {one: (at, raw) for one, at, raw in self._db.execute(named, (wanted,))}
        return found

    # --- answers ---

    def hear(self, identity: str, size: int, raw: bytes) -> None:
        """Remember an answer, to be judged; the oldest are let go of."""
        with self._change():
            sql = "INSERT INTO answer VALUES (?, ?, ?, 0) ON CONFLICT (raw) DO UPDATE SET judged = 0"
            self._db.execute(sql, (identity, size, raw))
            last = "SELECT max(rowid) FROM answer"
            self._db.execute(f"DELETE FROM answer WHERE rowid <= ({last}) - ?", (MOST_ANSWERS,))  # noqa: S608

    def to_judge(self) -> list[bytes]:
        """Answers that were not judged yet, as far as the log has grown here."""
        return [
            raw for (raw,) in self._db.execute("SELECT raw FROM answer WHERE judged = 0 AND size <= ?", (self.size,))
        ]

    def judged(self, raw: bytes) -> None:
        """An answer was judged."""
        with self._change():
            self._db.execute("UPDATE answer SET judged = 1 WHERE raw = ?", (raw,))

    def beside(self, identity: str, size: int) -> list[bytes]:
        """The newest answers heard about an identity at a size."""
        sql = "SELECT raw FROM answer WHERE identity = ? AND size = ? ORDER BY rowid DESC LIMIT ?"
        found = self._db.execute(sql, (identity, size, MOST_BESIDE))
        return [raw for (raw,) in found]

    def issued(self, pack: Identity) -> SerialProof | None:
        """The proof that a pack's serial was issued, if one was ever shown."""
        value = self._one("SELECT proof FROM issued WHERE pack = ?", topic_of(pack))
        return None if value is None else from_map(cbor.decode(value))

    def remember_issued(self, pack: Identity, proof: SerialProof) -> None:
        """Keep such a proof."""
        with self._change():
            self._db.execute("INSERT OR IGNORE INTO issued VALUES (?, ?)", (topic_of(pack), cbor.encode(to_map(proof))))

    # --- what to ask about ---

    def leaf_after(self, at: int) -> bytes | None:
        """The first statement that is here from leaf `at` on."""
        found = self._one("SELECT raw FROM leaf WHERE at >= ? AND raw IS NOT NULL ORDER BY at LIMIT 1", at)
        return found if isinstance(found, bytes) else None

    def any_identity(self) -> str | None:
        """An identity that an answer was heard about, drawn at random."""
        found = self._one("SELECT identity FROM answer ORDER BY random() LIMIT 1")
        return found if isinstance(found, str) else None

    # --- convictions ---

    def convicted(self, kid: bytes, code: str, identity: str) -> bool:
        """Whether this lie was published before."""
        sql = "SELECT name FROM convicted WHERE kid = ? AND code = ? AND identity = ?"
        return self._one(sql, kid, code, identity) is not None

    def convict(self, kid: bytes, code: str, identity: str, name: str) -> None:
        """It was published, under this name."""
        with self._change():
            self._db.execute("INSERT OR REPLACE INTO convicted VALUES (?, ?, ?, ?)", (kid, code, identity, name))

    def _change(self) -> "_Change":
        return _Change(self._db)

    def _one(self, sql: str, *values: object) -> Any:
        row = self._db.execute(sql, values).fetchone()
        return None if row is None else row[0]


class _Change:
    """All or nothing."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, *_: object) -> None:
        self._db.execute("COMMIT" if kind is None else "ROLLBACK")


def topic_of(identity: Identity) -> str:
    """The topic of a product, a lot or a pack: as much as the identity names."""
    named = (identity.gtin, identity.batch, identity.serial)
    return _BETWEEN.join(part for part in named if part is not None)


def topics_of(statement: Statement) -> Iterator[str]:
    """What a statement is about, as answers ask for it."""
    if statement.kind not in KINDS:  # of a newer house than this: it is kept, and says nothing here
        return
    body = body_of(statement)
    if statement.kind in ("genesis", "member", "key"):
        yield KEYS
    elif isinstance(body, Event):
        yield from map(topic_of, body.read().packs)
    elif statement.kind == "batch":
        yield _BETWEEN.join((getattr(body, "gtin", ""), getattr(body, "batch", "")))
    elif statement.kind in ("product", "recall"):
        yield str(getattr(body, "gtin", ""))
