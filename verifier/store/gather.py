"""gather: Identity -> Evidence. The one step between pixels and page that touches the world.

One Lua call takes a snapshot of all that is mutable; what is immutable (statements, proofs) is remembered by its
bytes. It concludes nothing: what it gathers is judged as if a stranger had sent it. State is never remembered.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from hashlib import sha256
from importlib.resources import files
from typing import Any, TypeVar, cast

import cbor2
import redis
from msgspec.structs import replace as changed

from verifier.identity import Identity
from verifier.ledger import checkpoint as notes
from verifier.ledger import tiles
from verifier.ledger.checkpoint import Checkpoint
from verifier.ledger.note import NoteError
from verifier.ledger.policy import Policy
from verifier.state.keys import BatchRecord, ProductRecord
from verifier.state.pack import Standing, standing
from verifier.statements import buckets, pack_signature, serials
from verifier.statements.answer import Answer
from verifier.statements.envelope import Statement, kid_of, read
from verifier.statements.genesis import Genesis
from verifier.statements.kinds import body_of
from verifier.statements.roster import KeyRecord, followed
from verifier.statements.serials import SerialProof
from verifier.store import layout
from verifier.store.answerers import Answerer, Answerers
from verifier.store.log import LogStore
from verifier.store.projection import read_keys
from verifier.verdict.evidence import Evidence, Exhibit, Growth

T = TypeVar("T")
MISSES = ("unknown", "mismatch", "not_registered")
_LUA = files("verifier.store").joinpath("gather.lua").read_text("utf-8")


class NotReady(RuntimeError):
    """The ledger cannot answer now: nothing published yet, or its projection is being rebuilt. HTTP 503."""


class StaleSnapshot(RuntimeError):
    """A statement lies past the snapshot's checkpoint."""


@dataclass(frozen=True, slots=True)
class _Snapshot:
    checkpoint: bytes
    note: Checkpoint
    keyring: bytes
    product: ProductRecord | None
    recalls: tuple[tuple[bytes, bytes], ...]
    batch: BatchRecord | None = None
    standing: Standing | None = None
    bucket: bytes | None = None
    siblings: tuple[bytes, ...] = ()
    signing: tuple[tuple[bytes, bytes], ...] = ()  # the batches whose pack key may have signed the code


class Gatherer:
    """Gathers evidence about packs. `openings` gives a batch's secret by its statement id, or None."""

    def __init__(
        self,
        client: redis.Redis,
        genesis: Statement,
        policy: Policy,
        answerers: Answerers,
        openings: Callable[[bytes], bytes | None],
    ) -> None:
        self.client, self.policy, self.answerers, self.openings = client, policy, answerers, openings
        self.genesis, self._registry = genesis.id, kid_of(cast(Genesis, body_of(genesis)).registry.key)
        self.log = LogStore(client)
        self._script = client.register_script(_LUA)
        self._chains: tuple[bytes, dict[bytes, tuple[bytes, ...]]] = (b"", {})

    def gather(self, identity: Identity, now: int, since: int | None = None, member: str | None = None) -> Evidence:
        """Everything known of a pack that carries all four elements, or of the product and lot of a box that carries no
        serial, answered at `now`; `since` asks for the proof of growth from a smaller checkpoint. `member` is the
        professional who asks, proven: they are shown what they signed themselves, and told of a serial that is known
        otherwise. Raises NotReady, or redis.RedisError."""
        return self._settled(lambda: self._gather(identity, now, since, member))

    def gather_lot(self, gtin: str, batch: str, since: int | None = None) -> Evidence | None:
        """What is known of a lot and of none of its packs: product, batch, recalls, their signers' keys, and no answer;
        None where no such lot was issued. Raises as `gather`."""
        return self._settled(lambda: self._gather_lot(Identity((("01", gtin), ("10", batch))), since))

    def _settled(self, gather: Callable[[], T]) -> T:
        for _ in range(3):  # a key enrolled between the snapshot and the reading of its chain: look again
            try:
                return gather()
            except StaleSnapshot:
                continue
        raise NotReady("the ledger is changing faster than it can be read")

    def _gather(self, identity: Identity, now: int, since: int | None, member: str | None) -> Evidence:
        seen = self._snapshot(identity) if identity.serial is not None else self._unnumbered(identity)
        proof, state = self._issue(identity, seen)
        if state == "unknown" and member is not None and self._known_otherwise(identity):
            state = "mismatch"
        who = self.answerers.of(identity.gtin, state, seen.keyring)
        own = self._own_supply(seen, member) if proof and member else {}
        issue = [(row.id, row.kid) for row in (seen.product, seen.batch if proof else None) if row is not None]
        ids, exhibits = self._exhibits([*issue, *seen.recalls, *seen.signing, *own.items()], who, seen)
        answer = None
        if state is not None:
            said = self._answer(identity, seen, state, [one for one in ids if one not in own], now)
            answer = who.sign(said if member is None else changed(said, audience="professionals"))
        return Evidence(seen.checkpoint, exhibits, proof, answer, self._growth(since, seen.note))

    def _gather_lot(self, lot: Identity, since: int | None) -> Evidence | None:
        seen = self._snapshot(lot)
        if seen.product is None or seen.batch is None:
            return None
        said = [(row.id, row.kid) for row in (seen.product, seen.batch)]
        _, exhibits = self._exhibits([*said, *seen.recalls], self.answerers.registry, seen)
        return Evidence(seen.checkpoint, exhibits, growth=self._growth(since, seen.note))

    def forget(self) -> None:
        """Empty what is remembered of the immutable (benchmarks of a cold scan)."""
        self.log = LogStore(self.client)
        self._chains = (b"", {})

    def _snapshot(self, identity: Identity, batch: str | None = None) -> _Snapshot:
        """What is kept of a pack, of the lot that it names or else of `batch`."""
        gtin, serial = identity.gtin or "", identity.serial or ""
        lot = (gtin, batch if batch is not None else identity.batch or "")
        hint = int.from_bytes(sha256(serial.encode()).digest()[:4], "big")
        own = pack_signature.read(identity)
        keys = layout.scanned(*lot, serial, own.hint if own else b"")
        row = cast(list[Any], self._script(keys=keys, args=[hint, layout.buckets(*lot)]))
        checkpoint, projected, keyring, product, whole, issued, of_lot, steps, bucket, path, signing = row
        record = BatchRecord(*cbor2.loads(issued)) if issued else None
        return replace(
            self._product(checkpoint, projected, keyring, product, (whole, of_lot)),
            batch=record,
            standing=standing(record, steps) if record else None,
            bucket=bucket,
            siblings=tuple(path[i : i + 32] for i in range(0, len(path), 32)),
            signing=tuple((row[1], row[2]) for row in cbor2.loads(signing)) if signing else (),
        )

    def _unnumbered(self, identity: Identity) -> _Snapshot:
        """The snapshot for a box without a serial, all that is mutable in one read. Whether its lot was ever issued is
        not looked at: an unknown lot and a known one are answered alike."""
        keys = layout.unnumbered(identity.gtin or "", identity.batch or "")
        checkpoint, projected, keyring, product, *recalls = cast(list[Any], self.client.mget(keys))
        return self._product(checkpoint, projected, keyring, product, recalls)

    def _product(
        self, checkpoint: Any, projected: Any, keyring: Any, product: Any, recalls: Iterable[bytes | None]
    ) -> _Snapshot:
        """The part of a snapshot that is not about one pack; raises NotReady."""
        try:
            note = notes.open(checkpoint, self.policy) if checkpoint else None
        except NoteError as fault:  # a policy with other witnesses than when it was published
            raise NotReady(f"the ledger is not ready to answer: {fault}") from fault
        if note is None or projected is None or int.from_bytes(projected, "big") != note.size:
            raise NotReady("the ledger is not ready to answer: nothing published, or its projection is being rebuilt")
        return _Snapshot(
            checkpoint=checkpoint,
            note=note,
            keyring=keyring or b"",
            product=ProductRecord(*cbor2.loads(product)) if product else None,
            recalls=tuple((row[1], row[2]) for rows in recalls if rows is not None for row in cbor2.loads(rows)),
        )

    def _issue(self, identity: Identity, seen: _Snapshot) -> tuple[SerialProof | None, str | None]:
        """The pack's serial proof and state. (None, None): not to be answered, the bucket is absent or disagrees with
        the root the maker signed; a serial slipped into Redis by hand ends here."""
        if identity.serial is None:
            return None, "no_serial"
        if seen.product is None:
            return None, "not_registered"
        batch, stands, serial = seen.batch, seen.standing, (identity.serial or "").encode()
        if batch is None or stands is None:
            return None, "unknown"
        secret = self.openings(batch.id)
        if secret is None or seen.bucket is None:
            return None, None
        index = serials.bucket_of(serial, batch.k)
        found, states = buckets.unpack_bucket(seen.bucket)
        proof = serials.prove(serial, found, secret, seen.siblings, index)
        if proof is None:
            digest = serials.bucket_digest(index, found, secret)
            whole = serials.root_from_bucket(index, digest, seen.siblings) == batch.root
            return None, "unknown" if whole else None
        if not serials.check(proof, serial, batch.k, batch.root) or states[proof.position] != stands.code:
            return None, None
        return (proof, stands.state) if batch.expiry == identity.expiry else (None, "unknown")

    def _known_otherwise(self, identity: Identity) -> bool:
        """Whether the serial is proven in some lot of the product, where this lot with this date is a miss. Bounded:
        the projection remembers a product's latest lots (state/replay.MOST_LOTS)."""
        lots = self.client.get(layout.derived(("batches", identity.gtin or "")))
        named, serial = cbor2.loads(lots) if isinstance(lots, bytes) else (), (identity.serial or "").encode()
        return any(self._proven(serial, self._snapshot(identity, lot)) for lot in named)

    def _proven(self, serial: bytes, seen: _Snapshot) -> bool:
        """Whether the serial is one of the lot's, under the root that its maker signed."""
        batch, secret = seen.batch, self.openings(seen.batch.id) if seen.batch else None
        if batch is None or secret is None or seen.bucket is None:
            return False
        found, _ = buckets.unpack_bucket(seen.bucket)
        proof = serials.prove(serial, found, secret, seen.siblings, serials.bucket_of(serial, batch.k))
        return proof is not None and serials.check(proof, serial, batch.k, batch.root)

    def _own_supply(self, seen: _Snapshot, member: str) -> dict[bytes, bytes]:
        """The event that supplied the pack, id -> key id, if it is `member` who signed it."""
        supply = seen.standing.supply if seen.standing else None
        if supply is None or supply[1] != member:
            return {}
        leaf = self.log.leaf(supply[0])
        return {supply[0]: read(leaf[1]).kid} if leaf else {}

    def _exhibits(
        self, said: list[tuple[bytes, bytes]], who: Answerer, seen: _Snapshot
    ) -> tuple[list[bytes], tuple[Exhibit, ...]]:
        """The statements that were said, as (id, key id), and those that make their signers entitled: their sorted
        ids, and each with its proof, by leaf index."""
        kids = {who.kid, *(kid for _, kid in said)}
        wanted = {self.genesis, *(one for one, _ in said)}.union(*self._chains_of(kids, seen.keyring))
        leaves = self.log.leaves(wanted)
        if leaves is None:
            raise NotReady("a statement is named by the projection but not in the log")
        ordered = sorted(leaves)
        if ordered[-1][0] >= seen.note.size:
            raise StaleSnapshot
        exhibits = tuple(Exhibit(index, raw, self.log.path(index, seen.note.size)) for index, raw in ordered)
        return sorted(wanted), exhibits

    def _chains_of(self, kids: set[bytes], keyring: bytes) -> list[tuple[bytes, ...]]:
        """For each key, the ids that enrol it, back to the genesis. Remembered while no key changed."""
        at, chains = self._chains
        if at != keyring:
            chains = {}
            self._chains = (keyring, chains)
        missing = kids - chains.keys()
        if missing:
            chains.update(self._read_chains(missing))
        return [chains[kid] for kid in kids]

    def _read_chains(self, kids: set[bytes]) -> dict[bytes, tuple[bytes, ...]]:
        records: dict[bytes, KeyRecord] = {}
        front = kids | {self._registry}  # the answer key's enroller: asked now, it costs no round trip later
        while front:
            found = read_keys(self.client, front)
            records |= found
            front = {kid for record in found.values() for kid in record.by} - records.keys()
        return {kid: tuple(one for link in followed(kid, records.get) for one in link.statements) for kid in kids}

    @staticmethod
    def _answer(identity: Identity, seen: _Snapshot, state: str, applies: list[bytes], now: int) -> Answer:
        """What is answered: the state, and the id of every statement that applies."""
        stands = seen.standing if state not in MISSES else None
        return Answer(
            identity=identity.digital_link(),
            size=seen.note.size,
            root=seen.note.root,
            time=now,
            state=state,  # type: ignore[arg-type]  # the words are the Literal's: transitions.json and MISSES
            applies=applies,
            withheld=sorted(stands.events) if stands else [],
            custody=list(stands.stops) if stands else [],
            disputes=stands.disputes if stands else 0,
        )

    def _growth(self, since: int | None, note: Checkpoint) -> Growth | None:
        if since is None or not 0 < since < note.size:
            return None
        path = tuple(tiles.consistency_path(since, note.size, self.log.tile))
        return Growth(since, tiles.root(since, self.log.tile), path)
