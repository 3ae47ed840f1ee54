"""Registrations a second over HTTP: signed, admitted, durable, integrated, provable. Against one durable XADD after
another on the same Redis, and against the durable append of pymerkle's tree in SQLite, one by one, on the same disk."""

import contextlib
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count, islice
from pathlib import Path

import redis
from pymerkle import SqliteTree

from benchmarks import load
from benchmarks.figures import Figure, alternate
from benchmarks.running import house, web
from verifier.node import keyfile, queue
from verifier.statements import cbor
from verifier.statements.envelope import sign
from verifier.statements.product import Product
from verifier.store.redis import connect
from verifier.web.doors.register import CBOR, COSE, MANY

CLIENTS, EACH = 64, 12
SENDERS, SENDINGS = 4, 16
PEER = 200
ENTRY = b"x" * 300  # as long as a statement
AIM, TIMES = 5_000, 10
ROUNDS = 3


def figures(folder: Path) -> list[Figure]:
    """One by one from 64 clients, each waiting for its receipt; and by four senders, 256 statements a request."""
    with house(folder) as settings, web(settings, "app:create_app") as url, contextlib.ExitStack() as ends:
        key = keyfile.load(settings.data / "keys" / "laboratoires-aubrac.key")
        client = connect(settings.redis_url or "")
        ends.callback(client.close)
        tree = SqliteTree(str(folder / "pymerkle.db"), algorithm="sha256")
        ends.callback(tree.close)
        made = (statement(key, number) for number in count())
        xadd = partial(_each, lambda: client.xadd("bench:stream", {"x": ENTRY}))
        append = partial(_each, lambda: tree.append_entry(ENTRY))
        one, by_xadd = alternate(partial(_one_by_one, url, made), xadd, ROUNDS)
        many, by_pymerkle = alternate(partial(_many, url, made), append, ROUNDS)
    against = f"one durable XADD after another: {by_xadd:,.0f}/s"
    tree_row = f"pymerkle's durable append: {by_pymerkle:,.0f}/s"
    return [
        Figure("registrations, one by one", one, "leaves/s", against, one / by_xadd, "shown", None),
        Figure("registrations, 256 a request", many, "leaves/s", against, many / by_xadd, f">= {AIM}", many >= AIM),
        Figure(
            "the same against pymerkle", many, "leaves/s", tree_row, many / by_pymerkle, f">= {TIMES} times",
            many >= TIMES * by_pymerkle,
        ),
    ]  # fmt: skip


def statement(key: keyfile.KeyFile, number: int) -> bytes:
    """A maker's statement, another for each number."""
    body = Product(gtin="09521000000018", name=f"Amoxadine {number}")
    return sign("product", key.member, body.subject(), int(time.time()), body.encode(), key.seed).raw


def register(client: redis.Redis, key: keyfile.KeyFile, number: int) -> None:
    """Make a leaf of it, past the doors."""
    receipt = queue.submit(client, statement(key, number))
    if receipt.status != "registered":
        raise RuntimeError(f"expected a leaf, found {receipt}")


def _one_by_one(url: str, made: Iterator[bytes]) -> float:
    sent = [load.request("POST", "/entries", raw, COSE) for raw in islice(made, CLIENTS * EACH)]
    return load.rate(url, sent, len(sent), CLIENTS)


def _many(url: str, made: Iterator[bytes]) -> float:
    arrays = [cbor.encode(list(islice(made, MANY))) for _ in range(SENDERS * SENDINGS)]
    sent = [load.request("POST", "/entries/many", array, CBOR) for array in arrays]
    return load.rate(url, sent, len(sent), SENDERS) * MANY


def _each(work: Callable[[], object]) -> float:
    """Calls a second, one after another."""
    begun = time.perf_counter()
    for _ in range(PEER):
        work()
    return PEER / (time.perf_counter() - begun)
