"""Pack keys on the ledger: one batch each, nobody's member key before or after, and found by product and hint."""

from collections.abc import Callable

import pytest
from forge import key_statement, signed
from house import House
from nacl.signing import SigningKey
from state.conftest import Memory

from verifier.demo import gtin
from verifier.node.keyfile import KeyFile, load
from verifier.state.pack_keys import pack_keys
from verifier.statements import cbor
from verifier.statements.batch import Batch
from verifier.statements.envelope import Statement, kid_of
from verifier.statements.errors import Malformed, Refused
from verifier.statements.member import Member
from verifier.statements.pack_signature import hint_of

AUBRAC, NORDHAVN = "laboratoires-aubrac", "nordhavn-pharma"
GTIN = "09521000000018"
PRINTER = KeyFile(AUBRAC, bytes([31]) * 32)  # the key of a batch


def batch(house: House, name: str, pack_key: bytes | None, by: str = AUBRAC, product: str = GTIN) -> Statement:
    fields = {"gtin": product, "batch": name, "expiry": "291231", "market": ["FR"], "count": 1, "k": 0}
    extra = {} if pack_key is None else {"pack_key": pack_key}
    return signed("batch", house.key(by), Batch.of(fields | {"manifest": bytes(32), "root": bytes(32)} | extra))


def test_what_a_pack_key_adds(demo_house: House, memory: Memory) -> None:
    first, other = PRINTER.public, bytes(SigningKey(bytes([32]) * 32).verify_key)
    plain, changes = (memory.admit(batch(demo_house, "P1", key)).changes for key in (None, first))
    name, kid = pack_keys(GTIN, hint_of(first)), kid_of(first).hex()
    assert set(changes) - set(plain) == {name, ("reserved", kid)}
    statements = [batch(demo_house, "P1", first), batch(demo_house, "P2", other)]
    at = memory.size
    memory.follow(statements)
    for leaf, key in zip(range(at, at + 2), (first, other), strict=True):
        rows = cbor.decode(memory.values[pack_keys(GTIN, hint_of(key))])
        assert rows == [[leaf, statements[leaf - at].id, demo_house.key(AUBRAC).kid]]


def test_two_batches_whose_keys_share_a_hint_are_both_found(demo_house: House, memory: Memory) -> None:
    """Six bytes can meet: the row of another batch stays."""
    name = pack_keys(GTIN, hint_of(PRINTER.public))
    memory.values[name] = cbor.encode([[7, bytes(32), bytes(8)]])
    memory.follow([batch(demo_house, "P1", PRINTER.public)])
    assert [row[0] for row in cbor.decode(memory.values[name])] == [7, memory.size - 1]


TAKEN: dict[str, tuple[str, Callable[[House], bytes]]] = {
    "a member's": ("key_taken", lambda house: house.key(NORDHAVN).public),
    "its maker's own": ("key_taken", lambda house: house.key(AUBRAC).public),
    "a root's": ("key_taken", lambda house: house.key("root-1").public),
    "the node's": ("key_taken", lambda house: load(house.settings.data / "node" / "node.key").public),
    "an answer key": ("key_taken", lambda house: load(house.settings.data / "node" / "answer.key").public),
    "the log's": ("key_taken", lambda house: load(house.settings.data / "node" / "log.key").public),
    "another batch's": ("key_taken", lambda _: PRINTER.public),
    "of small order": ("weak_key", lambda _: bytes([1]) + bytes(31)),
    "no point": ("weak_key", lambda _: bytes([255]) * 32),
    "short": ("body", lambda _: PRINTER.public[:31]),
}


@pytest.mark.parametrize("whose", TAKEN)
def test_a_key_that_serves_already_or_cannot_is_refused(demo_house: House, memory: Memory, whose: str) -> None:
    code, key = TAKEN[whose]
    memory.follow([batch(demo_house, "P1", PRINTER.public)])
    before = dict(memory.values)
    for by, product in ((AUBRAC, GTIN), (NORDHAVN, gtin("0952200000001"))):
        with pytest.raises((Refused, Malformed)) as told:
            memory.admit(batch(demo_house, "P2", key(demo_house), by, product))
        assert told.value.code == code
        assert told.value.expected
        assert told.value.found
    assert memory.values == before


def test_nobody_enrols_a_batchs_key_nor_the_logs(demo_house: House, memory: Memory) -> None:
    """Else the printer's machine, that held it, could sign as its member."""
    memory.follow([batch(demo_house, "P1", PRINTER.public)])
    log = load(demo_house.settings.data / "node" / "log.key").public
    member = {"member": "nouveau-labo", "name": "Nouveau", "roles": ["maker"], "country": "FR", "prefixes": ["952300"]}
    for public in (PRINTER.public, log):
        body = Member.of(member | {"key": public})
        memory_of = Memory(dict(memory.values), memory.size)
        memory_of.follow([signed("member", demo_house.key("root-1"), body)])
        for attempt in (
            key_statement(demo_house.key(AUBRAC), public),
            key_statement(demo_house.key(AUBRAC), public, purpose="device"),
            signed("member", demo_house.key("root-2"), body),
        ):
            with pytest.raises(Refused, match="key taken"):
                memory_of.admit(attempt)


def test_a_pack_key_opens_no_door(demo_house: House, memory: Memory) -> None:
    memory.follow([batch(demo_house, "P1", PRINTER.public)])
    said = signed("batch", PRINTER, Batch.of({
        "gtin": GTIN, "batch": "P2", "expiry": "291231", "market": ["FR"], "count": 1, "k": 0,
        "manifest": bytes(32), "root": bytes(32),
    }))  # fmt: skip
    with pytest.raises(Refused, match="unknown key"):
        memory.admit(said)
