"""Lines of other people's files: each is read or refused by name, and none is guessed at. Bytes in, values out.

>>> str(Fault("CIS_bdpm.txt", 3, "code CIS", "8 digits", "12A"))
"CIS_bdpm.txt:3: code CIS: expected 8 digits, found '12A'"
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
MOST_BYTES = 64 * 2**20
BOM = b"\xef\xbb\xbf"


@dataclass
class Fault(ValueError):
    """A row that is not as its format says; `line` counts from 1, or items where the format has no lines."""

    file: str
    line: int
    column: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.column}: expected {self.expected}, found {self.found[:60]!r}"


@dataclass(frozen=True, slots=True)
class Read(Generic[T]):
    """What was read, and every row that could not be."""

    rows: tuple[T, ...]
    faults: tuple[Fault, ...]


def numbered(file: str, data: bytes) -> Iterator[tuple[int, str | Fault]]:
    """The lines that are not empty, with their numbers: UTF-8, or else Windows-1252 as the older files are."""
    data = data.removeprefix(BOM)
    encoding = "utf-8" if _is_utf8(data) else "cp1252"
    for number, line in enumerate(data.split(b"\n"), 1):
        if line.strip():
            try:
                yield number, line.removesuffix(b"\r").decode(encoding)
            except UnicodeDecodeError as fault:
                yield number, Fault(file, number, "line", "UTF-8 or Windows-1252", repr(line[fault.start : fault.end]))


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def each(file: str, lines: Iterable[tuple[int, str | Fault]], parse: Callable[[str, int, str], T]) -> Read[T]:
    """`parse(file, number, line)` of each line, its refusals kept beside what was read."""
    rows: list[T] = []
    faults: list[Fault] = []
    for number, line in lines:
        try:
            if isinstance(line, Fault):
                raise line
            rows.append(parse(file, number, line))
        except Fault as fault:
            faults.append(fault)
    return Read(tuple(rows), tuple(faults))
