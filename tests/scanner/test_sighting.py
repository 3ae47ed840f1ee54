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


@pytest.mark.parametrize("other", [
    datamatrix(PACK[:-1] + b"D"), qr(LINK.replace("271231", "281231")), ean("4006381333931"),
    datamatrix(b"00095212340000000013"),
])  # fmt: skip
def test_two_codes_that_disagree_are_never_chosen_between(other):
    for codes in ([datamatrix(PACK), other], [other, datamatrix(PACK)]):
        miss = sight(codes)
        assert isinstance(miss, Miss)
        assert (miss.code, miss.symbols) == ("codes_disagree", tuple(codes))


def test_two_retail_codes_disagree():
    miss = sight([ean("9521234000013"), ean("4006381333931")])
    assert isinstance(miss, Miss)
    assert miss.code == "codes_disagree"


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
    ("(01)09521234000013(17)271231(10)LOT1(21)ABC", None), ("9521234000013", "]E0"),
])  # fmt: skip
def test_typed_text_is_an_identity_without_a_symbol(text, symbology):
    seen = sight_text(text, symbology)
    assert isinstance(seen, Sighting)
    assert (seen.identity.gtin, seen.symbol, seen.others) == ("09521234000013", None, ())


@pytest.mark.parametrize(("text", "symbology", "code"), [
    ("", None, "nothing_read"), ("hello", None, "not_a_pack"), ("9521234000014", None, "malformed"),
    ("https://evil.example/01/09521234000013", None, "foreign_link"), ("(01)09521234000013", "]d2", "malformed"),
    ("A" * 5_000_000, None, "malformed"),
])  # fmt: skip
def test_typed_text_that_is_no_pack_says_why(text, symbology, code):
    miss = sight_text(text, symbology)
    assert isinstance(miss, Miss)
    assert miss.code == code
    assert len(miss.detail) < 1000
