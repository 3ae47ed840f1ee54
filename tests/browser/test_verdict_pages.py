"""From a photo to what a frightened person reads, in a phone's window, in both languages."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from browser.screen import DESK, Served, send, type_in
from playwright.sync_api import Page, expect

from verifier.settings import ROOT
from verifier.verdict.reasons import REASONS, words
from verifier.web.words import sentences, text, typeset

Open = Callable[..., Page]
DEMO = (
    "genuine-qr.png", "genuine-datamatrix.png", "already-dispensed.png", "two-counters.png", "expired.png",
    "recalled.png", "withdrawn.png", "product-withdrawn.png", "unknown-serial.png", "batch-mismatch.png",
    "stolen.png", "destroyed.png", "journey-incomplete.png", "cold-chain-broken.png", "key-retired.png",
    "key-compromised.png", "signed-pack.png", "forged-signature.png", "foreign-91-92.png", "maker-not-enrolled.png",
    "look-alike-url.png", "no-serial-lot.png", "no-serial-recalled.png", "ean13-only.png", "two-packs.png",
    "codes-differ.png",
)  # fmt: skip
ONE_OF_EACH = ("genuine-qr.png", "ean13-only.png", "unknown-serial.png", "recalled.png")
in_both_languages = pytest.mark.parametrize("language", ["fr", "en"])


def reasons_of(served: Served, file: str) -> list[str]:
    """The reasons a demo image must be given."""
    codes: list[str] = json.loads((served.demo / "expected.json").read_text("utf-8"))[file]["reasons"]
    return codes


def expect_verdict(page: Page, code: str, language: str) -> None:
    """What WORDS says of a reason, in the first window of the page, and its outcome's look."""
    row = words(code, language)
    status = page.get_by_role("status")
    expect(status.get_by_role("heading", level=1)).to_have_text(typeset(row["headline"], language))
    expect(status).to_contain_text(typeset(row["sentence"], language))
    for sentence in sentences(row["next_step"]):
        line = status.get_by_text(typeset(sentence, language))
        expect(line).to_be_in_viewport(ratio=1)
    expect(page.locator("body")).to_have_class(re.compile(rf"\b{row['outcome']}\b"))
    expect(status).to_contain_text(text(f"outcome.{row['outcome']}", language))


def test_no_demo_image_is_left_out(served: Served) -> None:
    listed = json.loads((served.demo / "expected.json").read_text("utf-8"))
    assert set(listed) == {*DEMO, "blank-photo.jpg"}


@in_both_languages
@pytest.mark.parametrize("file", DEMO)
def test_a_photo_becomes_a_headline_and_a_step(open_page: Open, served: Served, file: str, language: str) -> None:
    page = open_page(locale=language)
    send(page, served.demo / file)
    reasons = reasons_of(served, file)
    expect_verdict(page, reasons[0], language)
    for lesser in reasons[1:]:
        expect(page.locator("main")).to_contain_text(typeset(words(lesser, language)["headline"], language))


@in_both_languages
def test_the_text_under_a_code_can_be_typed(open_page: Open, served: Served, language: str) -> None:
    page = open_page(locale=language)
    send(page, served.demo / "genuine-qr.png")
    labels, values = page.locator(".compare .ai").all_inner_texts(), page.locator(".compare code").all_inner_texts()
    code = "".join(map(str.__add__, labels, values))
    type_in(page, code)
    expect_verdict(page, "genuine", language)
    type_in(page, f"{code[:-1]}!")  # the serial stands last; none of ours has this character
    expect_verdict(page, "unknown", language)


@in_both_languages
def test_nothing_read_leads_on(open_page: Open, served: Served, language: str) -> None:
    page = open_page(locale=language)
    send(page, served.demo / "blank-photo.jpg")
    expect(page.get_by_role("heading", level=1)).to_have_text(text("problem.nothing_read.title", language))
    expect(page.locator(".tips li")).to_have_count(3)
    expect(page.locator("#text")).to_be_visible()
    expect(page.locator("body")).to_have_class(re.compile(r"\bunverified\b"))
    send(page, served.demo / "stolen.png")  # from here, without going back
    expect_verdict(page, "stolen", language)


def test_a_mistyped_code_can_be_corrected_where_it_stands(open_page: Open) -> None:
    page = open_page(locale="en")
    type_in(page, "(01)09521000000019(17)280101(10)AX26K1(21)ABC")
    expect(page.get_by_role("heading", level=1)).to_have_text("Wrong check digit")
    expect(page.locator("#text")).to_have_value("(01)09521000000019(17)280101(10)AX26K1(21)ABC")
    expect(page.locator("#text")).to_be_in_viewport()


@pytest.mark.parametrize("file", [*ONE_OF_EACH, "already-dispensed.png"])
def test_the_other_language_keeps_the_verdict(open_page: Open, served: Served, file: str) -> None:
    page = open_page(locale="fr")
    send(page, served.demo / file)
    code = reasons_of(served, file)[0]
    page.get_by_role("button", name="English").click()
    expect_verdict(page, code, "en")
    page.get_by_role("button", name="Français").click()
    expect_verdict(page, code, "fr")
    page.goto("/")
    expect(page.locator("html")).to_have_attribute("lang", "fr")


@in_both_languages
def test_all_of_it_works_without_javascript(open_page: Open, served: Served, language: str) -> None:
    page = open_page(locale=language, java_script_enabled=False)
    page.goto("/")
    page.set_input_files("#photo", served.demo / "recalled.png")
    page.get_by_role("button", name=text("form.check_photo", language)).click()
    expect_verdict(page, "recall_patient", language)
    page.get_by_text(text("proof.title", language)).click()
    expect(page.get_by_text(text("proof.root", language))).to_be_visible()
    page.get_by_role("button", name="English" if language == "fr" else "Français").click()
    expect_verdict(page, "recall_patient", "en" if language == "fr" else "fr")
    page.goto("/")
    page.fill("#text", "https://id.gs1.org/01/09521000000018")
    page.press("#text", "Enter")
    expect_verdict(page, "no_serial", "en" if language == "fr" else "fr")


@in_both_languages
def test_the_demo_shows_every_image_and_checks_one_by_a_touch(open_page: Open, served: Served, language: str) -> None:
    page = open_page(locale=language)
    page.goto("/demo")
    cards = page.locator(".examples > li")
    expect(cards).to_have_count(len(DEMO) + 1)
    for card in cards.all():
        card.scroll_into_view_if_needed()
        image = card.locator("img")
        expect(image).to_have_js_property("complete", True)
        assert image.evaluate("image => image.naturalWidth") > 0
    page.get_by_role("button", name="expired.png").tap()
    expect_verdict(page, "expired", language)
    page.goto("/demo")
    page.get_by_role("button", name="look-alike-url.png").tap()
    expect_verdict(page, "foreign_link", language)
    page.locator(".languages button").tap()
    expect_verdict(page, "foreign_link", "en" if language == "fr" else "fr")


@in_both_languages
def test_an_outage_is_neither_red_nor_green(open_page: Open, served: Served, language: str) -> None:
    page = open_page(locale=language)
    page.goto("/")
    with served.store_down():
        with page.expect_response("**/") as answer:
            send(page, served.demo / "genuine-qr.png")
        assert answer.value.status == 503
        expect(page.get_by_role("heading", level=1)).to_have_text(text("problem.store_down.title", language))
        expect(page.get_by_role("status")).to_contain_text(text("problem.harmless", language))
        red, green, blue = colour(page.locator(".panel").screenshot())
        assert max(red, green, blue) - min(red, green, blue) < 40, "a panel nearly grey"
        assert blue == max(red, green, blue)
    send(page, served.demo / "genuine-qr.png")
    expect_verdict(page, "genuine", language)


def colour(png: bytes) -> tuple[int, int, int]:
    """The commonest colour of a picture: red, green, blue."""
    pixels = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    colours, counts = np.unique(pixels.reshape(-1, 3), axis=0, return_counts=True)
    blue, green, red = (int(value) for value in colours[counts.argmax()])
    return red, green, blue


def silhouette(png: bytes) -> np.ndarray:
    """An icon in black and white, 64 x 64, its ground white: all that greyscale leaves of it."""
    grey = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert grey is not None
    _, shape = cv2.threshold(cv2.resize(grey, (64, 64)), 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    return shape if shape[0, 0] else 1 - shape


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_outcomes_are_told_apart_in_greyscale(open_page: Open, served: Served, theme: str) -> None:
    page = open_page(theme=theme)
    shapes = {}
    for file in ONE_OF_EACH:
        send(page, served.demo / file)
        shapes[REASONS[reasons_of(served, file)[0]].outcome] = silhouette(page.locator(".badge .icon").screenshot())
    assert set(shapes) == {"genuine", "unverified", "caution", "do_not_use"}
    for one, shape in shapes.items():
        for other in set(shapes) - {one}:
            assert np.mean(shape != shapes[other]) > 0.1, (one, other)


def test_the_journey_and_its_gap_are_shown(open_page: Open, served: Served) -> None:
    page = open_page(locale="en")
    send(page, served.demo / "already-dispensed.png")
    steps = page.locator(".custody strong")
    expect(steps).to_have_text(
        ["Made and numbered", "Shipped", "Received", "Shipped", "Received", "Supplied to a patient"]
    )
    send(page, served.demo / "journey-incomplete.png")
    expect(page.locator(".custody li")).to_contain_text(["Made and numbered", "A step is missing here", "Received"])


def test_how_we_know_is_told_and_can_be_done_oneself(open_page: Open, served: Served, tmp_path: Path) -> None:
    """The commands on the page are run as they stand."""
    page = open_page(DESK, locale="en")
    send(page, served.demo / "recalled.png")
    page.get_by_text("How do we know?").click()
    proof = page.locator(".proof")
    for truth in ("Registre de démonstration", "None yet: if the ledger", "Not yet"):
        expect(proof).to_contain_text(truth)
    commands = proof.locator("pre").inner_text().replace("python ", f"{ROOT}/.venv/bin/python ")
    (tmp_path / "photo.jpg").write_bytes((served.demo / "recalled.png").read_bytes())
    env = {"PYTHONPATH": str(ROOT), "PROBATUM_DATA": str(served.data / "var"), "PORT": served.url.rpartition(":")[2]}
    run = subprocess.run(
        ["sh", "-c", commands], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 1, run.stdout + run.stderr  # do_not_use
    assert re.search("recall_patient|Batch recalled|Lot rappelé", run.stdout), run.stdout
