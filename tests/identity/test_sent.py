"""A link as a request brings it: read as it was sent; decoded on the way, read in the one way there is, or refused."""

import time
from urllib.parse import quote, unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from verifier.identity import Identity, IdentityError
from verifier.identity.ai import TABLE
from verifier.identity.identity import STEM
from verifier.identity.sent import parse_decoded, parse_sent

GTIN = "09521234000013"
SET_82 = [chr(code) for code in range(0x21, 0x7B) if chr(code) not in "#$@[\\]^`"]
VALUE = st.text(SET_82, min_size=1, max_size=20).filter(lambda text: text not in (".", ".."))


def elements(identity: Identity) -> str:
    return "".join(f"({ai}){value}" for ai, value in identity.elements)


@given(batch=VALUE, serial=VALUE)
@example(batch="A/21/B", serial="C")
@example(batch="%2F", serial="A+B")
def test_as_sent_nothing_is_lost(batch: str, serial: str) -> None:
    path = f"/01/{GTIN}/10/{quote(batch, safe='')}/21/{quote(serial, safe='')}"
    found = parse_sent(path, "17=271231")
    assert (found.batch, found.serial, found.expiry) == (batch, serial, "271231")
    assert found.digital_link() == STEM + path + "?17=271231"


@given(batch=VALUE, serial=VALUE)
@example(batch="A/B", serial="C/D")
@example(batch="10/A", serial="21")
def test_decoded_it_is_the_same_or_refused_unless_a_value_itself_spells_elements(batch: str, serial: str) -> None:
    path = f"/01/{GTIN}/10/{quote(batch, safe='')}/21/{quote(serial, safe='')}"
    spelt = any(part in TABLE for part in (*batch.split("/"), *serial.split("/"))) or serial.endswith("/")
    try:
        found = parse_decoded(unquote(path, "latin-1"))
    except IdentityError:
        assert spelt
        return
    assert found == parse_sent(path) or spelt


READ = {
    f"/01/{GTIN}": f"(01){GTIN}",
    f"/01/{GTIN}/": f"(01){GTIN}",
    f"/01/{GTIN}/21/A/B": f"(01){GTIN}(21)A/B",
    f"/01/{GTIN}/21//": f"(01){GTIN}(21)/",
    f"/01/{GTIN}/21/A//B": f"(01){GTIN}(21)A//B",
    f"/01/{GTIN}/10/A/B/21/C/D": f"(01){GTIN}(10)A/B(21)C/D",
    f"/01/{GTIN}/10/L/21/A/B": f"(01){GTIN}(10)L(21)A/B",
    f"/01/{GTIN}/10/A/21/B": f"(01){GTIN}(10)A(21)B",
    f"/01/{GTIN}/10/25/10/21/S": f"(01){GTIN}(10)25/10(21)S",  # nothing follows the inner 10 but an AI
    f"/01/{GTIN}/21/100%": f"(01){GTIN}(21)100%",
    "/8003/09521234000013A/B": "(8003)09521234000013A/B",
    "/8004/9521234A/7040/1ABC": "(8004)9521234A(7040)1ABC",
}


@pytest.mark.parametrize("path", READ)
def test_decoded_paths_that_read_in_one_way(path: str) -> None:
    assert elements(parse_decoded(path)) == READ[path]


REFUSED = {
    f"/01/{GTIN}/21/A/": "slashes to be read in one way, found 2 ways",
    f"/01/{GTIN}/10/A/21/21/21/B": "each AI once",
    f"/01/{GTIN}/10/A/B/21/21/C": "slashes to be read in one way, found 2 ways",
    f"/01/{GTIN}/21/A/10/B": "qualifiers of (01) in order",
    f"/01/{GTIN}/21/A/17/271231": "qualifiers of (01) in order",
    f"/01/{GTIN}/10/A/B/17/271231": "a GS1 key in the path",
    f"/01/{GTIN}/10/A/B/21/C/10/D": "a GS1 key in the path",
    f"/01/{GTIN}//": "empty",
    "/01/9521234000013": "14 digits",
    "/01/09521234000014": "check digit 3",
    f"/01/{GTIN}/17/271231": "qualifiers",
    f"/01/{GTIN}/21/": "nothing",
    f"/01/{GTIN}/21/A\x00B": "characters",
    f"/01/{GTIN}/21/..": "resolves away",
    f"/01/{GTIN}/21/é": "characters",
    f"/01/{GTIN}/21/" + "A/" * 4000: "",
    f"/01/{GTIN}" + "/21/A" * 30: "",
}


@pytest.mark.parametrize("path", REFUSED, ids=lambda path: path[:40])
def test_decoded_paths_that_are_refused(path: str) -> None:
    with pytest.raises(IdentityError) as refused:
        parse_decoded(path)
    assert REFUSED[path] in str(refused.value) or REFUSED[path] == refused.value.code


def test_a_long_path_is_refused_at_once() -> None:
    """The ways to part a path are few where a valid one is meant, and not looked for elsewhere."""
    for path in (f"/01/{GTIN}" + "/21/10/22" * 12, f"/01/{GTIN}" + "/10" * 44, f"/01/{GTIN}/21/" + "/" * 8000):
        began = time.perf_counter()
        with pytest.raises(IdentityError):
            parse_decoded(path)
        assert time.perf_counter() - began < 2


@pytest.mark.parametrize("path", [f"/01/{GTIN}/%31%30/A", f"/%30%31/{GTIN}", f"/01/{GTIN}/10/A%2", f"/01/{GTIN}//10/A"])
def test_as_sent_an_ai_is_never_encoded(path: str) -> None:
    with pytest.raises(IdentityError):
        parse_sent(path)
