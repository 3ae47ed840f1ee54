"""A registry without doors: the demo's keys, a store, sequencers to be made, crashed and made again on it.

Tests of the node stand on this; those of the river on house.py, whose doors and thread they need.
"""

import io
import os
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import uuid4

import redis

from verifier import demo
from verifier.commands.issuing import Lot, _body, identity_of, write_manifest
from verifier.commands.node import keys_of, manifests_of, openings_of
from verifier.commands.say import epcis as epcis_of
from verifier.identity import Identity
from verifier.ledger import checkpoint as notes
from verifier.ledger import tiles
from verifier.ledger.checkpoint import Checkpoint
from verifier.ledger.merkle import verify_consistency
from verifier.node import highwater, lease
from verifier.node.keyfile import KeyFile, load
from verifier.node.sequencer import Sequencer
from verifier.settings import Settings
from verifier.statements import serials
from verifier.statements.body import Body
from verifier.statements.envelope import Statement, sign
from verifier.statements.event import Event
from verifier.statements.key import Key
from verifier.statements.member import Member
from verifier.statements.product import Product
from verifier.statements.recall import Recall
from verifier.store import deposits, layout
from verifier.store.log import LogStore
from verifier.store.projection import digest, rebuild
from verifier.store.redis import connect
from verifier.vault import Vault
from verifier.web.desk import deposit_folder, policy_of

GTIN = demo.gtin("0952100000001")
MAKER, CARRIER, CANAL, HALLES = "laboratoires-aubrac", "transvia", "pharmacie-du-canal", "pharmacie-des-halles"
NOW = int(time.time())
DAY = 86_400
NEVER = 1 << 62


class Registry:
    """Keys in `data`, a ledger on `client`; its clock stands still until a test moves `now`."""

    def __init__(self, data: Path, client: redis.Redis) -> None:
        self.settings = Settings(data=data)
        self.client, self.now = client, NOW
        self.told, self.stopping = list[str](), False
        demo.prepare(self.settings, NOW)  # not the true time: a long session would leave NOW too far behind it
        self.policy, self.mark = policy_of(data), data / "node" / "high-water"
        self.log_key = keys_of(data).log
        self.genesis = (data / "genesis.cose").read_bytes()
        self.sources = openings_of(self.settings), manifests_of(data)
        self.lot = Lot(GTIN, "L1", "301231", ("FR",))
        self.names = [b"SERIAL%07d" % number for number in range(200)]

    def sequencer(self, client: redis.Redis | None = None, place: str | None = "here") -> Sequencer:
        """A new one, that takes the lease over from the one before."""
        used = client or self.client
        held = lease.take(used, place)
        mark: Callable[[bytes], None] = lambda note: highwater.write(self.mark, note)  # noqa: E731
        asked: tuple[Callable[[str], None], Callable[[], bool]] = self.told.append, lambda: self.stopping
        keys = keys_of(self.settings.data)
        return Sequencer(used, self.policy, keys, held, *self.sources, lambda: self.now, mark, *asked)

    def key(self, member: str) -> KeyFile:
        return load(self.settings.data / "keys" / f"{member}.key")

    def key_of_node(self) -> KeyFile:
        """The registry's own member key, which signs clocks."""
        return load(self.settings.data / "node" / "node.key")

    def say(self, kind: str, member: str, body: Body, moment: int = NOW) -> Statement:
        key = self.key(member)
        return sign(kind, key.member, body.subject(), moment, body.encode(), key.seed)

    def enrolment(self) -> list[bytes]:
        """The genesis, the answer key, and four members with two endorsements each."""
        answer, node = (load(self.settings.data / "node" / f"{name}.key") for name in ("answer", "node"))
        key = Key(member=demo.REGISTRY, public=answer.public, purpose="answer", status="enrolled")
        raws = [self.genesis, sign("key", node.member, key.subject(), NOW, key.encode(), node.seed).raw]
        for member, name, role, country, prefixes in demo.MEMBERS:
            fields = {"member": member, "name": name, "roles": [role], "country": country, "prefixes": prefixes}
            body = Member.of(fields | {"key": self.key(member).public})
            raws += [self.say("member", root, body).raw for root in demo.ROOTS[: demo.THRESHOLD]]
        return raws

    def product(self, number: int = 0) -> bytes:
        """A product statement, another for each number."""
        return self.say("product", MAKER, Product(gtin=GTIN, name=f"Amoxadine {number}")).raw

    def batch(
        self,
        lot: Lot | None = None,
        names: list[bytes] | None = None,
        k: int | None = None,
        pack_key: bytes | None = None,
    ) -> bytes:
        """A batch statement, its manifest deposited and its secret in the vault."""
        secret, data = os.urandom(32), self.settings.data
        tree = serials.build(names or self.names, secret, k)
        out = io.BytesIO()
        found = write_manifest(out, (serial for row in tree.buckets for serial in row), secret)
        body = _body(lot or self.lot, tree, found, pack_key)
        statement = self.say("batch", MAKER, body)
        deposits.put(deposit_folder(data), found.hex(), [out.getvalue()])
        Vault.open(data / "vault").put("batch", statement.id.hex(), secret)
        return statement.raw

    def lot_named(self, batch: str) -> Lot:
        return Lot(GTIN, batch, "301231", ("FR",))

    def pack(self, number: int, lot: Lot | None = None) -> Identity:
        return identity_of(lot or self.lot, self.names[number].decode())

    def event(self, step: str, member: str, *packs: Identity, to: str | None = None, moment: int = NOW - DAY) -> bytes:
        epcis = epcis_of(step, list(packs), moment, to, f"urn:uuid:{uuid4()}")
        return self.say("event", member, Event(epcis=epcis), moment).raw

    def recall(self, batch: str = "L1") -> bytes:
        return self.say("recall", MAKER, Recall(gtin=GTIN, depth="patients", reason="trop fort", batches=[batch])).raw

    def story(self) -> list[bytes]:
        """A ledger with something of everything: enrolment, two batches (one signs its packs), journeys, a dispute, a
        recall."""
        other = Lot(GTIN, "L2", "301231", ("FR",))
        two, three = [self.pack(n) for n in (0, 1)], self.pack(2)
        return [
            *self.enrolment(),
            self.product(),
            self.batch(),
            self.event("ship", MAKER, *two, three, to=CARRIER, moment=NOW - 5 * DAY),
            self.event("receive", CARRIER, *two, three, moment=NOW - 4 * DAY),
            self.batch(other, [b"A%06d" % n for n in range(70)], 2, KeyFile(MAKER, bytes([7]) * 32).public),
            self.event("ship", CARRIER, *two, to=CANAL, moment=NOW - 3 * DAY),
            self.event("receive", CANAL, *two, moment=NOW - 2 * DAY),
            self.event("dispense", CANAL, two[0]),
            self.event("dispense", HALLES, two[0]),
            self.recall(),
            self.product(1),
            self.event("stolen", MAKER, self.pack(150)),
        ]

    @property
    def published(self) -> bytes:
        """The published note."""
        note = LogStore(self.client).checkpoint()
        assert note is not None
        return note

    @property
    def cosigners(self) -> list[str]:
        """Who of the policy's witnesses cosigned it."""
        return [one.name for one in notes.cosigned(self.published, self.policy)]

    @property
    def proposed(self) -> bool:
        """Whether something waits for its quorum."""
        return bool(self.client.exists(layout.PENDING))

    def ids(self, size: int) -> list[bytes]:
        return LogStore(self.client).ids(0, size)

    def replayed(self, size: int) -> tuple[str, str]:
        """The digest of the projection, as it stands and rebuilt."""
        before = digest(self.client)
        held = lease.take(self.client, "here")
        assert rebuild(self.client, size, *self.sources, held) == []
        return before, digest(self.client)


class Watcher:
    """Remembers every checkpoint that was published, and that none contradicts another."""

    def __init__(self, registry: Registry) -> None:
        self.registry, self.seen = registry, dict[int, Checkpoint]()

    def look(self) -> None:
        note = LogStore(self.registry.client).checkpoint()
        if note is not None:
            head = notes.open(note, self.registry.policy)
            assert self.seen.setdefault(head.size, head) == head, f"two checkpoints of {head.size} leaves"

    def check(self) -> None:
        """Each grew into the next."""
        log = LogStore(self.registry.client)
        heads = [self.seen[size] for size in sorted(self.seen)]
        for old, new in pairwise(heads):
            path = tiles.consistency_path(old.size, new.size, log.tile)
            verify_consistency(old.size, new.size, path, old.root, new.root)


class Sabotage:
    """A client that lets `left` requests to the server pass, then strikes once: before the next is sent, or (`after`)
    when the server has done it and its answer is not heard yet. To strike is to cut the line, unless told otherwise."""

    def __init__(self, url: str, strike: Callable[[], None] | None = None) -> None:
        self.left, self.after, self.struck = NEVER, False, False
        self.strike = strike or cut
        self.client = connect(url)
        base: Any = self.client.connection_pool.connection_class
        sabotage = self

        class Line(base):  # type: ignore[misc]
            def send_packed_command(self, command: Any, check_health: bool = True) -> None:
                sabotage.tempt(self, after=False)
                super().send_packed_command(command, check_health)

            def read_response(self, *args: Any, **options: Any) -> Any:
                answer = super().read_response(*args, **options)
                sabotage.tempt(self, after=True)
                sabotage.left -= 1
                return answer

        self.client.connection_pool.connection_class = Line

    def tempt(self, line: Any, after: bool) -> None:
        """Strike if it is time."""
        if self.left > 0 or after != self.after:
            return
        self.struck, self.left = True, NEVER
        try:
            self.strike()
        except redis.ConnectionError:
            line.disconnect()
            raise


def cut() -> None:
    raise redis.ConnectionError("cut by the test")


__all__ = ["CANAL", "CARRIER", "DAY", "GTIN", "HALLES", "MAKER", "NEVER", "NOW", "Registry", "Sabotage", "Watcher"]
