"""`make bench`: every figure in turn, on a Redis of its own. `python -m benchmarks scan serials` runs some of them;
`python -m benchmarks millions`, which takes some minutes, runs only so."""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks import flat, keeping, offline, registering, scanning, serials, signing, witnessed
from benchmarks.figures import Figure, show

PARTS: dict[str, Callable[[Path], list[Figure]]] = {
    "scan": scanning.figures,
    "serials": serials.figures,
    "sign": signing.figures,
    "register": registering.figures,
    "offline": offline.figures,
    "witnessed": witnessed.figures,
    "flat": flat.figures,
    "keep": keeping.figures,
}
LONG: dict[str, Callable[[Path], list[Figure]]] = {"millions": flat.millions}
"""Run only when named: some minutes, and 2 GB of disk and memory."""


def main(names: list[str]) -> None:
    """Run the named parts, or all but the long ones."""
    unknown = set(names) - set(PARTS | LONG)
    if unknown:
        sys.exit(f"expected some of {', '.join(PARTS | LONG)}, found {', '.join(sorted(unknown))}")
    rows: list[Figure] = []
    for name in names or PARTS:
        print(f"measuring: {name}", flush=True)
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            rows += (PARTS | LONG)[name](Path(folder))
    show(rows, Path("var"))


main(sys.argv[1:])
