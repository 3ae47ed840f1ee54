"""Gathering for a code that carries a signature: the batch whose key it names is shown too, at no more round trips."""

import threading

import pytest
from house import House
from redis.connection import AbstractConnection

from verifier.identity import Identity, parse_text
from verifier.statements import pack_signature
from verifier.statements.envelope import read
from verifier.statements.pack_signature import carrying


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What goes to Redis from this thread: a row each time a connection sends. The house's sequencer has its own."""
    rows: list[object] = []
    here = threading.get_ident()
    send = AbstractConnection.send_packed_command

    def heard(line: AbstractConnection, command: object, check_health: bool = True) -> None:
        if threading.get_ident() == here:
            rows.append(command)
        send(line, command, check_health)

    monkeypatch.setattr(AbstractConnection, "send_packed_command", heard)
    return rows


def lots(house: House, pack: Identity) -> list[str]:
    """The lots of the batches in its evidence."""
    kinds = [read(exhibit.raw) for exhibit in house.desk.evidence(pack).statements]
    return [one.subject.rpartition("/")[2] for one in kinds if one.kind == "batch"]


def test_a_signature_costs_no_round_trip(demo_house: House, sent: list[object]) -> None:
    signed, plain = demo_house.world.pack("signed", 9), demo_house.world.pack("current", 1)
    elsewhere = carrying(plain, *demo_house.world.signatures["signed"][0])
    counts = {}
    for name, pack in {"plain": plain, "signed": signed, "elsewhere": elsewhere}.items():
        demo_house.desk.evidence(pack)  # what is immutable is remembered from here on
        sent.clear()
        demo_house.desk.evidence(pack)
        counts[name] = len(sent)
    assert counts == dict.fromkeys(counts, 1)


def test_the_batch_whose_key_is_named_is_shown_and_no_other(demo_house: House) -> None:
    world = demo_house.world
    signed, plain = world.pack("signed", 9), world.pack("current", 1)
    own, other = world.lots["signed"].batch, world.lots["current"].batch
    assert lots(demo_house, signed) == lots(demo_house, parse_text(signed.digital_link())) == [own]
    assert lots(demo_house, plain) == [other]
    assert sorted(lots(demo_house, carrying(plain, *world.signatures["signed"][0]))) == sorted([own, other])
    assert lots(demo_house, carrying(plain, "AAAAAAAA", world.signatures["signed"][0][1])) == [other]
    assert lots(demo_house, carrying(plain, world.signatures["signed"][0][0], "short")) == [other]
    abroad = carrying(world.pack("imported", 0), *world.signatures["signed"][0])  # the hint of another product's key
    assert lots(demo_house, abroad) == [world.lots["imported"].batch]


def test_a_lots_evidence_is_the_same_for_all_who_ask(demo_house: House) -> None:
    lot = demo_house.world.lots["signed"]
    first, again = (demo_house.desk.gatherer.gather_lot(lot.gtin, lot.batch) for _ in range(2))
    assert first == again
    assert first is not None
    assert (first.answer, first.serial, first.growth) == (None, None, None)
    assert demo_house.desk.gatherer.gather_lot(lot.gtin, "NOLOT") is None
    assert demo_house.desk.gatherer.gather_lot("09529000000014", lot.batch) is None
    since = demo_house.desk.gatherer.gather_lot(lot.gtin, lot.batch, since=5)
    assert since is not None
    assert since.growth is not None
    assert since.growth.size == 5


def test_every_pack_of_a_signed_lot_carries_its_own_signature(demo_house: House) -> None:
    world = demo_house.world
    public = world.pack_keys["signed"]
    for number in range(len(world.serials["signed"])):
        pack = world.pack("signed", number)
        own = pack_signature.read(pack)
        assert own is not None
        assert own.hint == pack_signature.hint_of(public)
        assert own.verifies(public, pack)
        assert not own.verifies(public, world.pack("signed", number - 1))
