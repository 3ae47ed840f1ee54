"""The drawings of /ledger, as numbers: where a line runs, which side a neighbour stands on. No word, no colour, no
request; templates make SVG of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from verifier.store.clocks import Registered

WIDTH, HEIGHT = 1000, 300


@dataclass(frozen=True, slots=True)
class Curve:
    """Paths of SVG in a box of WIDTH by HEIGHT: the `line`, the `area` under it, and where it ends."""

    line: str
    area: str
    end: tuple[float, float]


def curve(points: Sequence[Registered]) -> Curve | None:
    """The steps of a growing size over time, from 0 at the foot to the last size at the top; None without points. The
    size stays as it is until the next point: nothing is smoothed that was not so.

    >>> curve([Registered(1, 100), Registered(4, 200)]).line
    'M0 225H1000V0'
    >>> curve([Registered(3, 100)]).line
    'M0 0H1000'
    """
    if not points:
        return None
    first, last = points[0], points[-1]
    span, top = last.time - first.time, max(1, last.size)
    at = [(_short(WIDTH * (time - first.time) / span) if span else "0", _y(size, top)) for size, time in points]
    line = f"M0 {at[0][1]}" + "".join(f"H{x}V{y}" for x, y in at[1:])
    if not span:
        line += f"H{WIDTH}"
    return Curve(line, f"{line}V{HEIGHT}H0Z", (WIDTH, float(at[-1][1])))


def sides(index: int, size: int) -> list[bool]:
    """For each hash of the inclusion path of leaf `index` in a tree of `size`, leaf's sibling first: whether it stands
    on the left (RFC 9162 2.1.3.2).

    >>> sides(2, 7), sides(6, 7), sides(0, 1)
    ([False, True, False], [True, True], [])
    """
    last, found = size - 1, []
    while last:
        if index & 1:
            found.append(True)
        elif index < last:
            found.append(False)
        index, last = index >> 1, last >> 1
    return found


def _y(size: int, top: int) -> str:
    return _short(HEIGHT - HEIGHT * size / top)


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
