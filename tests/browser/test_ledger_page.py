"""The ledger's page in a real browser: a code is pasted, a file dropped, with a mouse, a keyboard alone, no script."""

import re
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from browser.screen import DESK, PHONE, Served, bring, code_of, evidence_of, fork_of
from playwright.sync_api import Page, expect

Open = Callable[..., Page]

# What a desktop does when a file is let go over the page: the browser reads it from there.
DROP = """([name, bytes]) => {
  const data = new DataTransfer();
  data.items.add(new File([new Uint8Array(bytes)], name));
  for (const type of ['dragover', 'drop']) {
    const event = new DragEvent(type, {dataTransfer: data, bubbles: true, cancelable: true});
    document.querySelector('.drop').dispatchEvent(event);
  }
}"""


def drop(page: Page, data: bytes, name: str = "pack.evidence") -> None:
    page.evaluate(DROP, [name, list(data)])


def test_the_curve_is_drawn_and_said(open_page: Open) -> None:
    page = open_page(DESK, locale="en")
    page.goto("/ledger")
    drawing = page.get_by_role("img")
    expect(drawing).to_have_attribute("aria-label", re.compile(r"^From 1 to \d+ statements, between "))
    box = drawing.bounding_box()
    assert box is not None
    assert box["width"] > 400
    assert box["height"] > 100
    page.get_by_text("The figures").click()
    expect(page.get_by_role("table")).to_be_visible()
    rows = page.get_by_role("row").all_inner_texts()
    sizes = [int(row.split()[-1]) for row in rows[1:]]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] == 1


def test_a_pasted_code_is_drawn_from_its_leaf_to_the_root(open_page: Open, served: Served) -> None:
    page = open_page(PHONE, locale="en")
    bring(page, code_of(served))
    expect(page.get_by_role("status")).to_contain_text(re.compile(r"The batch is entry no\. \d+"))
    way = page.locator(".climb").first
    expect(way).to_be_visible()
    expect(way.locator("li").last).to_contain_text("The published fingerprint")
    ends = way.locator("li").evaluate_all("rows => rows.map(row => row.querySelector('p > code').textContent)")
    assert ends[-1] == ends[-2], "the last step makes the published fingerprint"
    page.get_by_role("button", name="Check this box").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Code genuine")


def test_a_dropped_file_is_judged(open_page: Open, served: Served) -> None:
    page = open_page(DESK, locale="en")
    page.goto("/ledger")
    expect(page.get_by_text("Drop it here, or choose it:")).to_be_visible()
    with page.expect_navigation():
        drop(page, evidence_of(served))
    expect(page.get_by_role("heading", level=1)).to_have_text("Code genuine")
    expect(page.get_by_role("status")).to_contain_text("nothing was asked of the register")
    expect(page.locator("pre").first).to_contain_text("python -m scanner --offline --evidence")


def test_the_wait_is_shown_while_a_file_is_on_its_way(open_page: Open, served: Served) -> None:
    page = open_page(DESK, locale="en")
    page.goto("/ledger")
    page.evaluate("addEventListener('submit', event => event.preventDefault(), true)")  # what is sent stays on its way
    drop(page, evidence_of(served))
    expect(page.locator(".drop progress")).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="Checking")).to_be_visible()
    expect(page.get_by_role("button", name="Check the file")).to_be_disabled()


def test_a_file_too_large_is_told_before_it_is_sent(open_page: Open) -> None:
    page = open_page(DESK, locale="en")
    page.goto("/ledger")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.method))
    page.evaluate("limit => { document.querySelector('form[data-limit]').dataset.limit = limit }", "10")
    drop(page, bytes(11))
    expect(page.get_by_role("status").filter(has_text="File too big")).to_be_visible()
    assert "POST" not in asked
    expect(page.get_by_role("button", name="Check the file")).to_be_enabled()
    assert page.evaluate("document.querySelector('#file').files.length") == 0


def test_a_fork_is_red_and_says_what_to_do(open_page: Open, served: Served) -> None:
    page = open_page(PHONE, locale="en")
    bring(page, fork_of(served))
    expect(page.get_by_role("heading", level=1)).to_have_text("Two histories!")
    expect(page.get_by_role("status")).to_contain_text("Keep this file and take it to an authority")


def test_what_is_no_file_of_ours_is_one_clear_sentence(open_page: Open, served: Served) -> None:
    page = open_page(PHONE, locale="fr")
    bring(page, served.demo / "genuine-qr.png")
    expect(page.get_by_role("alert")).to_contain_text("C’est une photo")
    expect(page.get_by_role("alert")).to_be_in_viewport()


def test_by_keyboard_alone(open_page: Open, served: Served, tmp_path: Path) -> None:
    page = open_page(DESK, locale="en")
    page.goto("/ledger")
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "text":
            break
    page.keyboard.type(code_of(served))
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("The batch is entry no.")
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == "Check this box":
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Code genuine")


@pytest.mark.parametrize("brought", ["code", "file"])
def test_without_a_script(open_page: Open, served: Served, tmp_path: Path, brought: str) -> None:
    page = open_page(PHONE, locale="en", java_script_enabled=False)
    page.goto("/ledger")
    expect(page.get_by_text("Drop it here")).to_be_hidden()
    if brought == "code":
        page.get_by_label("Where is my box in the ledger?").fill(code_of(served))
        page.get_by_role("button", name="Find in the ledger").click()
        expect(page.get_by_role("status")).to_contain_text("The batch is entry no.")
    else:
        file = tmp_path / "pack.evidence"
        file.write_bytes(evidence_of(served))
        page.get_by_label("A file to check").set_input_files(file)
        page.get_by_role("button", name="Check the file").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Code genuine")


def test_older_fingerprints_and_back(open_page: Open) -> None:
    page = open_page(PHONE, locale="en")
    page.goto("/ledger")
    first = page.locator(".heads > li").first.inner_text()
    page.get_by_role("link", name="Older ones").click()
    expect(page.locator("#checkpoints")).to_be_in_viewport()
    assert page.locator(".heads > li").first.inner_text() != first
    page.get_by_role("link", name="The newest").click()
    expect(page.locator(".heads > li").first).to_contain_text("statements")


def test_the_whole_fingerprint_is_at_hand(open_page: Open, served: Served) -> None:
    page = open_page(PHONE, locale="en")
    page.goto("/ledger")
    root = httpx.get(f"{served.url}/checkpoint", trust_env=False).text.split("\n")[2]
    expect(page.get_by_text(root)).to_be_hidden()
    page.locator(".heads summary").first.click()
    expect(page.get_by_text(root)).to_be_visible()


def test_it_is_reached_from_every_page_and_from_a_verdict(open_page: Open, served: Served) -> None:
    page = open_page(PHONE, locale="en")
    page.goto("/")
    page.get_by_role("link", name="The ledger").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("The ledger")
    page.goto("/")
    page.fill("#text", code_of(served))
    page.press("#text", "Enter")
    page.get_by_text("How do we know?").click()
    page.get_by_role("button", name="See its place in the ledger").click()
    expect(page.get_by_role("status")).to_contain_text("The batch is entry no.")
