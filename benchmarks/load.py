"""A small HTTP load: keep-alive connections from threads, raw sockets, to loopback only, bounded in count."""

import socket
import threading
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

CONNECTIONS = 16


def rate(url: str, requests: Sequence[bytes], total: int, connections: int = CONNECTIONS) -> float:
    """Answers a second over `total` requests, taken in turn from `requests`; raises if any answer is not 2xx."""
    place = urlsplit(url)
    host, port = place.hostname or "127.0.0.1", place.port or 80
    assert host in ("127.0.0.1", "localhost", "::1"), host
    faults: list[str] = []
    each = total // connections

    def work(offset: int) -> None:
        with socket.create_connection((host, port)) as wire:
            for number in range(each):
                wire.sendall(requests[(offset + number * connections) % len(requests)])
                status = _answer(wire)
                if not status.startswith(b"2"):
                    faults.append(status.decode())
                    return

    threads = [threading.Thread(target=work, args=(n,)) for n in range(connections)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise RuntimeError(f"{url}: expected 2xx, found {faults[0]}")
    return each * connections / (time.perf_counter() - begun)


def request(method: str, path: str, body: bytes = b"", kind: str = "application/json") -> bytes:
    """The bytes of one keep-alive request."""
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\n"
    if body:
        head += f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


def _answer(wire: socket.socket) -> bytes:
    """Read one answer whole; its status."""
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = wire.recv(65536)
        if not chunk:
            return b"connection closed"
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
    while len(body) < length:
        body += wire.recv(65536)
    return head[9:12]
