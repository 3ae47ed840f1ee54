"""What is typed or sent by a wedge scanner: four writings, told apart without guessing."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier.identity import ForeignLink, Identity, IdentityError, parse_text

PACK = Identity((("01", "09521234000013"), ("10", "LOT1"), ("21", "ABC"), ("17", "271231")))


@pytest.mark.parametrize(
    "text",
    [
        "(01)09521234000013(17)271231(10)LOT1(21)ABC",
        "  (01)09521234000013 (17)271231\r\n(10)LOT1 (21)ABC\n",
        "010952123400001317271231" "10LOT1\x1d" "21ABC\r\n",
        "]d2010952123400001317271231" "10LOT1\x1d" "21ABC",
        "\x1d010952123400001317271231" "10LOT1\x1d" "21ABC\x1d",
        "https://id.gs1.org/01/09521234000013/10/LOT1/21/ABC?17=271231",
        "HTTP://ID.GS1.ORG/01/09521234000013/10/LOT1/21/ABC?17=271231\n",
    ],
)  # fmt: skip
def test_the_writings_of_one_pack(text: str) -> None:
    assert parse_text(text) == PACK


@pytest.mark.parametrize(
    ("text", "gtin"),
    [
        ("3400930000120", "03400930000120"),
        ("3 400930 000120", "03400930000120"),
        ("09521234000013", "09521234000013"),
        ("02345673", "00000002345673"),
        ("012345678905", "00012345678905"),
    ],
)
def test_a_bare_gtin(text: str, gtin: str) -> None:
    assert parse_text(text).elements == (("01", gtin),)


def test_brackets_keep_unknown_ais_and_escaped_brackets() -> None:
    read = parse_text(r"(01)09521234000013(10)A\(21)B(89)ABC")
    assert (read.batch, read.serial, read.unknown) == ("A(21)B", None, ("89ABC",))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty"),
        (" \n", "empty"),
        ("A" * 5_000_000, "too_long"),
        ("hello", "not_gs1"),
        ("www.example.com/01/09521234000013", "not_gs1"),
        ("]d1hello", "not_gs1"),
        ("123", "length"),  # (12), a date, cut short
        ("3400930000121", "check_digit"),
        ("٣٤٠٠٩٣٠٠٠٠١٢٠", "not_gs1"),
        ("(01)09521234000013(01)09521234000013", "ai_twice"),
        ("(01)09521234000013(1A)X", "not_gs1"),
        ("()X", "not_gs1"),
        ("(01", "not_gs1"),
        ("(01)09521234000013(10)A(B", "not_gs1"),
        ("(01)09521234000013(10)LOT 1", "charset"),
        ("(01)09521234000013(10)", "empty"),
        ("(01)9521234000013", "length"),
        ("(10)LOT1", "no_key"),
    ],
)
def test_refused(text: str, code: str) -> None:
    with pytest.raises(IdentityError) as refused:
        parse_text(text)
    assert refused.value.code == code
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize("text", ["ftp://id.gs1.org/01/09521234000013", "https://example.com/", "javascript://x/%0a1"])
def test_other_links_are_foreign(text: str) -> None:
    with pytest.raises(ForeignLink):
        parse_text(text)


@given(st.text() | st.from_regex(r"\A[(\]h0-9][^\n]{0,30}\Z"))
def test_any_text_is_an_identity_or_a_refusal(text: str) -> None:
    with suppress(IdentityError):
        assert parse_text(text).elements
