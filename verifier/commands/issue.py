"""`issue`: a batch from its serials to its labels, in one command. Killed at any moment, the same command goes on.

What is asked is read and compared here; the steps stand in `issuing`, what is kept between them in `job`.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from datetime import date
from itertools import islice
from pathlib import Path
from urllib.parse import quote

import click
from nacl.encoding import HexEncoder
from nacl.signing import SigningKey

from verifier.commands import issuing
from verifier.commands.client import Client, ServerError
from verifier.commands.issuing import MOST, Lot, identity_of
from verifier.commands.job import ASKED, Job, whole
from verifier.commands.spill import each, pieces
from verifier.identity import expires_on
from verifier.node import keyfile
from verifier.node.keyfile import KeyFileError
from verifier.process import FolderTaken
from verifier.settings import Settings
from verifier.statements import growing, numbering
from verifier.statements.growing import Row

COPIES = 4
"""Of the serials' bytes, on the disk at once: as asked, in runs, sealed, and kept."""
LABEL_BYTES = 64 * 1024
"""A pack's four label files, as a disk counts them."""


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
    """Issue a batch: one signature for all its packs, each of them provable. Interrupted, run it again."""
    if signed and folder is None:
        raise click.UsageError("--sign draws signed labels and then forgets the key: expected --labels, found none")
    try:
        lot = Lot(gtin, batch, yymmdd(expiry), tuple(part.strip().upper() for part in market.split(",")))
        identity_of(lot, "0")  # refuses a wrong GTIN, lot or date before anything is made
        key = keyfile.load(key_path or maker_key(settings, gtin))
        address = server or settings.base_url
        asked = {
            "--expiry": lot.expiry,
            "--market": ",".join(sorted(lot.market)),
            "--serials": fingerprint(source),
            "--labels": str(folder.absolute()) if folder else "",
            "--product": product or "",
            "--sign": "signed" if signed else "",
            "--server": address,
            "--as": f"{key.member}, key {key.kid.hex()}",
        }
        home = folder or settings.data / "issued" / gtin
        home.mkdir(parents=True, exist_ok=True)
        name = quote(batch, safe="")
        kept = home / f"{name}.serials" if source.isdecimal() else None
        place = settings.data / "issued" / gtin / f"{name}.job"
        if kept is not None and kept.exists() and not (place / ASKED).exists():
            told = f"expected no serials of {batch} yet, found {kept}; issue those by --serials"
            raise ValueError(f"--labels: {told}")
        with Job.begin(place, asked, issuing.now()) as job, Client(address) as client:
            if signed and not job.has("pack.key"):
                job.keep("pack.key", SigningKey.generate().encode(HexEncoder) + b"\n")
            public = issuing.public_of(issuing.pack_key_of(job))
            asking, room = (lambda: _ask(source, place, folder)), (lambda n: _room(folder, n))
            count = issuing.advance(job, client, key, lot, product, public, asking, room)
            _finish(job, lot, count, kept, folder, product or "")
    except (ServerError, KeyFileError, FolderTaken, ValueError, OSError) as fault:
        raise click.ClickException(f"{fault}{_advice(fault)}") from None


def _finish(job: Job, lot: Lot, count: int, kept: Path | None, folder: Path | None, title: str) -> None:
    """Keep the serials, draw what is not drawn yet, remove the job, and say so."""
    leaf = job.receipt() or {}
    if kept is not None and not kept.exists():
        with job.path("serials").open("rb") as source, whole(kept, 0o666) as out:
            shutil.copyfileobj(source, out, 1 << 20)
    click.echo(f"batch {lot.batch} of {lot.gtin}: {count} packs, leaf {leaf['index']} of {leaf['size']}")
    signer = issuing.pack_key_of(job)
    if folder is not None:
        with job.counter("drawn") as drawn, issuing.bar_of(count, "labels") as bar:
            bar.update(drawn.value)

            def one() -> None:
                drawn.set(drawn.value + 1)
                bar.update(1)

            issuing.draw(lot, islice(each(job.path("serials")), drawn.value, None), folder, title, signer, one)
    job.remove()
    if folder is not None:
        told = ", signed; the key that signed them is forgotten, and signs no other pack" if signer else ""
        click.echo(f"labels in {folder}{told}")
    elif kept is not None:
        click.echo(f"serials in {kept}")


def _advice(fault: Exception) -> str:
    if not isinstance(fault, ServerError):
        return ""
    if fault.fields.get("type") == "/problems/unknown_product":
        return "; name it with --product NAME to register it first"
    return "" if issuing.is_refusal(fault) else "; run the same command again to go on"


def read_serials(source: str) -> Iterator[Row]:
    """Serials from a count ("500") or a file with one a line, some thousand at a time."""
    count = _count(source)
    if count is not None:
        yield from growing.checked(numbering.generate(count, os.urandom))
        return
    try:
        yield from pieces(Path(source))
    except OSError as fault:
        raise _no_serials(source, fault) from None


def _ask(source: str, place: Path, folder: Path | None) -> Iterator[Row]:
    """The serials asked for, after a look at the disk. Raises ValueError where there is no room for them."""
    count = _count(source)
    _room(folder, count or 0)
    size = (numbering.DRAWN + 1) * count if count is not None else Path(source).stat().st_size
    check_room("--serials", place, COPIES * size)
    yield from read_serials(source)


def _room(folder: Path | None, count: int) -> None:
    if folder is not None:
        check_room("--labels", folder, LABEL_BYTES * count)


def check_room(option: str, folder: Path, need: int) -> None:
    """Raises ValueError where a disk has not `need` bytes left."""
    free = shutil.disk_usage(folder).free
    if free < need:
        raise ValueError(f"{option}: expected {need:,} bytes free in {folder}, found {free:,}")


def fingerprint(source: str) -> str:
    """What `--serials` asks for, so that asked again it is known to be the same. Raises ValueError for what asks for
    nothing."""
    count = _count(source)
    if count is not None:
        return str(count)
    try:
        if not (path := Path(source)).is_file():
            path.stat()
            return f"{path.absolute()}, not a file"  # a pipe is read once: its serials are in the job, or asked again
        with path.open("rb") as file:
            return f"{path.absolute()} of SHA-256 {hashlib.file_digest(file, 'sha256').hexdigest()}"
    except OSError as fault:
        raise _no_serials(source, fault) from None


def _count(source: str) -> int | None:
    if not (source.isdecimal() and source.isascii()):
        return None
    if not 1 <= int(source[:20]) <= MOST:
        raise ValueError(f"--serials: expected 1 to {MOST}, found {source[:20]}")
    return int(source)


def _no_serials(source: str, fault: OSError) -> ValueError:
    found = f"{source!r}: {fault.strerror}"
    return ValueError(f"--serials: expected how many, or a file with one a line, found {found}")


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
