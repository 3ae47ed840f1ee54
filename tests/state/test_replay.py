"""Replay: the same statements give the same bytes, here and in the store; what may not be said is refused by name."""

from collections.abc import Callable

import pytest
from forge import event_of, key_statement, signed
from house import House, with_element
from state.conftest import Memory

from verifier.custody.transitions import STATES
from verifier.identity import Identity
from verifier.node.keyfile import KeyFile, load
from verifier.statements.batch import Batch
from verifier.statements.clock import Clock
from verifier.statements.envelope import Statement, read, sign
from verifier.statements.errors import Malformed, Refused
from verifier.statements.event import Event
from verifier.statements.kinds import KINDS
from verifier.statements.member import Member
from verifier.statements.product import Product
from verifier.statements.recall import Recall
from verifier.store import layout

AUBRAC, NORDHAVN, CANAL, HALLES = (
    "laboratoires-aubrac", "nordhavn-pharma", "pharmacie-du-canal", "pharmacie-des-halles"
)  # fmt: skip
NOW = 1_790_000_000
NEW = KeyFile("nouveau-labo", bytes([3]) * 32)


def test_the_same_statements_give_the_same_bytes(ledger: tuple[Statement, ...], memory: Memory) -> None:
    again = Memory().follow(ledger)
    assert again.values == memory.values
    assert list(again.values) == list(memory.values)


@pytest.mark.parametrize("cut", [1, 7, 20])
def test_where_replay_is_cut_and_taken_up_again_does_not_matter(
    ledger: tuple[Statement, ...], memory: Memory, cut: int
) -> None:
    first = Memory().follow(ledger[:cut])
    taken_up = Memory(dict(first.values), first.size).follow(ledger[cut:])
    assert taken_up.values == memory.values


def test_to_admit_changes_nothing(memory: Memory, demo_house: House) -> None:
    before = dict(memory.values)
    memory.admit(dispense(demo_house, CANAL, pack(demo_house, 0)))
    assert memory.values == before


def test_the_store_holds_what_replay_gives(demo_house: House, memory: Memory) -> None:
    """Every value of the projection but the state bytes, which stand in the buckets."""
    for name, value in memory.values.items():
        if name[0] != "state":
            assert demo_house.store.get(layout.derived(name)) == value, name


def test_the_table_of_kinds_names_reducers_that_there_are(memory: Memory) -> None:
    for kind in KINDS.values():
        if kind.leaf:
            body = Product(gtin="09521000000018", name="x")
            statement = sign(kind.name, AUBRAC, body.subject(), NOW, body.encode(), bytes(32))
            with pytest.raises((Refused, Malformed)):
                memory.admit(statement)


def pack(house: House, number: int) -> Identity:
    return house.world.pack("current", number)


def dispense(house: House, who: str, *packs: Identity) -> Statement:
    return step(house, who, "dispense", *packs)


def step(house: House, who: str, name: str, *packs: Identity, to: str | None = None, tag: str = "") -> Statement:
    return signed("event", house.key(who), event_of(name, packs, NOW, to, name=who + tag))


def test_what_a_dispensing_changes(demo_house: House, memory: Memory) -> None:
    identity = pack(demo_house, 22)
    admission = memory.admit(dispense(demo_house, CANAL, identity))
    key = (identity.gtin, identity.batch, identity.serial)
    assert set(admission.changes) == {("pack", *key), ("state", *key)}
    assert admission.changes["state", *key] == bytes([STATES["supplied"]])  # type: ignore[index]
    assert admission.disputes == ()


def test_a_contradiction_is_recorded_and_changes_no_state(demo_house: House, memory: Memory) -> None:
    identity = pack(demo_house, 22)
    memory.follow([dispense(demo_house, CANAL, identity)])
    admission = memory.admit(dispense(demo_house, HALLES, identity))
    assert admission.disputes == (identity.digital_link().split("?")[0],)
    assert [name[0] for name in admission.changes] == ["pack"]


def test_a_recall_adds_to_those_before(demo_house: House, memory: Memory) -> None:
    body = Recall(gtin="09521000000018", depth="patients", reason="x", batches=["AX24C7", "AX26K1"])
    first, second = (signed("recall", demo_house.key(AUBRAC), body, moment=NOW + n) for n in range(2))
    memory.follow([first, second])
    for lot in ("AX24C7", "AX26K1"):
        value = memory.values["recalls", "09521000000018", lot]
        assert first.id in value
        assert second.id in value


def batch(house: House, by: str = AUBRAC, **fields: object) -> Statement:
    said = {"gtin": "09521000000018", "batch": "NEWLOT", "expiry": "291231", "market": ["FR"], "count": 1, "k": 0}
    body = Batch.of(said | {"manifest": bytes(32), "root": bytes(32)} | fields)
    return signed("batch", house.key(by), body)


def member(house: House, root: int, **fields: object) -> Statement:
    said = {"member": NEW.member, "name": "Nouveau", "roles": ["maker"], "country": "FR", "prefixes": ["952300"]}
    return signed("member", house.key(f"root-{root}"), Member.of(said | {"key": NEW.public} | fields))


def node(house: House) -> KeyFile:
    return load(house.settings.data / "node" / "node.key")


def clock(house: House, size: int, time: int = 2**40) -> Statement:
    return signed("clock", node(house), Clock(size=size, root=bytes(32), time=time, source="node"))


REFUSED: dict[str, Callable[[House, Memory], Statement]] = {
    "unknown_product": lambda h, _: batch(h, gtin="09521000000957"),
    "batch_exists": lambda h, _: batch(h, batch="AX26K1"),
    "own_gtin": lambda h, _: batch(h, by=NORDHAVN),
    "role": lambda h, _: batch(h, by=CANAL),
    "unknown_batch": lambda h, _: dispense(h, CANAL, with_element(pack(h, 0), "10", "NOLOT")),
    "step_role": lambda h, _: step(h, "transvia", "dispense", pack(h, 0)),
    "destination": lambda h, _: step(h, CANAL, "ship", pack(h, 0), to="nobody"),
    "already": lambda h, _: step(h, CANAL, "dispense", pack(h, 2), tag="again"),
    "unknown_step": lambda h, _: signed("event", h.key(CANAL), reworded(h)),
    "unknown_key": lambda *_: signed("product", NEW, Product(gtin="09523000000012", name="x")),
    "bad_signature": lambda h, _: unsigned(batch(h)),
    "issuer": lambda h, _: signed("product", h.key(NORDHAVN), Product(gtin="09521000000018", name="x"), member=AUBRAC),
    "key_purpose": lambda h, _: key_statement(h.key(CANAL), NEW.public, purpose="answer"),
    "key_taken": lambda h, _: key_statement(h.key(AUBRAC), h.key(CANAL).public),
    "own_member": lambda h, _: key_statement(h.key(AUBRAC), NEW.public, member=NORDHAVN),
    "revocation": lambda h, _: key_statement(h.key(AUBRAC), NEW.public, "revoked"),
    "already_enrolled": lambda h, _: member(h, 1, member=AUBRAC),
    "prefix_taken": lambda h, _: member(h, 1, prefixes=["9521"]),
    "weak_key": lambda h, _: key_statement(h.key(AUBRAC), bytes(32)),
    "genesis": lambda h, _: ledger_genesis(h),
    "clock": lambda h, memory: clock(h, memory.size + 1),
    "not_a_leaf": lambda h, _: answer(h),
}


def reworded(house: House) -> Event:
    event = event_of("dispense", [pack(house, 0)], NOW)
    return Event(epcis=event.epcis.replace(b'"dispensed"', b'"stolen"'))


def unsigned(statement: Statement) -> Statement:
    return read(statement.raw[:-1] + bytes([statement.raw[-1] ^ 1]))


def ledger_genesis(house: House) -> Statement:
    return read((house.settings.data / "genesis.cose").read_bytes())


def answer(house: House) -> Statement:
    return read(house.desk.evidence(pack(house, 0)).answer or b"")


@pytest.mark.parametrize("rule", REFUSED)
def test_what_may_not_be_said_is_refused_by_name(demo_house: House, memory: Memory, rule: str) -> None:
    before = dict(memory.values)
    with pytest.raises((Refused, Malformed)) as told:
        memory.admit(REFUSED[rule](demo_house, memory))
    assert told.value.code == rule
    assert told.value.expected
    assert told.value.found
    assert memory.values == before


def test_a_member_half_endorsed_is_nobody_yet(demo_house: House, memory: Memory) -> None:
    """One root of two: it signs nothing, nothing is sent to it, and its prefix is still free."""
    memory.follow([member(demo_house, 1)])
    for statement, rule in (
        (signed("product", NEW, Product(gtin="09523000000012", name="x")), "unknown_key"),
        (step(demo_house, CANAL, "ship", pack(demo_house, 0), to=NEW.member), "destination"),
        (member(demo_house, 1), "endorsement"),
        (member(demo_house, 2, name="Autre"), "endorsement"),
    ):
        with pytest.raises(Refused) as told:
            memory.admit(statement)
        assert told.value.code == rule
    memory.follow([member(demo_house, 2)])
    memory.admit(signed("product", NEW, Product(gtin="09523000000012", name="x")))
    memory.admit(step(demo_house, CANAL, "ship", pack(demo_house, 0), to=NEW.member))


@pytest.mark.parametrize("roles", [["maker"], ["maker", "carrier"], ["maker", "wholesaler"]])
def test_a_maker_reports_stolen_only_its_own_packs(demo_house: House, memory: Memory, roles: list[str]) -> None:
    """Denial by alarm: another role beside does not make another maker's packs its own."""
    memory.follow([member(demo_house, 1, roles=roles), member(demo_house, 2, roles=roles)])
    event = event_of("stolen", [pack(demo_house, 0)], NOW)
    with pytest.raises(Refused, match="own gtin"):
        memory.admit(signed("event", NEW, event))
    memory.admit(signed("event", demo_house.key(AUBRAC), event))
    memory.admit(signed("event", demo_house.key("agence-sante"), event))


def test_a_statement_from_the_future_is_no_leaf(demo_house: House) -> None:
    """The sequencer's rule, since a reducer has no clock."""
    body = Product(gtin="09521000000018", name="Demain")
    answer = demo_house.say("product", AUBRAC, body, moment=demo_house.clock() + 3600)
    assert answer.status_code == 403
    assert answer.get_json()["type"] == "/problems/future"
