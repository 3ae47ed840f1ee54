"""`make shots`: every page and every outcome as a person sees it, drawn from a real server by a real browser.

All are drawn into var/shots, to be looked at; those that the repository keeps (KEPT) are copied to docs/shots. A file
is `<page>-<outcome>-<width>x<height>-<theme>-<language>.png`.
"""

import itertools
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from browser import film
from browser.screen import (
    DESK,
    PHONE,
    Served,
    bring,
    code_of,
    evidence_of,
    fork_of,
    launch,
    program,
    screen,
    send,
    type_in,
)
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from verifier.settings import ROOT

DRAWN, KEPT_IN = ROOT / "var" / "shots", ROOT / "docs" / "shots"
SIZES, THEMES, LANGUAGES = (PHONE, DESK), ("light", "dark"), ("fr", "en")

# page-outcome -> the demo image that shows it
VERDICTS = {
    "verdict-genuine": "genuine-qr.png",
    "verdict-dispensed": "already-dispensed.png",
    "verdict-expired": "expired.png",
    "verdict-recalled": "recalled.png",
    "verdict-withdrawn": "withdrawn.png",
    "verdict-unknown": "unknown-serial.png",
    "verdict-stolen": "stolen.png",
    "verdict-destroyed": "destroyed.png",
    "verdict-gap": "journey-incomplete.png",
    "verdict-not_registered": "maker-not-enrolled.png",
    "verdict-foreign_link": "look-alike-url.png",
    "verdict-no_serial": "ean13-only.png",
    "verdict-lot_not_recalled": "no-serial-lot.png",
    "verdict-forged": "forged-signature.png",
    "verdict-cold": "cold-chain-broken.png",
    "verdict-key_compromised": "key-compromised.png",
    "verdict-several": "two-packs.png",
    "verdict-codes_differ": "codes-differ.png",
    "problem-nothing_read": "blank-photo.jpg",
}
PAGES = {"home": "/", "ledger": "/ledger", "demo": "/demo", "docs": "/docs", "problem-not_found": "/nowhere"}
# what is brought to the ledger -> the code, or the file
BROUGHT: dict[str, Callable[[Served], str | bytes]] = {
    "ledger-placed": code_of,
    "ledger-fork": fork_of,
    "ledger-evidence": evidence_of,
    "ledger-no_file": lambda served: (served.demo / "genuine-qr.png").read_bytes(),
}
TYPED = {"problem-check_digit": "(01)09521000000019(17)280101(10)AX26K1(21)K86MFXH5CA9XN"}
DOWN = "problem-store_down"
# state of the live camera -> what shows that it is reached
CAMERA = {
    "open": "#camera[data-state=looking]",
    "nothing": "[data-trouble=nothing]:visible",
    "read": "#camera[data-state=read]",
    "denied": "[data-trouble=denied]:visible",
}
HELD = "addEventListener('submit', event => event.preventDefault(), true)"  # what was read stays in view

PHONES = ("home", "camera-open", "camera-read", "camera-denied", "camera-nothing",
          "verdict-genuine", "verdict-dispensed", "verdict-expired", "verdict-recalled", "verdict-unknown",
          "verdict-stolen", "verdict-foreign_link", "verdict-no_serial", "verdict-lot_not_recalled", "verdict-forged",
          "verdict-cold", "verdict-several", "verdict-codes_differ", "problem-nothing_read", DOWN)  # fmt: skip
KEPT = {
    *(f"{name}-390x844-light-fr" for name in PHONES),
    *("verdict-genuine-390x844-dark-en", "verdict-recalled-390x844-dark-en", "verdict-gap-390x844-light-en"),
    *("verdict-foreign_link-390x844-dark-en", "verdict-unknown-390x844-dark-en", "verdict-withdrawn-390x844-light-fr"),
    *("home-1280x800-light-en", "demo-1280x800-light-en", "verdict-genuine-1280x800-light-fr"),
    *("ledger-390x844-light-fr", "ledger-1280x800-light-en", "ledger-placed-390x844-dark-en"),
    *("verdict-recalled-1280x800-light-en", "verdict-unknown-1280x800-light-fr", f"{DOWN}-1280x800-light-en"),
}


@dataclass(frozen=True, slots=True)
class Camera:
    """One size, theme and language, and the page that is photographed in it; `whole`: down to its foot as well."""

    page: Page
    style: str
    whole: bool

    def shoot(self, name: str) -> None:
        """Photograph what the page shows now."""
        self.page.evaluate("document.activeElement?.blur()")
        keep(DRAWN / f"{name}-{self.style}.png", self.page.screenshot())
        if self.whole:
            keep(DRAWN / "whole" / f"{name}-{self.style}.png", self.page.screenshot(full_page=True))
        if f"{name}-{self.style}" in KEPT:
            shutil.copy(DRAWN / f"{name}-{self.style}.png", KEPT_IN)


def cameras(browser: Browser, url: str, whole: bool, sizes: Sequence[tuple[int, int]] = SIZES) -> list[Camera]:
    """One for every size, theme and language; the small size is a phone's."""
    return [
        Camera(
            screen(browser, url, size, theme=theme, locale=language), f"{size[0]}x{size[1]}-{theme}-{language}", whole
        )
        for size, theme, language in itertools.product(sizes, THEMES, LANGUAGES)
    ]


def draw(camera: Camera, served: Served) -> None:
    """Every page but the one of an outage."""
    demo = served.demo
    for name, path in PAGES.items():
        camera.page.goto(path)
        camera.shoot(name)
    for name, file in VERDICTS.items():
        send(camera.page, demo / file)
        camera.shoot(name)
    for name, text in TYPED.items():
        type_in(camera.page, text)
        camera.shoot(name)
    for name, brought in BROUGHT.items():
        bring(camera.page, brought(served))
        camera.shoot(name)


def draw_cameras(playwright: Playwright, chromium: str, served: Served, whole: bool) -> None:
    """The live camera: looking, giving up, refused, a code read; each in a browser that sees, or allows, just that."""
    with tempfile.TemporaryDirectory(prefix="films-") as folder:
        for size in SIZES:
            seen = {"size": film.TALL if size == PHONE else film.WIDE}
            box = served.demo / "genuine-datamatrix.png"
            films = [
                film.shoot(Path(folder) / name, (film.scene(box, blur=blur, **seen), 1))
                for name, blur in (("blurred.mjpeg", 9), ("sharp.mjpeg", 0.7))
            ]
            states: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
                (film.showing(films[0]), ("open", "nothing")),
                (film.showing(films[1]), ("read",)),
                ((film.FAKED,), ("denied",)),
            )
            for flags, names in states:
                browser = launch(playwright, chromium, *flags)
                for camera in cameras(browser, served.url, whole, (size,)):
                    for name in names:
                        camera.page.goto("/")
                        camera.page.evaluate(HELD)
                        if name == "nothing":
                            camera.page.evaluate("document.querySelector('#camera').dataset.limit = 0.2")
                        camera.page.locator("#scan").click()
                        camera.page.locator(CAMERA[name]).wait_for()
                        camera.shoot(f"camera-{name}")
                browser.close()


def draw_outage(taken: list[Camera], served: Served) -> None:
    """What is shown while the store is away: once for all, since a node whose store leaves too often gives up."""
    for camera in taken:
        camera.page.goto("/")
    with served.store_down():
        for camera in taken:
            send(camera.page, served.demo / "genuine-qr.png")
            camera.shoot(DOWN)


def keep(file: Path, png: bytes) -> None:
    """Write a picture, packed as tightly as PNG allows."""
    file.parent.mkdir(parents=True, exist_ok=True)
    pixels = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None  # a screenshot
    options = [cv2.IMWRITE_PNG_COMPRESSION, 9, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_DEFAULT]
    tight = cv2.imencode(".png", pixels, options)[1].tobytes()
    file.write_bytes(min(tight, png, key=len))


def main() -> int:
    """Draw them all; `--whole` also draws each page down to its foot."""
    chromium = program()
    if chromium is None:
        print("shots: expected chromium on the PATH, found none: apt-get install chromium", file=sys.stderr)
        return 64
    shutil.rmtree(DRAWN, ignore_errors=True)
    KEPT_IN.mkdir(parents=True, exist_ok=True)
    for old in KEPT_IN.glob("*.png"):
        old.unlink()
    with (
        tempfile.TemporaryDirectory(prefix="shots-") as data,
        Served(Path(data)) as served,
        sync_playwright() as playwright,
    ):
        taken = cameras(launch(playwright, chromium), served.url, "--whole" in sys.argv)
        for camera in taken:
            draw(camera, served)
            print(f"shots: {camera.style}", flush=True)
        draw_cameras(playwright, chromium, served, "--whole" in sys.argv)
        draw_outage(taken, served)
    missing = KEPT - {file.stem for file in KEPT_IN.glob("*.png")}
    print(f"shots: {len(list(DRAWN.glob('*.png')))} in var/shots, {len(KEPT) - len(missing)} kept in docs/shots")
    return len(missing)


if __name__ == "__main__":
    sys.exit(main())
