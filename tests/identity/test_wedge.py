"""What a typing scanner does to a code is told, whatever the pack; and an undamaged code is never called damaged."""

import string
import time

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from verifier.identity import Identity, gs1, parse_text
from verifier.identity.wedge import AZERTY, QWERTZ, SWALLOWED, US, Damage, damage
from verifier.statements import numbering

ALPHABET = numbering.ALPHABET.decode()
HUMAN = ("01", "17", "10", "21")
OURS = st.text(ALPHABET, min_size=numbering.DRAWN, max_size=numbering.DRAWN)
LOTS = st.text(string.ascii_uppercase + string.digits + "-/", min_size=1, max_size=20)


def pack(lot: str, serial: str) -> Identity:
    return Identity((("01", "09521234000013"), ("17", "271231"), ("10", lot), ("21", serial)))


packs = st.builds(pack, LOTS, OURS)


def raw(one: Identity) -> str:
    """As our labels print it: one separator, after the lot."""
    return f"01{one.gtin}17{one.expiry}10{one.batch}\x1d21{one.serial}"


def bracketed(one: Identity) -> str:
    return "".join(f"({ai}){one.get(ai)}" for ai in HUMAN)


def identified(one: Identity) -> str:
    return "]d2" + raw(one)


FORMS = {"raw": raw, "identified": identified, "bracketed": bracketed, "link": Identity.digital_link}


def azerty(text: str) -> str:
    return text.translate(str.maketrans(US, AZERTY))


def qwertz(text: str) -> str:
    return text.translate(str.maketrans(US, QWERTZ))


@pytest.mark.parametrize("other", [AZERTY, QWERTZ])
def test_a_layout_is_the_same_keys_and_each_once(other: str) -> None:
    assert len(US) == len(other) == len(set(US)) == len(set(other)) == 94


@pytest.mark.parametrize("form", FORMS)
@given(one=packs)
def test_azerty_is_told_of_every_form(form: str, one: Identity) -> None:
    text = FORMS[form](one)
    assert damage(azerty(text)) == Damage("layout_azerty", text)


def assert_told(told: Damage | None, code: str, text: str, one: Identity) -> None:
    """The damage is named, and undone unless the lot itself holds what may be an AI: then two readings are one too
    many to suggest."""
    assert told is not None
    assert told.code == code
    assert told.suggested == text or (told.suggested is None and any(ai in (one.batch or "") for ai in SWALLOWED))


@given(one=packs)
@example(one=pack("07100", "0000000000000"))
def test_a_layout_and_a_lost_separator_are_one_damage(one: Identity) -> None:
    """A separator is typed as Ctrl and ], another key there; what is suggested must not swallow the serial."""
    assert_told(damage(azerty(raw(one).replace("\x1d", ""))), "layout_azerty", raw(one), one)


@pytest.mark.parametrize("form", [form for form in FORMS if form != "raw"])
@given(one=packs)
def test_qwertz_is_told_where_more_than_letters_are_typed(form: str, one: Identity) -> None:
    text = FORMS[form](one)
    assert damage(qwertz(text)) == Damage("layout_qwertz", text)


@given(one=packs)
def test_qwertz_on_a_bare_element_string_is_told_or_leaves_our_alphabet(one: Identity) -> None:
    text = qwertz(raw(one))
    told = damage(text)
    if told is None and text != raw(one):
        read = parse_text(text)
        assert read.batch != one.batch or not set(read.serial or "") <= set(ALPHABET)


@pytest.mark.parametrize("form", ["identified", "link"])
@given(one=packs)
@example(one=pack("/", "0000000000000"))
def test_caps_lock_is_told_where_the_code_has_words_of_its_own(form: str, one: Identity) -> None:
    text = FORMS[form](one)
    told = damage(text.swapcase())
    if told is None:
        assert parse_text(text.swapcase()) == one, "only host and percent-encoding have letters: nothing was harmed"
    else:
        assert told == Damage("caps_lock", text)


@pytest.mark.parametrize("form", ["raw", "identified"])
@given(one=packs)
@example(one=pack("07100", "0000000000000"))
def test_a_lost_separator_is_told(form: str, one: Identity) -> None:
    text = FORMS[form](one)
    assert_told(damage(text.replace("\x1d", "")), "lost_separator", text, one)


@given(lot=LOTS, serial=OURS)
@example(lot="02102", serial="0002100000000")
def test_a_lost_separator_is_told_in_the_other_order_too(lot: str, serial: str) -> None:
    """Lot, expiry, serial; where a lot that holds an AI makes two readings, none is suggested wrongly."""
    text = f"01095212340000131{'0'}{lot}\x1d1727123121{serial}"
    told = damage(text.replace("\x1d", ""))
    assert told is not None
    assert told.code == "lost_separator"
    assert told.suggested in (text, None) or len(_serials(text.replace("\x1d", ""))) > 1


def _serials(text: str) -> set[str]:
    return {text[at + 2 :] for at in range(16, len(text)) if text.startswith("21", at)}


@given(one=packs, form=st.sampled_from(list(FORMS)))
def test_an_undamaged_code_is_never_called_damaged(one: Identity, form: str) -> None:
    assert damage(FORMS[form](one)) is None


FREE = st.text(
    "!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=20
)


@given(lot=FREE, serial=FREE, form=st.sampled_from(["raw", "identified", "link"]))
def test_nor_is_any_other_maker_s(lot: str, serial: str, form: str) -> None:
    assume(lot not in (".", "..") and serial not in (".", ".."))
    assert damage(FORMS[form](pack(lot, serial))) is None


@given(lot=FREE)
def test_a_lot_without_a_serial_is_damaged_only_if_it_ends_as_one_of_our_serials(lot: str) -> None:
    ambiguous = lot[-15:-13] == "21" and set(lot[-13:]) <= set(ALPHABET) and len(lot) > 15
    assert (damage(f"01095212340000131727123110{lot}") is not None) == ambiguous


@pytest.mark.parametrize("text", [
    "", " ", "hello", "9521234000013", "9521234000014", "https://evil.example/01/09521234000013", "0109521234000014",
    "HTTPS://ID.GS1.ORG/01/09521234000013/21/ABC", "HTTPS://ID.GS1.ORG/01/09521234000013/21/A%2fB",
    "https://id.gs1.org/01/09521234000013/21/abc", "(01)09521234000014",
    "010952123400001310LOT1\x1d10LOT2", "]C1", "\x1d\x1d", "01" * 4000, "10" * 80, "A" * 9000, "é" * 9000,
])  # fmt: skip
def test_what_is_wrong_in_another_way_is_not_blamed_on_the_keyboard(text: str) -> None:
    assert damage(text) is None


def test_two_readings_suggest_none() -> None:
    told = damage("01095212340000131727123110A21B21C" + "D" * 14)
    assert told == Damage("lost_separator", None)


@pytest.mark.parametrize("text", ["01095212340000131727123110" + "21" * 60, "01095212340000132110" + "2110" * 35])
def test_no_text_keeps_it_busy(text: str) -> None:
    started = time.perf_counter()
    damage(text)
    assert time.perf_counter() - started < 0.5


@given(st.text(max_size=200))
def test_it_never_raises_and_what_it_suggests_can_be_read(text: str) -> None:
    told = damage(text)
    if told is not None and told.suggested is not None:
        assert parse_text(told.suggested)
        assert told.suggested != text


def test_the_alphabet_is_numbering_s() -> None:
    from verifier.identity import wedge

    assert {c for c in string.printable if wedge._OWN_SERIAL.fullmatch(c * numbering.DRAWN)} == set(ALPHABET)
    assert gs1.SEPARATOR == "\x1d"
