"""With three witnesses that all must cosign: from a statement sent to its receipt, one after another over HTTP; and an
evidence file with their cosignatures checked offline."""

import contextlib
import statistics
import time
from pathlib import Path

import httpx

from benchmarks.figures import Figure
from benchmarks.offline import checked
from benchmarks.registering import statement
from benchmarks.running import house, web
from verifier.node import keyfile
from verifier.web.doors.register import COSE

WITNESSES, SENT = 3, 300
P50_MS, P99_MS = 50, 500


def figures(folder: Path) -> list[Figure]:
    """The median and the worst of a hundred, then the evidence."""
    with house(folder, WITNESSES) as settings, web(settings, "app:create_app") as url, contextlib.ExitStack() as ends:
        client = ends.enter_context(httpx.Client(trust_env=False, timeout=30))
        key = keyfile.load(settings.data / "keys" / "laboratoires-aubrac.key")
        raws = [statement(key, number) for number in range(SENT)]
        taken = []
        for raw in raws:
            begun = time.perf_counter()
            client.post(f"{url}/entries", content=raw, headers={"Content-Type": COSE}).raise_for_status()
            taken.append((time.perf_counter() - begun) * 1e3)
        evidence = checked(settings, url, f"evidence with {WITNESSES} cosignatures, offline")
    hundredths = statistics.quantiles(taken, n=100)
    return [
        Figure("submit to receipt, p50", hundredths[49], "ms", f"{WITNESSES} witnesses", None, f"<= {P50_MS}",
               hundredths[49] <= P50_MS),
        Figure("submit to receipt, p99", hundredths[98], "ms", f"{WITNESSES} witnesses", None, f"<= {P99_MS}",
               hundredths[98] <= P99_MS),
        evidence,
    ]  # fmt: skip
