"""Everything that a node holds, read again and held against what was signed, while it goes on: nothing is written.

    ledger      ids, statements, leaf numbers, tiles, roots, the checkpoint's signatures    (node/boot, node/rehash)
    deposits    each file against its name; and each that a statement names is there
    packs       each batch's buckets against the root that its maker signed, where its secret is here
    projection  every derived key against a replay into memory                              (node/shadow)

Each stage gives its faults, a sentence each that says where; of the ledger there is one, the first wrong leaf.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import redis

from verifier.ledger import checkpoint as notes
from verifier.ledger.checkpoint import Checkpoint
from verifier.ledger.policy import Policy
from verifier.node import boot, pending
from verifier.statements import buckets, serials
from verifier.statements.batch import Batch
from verifier.statements.envelope import read
from verifier.statements.errors import Malformed
from verifier.statements.growing import HASH, Fold
from verifier.statements.kinds import body_of, names_deposits
from verifier.store import deposits, layout
from verifier.store.log import LogStore
from verifier.store.projection import CHUNK, Openings

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Issued:
    """A batch that is a leaf."""

    leaf: int
    id: bytes
    body: Batch

    def __str__(self) -> str:
        return f"batch {self.body.batch} of {self.body.gtin} (leaf {self.leaf})"


@dataclass(slots=True)
class Ledger:
    """What the ledger's bytes are, once hashed: the published checkpoint (None before the first), the leaf that names
    each deposit (hex), and the batches."""

    head: Checkpoint | None = None
    named: dict[str, int] = field(default_factory=dict)
    batches: list[Issued] = field(default_factory=list)

    def hear(self, start: int, raws: Sequence[bytes]) -> None:
        """Note what the statements from leaf `start` on name. Only those of a kind that may name a deposit are read."""
        for leaf, raw in enumerate(raws, start):
            if names_deposits(raw):
                statement = read(raw)
                body = body_of(statement)
                self.named |= {digest.hex(): leaf for digest in body.deposits() if digest.hex() not in self.named}
                if isinstance(body, Batch):
                    self.batches.append(Issued(leaf, statement.id, body))


def ledger(client: redis.Redis, policy: Policy, mark: bytes | None, progress: Progress) -> Ledger:
    """Hash the published ledger again; `progress` gets the leaves done. Raises Corrupt naming the first wrong leaf."""
    found = Ledger()
    found.head = boot.examine(client, policy, mark, progress, found.hear)
    return found


def cosigned(client: redis.Redis, policy: Policy) -> Iterator[str]:
    """What is wrong with the cosignatures of the published checkpoint, and with what is proposed to the witnesses and
    not published yet."""
    note, kept = client.mget([layout.CHECKPOINT, layout.PENDING])
    if isinstance(note, bytes):
        try:
            notes.open(note, policy)
        except ValueError as fault:
            yield f"the published checkpoint: {fault}"
    if isinstance(note, bytes) and isinstance(kept, bytes):
        try:
            pending.decode(kept).check(LogStore(client), boot.signed(note, policy), policy)
        except (ValueError, LookupError) as fault:
            yield f"what is proposed and not published yet: {fault}"


def kept(folder: Path, named: Mapping[str, int], progress: Progress) -> Iterator[str]:
    """What is wrong with the deposits; `progress` gets the bytes of each chunk that was hashed."""
    held = deposits.held(folder)
    for digest in held:
        by = f", which leaf {named[digest]} names" if digest in named else ""
        try:
            for chunk in deposits.open_chunks(folder, digest):
                progress(len(chunk))
        except Malformed as fault:
            yield f"deposit {digest}{by}: expected {fault.expected}, found {fault.found}"
        except FileNotFoundError:
            if by:  # else it was collected just now
                yield f"deposit {digest}{by}: expected it here, found it gone"
    here = set(held)
    for digest, leaf in named.items():
        if digest not in here:
            yield f"deposit {digest}, which leaf {leaf} names: expected it here, found none"


def packs(client: redis.Redis, batches: Sequence[Issued], openings: Openings, progress: Progress) -> Iterator[str]:
    """What is wrong with the buckets of the batches whose secret is here; `progress` gets the batches done."""
    for done, issued in enumerate(batches, 1):
        secret = openings(issued.id)
        if secret is not None and (fault := _buckets(client, issued.body, secret)):
            yield f"{issued}: {fault}"
        progress(done)


def _buckets(client: redis.Redis, body: Batch, secret: bytes) -> str | None:
    prefix, heap = layout.buckets(body.gtin, body.batch), layout.derived(("heap", body.gtin, body.batch))
    wrong: list[int] = []

    def compare(node: int, hashes: bytes) -> None:
        held = client.getrange(heap, HASH * node, HASH * node + len(hashes) - 1)
        if held != hashes:
            pairs = (hashes[at : at + HASH] == held[at : at + HASH] for at in range(0, len(hashes), HASH))
            wrong.append(node + list(pairs).index(False))

    fold = Fold(body.k, compare)
    for start in range(0, 1 << body.k, CHUNK):
        places = range(start, min(start + CHUNK, 1 << body.k))
        values = client.mget([prefix + place.to_bytes(4, "big") for place in places])
        for place, value in zip(places, values, strict=True):
            names, _ = buckets.unpack_bucket(value if isinstance(value, bytes) else b"")
            fold.add(serials.bucket_digest(place, names, secret))
    if not wrong and fold.root == body.root:
        return None
    leaves = [node - (1 << body.k) for node in wrong if node >= 1 << body.k]
    where = f"bucket {min(leaves)}" if leaves else "its tree of hashes"
    return f"{where}: expected what leads to the root that its maker signed, found another"
