r"""The table of GS1 application identifiers: what the value of each may be. No scanning, no links here.

Lengths and characters come from the table that biip carries; check digits, dates and Digital Link keys, which that
table leaves out, stand below (GS1 Barcode Syntax Dictionary: csum, yymmd0, yymmdd, dlpkey). Left alone, because no
verdict rests on them: currencies, countries, IBANs, coupons, times of day, the check pair of a GMN (8013, 8014).

biip's file is read without importing biip, which takes 0.1 s and 22 MB to unpack prefix tables of no use here.

>>> TABLE["17"].title, TABLE["17"].length, TABLE["10"].length
('USE BY or EXPIRY', 6, None)
>>> TABLE["01"].check("123")
Traceback (most recent call last):
verifier.identity.errors.IdentityError: Failed to parse '123' as GTIN: expected 14 digits, found 3.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from .dates import check_date
from .errors import IdentityError

SET_82 = r"[!%-?A-Z_a-z\x22]"  # GS1 General Specifications 7.11
_NOT_SET_82 = re.compile(SET_82.replace("[", "[^", 1))
_SIMPLE = re.compile(r"([NX])(\.\.)?([0-9]+)")  # a form of one component
_NOT_DIGIT = re.compile("[^0-9]")

# Where each check digit's run of digits starts and stops: its last digit is the check digit.
CHECKED = (
    dict.fromkeys(("00", "8017", "8018"), (0, 18))
    | dict.fromkeys(("01", "02", "03", "8006", "8026"), (0, 14))
    | dict.fromkeys(("253", "255", "410", "411", "412", "413", "414", "415", "416", "417"), (0, 13))
    | {"402": (0, 17), "8003": (1, 14)}
)
# Where each YYMMDD starts, and whether its day may be 00.
DATED = (
    dict.fromkeys(("11", "12", "13", "15", "16", "17", "4324", "4325"), ((0, True),))
    | dict.fromkeys(("4326", "7003", "7006", "7011", "8008"), ((0, False),))
    | {"7007": ((0, False), (6, False))}
)
# The keys that name a thing, each with the sequences of qualifiers that may follow it in a Digital Link. First is
# gravest: of an element string that holds several keys, the first here is what it is about.
KEYS: dict[str, tuple[tuple[str, ...], ...]] = {
    "01": (("22", "10", "21"), ("235",)),
    "8006": (("22", "10", "21"),),
    "00": (),
    "253": (),
    "255": (),
    "401": (),
    "402": (),
    "414": (("254",), ("7040",)),
    "415": (("8020",),),
    "417": (("7040",),),
    "8003": (),
    "8004": (("7040",),),
    "8010": (("8011",),),
    "8013": (),
    "8017": (("8019",),),
    "8018": (("8019",),),
}
# Trade items, of which one symbol may name one: what each excludes and requires leaves no pair (Dictionary: ex, req).
ITEMS = ("01", "02", "03", "8006", "8026")
_FIRST = {"22": 0, "10": 1, "21": 2}
# In biip's patterns for text in percent-encoding, %41%42 can be read in two ways and 22 of them hold a core for
# minutes. GS1's own engine counts these characters one by one, and so do we.
_TWO_WAYS = r"(?:[!%-?A-Z_a-z\x22]|%[0-9A-Fa-f][0-9A-Fa-f]%[0-9A-Fa-f][0-9A-Fa-f])"


@dataclass(frozen=True, slots=True)
class AI:
    """One application identifier. `length` is None if a separator ends the value; `form` is GS1's own notation."""

    code: str
    title: str
    form: str
    length: int | None
    rank: int
    pattern: re.Pattern[str]
    digits: tuple[int, int] | None
    dates: tuple[tuple[int, bool], ...]

    def check(self, value: str) -> None:
        """Raise IdentityError `empty`, `charset`, `length`, `format`, `check_digit` or `date` unless valid."""
        if not value or self.pattern.fullmatch(value) is None:
            self._refuse(value)
        if self.digits is not None:
            check_digit(value, self.title, *self.digits)
        self._check_dates(value)

    def _check_dates(self, value: str) -> None:
        for start, day_zero in self.dates:
            if len(value) > start:
                check_date(value[start : start + 6], self.title, day_zero)

    def _refuse(self, value: str) -> None:
        expected = _in_words(self.form)
        strange = (_NOT_DIGIT if set(self.form) <= set("N.+[]0123456789") else _NOT_SET_82).search(value)
        if not value:
            raise IdentityError(value, self.title, expected, "nothing", "empty")
        if strange:
            raise IdentityError(value, self.title, expected, repr(strange[0]), "charset")
        if (simple := _SIMPLE.fullmatch(self.form)) is None:
            raise IdentityError(value, self.title, expected, f"{len(value)} characters", "format")
        if len(value) > int(simple[3]) or (len(value) < int(simple[3]) and not simple[2]):
            raise IdentityError(value, self.title, expected, str(len(value)), "length")
        self._check_dates(value)
        raise IdentityError(value, self.title, f"{expected}, of those GS1 allows", repr(value), "format")


def check_digit(value: str, what: str, start: int, stop: int) -> None:
    """Raise IdentityError `check_digit` unless value[start:stop], digits, ends in its own (General Specifications 7.9).

    >>> check_digit("09521234000014", "GTIN", 0, 14)
    Traceback (most recent call last):
    verifier.identity.errors.IdentityError: Failed to parse '09521234000014' as GTIN: expected check digit 3, found 4.
    """
    run = [int(digit) for digit in value[start:stop]]
    wrong = (3 * sum(run[-2::-2]) + sum(run[-1::-2])) % 10
    if wrong:
        raise IdentityError(value, what, f"check digit {(run[-1] - wrong) % 10}", str(run[-1]), "check_digit")


def _in_words(form: str) -> str:
    """GS1's notation in words, where it has one component.

    >>> _in_words("N14"), _in_words("X..20"), _in_words("N13[+X..17]")
    ('14 digits', '1 to 20 characters of GS1 set 82', 'the form N13[+X..17]')
    """
    simple = _SIMPLE.fullmatch(form)
    if simple is None:
        return f"the form {form}"
    unit = ("digit" if simple[1] == "N" else "character") + "s" * (simple[3] != "1")
    unit += " of GS1 set 82" * (simple[1] == "X")
    return f"{'1 to ' if simple[2] else ''}{simple[3]} {unit}"


def _read(row: Mapping[str, str | bool]) -> AI:
    """One row of biip's file."""
    code, form = str(row["ai"]), str(row["format"]).partition("+")[2]
    body = str(row["pattern"]).removeprefix("^" + code).removesuffix("$").replace(_TWO_WAYS, SET_82)
    return AI(
        code=code,
        title=str(row["data_title"]),
        form=form,
        length=None if row["separator_required"] else int(form.removeprefix("N")),
        rank=_FIRST.get(code, 10 + int(code)),
        pattern=re.compile(body, re.ASCII),  # or \d would take the digits of every script
        digits=CHECKED.get(code),
        dates=DATED.get(code, ()),
    )


def _load() -> dict[str, AI]:
    biip = find_spec("biip")
    if biip is None or biip.origin is None:
        raise ModuleNotFoundError("No module named 'biip': expected its table of GS1 application identifiers")
    file = Path(biip.origin).parent / "gs1_application_identifiers" / "_application_identifiers.json"
    return {ai.code: ai for ai in map(_read, json.loads(file.read_text("utf-8")))}


TABLE = _load()
# How many digits an AI has follows from its first two (General Specifications 7.8.2).
WIDTH = {code[:2]: len(code) for code in TABLE}
