"""A stranger who posts statements that nobody enrolled signed, to keep every worker waiting for the node."""

import pytest
from house import House
from nacl.signing import SigningKey

from verifier.statements.envelope import sign
from verifier.statements.product import Product
from verifier.store import layout

BODY = Product(gtin="09521000000018", name="Anything")
STRANGER = sign("product", "nobody", BODY.subject(), 1_700_000_000, BODY.encode(), bytes(SigningKey.generate()))


@pytest.mark.parametrize("kind", ["garbage", "a stranger's", "a borrowed kid"])
def test_what_no_enrolled_key_signed_never_reaches_the_queue(
    demo_house: House, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    honest = demo_house.sign("product", "laboratoires-aubrac", BODY)
    forged = honest.raw[:-1] + bytes([honest.raw[-1] ^ 1])
    raw = {"garbage": b"\x00" * 50, "a stranger's": STRANGER.raw, "a borrowed kid": forged}[kind]
    pushed: list[object] = []
    monkeypatch.setattr("verifier.web.doors.register.queue.submit", lambda *given: pushed.append(given))
    answer = demo_house.register(raw)
    assert answer.status_code == (400 if kind == "garbage" else 403)
    assert answer.content_type == "application/problem+json"
    assert not pushed
    assert demo_house.store.llen(layout.QUEUE) == 0
