"""Serials: how fast a batch of a million is issued on one core, and how many bytes each takes in Redis."""

import os
import time
from hashlib import blake2b, sha256
from pathlib import Path

from benchmarks.batches import FIELD, made, weigh
from benchmarks.figures import Figure
from verifier.store.embedded import EmbeddedRedis
from verifier.store.redis import connect

COUNT = 1_000_000


def figures(folder: Path) -> list[Figure]:
    """Drawn, put in order, hashed, sealed; then laid out in Redis and weighed."""
    return issued(folder, COUNT)


def issued(folder: Path, count: int) -> list[Figure]:
    """The figures of one batch of `count`."""
    begun = time.process_time()
    with made(folder / "job", count) as batch:
        rate = count / (time.process_time() - begun)
        bare, size = hashed(), f"10^{len(str(count)) - 1}"
        with EmbeddedRedis(folder) as server:
            client = connect(server.url)
            weight, laid = weigh(client, batch)
            client.close()
    seal = f"tree and sealed manifest, one core; one MAC and two hashes each: {bare:,.0f}/s"
    return [
        Figure(f"serials issued, {size}", rate, "serials/s", seal, rate / bare, ">= 150,000/s", rate >= 150_000),
        Figure(f"serials laid out, {size}", laid, "serials/s", "the manifest opened, checked, in Redis; wall time",
               laid / bare, "shown", None),
        Figure(f"a serial in Redis, {size}", weight, "bytes", f"used_memory; its own characters: {FIELD}",
               weight / FIELD, "<= 20", weight <= 20),
    ]  # fmt: skip


def hashed() -> float:
    """Serials a second that are only hashed as each must be: its MAC, its leaf, and a node above."""
    names, keyed = [os.urandom(13) for _ in range(100_000)], blake2b(key=bytes(32), digest_size=16)
    begun = time.process_time()
    for name in names:
        mac = keyed.copy()
        mac.update(name)
        sha256(sha256(b"\x00" + name + b"\x1f" + mac.digest() + bytes(32)).digest() * 2).digest()
    return len(names) / (time.process_time() - begun)
