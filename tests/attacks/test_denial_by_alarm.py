"""The cold chain's alarm: heard wherever it is raised by who holds the pack, and of no use to who only wants to harm.

Who does not hold the pack contradicts the record: a dispute, told as such, and never a broken cold chain.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from forge import event_of, signed
from house import House

from verifier.custody.history import MOST
from verifier.identity import Identity
from verifier.node.keyfile import KeyFile
from verifier.statements.envelope import sign
from verifier.statements.event import Event
from verifier.statements.key import Key
from verifier.store import layout

CANAL, HALLES, MAKER, HOSPITAL = (
    "pharmacie-du-canal", "pharmacie-des-halles", "nordhavn-pharma", "hopital-saint-roch"
)  # fmt: skip
LOGGER = KeyFile(CANAL, bytes([9]) * 32)
TEMPERATURE = {"type": "Temperature", "value": 14.5, "uom": "CEL"}
ALARM = TEMPERATURE | {"exception": "ALARM_CONDITION"}


def report(house: House, pack: Identity, *reports: dict[str, Any], name: str = "", **fields: Any) -> Event:
    """A sensor report about a pack, as a logger's program writes it."""
    event = json.loads(event_of("excursion", [pack], house.clock(), name=name).epcis)
    event |= {"disposition": "in_transit", "sensorElementList": [{"sensorReport": list(reports)}]} | fields
    return Event(epcis=json.dumps(event).encode())


@pytest.mark.parametrize(
    ("viewer", "member"),
    [("patient", None), ("ward", HOSPITAL), ("theatre", HOSPITAL), ("pharmacy", HALLES), ("dock", "transvia")],
)
def test_an_alarm_by_the_holder_is_told_to_everyone(
    world: House, packs: Iterator[Identity], viewer: str, member: str | None
) -> None:
    pack = next(packs)
    assert world.say("event", CANAL, report(world, pack, TEMPERATURE, ALARM)).status_code == 201
    assert (world.codes(pack) if member is None else world.codes_as(member, pack, viewer)) == ["cold"]
    assert world.verdict(pack)["custody"][-1]["step"] == "excursion"
    said = world.say("event", CANAL, event_of("dispense", [pack], world.clock(), name="after"))
    assert said.status_code == 201  # the pharmacist decides, and the mark stays
    assert world.codes(pack) == ["cold", "dispensed"]


@pytest.mark.parametrize("words", [{}, {"type": "gs1:Temperature"}, {"exception": "gs1:ALARM_CONDITION"},
                                   {"exception": "https://gs1.org/voc/ALARM_CONDITION"}])  # fmt: skip
def test_an_alarm_however_it_is_written(world: House, packs: Iterator[Identity], words: dict[str, str]) -> None:
    pack = next(packs)
    assert world.say("event", CANAL, report(world, pack, ALARM | words)).status_code == 201
    assert world.codes(pack)[0] == "cold"


def test_a_loggers_own_key_raises_it_for_its_member(world: House, packs: Iterator[Identity]) -> None:
    pack = next(packs)
    body = Key(member=CANAL, public=LOGGER.public, purpose="device", status="enrolled")
    assert world.say("key", CANAL, body).status_code == 201
    assert world.register(signed("event", LOGGER, report(world, pack, ALARM), world.clock()).raw).status_code == 201
    assert world.codes(pack) == ["cold"]


@pytest.mark.parametrize("who", [HALLES, MAKER])
def test_an_alarm_by_who_does_not_hold_the_pack_breaks_nothing(
    world: House, packs: Iterator[Identity], who: str
) -> None:
    pack = next(packs)
    answer = world.say("event", who, report(world, pack, ALARM, name=who))
    assert (answer.status_code, answer.get_json()["type"]) == (409, "/problems/disputed")
    assert world.codes(pack) == ["disputed"]


def test_an_authority_or_a_stranger_raises_none(world: House, packs: Iterator[Identity]) -> None:
    pack = next(packs)
    answer = world.say("event", "agence-sante", report(world, pack, ALARM))
    assert (answer.status_code, answer.get_json()["type"]) == (403, "/problems/step_role")
    stranger = KeyFile(CANAL, bytes([11]) * 32)
    answer = world.register(signed("event", stranger, report(world, pack, ALARM), world.clock()).raw)
    assert (answer.status_code, answer.get_json()["type"]) == (403, "/problems/unknown_key")
    assert world.codes(pack)[0] == "genuine"


def test_a_reading_without_an_alarm_is_a_leaf_and_changes_nothing(world: House, packs: Iterator[Identity]) -> None:
    """Readings are the cold chain's to come: registered, and on no pack's record."""
    pack = next(packs)
    before = world.verdict(pack)["custody"]
    broken, humid = TEMPERATURE | {"exception": "ERROR_CONDITION"}, ALARM | {"type": "RelativeHumidity"}
    for number, said in enumerate((TEMPERATURE, broken, humid)):
        assert world.say("event", CANAL, report(world, pack, said, name=str(number))).status_code == 201
    assert world.codes(pack)[0] == "genuine"
    assert world.verdict(pack)["custody"] == before
    answer = world.say("event", HALLES, report(world, pack, TEMPERATURE, name="elsewhere"))
    assert (answer.status_code, answer.get_json()["type"]) == (403, "/problems/holder")


def test_an_alarm_in_another_step_does_not_go_by_unheard(world: House, packs: Iterator[Identity]) -> None:
    pack = next(packs)
    words = {"bizStep": "receiving", "disposition": "in_progress"}
    answer = world.say("event", HALLES, report(world, pack, ALARM, **words))
    assert (answer.status_code, answer.get_json()["type"]) == (403, "/problems/unknown_step")
    assert answer.get_json()["found"] == "receiving/in_progress, alarm"


@pytest.mark.parametrize("sensors", [[], {}, "x", [1], [{}], [{"sensorReport": []}], [{"sensorReport": "x"}],
                                     [{"sensorReport": [{"type": "Temperature"}] * 1001}]])  # fmt: skip
def test_what_is_no_list_of_sensors(world: House, packs: Iterator[Identity], sensors: Any) -> None:
    pack = world.world.pack("current", 0)
    body = report(world, pack, sensorElementList=sensors)
    key = world.key(CANAL)
    answer = world.register(signed("event", key, _Unread(body, pack), world.clock()).raw)
    assert (answer.status_code, answer.get_json()["type"]) == (400, "/problems/epcis")


class _Unread:
    """A body whose subject is known beforehand: its own reading is what is refused."""

    def __init__(self, body: Event, pack: Identity) -> None:
        self.body, self.pack = body, pack

    def subject(self) -> str:
        return self.pack.digital_link().partition("?")[0]

    def encode(self) -> bytes:
        return self.body.encode()


def test_whoever_ships_a_stolen_pack_to_and_fro_does_not_outshout_the_theft(
    world: House, packs: Iterator[Identity]
) -> None:
    """An answer names every event of a pack; with too many there would be none, and nobody told."""
    pack, hands = next(packs), (HALLES, HOSPITAL)
    shipped = [event_of("ship", [pack], world.clock(), hands[n % 2], f"fro {n}") for n in range(MOST + 1)]
    raws = [world.sign("event", CANAL, body).raw for body in shipped]
    world.store.lpush(layout.QUEUE, *(bytes(16) + raw for raw in raws[:-1]))
    answer = world.register(raws[-1])
    assert (answer.status_code, answer.get_json()["type"]) == (403, "/problems/too_many_steps")
    assert world.codes(pack) == ["gap"]
    assert world.say("event", CANAL, report(world, pack, ALARM)).status_code == 201
    assert world.say("event", MAKER, event_of("stolen", [pack], world.clock())).status_code == 201
    assert world.codes(pack) == ["stolen", "cold", "gap"]


def test_a_contradiction_told_again_and_again_is_one(world: House, packs: Iterator[Identity]) -> None:
    pack = next(packs)
    assert world.say("event", MAKER, event_of("stolen", [pack], world.clock())).status_code == 201
    said = [world.say("event", HALLES, event_of("dispense", [pack], world.clock(), name=f"{n}")) for n in range(3)]
    kinds = [answer.get_json()["type"].rpartition("/")[2] for answer in said]
    assert kinds == ["disputed", "already", "already"]
    assert world.codes(pack) == ["stolen", "disputed"]


@pytest.mark.parametrize(
    "fields",
    [{"bizStep": "\ud800"}, {"disposition": "\ud800"}, {"eventID": "\ud800"}, {"epcList": ["\ud800"]},
     {"destinationList": [{"type": "possessing_party", "destination": "\udfff"}]}],
    ids=lambda fields: next(iter(fields)),
)  # fmt: skip
def test_text_that_no_refusal_could_repeat_stops_nobody(
    world: House, packs: Iterator[Identity], fields: dict[str, Any]
) -> None:
    """JSON can hold half a surrogate pair, and a node that quotes it cannot send its answer."""
    pack, key = next(packs), world.key(CANAL)
    event = json.loads(event_of("ship", [pack], world.clock(), HALLES).epcis) | fields
    subject = pack.digital_link().partition("?")[0]
    payload = Event(epcis=json.dumps(event).encode()).encode()
    answer = world.register(sign("event", CANAL, subject, world.clock(), payload, key.seed).raw)
    assert (answer.status_code, answer.get_json()["type"]) == (400, "/problems/epcis")
    assert world.codes(pack) == ["genuine", "not_recorded"]
    assert world.say("event", CANAL, event_of("ship", [pack], world.clock(), HALLES)).status_code == 201
