"""The table of AIs: what biip's file says survives our reading of it, and what it leaves out is refused by name."""

import pytest
from biip.gs1_application_identifiers import GS1ApplicationIdentifier

from verifier.identity import IdentityError
from verifier.identity.ai import KEYS, TABLE, WIDTH

REFUSED = [
    ("00", "123456789012345670", "check_digit", "as SSCC: expected check digit 5, found 0."),
    ("01", "", "empty", "Failed to parse '' as GTIN: expected 14 digits, found nothing."),
    ("01", "0952123400001X", "charset", "expected 14 digits, found 'X'."),
    ("01", "0952123400001٣", "charset", "found '٣'."),
    ("01", "09521234000013\n", "charset", r"found '\n'."),
    ("02", "09521234000010", "check_digit", "as CONTENT: expected check digit 3, found 0."),
    ("10", "LOT 1", "charset", "expected 1 to 20 characters of GS1 set 82, found ' '."),
    ("10", "é", "charset", "found 'é'."),
    ("10", "A" * 21, "length", "found 21."),
    ("17", "271331", "date", "as USE BY or EXPIRY: expected a date YYMMDD, found month 13."),
    ("17", "270001", "date", "found month 00."),
    ("17", "270230", "date", "found day 30."),
    ("17", "270229", "date", "found day 29."),
    ("17", "2712", "length", "expected 6 digits, found 4."),
    ("30", "", "empty", "expected 1 to 8 digits, found nothing."),
    ("253", "1234567890120", "check_digit", "expected check digit 8, found 0."),
    ("414", "9521234000017", "check_digit", "as LOC No.: expected check digit 3, found 7."),
    ("423", "52852", "format", "expected the form N3+N..12, found 5 characters."),
    ("4307", "fr", "format", "expected 2 characters of GS1 set 82, of those GS1 allows, found 'fr'."),
    ("4321", "5", "format", "expected 1 digit, of those GS1 allows, found '5'."),
    ("4330", "12345", "format", "expected the form N6+[-], found 5 characters."),
    ("7007", "211225211231X", "charset", "found 'X'."),
    ("7007", "211225211232", "date", "found day 32."),
    ("7006", "211200", "date", "found day 00."),
    ("8003", "02112345678905", "check_digit", "expected check digit 0, found 5."),
    ("8003", "12112345678900", "format", "found 14 characters."),
    ("8006", "095212340000140102", "check_digit", "expected check digit 3, found 4."),
    ("8018", "123456789012345674", "check_digit", "expected check digit 5, found 4."),
]
VALID = [
    ("00", "123456789012345675"),
    ("17", "280229"),
    ("17", "271200"),
    ("21", "!\"%&'()*+,-./_"),
    ("21", ":;<=>?Az09"),
    ("253", "1234567890128DOC/1"),
    ("414", "9521234000013"),
    ("7007", "211225"),
    ("7007", "211225211231"),
    ("8003", "02112345678900ABC"),
    ("8006", "095212340000130102"),
    ("8017", "123456789012345675"),
    ("7256", "%41%42"),
]


@pytest.mark.parametrize(("ai", "value", "code", "sentence"), REFUSED)
def test_refused_with_value_expected_and_found(ai: str, value: str, code: str, sentence: str) -> None:
    with pytest.raises(IdentityError) as refused:
        TABLE[ai].check(value)
    assert refused.value.code == code
    assert str(refused.value).endswith(sentence)
    assert refused.value.value in (value, value[6:])


@pytest.mark.parametrize(("ai", "value"), VALID)
def test_valid(ai: str, value: str) -> None:
    TABLE[ai].check(value)


def test_every_row_is_what_biip_says() -> None:
    assert len(TABLE) > 500
    for code, ai in TABLE.items():
        theirs = GS1ApplicationIdentifier.extract(code)
        assert (theirs.ai, theirs.data_title, theirs.separator_required) == (code, ai.title, ai.length is None)


def test_the_first_two_digits_tell_how_long_an_ai_is() -> None:
    assert all(len(code) == WIDTH[code[:2]] for code in TABLE)


def test_every_key_and_qualifier_is_assigned() -> None:
    assert {ai for key, ways in KEYS.items() for way in (*ways, (key,)) for ai in way} <= TABLE.keys()
