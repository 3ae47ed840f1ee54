"""Modules and element strings: what a standard reader must find in them, and bytes that never change."""

import cv2
import numpy as np
import pytest
import zxingcpp
from nacl.signing import SigningKey

from verifier.identity import gs1, parse_text
from verifier.labels import CARRIERS, Modules, datamatrix, element_string, qr, symbol_png, symbol_svg
from verifier.statements.pack_signature import read, signed_pack

PACK = gs1.parse(b"010952123400001321ABC\x1d10LOT(21)X\x1d17271231")


def test_elements_are_printed_in_the_packs_order_with_a_separator_only_where_one_is_needed():
    assert element_string(PACK) == b"01095212340000131727123110LOT(21)X\x1d21ABC"
    assert element_string(gs1.parse(b"0109521234000013")) == b"0109521234000013"
    signed = gs1.parse(b"010952123400001321ABC\x1d9112345678\x1d92" + b"A" * 86)
    assert element_string(signed) == b"010952123400001321ABC\x1d9112345678\x1d92" + b"A" * 86


def test_what_is_printed_is_parsed_as_what_it_was():
    assert gs1.parse(element_string(PACK)) == PACK


@pytest.mark.parametrize("identity", [
    PACK, gs1.parse(b"00095212340000000013"),
    gs1.parse(b"0109521234000013310300150011260101400ORDER\x1d21(10)_A\x1d42012345"),
])  # fmt: skip
def test_a_datamatrix_is_square_gs1_and_exact(identity):
    modules = datamatrix(identity)
    assert {len(row) for row in modules.rows} == {modules.size}
    (code,) = zxingcpp.read_barcodes(cv2.imdecode(np.frombuffer(symbol_png(modules), np.uint8), 0))
    assert (code.content_type, code.symbology_identifier) == (zxingcpp.ContentType.GS1, "]d2")
    assert bytes(code.bytes) == element_string(identity)


def test_a_qr_is_level_l_and_the_canonical_link():
    (code,) = zxingcpp.read_barcodes(cv2.imdecode(np.frombuffer(symbol_png(qr(PACK)), np.uint8), 0))
    assert (code.text, code.ec_level) == (PACK.digital_link(), "L")


def test_a_signed_pack_is_a_qr_of_version_8_that_says_its_signature():
    """19 mm at 0.33 mm a module: 49 modules and the quiet zone (ISO/IEC 18004 table 1: 17 + 4 x version)."""
    key = SigningKey(bytes(32))
    signed = signed_pack(key, gs1.parse(b"01095210000000181728033110LOT4217\x1d21A7K2M9QX3Z8YB"))
    link = signed.signed_link()
    assert (len(link), qr(signed).size) == (176, 17 + 4 * 8)
    (code,) = zxingcpp.read_barcodes(cv2.imdecode(np.frombuffer(symbol_png(qr(signed)), np.uint8), 0))
    assert (code.text, code.ec_level) == (link, "L")
    (matrix,) = zxingcpp.read_barcodes(cv2.imdecode(np.frombuffer(symbol_png(datamatrix(signed)), np.uint8), 0))
    for said in (parse_text(code.text), gs1.parse(bytes(matrix.bytes))):
        assert said == signed
        found = read(said)
        assert found is not None
        assert found.verifies(bytes(key.verify_key), said)


@pytest.mark.parametrize("carrier", CARRIERS)
def test_the_same_identity_gives_the_same_bytes(carrier):
    draw = CARRIERS[carrier]
    assert symbol_png(draw(PACK)) == symbol_png(draw(PACK))
    assert symbol_svg(draw(PACK)) == symbol_svg(draw(PACK))


def test_the_svg_path_draws_each_dark_module_and_no_other():
    tiny = Modules(((True, True, False), (False, False, False), (True, False, True)), 1)
    assert 'd="M1 1h2v1h-2zM1 3h1v1h-1zM3 3h1v1h-1z"' in symbol_svg(tiny)
    assert 'viewBox="0 0 5 5"' in symbol_svg(tiny)


@pytest.mark.parametrize("module_px", [0, -1, 65])
def test_a_module_size_out_of_range_is_refused(module_px):
    with pytest.raises(ValueError, match=f"module_px {module_px}: expected 1 to 64"):
        symbol_png(qr(PACK), module_px)
