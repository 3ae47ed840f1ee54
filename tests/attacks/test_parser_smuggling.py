"""Parser smuggling: one code that two readers read as two packs, or that keeps a reader busy. It is refused, quickly.

The attacker prints what a careless parser takes for a genuine pack and a careful one for another, or hides a second
value where only one of them looks. Whatever can be read in two ways is no Identity.
"""

import time
from contextlib import suppress

import pytest

from verifier.identity import ForeignLink, Identity, IdentityError, digital_link, gs1, parse_text

GENUINE, OTHER = "09521234000013", "09521234000020"
LINK = f"https://id.gs1.org/01/{GENUINE}/10/LOT1/21/ABC"
RAW = f"01{GENUINE}10LOT1\x1d21ABC"


@pytest.mark.parametrize(
    "uri",
    [
        f"https://id.gs1.org.evil.example/01/{GENUINE}",
        f"https://id.gs1.org@evil.example/01/{GENUINE}",
        f"https://id.gs1.org:x@evil.example/01/{GENUINE}",
        f"https://user@id.gs1.org/01/{GENUINE}",
        f"https://id.gs1.org:8443/01/{GENUINE}",
        f"http://id.gs1.org:443/01/{GENUINE}",
        f"https://id.gs1.org./01/{GENUINE}",
        f"https://id.gs1.org\\.evil.example/01/{GENUINE}",
        f"https:\\\\id.gs1.org/01/{GENUINE}",
        f"https:/id.gs1.org/01/{GENUINE}",
        f"https:///id.gs1.org/01/{GENUINE}",
        f"https://evil.example/https://id.gs1.org/01/{GENUINE}",
        f"https://evil.example#@id.gs1.org/01/{GENUINE}",
        f"https://evil.example?@id.gs1.org/01/{GENUINE}",
        f"https://іd.gs1.org/01/{GENUINE}",  # a Cyrillic i
        f"https://xn--d-zlb.gs1.org/01/{GENUINE}",
        f"https://id。gs1。org/01/{GENUINE}",
        f"https://%69d.gs1.org/01/{GENUINE}",
        f"https://id.gs1.org%00.evil.example/01/{GENUINE}",
        f"https://id.gs1.org\t.evil.example/01/{GENUINE}",
        f"https://ıd.gs1.org/01/{GENUINE}",  # a Turkish dotless i, which upper-cases to I
        f"https://ﬁ.gs1.org/01/{GENUINE}",
        f"\x00https://id.gs1.org/01/{GENUINE}",
        f"javascript://id.gs1.org/01/{GENUINE}",
    ],
)
def test_a_look_alike_host_is_foreign(uri: str) -> None:
    with pytest.raises(ForeignLink):
        digital_link.parse(uri)


@pytest.mark.parametrize(
    "uri",
    [
        f"{LINK}?21=XYZ",
        f"{LINK}/21/XYZ",
        f"{LINK}?01={OTHER}",
        f"{LINK}?02={OTHER}",
        f"{LINK}?17=271231&17=991231",
        f"{LINK}?17=271231&%31%37=991231",
        f"{LINK}?a=b;17=991231",
        f"{LINK}?17=271231%00",
        f"{LINK}?17=271231%1D21XYZ",
        f"{LINK}%1D17991231",
        f"{LINK}%ff",
        f"{LINK}%c0%af",
        f"{LINK}/..",
        f"{LINK}/../XYZ",
        f"{LINK}/%2e%2e",
        f"{LINK}//",
        f"{LINK}\\21\\XYZ",
        f"{LINK}\n",
        f"{LINK}\r\nHost: evil.example",
        f"https://id.gs1.org/01/{OTHER}/21/ABC/01/{GENUINE}",
        f"https://id.gs1.org/01/{OTHER}/01/{GENUINE}",
        f"https://id.gs1.org/%30%31/{OTHER}/01/{GENUINE}",
        f"https://id.gs1.org/x%2F01%2F{OTHER}/01/{GENUINE}",
        f"https://id.gs1.org/01;a/{OTHER}/01/{GENUINE}",
        f"https://id.gs1.org/01/%30{GENUINE[1:]}%20",
        f"https://id.gs1.org/01/{GENUINE[1:]}",
        "https://id.gs1.org/01/٠٩٥٢١٢٣٤٠٠٠٠١٣",
        "https://id.gs1.org/01/%D9%A09521234000013",
    ],
)
def test_a_link_with_two_readings_is_refused(uri: str) -> None:
    with pytest.raises(IdentityError):
        digital_link.parse(uri)


@pytest.mark.parametrize(
    "raw",
    [
        f"{RAW}\x1d21XYZ",
        f"{RAW}\x1d21ABC",
        f"{RAW}\x1d01{OTHER}",
        f"{RAW}\x1d02{OTHER}37\x1d",
        f"{RAW}\x1d02{OTHER}371",
        f"{RAW}\x1d\x1d17991231",
        f"{RAW}\x1e17991231",
        f"{RAW}\x1d]d201{OTHER}",
        f"]d2]d2{RAW}",
        f"{RAW}\x1d89A\x1d89B",
        f"{RAW}\x00",
        f"{RAW}\n",
        f" {RAW}",
        f"{RAW}\x1d１７991231",  # full-width digits
        f"01{GENUINE}10{'A' * 20}21ABC",  # biip reads a batch and a serial here
        f"01{GENUINE}402{'1' * 17}21ABC",
    ],
)
def test_an_element_string_with_two_readings_is_refused(raw: str) -> None:
    for one in (raw, raw.encode("utf-8")):
        with pytest.raises(IdentityError):
            gs1.parse(one)


@pytest.mark.parametrize(
    ("raw", "serial", "batch"),
    [
        (f"01{GENUINE}21A10LOT9\x1d10LOT1", "A10LOT9", "LOT1"),
        (f"01{GENUINE}10LOT117991231", None, "LOT117991231"),
        (f"01{GENUINE}89A21XYZ\x1d10LOT1", None, "LOT1"),  # hidden in an unknown element, a serial is no serial
    ],
)
def test_what_looks_like_an_ai_inside_a_value_stays_in_it(raw: str, serial: str | None, batch: str) -> None:
    read = gs1.parse(raw)
    assert (read.serial, read.batch, read.expiry) == (serial, batch, None)


def test_an_sscc_printed_beside_a_pack_does_not_become_its_subject() -> None:
    read = gs1.parse(f"00123456789012345675{RAW}")
    assert read.digital_link() == LINK


def test_values_cannot_break_out_of_the_canonical_link() -> None:
    pack = Identity((("01", GENUINE), ("10", "A/21/XYZ?17=991231&b"), ("21", "%2F..%00")))
    assert pack.digital_link() == f"https://id.gs1.org/01/{GENUINE}/10/A%2F21%2FXYZ%3F17%3D991231%26b/21/%252F..%2500"
    assert digital_link.parse(pack.digital_link()) == pack


HOSTILE = [
    f"01{GENUINE}7256{'%41%42' * 15}~",  # minutes in the pattern that biip ships
    f"01{GENUINE}7256{'%41%42' * 1300}~",
    f"01{GENUINE}423{'528' * 2000}5",
    "\x1d".join(["01" + GENUINE] * 400),
    "\x1d".join(f"{ai}A" for ai in range(81, 90)) + "\x1d" + "99A\x1d" * 2000,
    f"{LINK}/{'%41' * 2600}%",
    f"{LINK}?{'&' * 8000}",
    "https://id.gs1.org/" + "01/" * 2700 + GENUINE,
    "https://id.gs1.org/" + "x/" * 4000 + "01/" + GENUINE,
    "(" * 8000,
    "(10)" * 2000,
    "(01)" + "\\(" * 4000,
    "1 " * 4000,
    "A" * 8192,
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:24])
def test_no_text_keeps_the_reader_busy(text: str) -> None:
    started = time.perf_counter()
    for parse in (gs1.parse, digital_link.parse, parse_text):
        with suppress(IdentityError):  # some of these are only long
            parse(text)
    assert time.perf_counter() - started < 0.5
