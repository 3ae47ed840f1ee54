"""The real thing, running for a measure: embedded Redis, a node, granian workers, the demo world."""

import contextlib
import os
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx

from verifier import demo
from verifier.commands.client import Client
from verifier.commands.serve import THREADS, environment
from verifier.process import Process
from verifier.settings import ROOT, Settings
from verifier.store.embedded import EmbeddedRedis

WORKERS = 2


@contextlib.contextmanager
def house(data: Path) -> Iterator[Settings]:
    """Redis and a node over a seeded demo world; the web worker used for seeding is gone again."""
    settings = Settings(data=data, port=_free(), limits="off")
    demo.prepare(settings)
    with EmbeddedRedis(data) as store:
        settings = replace(settings, redis_url=store.url)
        node = Process("node", [sys.executable, "-m", "verifier", "node"], cwd=ROOT, env=environment(settings))
        node.start()
        try:
            with web(settings, "app:create_app") as url:
                _wait(url + "/checkpoint", published=True)
                demo.seed(settings, Client(url), lambda _: None)
            yield settings
        finally:
            node.stop()


@contextlib.contextmanager
def web(settings: Settings, target: str) -> Iterator[str]:
    """An application factory on granian, with the workers and threads that every measured door has; its address."""
    port = _free()
    argv = [sys.executable, "-m", "granian", "--interface", "wsgi", "--factory", "--no-ws", "--log-level", "warning"]
    argv += ["--workers", str(WORKERS), "--blocking-threads", str(THREADS), "--port", str(port), target]
    server = Process(target, argv, cwd=ROOT, env={**os.environ, **environment(settings)})
    server.start()
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(url)
        yield url
    finally:
        server.stop()


def _free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait(url: str, published: bool = False) -> None:
    """Until it answers, or until the node has published something."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(url, timeout=2).is_success or not published:
                return
        time.sleep(0.05)
    raise TimeoutError(f"{url}: expected an answer within 30 s, found none")
