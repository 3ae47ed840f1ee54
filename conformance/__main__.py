"""`make conformance`: judge everything, print the counts and each differing row, exit 1 on one that nothing argues.

Exit: 0 all agree or are argued, 1 a difference without an argument or a row dropped, 2 no vectors.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from conformance import arguments, report
from conformance.report import Result
from conformance.rows import Source
from conformance.sets import PHOTOS, SOURCES
from verifier.settings import ROOT

ARGUED = ROOT / "docs" / "conformance.md"


def sources(folder: Path) -> Iterator[Source]:
    """The sets that are there."""
    yield from (source for source in SOURCES if (folder / source.place).exists())
    yield from (PHOTOS(place) for place in sorted((folder / "photos").glob("*")) if place.is_dir())


def judge(folder: Path) -> list[Result]:
    """Every set below `folder`, in the order of the table."""
    argued = arguments.parse(ARGUED.read_text("utf-8"))
    return [report.run(source, folder / source.place, argued) for source in sources(folder)]


def main() -> None:
    """Run on PROBATUM_VECTORS, or ../shared."""
    folder = Path(os.environ.get("PROBATUM_VECTORS") or ROOT.parent / "shared").absolute()
    if not (folder / "vectors").is_dir():
        print(f"PROBATUM_VECTORS: expected a folder with vectors/ and photos/, found {folder}", file=sys.stderr)
        sys.exit(2)
    results = judge(folder)
    told = report.faults(results)
    print(report.differing(results), report.table(results), sep="\n\n")
    file = ROOT / "var" / "conformance.json"
    report.write(results, file)
    print(f"\nwritten to {file.relative_to(ROOT)}")
    if told:
        print("\nwithout an argument in docs/conformance.md:", *told, sep="\n  ", file=sys.stderr)
    sys.exit(1 if told else 0)


if __name__ == "__main__":
    main()
