"""What exists is valid: an Identity cannot be made otherwise, and comes out in one order whatever went in."""

import copy
import dataclasses
import pickle
import random
import string
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier.identity import Identity, IdentityError, digital_link, gs1, parse_text

GTIN = "09521234000013"
PACK = (("01", GTIN), ("10", "LOT1"), ("21", "ABC"), ("17", "271231"), ("8005", "000123"))
SET_82 = string.ascii_letters + string.digits + "!\"%&'()*+,-./_:;<=>?"
values = st.text(SET_82, min_size=1, max_size=20)


def refusal(*elements: tuple[str, str], unknown: tuple[str, ...] = ()) -> IdentityError:
    with pytest.raises(IdentityError) as refused:
        Identity(elements, unknown)
    return refused.value


def test_any_order_in_one_order_out() -> None:
    assert {Identity(order) for order in permutations(PACK)} == {Identity(PACK)}
    assert Identity(PACK[::-1]).elements == PACK


def test_the_primary_key_leads_and_other_keys_are_attributes() -> None:
    place = ("414", "9521234000013")
    assert Identity((place, *PACK)).elements == (*PACK[:4], place, PACK[4])
    shipment = Identity((("37", "12"), ("02", GTIN), ("00", "123456789012345675")))
    assert (shipment.sscc, shipment.gtin) == ("123456789012345675", None)
    assert shipment.digital_link() == "https://id.gs1.org/00/123456789012345675"


@pytest.mark.parametrize(
    ("elements", "code", "sentence"),
    [
        ((), "not_gs1", "expected a key that names a thing, such as (01) or (00), found no AI that GS1 has assigned."),
        ((("10", "LOT1"), ("21", "A")), "no_key", "found (10) (21)."),
        ((("01", GTIN), ("01", GTIN)), "ai_twice", "'(01)09521234000013(01)09521234000013' as GS1 identity: "
         "expected each AI once, found (01) 2 times."),
        ((("01", GTIN), ("89", "A")), "unknown_ai", "expected an AI that GS1 has assigned, found (89)."),
        ((("01", GTIN), ("02", GTIN)), "two_keys", "expected one trade item, found (01) and (02)."),
        ((("01", "123"),), "length", "Failed to parse '123' as GTIN: expected 14 digits, found 3."),
        ((("01", GTIN), ("21", "")), "empty", "as SERIAL: expected 1 to 20 characters of GS1 set 82, found nothing."),
    ],
)  # fmt: skip
def test_refused(elements: tuple[tuple[str, str], ...], code: str, sentence: str) -> None:
    error = refusal(*elements)
    assert error.code == code
    assert str(error).endswith(sentence)


@pytest.mark.parametrize(
    ("unknown", "code"),
    [
        (("10LOT2",), "not_gs1"),  # it would hide a batch
        (("89",), "not_gs1"),
        (("89A B",), "not_gs1"),
        (("A9B",), "not_gs1"),
        (("89" + "A" * 93,), "not_gs1"),
        (("89A", "89B"), "ai_twice"),
        (("3338030333", "3338030334"), "ai_twice"),
    ],
)
def test_unknown_elements_have_their_rules(unknown: tuple[str, ...], code: str) -> None:
    assert refusal(("01", GTIN), unknown=unknown).code == code


def test_unknown_elements_are_kept_and_take_no_part_in_links() -> None:
    strange = Identity(PACK, ("89ABC", "3338030333", "3339030333"))
    assert strange.unknown == ("89ABC", "3338030333", "3339030333")
    assert strange.digital_link() == Identity(PACK).digital_link()
    assert strange != Identity(PACK)


def test_what_it_says() -> None:
    pack = Identity(PACK)
    assert (pack.gtin, pack.batch, pack.serial, pack.expiry, pack.sscc) == (GTIN, "LOT1", "ABC", "271231", None)
    assert (pack.get("8005"), pack.get("11")) == ("000123", None)
    assert pack.human()[2:] == (("(21)", "ABC"), ("(17)", "271231"), ("(8005)", "000123"))


@pytest.mark.parametrize(
    ("elements", "link"),
    [
        (PACK, "/01/09521234000013/10/LOT1/21/ABC?17=271231"),
        (PACK[:1], "/01/09521234000013"),
        ((PACK[0], ("22", "2A"), ("21", "a/b+c%")), "/01/09521234000013/22/2A/21/a%2Fb%2Bc%25"),
        ((PACK[0], ("235", "TPX")), "/01/09521234000013/235/TPX"),
        ((("414", "9521234000013"), ("254", "B7")), "/414/9521234000013/254/B7"),
        ((("8004", "9520614141234567"), ("21", "X")), "/8004/9520614141234567"),
    ],
)
def test_canonical_link(elements: tuple[tuple[str, str], ...], link: str) -> None:
    assert Identity(elements).digital_link() == "https://id.gs1.org" + link


def test_a_lot_needs_a_gtin_and_a_batch() -> None:
    assert Identity((PACK[0], ("10", "L/1"), PACK[2])).class_link() == f"https://id.gs1.org/01/{GTIN}/10/L%2F1"
    with pytest.raises(IdentityError, match=r"as a lot: expected a GTIN \(01\) and a batch \(10\), found \(01\)\."):
        Identity(PACK[:1]).class_link()


def test_frozen_hashable_and_comes_back_from_a_pickle() -> None:
    pack = Identity(PACK)
    assert {pack, copy.deepcopy(pack), pickle.loads(pickle.dumps(pack))} == {pack}  # noqa: S301
    with pytest.raises(dataclasses.FrozenInstanceError):
        pack.elements = ()  # type: ignore[misc]
    error = refusal(("01", "123"))
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301


@given(values, values, st.booleans(), st.randoms(use_true_random=False))
def test_four_writings_one_identity(batch: str, serial: str, expiry: bool, order: random.Random) -> None:
    elements = [("01", GTIN), ("10", batch), ("21", serial)] + [("17", "280229")] * expiry
    order.shuffle(elements)
    pack = Identity(tuple(elements))
    assert gs1.parse("".join(f"{ai}{value}\x1d" for ai, value in elements)) == pack
    assert parse_text("".join(f"({ai})" + value.replace("(", "\\(") for ai, value in elements)) == pack
    if not {batch, serial} & {".", ".."}:  # which the door for links refuses by its rule
        assert digital_link.parse(pack.digital_link()) == pack
