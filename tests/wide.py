"""A ledger of three leaf tiles, two of them full, behind the real doors: what tests of the log and its auditor read.

Real statements through a real sequencer; nobody adds to it afterwards.
"""

from pathlib import Path
from typing import Self

from flask import Flask
from registry import Registry

from verifier import web
from verifier.ledger import checkpoint as notes
from verifier.ledger.checkpoint import Checkpoint
from verifier.node.sequencer import BATCH
from verifier.store.log import LogStore
from verifier.store.redis import connect
from verifier.verdict.trust import Trust
from verifier.web.desk import Desk, trust_of

LEAVES = 600


class Wide:
    """Use as a context manager; `app` are the doors, `log` the store behind them, `early` an older checkpoint."""

    def __init__(self, data: Path, redis_url: str) -> None:
        self.registry = Registry(data, connect(redis_url))
        sequencer = self.registry.sequencer()
        raws = [*self.registry.story(), *(self.registry.product(number) for number in range(2, LEAVES))]
        self.early = b""
        for start in range(0, len(raws), BATCH):
            receipts = sequencer.register(raws[start : start + BATCH])
            assert {receipt.status for receipt in receipts} <= {"registered", "disputed"}
            self.early = self.early or sequencer.note or b""
        self.size, self.note = sequencer.head.size, sequencer.note or b""
        sequencer.lease.drop()
        self.app = Flask("verifier.web", static_folder="static", template_folder="templates")
        web.wire(self.app, Desk(self.registry.settings, self.registry.client, lambda: self.registry.now))
        self.http, self.log = self.app.test_client(), LogStore(self.registry.client)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.registry.client.close()

    @property
    def head(self) -> Checkpoint:
        """The published checkpoint."""
        return notes.open(self.note, self.registry.policy)

    @property
    def trust(self) -> Trust:
        """What an auditor of this ledger knows beforehand."""
        return trust_of(self.registry.settings.data)
