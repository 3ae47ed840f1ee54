"""What a page must show whatever the verdict: headline, advice, an icon; in both languages, under the strict CSP."""

import re
from html import escape, unescape
from html.parser import HTMLParser
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from verifier.verdict.reasons import LANGUAGES, OUTCOMES, words
from verifier.web import wire
from verifier.web import words as worded
from verifier.web.desk import ANYBODY, Asker
from verifier.web.problem import Problem
from verifier.web.words import sentences, typeset

PACK = {
    "gtin": "09521234000013",
    "batch": "LOT1",
    "serial": "ABC",
    "expiry": "271231",
    "digital_link": "https://id.gs1.org/01/09521234000013/10/LOT1/21/ABC?17=271231",
    "printed_link": "https://id.gs1.org/01/09521234000013/10/LOT1/21/ABC?17=271231&91=HINT&92=SIGNATURE",
    "human": [["(01)", "09521234000013"], ["(17)", "271231"], ["(10)", "LOT1"], ["(21)", "ABC"]],
    "product": "Amoxiline <b>500</b> mg",
}
LEDGER = {
    "index": 17, "size": 42, "root": "cm9vdA==", "witnesses": 0, "anchor": None, "policy": "none",
    "answered_by": "Demo node",
}  # fmt: skip
WAY = [
    {"step": "ship", "day": "2026-10-11", "country": "FR", "gap_before": False},
    {"step": "receive", "day": "2026-10-13", "country": "XX", "gap_before": True},
]
HEADLINES = {"genuine": "genuine", "unverified": "stale", "caution": "gap", "do_not_use": "recall_patient"}


def verdict(code: str, language: str, **fields: Any) -> dict[str, Any]:
    """A verdict JSON whose gravest reason is `code`."""
    reasons = [words(code, language), words("not_recorded", language)]
    return {
        "outcome": reasons[0]["outcome"], "answers": {"what": "yes", "hands": "unknown", "use": "no"},
        "reasons": reasons, "identity": PACK, "custody": WAY, "ledger": LEDGER,
        "as_of": "2026-11-24T10:00:00Z", "checked_at": "2026-11-24T10:00:01Z", "others": [], **fields,
    }  # fmt: skip


class Desk:
    """Says what the test put on it; the way from a photo to a verdict has tests of its own."""

    def __init__(self, folder: Path) -> None:
        self.demo_folder = folder
        self.says: Any = "genuine"
        self.fields: dict[str, Any] = {}

    def check_text(self, _text: str, _symbology: str | None, lang: str, asker: Asker = ANYBODY) -> dict[str, Any]:
        assert asker == ANYBODY
        if isinstance(self.says, Exception):
            raise self.says
        return verdict(self.says, lang, **self.fields)

    def check_photo(self, _data: bytes, lang: str, asker: Asker = ANYBODY) -> dict[str, Any]:
        return self.check_text("", None, lang, asker)

    def demo(self) -> list[dict[str, Any]]:
        return [
            {"file": "stolen.png", "label": "stolen", "outcome": "do_not_use", "reasons": ["stolen"]},
            {"file": "blank.jpg", "label": "blank", "status": 422},
        ]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "stolen.png").write_bytes(b"\x89PNG of a test")
    (tmp_path / "secret.key").write_bytes(b"secret")
    return Desk(tmp_path / "demo")


@pytest.fixture
def client(desk: Desk) -> FlaskClient:
    app = wire(Flask("verifier.web"), desk)  # type: ignore[arg-type]
    app.jinja_env.auto_reload = False
    return app.test_client()


class Balance(HTMLParser):
    """Every element that opens closes, in order."""

    VOID = frozenset(["meta", "link", "input", "img", "br"])

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.feed(page)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert not [name for name, _ in attrs if name == "style" or name.startswith("on")], attrs
        assert tag != "style"
        assert tag != "script" or dict(attrs).get("src")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def page_of(response: Any, status: int = 200) -> str:
    """The page's source, well formed, with nothing inline and nothing from elsewhere."""
    assert response.status_code == status, response.text
    page: str = response.text
    Balance(page)
    assert not re.search(r"""(?:src|href|action)=["'](?:https?:)?//""", page)
    return page


def said(page: str) -> str:
    """The text of a page, as a person reads it."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page)).split(" ")).strip()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("outcome", OUTCOMES)
def test_a_verdict_leads_with_headline_sentence_and_step(
    client: FlaskClient, desk: Desk, outcome: str, language: str
) -> None:
    desk.says = HEADLINES[outcome]
    page = page_of(client.post(f"/?lang={language}", data={"text": "x"}))
    row = words(desk.says, language)
    status = re.search(r'role="status" class="panel-words">(.*?)<div class="panel-actions">', page, re.DOTALL)
    assert status is not None
    first = said(status[1])
    for text in (row["headline"], row["sentence"]):
        assert typeset(text, language) in first
    for text in sentences(row["next_step"]):
        assert typeset(text, language).split("112")[0].split("15")[0] in first
    assert "<svg" in status[1]
    assert f'<html lang="{language}">' in page
    assert f'class="judged {outcome}"' in page


def test_the_four_outcomes_differ_without_colour(client: FlaskClient, desk: Desk) -> None:
    badges = set()
    for code in HEADLINES.values():
        desk.says = code
        badge = re.search(r'<p class="badge">(.*?)</p>', client.post("/", data={"text": "x"}).text, re.DOTALL)
        assert badge is not None
        badges.add(re.sub(r"<span>.*</span>", "", badge[1]))
    assert len(badges) == 4


def test_the_emergency_number_can_be_tapped(client: FlaskClient, desk: Desk) -> None:
    desk.says = "forged"
    assert '<a class="tel" href="tel:112">112</a>' in client.post("/", data={"text": "x"}).text


def test_lesser_reasons_are_told_without_softening_the_advice(client: FlaskClient, desk: Desk) -> None:
    desk.says = "forged"
    desk.fields = {"reasons": [words("forged", "en"), words("recall_pharmacy", "en")]}
    page = page_of(client.post("/?lang=en", data={"text": "x"}))
    assert "Withdrawn from pharmacies" in page
    assert "Keep taking it" not in page


@pytest.mark.parametrize(("code", "asks"), [("genuine", True), ("gap", True), ("stale", False), ("forged", False)])
def test_the_seal_is_asked_about_where_it_decides(client: FlaskClient, desk: Desk, code: str, asks: bool) -> None:
    desk.says = code
    assert ("Is the seal intact?" in client.post("/?lang=en", data={"text": "x"}).text) is asks


def test_how_we_know_is_told_truthfully(client: FlaskClient) -> None:
    page = page_of(client.post("/?lang=en", data={"text": "x"}))
    for truth in ("nobody would notice", "Demo node", "no. 17 of 42", "24 November 2026 at 10:00 UTC", "cm9vdA=="):
        assert truth in page
    assert "A step is missing here" in page
    assert "11 October 2026</time>, France" in page
    assert "</time>, XX" in page


@pytest.mark.parametrize(("printed", "read"), [("271231", "31 December 2027"), ("271200", "December 2027")])
def test_the_expiry_is_shown_as_carried_and_as_people_say_it(
    client: FlaskClient, desk: Desk, printed: str, read: str
) -> None:
    desk.fields = {"identity": {**PACK, "human": [["(01)", "09521234000013"], ["(17)", printed]]}}
    page = page_of(client.post("/?lang=en", data={"text": "x"}))
    assert f'<code>{printed}</code> <span class="reading">{read}</span>' in page
    assert f"<dt>Expiry</dt><dd>{read}</dd>" in page


def test_without_evidence_the_page_claims_nothing(client: FlaskClient, desk: Desk) -> None:
    desk.says, desk.fields = "foreign_link", {"identity": None, "ledger": None, "custody": [], "as_of": None}
    page = page_of(client.post("/?lang=en", data={"text": "x"}))
    assert "we claim nothing" in page
    assert "No step is known" in page
    assert "Compare with the box" not in page


def test_what_others_wrote_is_escaped(client: FlaskClient, desk: Desk) -> None:
    quote = "https://id.gs1.org/01/09521234000013/21/A';reboot'"
    desk.fields = {"identity": {**PACK, "printed_link": quote}}
    page = page_of(client.post("/", data={"text": "x"}))
    assert "<b>500" not in page
    assert "Amoxiline &lt;b&gt;500" in page
    assert """'https://id.gs1.org/01/09521234000013/21/A'"'"';reboot'"'"''""" in unescape(page)


def test_another_language_asks_the_same_again(client: FlaskClient) -> None:
    """A typed text is sent once more, a photo's code by its link and signature, a demo image by its name."""
    link = escape(PACK["printed_link"])
    assert 'name="text" value="x"' in client.post("/", data={"text": "x"}).text
    assert f'name="text" value="{link}"' in client.post("/", data={"image": (BytesIO(b"x"), "x")}).text
    assert 'action="/demo/stolen.png?lang=en"><button' in client.post("/demo/stolen.png?lang=fr").text


def test_another_language_never_asks_for_less_than_was_read(client: FlaskClient, desk: Desk) -> None:
    desk.fields = {"identity": {**PACK, "human": [*PACK["human"], ["(93)", "more"]]}}
    page = client.post("/", data={"image": (BytesIO(b"x"), "x")}).text
    assert escape(PACK["digital_link"]) not in page.partition("<main")[0]


def test_either_of_the_two_photo_fields_is_read(client: FlaskClient) -> None:
    photos = {"image": [(BytesIO(b""), ""), (BytesIO(b"x"), "x.jpg")]}
    assert "Code genuine" in page_of(client.post("/?lang=en", data=photos))


def test_the_elements_stand_in_the_order_of_the_label(client: FlaskClient, desk: Desk) -> None:
    desk.fields = {"identity": {**PACK, "human": [["(21)", "S1"], ["(240)", "X"], ["(10)", "L1"], ["(01)", "G1"]]}}
    page = client.post("/?lang=en", data={"text": "x"}).text
    assert re.findall(r'class="ai">\((\d+)\)', page) == ["01", "10", "21", "240"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_national_number_is_shown_to_compare(client: FlaskClient, desk: Desk, language: str) -> None:
    desk.fields = {"identity": {**PACK, "national": [["CIP13", "3400935955838"], ["NEW", "7"]]}}
    page = page_of(client.post(f"/?lang={language}", data={"text": "x"}))
    for named in {"fr": ("Code français CIP13", "Code national NEW"), "en": ("French code CIP13", "National code NEW")}[
        language
    ]:
        assert f"<dt>{named}</dt><dd><code>" in page


def of_several(language: str, *gravest: str) -> dict[str, Any]:
    """What a photo of a genuine pack and an unknown one gives, under these reasons."""
    other = verdict("unknown", language, identity={**PACK, "serial": "XYZ"})
    return {"reasons": [words(code, language) for code in (*gravest, "genuine", "not_recorded")], "others": [other]}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("sign", ["several", "codes_differ"])
def test_several_codes_are_a_card_each_and_none_is_explained(
    client: FlaskClient, desk: Desk, language: str, sign: str
) -> None:
    desk.fields = of_several(language, sign)
    page = page_of(client.post(f"/?lang={language}", data={"image": (BytesIO(b"x"), "x")}))
    head, _, cards = page.partition('<ul class="cards">')
    assert worded.text("others.among", language, count=2) in unescape(head.partition('id="details"')[0])
    assert typeset(words(sign, language)["headline"], language) in head
    assert "LOT1" not in head
    for code in ("genuine", "unknown"):
        assert typeset(words(code, language)["headline"], language) in cards
    assert cards.count('name="text" value="https://id.gs1.org/') == 2
    assert 'class="custody"' not in page
    assert "verifier prove" not in page


def test_several_codes_under_a_red_one_still_explain_it(client: FlaskClient, desk: Desk) -> None:
    desk.fields = of_several("en", "recall_patient", "several")
    page = page_of(client.post("/?lang=en", data={"image": (BytesIO(b"x"), "x")}))
    head, _, cards = page.partition('<ul class="cards">')
    assert "Batch recalled" in head
    assert "LOT1" in head
    assert 'class="custody"' in cards


def test_several_codes_are_never_asked_again_as_one(client: FlaskClient, desk: Desk) -> None:
    """The other language of a photo of several would be of one of them."""
    desk.fields = of_several("en", "recall_patient", "several")
    page = client.post("/?lang=en", data={"image": (BytesIO(b"x"), "x")}).text
    assert PACK["digital_link"] not in page.partition("<main")[0]


def test_a_card_asks_for_all_that_its_code_said_or_not_at_all(client: FlaskClient, desk: Desk) -> None:
    more = {**PACK, "human": [*PACK["human"], ["(240)", "A(1"]], "printed_link": PACK["digital_link"]}
    desk.fields = {**of_several("en", "several"), "identity": more}
    page = unescape(client.post("/?lang=en", data={"image": (BytesIO(b"x"), "x")}).text)
    assert f"value=\"(01){PACK['gtin']}(17)271231(10)LOT1(21)ABC(240)A\\(1\"" in page
    desk.fields["identity"] = {**more, "printed_link": PACK["printed_link"]}  # signed
    page = client.post("/?lang=en", data={"image": (BytesIO(b"x"), "x")}).text
    assert page.partition('<ul class="cards">')[2].count("<form") == 1


def test_a_verdict_is_never_cached_and_the_language_is_remembered(client: FlaskClient) -> None:
    answer = client.post("/?lang=en", data={"text": "x"})
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Language"] == "en"
    assert "HttpOnly" in answer.headers["Set-Cookie"]
    assert "SameSite=Lax" in answer.headers["Set-Cookie"]
    assert '<html lang="en">' in client.get("/").text
    assert "Set-Cookie" not in client.get("/").headers


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_read_leads_on(client: FlaskClient, desk: Desk, language: str) -> None:
    desk.says = Problem("nothing_read", 422, "No code was read.")
    photo = {"image": (BytesIO(b"grey"), "x.jpg")}
    page = page_of(client.post(f"/?lang={language}", data=photo), 422)
    assert 'class="tips"' in page
    assert 'name="text"' in page
    assert 'name="image"' in page
    assert "unverified" in page


def test_what_was_typed_is_kept_for_correcting(client: FlaskClient, desk: Desk) -> None:
    desk.says = Problem("check_digit", 422, "wrong", value='"><script>', expected="3", found="4")
    page = page_of(client.post("/?lang=en", data={"text": ' "><script>alert(1)</script> '}), 422)
    assert 'value=" &#34;&gt;&lt;script&gt;alert(1)&lt;/script&gt; "' in page
    assert "Wrong check digit" in page


def test_an_empty_form_says_so(client: FlaskClient) -> None:
    assert "Nothing to check" in page_of(client.post("/?lang=en", data={"text": " "}), 422)


def test_the_store_down_is_never_a_verdict_on_the_box(client: FlaskClient, desk: Desk) -> None:
    desk.says = Problem("store_down", 503, "down")
    answer = client.post("/?lang=en", data={"text": "x"})
    assert "This says nothing about your box." in page_of(answer, 503)
    assert answer.headers["Retry-After"]
    assert 'name="text" type="text" value="x"' in answer.text


def test_a_fault_of_ours_shows_no_trace(client: FlaskClient, desk: Desk) -> None:
    desk.says = RuntimeError("secret path")
    page = page_of(client.post("/?lang=en", data={"text": "x"}), 500)
    assert "A fault on our side" in page
    assert "secret path" not in page


@pytest.mark.parametrize(
    ("encoding", "before", "after"),
    [
        ("application/x-www-form-urlencoded", b"text=", b""),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="text"\r\n\r\n',
            b"\r\n--b--",
        ),
    ],
    ids=["urlencoded", "multipart"],
)
@pytest.mark.parametrize("size", [100_000, 13_000_000])
def test_too_large_a_form_is_a_page_too(
    client: FlaskClient, encoding: str, before: bytes, after: bytes, size: int
) -> None:
    body = before + b"x" * size + after
    page = page_of(client.post("/?lang=en", data=body, content_type=encoding), 413)
    assert "Too much data" in page
    assert len(page) < 20_000


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("path", "status"), [("/", 200), ("/demo", 200), ("/problems/nothing_read", 200), ("/no", 404)]
)
def test_every_other_page_stands_in_both_languages(client: FlaskClient, path: str, status: int, language: str) -> None:
    page = page_of(client.get(f"{path}?lang={language}", headers={"Accept": "text/html"}), status)
    assert f'<html lang="{language}">' in page
    assert page.count("<h1>") == 1


def test_a_problem_page_never_repeats_its_address(client: FlaskClient) -> None:
    page = page_of(client.get("/problems/your_box_is_fake_call_0900?lang=en"))
    assert "fake" not in page.partition("<main")[2]
    assert "Request refused" in page


def test_the_demo_says_what_each_image_should(client: FlaskClient) -> None:
    page = page_of(client.get("/demo?lang=en"))
    assert "Reported stolen" in page
    assert "Nothing readable" in page
    assert 'action="/demo/stolen.png"' in page
    with client.get("/demo/stolen.png") as image:  # closes the file it was sent from
        assert image.data == b"\x89PNG of a test"
    assert "Code genuine" in page_of(client.post("/demo/stolen.png?lang=en"))


@pytest.mark.parametrize("path", ["/demo/expected.json", "/demo/..%2Fsecret.key", "/demo/%2e%2e/secret.key"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_only_listed_images_exist(client: FlaskClient, path: str, method: str) -> None:
    answer = client.open(path, method=method, headers={"Accept": "text/html"})
    assert answer.status_code == 404
    assert answer.data != b"secret"


TOKENS = Path(str(files("verifier.web"))) / "static" / "tokens.css"
PAIRS = [("ink", "paper"), ("quiet", "paper"), ("quiet", "raised"), ("on-action", "action"), ("focus", "paper")]
PAIRS += [(f"on-{name}", name) for name in ("genuine", "unverified", "caution", "do-not-use")]
PAIRS += [(f"mark-{name}", "paper") for name in ("genuine", "unverified", "caution", "do-not-use")]


@pytest.mark.parametrize(("ink", "paper"), PAIRS)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_colour_can_be_read(theme: str, ink: str, paper: str) -> None:
    """WCAG 2.2, 1.4.3: 4.5 to 1."""
    light, dark = (dict(re.findall(r"--([\w-]+): #(\w{6});", part)) for part in TOKENS.read_text().split("@media"))
    colours = light | dark if theme == "dark" else light
    dim, bright = sorted(luminance(colours[name]) for name in (ink, paper))
    assert (bright + 0.05) / (dim + 0.05) >= 4.5


def luminance(colour: str) -> float:
    """WCAG 2.2's relative luminance of six hexadecimal digits."""
    parts = [value / 255 for value in bytes.fromhex(colour)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
