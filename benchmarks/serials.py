"""Serials: how fast a batch of a million is issued on one core, and how many bytes each takes in Redis."""

import os
import time
from pathlib import Path

from benchmarks.figures import Figure
from verifier.statements import manifest, serials
from verifier.store.embedded import EmbeddedRedis
from verifier.store.projection import write_buckets
from verifier.store.redis import connect

COUNT = 1_000_000


def figures(folder: Path) -> list[Figure]:
    """Draw, hash, seal; then lay out in Redis and weigh."""
    secret = bytes(range(32))
    names = [b"%012X" % int.from_bytes(os.urandom(6), "big") for _ in range(COUNT)]
    names = list(dict.fromkeys(names))
    begun = time.process_time()
    tree = serials.build(names, secret)
    sealed = sum(map(len, manifest.encrypt((s for bucket in tree.buckets for s in bucket), secret, os.urandom(24))))
    rate = len(names) / (time.process_time() - begun)
    with EmbeddedRedis(folder) as server:
        client = connect(server.url)
        before = int(client.info("memory")["used_memory"])
        write_buckets(client.mset, "09521000000018", "BENCH", tree)
        after = int(client.info("memory")["used_memory"])
        client.close()
    weight = (after - before) / len(names)
    seal = f"tree and sealed manifest ({sealed / len(names):.1f} bytes each), one core"
    return [
        Figure("serials issued", rate, "serials/s", seal, rate / 150_000, ">= 150,000", rate >= 150_000),
        Figure(
            "a serial in Redis", weight, "bytes", "used_memory, 12 characters, 10^6", weight / 20, "<= 20", weight <= 20
        ),
    ]
