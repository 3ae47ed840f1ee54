"""A key that was revoked: what it signed in its time stands, unless it was stolen by then; what it signs now does not.

The demo's maker has ended two of its keys: one in good order, one as stolen since it was enrolled.
"""

import pytest
from forge import key_statement, signed
from house import House

from verifier.commands.client import ServerError
from verifier.commands.issuing import Lot, issue
from verifier.demo import ENDED
from verifier.node.keyfile import KeyFile
from verifier.statements.batch import Batch
from verifier.statements.product import Product


@pytest.mark.parametrize(("lot", "codes"), [("retired", ["genuine", "not_recorded"]), ("doubted", ["key_compromised"])])
def test_what_it_signed_before(demo_house: House, lot: str, codes: list[str]) -> None:
    assert demo_house.codes(demo_house.world.pack(lot, 0)) == codes
    seen = "hopital-saint-roch"
    assert demo_house.codes_as(seen, demo_house.world.pack(lot, 0), "theatre") == codes[:1]


@pytest.mark.parametrize("name", ENDED.values())
def test_a_batch_signed_after_it_is_refused_at_the_door(demo_house: House, name: str) -> None:
    size, key = demo_house.head.size, demo_house.key(name)
    lot = Lot("09521000000018", f"LATE{name[-4:].upper()}", "290131", ("FR",))
    with pytest.raises(ServerError, match="signature") as refused:  # its secret and its manifest are not taken
        issue(demo_house.client, key, lot, [b"SERIAL1"], moment=demo_house.clock())
    assert refused.value.status == 403
    body = Batch(
        gtin=lot.gtin, batch=lot.batch, expiry=lot.expiry, market=["FR"], count=1, k=0, manifest=bytes(32),
        root=bytes(32),
    )  # fmt: skip
    for kind, said in (("batch", body), ("product", Product(gtin=lot.gtin, name="Amoxadine 500 mg"))):
        for days in (0, 400):  # back-dating it changes nothing: the leaf counts
            answer = demo_house.say(kind, name, said, demo_house.clock() - days * 86_400)
            assert (answer.status_code, answer.get_json()["type"]) == (403, "/problems/revoked_key")
    assert demo_house.head.size == size


@pytest.mark.parametrize("further", [False, True], ids=["the stolen key", "a key that it enrolled"])
def test_where_a_stolen_key_led_to_nobody_is_led(house: House, further: bool) -> None:
    """A leaflet's link is followed at once (307): what a thief signed must not be, once the theft is told."""
    maker = house.seed().key("laboratoires-aubrac")
    stolen, second = (KeyFile(maker.member, bytes([n]) * 32) for n in (8, 9))
    since = house.register(key_statement(maker, stolen.public).raw).get_json()["index"]
    if further:
        assert house.register(key_statement(stolen, second.public).raw).status_code == 201
    lie = Product(gtin="09521000000018", name="Amoxadine 500 mg", leaflet="https://thief.example/")
    assert house.register(signed("product", second if further else stolen, lie, house.clock()).raw).status_code == 201
    ask = "/01/09521000000018?linkType=gs1:epil"
    assert str(house.http.get(ask).location).startswith("https://thief.example/")
    end = key_statement(maker, stolen.public, "revoked", compromised_since=since + 1)
    assert house.register(end.raw).status_code == 201
    assert house.http.get(ask).status_code == 404
    again = Product(gtin=lie.gtin, name=lie.name, leaflet="https://maker.example/")
    assert house.say("product", maker.member, again).status_code == 201
    assert str(house.http.get(ask).location).startswith("https://maker.example/")
