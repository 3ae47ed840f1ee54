"""GS1's own syntax dictionary: what it says of each application identifier, beside what our tables say of it.

One row an AI, for the ranges too: whether it is a Digital Link key and with which qualifiers, whether it may stand in
a link's query, whether its length is predefined, where check digits and dates stand.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from conformance.rows import Row, Source, files
from verifier.identity import digital_link
from verifier.identity.ai import KEYS, TABLE

FILE = "gs1-syntax-dictionary.txt"
_LINE = re.compile(r"(?P<first>[0-9]{2,4})(?:-(?P<last>[0-9]{2,4}))?\s+(?P<rest>.*)")


def _lines(folder: Path) -> Iterator[tuple[str, str, str]]:
    """(AI, flags, rules) of each AI in the dictionary."""
    for path in files(folder, FILE):
        for line in path.read_text("utf-8").splitlines():
            found = _LINE.match(line)
            if found is None:
                continue
            flags, rules = line[11:14], line[14:].partition(" #")[0]
            first, last = found["first"], found["last"] or found["first"]
            for number in range(int(first), int(last) + 1):
                yield str(number).zfill(len(first)), flags, rules


def _theirs(flags: str, rules: str) -> str:
    key = re.search(r"dlpkey(?:=(\S+))?", rules)
    ways = tuple(tuple(way.split(",")) for way in key[1].split("|")) if key and key[1] else ()
    dates = [day == "0" for day in re.findall(r"\byymmd([0d])", rules)]
    return _said(ways if key else None, "?" in flags, "*" in flags, re.search(r"csum\b", rules) is not None, dates)


def _ours(ai: str) -> str:
    row = TABLE.get(ai)
    if row is None:
        return "not in our table"
    dates = [zero for _, zero in row.dates]
    query = ai not in digital_link.NOT_ATTRIBUTES
    return _said(KEYS.get(ai), query, row.length is not None, row.digits is not None, dates)


def _said(ways: object, query: bool, predefined: bool, digits: bool, dates: list[bool]) -> str:
    return f"key {ways}, query {query}, predefined {predefined}, check digit {digits}, day zero {dates}"


def _judge(folder: Path) -> Iterator[Row]:
    return (Row(f"({ai})", _theirs(flags, rules), _ours(ai), "table") for ai, flags, rules in _lines(folder))


SOURCE = Source("gs1 dictionary", "vectors/gs1", lambda folder: sum(1 for _ in _lines(folder)), _judge)
