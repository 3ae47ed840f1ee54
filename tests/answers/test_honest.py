"""Honest ledgers, honest nodes, any question at any checkpoint: nobody is ever convicted, whatever is shown. And of
each honest answer, any id left out is a lie that is caught.

Each example is a ledger drawn anew: sequenced by the real node, answered by the real gatherer over a real Redis.
"""

import random
import threading
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis
from forge import event_of, key_statement, signed, trust
from house import House
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace as changed
from registry import CANAL, CARRIER, GTIN, HALLES, MAKER, NOW, Registry

from verifier.answers.convict import Unproven, convict
from verifier.answers.conviction import Conviction
from verifier.answers.replay import Mirror, replay
from verifier.commands.issuing import Lot
from verifier.identity import Identity
from verifier.ledger import checkpoint as notes
from verifier.node.keyfile import KeyFile, load
from verifier.statements.answer import Answer
from verifier.statements.envelope import read, sign
from verifier.statements.key import Key
from verifier.statements.kinds import body_of
from verifier.statements.pack_signature import carrying, hint_of
from verifier.statements.recall import Recall
from verifier.store.answerers import Answerer, Answerers
from verifier.store.gather import Gatherer
from verifier.store.log import LogStore
from verifier.store.redis import connect
from verifier.verdict.evidence import Evidence
from verifier.verdict.trust import Trust

LOTS = {"L1": Lot(GTIN, "L1", "301231", ("FR",)), "L2": Lot(GTIN, "L2", "291231", ("FR",))}
PACK_KEY = KeyFile(MAKER, bytes([7]) * 32)
SECOND = KeyFile(MAKER, bytes([8]) * 32)
MEMBERS = [MAKER, CARRIER, CANAL, HALLES]
STEPS = ["ship", "receive", "dispense", "destroy", "stolen", "excursion", "reading"]
PACKS = [("L1", 0), ("L1", 1), ("L1", 2), ("L2", 0)]
# A serial that no manifest holds: an event may name it all the same.
INVENTED = ("L1", 199)


@dataclass(frozen=True)
class Asked:
    """What was asked at some moment, by whom, and the evidence that came."""

    identity: Identity
    member: str | None
    evidence: Evidence


class World:
    """A registry, its sequencer and its gatherer, on an emptied store."""

    def __init__(self, data: Path, client: redis.Redis) -> None:
        client.flushall()
        self.registry = Registry(data, client)
        self.registry.mark.unlink(missing_ok=True)
        self.registry.names = [b"SERIAL%07d" % number for number in range(12)]
        self.sequencer, self.number = self.registry.sequencer(), 0
        node = data / "node"
        answerers = (load(node / "answer.key"), load(node / f"answer-{MAKER}.key"))
        self.answer_keys = {key.kid: key for key in answerers}
        own, makers = (Answerer(key.member, key.seed, key.kid) for key in answerers)
        of = Answerers(client, own, [makers])
        opened = self.registry.sources[0]
        self.gatherer = Gatherer(client, read(self.registry.genesis), self.registry.policy, of, opened)
        self.trust = Trust(read(self.registry.genesis).id, self.registry.policy, 3600)
        self.asked: list[Asked] = []
        batch = self.registry.batch(LOTS["L2"], self.registry.names, 2, PACK_KEY.public)
        self.register(*self.registry.enrolment(), self.registry.product(), self.registry.batch(k=1), batch)

    def register(self, *raws: bytes) -> None:
        """Whatever becomes of them."""
        self.sequencer.register(list(raws))

    def pack(self, lot: str, number: int) -> Identity:
        return self.registry.pack(number, LOTS[lot]) if number < 12 else self.invented(lot)

    def invented(self, lot: str) -> Identity:
        pack = self.registry.pack(0, LOTS[lot])
        return Identity(tuple((ai, "NEVERISSUED" if ai == "21" else value) for ai, value in pack.elements))

    def happen(self, draw: random.Random) -> None:
        """Something is said, at its time or not, by who may or may not say it."""
        self.number += 1
        words = [self.event] * 8 + [self.recall] * 2 + [self.product, self.key, self.makers_answers]
        self.register(draw.choice(words)(draw))

    def event(self, draw: random.Random) -> bytes:
        several = draw.sample([*PACKS, INVENTED], draw.choice((1, 1, 1, 2, 3)))
        member, step = draw.choice(MEMBERS), draw.choice(STEPS)
        to = draw.choice(MEMBERS) if step == "ship" else None
        return self.registry.event(step, member, *(self.pack(*one) for one in several), to=to, moment=NOW - 99)

    def recall(self, draw: random.Random) -> bytes:
        batches = draw.choice([None, ["L1"], ["L2"], ["L1", "L2"], ["L9"]])
        fields: dict[str, Any] = {"gtin": GTIN, "depth": draw.choice(["patients", "pharmacies"]), "batches": batches}
        if batches is not None and len(batches) == 1 and draw.random() < 0.5:
            fields["serials"] = ["SERIAL0000001"]
        fields |= {"reason": f"reason {self.number}"}
        by = draw.choice([MAKER, "agence-sante"])
        return self.registry.say("recall", by, Recall.of({k: v for k, v in fields.items() if v is not None})).raw

    def product(self, _: random.Random) -> bytes:
        return self.registry.product(self.number)

    def key(self, draw: random.Random) -> bytes:
        """The maker's second key is enrolled, signs a product, or ends, stolen or not."""
        fields: dict[str, Any] = {"member": MAKER, "public": SECOND.public, "purpose": "member"}
        ends = {"status": "revoked"} | ({"compromised_since": 5} if draw.random() < 0.5 else {})
        said = draw.choice([{"status": "enrolled"}, ends, None])
        if said is None:
            body = body_of(read(self.registry.product(self.number)))
            return sign("product", MAKER, body.subject(), NOW, body.encode(), SECOND.seed).raw
        return self.registry.say("key", MAKER, Key.of(fields | said)).raw

    def makers_answers(self, draw: random.Random) -> bytes:
        """The maker's answer key is enrolled, or ends."""
        (public,) = (key.public for key in self.answer_keys.values() if key.member == MAKER)
        status = draw.choice(["enrolled", "enrolled", "revoked"])
        body = Key.of({"member": MAKER, "public": public, "purpose": "answer", "status": status})
        return self.registry.say("key", MAKER, body).raw

    def questions(self) -> Iterator[Identity]:
        for lot, number in (*PACKS, INVENTED):
            pack = self.pack(lot, number)
            yield pack
            yield carrying(pack, urlsafe_b64encode(hint_of(PACK_KEY.public)).decode(), "A" * 86)
        elements = self.pack("L1", 0).elements
        yield Identity(tuple((ai, "300101" if ai == "17" else value) for ai, value in elements))
        yield Identity(tuple((ai, "L2" if ai == "10" else value) for ai, value in elements))
        yield Identity(tuple((ai, "L9" if ai == "10" else value) for ai, value in elements))
        yield Identity(tuple((ai, "09529000000014" if ai == "01" else value) for ai, value in elements))
        for kept in ({"01"}, {"01", "10"}, {"01", "10", "17"}):
            yield Identity(tuple(element for element in elements if element[0] in kept))

    def ask(self, draw: random.Random) -> None:
        for identity in draw.sample(list(self.questions()), 4):
            member = draw.choice([None, None, CANAL, HALLES])
            self.asked.append(Asked(identity, member, self.gatherer.gather(identity, NOW + self.number, None, member)))

    def mirror(self) -> Mirror:
        log, size = LogStore(self.registry.client), self.sequencer.head.size
        ids = log.ids(0, size)
        leaves = {one: (at, raw) for at, (one, raw) in enumerate(zip(ids, log.bodies(ids), strict=True))}
        return Mirror(self.sequencer.note or b"", log.tile, leaves)

    def lied(self, answer: Answer, by: bytes) -> bytes:
        key = self.answer_keys[by]
        return sign("answer", key.member, answer.identity, answer.time, answer.encode(), key.seed).raw

    def close(self) -> None:
        self.sequencer.lease.drop()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("honest")


@settings(max_examples=15)
@given(seed=st.integers(0, 2**32))
def test_no_honest_answer_is_ever_convicted_and_any_omission_is(folder: Path, redis_url: str, seed: int) -> None:
    draw, client = random.Random(seed), connect(redis_url)
    world = World(folder, client)
    for _ in range(draw.randrange(4, 14)):
        for _ in range(draw.randrange(1, 6)):
            world.happen(draw)
        world.ask(draw)
    mirror = world.mirror()
    answers = [one.evidence.answer for one in world.asked if one.evidence.answer is not None]
    assert len(answers) == len(world.asked)
    for asked in world.asked:
        honest(world, asked, mirror, answers, draw)
    for asked in draw.sample(world.asked, 4):
        no_omission(world, asked, mirror, draw)
    world.close()
    client.close()


def honest(world: World, asked: Asked, mirror: Mirror, answers: list[bytes], draw: random.Random) -> None:
    """By all that there is, now; by part of it; and by what came with it."""
    raw, serial = asked.evidence.answer or b"", asked.evidence.serial
    issued = world.registry.names.index((asked.identity.serial or "").encode()) if serial else None
    found = replay(raw, mirror, world.trust, serial, answers)
    assert found.convictions == ()
    state = body_of(read(raw)).state  # type: ignore[attr-defined]
    unproven = state in ("unknown", "mismatch", "not_registered")
    assert found.not_judged == (("issue",) if unproven else ())
    assert unproven or state == "no_serial" or issued is not None
    keys = {one for one, (_, raw) in mirror.leaves.items() if read(raw).kind in ("genesis", "member", "key")}
    for _ in range(3):
        few = keys | set(draw.sample(list(mirror.leaves), draw.randrange(len(mirror.leaves))))
        part = Mirror(mirror.note, mirror.tile, {one: mirror.leaves[one] for one in few})
        assert replay(raw, part, world.trust, serial, answers).convictions == ()
    with pytest.raises(Unproven) as told:
        convict(Conviction(asked.evidence), world.trust)
    own = {one for one in asked.evidence.statements if read(one.raw).kind == "event"}
    assert told.value.code == "no_lie" or own


def no_omission(world: World, asked: Asked, mirror: Mirror, draw: random.Random) -> None:
    """Each id that an answer names had to be named: but the lots and keys of a signature that its identity leaves out,
    and the key of what a professional signed."""
    raw = asked.evidence.answer or b""
    answer, by = body_of(read(raw)), read(raw).kid
    assert isinstance(answer, Answer)
    assert answer.root == notes.open(asked.evidence.checkpoint or b"", world.registry.policy).root
    if asked.identity.get("91") is not None or asked.member is not None:
        return
    for one in answer.applies:
        less = changed(answer, applies=[other for other in answer.applies if other != one])
        assert replay(world.lied(less, by), mirror, world.trust).convictions, read(mirror.leaves[one][1]).kind
    for one in answer.withheld:
        less = changed(answer, withheld=[other for other in answer.withheld if other != one])
        assert replay(world.lied(less, by), mirror, world.trust).convictions
    for state in ("active", "supplied", "stolen", "destroyed"):
        if answer.state not in ("unknown", "not_registered", "no_serial", state):
            assert replay(world.lied(changed(answer, state=state), by), mirror, world.trust).convictions


def test_answers_given_while_the_ledger_grows_convict_nobody(house: House) -> None:
    """Each is of one moment, whatever is published between its snapshot and its last byte."""
    packs = [house.seed().world.pack("current", number) for number in (10, 11, 12)]
    maker, asked, over = house.key(MAKER), list[Evidence](), threading.Event()

    def ask() -> None:
        while not over.is_set():
            for pack in packs:
                for member in (None, CANAL):
                    asked.append(house.desk.gatherer.gather(pack, house.clock(), None, member))

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for number, pack in enumerate(packs * 2):
        key = KeyFile(MAKER, bytes([100 + number]) * 32)
        recall = Recall(gtin=pack.gtin or "", depth="pharmacies", reason=f"{number}", batches=[pack.batch or ""])
        for raw in (
            key_statement(maker, key.public).raw,
            signed("recall", key, recall, house.clock()).raw,
            key_statement(maker, key.public, "revoked").raw,
            signed("event", house.key(CANAL), event_of("dispense", [pack], house.clock(), name=f"{number}")).raw,
        ):
            house.register(raw)
    over.set()
    for thread in threads:
        thread.join(30)
    leaves = {one.id: (at, one.raw) for at, one in enumerate(house.leaves())}
    log = LogStore(house.store)
    mirror, believed = Mirror(log.checkpoint() or b"", log.tile, leaves), trust(house)
    assert len({notes.open(one.checkpoint or b"", believed.policy).size for one in asked}) > 10
    for one in {one.answer: one for one in asked}.values():
        found = replay(one.answer or b"", mirror, believed, one.serial)
        assert (found.convictions, found.not_judged) == ((), ())
