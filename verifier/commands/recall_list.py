"""A recall list: what an authority's notices say, a row a recall. CSV with a header, or a JSON list of objects.

    gtin           the CIP13 or GTIN: 13 or 14 digits
    lots           the lots, separated by blanks (a list in JSON); empty: the whole product
    depth          patients, or pharmacies
    reason         up to 120 characters
    date           of the notice, YYYY-MM-DD or DD/MM/YYYY
    serials        optional: only these packs of the one lot, separated as lots
    instructions   optional, up to 300 characters
    link           optional: the notice, an https link

A CSV is separated by commas or by semicolons, as its header is. A row always makes the same statement, declared on its
date: imported again it is known, and changes nothing.
"""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from verifier.commands.lines import BOM, Fault, Read, each, numbered
from verifier.statements.errors import Malformed
from verifier.statements.recall import Recall

NEEDED, OPTIONAL = ("gtin", "lots", "depth", "reason", "date"), ("serials", "instructions", "link")
MOST_ROWS = 20_000
Item = tuple[int, dict[str, Any] | Fault]


@dataclass(frozen=True, slots=True)
class Called:
    """A recall as a list has it; `moment` is midnight (UTC) of its day, in Unix seconds."""

    body: Recall
    moment: int


def read(file: str, data: bytes) -> Read[Called]:
    """The recalls in a file's bytes, and every row that could not be read; `file` is its name, for refusals."""
    data = data.removeprefix(BOM)
    items = list(_json(file, data) if data.lstrip()[:1] in (b"[", b"{") else _csv(file, data))
    faults = [item for _, item in items if isinstance(item, Fault)]
    if len(items) > MOST_ROWS:
        return Read((), (Fault(file, MOST_ROWS + 1, "file", f"at most {MOST_ROWS} recalls", str(len(items))),))
    rows: list[Called] = []
    for number, item in items:
        if isinstance(item, Fault):
            continue
        try:
            rows.append(_called(file, number, item))
        except Fault as fault:
            faults.append(fault)
    return Read(tuple(rows), tuple(faults))


def _csv(file: str, data: bytes) -> Iterator[Item]:
    lines = each(file, numbered(file, data), lambda _, number, line: (number, line))
    yield from ((fault.line, fault) for fault in lines.faults)
    if not lines.rows:
        yield 1, Fault(file, 1, "header", ", ".join(NEEDED), "nothing")
        return
    first, header = lines.rows[0]
    split = ";" if ";" in header else ","
    names = [name.strip().lower() for name in header.split(split)]
    if fault := _header(file, first, names):
        yield first, fault
        return
    for number, line in lines.rows[1:]:
        try:
            (cells,) = csv.reader([line], delimiter=split, strict=True)
        except (csv.Error, ValueError) as wrong:
            yield number, Fault(file, number, "row", "one row of CSV on one line", str(wrong))
            continue
        if len(cells) != len(names):
            yield number, Fault(file, number, "row", f"{len(names)} columns", f"{len(cells)} columns")
        else:
            yield number, dict(zip(names, cells, strict=True))


def _header(file: str, number: int, names: list[str]) -> Fault | None:
    missing, unknown = set(NEEDED) - set(names), set(names) - {*NEEDED, *OPTIONAL}
    if missing or unknown or len(set(names)) != len(names):
        expected = f"{', '.join(NEEDED)}, and perhaps {', '.join(OPTIONAL)}, each once"
        return Fault(file, number, "header", expected, ", ".join(names))
    return None


def _json(file: str, data: bytes) -> Iterator[Item]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as wrong:
        line = getattr(wrong, "lineno", 1)
        yield line, Fault(file, line, "file", "JSON", str(wrong))
        return
    if not isinstance(found, list):
        yield 1, Fault(file, 1, "file", "a list of recalls", type(found).__name__)
        return
    for number, item in enumerate(found, 1):
        if not isinstance(item, dict):
            yield number, Fault(file, number, "item", "an object", type(item).__name__)
        else:
            yield number, _header(file, number, list(item)) or item


def _called(file: str, number: int, item: dict[str, Any]) -> Called:
    def text(name: str) -> str:
        value = item.get(name) or ""
        if not isinstance(value, str) or not value.strip().isprintable():
            raise Fault(file, number, name, "text", repr(value))
        return value.strip()

    gtin, day = text("gtin"), _day(file, number, text("date"))
    if not (gtin.isascii() and gtin.isdecimal() and len(gtin) in (13, 14)):
        raise Fault(file, number, "gtin", "13 or 14 digits", gtin)
    fields: dict[str, Any] = {"gtin": gtin.zfill(14), "depth": text("depth"), "reason": text("reason")}
    lots, serials = (_several(file, number, name, item.get(name)) for name in ("lots", "serials"))
    fields |= {"batches": lots, "serials": serials, "instructions": text("instructions"), "link": text("link")}
    try:
        body = Recall.of({name: value for name, value in fields.items() if value})
    except Malformed as fault:
        column, found = _blamed(fields, fault)
        raise Fault(file, number, column, fault.expected, found) from fault
    return Called(body, int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()))


def _several(file: str, number: int, name: str, value: object) -> list[str]:
    words = value.split() if isinstance(value, str) else value if value is not None else []
    if not isinstance(words, list) or not all(isinstance(word, str) and word.strip() for word in words):
        raise Fault(file, number, name, "words separated by blanks, or a list of them", repr(value))
    return sorted(set(words))


def _day(file: str, number: int, text: str) -> date:
    try:
        found = datetime.strptime(text, "%d/%m/%Y").date() if "/" in text else date.fromisoformat(text)
    except ValueError:
        found = date.min
    if not 1970 <= found.year <= 2200:
        raise Fault(file, number, "date", "a day, YYYY-MM-DD or DD/MM/YYYY", text)
    return found


def _blamed(fields: dict[str, Any], fault: Malformed) -> tuple[str, str]:
    """The column that a refused body means, where its refusal names one ("... - at `$.depth`")."""
    name = fault.found.partition("`$.")[2].partition("`")[0].partition("[")[0] or fault.code
    if not fields.get(name):
        return "row", fault.found
    return ("lots" if name == "batches" else name), f"{fields[name]}: {fault.found}"
