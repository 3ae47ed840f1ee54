"""A second opinion: biip, another hand's parser, reads the same elements in whatever element string we accept.

Argued exceptions: AIs that GS1 has not assigned, which biip refuses and we keep raw; in STRICTER, what it accepts and
we refuse by rule. Not drawn here: currencies and countries, which biip checks and no verdict rests on, and dates that
are one only by the century (29 February).
"""

import pytest
from biip import ParseConfig, ParseError
from biip.gs1_messages import GS1Message
from hypothesis import given, settings
from hypothesis import strategies as st

from verifier.identity import Identity, IdentityError, gs1
from verifier.identity.ai import KEYS, TABLE

SET_82 = "!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
DIGITS = "0123456789"
PLAIN = ParseConfig(rcn_verify_variable_measure=False)


def theirs(text: str) -> tuple[tuple[str, str], ...]:
    """The elements biip reads, in the order of the string; raises ParseError."""
    message = GS1Message.parse(text, config=PLAIN)
    return tuple((one.ai.ai, one.value) for one in message.element_strings)


def check_digit(run: str) -> str:
    return str(-sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(run))) % 10)


texts = st.text(SET_82, min_size=1, max_size=20)
numbers = st.integers(1, 20).flatmap(lambda n: st.text(DIGITS, min_size=n, max_size=n))
dates = st.builds("{:02}{:02}{:02}".format, st.integers(0, 99), st.integers(1, 12), st.integers(1, 28))
gtins = st.text(DIGITS, min_size=13, max_size=13).map(lambda run: run + check_digit(run))
OTHERS = {
    "10": texts, "21": texts, "22": texts, "240": texts, "250": texts, "400": texts, "710": texts, "711": texts,
    "91": texts, "92": texts, "99": texts, "11": dates, "13": dates, "15": dates, "17": dates, "16": dates,
    "20": st.text(DIGITS, min_size=2, max_size=2), "30": st.text(DIGITS, min_size=1, max_size=8),
    "3103": st.text(DIGITS, min_size=6, max_size=6), "37": st.text(DIGITS, min_size=1, max_size=8),
}  # fmt: skip


@st.composite
def element_strings(draw: st.DrawFn) -> str:
    """A pack's element string in any order, each variable element ended, the last perhaps."""
    ais = draw(st.lists(st.sampled_from(sorted(OTHERS)), unique=True, max_size=6))
    elements = [("01", draw(gtins)), *((ai, draw(OTHERS[ai])) for ai in ais)]
    written = ""
    for at, (ai, value) in enumerate(draw(st.permutations(elements))):
        ends = TABLE[ai].length is None and at < len(elements) - 1
        written += ai + value + ("\x1d" if ends or draw(st.booleans()) else "")
    return written


@given(text=element_strings())
@settings(max_examples=400)
def test_biip_reads_the_same_elements(text: str) -> None:
    assert sorted(theirs(text)) == sorted(gs1.parse(text).elements)


@given(text=st.lists(st.sampled_from(["01", "09521234000013", "17271231", "10", "21", "A", "21B", "\x1d", "99", "00"]),
                     max_size=9).map("".join))  # fmt: skip
@settings(max_examples=400)
def test_what_we_accept_of_anything_biip_reads_alike(text: str) -> None:
    try:
        ours = gs1.parse(text)
    except IdentityError:
        return
    if ours.unknown:
        return  # biip refuses AIs that GS1 has not assigned; we keep them raw, and they name nothing
    assert sorted(theirs(text)) == sorted(ours.elements)


REFUSED = [
    "010952123400001", "01A9521234000013", "0109521234000013171331", "010952123400001317271232",
    "010952123400001310", "010952123400001321" + "A" * 21, "010952123400001310LOT\x00",
    "010952123400001310LOT1\x1d\x1d21",
    "01095212340000131727123", "(01)09521234000013",
]  # fmt: skip


@pytest.mark.parametrize("text", REFUSED)
def test_what_biip_refuses_we_refuse(text: str) -> None:
    with pytest.raises((ParseError, ValueError)):
        theirs(text)
    with pytest.raises(IdentityError):
        gs1.parse(text)


STRICTER = [
    ("010952123400001310A\x1d10B", "ai_twice"), ("010952123400001310A\x1d10A", "ai_twice"),
    ("17271231", "no_key"), ("010952123400001302095212340000133712", "two_keys"),
    ("010952123400001310" + "A" * 20 + "21ABC", "length"),
    # biip reports a wrong check digit beside the element, which it still gives.
    ("0109521234000014", "check_digit"), ("00095212340000000010", "check_digit"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "code"), STRICTER)
def test_where_biip_is_content_we_may_not_be(text: str, code: str) -> None:
    assert theirs(text)
    with pytest.raises(IdentityError) as refused:
        gs1.parse(text)
    assert refused.value.code == code


def test_every_key_that_we_name_is_an_ai_to_biip() -> None:
    import biip.gs1_application_identifiers as ais

    for ai in KEYS:
        assert ais.GS1ApplicationIdentifier.extract(ai + "0" * 20).ai == ai
    assert isinstance(gs1.parse("0109521234000013"), Identity)
