"""The server's bounds: who is slow, endless or too big costs the others nothing."""

import socket
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import httpx
import pytest
from witnesses import PLAIN, Log, add_checkpoint, witness

from verifier.witness import server
from verifier.witness.running import Running


@pytest.fixture
def log() -> Log:
    return Log(5)


@pytest.fixture
def w1(tmp_path: Path, log: Log, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    monkeypatch.setattr(server, "WHOLE_S", 1.0)
    with witness(tmp_path / "w1", log.key) as running:
        yield running


def connected(w1: Running, sent: bytes) -> socket.socket:
    line = socket.create_connection(("127.0.0.1", int(w1.server.effective_port)), timeout=10)
    line.sendall(sent)
    return line


def beginning(log: Log, length: int = 400) -> bytes:
    """A request that is never finished."""
    head = b"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: %d\r\n\r\n" % length
    return head + log.request(0).encode()[:40]


def test_slow_senders_hold_no_thread(w1: Running, log: Log) -> None:
    """Five times as many as there are threads send half a request each; another is answered meanwhile."""
    slow = [connected(w1, beginning(log)) for _ in range(5 * server.THREADS)]
    try:
        begun = time.monotonic()
        assert add_checkpoint(w1.url, log.request(0).encode()).status_code == 200
        assert time.monotonic() - begun < 1.0
    finally:
        for line in slow:
            line.close()


@pytest.mark.parametrize("part", ["headers", "body"])
def test_who_drips_is_cut_off(w1: Running, log: Log, part: str) -> None:
    """A byte now and then keeps no connection open."""
    with closing(connected(w1, b"GET / HTTP/1.1\r\nX: " if part == "headers" else beginning(log, 100_000))) as line:
        begun = time.monotonic()
        line.settimeout(0.1)
        told = None
        while told != b"" and time.monotonic() - begun < 8:
            with suppress(TimeoutError):
                told = line.recv(1)
            if told != b"":
                try:
                    line.sendall(b"x")
                except OSError:
                    told = b""
        assert told == b""
        assert 0.5 < time.monotonic() - begun < 5


def test_an_idle_line_serves_many_requests(w1: Running, log: Log) -> None:
    """Keep-alive, as tlog-witness asks for; only a request that was begun is timed."""
    with httpx.Client(trust_env=False, verify=PLAIN) as client:
        assert client.post(f"{w1.url}/add-checkpoint", content=log.request(0).encode()).status_code == 200
        time.sleep(2.5)
        log.grow(1)
        assert client.post(f"{w1.url}/add-checkpoint", content=log.request(5).encode()).status_code == 200
        assert len(w1.server.active_channels) == 1


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: 99999999\r\n\r\n", b"413"),
        (b"GET /healthz HTTP/1.1\r\nHost: w\r\nX: " + b"y" * 20_000 + b"\r\n\r\n", b"431"),
        (b"GET /healthz HTTP/1.1\r\nHost: w\r\nContent-Length: x\r\n\r\n", b"400"),
        (b"DELETE /add-checkpoint HTTP/1.1\r\nHost: w\r\n\r\n", b"405"),
        (b"GET /entries/x HTTP/1.1\r\nHost: w\r\n\r\n", b"404"),
        (b"GET /%ff%fe/../healthz HTTP/1.1\r\nHost: w\r\n\r\n", b"404"),
    ],
)
def test_what_is_too_big_or_no_request(w1: Running, request_: bytes, status: bytes) -> None:
    with closing(connected(w1, request_)) as line:
        assert line.recv(12).split(b" ")[1] == status


def test_an_endless_body_in_chunks(w1: Running) -> None:
    head = b"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nTransfer-Encoding: chunked\r\n\r\n"
    with closing(connected(w1, head)) as line:
        with suppress(OSError):
            for _ in range(64):
                line.sendall(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
        with suppress(ConnectionResetError):
            assert line.recv(12) in (b"", b"HTTP/1.1 413")
