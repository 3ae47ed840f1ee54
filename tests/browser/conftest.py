"""One server and one browser for this folder; every page is watched: what it logs, what it asks of whom."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from browser import film
from browser.screen import PHONE, Served, launch, screen
from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright, sync_playwright

# What the browser itself notes: the status of a page meant to be a problem, a header that plain http cannot have, and
# a request that a test has stopped.
NOTED = ("responded with a status of", "Cross-Origin-Opener-Policy header has been ignored", "net::ERR_FAILED")

Open = Callable[..., Page]
Launch = Callable[..., Browser]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test of this folder needs the browser."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """What drives browsers."""
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="module")
def browser(chromium: Path, playwright: Playwright) -> Iterator[Browser]:
    """Debian's chromium, with a camera that its user allows and that never shows a code. One a file: left open, its
    camera would keep half a core busy until the last test of all."""
    browser = launch(playwright, str(chromium), *film.ALLOWED)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def served(chromium: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The demo world, served as `make run` serves it."""
    with Served(tmp_path_factory.mktemp("served")) as served:
        yield served


@pytest.fixture
def open_page(browser: Browser, served: Served) -> Iterator[Open]:
    """Opens pages (as screen.screen does) that must log no error and speak to our server alone."""
    pages: list[Page] = []
    faults: list[str] = []

    def logged(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not any(noted in message.text for noted in NOTED):
            faults.append(message.text)

    def opened(size: tuple[int, int] = PHONE, *, within: Browser = browser, url: str = served.url, **more: Any) -> Page:
        page = screen(within, url, size, **more)
        pages.append(page)
        page.on("console", logged)
        page.on("pageerror", lambda fault: faults.append(str(fault)))
        page.on("request", lambda r: None if r.url.startswith(f"{url}/") else faults.append(f"asked {r.url}"))
        return page

    yield opened
    for page in pages:
        page.close()
    assert not faults


@pytest.fixture
def launched(chromium: Path, playwright: Playwright, open_page: Open) -> Iterator[Launch]:
    """Launches browsers with flags of their own: a film, no camera, nobody who allows it. They end before their pages
    are closed, as `open_page` allows."""
    with ExitStack() as stack:
        yield lambda *flags: stack.enter_context(closing(launch(playwright, str(chromium), *flags)))
