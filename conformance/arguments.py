r"""The differences that are argued: rows of the tables in docs/conformance.md, which people read and this reads too.

    | set | row | difference | why |

All but `why` are shell patterns. A difference without a row here fails the run.

>>> table = parse("| set | row | difference | why |\n|---|---|---|---|\n| gs1 | `(400)*` | ai_twice | said twice |\n")
>>> table[0].argues("gs1", Row("(400)A(400)A", "accepted", "ai_twice"))
True
"""

from dataclasses import dataclass
from fnmatch import fnmatchcase

from conformance.rows import Row

HEAD = ("set", "row", "difference", "why")


@dataclass(frozen=True, slots=True)
class Argument:
    """Why the rows that it names may differ in this way."""

    set: str
    row: str
    difference: str
    why: str

    def argues(self, name: str, row: Row) -> bool:
        """Whether it argues this row of the set `name`."""
        named = row.name == self.row or fnmatchcase(row.name, self.row.replace("[", "[[]"))
        return fnmatchcase(name, self.set) and named and fnmatchcase(row.difference, self.difference)


def parse(text: str) -> tuple[Argument, ...]:
    """Every argument of every table of a Markdown text whose head is HEAD; ValueError names a row without a why."""
    found: list[Argument] = []
    inside = False
    for line in text.splitlines():
        cells = tuple(cell.strip().strip("`") for cell in line.strip().strip("|").replace("\\|", "\0").split("|"))
        if not line.startswith("|"):
            inside = False
        elif cells == HEAD:
            inside = True
        elif inside and set("".join(cells)) - set("-: "):
            if len(cells) != len(HEAD) or not all(cells):
                raise ValueError(f"docs/conformance.md: expected set, row, difference and why, found {line!r}")
            found.append(Argument(*(cell.replace("\0", "|") for cell in cells)))
    return tuple(found)
