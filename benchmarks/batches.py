"""A batch to measure with: made as `issue` makes it, laid out as a node does it, and what it weighs."""

import contextlib
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import redis

from verifier.commands.issuing import Lot, collect, seal
from verifier.commands.job import Job
from verifier.node.keyfile import KeyFile
from verifier.statements import growing, manifest, numbering
from verifier.statements.batch import Batch
from verifier.statements.envelope import read
from verifier.store.projection import Opened, lay_out

LOT = Lot("09521000000018", "BENCH", "301231", ("FR",))
FIELD = 12
"""Characters of a serial here: what the design's figure of 18.7 bytes was measured with."""


@dataclass(frozen=True, slots=True)
class Made:
    """A batch, its secret and its manifest's file."""

    body: Batch
    secret: bytes
    manifest: Path


@contextlib.contextmanager
def made(folder: Path, count: int) -> Iterator[Made]:
    """A batch of `count` serials of FIELD characters, signed; its files are gone afterwards."""
    with Job.begin(folder, {}, int(time.time())) as job:
        collect(job, lambda: growing.checked(drawn(count)), quiet=True)
        seal(job, KeyFile("bench", bytes(32)), LOT, count, quiet=True)
        body = Batch.decode(read(job.read("statement")).payload)
        yield Made(body, job.read("secret"), job.path("manifest"))
        job.remove()


def drawn(count: int) -> Iterator[bytes]:
    """Serials shorter than those that `issue` draws."""
    return (serial[:FIELD] for serial in numbering.generate(count, os.urandom))


class Writer:
    """Writes as a lease does, without one."""

    def __init__(self, client: redis.Redis) -> None:
        self.client = client

    def put(self, values: Mapping[bytes, bytes]) -> None:
        """Set keys."""
        self.client.mset(dict(values))

    def write(self, key: bytes, offset: int, part: bytes) -> None:
        """Write a part of a value."""
        self.client.setrange(key, offset, part)

    def remove(self, keys: Iterable[bytes]) -> None:
        """Remove keys."""
        self.client.unlink(*keys)

    def keep(self) -> None:
        """Nothing to keep."""


def weigh(client: redis.Redis, batch: Made) -> tuple[float, float]:
    """Lay a batch out; the bytes of each serial in Redis, and serials a second of wall time."""
    before, begun = _used(client), time.perf_counter()
    with batch.manifest.open("rb") as file:
        pieces = iter(lambda: file.read(1 << 16), b"")
        opened = Opened(batch.secret, manifest.decrypt(pieces, batch.secret))
        count = sum(lay_out(batch.body, opened, Writer(client)))
    rate = count / (time.perf_counter() - begun)
    return (_used(client) - before) / count, rate


def _used(client: redis.Redis) -> int:
    return int(client.info("memory")["used_memory"])
