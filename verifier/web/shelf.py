"""The catalogues in force, open on this worker: what a GTIN is called where no maker registered it.

A file is read through once, to see that it is the one whose hash an authority signed; after that a GTIN is found in it
by halving, in memory that all workers share (mmap): 21,000 rows cost 4 ms once, no start-up and no memory of our own.
"""

import logging
import mmap
from collections.abc import Callable
from hashlib import file_digest
from pathlib import Path

import redis

from verifier.state import catalogues
from verifier.state.keys import CatalogueRecord
from verifier.state.replay import Projected
from verifier.statements import catalogue_rows
from verifier.statements.catalogue import Catalogue
from verifier.statements.envelope import read
from verifier.statements.errors import StatementError
from verifier.statements.kinds import body_of
from verifier.statements.roster import signer
from verifier.store import deposits
from verifier.store.projection import read_names, reader
from verifier.verdict.beside import Information

log = logging.getLogger("probatum.web")
Leaf = Callable[[bytes], tuple[int, bytes] | None]


class Shelf:
    """`leaf` gives a registered statement by its id; `folder` holds the deposits."""

    def __init__(self, client: redis.Redis, leaf: Leaf, folder: Path) -> None:
        self.client, self.leaf, self.folder = client, leaf, folder
        self._opened: dict[bytes, tuple[Catalogue, mmap.mmap] | None] = {}

    def find(self, gtin: str) -> Information | None:
        """What the newest catalogue that knows a GTIN says of it; None where its maker has registered it, which is for
        its maker to name."""
        names = read_names(self.client, [("product", gtin), catalogues.NAME])
        standing = catalogues.records(names[catalogues.NAME])
        for replaced in self._opened.keys() - {record.id for record in standing}:
            self._opened.pop(replaced, None)
        for record in standing if names["product", gtin] is None else ():
            if (opened := self._open(record)) is None:
                continue
            if row := catalogue_rows.find(opened[1], gtin):
                body, form, contents = opened[0], row.form or None, row.contents or None
                return Information(row.name, form, None, None, "catalogue", body.name, body.published, contents)
        return None

    def _open(self, record: CatalogueRecord) -> tuple[Catalogue, mmap.mmap] | None:
        """A catalogue's statement and its rows, checked once; None where one of them is not here or not as signed."""
        if record.id not in self._opened:
            if not deposits.exists(self.folder, record.rows.hex()):
                return None  # it may arrive yet
            self._opened[record.id] = self._checked(record)
        return self._opened[record.id]

    def _checked(self, record: CatalogueRecord) -> tuple[Catalogue, mmap.mmap] | None:
        leaf = self.leaf(record.id)
        try:
            statement = read(leaf[1]) if leaf else None
            if leaf is None or statement is None:
                return None
            signer(statement, leaf[0], Projected(reader(self.client)))
            body = body_of(statement)
        except StatementError:
            return None
        with deposits.path_of(self.folder, record.rows.hex()).open("rb") as file:
            if not isinstance(body, Catalogue) or file_digest(file, "sha256").digest() != body.rows:
                log.error("catalogue %s: its rows are not those signed; none is shown", record.source)
                return None
            return body, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
