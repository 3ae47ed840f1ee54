"""A GS1 Digital Link as a request brings it: path and query, whose host is whoever was asked.

A server may hand over the path percent-decoded (PEP 3333), and then nobody sees whether a slash parted two elements or
stood in a value as %2F. The rule of this door: read as sent where that is known; else with as many elements as the
slashes can part, and refused where that leaves two readings, or an AI with a value inside another value. So a value
decoded on the way may hold a slash; but a lot "A/21/B" reads as lot and serial, and a serial "A/10/B" is refused.

>>> parse_decoded("/01/09521234000013/21/A/B").serial
'A/B'
>>> parse_decoded("/01/09521234000013/21/A/")
Traceback (most recent call last):
verifier.identity.errors.IdentityError: Failed to parse '/01/09521234000013/21/A/' as GS1 Digital Link: expected \
slashes to be read in one way, found 2 ways.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise
from urllib.parse import quote

from .ai import KEYS, TABLE
from .digital_link import WHAT, parse
from .errors import IdentityError
from .identity import STEM, Identity

LONGEST = 160  # characters of a path with slashes in its values; there are few ways to part so few
QUALIFIERS = 3  # at most, of any key


def parse_sent(path: str, query: str = "") -> Identity:
    """The Identity of a path and a query as they were sent, percent-encoded; one slash at the path's end is let pass
    (GS1-Conformant Resolver 2.13). Raises IdentityError."""
    return parse(_uri(path.removesuffix("/"), query))


def parse_decoded(path: str, query: str = "") -> Identity:
    """As `parse_sent`, of a path that was percent-decoded on the way; its characters are bytes (PEP 3333)."""
    segments = path.split("/")[1:]
    try:
        return parse(_uri(_encoded(segments), query))  # with every slash between elements there is but one
    except IdentityError as refused:
        if len(segments) % 2 == 0 and all(ai in TABLE for ai in segments[::2]):
            raise  # elements all through, though not as they should be
        fault = refused
    for readings in _readings(path, segments):
        found = {identity for one in readings if (identity := _try(one, query)) is not None}
        if len(found) > 1:
            raise IdentityError(path, WHAT, "slashes to be read in one way", f"{len(found)} ways", "encoding")
        if found:
            return found.pop()
    raise fault


def _readings(path: str, segments: Sequence[str]) -> Iterator[list[str]]:
    """The paths that would be decoded to this one, those of the most elements first."""
    if len(path) > LONGEST or segments[0] not in KEYS:
        return
    names = {ai for sequence in KEYS[segments[0]] for ai in sequence}
    places = [at for at in range(2, len(segments) - 1) if segments[at] in names]
    for count in range(min(len(places), QUALIFIERS), -1, -1):
        yield [one for chosen in combinations(places, count) for one in _parted(segments, chosen)]


def _parted(segments: Sequence[str], places: Sequence[int]) -> Iterator[str]:
    """The path whose qualifiers stand at these places; and the same without a slash at its end."""
    runs = [segments[start:stop] for start, stop in pairwise((0, *places, len(segments)))]
    if any(part in TABLE for run in runs for part in run[2:-1]):
        return  # whoever reads each slash as sent sees an element there
    path = _encoded([part for ai, *value in runs for part in (ai, "/".join(value))])
    yield path
    if path.endswith("%2F"):
        yield path.removesuffix("%2F")


def _encoded(segments: Sequence[str]) -> str:
    return "".join("/" + quote(segment, safe="", encoding="latin-1", errors="replace") for segment in segments)


def _uri(path: str, query: str) -> str:
    return STEM + path + (f"?{query}" if query else "")


def _try(path: str, query: str) -> Identity | None:
    try:
        return parse(_uri(path, query))
    except IdentityError:
        return None
