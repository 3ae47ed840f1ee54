"""The live camera: from a code in view to its verdict; and whatever a camera fails at leads on to photo and text."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from browser import film
from browser.screen import DESK, Served
from browser.test_verdict_pages import expect_verdict
from playwright.sync_api import Browser, Page, Request, Route, expect

from verifier.web.words import text

Open = Callable[..., Page]
Launch = Callable[..., Browser]
SCAN, SPEAKS = "#scan", "#camera .say"
in_both_languages = pytest.mark.parametrize("language", ["fr", "en"])
# When the picture began to move, and when the verdict stood there, in this tab's storage.
TIMED = """
  addEventListener('playing', () => { sessionStorage.live = Date.now(); }, true);
  addEventListener('DOMContentLoaded', () => {
    if (document.querySelector('.judged')) sessionStorage.verdict = Date.now(); });
"""


def rejecting(name: str) -> str:
    """A script under which every camera fails in this way (a busy one cannot be had from a simulated camera)."""
    return f"navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', '{name}'));"


def says(page: Page, what: str, language: str) -> None:
    """The line above the picture."""
    expect(page.locator(SPEAKS)).to_have_text(text(f"camera.{what}", language))


def leads_on(page: Page, trouble: str, language: str) -> None:
    """No camera, but a sentence why, under the focus; and both other ways in, at hand."""
    expect(page.locator("#camera")).not_to_have_attribute("open", "")
    told = page.locator("#trouble")
    expect(told).to_be_focused()
    expect(told.get_by_role("heading")).to_have_text(text(f"trouble.{trouble}.title", language))
    expect(told).to_contain_text(text(f"trouble.{trouble}.text", language))
    expect(told).to_be_in_viewport(ratio=1)
    expect(page.locator("label[for=photo]")).to_be_in_viewport(ratio=1)
    expect(page.locator("#text")).to_be_visible()
    expect(page.locator(SCAN)).to_be_enabled()


@in_both_languages
@pytest.mark.parametrize(
    ("file", "code"),
    [("genuine-qr.png", "genuine"), ("genuine-datamatrix.png", "genuine"), ("recalled.png", "recall_patient")],
)
def test_a_code_in_view_becomes_its_verdict(
    open_page: Open, launched: Launch, served: Served, tmp_path: Path, file: str, code: str, language: str
) -> None:
    shot = film.shoot(tmp_path / "box.mjpeg", (film.table(), film.SECOND), (film.scene(served.demo / file), 60))
    page = open_page(within=launched(*film.showing(shot)), locale=language)
    page.add_init_script(TIMED)
    asked: list[str] = []
    page.on("response", lambda r: asked.append(f"{r.status} {r.url}") if r.request.method == "POST" else None)
    page.goto("/")
    page.locator(SCAN).tap()
    expect_verdict(page, code, language)
    assert asked[-1] == f"200 {served.url}/"
    assert set(asked[:-1]) == {f"200 {served.url}/api/look"}
    assert len(asked) > 2, "the empty table goes on being looked at"
    took = page.evaluate("sessionStorage.verdict - sessionStorage.live")
    print(f"camera: {file} {language}: verdict {took} ms after the picture began, the code in view from 1000 ms on")


def test_the_verdict_is_of_the_very_frame_that_was_read(
    open_page: Open, launched: Launch, served: Served, tmp_path: Path
) -> None:
    """A film that changes at once to another pack: the photo sent is the frame that was read, byte for byte."""
    first, second = (film.scene(served.demo / name) for name in ("recalled.png", "genuine-qr.png"))
    page = open_page(
        within=launched(*film.showing(film.shoot(tmp_path / "two.mjpeg", (first, 1), (second, 1)))), locale="en"
    )
    sent: list[bytes] = []

    def watch(route: Route, request: Request) -> None:
        if request.method == "POST":
            sent.append(jpeg(request.post_data_buffer or b""))
        route.continue_()

    page.route("**/*", watch)
    page.goto("/")
    page.locator(SCAN).tap()
    expect(page.locator("body")).to_have_class(re.compile("judged"))
    assert sent[-1]
    assert sent[-1] == sent[-2]


def jpeg(form: bytes) -> bytes:
    """The photo within a form."""
    return form[form.index(b"\xff\xd8\xff") : form.rindex(b"\xff\xd9") + 2]


@in_both_languages
def test_a_minute_without_a_code_leads_on(open_page: Open, language: str) -> None:
    """By the page's own clock: a hint after some seconds, an end after sixty."""
    page = open_page(locale=language)
    page.clock.install()
    page.goto("/")
    page.locator(SCAN).tap()
    says(page, "looking", language)
    for _ in range(8):  # not so far at once that an answer under way seems late
        with page.expect_response("**/api/look"):
            page.clock.fast_forward("00:06")
    says(page, "closer", language)
    page.clock.fast_forward("00:08")
    leads_on(page, "nothing", language)
    assert page.evaluate("document.querySelector('#camera video').srcObject") is None


@in_both_languages
def test_denied(open_page: Open, launched: Launch, language: str) -> None:
    """A camera, and nobody who allows it."""
    page = open_page(within=launched(film.FAKED), locale=language)
    page.goto("/")
    page.locator(SCAN).tap()
    leads_on(page, "denied", language)


@in_both_languages
def test_absent(open_page: Open, launched: Launch, language: str) -> None:
    page = open_page(within=launched(film.ALLOWED[1]), locale=language)
    page.goto("/")
    page.locator(SCAN).tap()
    leads_on(page, "absent", language)


@pytest.mark.parametrize(
    ("name", "trouble"),
    [
        ("NotReadableError", "busy"),
        ("AbortError", "busy"),
        ("SecurityError", "denied"),
        ("OverconstrainedError", "absent"),
        ("TypeError", "unsupported"),
    ],
)
def test_whatever_else_a_camera_fails_at(open_page: Open, name: str, trouble: str) -> None:
    page = open_page(locale="fr")
    page.add_init_script(rejecting(name))
    page.goto("/")
    page.locator(SCAN).tap()
    leads_on(page, trouble, "fr")


@in_both_languages
def test_an_insecure_address_offers_the_photo_instead(
    open_page: Open, launched: Launch, served: Served, language: str
) -> None:
    """Where browsers give no camera at all, none is offered."""
    port = served.url.rpartition(":")[2]
    browser = launched("--host-resolver-rules=MAP box.example 127.0.0.1", *film.ALLOWED)
    page = open_page(within=browser, url=f"http://box.example:{port}", locale=language)
    page.goto("/")
    expect(page.locator("#trouble")).to_contain_text(text("trouble.insecure.text", language))
    expect(page.locator("#trouble")).not_to_be_focused()
    expect(page.locator(SCAN)).to_be_hidden()
    expect(page.locator("label[for=photo]")).to_be_in_viewport(ratio=1)
    expect(page.locator("#text")).to_be_visible()


@in_both_languages
def test_two_boxes_are_asked_to_come_alone(
    open_page: Open, launched: Launch, served: Served, tmp_path: Path, language: str
) -> None:
    both = film.scene(served.demo / "genuine-qr.png", served.demo / "recalled.png")
    page = open_page(within=launched(*film.showing(film.shoot(tmp_path / "two.mjpeg", (both, 1)))), locale=language)
    page.goto("/")
    page.locator(SCAN).tap()
    says(page, "disagree", language)
    expect_verdict(page, "recall_patient", language)
    expect(page.locator(".cards > li")).to_have_count(2)


def test_two_boxes_and_then_one(open_page: Open, launched: Launch, served: Served, tmp_path: Path) -> None:
    both = film.scene(served.demo / "genuine-qr.png", served.demo / "recalled.png")
    shot = film.shoot(tmp_path / "two.mjpeg", (both, 10), (film.scene(served.demo / "recalled.png"), 90))
    page = open_page(within=launched(*film.showing(shot)), locale="en")
    page.goto("/")
    page.locator(SCAN).tap()
    expect_verdict(page, "recall_patient", "en")


def test_stripes_wait_for_the_square_code(open_page: Open, launched: Launch, served: Served, tmp_path: Path) -> None:
    stripes, square = (film.scene(served.demo / name) for name in ("ean13-only.png", "genuine-datamatrix.png"))
    page = open_page(
        within=launched(*film.showing(film.shoot(tmp_path / "box.mjpeg", (stripes, 10), (square, 90)))), locale="en"
    )
    page.goto("/")
    page.locator(SCAN).tap()
    expect_verdict(page, "genuine", "en")


def test_stripes_alone_get_their_own_verdict(open_page: Open, launched: Launch, served: Served, tmp_path: Path) -> None:
    shot = film.shoot(tmp_path / "box.mjpeg", (film.scene(served.demo / "ean13-only.png"), 1))
    page = open_page(within=launched(*film.showing(shot)), locale="en")
    page.goto("/")
    page.locator(SCAN).tap()
    says(page, "stripes", "en")
    expect_verdict(page, "no_serial", "en")


@in_both_languages
def test_an_outage_says_nothing_about_the_box(
    open_page: Open, launched: Launch, served: Served, tmp_path: Path, language: str
) -> None:
    shot = film.shoot(tmp_path / "box.mjpeg", (film.scene(served.demo / "genuine-qr.png"), 1))
    page = open_page(within=launched(*film.showing(shot)), locale=language)
    page.goto("/")
    with served.store_down():
        page.locator(SCAN).tap()
        expect(page.get_by_role("heading", level=1)).to_have_text(text("problem.store_down.title", language))
        expect(page.get_by_role("status")).to_contain_text(text("problem.harmless", language))
    page.locator(SCAN).tap()
    expect_verdict(page, "genuine", language)


def test_a_server_that_cannot_look_is_asked_again(
    open_page: Open, launched: Launch, served: Served, tmp_path: Path
) -> None:
    """What a proxy in front answers while the server restarts."""
    shot = film.shoot(tmp_path / "box.mjpeg", (film.scene(served.demo / "recalled.png"), 1))
    page = open_page(within=launched(*film.showing(shot)), locale="en")
    page.route("**/api/look", lambda route: route.fulfill(status=502, content_type="text/html", body="<p>"), times=1)
    page.goto("/")
    page.locator(SCAN).tap()
    says(page, "down", "en")
    expect_verdict(page, "recall_patient", "en")


def test_a_busy_server_is_left_alone_for_as_long_as_it_asks(open_page: Open) -> None:
    page = open_page(locale="en")
    page.route("**/api/look", lambda route: route.fulfill(status=429, headers={"Retry-After": "3"}, body=""))
    page.goto("/")
    with page.expect_response("**/api/look"):
        page.locator(SCAN).tap()
    says(page, "many", "en")
    with page.expect_response("**/api/look"):
        pass
    first, second = page.evaluate("performance.getEntriesByName(`${origin}/api/look`).map(e => e.startTime)")
    assert second - first >= 3000


@in_both_languages
def test_asked_to_wait_longer_than_it_looks_it_leads_on(open_page: Open, language: str) -> None:
    page = open_page(locale=language)
    page.route("**/api/look", lambda route: route.fulfill(status=429, headers={"Retry-After": "300"}, body=""))
    page.goto("/")
    page.locator(SCAN).tap()
    leads_on(page, "many", language)


@in_both_languages
def test_a_server_out_of_reach_says_nothing_about_the_box(open_page: Open, language: str) -> None:
    page = open_page(locale=language)
    page.goto("/")
    page.evaluate("document.querySelector('#camera').dataset.limit = 3")
    page.route("**/api/look", lambda route: route.abort())
    page.locator(SCAN).tap()
    says(page, "lost", language)
    leads_on(page, "unreached", language)


@pytest.mark.parametrize("way", ["button", "Escape"])
def test_stopped_by_hand(open_page: Open, way: str) -> None:
    page = open_page(DESK, locale="en")
    page.goto("/")
    page.locator(SCAN).focus()
    page.keyboard.press("Enter")
    says(page, "looking", "en")
    track = page.evaluate_handle("document.querySelector('#camera video').srcObject.getTracks()[0]")
    if way == "button":
        page.get_by_role("button", name="Stop").click()
    else:
        page.keyboard.press("Escape")
    expect(page.locator("#camera")).to_be_hidden()
    expect(page.locator(SCAN)).to_be_focused()
    expect(page.locator("#trouble")).to_be_hidden()
    assert track.evaluate("track => track.readyState") == "ended"


def test_left_alone_it_stops_by_itself(open_page: Open) -> None:
    page = open_page(locale="fr")
    page.goto("/")
    page.locator(SCAN).tap()
    says(page, "looking", "fr")
    track = page.evaluate_handle("document.querySelector('#camera video').srcObject.getTracks()[0]")
    page.evaluate("""Object.defineProperty(document, 'hidden', {value: true});
        document.dispatchEvent(new Event('visibilitychange'))""")
    leads_on(page, "paused", "fr")
    assert track.evaluate("track => track.readyState") == "ended"


def test_back_from_the_verdict_the_camera_is_ready_again(
    open_page: Open, launched: Launch, served: Served, tmp_path: Path
) -> None:
    shot = film.shoot(tmp_path / "box.mjpeg", (film.scene(served.demo / "recalled.png"), 1))
    page = open_page(within=launched(*film.showing(shot)), locale="en")
    page.goto("/")
    page.locator(SCAN).tap()
    expect_verdict(page, "recall_patient", "en")
    page.go_back()
    expect(page.locator("#camera")).to_be_hidden()
    page.locator(SCAN).tap()
    expect_verdict(page, "recall_patient", "en")


def test_another_camera_can_be_chosen(open_page: Open, launched: Launch) -> None:
    page = open_page(within=launched(f"{film.FAKED}=device-count=2", film.ALLOWED[1]), locale="en")
    page.goto("/")
    page.locator(SCAN).tap()
    says(page, "looking", "en")
    used = "document.querySelector('#camera video').srcObject?.getTracks()[0].getSettings().deviceId"
    first = page.evaluate(used)
    page.get_by_role("button", name="Other camera").tap()
    page.locator(f"#camera .other[data-next='{first}']").wait_for()  # the next one is the first again
    assert page.evaluate(used) not in (None, first)


def test_one_camera_alone_offers_no_tool_it_lacks(open_page: Open) -> None:
    page = open_page(locale="fr")
    page.goto("/")
    page.locator(SCAN).tap()
    says(page, "looking", "fr")
    expect(page.locator("#camera .tools button:visible")).to_have_text([text("camera.stop", "fr")])
    expect(page.locator("#camera .zoom")).to_be_hidden()


ABLE = """
  MediaStreamTrack.prototype.getCapabilities = () => ({ torch: true, zoom: { min: 1, max: 5, step: 0.5 } });
  window.wishes = [];
  MediaStreamTrack.prototype.applyConstraints = async wish => { wishes.push(...wish.advanced); };
"""


def test_light_and_zoom_where_the_camera_has_them(open_page: Open) -> None:
    """No simulated camera has either: what the track says of itself is replaced, and what it is asked is kept."""
    page = open_page(locale="en")
    page.add_init_script(ABLE)
    page.goto("/")
    page.locator(SCAN).tap()
    light = page.get_by_role("button", name="Light")
    light.tap()
    expect(light).to_have_attribute("aria-pressed", "true")
    page.get_by_label("Zoom").fill("2.5")
    light.tap()
    expect(light).to_have_attribute("aria-pressed", "false")
    assert page.evaluate("wishes") == [{"torch": True}, {"zoom": 2.5}, {"torch": False}]


def test_without_javascript_no_camera_is_offered(open_page: Open) -> None:
    page = open_page(java_script_enabled=False)
    page.goto("/")
    expect(page.locator(SCAN)).to_be_hidden()
    expect(page.locator("#trouble")).to_be_hidden()
    expect(page.locator("label[for=photo]")).to_be_visible()


@pytest.mark.parametrize("field", ["#photo", "#picked"])
def test_a_photo_taken_or_chosen_is_sent_at_once(open_page: Open, served: Served, field: str) -> None:
    page = open_page(locale="en")
    page.goto("/")
    page.set_input_files(field, served.demo / "recalled.png")
    expect_verdict(page, "recall_patient", "en")


# --- the scanner that types ---

BOX = "(01)09521000000018(17)280131(10)AX26K1(21)ABC"


def type_at(page: Page, keys: str, gap_ms: int) -> None:
    """Press keys one by one, this far apart by the page's own clock."""
    for key in [*keys, "Enter"]:
        page.keyboard.press(key)
        page.clock.run_for(gap_ms)


@pytest.mark.parametrize("focus", [None, "header a"])
def test_a_scanner_that_types_needs_no_field(open_page: Open, focus: str | None) -> None:
    page = open_page(DESK, locale="en")
    page.clock.install()
    page.goto("/")
    page.clock.pause_at(4_102_444_800_000)
    if focus:
        page.locator(focus).first.focus()
    type_at(page, "https://id.gs1.org/01/09521000000018", 10)
    expect_verdict(page, "no_serial", "en")


def test_a_person_typing_elsewhere_sends_nothing(open_page: Open) -> None:
    page = open_page(DESK, locale="en")
    page.clock.install()
    page.goto("/")
    page.clock.pause_at(4_102_444_800_000)
    type_at(page, BOX, 120)
    expect(page.locator("#text")).to_have_value("")
    page.locator("#text").focus()
    page.keyboard.type("(01)")
    expect(page.locator("#text")).to_have_value("(01)")


def test_a_separator_typed_by_a_scanner_is_kept(open_page: Open) -> None:
    page = open_page(DESK, locale="en")
    page.clock.install()
    page.goto("/")
    page.clock.pause_at(4_102_444_800_000)
    for key in [*"0109521000000018", *"10AX26K1", "Control+]", *"21ABC"]:
        page.keyboard.press(key)
    page.keyboard.press("Enter")
    expect(page.locator(".compare")).to_contain_text("AX26K1")
    expect(page.locator(".compare .ai")).to_have_text(["(01)", "(10)", "(21)"])


# Two bursts at once, as keys of a scanner; what became of each submission is kept in this tab's storage.
STUTTER = """code => {
  sessionStorage.sent = '';
  addEventListener('submit', event => { sessionStorage.sent += event.defaultPrevented ? ' dropped' : ' sent'; });
  for (const key of [...code, 'Enter', ...code, 'Enter'])
    document.body.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true, cancelable: true}));
}"""


def test_a_scanner_that_stutters_asks_once(open_page: Open) -> None:
    page = open_page(DESK, locale="en")
    page.goto("/")
    page.evaluate(STUTTER, "https://id.gs1.org/01/09521000000018")
    expect_verdict(page, "no_serial", "en")
    assert page.evaluate("sessionStorage.sent") == " sent dropped"
