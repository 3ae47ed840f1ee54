"""Witnesses for tests: `witness` runs a real one in a thread of this process, `WitnessProcess` one that can be killed.

    with witness(tmp_path / "w1", log_key, "w1") as w1:
        w1.policy_line            # `witness w1 <vkey> <url>`, for a policy
        w1.url, w1.vkey, w1.cosigner.last()

Both listen on a port of their own, on 127.0.0.1, and are ready when they are given. The same folder again is the same
witness, with its key and what it cosigned. A clock may be given to one in a thread.
"""

import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import httpx

from verifier.ledger import checkpoint as notes
from verifier.ledger import cosignature, note, tiles
from verifier.ledger.checkpoint import Checkpoint
from verifier.ledger.merkle import EMPTY_ROOT, leaf_hash
from verifier.ledger.note import VerifierKey
from verifier.ledger.policy import Policy
from verifier.ledger.witnessing import AddCheckpoint
from verifier.settings import ROOT
from verifier.witness import state
from verifier.witness.running import Running
from verifier.witness.server import Server

if TYPE_CHECKING:
    from forge import Forger

BOUND_S = 30.0
PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # nothing here is https, and to load the authorities takes longer


def now() -> int:
    return int(time.time())


@contextmanager
def witness(
    folder: Path, log: VerifierKey, name: str = "w1", clock: Callable[[], int] = now, port: int = 0, **more: Any
) -> Iterator[Running]:
    """A witness of `log`, serving from a thread of this process while the context lasts."""
    with Running(folder, log, ("127.0.0.1", port), clock, name=name, **more) as running:
        thread = threading.Thread(target=running.run, name=f"witness {name}")
        thread.start()
        try:
            yield running
        finally:
            running.stop()
            thread.join(15)
            assert not thread.is_alive(), f"witness {name} did not stop"


@contextmanager
def served(app: Any) -> Iterator[str]:
    """The address of a WSGI application: a log's doors, as a witness reaches them."""
    server = Server(app, "127.0.0.1", 0)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield server.url
    finally:
        server.stop()
        thread.join(15)


class Face:
    """One face of a log, as HTTP: its checkpoint, tiles, bundles, and every statement to anybody."""

    def __init__(self, forger: "Forger") -> None:
        self.forger = forger
        self.extra = b""

    def __call__(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        path = str(environ["PATH_INFO"]).lstrip("/")
        try:
            headers, body = self._body(path)
            start("200 OK", [*headers, ("Content-Length", str(len(body)))])
        except (LookupError, ValueError):
            body = b""
            start("404 Not Found", [("Content-Length", "0")])
        return [body]

    def _body(self, path: str) -> tuple[list[tuple[str, str]], bytes]:
        if path == "checkpoint":
            return [], self.forger.note() + self.extra
        if path.startswith("entries/"):
            index = self.forger.index[bytes.fromhex(path.removeprefix("entries/"))]
            return [("Probatum-Leaf", str(index))], self.forger.leaves[index].raw
        tile, entries = tiles.parse_path(path)
        first = tile.number * 256
        if entries:
            return [], tiles.encode_entries([one.id for one in self.forger.leaves[first : first + tile.width]])
        return [], self.forger._read(tile.level, tile.number, tile.width)


def until(done: Callable[[], Any], bound_s: float = BOUND_S) -> Any:
    """What `done` gives, once that is true."""
    deadline = time.monotonic() + bound_s
    while not (found := done()):
        assert time.monotonic() < deadline, f"not done within {bound_s} s"
        time.sleep(0.02)
    return found


class WitnessProcess:
    """The same as `python -m verifier witness` in a process of its own; a context manager, or `start` and `stop`.

    `prelude` is Python run in it first: what a test has go wrong there; `words` are more of the command's. Its key is
    made before it starts.
    """

    def __init__(
        self, folder: Path, log: VerifierKey, name: str = "w1", words: Sequence[str] = (), prelude: str = "",
        policy: Policy | None = None,
    ) -> None:  # fmt: skip
        from served import free_port

        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.name, self.port = folder, name, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.key = state.open_key(folder, name)
        self.output = folder.parent / f"{folder.name}.log"
        trust = folder.parent / f"{folder.name}.policy"
        trust.write_text(str(policy or Policy(log)), "utf-8")
        main = "from verifier.commands import main; main(prog_name='verifier')"
        run = ["-c", f"{prelude}\n{main}"] if prelude else ["-m", "verifier"]
        argv = [sys.executable, *run, "witness", "--data", str(folder), "--trust", str(trust)]
        self.argv = [*argv, "--listen", f"127.0.0.1:{self.port}", *words]

    @property
    def vkey(self) -> VerifierKey:
        return state.own_key(self.key)

    @property
    def policy_line(self) -> str:
        return state.policy_line(self.key, self.url)

    def start(self) -> Self:
        """Start it, and wait until it answers."""
        self.begin()
        deadline = time.monotonic() + BOUND_S
        while not self.ready():
            assert self.process.poll() is None, self.told()
            assert time.monotonic() < deadline, self.told()
            time.sleep(0.02)
        return self

    def begin(self) -> None:
        """Start it."""
        with self.output.open("ab") as log:
            self.process = subprocess.Popen(self.argv, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)

    def ready(self) -> bool:
        with suppress(httpx.HTTPError):
            return httpx.get(f"{self.url}/healthz", timeout=2, trust_env=False, verify=PLAIN).is_success
        return False

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait(10)

    def stop(self) -> int:
        """SIGTERM; its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(15)

    def told(self) -> str:
        """The end of what it printed."""
        return self.output.read_text("utf-8", "replace")[-3000:]

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


class Log:
    """A log of invented leaves that signs what it is told to: it asks a witness, where a node would be too much."""

    def __init__(self, size: int = 0, branch: str = "", origin: str = "log.example", seed: bytes = bytes(32)) -> None:
        """Leaf n is the same in every log; on a `branch`, those from `size` on are its own."""
        self.origin, self.seed, self.branch, self.since = origin, seed, branch, size
        self.key = VerifierKey.of_seed(origin, seed)
        self._tiles: dict[tuple[int, int], bytes] = {}
        self.size, self.root = 0, EMPTY_ROOT
        self.grow(size)

    def grow(self, more: int) -> Self:
        """With so many leaves more."""
        names = [f"{n}{self.branch if n >= self.since else ''}" for n in range(self.size, self.size + more)]
        changed, self.root = tiles.grow(self.size, [leaf_hash(name.encode()) for name in names], self._read)
        self._tiles |= changed
        self.size += more
        return self

    def _read(self, level: int, number: int, width: int) -> bytes:
        return self._tiles[level, number][: width * 32]

    def note(self, size: int | None = None) -> bytes:
        """The signed checkpoint, now or when it had `size` leaves."""
        size = self.size if size is None else size
        return notes.sign(Checkpoint(self.origin, size, tiles.root(size, self._read)), self.seed)

    def request(self, old: int, size: int | None = None) -> AddCheckpoint:
        """To cosign the tree of `size` from one of `old` leaves."""
        size = self.size if size is None else size
        path = tiles.consistency_path(old, size, self._read) if 0 < old <= size else ()
        return AddCheckpoint(old, path, self.note(size))


def add_checkpoint(url: str, body: bytes) -> httpx.Response:
    """POST <url>/add-checkpoint."""
    return httpx.post(f"{url}/add-checkpoint", content=body, timeout=10, trust_env=False, verify=PLAIN)


def cosigned_at(signed: bytes, line: str, key: VerifierKey) -> int:
    """The time in a cosignature line over a signed note; fails unless the key made it."""
    time_given = cosignature.time_of(note.parse(signed + line.encode()), key)
    assert time_given is not None
    return time_given


__all__ = [
    *("PLAIN", "Face", "Log", "WitnessProcess"),
    *("add_checkpoint", "cosigned_at", "now", "served", "until", "witness"),
]
