"""A real server and a real browser, for the tests of this folder and for make_shots. Nothing is asserted here."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

import httpx
import redis
from playwright.sync_api import Browser, Page, Playwright
from served import free_port

from verifier.commands.node import keys_of
from verifier.demo import _world
from verifier.ledger import checkpoint as notes
from verifier.ledger.checkpoint import Checkpoint
from verifier.settings import ROOT
from verifier.store.embedded import EmbeddedRedis
from verifier.web.desk import policy_of

PHONE, DESK = (390, 844), (1280, 800)
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--hide-scrollbars", "--force-color-profile=srgb"),
)


class Served:
    """`python -m verifier serve --demo` on a free port, over a Redis that can be held still."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.url = f"http://127.0.0.1:{free_port()}"
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with self._stack as stack:
            store = stack.enter_context(EmbeddedRedis(self.data / "store"))
            self._redis = stack.enter_context(redis.Redis.from_url(store.url))
            self._serve(stack, f"{store.url}?socket_timeout=1")
            self._stack = stack.pop_all()
        return self

    def _serve(self, stack: ExitStack, store: str) -> None:
        port = self.url.rpartition(":")[2]
        env = {**os.environ, "PORT": port, "PROBATUM_DATA": str(self.data / "var"), "REDIS_URL": store}
        env |= {"PROBATUM_LIMITS": "off", "PROBATUM_CHAIN": "off"}  # tests ask as no device does
        log = self.data / "serve.log"
        argv = [sys.executable, "-m", "verifier", "serve", "--demo"]
        with log.open("wb") as output:
            child = subprocess.Popen(argv, cwd=ROOT, env=env, stdout=output, stderr=subprocess.STDOUT)
        stack.callback(_end, child)
        deadline = time.monotonic() + 90
        while "open  http" not in log.read_text("utf-8"):
            if child.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"serve --demo: expected the line `open`, found:\n{log.read_text('utf-8')}")
            time.sleep(0.1)

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    @property
    def demo(self) -> Path:
        """The demo images, and expected.json beside them."""
        return self.data / "var" / "demo"

    @contextmanager
    def store_down(self) -> Iterator[None]:
        """Redis answers nobody meanwhile; afterwards the server is waited for."""
        pid = int(self._redis.info("server")["process_id"])
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)
            deadline = time.monotonic() + 30
            while httpx.get(f"{self.url}/readyz").status_code != 200 and time.monotonic() < deadline:
                time.sleep(0.1)


def _end(child: "subprocess.Popen[bytes]") -> None:
    child.terminate()
    try:
        child.wait(20)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def program() -> str | None:
    """Debian's chromium, or None."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


def launch(playwright: Playwright, chromium: str, *more: str) -> Browser:
    """The browser, without a window and without a word to anyone but us; `more` are flags of its own."""
    return playwright.chromium.launch(executable_path=chromium, args=[*FLAGS, *more])


def screen(browser: Browser, url: str, size: tuple[int, int] = PHONE, *, theme: str = "light", **more: Any) -> Page:
    """A new page on `url`, of its own cookies; up to a phone's width it is a phone: touched, not clicked."""
    touched = size[0] <= PHONE[0]
    more = {
        "timezone_id": "Europe/Paris",
        "reduced_motion": "reduce",
        "has_touch": touched,
        "is_mobile": touched,
    } | more
    viewport = {"width": size[0], "height": size[1]}
    return browser.new_page(viewport=viewport, color_scheme=theme, base_url=url, **more)  # type: ignore[arg-type]


def send(page: Page, photo: Path) -> None:
    """Hand a photo to the form, as a phone's camera does; the page that answers is there on return."""
    if not page.locator("#photo").count():
        page.goto("/")
    with page.expect_navigation():
        page.set_input_files("#photo", photo)


def type_in(page: Page, text: str) -> None:
    """Type a code and press Enter."""
    page.goto("/")
    page.fill("#text", text)
    with page.expect_navigation():
        page.press("#text", "Enter")


def bring(page: Page, brought: str | Path | bytes) -> None:
    """Bring a code (text) or a file to the ledger; the page that answers is there on return."""
    page.goto("/ledger")
    with page.expect_navigation():
        if isinstance(brought, str):
            page.fill("#text", brought)
            page.press("#text", "Enter")
        else:
            data = brought if isinstance(brought, bytes) else brought.read_bytes()
            page.set_input_files("#file", {"name": "brought", "mimeType": "application/octet-stream", "buffer": data})


def code_of(served: Served) -> str:
    """The link of a genuine pack."""
    return _world(served.demo).pack("current", 0).digital_link()


def evidence_of(served: Served) -> bytes:
    """The evidence about it."""
    return httpx.post(f"{served.url}/api/evidence", json={"text": code_of(served)}, trust_env=False).content


def fork_of(served: Served) -> bytes:
    """A checkpoint that the log signed and never published: only a dishonest node has one."""
    node = keys_of(served.data / "var")
    origin = policy_of(served.data / "var").log.name
    return notes.sign(Checkpoint(origin, 12, bytes(32)), node.log)
