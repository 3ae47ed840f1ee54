"""How long a node takes to hash a million leaves again: at boot, before it signs anything, and in `fsck`; and to make
one leaf's proof of inclusion from the store, at three sizes of the ledger.

The ledger is laid straight into the store, as the log keeps it: tiles, ids, leaf numbers, statements. Registering a
million one after the other is another figure. Nothing else is in it: no deposits, no packs. What is told is the wall's
time; Python's hashing and reading share one core, and Redis works on another: the processor time of each stands beside.
"""

import random
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import redis

from benchmarks.figures import Figure
from verifier import demo
from verifier.commands import fsck as command
from verifier.commands.node import keys_of
from verifier.ledger import checkpoint as notes
from verifier.ledger.checkpoint import Checkpoint
from verifier.ledger.merkle import leaf_hash
from verifier.ledger.tiles import grow
from verifier.node import boot, highwater
from verifier.settings import Settings
from verifier.store import layout
from verifier.store.embedded import EmbeddedRedis
from verifier.store.log import LogStore
from verifier.store.redis import connect
from verifier.web.desk import policy_of

MILLION = 1_000_000
BOOT_S, FSCK_S = 5.0, 10.0
PROOFS, PROOF_MS = 400, 2.0
SIZES = (2216, 300, 300, 300)
"""Bytes of the statements, in turn: in the demo world every fourth is an event, and these are the medians."""
RUN = 4096


def figures(folder: Path) -> list[Figure]:
    """Boot check and fsck of 10^6 leaves."""
    settings = Settings(data=folder)
    demo.prepare(settings)
    with EmbeddedRedis(folder) as server:
        client, settings = connect(server.url), replace(settings, redis_url=server.url)
        lay(client, settings, MILLION)
        policy, mark = policy_of(folder), highwater.read(folder / "node" / "high-water")
        rows = [_figure("boot check of 10^6 leaves", BOOT_S, client, lambda: boot.verify(client, policy, mark))]
        rows.append(_figure("fsck of 10^6 leaves", FSCK_S, client, lambda: _whole(settings, client)))
        rows += _proofs(client)
        client.close()
    return rows


def _proofs(client: redis.Redis) -> list[Figure]:
    """Leaves at random, nothing remembered from one to the next; the median, and how it grows beside the logarithm."""
    chance, first, rows = random.Random(1), 0.0, []
    for power in (4, 5, 6):
        size, taken = 10**power, []
        for _ in range(PROOFS):
            log, leaf, begun = LogStore(client), chance.randrange(size), time.perf_counter()
            log.path(leaf, size)
            taken.append((time.perf_counter() - begun) * 1e3)
        p50, p95 = statistics.median(taken), statistics.quantiles(taken, n=20)[18]
        first = first or p50
        met = p50 < PROOF_MS and p50 / first <= power / 4
        rows.append(
            Figure(f"proof at 10^{power} leaves, p50", p50, "ms", f"p95: {p95:.2f} ms", p50 / first,
                   f"< {PROOF_MS:.0f}, log", met)
        )  # fmt: skip
    return rows


def lay(client: redis.Redis, settings: Settings, size: int) -> None:
    """A ledger of `size` leaves, published, projected and marked, though nothing of it was ever said by anybody."""
    ids: list[bytes] = []
    for start in range(0, size, RUN):
        numbers = range(start, min(start + RUN, size))
        raws = [(b"%d" % number).ljust(SIZES[number % len(SIZES)], b"\0") for number in numbers]
        part = [sha256(raw).digest() for raw in raws]
        values = {layout.body(one): raw for one, raw in zip(part, raws, strict=True)}
        values |= {layout.index(one): number.to_bytes(8, "big") for number, one in enumerate(part, start)}
        client.mset(values)
        ids += part
    tiles, root = grow(0, [leaf_hash(one) for one in ids], lambda *_: b"")
    values = {layout.tile(*where): content for where, content in tiles.items()}
    values |= {layout.entries(at // 256): b"".join(ids[at : at + 256]) for at in range(0, size, 256)}
    note = notes.sign(Checkpoint(policy_of(settings.data).log.name, size, root), keys_of(settings.data).log)
    client.mset(values | {layout.CHECKPOINT: note, layout.PROJECTED: size.to_bytes(8, "big")})
    highwater.write(settings.data / "node" / "high-water", note)


def _whole(settings: Settings, client: redis.Redis) -> None:
    faults = command.look(settings, client)
    assert not faults, faults


def _figure(name: str, aim_s: float, client: redis.Redis, work: Callable[[], object]) -> Figure:
    wall, ours, its = time.perf_counter(), time.process_time(), _busy(client)
    work()
    took = time.perf_counter() - wall
    against = f"processor: Python {time.process_time() - ours:.1f} s, Redis {_busy(client) - its:.1f} s"
    return Figure(name, took, "s", against, None, f"< {aim_s:.0f}", took < aim_s)


def _busy(client: redis.Redis) -> float:
    """The processor time of the server so far, in seconds."""
    told = client.info("cpu")
    return float(told["used_cpu_user"]) + float(told["used_cpu_sys"])
