r"""Which national medicine number does a code carry? The table of where they ride, and the checks that name them.

A number whose own check character is wrong is not named: a wrong number is worse than none. Numbers inside a GTIN ride
in a national trade item number (NTIN, GS1 General Specifications 2.1.2), whose first digit is 0: a case of many packs
has another, and names none. The rest ride in AIs 710 to 716 (GS1 General Specifications 3.8.20), as carried.

Sources: IFA GmbH, "PZN" and "NTIN" (4150 and eight digits, modulo 11 with weights 1 to 7); CIP and UCD, ANSM (3400,
then 9 for a box or 8 for a hospital's unit, then seven digits, modulo 11 with weights 2 to 7); AEMPS, Codigo Nacional
(847000 and six digits); Italian decree of 10 June 1983 (nine digits, Luhn's sum from the left).

>>> from .text import parse_text
>>> numbers(parse_text("3400930000120"))
(('CIP13', '3400930000120'), ('CIP7', '3000012'))
>>> numbers(parse_text("(01)04150123456782(716)012745093"))
(('PZN', '12345678'), ('AIC', '012745093'))
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from .errors import IdentityError
from .identity import Identity

Check = Callable[[str], bool]
_CODE_39 = re.compile(r"-([0-9]{7,8})")  # a PZN as Code 39 carries it; one of seven digits is one of eight after a 0
_CODE_32 = re.compile(r"A?(0[0-9]{8})")  # a medicine begins with 0
NTIN_DE = "04150"


def modulo_11(number: str) -> bool:
    """Whether the last digit is the sum of the others, weighted from 1 or 2 up to 7, modulo 11; 10 is never given out.

    >>> modulo_11("04877800"), modulo_11("4877800"), modulo_11("04877801")
    (True, True, False)
    """
    first = 9 - len(number)
    return sum(weight * int(digit) for weight, digit in enumerate(number[:-1], first)) % 11 == int(number[-1])


def is_pzn(number: str) -> bool:
    """Whether eight digits are a PZN."""
    return re.fullmatch("[0-9]{8}", number) is not None and modulo_11(number)


def is_seven(number: str) -> bool:
    """Whether seven digits are a CIP7 or a UCD7."""
    return re.fullmatch("[0-9]{7}", number) is not None and modulo_11(number)


def is_aic(number: str) -> bool:
    """Whether nine digits, with or without the A that Code 32 is printed with, are an Italian AIC.

    >>> is_aic("A012745093"), is_aic("012745094")
    (True, False)
    """
    found = _CODE_32.fullmatch(number)
    if found is None:
        return False
    digits = [int(digit) for digit in found[1]]
    doubled = [2 * digit // 10 + 2 * digit % 10 for digit in digits[1:8:2]]
    return (sum(digits[0:8:2]) + sum(doubled)) % 10 == digits[8]


def anything(_: str) -> bool:
    """For numbers whose check, if they have one, is the GTIN's own or nobody's here."""
    return True


@dataclass(frozen=True, slots=True)
class InGtin:
    """A number that stands inside a GTIN-14 which begins with `prefix`, from `start` to `stop`."""

    name: str
    prefix: str
    start: int
    stop: int
    check: Check


IN_GTIN = (
    InGtin("CIP13", "034009", 1, 14, anything),
    InGtin("CIP7", "034009", 6, 13, is_seven),
    InGtin("UCD13", "034008", 1, 14, anything),
    InGtin("UCD7", "034008", 6, 13, is_seven),
    InGtin("PZN", NTIN_DE, 5, 13, is_pzn),
    InGtin("CN", "0847000", 7, 13, anything),
)
IN_AI: dict[str, tuple[str, Check]] = {
    "710": ("PZN", is_pzn),
    "711": ("CIP", anything),
    "712": ("CN", anything),
    "713": ("ANVISA", anything),
    "714": ("INFARMED", anything),
    "715": ("NDC", anything),
    "716": ("AIC", is_aic),
}


def numbers(identity: Identity) -> tuple[tuple[str, str], ...]:
    """The national numbers of a code as (name, value): those inside its GTIN, then those of its AIs; each once."""
    gtin = identity.gtin or ""
    inside = [
        (row.name, gtin[row.start : row.stop])
        for row in IN_GTIN
        if gtin.startswith(row.prefix) and row.check(gtin[row.start : row.stop])
    ]
    carried = [
        (name, value) for ai, (name, check) in IN_AI.items() if (value := identity.get(ai)) is not None and check(value)
    ]
    return tuple(dict.fromkeys(inside + carried))


def of_code_39(text: str) -> Identity:
    """The Identity of a German box's Code 39, by its NTIN; raises IdentityError `not_gs1` or `check_digit`, and
    `no_key` for an Italian AIC, which is a number of a list and of no GTIN.

    >>> of_code_39("-4877800").gtin
    '04150048778006'
    """
    if is_aic(text):
        raise IdentityError(text, "GS1 identity", "a GTIN", f"the Italian number AIC {text[-9:]}", "no_key")
    found = _CODE_39.fullmatch(text)
    if found is None:
        raise IdentityError(text, "PZN", "a minus and seven or eight digits", f"{len(text)} characters", "not_gs1")
    pzn = found[1].zfill(8)
    if not is_pzn(pzn):
        raise IdentityError(text, "PZN", "a check digit by modulo 11", pzn[-1], "check_digit")
    run = [int(digit) for digit in NTIN_DE + pzn]
    last = -(3 * sum(run[::-2]) + sum(run[-2::-2])) % 10  # General Specifications 7.9
    return Identity((("01", f"{NTIN_DE}{pzn}{last}"),))
