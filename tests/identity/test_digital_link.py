"""Digital Links: the door that GS1's own engine is compared with, and stricter where two readers could differ."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier.identity import ForeignLink, IdentityError, digital_link

KEY = "https://id.gs1.org/01/09521234000013"
GTIN = ("01", "09521234000013")


@pytest.mark.parametrize(
    ("uri", "elements"),
    [
        (KEY, (GTIN,)),
        (KEY.replace("https", "http"), (GTIN,)),
        (KEY.replace("https", "HTTPS"), (GTIN,)),
        (KEY.replace("id.gs1", "ID.GS1"), (GTIN,)),
        (KEY.replace(".org", ".org:443"), (GTIN,)),
        (KEY + "/22/V/10/L/21/S", (GTIN, ("22", "V"), ("10", "L"), ("21", "S"))),
        (KEY + "/21/S", (GTIN, ("21", "S"))),
        (KEY + "/235/T", (GTIN, ("235", "T"))),
        (KEY + "/21/a%2Fb%25", (GTIN, ("21", "a/b%"))),
        (KEY + "/10/ABC+1", (GTIN, ("10", "ABC+1"))),
        (KEY + "/21/S?17=271200&3103=000195", (GTIN, ("21", "S"), ("17", "271200"), ("3103", "000195"))),
        (KEY + "?", (GTIN,)),
        (KEY + "?&linkType=gs1:pip&context&17=271231&", (GTIN, ("17", "271231"))),
        (KEY + "?99=a%2Bb", (GTIN, ("99", "a+b"))),
        (KEY + "#about?17=991231", (GTIN,)),
        ("https://id.gs1.org/some/path/01/09521234000013/21/S", (GTIN, ("21", "S"))),
        ("https://id.gs1.org/00/faux/01/09521234000013", (GTIN,)),
        ("https://id.gs1.org/414/9521234000013/254/B7", (("414", "9521234000013"), ("254", "B7"))),
        ("https://id.gs1.org/8004/9520614141234567?01=09521234000013", (GTIN, ("8004", "9520614141234567"))),
    ],
)
def test_accepted(uri: str, elements: tuple[tuple[str, str], ...]) -> None:
    assert digital_link.parse(uri).elements == elements


@pytest.mark.parametrize(
    ("uri", "code", "sentence"),
    [
        ("", "empty", "as GS1 Digital Link: expected some text, found nothing."),
        (KEY.replace("https", "HttpS"), "scheme", "expected a scheme in one case, found 'HttpS'."),
        ("https://id.gs1.org/01/9521234000013", "length", "as GTIN: expected 14 digits, found 13."),
        ("https://id.gs1.org/01/09521234000014", "check_digit", "expected check digit 3, found 4."),
        (KEY + "/21/S/10/L", "order", "expected qualifiers of (01) in order: 22, 10, 21 or 235, found 21, 10."),
        (KEY + "/10/L/235/T", "order", "found 10, 235."),
        (KEY + "/17/271231", "order", "found 17."),
        ("https://id.gs1.org/00/123456789012345675/10/L", "order", "expected qualifiers of (00) in order: none, "
         "found 10."),
        (KEY + "?21=S", "attribute", "expected (21) in the path, found (21) in the query."),
        (KEY + "?10=L", "attribute", "expected (10) in the path, found (10) in the query."),
        (KEY + "?8200=x", "attribute", "found (8200) in the query."),
        (KEY + "?01=09521234000013", "ai_twice", "found (01) 2 times."),
        (KEY + "/10/L/10/L", "ai_twice", "found (10) 2 times."),
        (KEY + "/10/L?10=L", "ai_twice", "found (10) 2 times."),
        (KEY + "?17=271231&17=271231", "ai_twice", "found (17) 2 times."),
        (KEY + "?89=A", "unknown_ai", "expected an AI that GS1 has assigned, found (89)."),
        (KEY + "?17271231=A", "unknown_ai", "found (17271231)."),
        (KEY + "?17=", "empty", "found nothing."),
        (KEY + "?17", "empty", "found nothing."),
        (KEY + "/10/", "empty", "found nothing."),
        (KEY + "/10//21/S", "empty", "found nothing."),
        (KEY + "/", "empty", "expected a value after the last slash, found nothing."),
        (KEY + "?17=271331", "date", "found month 13."),
        (KEY + "/21/%00", "charset", r"found '\x00'."),
        (KEY + "/21/%C3%A9", "charset", "found 'Ã'."),
        (KEY + "/21/%ZZ", "encoding", "expected the characters of a URI, percent-encoded, found '%ZZ'."),
        (KEY + "/21/A%2", "encoding", "found '%2'."),
        (KEY + "/21/é", "encoding", "found 'é'."),
        (KEY + "/21/A B", "encoding", "found ' B'."),
        (KEY + "/21/..", "encoding", "expected values that no browser resolves away, found '..'."),
        (KEY + "/21/%2E", "encoding", "found '.'."),
        (KEY + "?%31%37=271231", "encoding", "found '%31%37=271231'."),
        (KEY + "?99=a+b", "encoding", "found '99=a+b'."),
        (KEY + "?a=1;17=271231", "encoding", "expected %3B for a semicolon in the query, found ';'."),
        ("https://id.gs1.org/../01/09521234000013", "encoding", "expected plain names before the key, found '..'."),
        ("https://id.gs1.org//01/09521234000013", "encoding", "found ''."),
        ("https://id.gs1.org/%30%31/09521234000013/01/09521234000013", "encoding", "found '%30%31'."),
        ("https://id.gs1.org/01/09521234000020/21/A/01/09521234000013", "two_keys", "expected one key in the path, "
         "found (01) and (01)."),
        ("https://id.gs1.org/ARFKk4XB0cEAAAA", "compressed", "expected an uncompressed link, found 'ARFKk4XB0cEAAAA'."),
        (KEY + "/21/" + "A" * 9000, "too_long", "expected at most 8192 characters, found 9040."),
    ],
)  # fmt: skip
def test_refused(uri: str, code: str, sentence: str) -> None:
    with pytest.raises(IdentityError) as refused:
        digital_link.parse(uri)
    assert refused.value.code == code
    assert str(refused.value).endswith(sentence)
    assert not isinstance(refused.value, ForeignLink)


@pytest.mark.parametrize(
    "uri",
    ["https://id.gs1.org/", "https://id.gs1.org", "https://id.gs1.org/about", "https://id.gs1.org/lot/A", "TESTING",
     "https://id.gs1.org/10/LOT1", "https://id.gs1.org/01/09521234000013/lot/A", "ftp://id.gs1.org/01/09521234000013"],
)  # fmt: skip
def test_no_digital_link_at_all_is_foreign(uri: str) -> None:
    with pytest.raises(ForeignLink) as refused:
        digital_link.parse(uri)
    assert refused.value.code == "foreign_link"


def test_hosts_are_exactly_those_we_are_told() -> None:
    local = KEY.replace("id.gs1.org", "localhost:8000")
    assert digital_link.parse(local, frozenset({"localhost:8000"})).elements == (GTIN,)
    with pytest.raises(ForeignLink, match="expected the host localhost or test, found 'localhost:8000'"):
        digital_link.parse(local, frozenset({"test", "localhost"}))


@given(st.text() | st.text("/%0123456789?&=#.;+abAB"), st.text("/%0123456789?&=#.;+") | st.just(""))
def test_any_text_is_an_identity_or_a_refusal(path: str, more: str) -> None:
    for uri in (path, f"https://id.gs1.org/{path}", KEY + path, f"{KEY}/{path}?{more}"):
        with suppress(IdentityError):
            assert digital_link.parse(uri).elements
