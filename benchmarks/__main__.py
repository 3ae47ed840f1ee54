"""`make bench`: every figure in turn, on a Redis of its own. `python -m benchmarks scan serials` runs some."""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks import offline, registering, scanning, serials, signing
from benchmarks.figures import Figure, show

PARTS: dict[str, Callable[[Path], list[Figure]]] = {
    "scan": scanning.figures,
    "serials": serials.figures,
    "sign": signing.figures,
    "register": registering.figures,
    "offline": offline.figures,
}


def main(names: list[str]) -> None:
    """Run the named parts, or all."""
    unknown = set(names) - set(PARTS)
    if unknown:
        sys.exit(f"expected some of {', '.join(PARTS)}, found {', '.join(sorted(unknown))}")
    rows: list[Figure] = []
    for name in names or PARTS:
        print(f"measuring: {name}", flush=True)
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            rows += PARTS[name](Path(folder))
    show(rows, Path("var"))


main(sys.argv[1:])
