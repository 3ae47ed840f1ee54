"""The processes of the play, all real: five witnesses, a Redis, the node, the web workers. Each is started, killed and
replaced by name; what is to be seen is asked of their doors, as anybody would. Nothing of the story is decided here.
"""

import contextlib
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from os import kill
from pathlib import Path
from typing import Any

import httpx

from verifier import consortium, demo
from verifier.commands import serve
from verifier.commands.client import Client, ServerError
from verifier.demo import Report
from verifier.ledger import checkpoint as notes
from verifier.ledger.checkpoint import Checkpoint
from verifier.ledger.policy import parse as parse_policy
from verifier.node import keyfile
from verifier.node.local_chain import LocalChain, find_anvil
from verifier.process import Process
from verifier.settings import ROOT, Settings
from verifier.statements.envelope import sign
from verifier.statements.product import Product
from verifier.store.embedded import EmbeddedRedis

BOUND_S = 60.0
BLOCK_S = 1
TICK_S = 0.05
MAKER, GTIN = demo.AUBRAC, demo.gtin(demo.PRODUCTS[0][0])


class Unlike(Exception):
    """What was seen is not what the story says: what, what was expected, what was found."""


class Stage:
    """Everything that runs, in the folder of `settings`; a context manager that leaves nothing running."""

    def __init__(self, settings: Settings, report: Report) -> None:
        self.data, self.report = settings.data, report
        self.ports = {name: settings.port + n for n, name in enumerate(consortium.WITNESSES, 1)}
        for port in (settings.port, *self.ports.values()):
            serve.check_port(settings.host, port)
        demo.prepare(settings)
        policy = parse_policy((self.data / "policy.txt").read_text("utf-8"))
        self.policy = consortium.policy(policy.log, self.data, self.ports)
        (self.data / "policy.txt").write_text(str(self.policy), "utf-8")
        self.store = EmbeddedRedis(self.data)
        self._told = self.data / "logs"
        self._told.mkdir()
        self.settings = replace(settings, redis_url=self.store.url, limits="off", chain="off")
        self.url = self.settings.base_url
        program = find_anvil()
        self.chain = LocalChain(program, self._told / "chain.log", BLOCK_S) if program else None
        self.witnesses = {name: self._honest(name) for name in self.ports}
        self.node = self._process("node", "-m", "verifier", "node")
        asking = replace(self.settings, chain=self.chain.url if self.chain else "off", anchor_every=1)
        self.asking = self._process("asking", "-m", "verifier", "node", settings=asking)  # the node, told of the chain
        self.anchor = self._process("anchor", "-m", "verifier", "anchor", "--watch", "--develop", settings=asking)
        self.web = serve.web(self.settings)
        self.seen: list[bytes] = []  # every note that anybody was shown
        self._made = 0

    def __enter__(self) -> "Stage":
        return self

    def __exit__(self, *_: object) -> None:
        self.web.stop()
        self.anchor.stop()
        if self.chain is not None:
            self.chain.stop()
        self.asking.stop()
        self.node.stop()
        self.store.stop()
        for witness in self.witnesses.values():
            witness.stop(1.0)

    # --- who runs ---

    def open(self) -> None:
        """Start all, in an order in which each finds what it needs."""
        for name in self.witnesses:
            self.start_witness(name)
        self.start_store()
        self.start_node()
        self.web.start()
        self.until("the web answers", lambda: serve.web_ready(self.settings))
        if self.chain is not None:
            self.chain.start()
            self.until("the chain answers", self.chain.ready)
            self.anchor.start()

    def start_store(self) -> None:
        """Redis, until it answers."""
        self.store.start()
        self.until("the store answers", self.store.ready)

    def start_node(self) -> None:
        """The node, until it holds the lease."""
        self.node.start()
        self.until("the node sequences", lambda: serve.node_ready(self.settings), self.node)

    def start_witness(self, name: str) -> None:
        """A witness as it should be, in the place of whatever stood there."""
        self.witnesses[name].stop(1.0)
        self.witnesses[name] = self._honest(name)
        self.witnesses[name].start()
        self.until(f"{name} answers", lambda: self._listens(name), self.witnesses[name])

    def corrupt(self, name: str, lie: str) -> None:
        """Put a liar in the place of a witness, with its key."""
        self.witnesses[name].stop(1.0)
        words = str(consortium.folder_of(self.data, name)), str(self.ports[name]), lie
        self.witnesses[name] = self._process(name, "-m", "verifier.consortium.liar", *words)
        self.witnesses[name].start()
        self.until(f"{name} answers", lambda: self._listens(name), self.witnesses[name])

    @staticmethod
    def kill(process: Process) -> None:
        """kill -9."""
        if process.pid is not None and process.alive():
            kill(process.pid, signal.SIGKILL)
        process.stop()

    def copy_store(self) -> Path:
        """A copy of what the node keeps: its Redis and what it has beside it. Nothing may run on it."""
        copy = self.data / "copy"
        for part in ("redis", "node"):
            shutil.copytree(self.data / part, copy / part, ignore=shutil.ignore_patterns("*.sock", "lock"))
        return copy

    def put_back(self, copy: Path, *parts: str) -> None:
        """Exchange parts of what the node keeps for an older copy's."""
        for part in parts:
            source, target = copy / part, self.data / part
            if source.is_dir():
                shutil.rmtree(target)
                shutil.copytree(source, target)
            else:
                shutil.copy2(source, target)

    def stop_node(self) -> None:
        """Stop the node and its store, cleanly."""
        self.node.stop()
        self.store.stop()

    def burn(self) -> None:
        """All that the node's machine kept of the ledger is gone: Redis, deposits, the mark. Its keys are elsewhere."""
        for part in ("redis", "deposits"):
            shutil.rmtree(self.data / part)
        (self.data / "node" / "high-water").unlink()

    def run(self, *words: str) -> str:
        """What a verb of ours said; raises Unlike where it failed."""
        env = serve.environment(self.settings)
        env.pop("REDIS_URL", None)
        done = subprocess.run(
            [sys.executable, "-m", "verifier", *words], cwd=ROOT, env=env, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise Unlike(f"{' '.join(words)}: expected status 0, found {done.returncode}: {done.stderr[-500:]}")
        return done.stdout.strip()

    # --- what is seen ---

    def said(self, name: str) -> str:
        """What a process has said since it was started last."""
        return (self._told / f"{name}.log").read_text("utf-8", "replace")

    def get(self, path: str) -> Any:
        """The JSON behind a path of ours, a refusal's too."""
        return httpx.get(self.url + path, headers={"Accept": "application/json"}, trust_env=False, timeout=20).json()

    def head(self) -> Checkpoint:
        """The published checkpoint, kept among what anybody was shown."""
        note = httpx.get(f"{self.url}/checkpoint", trust_env=False, timeout=20).raise_for_status().content
        self.seen.append(note)
        return notes.open(note, self.policy)

    def cosigners(self) -> set[str]:
        """Who has cosigned it."""
        self.head()
        return {one.name for one in notes.cosigned(self.seen[-1], self.policy)}

    def scan(self) -> dict[str, Any]:
        """What a patient is told of a good pack."""
        text = demo._world(self.data / "demo").pack("current", 0).digital_link()
        answer = httpx.post(f"{self.url}/api/scan", json={"text": text}, trust_env=False, timeout=20)
        verdict: dict[str, Any] = answer.json()
        return verdict

    def statement(self) -> bytes:
        """A statement of the maker's, another each time."""
        self._made += 1
        key = keyfile.load(self.data / "keys" / f"{MAKER}.key")
        body = Product(gtin=GTIN, name=f"{demo.PRODUCTS[0][2]} ({self._made})", form=demo.PRODUCTS[0][3])
        return sign("product", key.member, body.subject(), int(time.time()), body.encode(), key.seed).raw

    def register(self, statement: bytes | None = None) -> dict[str, Any]:
        """Register a statement of the maker's; its receipt, or the refusal."""
        with Client(self.url) as client:
            try:
                return client.register(self.statement() if statement is None else statement)
            except ServerError as fault:
                return {"status": str(fault.status), "said": str(fault)}

    def until(self, what: str, true: Callable[[], bool], process: Process | None = None) -> None:
        """Wait for something to come true; raises Unlike."""
        deadline = time.monotonic() + BOUND_S
        while not _sure(true):
            if process is not None and not process.alive():
                raise Unlike(f"{what}: expected it soon, found {process.name} ended ({process.death()}): "
                             f"{self.said(process.name)[-500:]}")  # fmt: skip
            if time.monotonic() > deadline:
                raise Unlike(f"{what}: expected it within {BOUND_S:.0f} s, found it is not so")
            time.sleep(TICK_S)

    def ended(self, process: Process) -> str:
        """Wait for a process to end by itself; its last words."""
        self.until(f"{process.name} ends", lambda: not process.alive())
        return self.said(process.name).strip().splitlines()[-1].removeprefix("Error: ")

    def _listens(self, name: str) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            httpx.get(f"http://127.0.0.1:{self.ports[name]}/", trust_env=False, timeout=2)
            return True
        return False

    def _honest(self, name: str) -> Process:
        folder, listen = consortium.folder_of(self.data, name), f"127.0.0.1:{self.ports[name]}"
        words = "witness", "--data", str(folder), "--trust", str(self.data / "policy.txt"), "--listen", listen
        follows = "--log", self.url, "--as", str(self.data / "keys" / f"{name}.key")
        return self._process(name, "-m", "verifier", *words, *follows)

    def _process(self, name: str, *words: str, settings: Settings | None = None) -> Process:
        env = serve.environment(settings or self.settings)
        return Process(name, [sys.executable, *words], cwd=ROOT, env=env, output=self._told / f"{name}.log")


def _sure(true: Callable[[], bool]) -> bool:
    try:
        return true()
    except (httpx.HTTPError, json.JSONDecodeError):
        return False


@contextlib.contextmanager
def opened(settings: Settings, report: Report) -> Iterator[Stage]:
    """A stage with everything running and the demo's world in it."""
    with Stage(settings, report) as stage:
        stage.open()
        with Client(stage.url) as client:
            demo.seed(stage.settings, client, report)
        yield stage
