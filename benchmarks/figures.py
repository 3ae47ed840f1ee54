"""What a figure is, and how figures are shown: a table, and rows of var/bench.json. No measuring here."""

import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Figure:
    """One row. `ratio` is ours over the peer's (or over the aim's scale); `met` compares it with `aim`."""

    figure: str
    value: float
    unit: str
    against: str
    ratio: float | None
    aim: str
    met: bool | None


def alternate(ours: Callable[[], float], peer: Callable[[], float], times: int = 5) -> tuple[float, float]:
    """The medians of two measures taken in turn, so that what else the machine does meets both."""
    pairs = [(ours(), peer()) for _ in range(times)]
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs)


def show(figures: Sequence[Figure], folder: Path) -> None:
    """Print the table and write bench.json."""
    width = max(len(row.figure) for row in figures)
    print(f"\n{'figure':{width}}  {'value':>12}  {'unit':12}  {'ratio':>7}  {'aim':>14}  met   against")
    for row in figures:
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        met = "" if row.met is None else "yes" if row.met else "NO"
        value = f"{row.figure:{width}}  {row.value:>12,.1f}  {row.unit:12}"
        print(f"{value}  {ratio:>7}  {row.aim:>14}  {met:4}  {row.against}")
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "bench.json"
    file.write_text(json.dumps([asdict(row) for row in figures], indent=2) + "\n", "utf-8")
    print(f"\nwritten to {file}")
