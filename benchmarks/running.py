"""The real thing, running for a measure: embedded Redis, a node, granian workers, the demo world, witnesses."""

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
from verifier.ledger.policy import Group, Policy, Witness
from verifier.ledger.policy import parse as parse_policy
from verifier.process import Process
from verifier.settings import ROOT, Settings
from verifier.store.embedded import EmbeddedRedis
from verifier.witness import state

WORKERS = 2


@contextlib.contextmanager
def house(data: Path, witnesses: int = 0) -> Iterator[Settings]:
    """Redis and a node over a seeded demo world, with so many witnesses that must all cosign; the web worker used for
    seeding is gone again."""
    settings = Settings(data=data, port=_free(), limits="off")
    demo.prepare(settings)
    with _witnesses(data, witnesses), EmbeddedRedis(data) as store:
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
def _witnesses(data: Path, count: int) -> Iterator[None]:
    """Witness processes, and a policy of which all are the quorum."""
    ports = {f"witness-{number}": _free() for number in range(1, count + 1)}
    if not ports:
        yield
        return
    log = parse_policy((data / "policy.txt").read_text("utf-8")).log
    own = [
        Witness(name, state.own_key(state.open_key(data / name, name)), f"http://127.0.0.1:{port}")
        for name, port in ports.items()
    ]
    policy = Policy(log, None, tuple(own), (Group("all", count, tuple(ports)),), "all")
    (data / "policy.txt").write_text(str(policy), "utf-8")
    with contextlib.ExitStack() as ends:
        for name, port in ports.items():
            words = ["--data", str(data / name), "--trust", str(data / "policy.txt"), "--listen", f"127.0.0.1:{port}"]
            process = Process(name, [sys.executable, "-m", "verifier", "witness", *words], cwd=ROOT)
            ends.callback(process.stop)
            process.start()
            _wait(f"http://127.0.0.1:{port}/healthz")
        yield


@contextlib.contextmanager
def web(settings: Settings, target: str) -> Iterator[str]:
    """An application factory on granian, with the workers and threads that every measured door has; its address."""
    port = _free()
    argv = [sys.executable, "-m", "granian", "--interface", "wsgi", "--factory", "--no-ws", "--log-level", "error"]
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
