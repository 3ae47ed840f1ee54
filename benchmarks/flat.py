"""Flat: what a scan costs, and what memory an issue takes, whatever the size of the batch and of the store.

Batches are issued by the real command to a real server; `millions` goes to 10^7 and takes some minutes.
"""

import itertools
import json
import os
import random
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import redis

from benchmarks import load
from benchmarks.cold import forget
from benchmarks.figures import Figure
from benchmarks.registering import register
from benchmarks.running import house, web
from verifier.commands.issuing import Lot, identity_of
from verifier.commands.serve import environment
from verifier.commands.spill import each
from verifier.identity import Identity
from verifier.node import keyfile
from verifier.settings import ROOT, Settings
from verifier.store.redis import connect
from verifier.web.desk import Desk

GTIN, EXPIRY = "09521000000018", "301231"
FEW = 10_000
SAMPLE, ROUNDS, REQUESTS = 300, 5, 1200


def figures(folder: Path) -> list[Figure]:
    """To a million."""
    return _figures(folder, (FEW, 100_000, 1_000_000), 0)


def millions(folder: Path) -> list[Figure]:
    """To ten million in one batch, and ten batches of a million in the same store."""
    return _figures(folder, (FEW, 100_000, 1_000_000, 10_000_000), 10)


def _figures(folder: Path, sizes: Sequence[int], more: int) -> list[Figure]:
    rows: list[Figure] = []
    packs: dict[str, list[Identity]] = {}
    with house(folder) as settings, web(settings, "app:create_app") as url:
        client = connect(settings.redis_url or "")
        peaks: dict[int, tuple[int, int]] = {}
        for size in sizes:
            before = int(client.info("memory")["used_memory"])
            seconds, peak = _issue(settings, url, f"B{size}", size)
            weight = (int(client.info("memory")["used_memory"]) - before) / size
            peaks[size] = peak, _highest(_node())
            packs[_power(size)] = _sample(settings, f"B{size}", size)
            rows += _issued(size, seconds, weight, peaks, 100_000)
        for number in range(more):
            _issue(settings, url, f"M{number}", 1_000_000)
        if more:
            packs[f"{more} x 10^6"] = [
                pack for number in range(more) for pack in _sample(settings, f"M{number}", 1_000_000)[::more]
            ]
        rows += _meanwhile(settings, url, client)
        client.close()
        return rows + _scanned(settings, packs) + _served(url, packs)


def _issued(size: int, seconds: float, weight: float, peaks: dict[int, tuple[int, int]], unit: int) -> list[Figure]:
    """What one issue took; memory against that of `unit` serials."""
    if size < unit:
        return []
    name, (peak, node) = _power(size), peaks[size]
    least, least_node = peaks[unit]
    return [
        Figure(f"issue of {name}, registered", size / seconds, "serials/s", f"{seconds:,.1f} s from the command line",
               None, "shown", None),
        Figure(f"issue of {name}, peak memory", peak / 1024, "MiB", f"of {_power(unit)}: {least / 1024:,.0f} MiB",
               peak / least, "<= 1.3", peak <= 1.3 * least),
        Figure(f"node after {name}, peak memory", node / 1024, "MiB", f"after {_power(unit)}: {least_node / 1024:,.0f}",
               node / least_node, "<= 1.3", node <= 1.3 * least_node),
        Figure(f"a serial of {name} in Redis", weight, "bytes", "used_memory; its own characters: 13",
               weight / 13, "<= 20", weight <= 20),
    ]  # fmt: skip


def _meanwhile(settings: Settings, url: str, client: redis.Redis) -> list[Figure]:
    """How long one registration takes while a batch of a million is issued and laid out, and while nothing else is."""
    key = keyfile.load(settings.data / "keys" / "laboratoires-aubrac.key")
    numbers = itertools.count()

    def once() -> float:
        begun = time.perf_counter()
        register(client, key, next(numbers))
        return time.perf_counter() - begun

    alone = statistics.median(once() for _ in range(200))
    child, took = _start(settings, url, "MEANWHILE", 1_000_000), [0.0]
    while os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        took.append(once())
    _, status, _ = os.wait4(child, 0)
    assert status == 0
    against = f"alone, median: {alone * 1e3:.1f} ms; a door waits 8,000"
    return [Figure("slowest registration beside 10^6", max(took) * 1e3, "ms", against, max(took) / alone, "<= 1,000 ms",
                   max(took) <= 1)]  # fmt: skip


def _scanned(settings: Settings, packs: dict[str, list[Identity]]) -> list[Figure]:
    """Gather and judge, nothing remembered from one scan to the next; all sizes in turn."""
    desk = Desk(settings, connect(settings.redis_url or ""), lambda: int(time.time()))
    took: dict[str, list[float]] = {name: [] for name in packs}
    for turn in range(ROUNDS * SAMPLE):
        for name, sample in packs.items():
            text = sample[turn % len(sample)].digital_link()
            forget(desk)
            begun = time.perf_counter()
            found = desk.check_text(text, None, "en")
            took[name].append(time.perf_counter() - begun)
            assert found["outcome"] == "genuine", found
    desk.client.close()
    medians = {name: statistics.median(times) for name, times in took.items()}
    few = medians[_power(FEW)]
    return [
        Figure(f"scan in {name}, cold", median * 1e6, "us", f"in {_power(FEW)}: {few * 1e6:,.0f} us", median / few,
               "<= 1.3", median <= 1.3 * few)
        for name, median in medians.items()
    ]  # fmt: skip


def _served(url: str, packs: dict[str, list[Identity]]) -> list[Figure]:
    """The same over HTTP, as the server remembers."""
    requests = {
        name: [load.request("POST", "/api/scan", json.dumps({"text": pack.digital_link()}).encode()) for pack in sample]
        for name, sample in packs.items()
    }
    rates: dict[str, list[float]] = {name: [] for name in packs}
    for _ in range(ROUNDS):
        for name, wanted in requests.items():
            rates[name].append(load.rate(url, wanted, REQUESTS))
    medians = {name: statistics.median(found) for name, found in rates.items()}
    few = medians[_power(FEW)]
    return [
        Figure(f"scan in {name}, HTTP", rate, "scans/s", f"in {_power(FEW)}: {few:,.0f}/s", few / rate, "<= 1.3",
               few <= 1.3 * rate)
        for name, rate in medians.items()
    ]  # fmt: skip


def _issue(settings: Settings, url: str, batch: str, size: int) -> tuple[float, int]:
    """Issue a batch by the command; seconds, and its peak resident memory in KiB (getrusage(2))."""
    begun = time.perf_counter()
    child = _start(settings, url, batch, size)
    _, status, usage = os.wait4(child, 0)
    if status:
        raise RuntimeError(f"issue of {size}: expected to end well, found status {status}")
    return time.perf_counter() - begun, usage.ru_maxrss


def _start(settings: Settings, url: str, batch: str, size: int) -> int:
    """The process id of an issue just begun."""
    argv = [sys.executable, "-m", "verifier", "issue", "--gtin", GTIN, "--batch", batch, "--expiry", EXPIRY]
    argv += ["--serials", str(size), "--server", url]
    return os.posix_spawn(argv[0], argv, {**os.environ, **environment(settings), "PYTHONPATH": str(ROOT)})


def _sample(settings: Settings, batch: str, size: int) -> list[Identity]:
    """Some packs of a batch, from all over it."""
    kept = settings.data / "issued" / GTIN / f"{batch}.serials"
    chosen = set(random.Random(size).sample(range(size), SAMPLE))
    lot = Lot(GTIN, batch, EXPIRY, ("FR",))
    return [identity_of(lot, serial.decode()) for at, serial in enumerate(each(kept)) if at in chosen]


def _node() -> int:
    """The process id of the node that `house` started."""
    children = Path("/proc/self/task").glob("*/children")
    pids = [int(pid) for file in children for pid in file.read_text().split()]
    return next(pid for pid in pids if b"verifier\0node" in Path(f"/proc/{pid}/cmdline").read_bytes())


def _highest(pid: int) -> int:
    """The peak resident memory of a process, in KiB (proc_pid_status(5))."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def _power(size: int) -> str:
    return f"10^{len(str(size)) - 1}"
