"""`issue`: a batch from its serials to its labels: tree, manifest, secret, one signed statement, what is printed."""

import json
import os
import secrets
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click
from nacl.signing import SigningKey

from verifier import labels
from verifier.commands.client import Client, ServerError
from verifier.identity import Identity, expires_on
from verifier.node import keyfile
from verifier.node.keyfile import KeyFile, KeyFileError
from verifier.settings import Settings
from verifier.statements import manifest, numbering, serials
from verifier.statements.batch import Batch
from verifier.statements.envelope import sign
from verifier.statements.pack_signature import signed_pack
from verifier.statements.product import Product
from verifier.statements.serials import SerialTree

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


@click.command(short_help="Issue a batch.")
@click.option("--gtin", required=True, help="14 digits, under the maker's own prefix.")
@click.option("--batch", required=True, help="The lot, up to 20 characters.")
@click.option("--expiry", required=True, help="YYMMDD, or YYYY-MM-DD.")
@click.option("--serials", "source", required=True, help="How many to draw at random, or a file with one a line.")
@click.option(
    "--labels", "folder", type=click.Path(file_okay=False, path_type=Path),
    help="Where to draw the labels. Serials drawn at random are kept there, or in the data folder, in BATCH.serials.",
)  # fmt: skip
@click.option("--as", "key_path", type=click.Path(dir_okay=False, path_type=Path), help="The maker's key file.")
@click.option("--market", default="FR", help="Countries it may be sold in, comma-separated.", show_default=True)
@click.option("--product", help="Register the product under this name first.")
@click.option("--sign", "signed", is_flag=True, help="Print a signature on each label (AI 91, 92), for phones offline.")
@click.option("--server", help="Where to register; this machine's server by default.")
@click.pass_obj
def command(
    settings: Settings, gtin: str, batch: str, expiry: str, source: str, folder: Path | None, key_path: Path | None,
    market: str, product: str | None, signed: bool, server: str | None,
) -> None:  # fmt: skip
    """Issue a batch: one signature for all its packs, each of them provable."""
    if signed and folder is None:
        raise click.UsageError("--sign draws signed labels and then forgets the key: expected --labels, found none")
    try:
        lot = Lot(gtin, batch, yymmdd(expiry), tuple(part.strip().upper() for part in market.split(",")))
        identity_of(lot, "0")  # refuses a wrong GTIN, lot or date before anything is made
        key = keyfile.load(key_path or maker_key(settings, gtin))
        names = tuple(read_serials(source))
        pack_key = SigningKey.generate() if signed else None  # in memory alone
        home = folder or settings.data / "issued" / gtin
        home.mkdir(parents=True, exist_ok=True)
        kept = keep_serials(home, batch, names) if source.isdecimal() else None
        with Client(server or settings.base_url) as client, _unless_refused(kept):
            leaf = issue(client, key, lot, names, product=product, pack_key=public_of(pack_key))
        click.echo(f"batch {batch} of {gtin}: {len(names)} packs, leaf {leaf['index']} of {leaf['size']}")
        if folder is not None:
            draw(lot, names, folder, product or "", pack_key)
            told = ", signed; the key that signed them is forgotten, and signs no other pack" if signed else ""
            click.echo(f"labels in {folder}{told}")
        elif kept is not None:
            click.echo(f"serials in {kept}")
    except (ServerError, KeyFileError, ValueError, OSError) as fault:
        unknown = isinstance(fault, ServerError) and fault.fields.get("type") == "/problems/unknown_product"
        advice = "; name it with --product NAME to register it first" if unknown else ""
        raise click.ClickException(f"{fault}{advice}") from None


def issue(
    client: Client,
    key: KeyFile,
    lot: Lot,
    names: Sequence[bytes],
    moment: int | None = None,
    product: str | None = None,
    pack_key: bytes | None = None,
) -> dict[str, object]:
    """Build, deposit and register a batch; what the door says of its leaf. `product` is registered first, under that
    name; `pack_key` is the public half of the key that signs its packs. With `moment`, the declared time, no progress
    is shown. Raises ServerError or ValueError; a ValueError, before anything was sent."""
    quiet, declared, secret = moment is not None, now() if moment is None else moment, secrets.token_bytes(32)
    with _bar(len(names), "serial tree", quiet) as bar:
        tree = serials.build(names, secret, progress=bar.update)
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "manifest"
        body = _body(lot, tree, write_manifest(file, tree, secret), pack_key)
        statement = sign("batch", key.member, body.subject(), declared, body.encode(), key.seed)
        if product is not None:
            named = Product(gtin=lot.gtin, name=product)
            client.register(sign("product", key.member, named.subject(), declared, named.encode(), key.seed).raw)
        with _bar(file.stat().st_size, "manifest", quiet) as bar:
            client.put_deposit(file, body.manifest.hex(), key, bar.update)
        client.put_signed(f"/vault/batches/{statement.id.hex()}", secret, key)
    return _registered(client, statement.raw, quiet)


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


def keep_serials(folder: Path, batch: str, names: Sequence[bytes]) -> Path:
    """Write serials drawn at random to a file that `--serials` reads, durably: once issued they must not be lost.
    Raises ValueError where a batch of this name keeps its own."""
    file = folder / f"{quote(batch, safe='')}.serials"
    try:
        with file.open("xb") as out:
            out.write(b"\n".join(names) + b"\n")
            out.flush()
            os.fsync(out.fileno())
    except FileExistsError:
        told = f"--labels: expected no serials of {batch} yet, found {file}; issue those by --serials"
        raise ValueError(told) from None
    return file


@contextmanager
def _unless_refused(kept: Path | None) -> Iterator[None]:
    """Remove the kept serials of a batch that is known not to be issued."""
    try:
        yield
    except (ServerError, ValueError) as fault:
        if kept is not None and (isinstance(fault, ValueError) or fault.status in range(400, 500)):
            kept.unlink()
        raise


def _body(lot: Lot, tree: SerialTree, digest: bytes, pack_key: bytes | None = None) -> Batch:
    market = sorted(lot.market)
    fields = {"gtin": lot.gtin, "batch": lot.batch, "expiry": lot.expiry, "market": market, "count": tree.count}
    if pack_key is not None:
        fields["pack_key"] = pack_key
    return Batch.of({**fields, "k": tree.k, "manifest": digest, "root": tree.root})


def public_of(key: SigningKey | None) -> bytes | None:
    """The public half of a pack key, where there is one."""
    return None if key is None else bytes(key.verify_key)


def write_manifest(file: Path, tree: SerialTree, secret: bytes) -> bytes:
    """Write the encrypted manifest; its SHA-256."""
    digest = sha256()
    with file.open("wb") as out:
        for chunk in manifest.encrypt((s for bucket in tree.buckets for s in bucket), secret, os.urandom(24)):
            digest.update(chunk)
            out.write(chunk)
    return digest.digest()


def read_serials(source: str) -> Iterable[bytes]:
    """Serials from a count ("500") or a file with one a line."""
    if source.isdecimal() and source.isascii():
        if not 1 <= int(source) <= MOST:
            raise ValueError(f"--serials: expected 1 to {MOST}, found {source}")
        return numbering.generate(int(source), os.urandom)
    try:
        lines = [line.strip() for line in Path(source).read_bytes().splitlines()]
    except OSError as fault:
        found = f"{source!r}: {fault.strerror}"
        raise ValueError(f"--serials: expected how many, or a file with one a line, found {found}") from None
    if not any(lines):
        raise ValueError(f"--serials: expected a file with one a line, found nothing in {source!r}")
    return [line for line in lines if line]


def draw(lot: Lot, names: Sequence[bytes], folder: Path, title: str, pack_key: SigningKey | None = None) -> None:
    """Draw each pack's labels into a folder that exists: QR and DataMatrix, PNG and SVG; a serial names its files.
    With `pack_key`, each carries its signature."""
    with _bar(len(names), "labels") as bar:
        for serial in names:
            identity = identity_of(lot, serial.decode())
            identity = identity if pack_key is None else signed_pack(pack_key, identity)
            for carrier in CARRIERS:
                stem = f"{quote(serial.decode(), safe='')}-{carrier}"
                (folder / f"{stem}.png").write_bytes(labels.label_png(identity, carrier, title))
                (folder / f"{stem}.svg").write_text(labels.label_svg(identity, carrier, title), "utf-8")
            bar.update(1)


def identity_of(lot: Lot, serial: str) -> Identity:
    """The identity of one pack of a lot; raises IdentityError."""
    return Identity((("01", lot.gtin), ("17", lot.expiry), ("10", lot.batch), ("21", serial)))


def yymmdd(text: str) -> str:
    """A date as AI (17) wants it.

    >>> yymmdd("2027-12-31"), yymmdd("271231")
    ('271231', '271231')
    """
    try:
        if "-" in text:
            return date.fromisoformat(text).strftime("%y%m%d")
        expires_on(text, date.today())
    except ValueError:
        raise ValueError(f"--expiry: expected a day as YYMMDD or YYYY-MM-DD, found {text!r}") from None
    return text


def maker_key(settings: Settings, gtin: str) -> Path:
    """The key file in the data folder whose maker owns the GTIN's prefix (keys/keyring.json)."""
    listing = settings.data / "keys" / "keyring.json"
    rows: dict[str, list[str]] = json.loads(listing.read_text("utf-8")) if listing.exists() else {}
    for name, prefixes in rows.items():
        if any(gtin[1:].startswith(prefix) for prefix in prefixes):
            return settings.data / "keys" / name
    raise ValueError(f"--as: expected a maker's key file, found none for GTIN {gtin} in {listing.parent}")


def now() -> int:
    """Unix seconds."""
    return int(time.time())


def _bar(length: int, label: str, quiet: bool = False) -> Any:
    """A progress bar on standard error, where that is a terminal."""
    hidden = quiet or not sys.stderr.isatty()
    return click.progressbar(length=length, label=label, file=sys.stderr, hidden=hidden)
