"""The harvester at the doors: he asks for the evidence of twenty packs of a lot of twenty-four, and wants the rest.

(How little the proofs narrow a *guessable* serial is test_harvested_serials.) Here: nothing that any door gave him
holds another pack's serial, or any hash of it that could be confirmed without the batch's secret.
"""

from hashlib import blake2b, sha256

import pytest
from forge import event_of
from house import House

from verifier.statements.envelope import read
from verifier.statements.serials import NO_HALF

BOUGHT, LOT = 20, "imported"


@pytest.fixture(scope="module")
def loot(demo_house: House) -> bytes:
    """All that the doors gave for twenty packs: verdicts, pages, evidence, and every entry the evidence names."""
    parts: list[bytes] = []
    for number in range(BOUGHT):
        link = demo_house.world.pack(LOT, number).digital_link()
        file = demo_house.http.post("/api/evidence", json={"text": link})
        assert file.status_code == 200
        parts += [file.get_data(), demo_house.scan(link).get_data()]
        parts.append(demo_house.http.post("/", data={"text": link}).get_data())
    for exhibit in demo_house.desk.evidence(demo_house.world.pack(LOT, 0)).statements:
        entry = demo_house.http.get(f"/entries/{read(exhibit.raw).id.hex()}")
        assert entry.status_code == 200
        parts.append(entry.get_data())
    return b"".join(parts)


def unbought(house: House) -> list[bytes]:
    return [serial.encode() for serial in house.world.serials[LOT][BOUGHT:]]


def leaf(serial: bytes, mac: bytes) -> bytes:
    return sha256(b"\x00" + serial + b"\x1f" + mac + NO_HALF).digest()


def test_what_was_bought_is_in_the_loot(demo_house: House, loot: bytes) -> None:
    """The control: the search finds what is there."""
    assert all(serial.encode() in loot for serial in demo_house.world.serials[LOT][:BOUGHT])


def test_no_other_serial_is_there_nor_a_hash_of_it(demo_house: House, loot: bytes) -> None:
    macs = [demo_house.desk.evidence(demo_house.world.pack(LOT, n)).serial for n in range(BOUGHT)]
    for serial in unbought(demo_house):
        guesses = [serial, sha256(serial).digest(), sha256(b"\x00" + serial).digest(), blake2b(serial).digest()]
        guesses += [blake2b(serial, digest_size=size).digest() for size in (16, 32)]
        guesses += [leaf(serial, b""), leaf(serial, bytes(16))]
        guesses += [leaf(serial, proof.mac) for proof in macs if proof is not None]
        for guess in guesses:
            assert guess not in loot
            assert guess.hex().encode() not in loot


def test_with_the_secret_they_would_be_confirmed(demo_house: House, loot: bytes) -> None:
    """So what keeps them is the secret alone; the four are in the proofs of their neighbours."""
    pack = demo_house.world.pack(LOT, 0)
    batch = next(
        read(e.raw) for e in demo_house.desk.evidence(pack).statements if read(e.raw).kind == "batch"
    )
    secret = demo_house.desk.vault.get("batch", batch.id.hex()) or b""
    found = [s for s in unbought(demo_house) if leaf(s, blake2b(s, key=secret, digest_size=16).digest()) in loot]
    assert found
    assert secret not in loot


def test_what_moved_a_pack_is_not_read_by_strangers(demo_house: House, loot: bytes) -> None:
    """An event names packs by the dozen, and their holder: its id may be known, its bytes are not given."""
    pack = demo_house.world.pack(LOT, 23)
    event = demo_house.sign("event", "pharmacie-du-canal", event_of("dispense", [pack], demo_house.clock()))
    assert demo_house.register(event.raw).status_code == 201
    assert demo_house.http.get(f"/entries/{event.id.hex()}").status_code == 404
    assert b"pharmacie-du-canal" not in loot
