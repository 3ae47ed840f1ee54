"""One server and one browser for this folder; every page is watched: what it logs, what it asks of whom."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from browser.screen import PHONE, Served, launch, screen
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

Open = Callable[..., Page]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test of this folder needs the browser."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser(chromium: Path) -> Iterator[Browser]:
    """Debian's chromium."""
    with sync_playwright() as playwright:
        browser = launch(playwright, str(chromium))
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
        # The browser also logs the status of a page that was meant to be a problem.
        if message.type in ("error", "warning") and "responded with a status of" not in message.text:
            faults.append(message.text)

    def opened(size: tuple[int, int] = PHONE, **more: Any) -> Page:
        page = screen(browser, served.url, size, **more)
        pages.append(page)
        page.on("console", logged)
        page.on("pageerror", lambda fault: faults.append(str(fault)))
        page.on("request", lambda r: None if r.url.startswith(f"{served.url}/") else faults.append(f"asked {r.url}"))
        return page

    yield opened
    for page in pages:
        page.close()
    assert not faults
