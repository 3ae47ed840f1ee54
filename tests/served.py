"""The house as a user starts it: `python -m verifier serve --demo` in processes of its own, on a free port.

For tests of the terminal, of browsers, and of what a real server does when its parts are killed.
"""

import functools
import io
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any, Self
from unittest import mock

import httpx

from scanner.__main__ import main as scanner_main
from verifier.commands import main as verifier_main
from verifier.settings import ROOT

BOUND_S = 90.0


def free_port() -> int:
    """A port that nobody listens on, below those that the system lends to whoever connects (ip_local_port_range):
    one of these may be taken before we listen on it."""
    while True:
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", secrets.randbelow(10_000) + 20_000))
            port: int = probe.getsockname()[1]
            return port


class Served:
    """A running server over `data`; use as a context manager. Inside, the demo world is seeded and `/readyz` is 200."""

    def __init__(self, data: Path, workers: int = 1, **changed: str) -> None:
        self.port = free_port()
        self.data, self.url = data, f"http://127.0.0.1:{self.port}"
        kept = {name: value for name, value in os.environ.items() if name != "REDIS_URL"}
        own = {"PORT": str(self.port), "PROBATUM_DATA": str(data), "PROBATUM_WORKERS": str(workers)}
        own |= {"PROBATUM_LIMITS": "off", "PROBATUM_CHAIN": "off"} | changed  # tests ask as no device does
        self.environment = kept | own
        self.log = data.parent / f"{data.name}.log"

    def __enter__(self) -> Self:
        argv = [sys.executable, "-m", "verifier", "serve", "--demo"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(argv, cwd=ROOT, env=self.environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            self.wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)

    def wait(self, bound_s: float = BOUND_S) -> None:
        """Until the demo is seeded and a scan would be answered."""
        deadline = time.monotonic() + bound_s
        while not ((self.data / "demo" / "seeded.json").exists() and self.ready()):
            late = time.monotonic() > deadline or self.process.poll() is not None
            assert not late, self.log.read_text("utf-8")[-2000:]
            time.sleep(0.05)

    def told(self, bound_s: float = BOUND_S) -> str:
        """What the terminal shows, once it says how to stop."""
        deadline = time.monotonic() + bound_s
        while "  stop  Ctrl-C\n" not in (told := self.log.read_text("utf-8")):
            assert time.monotonic() < deadline, told[-2000:]
            time.sleep(0.05)
        return told

    def ready(self) -> bool:
        """Whether `/readyz` is 200 now."""
        try:
            return httpx.get(f"{self.url}/readyz", timeout=2, trust_env=False).is_success
        except httpx.HTTPError:
            return False

    @property
    def demo(self) -> Path:
        """The folder of the demo images."""
        return self.data / "demo"

    @property
    def expected(self) -> dict[str, Any]:
        """Demo image -> what it must say."""
        found: dict[str, Any] = json.loads((self.demo / "expected.json").read_text("utf-8"))
        return found

    def run(self, *words: str, **changed: str) -> subprocess.CompletedProcess[bytes]:
        """`python -m <words>` in the server's environment, from the repository's root."""
        environment = self.environment | changed
        argv = [sys.executable, "-m", *words]
        return subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, timeout=60, check=False)

    def call(self, *words: str) -> subprocess.CompletedProcess[bytes]:
        """As `run`, but in this process, which has already imported it all: for what is asked a hundred times."""
        command, *arguments = words
        out, error = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
        verifier = functools.partial(verifier_main, prog_name="python -m verifier")
        main = scanner_main if command == "scanner" else verifier
        with mock.patch.dict(os.environ, self.environment), redirect_stdout(out), redirect_stderr(error):
            try:
                main(arguments)
            except SystemExit as ended:
                code = int(ended.code or 0)
        raw = [file.buffer.getvalue() for file in (out, error) if isinstance(file.buffer, io.BytesIO)]
        return subprocess.CompletedProcess(words, code, *raw)

    def children(self) -> list[int]:
        """The process ids of the supervisor's children."""
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in listed.split()]

    def child(self, word: str) -> int:
        """The process id of the supervisor's child whose command line has `word`: redis-server, node or granian."""
        return next(pid for pid in self.children() if word in Path(f"/proc/{pid}/cmdline").read_text())
