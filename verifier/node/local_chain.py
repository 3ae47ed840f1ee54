"""A chain on this machine alone, for development: anvil, if `make chain` brought it or it stands on the PATH.

Every start is another chain that begins empty, and nothing on it lasts: it shows how anchoring goes, and is no anchor.
"""

import contextlib
import json
import secrets
import shutil
import socket
import subprocess
import time
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, Self

from verifier.process import Process
from verifier.settings import ROOT

PACKAGES = ROOT / "node_modules" / "@foundry-rs"
WEI = 10**18


def find_anvil() -> Path | None:
    """The program, if there is one that runs here."""
    installed = shutil.which("anvil")
    places = [*PACKAGES.glob("anvil-*/bin/anvil"), *([Path(installed)] if installed else [])]
    return next((place.absolute() for place in places if _runs(place)), None)


def _runs(program: Path) -> bool:
    try:
        return subprocess.run([program, "--version"], capture_output=True, timeout=10, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


class LocalChain:
    """Anvil on a port of this machine, a service of the supervisor or a context manager. With `block_s`, a block each
    so many seconds, else one a transaction."""

    name, bound_s, reloads, vital = "chain", 30.0, False, False

    def __init__(self, program: Path, log: Path, block_s: int | None = None, port: int | None = None) -> None:
        self.port = port or _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        argv = [str(program), "--host", "127.0.0.1", "--port", str(self.port), "--no-cors", "--accounts", "0"]
        argv += ["--block-time", str(block_s)] if block_s else []
        self.process = Process(self.name, argv, output=log)
        self.start, self.alive, self.stop = self.process.start, self.process.alive, self.process.stop

    def ready(self) -> bool:
        """Whether it answers."""
        try:
            self.call("eth_chainId")
        except (OSError, HTTPException, ValueError):
            return False
        return True

    def death(self) -> str:
        """How it ended."""
        return f"{self.process.death()}; see {self.process.output}"

    def __enter__(self) -> Self:
        self.start()
        deadline = time.monotonic() + self.bound_s
        while not self.ready():
            if not self.alive() or time.monotonic() > deadline:
                self.stop()
                raise OSError(self.death())
            time.sleep(0.02)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def call(self, method: str, *params: object) -> object:
        """As `call`."""
        return call(self.url, method, *params)

    def give(self, account: str) -> None:
        """As `give`."""
        give(self.url, account)


def call(url: str, method: str, *params: object) -> object:
    """What such a chain answers to a method, its own ones too (anvil_setBalance, anvil_reorg ...); raises OSError or
    http.client.HTTPException where it is not reached, ValueError where it refuses."""
    told = post(url, {"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    if "error" in told:
        raise ValueError(told["error"]["message"])
    return told["result"]


def post(url: str, asked: object) -> dict[str, Any]:
    """The whole answer. Not through httpx: without https there is no need to read every authority's certificate."""
    with contextlib.closing(HTTPConnection(url.removeprefix("http://"), timeout=10)) as connection:
        connection.request("POST", "/", json.dumps(asked), {"Content-Type": "application/json"})
        told: dict[str, Any] = json.load(connection.getresponse())
        return told


def give(url: str, account: str) -> None:
    """An ether for an account, out of nothing."""
    call(url, "anvil_setBalance", account, hex(WEI))


def _free_port() -> int:
    """A port that nobody listens on, below those that the system lends to whoever connects: one of these may be taken
    before we listen on it."""
    while True:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", secrets.randbelow(10_000) + 10_000))
            port: int = probe.getsockname()[1]
            return port
