"""Two codes in one window: the attacker sticks a genuine pack's code beside the one his box came with.

Whoever chooses one of them for the reader has been led. Both are told, and what the reader sees first is never a green.
"""

import os
from io import BytesIO
from itertools import permutations
from typing import Any

import numpy as np
import pytest
import zxingcpp
from house import House, with_element

from scanner.photo import read_photo
from verifier import labels
from verifier.commands.issuing import Lot, identity_of, issue
from verifier.identity import Identity
from verifier.labels.symbol import png
from verifier.statements import numbering
from verifier.verdict.reasons import OUTCOMES
from verifier.verdict.several import JUDGED

OWN = Lot("09521000000018", "WINDOW1", "281231", ("FR",))


def label(pack: Identity, carrier: str = "datamatrix") -> np.ndarray:
    return read_photo(labels.label_png(pack, carrier))


def linear(pack: Identity, *ais: str) -> np.ndarray:
    """Some of a pack's elements as a GS1-128."""
    marked = "".join(f"[{ai}]{pack.get(ai)}" for ai in ais)
    return np.array(zxingcpp.create_barcode(marked, zxingcpp.BarcodeFormat.Code128, gs1=True).to_image(scale=3))


def window(*pictures: np.ndarray) -> bytes:
    """Pictures side by side on white, as PNG."""
    tallest = max(one.shape[0] for one in pictures)
    padded = [np.pad(one, ((30, 30 + tallest - one.shape[0]), (30, 30)), constant_values=255) for one in pictures]
    return png(np.hstack(padded))


def scan(house: House, image: bytes) -> dict[str, Any]:
    answer = house.http.post("/api/scan", data={"image": (BytesIO(image), "x.png")})
    assert answer.status_code == 200, answer.get_data(as_text=True)
    found: dict[str, Any] = answer.get_json()
    return found


def codes(verdict: dict[str, Any]) -> list[str]:
    return [reason["code"] for reason in verdict["reasons"]]


@pytest.fixture(scope="module")
def packs(demo_house: House) -> list[Identity]:
    """Genuine packs of a batch that no other test touches."""
    serials = tuple(numbering.generate(JUDGED + 2, os.urandom))
    issue(demo_house.client, demo_house.key("laboratoires-aubrac"), OWN, serials, moment=demo_house.clock())
    return [identity_of(OWN, serial.decode()) for serial in serials]


WORLD = {"recalled": ("recalled", 2), "expired": ("expired", 2), "stolen": ("current", 5)}
NAMES = ("genuine", "another genuine", *WORLD)


@pytest.mark.parametrize(("one", "other"), list(permutations(NAMES, 2)))
def test_two_packs_are_both_told_and_never_plain_green(
    demo_house: House, packs: list[Identity], one: str, other: str
) -> None:
    own = dict(zip(NAMES, packs, strict=False))
    both = [demo_house.world.pack(*WORLD[name]) if name in WORLD else own[name] for name in (one, other)]
    alone = sorted((demo_house.verdict(pack)["outcome"] for pack in both), key=OUTCOMES.index)
    found = scan(demo_house, window(label(both[0]), label(both[1], "qr")))
    assert "several" in codes(found)
    (beside,) = found["others"]
    assert {found["identity"]["serial"], beside["identity"]["serial"]} == {pack.serial for pack in both}
    assert found["outcome"] == ("unverified" if alone[-1] == "genuine" else alone[-1])
    assert beside["outcome"] == alone[0]
    assert found["answers"]["use"] != "yes"


@pytest.mark.parametrize(("ai", "value"), [("10", "AX26K9"), ("17", "351231")])
@pytest.mark.parametrize("carrier", ["qr", "datamatrix", "gs1-128"])
def test_another_lot_or_date_on_the_same_box_is_asked_about(
    demo_house: House, packs: list[Identity], ai: str, value: str, carrier: str
) -> None:
    genuine = packs[0]
    sticker = with_element(genuine, ai, value)
    drawn = linear(sticker, "01", ai) if carrier == "gs1-128" else label(sticker, carrier)
    found = scan(demo_house, window(label(genuine), drawn))
    assert (found["outcome"], codes(found)[0]) == ("caution", "codes_differ")
    values = {dict(one["identity"]["human"]).get(f"({ai})") for one in (found, *found["others"])}
    assert values == {genuine.get(ai), value}
    assert found["answers"] == {"what": "unknown", "hands": found["answers"]["hands"], "use": "unknown"}


def test_the_retail_code_of_another_product_is_another_thing(demo_house: House, packs: list[Identity]) -> None:
    stripes = np.array(zxingcpp.create_barcode("4006381333931", zxingcpp.BarcodeFormat.EAN13).to_image(scale=4))
    found = scan(demo_house, window(label(packs[0]), stripes))
    assert codes(found)[0] == "several"
    assert [other["outcome"] for other in found["others"]] == ["genuine"]


def test_the_codes_of_one_box_are_one_pack(demo_house: House, packs: list[Identity]) -> None:
    """The control: its retail code, its link and its lot beside its DataMatrix change nothing."""
    pack = packs[0]
    stripes = np.array(
        zxingcpp.create_barcode((pack.gtin or "")[1:], zxingcpp.BarcodeFormat.EAN13).to_image(scale=4)
    )
    found = scan(demo_house, window(stripes, label(pack), label(pack, "qr"), linear(pack, "01", "17", "10")))
    assert (found["outcome"], codes(found), found["others"]) == ("genuine", ["genuine", "not_recorded"], [])


def test_a_wall_of_codes_is_bounded_and_what_is_left_out_is_named(demo_house: House, packs: list[Identity]) -> None:
    found = scan(demo_house, window(*(label(pack) for pack in packs)))
    told = [found, *found["others"]]
    assert len(told) == JUDGED + 2
    assert sum("left_out" in codes(one) for one in told) == 2
    assert all(one["identity"]["serial"] for one in told)
    assert codes(found)[0] == "several"


def test_nothing_of_one_verdict_leaks_into_the_other(demo_house: House, packs: list[Identity]) -> None:
    found = scan(demo_house, window(label(packs[0]), label(with_element(packs[1], "21", "NEVERISSUED"))))
    assert (codes(found), [codes(one) for one in found["others"]]) == (
        ["unknown", "several"], [["genuine", "not_recorded"]],
    )  # fmt: skip
