"""Element strings: every writing that the standard allows reads the same, and nothing else reads at all."""

from contextlib import suppress

import biip.gs1_messages
import pytest
from biip import ParseError
from hypothesis import example, given
from hypothesis import strategies as st

from verifier.identity import Identity, IdentityError, gs1
from verifier.identity.ai import TABLE

GTIN = "0109521234000013"
PACK = Identity((("01", "09521234000013"), ("10", "LOT1"), ("21", "ABC"), ("17", "271231")))


@pytest.mark.parametrize(
    "raw",
    [
        GTIN + "17271231" "10LOT1\x1d" "21ABC",
        GTIN + "10LOT1\x1d" "21ABC\x1d" "17271231",
        "17271231" "21ABC\x1d" "10LOT1\x1d" + GTIN,
        "\x1d" + GTIN + "17271231" "10LOT1\x1d" "21ABC",
        "]d2" + GTIN + "17271231" "10LOT1\x1d" "21ABC",
        "]C1\x1d" + GTIN + "17271231" "10LOT1\x1d" "21ABC",
        "]Q3" + GTIN + "17271231" "10LOT1\x1d" "21ABC\x1d",
        "]e0" + GTIN + "\x1d" "17271231\x1d" "10LOT1\x1d" "21ABC",
        b"]d2" + GTIN.encode() + b"1727123110LOT1\x1d21ABC",
    ],
)  # fmt: skip
def test_the_writings_of_one_pack(raw: str | bytes) -> None:
    assert gs1.parse(raw) == PACK


@pytest.mark.parametrize(
    ("raw", "elements"),
    [
        # AI-like runs inside values: only a separator ends them.
        (GTIN + "10A21B17991231\x1d" "21S", (("10", "A21B17991231"), ("21", "S"))),
        (GTIN + "21010952123400001310", (("21", "010952123400001310"),)),
        # extra AIs are kept
        (GTIN + "21S\x1d" "7113400930000120\x1d" "91K\x1d" "400O", (("21", "S"), ("91", "K"), ("400", "O"),
         ("711", "3400930000120"))),
        (GTIN + "21S\x1d" "3103000195", (("21", "S"), ("3103", "000195"))),
    ],
)  # fmt: skip
def test_values_and_extra_elements(raw: str, elements: tuple[tuple[str, str], ...]) -> None:
    assert gs1.parse(raw).elements == (("01", "09521234000013"), *elements)


def test_unknown_ais_are_kept_raw_up_to_the_separator() -> None:
    read = gs1.parse("89XYZ1\x1d" + GTIN + "7090A\x1d" "21S\x1d" "00123456789012345675")  # fmt: skip
    assert read.unknown == ("89XYZ1", "7090A")
    assert read.elements == (("01", "09521234000013"), ("21", "S"), ("00", "123456789012345675"))


@pytest.mark.parametrize(
    ("raw", "code", "sentence"),
    [
        ("", "empty", "as GS1 element string: expected some text, found nothing."),
        ("]d2", "empty", "Failed to parse ']d2' as GS1 element string: expected an element, found nothing."),
        ("\x1d", "empty", "found nothing."),
        ("\x1d\x1d" + GTIN, "empty", "expected an application identifier, found an empty element."),
        (GTIN + "10A\x1d\x1d21B", "empty", "found an empty element."),
        (GTIN + "10A\x1d\x1d", "empty", "found an empty element."),
        (GTIN + "10\x1d21B", "empty", "Failed to parse '' as BATCH/LOT: expected 1 to 20 characters of GS1 set 82, "
         "found nothing."),
        (GTIN + GTIN, "ai_twice", "expected each AI once, found (01) 2 times."),
        (GTIN + "10A\x1d10A", "ai_twice", "found (10) 2 times."),
        (GTIN + "10A\x1d10B\x1d10C", "ai_twice", "found (10) 3 times."),
        (GTIN + "89A\x1d89A", "ai_twice", "found (89) 2 times."),
        ("0109521234000014", "check_digit", "as GTIN: expected check digit 3, found 4."),
        ("01123", "length", "Failed to parse '123' as GTIN: expected 14 digits, found 3."),
        ("01123\x1d21A", "length", "found 3."),
        (GTIN + "10" + "A" * 21, "length", "as BATCH/LOT: expected 1 to 20 characters of GS1 set 82, found 21."),
        (GTIN + "17271331", "date", "found month 13."),
        (GTIN + "10A^21B", "charset", "found '^'."),
        (GTIN + "A", "not_gs1", "Failed to parse 'A' as GS1 element: expected an application identifier, found 'A'."),
        (GTIN + "²1A", "not_gs1", "found '²1'."),
        ("]d1" + GTIN, "not_gs1", "found ']d'."),
        (GTIN + "21" + "A" * 9000, "too_long", "expected at most 8192 characters, found 9018."),
    ],
)  # fmt: skip
def test_refused(raw: str, code: str, sentence: str) -> None:
    with pytest.raises(IdentityError) as refused:
        gs1.parse(raw)
    assert refused.value.code == code
    assert str(refused.value).endswith(sentence)


def test_bytes_outside_ascii_are_refused() -> None:
    with pytest.raises(IdentityError, match="found 'é'"):
        gs1.parse(GTIN.encode() + b"21\xe9")


@given(st.text() | st.text("0123456789\x1dAB"))
def test_any_text_is_an_identity_or_a_refusal(raw: str) -> None:
    for one in (raw, raw.encode("utf-8", "surrogatepass"), GTIN + raw):
        with suppress(IdentityError):
            assert gs1.parse(one).elements


# biip is the second opinion. Its patterns for percent-encoded text can take minutes, so those AIs stay out.
known = st.sampled_from(sorted(ai for ai in TABLE if ai[:2] not in ("43", "72")))
drawn = st.builds(
    lambda ai, value, ended: ai + value + gs1.SEPARATOR * ended,
    known,
    st.text("0123456789", max_size=24) | st.text("019AZaz-/\x1d ", max_size=24),
    st.booleans(),
)
sound = st.sampled_from(["10A\x1d", "17280200", "00123456789012345675", "3103000195", "2421\x1d", "7007211225\x1d"])


@given(st.lists(sound, unique=True), drawn | st.just(""), st.integers(0, 6))
@example([], "10" + "A" * 20 + "21B", 0)
@example([], "30\x1d", 0)
def test_whenever_biip_accepts_too_it_says_the_same(parts: list[str], odd: str, at: int) -> None:
    raw = "".join([GTIN, *parts[:at], odd, *parts[at:]])
    try:
        ours = gs1.parse(raw)
        theirs = biip.gs1_messages.GS1Message.parse(raw).element_strings
    except (IdentityError, ParseError):
        return
    assert not ours.unknown
    assert set(ours.elements) == {(one.ai.ai, one.value) for one in theirs}
    assert not any(one.gtin_error or one.sscc_error or one.gln_error for one in theirs)
