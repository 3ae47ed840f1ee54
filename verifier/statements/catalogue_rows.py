r"""The rows of a catalogue: one text file, the same bytes for the same rows; a GTIN is found without reading it all.

    probatum catalogue v1 LF
    <gtin> TAB <name> TAB <form> TAB <contents> LF        sorted by GTIN, each once; UTF-8, no other control character

Where it comes from and under which licence stands in the statement that names it. Pure: bytes in, rows out.

>>> data = encode([Row("09529000000014", "Calmidol 200 mg", "comprimés", "20 comprimés")])
>>> check(data), find(data, "09529000000014").form, find(data, "09529000000021")
(1, 'comprimés', None)
"""

from collections.abc import Iterable
from dataclasses import astuple, dataclass
from mmap import mmap

from verifier.statements.body import check_gs1
from verifier.statements.catalogue import MOST_ROWS
from verifier.statements.errors import Malformed

HEAD = b"probatum catalogue v1\n"
LONGEST = 400  # characters of a field: the longest names of medicines have about 250
GTIN = 14


@dataclass(frozen=True, slots=True)
class Row:
    """What a catalogue says of one GTIN; `form` and `contents` may be empty."""

    gtin: str
    name: str
    form: str
    contents: str


def encode(rows: Iterable[Row]) -> bytes:
    """The file of these rows, in any order; raises Malformed, as `check`."""
    lines = ("\t".join(astuple(row)) + "\n" for row in sorted(rows, key=lambda row: row.gtin))
    data = HEAD + "".join(lines).encode()
    check(data)
    return data


def check(data: bytes) -> int:
    """How many rows a file holds; raises Malformed naming the line that is not as the door of this file shows it."""
    if not data.startswith(HEAD) or not data.endswith(b"\n"):
        raise _wrong(1, "a catalogue of version 1, its last line ended", repr(data[:30]))
    if (count := data.count(b"\n") - 1) > MOST_ROWS:
        raise _wrong(MOST_ROWS + 2, f"at most {MOST_ROWS} rows", f"{count}")
    lines = data[len(HEAD) : -1].split(b"\n") if count else []
    before = ""
    for number, line in enumerate(lines, 2):
        row = _row(line, number)
        if row.gtin <= before:
            raise _wrong(number, f"a GTIN after {before}", row.gtin)
        before = row.gtin
    return len(lines)


def find(data: bytes | mmap, gtin: str) -> Row | None:
    """The row of a GTIN, by halving: a file that was checked is not read through again."""
    low, high, wanted = len(HEAD), len(data), gtin.encode()
    while low < high:
        middle = (low + high) // 2
        start = max(data.rfind(b"\n", low, middle) + 1, low)
        end = data.find(b"\n", start)
        found = data[start : start + GTIN]
        if found == wanted:
            return Row(*data[start:end].decode().split("\t"))
        low, high = (end + 1, high) if found < wanted else (low, start)
    return None


def _row(line: bytes, number: int) -> Row:
    try:
        fields = line.decode().split("\t")
    except UnicodeDecodeError as fault:
        raise _wrong(number, "UTF-8", repr(line[:40])) from fault
    if len(fields) != 4 or not fields[1].strip():
        raise _wrong(number, "GTIN, name, form and contents, and a name", repr(line[:60]))
    if max(map(len, fields)) > LONGEST or not all(field.isprintable() for field in fields):
        raise _wrong(number, f"fields of at most {LONGEST} printable characters", repr(line[:60]))
    try:
        check_gs1(fields[0])
    except Malformed as fault:
        raise _wrong(number, "a GTIN of 14 digits", fields[0][:20]) from fault
    return Row(*fields)


def _wrong(line: int, expected: str, found: str) -> Malformed:
    return Malformed("catalogue", value=f"line {line}", expected=f"{expected} in line {line}", found=found[:80])
