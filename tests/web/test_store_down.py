"""Redis killed while requests run, under a real server: 503 that says nothing about the pack, then everything works."""

import os
import signal
import threading
import time
from collections import Counter
from typing import Any

import httpx
from served import Served

from verifier.demo import PRODUCTS, _world, gtin
from verifier.identity import Identity
from verifier.node import keyfile
from verifier.statements.envelope import Statement, sign
from verifier.statements.product import Product

BOUND_S = 40.0


def product(server: Served, number: int) -> Statement:
    key = keyfile.load(server.data / "keys" / "laboratoires-aubrac.key")
    body = Product(gtin=gtin(PRODUCTS[0][0]), name=f"{PRODUCTS[0][2]} ({number})")
    return sign("product", key.member, body.subject(), int(time.time()), body.encode(), key.seed)


def pack(server: Served) -> Identity:
    return _world(server.demo).pack("current", 0)


class Caller(threading.Thread):
    """Asks again and again until told to stop; keeps every answer's status and problem."""

    def __init__(self, server: Served, ask: Any) -> None:
        super().__init__(daemon=True)
        self.server, self.ask, self.stopping = server, ask, threading.Event()
        self.answers: list[tuple[int, str, Any]] = []
        self.failures: list[Exception] = []

    def run(self) -> None:
        number = 0
        with httpx.Client(base_url=self.server.url, timeout=30, trust_env=False) as client:
            while not self.stopping.is_set():
                number += 1
                try:
                    told, answer = self.ask(client, number)
                    self.answers.append((answer.status_code, answer.headers["content-type"], (told, answer.json())))
                except Exception as fault:
                    self.failures.append(fault)
                    return

    def wait_for(self, status: int, after: int) -> None:
        """Until this status is answered, past the first `after` answers."""
        deadline = time.monotonic() + BOUND_S
        while not any(found == status for found, _, _ in self.answers[after:]):
            assert time.monotonic() < deadline, Counter(found for found, _, _ in self.answers[after:])
            time.sleep(0.01)


def test_redis_killed_in_mid_request(server: Served) -> None:
    text = pack(server).digital_link()
    scanning = Caller(server, lambda client, _: (None, client.post("/api/scan", json={"text": text})))

    def register(client: httpx.Client, number: int) -> Any:
        statement = product(server, number)
        return statement, client.post("/entries", content=statement.raw)

    registering = Caller(server, register)
    for caller in (scanning, registering):
        caller.start()
    try:
        scanning.wait_for(200, 0)
        registering.wait_for(201, 0)
        store = server.child("redis-server")
        server.process.send_signal(signal.SIGSTOP)  # else a quick restart may come before anybody noticed
        try:
            os.kill(store, signal.SIGKILL)
            scanning.wait_for(503, 0)
            registering.wait_for(503, 0)
        finally:
            server.process.send_signal(signal.SIGCONT)
        scans, writes = len(scanning.answers), len(registering.answers)
        scanning.wait_for(200, scans + 1)
        registering.wait_for(201, writes)
    finally:
        for caller in (scanning, registering):
            caller.stopping.set()
            caller.join(BOUND_S)
    assert not scanning.failures + registering.failures

    for status, kind, (_, fields) in scanning.answers + registering.answers:
        assert status in (200, 201, 503)
        if status == 503:
            assert kind == "application/problem+json"
            assert fields["type"] in ("/problems/store_down", "/problems/not_ready")
            assert "redis" not in str(fields).lower()
    outcomes = {fields["outcome"] for status, _, (_, fields) in scanning.answers if status == 200}
    assert outcomes == {"genuine"}
    _nothing_acknowledged_is_lost(server, registering)


def _nothing_acknowledged_is_lost(server: Served, registering: Caller) -> None:
    with httpx.Client(base_url=server.url, timeout=30, trust_env=False) as client:
        for status, _, (statement, fields) in registering.answers:
            if status in (200, 201):
                read = client.get(f"/entries/{statement.id.hex()}")
                assert (read.status_code, read.content) == (200, statement.raw)
                assert read.headers["Probatum-Leaf"] == str(fields["index"])
            again = client.post("/entries", content=statement.raw)  # what was not acknowledged may be sent again
            assert again.status_code in (200, 201)
        client.post("/entries", content=product(server, 0).raw).raise_for_status()


def test_a_long_body_in_pieces_without_a_length(server: Served) -> None:
    pieces = (b'{"text": "', *[b"A" * 50_000] * 100, b'"}')
    with httpx.Client(base_url=server.url, timeout=30, trust_env=False) as client:
        kind = {"Content-Type": "application/json"}
        answer = client.post("/api/scan", content=iter(pieces), headers=kind)
        assert (answer.status_code, answer.json()["type"]) == (413, "/problems/too_large")
        answer = client.post("/entries", content=iter([b"\xd2" * 60_000] * 10))
        assert (answer.status_code, answer.json()["type"]) == (413, "/problems/too_large")
        text = pack(server).digital_link()
        assert client.post("/api/scan", json={"text": text}).json()["outcome"] == "genuine"
