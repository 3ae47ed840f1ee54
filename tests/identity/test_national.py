"""National numbers: named where they ride, with the check that is theirs, and not named where it is wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier.identity import IdentityError, national, parse_text
from verifier.identity.national import is_aic, is_pzn, modulo_11, numbers, of_code_39

NAMED = [
    ("3400935955838", (("CIP13", "3400935955838"), ("CIP7", "3595583"))),
    ("(01)03400891996128", (("UCD13", "3400891996128"), ("UCD7", "9199612"))),
    ("(01)04150048778006(21)ABC", (("PZN", "04877800"),)),
    ("(01)08470006937457", (("CN", "693745"),)),
    ("(01)09521234000013(710)04877800", (("PZN", "04877800"),)),
    ("(01)09521234000013(711)3400935955838", (("CIP", "3400935955838"),)),
    ("(01)09521234000013(712)693745", (("CN", "693745"),)),
    ("(01)09521234000013(713)1234567890123", (("ANVISA", "1234567890123"),)),
    ("(01)09521234000013(714)5440987", (("INFARMED", "5440987"),)),
    ("(01)09521234000013(715)0002143380", (("NDC", "0002143380"),)),
    ("(01)09521234000013(716)A012745093", (("AIC", "A012745093"),)),
    ("(01)09521234000013(710)04877800(716)012745093", (("PZN", "04877800"), ("AIC", "012745093"))),
]  # fmt: skip


@pytest.mark.parametrize(("code", "wanted"), NAMED)
def test_a_national_number_is_named(code, wanted):
    assert numbers(parse_text(code)) == wanted


NOT_NAMED = [
    "(01)09521234000013(21)ABC",
    "(01)04150048778013",  # PZN 04877801: a wrong check digit in a right GTIN
    "(01)14150048778003",  # a case of ten
    "(01)09521234000013(710)04877801",
    "(01)09521234000013(710)4877800X",
    "(01)09521234000013(716)012745094",
    "(00)095212340000000013",
]


@pytest.mark.parametrize("code", NOT_NAMED)
def test_what_is_not_one_or_has_a_wrong_check_is_not_named(code):
    assert numbers(parse_text(code)) == ()


def test_a_cip_whose_seven_digits_have_no_check_is_named_whole_only():
    assert numbers(parse_text("3400936666665")) == (("CIP13", "3400936666665"),)


@given(st.text("0123456789", min_size=7, max_size=7))
def test_one_changed_digit_or_two_swapped_are_seen(seven):
    number = next((seven + last for last in "0123456789" if is_pzn(seven + last)), None)
    if number is None:
        return  # a remainder of ten is never given out
    for at in range(8):
        for other in set("0123456789") - {number[at]}:
            assert not is_pzn(number[:at] + other + number[at + 1 :]) or (at == 0 and other == number[at])
    for at in range(6):
        if number[at] != number[at + 1]:
            assert not is_pzn(number[:at] + number[at + 1] + number[at] + number[at + 2 :])


@given(st.text("0123456789", min_size=7, max_size=7))
def test_seven_digits_check_as_eight_after_a_zero(seven):
    assert modulo_11(seven) == modulo_11("0" + seven)


@given(st.text("0123456789", min_size=7, max_size=7))
def test_one_digit_completes_an_italian_number(seven):
    assert [is_aic("A0" + seven + last) for last in "0123456789"].count(True) == 1


@pytest.mark.parametrize(("text", "code"), [
    ("-04877801", "check_digit"), ("-0487780", "check_digit"), ("04877800", "not_gs1"), ("-048778000", "not_gs1"),
    ("-٠٤٨٧٧٨٠٠", "not_gs1"), ("A012745093", "no_key"), ("", "not_gs1"),
])  # fmt: skip
def test_a_code_39_of_another_kind_is_refused(text, code):
    with pytest.raises(IdentityError) as refused:
        of_code_39(text)
    assert refused.value.code == code


def test_every_national_ai_of_the_standard_is_in_the_table():
    assert set(national.IN_AI) == {str(ai) for ai in range(710, 717)}
