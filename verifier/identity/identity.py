"""The Identity: what a code says, once it is known to be valid. One type; how it was written is not known here.

Times of day, countries of scan, states and verdicts are other rooms'. Dates stay as they are printed, YYMMDD, since
the century depends on today (`expires_on`).
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote

from .ai import ITEMS, KEYS, SET_82, TABLE, WIDTH
from .errors import IdentityError

STEM = "https://id.gs1.org"
Element = tuple[str, str]
WHAT = "GS1 identity"
SIGNATURE = ("91", "92")  # companies' own AIs: here, which key signed the pack, and its signature
_UNKNOWN = re.compile(f"[0-9]{{2}}{SET_82}{{1,92}}")  # an AI has 2 to 4 digits, a value 1 to 90 characters


@dataclass(frozen=True, slots=True)
class Identity:
    """What a code says: it exists only if every element is valid and one of them is a key, which names a thing.

    `elements` may be given in any order and come out in the canonical one: the key, then 22, 10, 21, then by number.
    `unknown` are raw elements whose AI GS1 has not assigned, as read; they take no part in any link.
    Raises IdentityError `ai_twice`, `unknown_ai`, `no_key`, `two_keys`, or what the AI's own table refuses.

    >>> pack = Identity((("21", "ABC"), ("17", "271231"), ("01", "09521234000013")))
    >>> pack.elements
    (('01', '09521234000013'), ('21', 'ABC'), ('17', '271231'))
    >>> pack.gtin, pack.batch
    ('09521234000013', None)
    """

    elements: tuple[Element, ...]
    unknown: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        values = dict(self.elements)
        if len(values) != len(self.elements):
            raise _twice(self.elements)
        for ai, value in self.elements:
            if ai not in TABLE:
                raise IdentityError(ai + value, "GS1 element", "an AI that GS1 has assigned", f"({ai})", "unknown_ai")
            TABLE[ai].check(value)
        if self.unknown:
            _check_unknown(self.unknown)
        object.__setattr__(self, "elements", _ordered(values, self.unknown))

    def get(self, ai: str) -> str | None:
        """The value of an AI, as read."""
        for one, value in self.elements:
            if one == ai:
                return value
        return None

    @property
    def gtin(self) -> str | None:
        """(01), 14 digits."""
        return self.get("01")

    @property
    def batch(self) -> str | None:
        """(10), up to 20 characters."""
        return self.get("10")

    @property
    def serial(self) -> str | None:
        """(21), up to 20 characters."""
        return self.get("21")

    @property
    def expiry(self) -> str | None:
        """(17), YYMMDD as printed; day 00 is the last of the month."""
        return self.get("17")

    @property
    def sscc(self) -> str | None:
        """(00), 18 digits."""
        return self.get("00")

    def digital_link(self) -> str:
        """The canonical URI, a pack's *subject*: key and qualifiers in the path, (17) alone in the query. Never raises.

        >>> Identity((("01", "09521234000013"), ("21", "A/B"), ("400", "ORDER"))).digital_link()
        'https://id.gs1.org/01/09521234000013/21/A%2FB'
        """
        return _link(self.elements)

    def signed_link(self) -> str:
        """The URI as it is printed: the canonical one, and a signature's (91) and (92) where the code carries them.

        >>> Identity((("01", "09521234000013"), ("17", "271231"), ("91", "A+"), ("92", "BC"))).signed_link()
        'https://id.gs1.org/01/09521234000013?17=271231&91=A%2B&92=BC'
        """
        named, link = dict(self.elements), self.digital_link()
        more = "&".join(f"{ai}={quote(named[ai], safe='')}" for ai in SIGNATURE if ai in named)
        return link + ("&" if "17" in named else "?") + more if more else link

    def class_link(self) -> str:
        """The URI of the lot, its *subject*. Raises IdentityError `no_key` without a GTIN and a batch.

        >>> Identity((("01", "09521234000013"), ("10", "LOT1"), ("21", "ABC"))).class_link()
        'https://id.gs1.org/01/09521234000013/10/LOT1'
        """
        if self.gtin is None or self.batch is None:
            found = " ".join(f"({ai})" for ai, _ in self.elements)
            raise IdentityError(self.digital_link(), "a lot", "a GTIN (01) and a batch (10)", found, "no_key")
        return f"{STEM}/01/{self.gtin}/10/{quote(self.batch, safe='')}"

    def human(self) -> tuple[tuple[str, str], ...]:
        """The rows to compare with the print on the box: AI in brackets, value exactly as carried (GS1 4.14).

        >>> Identity((("01", "09521234000013"), ("17", "271231"))).human()
        (('(01)', '09521234000013'), ('(17)', '271231'))
        """
        return tuple((f"({ai})", value) for ai, value in self.elements)


def _ordered(values: dict[str, str], unknown: tuple[str, ...]) -> tuple[Element, ...]:
    """Canonical order, once it is known what the elements are about."""
    elements = tuple(values.items())
    key = next((ai for ai in KEYS if ai in values), None)
    if key is None:
        code = "no_key" if elements else "not_gs1"
        found = " ".join(f"({ai})" for ai in values) or "no AI that GS1 has assigned"
        expected = "a key that names a thing, such as (01) or (00)"
        raise IdentityError(_written(elements) + "".join(unknown), WHAT, expected, found, code)
    items = [ai for ai in ITEMS if ai in values]
    if len(items) > 1:
        raise IdentityError(_written(elements), WHAT, "one trade item", f"({items[0]}) and ({items[1]})", "two_keys")
    rest = sorted((TABLE[ai].rank, ai) for ai in values if ai != key)
    return ((key, values[key]), *((ai, values[ai]) for _, ai in rest))


def _check_unknown(unknown: tuple[str, ...]) -> None:
    ais = [raw[: WIDTH.get(raw[:2], 2)] for raw in unknown]
    for ai, raw in zip(ais, unknown, strict=True):
        if ai in TABLE or _UNKNOWN.fullmatch(raw) is None:
            expected = "two digits that begin an AI, then up to 92 characters of GS1 set 82"
            raise IdentityError(raw, "GS1 element", expected, f"{raw[:4]!r} and {len(raw)} characters", "not_gs1")
    if len(set(ais)) != len(ais):
        raise _twice(tuple((ai, raw.removeprefix(ai)) for ai, raw in zip(ais, unknown, strict=True)))


def _written(elements: tuple[Element, ...]) -> str:
    return "".join(f"({ai}){value}" for ai, value in elements)


def _twice(elements: tuple[Element, ...]) -> IdentityError:
    ais = [ai for ai, _ in elements]
    ai = next(one for one in ais if ais.count(one) > 1)
    read = _written(tuple(element for element in elements if element[0] == ai))
    return IdentityError(read, WHAT, "each AI once", f"({ai}) {ais.count(ai)} times", "ai_twice")


@lru_cache(maxsize=512)
def _link(elements: tuple[Element, ...]) -> str:
    """The canonical URI of elements in canonical order; asked several times about each pack."""
    key, named = elements[0][0], dict(elements)
    qualifiers = next((one for one in KEYS[key] if any(ai in named for ai in one)), ())
    path = "".join(f"/{ai}/{quote(named[ai], safe='')}" for ai in (key, *qualifiers) if ai in named)
    return f"{STEM}{path}?17={named['17']}" if "17" in named else STEM + path
