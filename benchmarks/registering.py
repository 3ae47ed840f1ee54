"""Registrations a second: signed, admitted, durable, provable; against one durable XADD each on the same Redis."""

import threading
import time
from pathlib import Path

import redis

from benchmarks.figures import Figure, alternate
from benchmarks.running import house
from verifier.node import keyfile, queue
from verifier.statements.envelope import sign
from verifier.statements.product import Product
from verifier.store.redis import connect

CLIENTS, EACH = 64, 12


def figures(folder: Path) -> list[Figure]:
    """64 clients, each waiting for its receipt before it sends again."""
    with house(folder) as settings:
        key = keyfile.load(settings.data / "keys" / "laboratoires-aubrac.key")
        client = connect(settings.redis_url or "")
        made = iter(range(10**9))

        def ours() -> float:
            return _spread(lambda: register(client, key, next(made)))

        def peer() -> float:
            return _spread(lambda: client.xadd("bench:stream", {"x": b"x" * 300}))

        mine, theirs = alternate(ours, peer, 3)
        client.close()
    against = f"one durable XADD each, 64 clients: {theirs:,.0f}/s"
    return [Figure("registrations", mine, "leaves/s", against, mine / theirs, "shown", None)]


def register(client: redis.Redis, key: keyfile.KeyFile, number: int) -> None:
    """One statement, another for each number."""
    body = Product(gtin="09521000000018", name=f"Amoxadine {number}")
    receipt = queue.submit(
        client, sign("product", key.member, body.subject(), int(time.time()), body.encode(), key.seed).raw
    )
    if receipt.status != "registered":
        raise RuntimeError(f"expected a leaf, found {receipt}")


def _spread(work: object) -> float:
    """Calls a second of `work` from CLIENTS threads."""
    assert callable(work)
    threads = [threading.Thread(target=lambda: [work() for _ in range(EACH)]) for _ in range(CLIENTS)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return CLIENTS * EACH / (time.perf_counter() - begun)
