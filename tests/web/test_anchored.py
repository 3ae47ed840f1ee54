"""What a chain is reported to say stands beside a verdict: in its JSON as described, on its page, never as an anchor
where the chain is one that is thrown away."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from house import House

from verifier.identity import Identity
from verifier.store import layout
from verifier.store.anchors import Anchor, keep
from verifier.web import shapes
from verifier.web.anchored import REMEMBERED_S, Anchored

ANCHOR = Anchor(5, bytes(range(32)), 1, "0x" + "ab" * 20, "0x" + "cd" * 32, 17, 70, 1_700_000_000, False, 2, True)
TOLD = {
    "size": 5, "root": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "chain": 1, "contract": "0x" + "ab" * 20,
    "transaction": "0x" + "cd" * 32, "block": 17, "depth": 70, "time": "2023-11-14T22:13:20Z", "accounts": 2,
}  # fmt: skip


@pytest.fixture
def anchored(demo_house: House) -> Iterator[House]:
    """The demo house; what is kept of a chain is forgotten again, and read anew by each question."""
    before, demo_house.desk.anchored = demo_house.desk.anchored, _Fresh(demo_house.desk.client, demo_house.clock)
    yield demo_house
    demo_house.desk.client.delete(layout.ANCHORS)
    demo_house.desk.anchored = before


class _Fresh(Anchored):
    def seen(self) -> list[Anchor]:
        self._read = (-REMEMBERED_S, [])
        return super().seen()


def pack(house: House) -> Identity:
    """A pack of the demo."""
    return house.world.pack(next(iter(house.world.lots)), 0)


def ledger(house: House) -> dict[str, Any]:
    """The `ledger` of a verdict, which is as the shapes describe it."""
    fields = house.verdict(pack(house))
    msgspec.convert(fields, shapes.Verdict)
    found: dict[str, Any] = fields["ledger"]
    return found


def page(house: House) -> str:
    """The page of that verdict."""
    link = pack(house).digital_link().removeprefix("https://id.gs1.org")
    answer = house.http.get(link, headers={"Accept": "text/html", "Accept-Language": "en"})
    assert answer.status_code == 200
    return str(answer.text)


def test_an_anchor_is_reported_beside_a_verdict(anchored: House) -> None:
    assert "Not yet" in page(anchored)
    keep(anchored.store, [ANCHOR])
    assert ledger(anchored)["anchor"] == TOLD
    assert "Reported, not checked here: 5 entries, block 17 of chain 1, under 70 more" in page(anchored)


def test_a_development_chain_is_called_an_anchor_nowhere(anchored: House) -> None:
    keep(anchored.store, [replace(ANCHOR, development=True)])
    found = ledger(anchored)
    assert (found["anchor"], found["development_chain"]) == (None, TOLD)
    shown = page(anchored)
    assert "None: a development chain, which nobody keeps" in shown
    assert "block 17" not in shown


@pytest.mark.parametrize("early", [{"valid": False}, {"size": 10**6}, {"agrees": False}])
def test_what_is_not_valid_or_not_of_this_ledger_yet_is_not_reported(anchored: House, early: dict[str, Any]) -> None:
    keep(anchored.store, [replace(ANCHOR, **early)])
    found = ledger(anchored)
    assert found["anchor"] is None
    assert "development_chain" not in found


def test_the_verdict_itself_does_not_hang_on_the_report(anchored: House) -> None:
    before = anchored.verdict(pack(anchored))
    keep(anchored.store, [replace(ANCHOR, root=bytes(32))])
    after = anchored.verdict(pack(anchored))
    assert after["ledger"].pop("anchor") is not None
    assert before["ledger"].pop("anchor") is None
    assert {**after, "checked_at": 0, "as_of": 0} == {**before, "checked_at": 0, "as_of": 0}
    anchored.store.set(layout.ANCHORS, b"\xc1")
    assert ledger(anchored)["anchor"] is None
