"""Witnesses of a log, each a real HTTP server in this process, and how they may misbehave.

They keep one checkpoint, answer with the codes of tlog-witness, and cosign by the test's clock. What they are made
to do otherwise is a function from the honest answer to another, so that each sin is one line in a test.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from verifier.ledger import checkpoint as notes
from verifier.ledger import cosignature, note, witnessing
from verifier.ledger.checkpoint import Checkpoint
from verifier.ledger.merkle import EMPTY_ROOT
from verifier.ledger.note import COSIGNATURE, VerifierKey
from verifier.ledger.policy import Group, Policy, Witness

Answer = tuple[int, bytes]


class HttpWitness:
    """A witness named `name`; `twist` changes its answers, `before` is called with each request, in its thread."""

    def __init__(self, log: VerifierKey, clock: Callable[[], int], name: str) -> None:
        self.log, self.clock, self.name, self.seed = log, clock, name, sha256(name.encode()).digest()
        self.stored: bytes | None = None
        self.seen: list[Checkpoint] = []
        self.asked = 0
        self.twist: Callable[[Answer], Answer] = lambda answer: answer
        self.before: Callable[[], None] = lambda: None
        self.drip: threading.Event | None = None
        self.dripping = (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"x")
        self._lock = threading.Lock()
        self._lines: list[socket.socket] = []
        self._server: ThreadingHTTPServer | None = None
        self.port = 0

    def start(self) -> Self:
        witness = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                witness.before()
                if witness.drip is not None:
                    self.do_drip(witness.drip)
                    return
                status, answer = witness.twist(witness.decide(body))
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                if status == 302:
                    self.send_header("Location", self.path)
                self.end_headers()
                self.wfile.write(answer)
                self.wfile.flush()

            def do_drip(self, gone: threading.Event) -> None:
                head, drop = witness.dripping
                with contextlib.suppress(OSError):
                    self.wfile.write(head)
                    while not gone.wait(0.01):
                        self.wfile.write(drop)
                        self.wfile.flush()
                self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                pass  # the node hung up

            def process_request(self, request: Any, client_address: Any) -> None:
                witness._lines.append(request)
                super().process_request(request, client_address)

        self._server = Server(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def stop(self) -> None:
        """Dead: nobody listens, and what was open is closed."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            for line in self._lines:
                with contextlib.suppress(OSError):
                    line.shutdown(socket.SHUT_RDWR)
            self._server, self._lines = None, []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/w/"

    @property
    def key(self) -> VerifierKey:
        return VerifierKey.of_seed(f"{self.name}.example", self.seed, COSIGNATURE)

    @property
    def head(self) -> Checkpoint:
        """What it cosigned last."""
        if self.stored is None:
            return Checkpoint(self.log.name, 0, EMPTY_ROOT)
        return notes.parse(note.parse(self.stored).text)

    def decide(self, body: bytes) -> Answer:
        """The answer that the specification owes."""
        request = witnessing.parse(body)
        with self._lock:
            self.asked += 1
            answer = witnessing.decide(request, self.stored, [self.log])
            if answer.checkpoint is None:
                return answer.status, answer.body
            self.stored = request.checkpoint
            self.seen.append(answer.checkpoint)
        return 200, self.sign(answer.checkpoint.encode())

    def sign(self, text: str) -> bytes:
        return cosignature.cosign(text, self.key.name, self.seed, self.clock()).encode()


class Witnesses:
    """Witnesses w1, w2, ... of a log, and the policy that asks `k` of them. Use as a context manager."""

    def __init__(
        self, log: VerifierKey, clock: Callable[[], int], count: int = 3, k: int = 2, group: str = "hospitals"
    ) -> None:
        letter = "w" if group == "hospitals" else group[0]
        self.all = [HttpWitness(log, clock, f"{letter}{number}").start() for number in range(1, count + 1)]
        members = tuple(Witness(one.name, one.key, one.url) for one in self.all)
        self.policy = Policy(log, None, members, (Group(group, k, tuple(one.name for one in self.all)),), group)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for one in self.all:
            one.stop()


def aside(work: Callable[[], Any]) -> Future[Any]:
    """Do it in a thread; what it returned or raised."""
    done: Future[Any] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as fault:
            done.set_exception(fault)

    threading.Thread(target=run, daemon=True).start()
    return done


def until(true: Callable[[], object], bound_s: float = 20.0) -> None:
    deadline = time.monotonic() + bound_s
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


__all__ = ["Answer", "HttpWitness", "Witnesses", "aside", "until"]
