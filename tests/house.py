"""A whole house in one process: real Redis, real sequencer in a thread, the real doors, no sockets but Redis's.

`House` is what tests of the river stand on. The browser's and the supervisor's tests start real servers instead.
"""

import json
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import httpx
from flask import Flask

from verifier import demo, web
from verifier.commands.client import Client
from verifier.commands.node import keys_of, manifests_of, openings_of
from verifier.identity import Identity, parse_text
from verifier.ledger.checkpoint import Checkpoint
from verifier.node import lease, signed_request
from verifier.node.keyfile import KeyFile, load
from verifier.node.lease import LeaseLost
from verifier.node.sequencer import Sequencer
from verifier.settings import Settings
from verifier.statements.body import Body
from verifier.statements.envelope import Statement, read, sign
from verifier.store.log import LogStore
from verifier.store.redis import connect
from verifier.web.desk import Desk, policy_of

BASE = "http://house"


class Clock:
    """A clock that tests move; Unix seconds."""

    def __init__(self) -> None:
        self.now = int(time.time())

    def __call__(self) -> int:
        return self.now


class House:
    """A node and its doors over one Redis, in this process. Use as a context manager."""

    def __init__(self, data: Path, redis_url: str, **changed: Any) -> None:
        self.settings = replace(Settings(data=data, redis_url=redis_url), **changed)
        self.clock = Clock()
        self.store = connect(redis_url)
        demo.prepare(self.settings)
        self.app = Flask("verifier.web", static_folder="static", template_folder="templates")
        self.desk = Desk(self.settings, self.store, self.clock)
        web.wire(self.app, self.desk, self.settings.proxies)
        self.client = Client(BASE, httpx.WSGITransport(app=self.app, raise_app_exceptions=True))
        self.http = self.app.test_client(use_cookies=False)  # many share it: none leaves the others its language
        self._stop = threading.Event()

    def __enter__(self) -> Self:
        self.sequencer = self.sequence()
        if self.sequencer.head.size == 0:
            self.sequencer.commit([(b"genesis", (self.settings.data / "genesis.cose").read_bytes())])
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(10)
        self.sequencer.lease.drop()
        self.sequencer.client.close()
        self.store.close()

    def sequence(self) -> Sequencer:
        """A sequencer on this store, holding the lease."""
        client = connect(self.settings.redis_url or "")
        found = openings_of(self.settings), manifests_of(self.settings.data)
        policy, keys = policy_of(self.settings.data), keys_of(self.settings.data)
        return Sequencer(client, policy, keys, lease.take(client), *found, self.clock)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.sequencer.step(0.05)
            except LeaseLost:  # the machine stood still for longer than a lease: begin again, as a node would
                self.sequencer = self.sequence()

    @property
    def head(self) -> Checkpoint:
        """The published checkpoint."""
        return self.sequencer.head

    def leaves(self) -> tuple[Statement, ...]:
        """Every registered statement, in order."""
        log = LogStore(self.store)
        return tuple(read(raw) for raw in log.bodies(log.ids(0, self.head.size)))

    def seed(self) -> Self:
        """Seed the demo world."""
        demo.seed(self.settings, self.client, lambda _: None)
        return self

    def key(self, member: str) -> KeyFile:
        """A member's private key (or "root-1", ...)."""
        return load(self.settings.data / "keys" / f"{member}.key")

    @property
    def world(self) -> demo.World:
        """The demo's lots and serials."""
        return demo._world(self.settings.data / "demo")

    def say(self, kind: str, member: str, body: Body, moment: int | None = None) -> Any:
        """Sign a body as a member and hand it to the door; the door's answer."""
        return self.register(self.sign(kind, member, body, moment).raw)

    def sign(self, kind: str, member: str, body: Body, moment: int | None = None) -> Statement:
        """A statement as a member would sign it."""
        key = self.key(member)
        issued_at = self.clock() if moment is None else moment
        return sign(kind, key.member, body.subject(), issued_at, body.encode(), key.seed)

    def register(self, raw: bytes) -> Any:
        """POST /entries."""
        return self.http.post("/entries", data=raw, content_type="application/cose")

    def scan(self, text: str, **fields: Any) -> Any:
        """POST /api/scan with a text."""
        return self.http.post("/api/scan", json={"text": text, **fields}, headers={"Accept-Language": "en"})

    def scan_as(self, member: str, text: str, viewer: str | None = None, **fields: Any) -> Any:
        """POST /api/scan with a text, signed by a member's key."""
        body = json.dumps({"text": text, **fields, **({"viewer": viewer} if viewer else {})}).encode()
        return self.post_signed(member, "/api/scan", body, "application/json")

    def post_signed(self, member: str, path: str, body: bytes, kind: str) -> Any:
        """POST a body, signed by a member's key (RFC 9421)."""
        key = self.key(member)
        headers = signed_request.sign("POST", BASE + path, body, key.seed, key.kid) | {"Accept-Language": "en"}
        return self.http.post(path, data=body, content_type=kind, headers=headers, base_url=BASE)

    def codes_as(self, member: str, identity: Identity, viewer: str | None = None, **fields: Any) -> list[str]:
        """The reasons of the verdict told to a member, gravest first."""
        answer = self.scan_as(member, identity.digital_link(), viewer, **fields)
        assert answer.status_code == 200, answer.get_data(as_text=True)
        return [reason["code"] for reason in answer.get_json()["reasons"]]

    def verdict(self, identity: Identity | str) -> dict[str, Any]:
        """The verdict JSON about an identity."""
        text = identity if isinstance(identity, str) else identity.digital_link()
        answer = self.scan(text)
        assert answer.status_code == 200, answer.get_data(as_text=True)
        fields: dict[str, Any] = answer.get_json()
        return fields

    def codes(self, identity: Identity | str) -> list[str]:
        """The reasons of a verdict, gravest first."""
        return [reason["code"] for reason in self.verdict(identity)["reasons"]]


def with_element(identity: Identity, ai: str, value: str) -> Identity:
    """The same identity with one element changed."""
    elements = tuple((name, value if name == ai else old) for name, old in identity.elements)
    return parse_text(replace(identity, elements=elements).signed_link())


__all__ = ["BASE", "Clock", "House", "with_element"]
