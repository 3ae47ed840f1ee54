"""The demo world behind doors that count who asks how often (web/limits), over the same ledger as a House."""

import threading
from dataclasses import replace
from typing import Any

import redis
from flask import Flask
from house import House, with_element

from verifier.identity import Identity
from verifier.store.redis import connect
from verifier.web import wire
from verifier.web.desk import Desk


class Counted:
    """Doors of `house` that count in the Redis at `url`, behind so many `proxies`."""

    def __init__(self, house: House, url: str, proxies: int = 0) -> None:
        self.house, self.client = house, connect(url)
        self.app = Flask("verifier.web", static_folder="static", template_folder="templates")
        self.desk = Desk(replace(house.settings, limits=url), house.store, house.clock)
        wire(self.app, self.desk, proxies)
        self.http = self.app.test_client()

    def scan(self, pack: Identity, address: str = "192.0.2.1", **asked: Any) -> Any:
        sent = {"text": pack.digital_link()}
        return self.http.post("/api/scan", json=sent, environ_base={"REMOTE_ADDR": address}, **asked)

    def outcome(self, pack: Identity, address: str) -> str:
        answer = self.scan(pack, address)
        assert answer.status_code == 200, answer.get_data(as_text=True)
        return str(answer.get_json()["reasons"][0]["code"])


def wrong(house: House, number: int) -> Identity:
    """A serial that was never issued, of the lot that is on sale."""
    return with_element(house.world.pack("current", 0), "21", f"{number:013d}")


def assert_refused(answer: Any) -> None:
    """429 problem+json, with the seconds to wait."""
    fields = answer.get_json()
    assert (answer.status_code, answer.content_type) == (429, "application/problem+json")
    assert (fields["type"], fields["title"]) == ("/problems/too_many", "Too many tries")
    assert fields["expected"].startswith("fewer tries in ")
    assert 1 <= int(answer.headers["Retry-After"]) <= 3600
    assert answer.headers["Cache-Control"] == "no-store"


class commands:  # noqa: N801 - reads as a statement
    """The commands that this thread sends to the store, by name."""

    def __init__(self, client: redis.Redis) -> None:
        self.client, self.sent, self.own = client, [], threading.get_ident()

    def __enter__(self) -> list[str]:
        self.execute = self.client.execute_command

        def noted(*words: Any, **options: Any) -> Any:
            if threading.get_ident() == self.own:
                self.sent.append(str(words[0]))
            return self.execute(*words, **options)

        self.client.execute_command = noted  # type: ignore[method-assign]
        return self.sent

    def __exit__(self, *_: object) -> None:
        del self.client.execute_command  # type: ignore[method-assign]
