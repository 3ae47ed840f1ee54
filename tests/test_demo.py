"""The demo world is seeded once, goes on where it was cut short, and is made of the very same statements."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import redis
from house import House
from served import Served

from verifier import demo
from verifier.commands.client import Client


class Cut(RuntimeError):
    """The seeding process died here."""


class Failing:
    """A client whose process dies around its n-th registration: before it is sent, or once it is answered."""

    def __init__(self, client: Client, n: int, answered: bool) -> None:
        self.client, self.left, self.answered = client, n, answered

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)

    def register(self, statement: bytes) -> dict[str, Any]:
        self.left -= 1
        if self.left == 0 and not self.answered:
            raise Cut
        try:
            return self.client.register(statement)
        finally:
            if self.left == 0:
                raise Cut


def expected(house: House) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((house.settings.data / "demo" / "expected.json").read_text("utf-8"))
    return found


def assert_stands(house: House) -> None:
    for file, wanted in expected(house).items():
        with (house.settings.data / "demo" / file).open("rb") as image:
            found = house.http.post("/api/scan", data={"image": image}).get_json()
        codes = [reason["code"] for reason in found.get("reasons", ())]
        assert codes == wanted.get("reasons", []), file


KEYS, STEPS, RECALLS = 2 + 2 * len(demo.ENDED), 7, 3 + 2
STATEMENTS = KEYS + 2 * len(demo.MEMBERS) + len(demo.PRODUCTS) + len(demo.LOTS) * (1 + len(demo.WAY)) + STEPS + RECALLS
STATEMENTS += 1  # a catalogue


def test_cut_short_everywhere_it_goes_on_to_the_same_world(house: House) -> None:
    """One seeding, killed at every thirteenth registration, and each time before and after its answer."""
    seedings = 0
    for n in range(3, STATEMENTS, 13):
        for answered in (False, True):
            with pytest.raises(Cut):
                demo.seed(house.settings, Failing(house.client, n, answered), lambda _: None)  # type: ignore[arg-type]
            assert not (house.settings.data / "demo" / "seeded.json").exists()
            seedings += 1
    house.seed()
    assert seedings >= 10
    assert_stands(house)
    clocks = house.head.size - 1 - STATEMENTS  # each seeding's first commit may be preceded by a clock
    assert 0 <= clocks <= STATEMENTS


def test_cut_short_while_drawing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut(*_: object) -> None:
        raise Cut

    with monkeypatch.context() as dying:
        dying.setattr(demo, "_images", cut)
        with pytest.raises(Cut):
            house.seed()
    house.seed()
    assert_stands(house)


def test_the_second_time_nothing_is_said(house: House) -> None:
    house.seed()
    size, told = house.head.size, list[str]()
    before = {path: path.stat().st_mtime_ns for path in (house.settings.data / "demo").iterdir()}
    demo.seed(house.settings, house.client, told.append)
    assert told == ["demo: the consortium is already there"]
    assert house.head.size == size
    assert {path: path.stat().st_mtime_ns for path in (house.settings.data / "demo").iterdir()} == before


def test_keys_and_genesis_are_made_once(store: redis.Redis, redis_url: str, tmp_path: Path) -> None:
    house = House(tmp_path, redis_url)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.suffix in (".key", ".cose", ".txt")}
    demo.prepare(house.settings)
    assert {path: path.read_bytes() for path in before} == before
    assert {path.stat().st_mode & 0o777 for path in before if path.suffix == ".key"} == {0o600}
    house.client._http.close()
    house.store.close()


def test_every_image_that_the_issue_names_is_there(demo_house: House) -> None:
    outcomes = {name: row.get("outcome", row.get("status")) for name, row in expected(demo_house).items()}
    assert outcomes == {
        "genuine-qr.png": "genuine", "genuine-datamatrix.png": "genuine", "already-dispensed.png": "genuine",
        "expired.png": "do_not_use", "recalled.png": "do_not_use", "withdrawn.png": "caution",
        "unknown-serial.png": "caution", "stolen.png": "do_not_use", "destroyed.png": "do_not_use",
        "two-counters.png": "caution", "product-withdrawn.png": "do_not_use", "batch-mismatch.png": "caution",
        "cold-chain-broken.png": "do_not_use", "key-retired.png": "genuine", "key-compromised.png": "caution",
        "journey-incomplete.png": "caution", "signed-pack.png": "genuine",
        "forged-signature.png": "do_not_use", "foreign-91-92.png": "genuine", "maker-not-enrolled.png": "unverified",
        "look-alike-url.png": "unverified", "ean13-only.png": "unverified", "no-serial-lot.png": "unverified",
        "no-serial-recalled.png": "do_not_use",
        "two-packs.png": "do_not_use", "codes-differ.png": "caution", "blank-photo.jpg": 422,
    }  # fmt: skip


def test_a_store_emptied_under_a_kept_folder_is_refused_with_what_to_do(tmp_path: Path) -> None:
    """Otherwise the same log key would sign a second history."""
    with Served(tmp_path / "var") as served:
        pass
    shutil.rmtree(tmp_path / "var" / "redis")
    done = served.run("verifier", "serve", "--demo")
    assert done.returncode == 1
    told = done.stderr.decode().splitlines()[0]
    assert "holds 0 leaves" in told
    assert "restore the newest copy of the store" in told
