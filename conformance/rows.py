"""What a row is: somebody else's data, what they expect of it, what we say. Nothing is judged here.

>>> Row("inclusion/0/happy-path", "proven", "proven").agrees
True
>>> Row("a.png", "12345678", "nothing", "unread").difference
'unread'
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a set, named as its source names it; `kind`, by default what was found, is a difference in a word."""

    name: str
    expected: str
    found: str
    kind: str = ""

    @property
    def agrees(self) -> bool:
        """Whether we say what is expected."""
        return self.expected == self.found

    @property
    def difference(self) -> str:
        """The word by which a difference is argued."""
        return self.kind or self.found


@dataclass(frozen=True, slots=True)
class Source:
    """A set: `count` its rows as they lie in the folder, without judging; `judge` them, each once. A set that no built
    part judges has no `judge`, and says in `why_not` what is missing."""

    name: str
    place: str
    count: Callable[[Path], int]
    judge: Callable[[Path], Iterable[Row]] | None = None
    why_not: str = ""


def files(folder: Path, *patterns: str) -> Iterator[Path]:
    """The files below `folder` that one of the patterns names, in order."""
    return iter(sorted({path for pattern in patterns for path in folder.rglob(pattern) if path.is_file()}))


def count_files(*patterns: str) -> Callable[[Path], int]:
    """Counts the files that `files` gives."""
    return lambda folder: sum(1 for _ in files(folder, *patterns))
