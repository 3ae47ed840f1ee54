"""The table, the differing rows and var/conformance.json. Rows in are rows out, or the run has failed."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.arguments import Argument
from conformance.rows import Row, Source

HEAD = f"{'set':26} {'rows':>5} {'agree':>6} {'differ':>7} {'argued':>7}  not applicable"


@dataclass(frozen=True, slots=True)
class Result:
    """A set judged: how many rows lay there, those that differ, each with the argument for it or None; how many
    agree. `why_not` for a set that no part judges."""

    name: str
    rows: int
    agree: int = 0
    differ: tuple[tuple[Row, Argument | None], ...] = ()
    why_not: str = ""

    @property
    def lost(self) -> int:
        """Rows in less rows out; 0, or something was dropped in silence."""
        return 0 if self.why_not else self.rows - self.agree - len(self.differ)

    @property
    def unargued(self) -> tuple[Row, ...]:
        """The rows that differ, and nothing says why they may."""
        return tuple(row for row, why in self.differ if why is None)


def run(source: Source, folder: Path, arguments: Sequence[Argument]) -> Result:
    """Judge one set below `folder`."""
    rows = source.count(folder)
    if source.judge is None:
        return Result(source.name, rows, why_not=source.why_not)
    judged = list(source.judge(folder))
    differ = tuple((row, _why(source.name, row, arguments)) for row in judged if not row.agrees)
    return Result(source.name, rows, len(judged) - len(differ), differ)


def _why(name: str, row: Row, arguments: Sequence[Argument]) -> Argument | None:
    return next((argument for argument in arguments if argument.argues(name, row)), None)


def faults(results: Sequence[Result]) -> list[str]:
    """Why the run fails, a sentence each; empty when it does not."""
    told = [
        f"{result.name}: expected {result.rows} rows judged, found {result.rows - result.lost}"
        for result in results
        if result.lost
    ]
    for result in results:
        told += [f"{result.name}: {row.name}: expected {row.expected}, found {row.found}" for row in result.unargued]
    return told


def table(results: Iterable[Result]) -> str:
    """The counts, a line a set."""
    lines = [HEAD]
    for one in results:
        told = f"{one.rows}: {one.why_not}" if one.why_not else ""
        counts = ("", "", "") if one.why_not else (one.agree, len(one.differ), len(one.differ) - len(one.unargued))
        lines.append(f"{one.name:26} {one.rows:>5} {counts[0]:>6} {counts[1]:>7} {counts[2]:>7}  {told}".rstrip())
    return "\n".join(lines)


def differing(results: Iterable[Result]) -> str:
    """Every row that differs, with its argument if it has one."""
    return "\n".join(
        f"{'argued ' if why else 'DIFFERS'} {one.name}: {row.name!r}: expected {row.expected!r}, found {row.found!r}"
        + (f" ({why.why})" if why else "")
        for one in results
        for row, why in one.differ
    )


def to_json(results: Iterable[Result]) -> list[dict[str, Any]]:
    """The rows of var/conformance.json."""
    return [
        {
            "set": one.name,
            "rows": one.rows,
            "agree": one.agree,
            "differ": [
                {"row": row.name, "expected": row.expected, "found": row.found, "argued": why.why if why else None}
                for row, why in one.differ
            ],
            "not_applicable": one.why_not or None,
        }
        for one in results
    ]


def write(results: Sequence[Result], file: Path) -> None:
    """Write var/conformance.json."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(to_json(results), indent=2, ensure_ascii=False) + "\n", "utf-8")
