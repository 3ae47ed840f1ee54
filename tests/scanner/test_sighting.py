"""Symbols to one Identity, or why not: what is preferred, what is ignored, and what is never chosen between."""

import pytest

from scanner.decode import Symbol
from scanner.sighting import Miss, Sighting, sight, sight_text

BOX = ((0, 0), (9, 0), (9, 9), (0, 9))
PACK = b"01095212340000131727123110LOT1\x1d21ABC"
LINK = "https://id.gs1.org/01/09521234000013/10/LOT1/21/ABC?17=271231"


def datamatrix(content: bytes) -> Symbol:
    return Symbol("DataMatrix", "]d2", content, content.decode(), "gs1", BOX)


def qr(text: str) -> Symbol:
    return Symbol("QRCode", "]Q1", text.encode(), text, "text", BOX)


def ean(text: str) -> Symbol:
    return Symbol("EAN13", "]E0", text.encode(), text, "text", BOX)


@pytest.mark.parametrize("symbol", [datamatrix(PACK), qr(LINK)])
def test_one_pack_code_is_one_identity(symbol):
    seen = sight([symbol])
    assert isinstance(seen, Sighting)
    assert (seen.identity.gtin, seen.identity.serial, seen.symbol) == ("09521234000013", "ABC", symbol)


def test_a_retail_code_alone_is_an_identity_without_a_serial():
    seen = sight([ean("9521234000013")])
    assert isinstance(seen, Sighting)
    assert (seen.identity.gtin, seen.identity.serial) == ("09521234000013", None)


def test_the_2d_code_is_preferred_to_the_retail_code_that_agrees():
    both = [ean("9521234000013"), datamatrix(PACK)]
    seen = sight(both)
    assert isinstance(seen, Sighting)
    assert (seen.symbol, seen.others) == (both[1], (both[0],))


def test_a_qr_and_a_datamatrix_of_one_pack_agree_and_the_fullest_is_kept():
    signed = datamatrix(PACK + b"\x1d91AAAAAAAA")
    seen = sight([qr(LINK), signed])
    assert isinstance(seen, Sighting)
    assert seen.symbol == signed


@pytest.mark.parametrize("beside", [
    qr("https://maker.example/leaflet"), qr("https://id.gs1.org.evil.example/01/09521234000013/21/X"), qr("hello"),
    datamatrix(b"0109521234000014"),
])  # fmt: skip
def test_what_is_not_a_pack_code_beside_one_is_kept_aside(beside):
    seen = sight([beside, datamatrix(PACK)])
    assert isinstance(seen, Sighting)
    assert seen.others == (beside,)


def gs1_128(content: bytes) -> Symbol:
    return Symbol("Code128", "]C1", content, content.decode(), "gs1", BOX)


APART = [
    datamatrix(PACK[:-1] + b"D"), ean("4006381333931"), datamatrix(b"00095212340000000013"),
    qr(LINK.replace("09521234000013", "09521234000020")), datamatrix(PACK.replace(b"LOT1", b"LOT2")[:-1] + b"D"),
]  # fmt: skip
DIFFERENT = [
    qr(LINK.replace("271231", "281231")), datamatrix(PACK.replace(b"LOT1", b"LOT2")),
    gs1_128(b"010952123400001310LOT2"), gs1_128(b"010952123400001317281231"),
    datamatrix(PACK.replace(b"LOT1", b"LOT2").removesuffix(b"\x1d21ABC")),
]  # fmt: skip


@pytest.mark.parametrize(("other", "sign"), [
    *((other, "several") for other in APART), *((other, "codes_differ") for other in DIFFERENT)
])  # fmt: skip
def test_two_things_are_never_chosen_between(other, sign):
    for codes in ([datamatrix(PACK), other], [other, datamatrix(PACK)]):
        seen = sight(codes)
        assert isinstance(seen, Sighting)
        assert seen.signs == (sign,)
        assert {one.symbol for one in seen.things} == set(codes)
        assert seen.others == ()


def test_two_retail_codes_are_two_things():
    seen = sight([ean("9521234000013"), ean("4006381333931")])
    assert isinstance(seen, Sighting)
    assert (seen.signs, len(seen.things)) == (("several",), 2)


def test_each_code_goes_to_the_thing_it_agrees_with():
    """Two packs of two products, each with its retail code; the retail code of a product with two packs counts once."""
    other = datamatrix(b"0104006381333931" + PACK[16:])
    seen = sight([ean("4006381333931"), ean("9521234000013"), datamatrix(PACK), other])
    assert isinstance(seen, Sighting)
    assert [(one.symbol, one.others) for one in seen.things] == [
        (datamatrix(PACK), (ean("9521234000013"),)), (other, (ean("4006381333931"),)),
    ]  # fmt: skip
    twins = sight([ean("9521234000013"), datamatrix(PACK), datamatrix(PACK[:-1] + b"D")])
    assert isinstance(twins, Sighting)
    assert [one.symbol.content for one in twins.things if one.symbol] == [PACK, PACK[:-1] + b"D"]


def test_things_apart_and_codes_that_differ_are_both_told():
    seen = sight([datamatrix(PACK), datamatrix(PACK.replace(b"LOT1", b"LOT2")), ean("4006381333931")])
    assert isinstance(seen, Sighting)
    assert seen.signs == ("codes_differ", "several")


def test_the_number_of_a_german_box_is_the_product_its_square_code_names():
    pzn = Symbol("Code39", "]A0", b"-04877800", "-04877800", "text", BOX)
    for pack in (b"0104150048778006" + PACK[16:], PACK + b"\x1d71004877800"):
        seen = sight([pzn, datamatrix(pack)])
        assert isinstance(seen, Sighting)
        assert (seen.beside, seen.others) == ((), (pzn,))
    apart = sight([pzn, datamatrix(PACK)])
    assert isinstance(apart, Sighting)
    assert apart.signs == ("several",)


def test_what_no_thing_says_is_kept_aside_once():
    poster = qr("https://maker.example/leaflet")
    seen = sight([poster, datamatrix(PACK), ean("4006381333931")])
    assert isinstance(seen, Sighting)
    assert (seen.others, seen.beside[0].others) == ((poster,), ())


@pytest.mark.parametrize(("symbols", "code"), [
    ([], "nothing_read"),
    ([qr("hello")], "not_a_pack"),
    ([qr("01095212340000131727123110LOT1")], "not_a_pack"),
    ([qr("(01)09521234000013(21)ABC")], "not_a_pack"),
    ([qr("javascript:alert(1)")], "not_a_pack"),
    ([qr("https://id-gs1.org/01/09521234000013/21/ABC")], "foreign_link"),
    ([qr("HTTPS://EVIL.EXAMPLE/01/09521234000013/21/ABC")], "foreign_link"),
    ([qr("hello"), qr("https://evil.example/")], "foreign_link"),
    ([datamatrix(b"0109521234000014")], "malformed"),
    ([datamatrix(b"0109521234000014"), ean("9521234000013")], "malformed"),
    ([datamatrix(b"0109521234000014"), qr("https://evil.example/")], "malformed"),
    ([datamatrix(b"010952123400001321A\x1d21B")], "malformed"),
    ([datamatrix(b"]d20109521234000013")], "malformed"),
    ([datamatrix(b"hello")], "malformed"),
    ([qr("https://id.gs1.org/01/09521234000014/21/ABC")], "malformed"),
])  # fmt: skip
def test_a_miss_says_why(symbols, code):
    miss = sight(symbols)
    assert isinstance(miss, Miss)
    assert miss.code == code
    assert miss.detail
    if code in {"malformed", "foreign_link"}:
        assert miss.error is not None
        assert miss.error.expected


def test_only_the_hosts_one_trusts_are_known():
    own = qr(LINK.replace("id.gs1.org", "codes.example"))
    assert isinstance(sight([own]), Miss)
    assert isinstance(sight([own], frozenset({"codes.example"})), Sighting)


@pytest.mark.parametrize(("text", "symbology"), [
    (PACK.decode(), "]d2"), (PACK.decode(), "]d8"), (PACK.decode(), None), (LINK, None),
    ("(01)09521234000013(17)271231(10)LOT1(21)ABC", None), ("9521234000013", "]E0"), ("09521234000013", "]I1"),
])  # fmt: skip
def test_typed_text_is_an_identity_without_a_symbol(text, symbology):
    seen = sight_text(text, symbology)
    assert isinstance(seen, Sighting)
    assert (seen.identity.gtin, seen.symbol, seen.others) == ("09521234000013", None, ())


@pytest.mark.parametrize(("text", "symbology", "code"), [
    ("", None, "nothing_read"), ("hello", None, "not_a_pack"), ("9521234000014", None, "malformed"),
    ("https://evil.example/01/09521234000013", None, "foreign_link"), ("(01)09521234000013", "]d2", "malformed"),
    ("521234000013", "]E0", "malformed"), ("A012745093", "]A0", "no_serial"), ("HELLO", "]A0", "not_a_pack"),
    ("A" * 5_000_000, None, "malformed"),
])  # fmt: skip
def test_typed_text_that_is_no_pack_says_why(text, symbology, code):
    miss = sight_text(text, symbology)
    assert isinstance(miss, Miss)
    assert miss.code == code
    assert len(miss.detail) < 1000
