"""Everybody reaches everything: small windows, large text, a keyboard alone, weak eyes (WCAG 2.2 AA)."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from browser.screen import DESK, PHONE, Served, bring, code_of, fork_of, send, type_in
from playwright.sync_api import Page, expect

Open = Callable[..., Page]
Reach = Callable[[Page, Served], object]

# A track that ends by itself tells the page so.
UNPLUGGED = """document.querySelector('#camera video').srcObject.getTracks()[0].dispatchEvent(new Event('ended'))"""


def scan(page: Page) -> None:
    """Open the camera."""
    page.goto("/")
    page.locator("#scan").click()
    page.locator("#camera[data-state=looking]").wait_for()


PLACES: dict[str, Reach] = {
    "home": lambda page, _: page.goto("/"),
    "demo": lambda page, _: page.goto("/demo"),
    "docs": lambda page, _: page.goto("/docs"),
    "ledger": lambda page, _: page.goto("/ledger"),
    "placed": lambda page, served: bring(page, code_of(served)),
    "fork": lambda page, served: bring(page, fork_of(served)),
    "no_file": lambda page, served: bring(page, served.demo / "genuine-qr.png"),
    "genuine": lambda page, served: send(page, served.demo / "genuine-qr.png"),
    "unverified": lambda page, served: send(page, served.demo / "maker-not-enrolled.png"),
    "caution": lambda page, served: send(page, served.demo / "journey-incomplete.png"),
    "do_not_use": lambda page, served: send(page, served.demo / "recalled.png"),
    "nothing_read": lambda page, served: send(page, served.demo / "blank-photo.jpg"),
    "mistyped": lambda page, _: type_in(page, "(01)09521000000019(21)ABC"),
    "not_found": lambda page, _: page.goto("/nowhere"),
    "camera": lambda page, _: scan(page),
    "no_camera": lambda page, _: (scan(page), page.evaluate(UNPLUGGED)),
}
SMALLEST = (320, 640)
everywhere = pytest.mark.parametrize("place", PLACES)


def unfold(page: Page) -> None:
    """Open everything that can be opened."""
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.removeAttribute('name'); d.open = true })")


WIDER = """() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  const wide = [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > width + 1);
  return ['the page', ...wide.map(e => `${e.tagName}.${e.className}`)];
}"""


@everywhere
@pytest.mark.parametrize("language", ["fr", "en"])
def test_nothing_scrolls_sideways(open_page: Open, served: Served, place: str, language: str) -> None:
    """WCAG 2.2, 1.4.10: 320 px; 1.4.4: text twice as large, there on a phone's 390."""
    page = open_page(SMALLEST, locale=language)
    PLACES[place](page, served)
    unfold(page)
    assert page.evaluate(WIDER) == []
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert page.evaluate(WIDER) == []


# Every text and the ground it stands on, as the browser computed them; the ratio is WCAG 2.2's.
FAINT = """() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgb = colour => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data]; };
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor);
    if (c[3] === 255) return c; } return rgb('Canvas'); };
  const faint = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const e = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || !e.checkVisibility()) continue;
    const style = getComputedStyle(e), size = parseFloat(style.fontSize);
    const [dim, bright] = [light(rgb(style.color)), light(ground(e))].sort((a, b) => a - b);
    const ratio = (bright + 0.05) / (dim + 0.05);
    const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    if (ratio < (large ? 3 : 4.5)) faint.push(`${texts.currentNode.data.trim()}: ${ratio.toFixed(2)}`);
  }
  return faint;
}"""


@everywhere
def test_every_text_can_be_read(open_page: Open, served: Served, place: str) -> None:
    """WCAG 2.2, 1.4.3, on what is really drawn, light and dark."""
    page = open_page(DESK)
    PLACES[place](page, served)
    unfold(page)
    assert page.evaluate(FAINT) == []
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(FAINT) == []


SMALL = """() => [...document.querySelectorAll('a, button, summary, input:not([type=hidden]), label.shoot, label.pick')]
  .filter(e => e.checkVisibility() && getComputedStyle(e).clipPath === 'none' && !e.classList.contains('skip'))
  .filter(e => e.getBoundingClientRect().height < 43.9 || e.getBoundingClientRect().width < 43.9)
  .map(e => `${e.outerHTML.slice(0, 80)} ${e.getBoundingClientRect().width} x ${e.getBoundingClientRect().height}`)"""


@everywhere
def test_a_finger_finds_every_target(open_page: Open, served: Served, place: str) -> None:
    """44 px, more than WCAG 2.2, 2.5.8 asks: hands shake."""
    page = open_page()
    PLACES[place](page, served)
    unfold(page)
    assert page.evaluate(SMALL) == []


# While the camera is open, the page behind it is out of reach.
REACHABLE = """() => [...(document.querySelector('dialog[open]') ?? document)
  .querySelectorAll('a[href], button, input:not([type=hidden]), summary, pre, [tabindex="0"]')]
  .filter(e => e.checkVisibility()).map((e, i) => { e.dataset.stop = i; return String(i); })"""
FROM_THE_START = """() => {
  const start = document.querySelector('dialog[open]') ?? document.body;
  start.tabIndex = -1;
  start.focus();
}"""
# A file field is drawn by its label. What is clipped away shows no outline.
FOCUSED = """() => {
  const e = document.activeElement;
  const style = getComputedStyle(e.matches('.enhanced .file') ? e.previousElementSibling : e);
  const drawn = style.outlineStyle !== 'none' && style.clipPath === 'none';
  return {stop: e.dataset.stop ?? null, outline: drawn ? parseFloat(style.outlineWidth) : 0};
}"""


@pytest.mark.parametrize(
    ("place", "size"), [*((place, DESK) for place in PLACES), ("genuine", PHONE)], ids=lambda value: str(value)
)
def test_the_keyboard_alone_reaches_everything(
    open_page: Open, served: Served, place: str, size: tuple[int, int]
) -> None:
    page = open_page(size)
    PLACES[place](page, served)
    unfold(page)
    page.evaluate(FROM_THE_START)
    stops: list[str] = page.evaluate(REACHABLE)
    met: list[Any] = []
    for _ in range(len(stops) + 1):
        page.keyboard.press("Tab")
        focused = page.evaluate(FOCUSED)
        if focused["stop"] is None:
            break
        assert focused["outline"] >= 2, stops[int(focused["stop"])]
        met.append(focused["stop"])
    assert met == stops


def test_a_verdict_by_keyboard_alone(open_page: Open) -> None:
    page = open_page(DESK, locale="en")
    page.goto("/")
    while page.evaluate("document.activeElement.id") != "text":
        page.keyboard.press("Tab")
    page.keyboard.type("(01)09521000000018")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("No individual number")
    for _ in range(6):  # skip link, home, language, the lot and its button, try again
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Can I trust this box?")


def test_the_skip_link_goes_to_the_content(open_page: Open) -> None:
    page = open_page(DESK, locale="en")
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()


@everywhere
def test_a_screen_reader_is_told_what_it_meets(open_page: Open, served: Served, place: str) -> None:
    page = open_page(locale="en")
    PLACES[place](page, served)
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    expect(page.get_by_role("main")).to_have_count(1)
    expect(page.get_by_role("banner")).to_have_count(1)
    for control in page.locator("a, button, input:not([type=hidden]), summary").all():
        name = control.evaluate("e => e.ariaLabel || e.textContent.trim() || e.labels?.[0]?.innerText")
        assert name, control.evaluate("e => e.outerHTML")
    if place in ("camera", "no_camera"):
        expect(page.get_by_role("status")).to_contain_text(re.compile(r"\w"))
    elif place == "no_file":
        expect(page.get_by_role("alert")).to_contain_text("That is a photo")
    elif place not in ("home", "demo", "docs", "ledger"):
        expect(page.get_by_role("status").get_by_role("heading", level=1)).to_be_visible()
