"""The phisher: his code carries a link that looks like a pack's, to a page of his own that says "genuine".

We parse links and never open them. A real server stands where his links lead, and nobody ever calls there.
"""

import socket
import threading
from collections.abc import Iterator
from io import BytesIO

import cv2
import numpy as np
import pytest
import zxingcpp
from house import House

HOSTS = ("127.0.0.1:{port}", "localhost:{port}", "id.gs1.org@127.0.0.1:{port}", "id.gs1.org.127.0.0.1.nip.io:{port}")


class Listener:
    """A server that counts who calls."""

    def __init__(self) -> None:
        self.calls = 0
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            client, _ = self.socket.accept()
            word = client.recv(4)
            client.close()
            if word == b"stop":
                return
            self.calls += 1

    def call(self, word: bytes) -> None:
        with socket.create_connection(("127.0.0.1", self.port)) as client:
            client.sendall(word)

    def close(self) -> None:
        self.call(b"stop")
        self._thread.join(5)
        self.socket.close()


@pytest.fixture
def phisher() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.close()


def photo(text: str) -> bytes:
    symbol = np.array(zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode).to_image(scale=6))
    written, data = cv2.imencode(".png", np.pad(symbol, 60, constant_values=255))
    assert written
    return data.tobytes()


def links(house: House, port: int) -> list[str]:
    path = house.world.pack("current", 0).digital_link().split("id.gs1.org")[1]
    return [f"{scheme}://{host.format(port=port)}{path}" for scheme in ("http", "https") for host in HOSTS]


def test_the_listener_hears_a_call(phisher: Listener) -> None:
    phisher.call(b"GET ")
    phisher.close()
    assert phisher.calls == 1
    phisher.__init__()  # type: ignore[misc]  # the fixture closes it again


def test_a_look_alike_link_is_told_and_never_opened(demo_house: House, phisher: Listener) -> None:
    for link in links(demo_house, phisher.port):
        typed = demo_house.scan(link)
        seen = demo_house.http.post("/api/scan", data={"image": (BytesIO(photo(link)), "x.png")})
        page = demo_house.http.post("/", data={"image": (BytesIO(photo(link)), "x.png")})
        for answer in (typed, seen):
            said = answer.get_json()
            assert said["outcome"] == "unverified", link
            assert [reason["code"] for reason in said["reasons"]] == ["foreign_link"]
            assert said["identity"] is None  # not a pack with that GTIN: nothing of it is believed
        assert page.status_code == 200
        body = page.get_data(as_text=True)
        for attribute in ("href", "src", "action"):
            assert f'{attribute}="http' not in body  # nor is there anything to tap
    assert phisher.calls == 0


def test_the_same_pack_under_gs1s_own_host_is_genuine(demo_house: House) -> None:
    """The control: it is the host that is refused."""
    assert demo_house.codes(demo_house.world.pack("current", 0))[0] == "genuine"
