"""A pack's own signature: every element that it covers is covered, and each of the two values has one spelling."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import SigningKey

from verifier.identity import Identity, gs1, parse_text
from verifier.labels import element_string
from verifier.statements.errors import Malformed
from verifier.statements.pack_signature import message, read, sign, signed_pack

KEY = SigningKey(bytes([1]) * 32)
PUBLIC = bytes(KEY.verify_key)
PACK = parse_text("(01)09521000000018(17)281231(10)LOT1(21)ABC")
seeds = st.binary(min_size=32, max_size=32)


@given(seed=seeds)
def test_what_is_signed_is_read_from_link_and_element_string_alike(seed: bytes) -> None:
    key = SigningKey(seed)
    signed = signed_pack(key, PACK)
    hint, signature = signed.get("91") or "", signed.get("92") or ""
    assert (len(hint), len(signature)) == (8, 86)
    assert signed.digital_link() == PACK.digital_link()  # its subject is what it was
    for said in (parse_text(signed.signed_link()), gs1.parse(element_string(signed))):
        own = read(said)
        assert own is not None
        assert own.verifies(bytes(key.verify_key), said)
        assert not own.verifies(PUBLIC, said) or seed == bytes(KEY)


@pytest.mark.parametrize("other", [
    "(01)09521000000025(17)281231(10)LOT1(21)ABC", "(01)09521000000018(17)281200(10)LOT1(21)ABC",
    "(01)09521000000018(17)281231(10)LOT1A(21)BC", "(01)09521000000018(17)281231(10)lot1(21)ABC",
    "(01)09521000000018(17)281231(10)LOT1(21)ABCD", "(01)09521000000018(17)281231(10)LOT(21)1ABC",
])  # fmt: skip
def test_each_of_the_four_is_covered_and_where_it_ends(other: str) -> None:
    own = read(signed_pack(KEY, PACK))
    assert own is not None
    assert not own.verifies(PUBLIC, parse_text(other))


def test_what_else_a_code_carries_is_not_covered() -> None:
    """A price or a variant printed beside it is nobody's signature's business."""
    own = read(signed_pack(KEY, Identity((*PACK.elements, ("400", "ORDER")))))
    assert own is not None
    assert own.verifies(PUBLIC, PACK)


@pytest.mark.parametrize("ai", ["17", "10", "21"])
def test_without_one_of_the_four_nothing_is_signed_or_read(ai: str) -> None:
    less = Identity(tuple(element for element in PACK.elements if element[0] != ai))
    with pytest.raises(Malformed, match=r"pack signature: expected a GTIN \(01\), expiry \(17\)"):
        sign(KEY, less)
    signed = signed_pack(KEY, PACK)
    assert read(Identity((*less.elements, ("91", signed.get("91") or ""), ("92", signed.get("92") or "")))) is None


@given(st.text("ABCXYZabcxyz0189-_+/=.", min_size=1, max_size=90), st.text("ABC-_=+8", min_size=1, max_size=9))
def test_another_form_is_no_signature_and_no_fault(signature: str, hint: str) -> None:
    found = read(Identity((*PACK.elements, ("91", hint), ("92", signature))))
    if found is not None:
        assert (len(hint), len(signature)) == (8, 86)
        assert not {*hint, *signature} & set("+/=.")


def test_one_spelling_alone_is_ours() -> None:
    """Sixteen last characters spell the same 64 bytes to a lax decoder."""
    signed = signed_pack(KEY, PACK)
    text = signed.get("92") or ""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    group = alphabet.index(text[-1]) // 16 * 16
    spelt = [Identity((*PACK.elements, ("91", signed.get("91") or ""), ("92", text[:-1] + alphabet[group + n])))
             for n in range(16)]  # fmt: skip
    assert [n for n, one in enumerate(spelt) if read(one) is not None] == [alphabet.index(text[-1]) % 16] == [0]


def test_the_bytes_signed_are_no_other_statements() -> None:
    """An array of five that begins with its context: never a COSE Sig_structure, an array of four."""
    assert message(PACK).startswith(b"\x85\x70probatum pack v1")
