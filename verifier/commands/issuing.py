"""A batch from its serials to its leaf and its labels, in steps (`job` keeps them) of which each is gone on with.

Some thousand serials are in memory, however many there are. What a step may cost when it is cut short stands in `job`.
"""

import hashlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

import click
from nacl.encoding import HexEncoder
from nacl.signing import SigningKey

from verifier import labels
from verifier.commands.client import Client, ServerError
from verifier.commands.job import Job
from verifier.commands.spill import Spill, each, pieces
from verifier.identity import Identity
from verifier.node.keyfile import KeyFile
from verifier.statements import growing, manifest, serials
from verifier.statements.batch import Batch
from verifier.statements.envelope import read, sign
from verifier.statements.growing import Fold, Row, Tree
from verifier.statements.pack_signature import signed_pack
from verifier.statements.product import Product

CARRIERS = ("qr", "datamatrix")
MOST = 10_000_000
BUSY = 503
PATIENCE_S = 900.0  # a batch of MOST is read in a minute or two


@dataclass(frozen=True, slots=True)
class Lot:
    """What is to be issued; `expiry` is YYMMDD."""

    gtin: str
    batch: str
    expiry: str
    market: tuple[str, ...]


def issue(
    client: Client,
    key: KeyFile,
    lot: Lot,
    names: Iterable[bytes],
    moment: int | None = None,
    product: str | None = None,
    pack_key: bytes | None = None,
) -> dict[str, Any]:
    """Build, deposit and register a batch, with nothing to go on with if it is killed; what the door says of its leaf.
    `product` is registered first, under that name; `pack_key` is the public half of the key that signs its packs;
    `moment` is the declared time. No progress is shown. Raises ServerError or ValueError; a ValueError, before anything
    was sent."""
    declared = now() if moment is None else moment
    with tempfile.TemporaryDirectory() as scratch, Job.begin(Path(scratch) / "job", {}, declared, durable=False) as job:
        advance(job, client, key, lot, product, pack_key, lambda: growing.checked(names), quiet=True)
        return job.receipt() or {}


def advance(
    job: Job,
    client: Client,
    key: KeyFile,
    lot: Lot,
    product: str | None,
    pack_key: bytes | None,
    source: Callable[[], Iterable[Row]],
    room: Callable[[int], None] = lambda _: None,
    quiet: bool = False,
) -> int:
    """Bring a job from wherever it stands to its receipt; how many packs. `source` gives the serials where none are
    kept yet; `room` is asked whether the disk has room for so many. A job that is refused is removed."""
    with _unless_refused(job):
        count = collect(job, source, quiet)
        if not job.has("statement"):
            room(count)
            seal(job, key, lot, count, pack_key, quiet)
        if not job.has("receipt.json"):
            send(job, client, key, lot, product, quiet)
    return count


def collect(job: Job, source: Callable[[], Iterable[Row]], quiet: bool = False) -> int:
    """The serials of the batch, in the job from now on; how many."""
    file = job.path("serials")
    if file.exists():
        return sum(map(len, pieces(file)))
    count = 0
    with job.whole("serials") as out, bar_of(0, "serials", quiet) as bar:
        for piece in source():
            count += len(piece)
            if count > MOST:
                raise ValueError(f"--serials: expected 1 to {MOST}, found more")
            out.write(b"\n".join(piece) + b"\n")
            bar.update(len(piece))
        if not count:
            raise ValueError("--serials: expected a file with one a line, found nothing in it")
    return count


def seal(job: Job, key: KeyFile, lot: Lot, count: int, pack_key: bytes | None = None, quiet: bool = False) -> None:
    """The tree over the serials, the manifest, and the one signature. Raises Malformed naming what is no serial or
    stands twice."""
    spill, secret = Spill(job.path("runs")), job.read("secret")
    with bar_of(2 * count, "serial tree", quiet) as bar:
        for piece in growing.checked(each(job.path("serials"))):
            spill.add(piece)
            bar.update(len(piece))
        k = serials.choose_k(count)
        fold = Fold(k)
        names = _folded(spill.rows(k), fold, secret, bar.update)
        with job.whole("manifest") as out:
            digest = write_manifest(out, names, secret)
    spill.remove()
    body = _body(lot, Tree(k, count, fold.root), digest, pack_key)
    job.keep("statement", sign("batch", key.member, body.subject(), job.moment, body.encode(), key.seed).raw)


def _folded(rows: Iterable[Row], fold: Fold, secret: bytes, tell: Callable[[int], object]) -> Iterator[bytes]:
    """The serials of the rows, each row put into the tree as it goes by."""
    for index, row in enumerate(rows):
        fold.add(serials.bucket_digest(index, row, secret))
        yield from row
        tell(len(row))


def send(job: Job, client: Client, key: KeyFile, lot: Lot, product: str | None, quiet: bool = False) -> None:
    """Deposit, open and register. All of it may be sent twice: the doors know what they have."""
    statement, file = read(job.read("statement")), job.path("manifest")
    if product is not None:
        named = Product(gtin=lot.gtin, name=product)
        client.register(sign("product", key.member, named.subject(), job.moment, named.encode(), key.seed).raw)
    body = Batch.decode(statement.payload)
    with bar_of(file.stat().st_size, "manifest", quiet) as bar:
        client.put_deposit(file, body.manifest.hex(), key, bar.update)
    client.put_signed(f"/vault/batches/{statement.id.hex()}", job.read("secret"), key)
    job.keep("sent", b"")
    try:
        receipt = _registered(client, statement.raw, quiet)
    except ServerError as fault:
        if is_refusal(fault):  # sent before or not, it is no leaf: one that is would be known
            job.remove()
        raise
    job.keep("receipt.json", json.dumps(receipt).encode())
    file.unlink()


def _registered(client: Client, raw: bytes, quiet: bool) -> dict[str, Any]:
    """What the door says of a batch's leaf. Reading a large one takes the node longer than a door waits; to ask again
    with the same statement is safe, and to give up would leave a batch that its maker believes refused."""
    patience = time.monotonic() + PATIENCE_S
    while True:
        try:
            return client.register(raw)
        except ServerError as fault:
            if fault.status != BUSY or time.monotonic() > patience:
                raise
        if not quiet:
            click.echo("the node is still reading the batch; asking again", err=True)
        time.sleep(1)


@contextmanager
def _unless_refused(job: Job) -> Iterator[None]:
    """Remove a job that is refused before its batch was sent. A server that does not answer, or a disk that is full,
    has refused nothing."""
    try:
        yield
    except (ServerError, ValueError) as fault:
        if (isinstance(fault, ValueError) or is_refusal(fault)) and not job.has("sent"):
            job.remove()
        raise


def is_refusal(fault: ServerError) -> bool:
    """Whether one of our doors said no; what stands between us and them may say anything."""
    return fault.status in range(400, 500) and str(fault.fields.get("type", "")).startswith("/problems/")


def _body(lot: Lot, tree: Tree, digest: bytes, pack_key: bytes | None = None) -> Batch:
    market = sorted(lot.market)
    fields = {"gtin": lot.gtin, "batch": lot.batch, "expiry": lot.expiry, "market": market, "count": tree.count}
    if pack_key is not None:
        fields["pack_key"] = pack_key
    return Batch.of({**fields, "k": tree.k, "manifest": digest, "root": tree.root})


def write_manifest(out: BinaryIO, names: Iterable[bytes], secret: bytes) -> bytes:
    """Write the encrypted manifest of serials in the order of their buckets; its SHA-256."""
    digest = hashlib.sha256()
    for chunk in manifest.encrypt(names, secret, os.urandom(24)):
        digest.update(chunk)
        out.write(chunk)
    return digest.digest()


def pack_key_of(job: Job) -> SigningKey | None:
    """The key that signs the packs of a job, where there is one: gone with the job."""
    return SigningKey(job.read("pack.key").strip(), HexEncoder) if job.has("pack.key") else None


def public_of(key: SigningKey | None) -> bytes | None:
    """The public half of a pack key, where there is one."""
    return None if key is None else bytes(key.verify_key)


def draw(
    lot: Lot,
    names: Iterable[bytes],
    folder: Path,
    title: str,
    pack_key: SigningKey | None = None,
    drawn: Callable[[], object] = lambda: None,
) -> None:
    """Draw each pack's labels into a folder that exists: QR and DataMatrix, PNG and SVG, each file whole or not at all;
    a serial names its files. With `pack_key`, each carries its signature. `drawn` is told when all of one pack's
    stand."""
    for serial in names:
        identity = identity_of(lot, serial.decode())
        identity = identity if pack_key is None else signed_pack(pack_key, identity)
        for carrier in CARRIERS:
            stem = f"{quote(serial.decode(), safe='')}-{carrier}"
            _replace(folder / f"{stem}.png", labels.label_png(identity, carrier, title))
            _replace(folder / f"{stem}.svg", labels.label_svg(identity, carrier, title).encode())
        drawn()


def _replace(file: Path, data: bytes) -> None:
    part = file.with_name(f".{file.name}.part")
    part.write_bytes(data)
    part.replace(file)


def identity_of(lot: Lot, serial: str) -> Identity:
    """The identity of one pack of a lot; raises IdentityError."""
    return Identity((("01", lot.gtin), ("17", lot.expiry), ("10", lot.batch), ("21", serial)))


def now() -> int:
    """Unix seconds."""
    return int(time.time())


def bar_of(length: int, label: str, quiet: bool = False) -> Any:
    """A progress bar on standard error, where that is a terminal."""
    hidden = quiet or not sys.stderr.isatty()
    return click.progressbar(length=length, label=label, file=sys.stderr, hidden=hidden)
