"""The insider at the maker: he has the maker's key, and wants packs to exist that the maker's batch does not hold.

A batch says how many, and its root says which; its manifest must agree with both before it is a leaf. It is issued
once, under the maker's own prefix, and nothing can be said of a pack that is not in it.
"""

import secrets
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from forge import event_of
from house import House, with_element

from verifier.commands.issuing import Lot, identity_of, issue, write_manifest
from verifier.node import signed_request
from verifier.statements import serials
from verifier.statements.batch import Batch
from verifier.statements.product import Product

GTIN = "09521000000018"
NAMES = [b"INSIDER%05d" % n for n in range(40)]
AUBRAC, NORDHAVN = "laboratoires-aubrac", "nordhavn-pharma"


@pytest.fixture
def lot(request: pytest.FixtureRequest) -> Lot:
    """Each test's own."""
    return Lot(GTIN, sha256(request.node.name.encode()).hexdigest()[:12], "291231", ("FR",))


def attempt(
    house: House,
    lot: Lot,
    folder: Path,
    *,
    by: str = AUBRAC,
    manifest: list[bytes] | None = None,
    deposit: bool = True,
    opened: bool = True,
    **fields: Any,
) -> Any:
    """Issue `lot` as `issue` does, with some of it false; the door's answer."""
    key, secret, file = house.key(by), secrets.token_bytes(32), folder / "manifest"
    tree = serials.build(NAMES, secret)
    rows = serials.build(manifest or NAMES, secret).buckets
    with file.open("wb") as out:
        digest = write_manifest(out, (serial for row in rows for serial in row), secret)
    said = {"gtin": lot.gtin, "batch": lot.batch, "expiry": lot.expiry, "market": ["FR"], "count": tree.count}
    statement = house.sign("batch", by, Batch.of(said | {"k": tree.k, "manifest": digest, "root": tree.root} | fields))
    if deposit:
        house.client.put_deposit(file, digest.hex(), key, lambda _: None)
    if opened:
        house.client.put_signed(f"/vault/batches/{statement.id.hex()}", secret, key)
    return house.register(statement.raw)


def refused(answer: Any) -> str:
    assert answer.status_code in (400, 403, 409), answer.get_data(as_text=True)
    return str(answer.get_json()["type"]).rpartition("/")[2]


def test_control_an_honest_batch_is_issued(world: House, lot: Lot, tmp_path: Path) -> None:
    assert attempt(world, lot, tmp_path).status_code == 201
    assert world.codes(identity_of(lot, "INSIDER00000"))[0] == "genuine"


FALSE: dict[str, tuple[dict[str, Any], str]] = {
    "more packs than it says": ({"count": 39}, "count"),
    "fewer packs than it says": ({"count": 41}, "count"),
    "a manifest with one more": ({"manifest": [*NAMES, b"EXTRA"]}, "manifest"),
    "a manifest with one other": ({"manifest": [*NAMES[1:], b"EXTRA"]}, "manifest"),
    "another root": ({"root": bytes(32)}, "manifest"),
    "another k": ({"k": 3}, "manifest"),
    "no manifest": ({"deposit": False}, "manifest"),
    "no secret": ({"opened": False}, "manifest"),
    "another maker": ({"by": NORDHAVN}, "own_gtin"),
    "no such product": ({"gtin": "09521000000957"}, "unknown_product"),
}


@pytest.mark.parametrize("what", FALSE)
def test_a_batch_that_is_false_is_no_leaf(world: House, lot: Lot, tmp_path: Path, what: str) -> None:
    lie, rule = FALSE[what]
    size = world.head.size
    assert refused(attempt(world, lot, tmp_path, **lie)) == rule
    assert world.head.size <= size + 1
    for serial in ("INSIDER00000", "EXTRA"):
        assert world.codes(identity_of(lot, serial)) == ["unknown"]
    assert attempt(world, lot, tmp_path).status_code == 201  # the lie left nothing in the way of the truth


def test_who_is_no_maker_issues_nothing(world: House, lot: Lot, tmp_path: Path) -> None:
    assert refused(attempt(world, lot, tmp_path, by="pharmacie-du-canal", deposit=False, opened=False)) == "role"


def test_a_batch_is_issued_once(world: House, lot: Lot, tmp_path: Path) -> None:
    """A second batch of the same number, larger by his own packs."""
    assert attempt(world, lot, tmp_path).status_code == 201
    key = world.key(AUBRAC)
    with pytest.raises(RuntimeError, match="batch exists"):
        issue(world.client, key, lot, [*NAMES, b"EXTRA"], moment=world.clock())
    assert world.codes(identity_of(lot, "EXTRA")) == ["unknown"]
    assert world.codes(identity_of(lot, "INSIDER00000"))[0] == "genuine"


def test_a_secret_is_not_replaced_under_a_batch(world: House, lot: Lot, tmp_path: Path) -> None:
    """It would turn every pack of the lot unverified: denial, by anyone with a key."""
    answer = attempt(world, lot, tmp_path)
    path = f"/vault/batches/{answer.get_json()['id']}"
    for who in (AUBRAC, "transvia"):
        key, other = world.key(who), secrets.token_bytes(32)
        headers = signed_request.sign("PUT", f"{world.client.base}{path}", other, key.seed, key.kid)
        again = world.http.put(path, data=other, headers=headers, base_url=world.client.base)
        assert again.status_code in (403, 409)
    assert world.codes(identity_of(lot, "INSIDER00000"))[0] == "genuine"


def test_nothing_is_said_of_a_pack_that_is_not_in_its_batch(world: House) -> None:
    """He ships and dispenses what was never issued, so that it has a history."""
    pack = with_element(world.world.pack("current", 0), "21", "NEVERISSUED00")
    for who, step, to in ((AUBRAC, "ship", "transvia"), ("pharmacie-du-canal", "dispense", None)):
        answer = world.say("event", who, event_of(step, [pack, world.world.pack("current", 19)], world.clock(), to))
        assert refused(answer) == "unknown_pack"
    assert world.codes(pack) == ["unknown"]
    assert world.codes(world.world.pack("current", 19))[0] == "genuine"  # nor is the honest pack beside it moved


def test_another_makers_product_is_not_his_to_name(world: House) -> None:
    assert refused(world.say("product", NORDHAVN, Product(gtin=GTIN, name="Mine"))) == "own_gtin"
    assert refused(world.say("product", AUBRAC, Product(gtin="09529000000014", name="Nobody's"))) == "own_gtin"


def test_the_digest_of_a_manifest_is_of_its_bytes(world: House, tmp_path: Path) -> None:
    """A deposit is kept under the hash of what arrived, whatever its path says."""
    file = tmp_path / "other"
    file.write_bytes(b"not that manifest")
    wanted = sha256(b"that manifest").hexdigest()
    with pytest.raises(RuntimeError):
        world.client.put_deposit(file, wanted, world.key(AUBRAC), lambda _: None)
    assert not (world.settings.data / "deposits" / wanted).exists()
