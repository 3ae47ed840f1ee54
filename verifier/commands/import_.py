"""`import`: public files become signed statements: the French drug database one catalogue, a recall list its recalls.

A file is read whole before anything is signed. A bad row is told by file, line and column, and stops everything unless
--skip-bad says otherwise; what a broken connection leaves undone is said, and the same command goes on where it was.
"""

import tempfile
from collections.abc import Sequence
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path

import click

from verifier.commands import bdpm, recall_list
from verifier.commands.client import Client, ServerError
from verifier.commands.lines import MOST_BYTES, Fault
from verifier.commands.recall_list import Called
from verifier.node import keyfile
from verifier.node.keyfile import KeyFile, KeyFileError
from verifier.settings import Settings
from verifier.statements import catalogue_rows
from verifier.statements.catalogue import Catalogue
from verifier.statements.catalogue_rows import Row
from verifier.statements.envelope import Statement, sign

TOLD = 20
NOT_THERE = 404
ATTEMPT = (ServerError, KeyFileError, ValueError, OSError)
_as = click.option(
    "--as", "key_path", required=True, type=click.Path(dir_okay=False, path_type=Path), help="An authority's key file."
)
_skip = click.option("--skip-bad", is_flag=True, help="Leave bad rows out, after naming them.")
_dry = click.option("--dry-run", is_flag=True, help="Read and say what would be done; sign nothing.")
_server = click.option("--server", help="Where to register; this machine's server by default.")


@click.group(short_help="Import public files.")
def command() -> None:
    """Import a catalogue of products, or a list of recalls, signed with an authority's key."""


@command.command("bdpm")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--published", help="The day of the files, YYYY-MM-DD; by default the day they were last written.")
@_as
@_skip
@_dry
@_server
@click.pass_obj
def import_bdpm(
    settings: Settings, folder: Path, published: str | None, key_path: Path, skip_bad: bool, dry_run: bool,
    server: str | None,
) -> None:  # fmt: skip
    """Import the French public drug database from FOLDER, which holds CIS_bdpm.txt and CIS_CIP_bdpm.txt."""
    try:
        files = [folder / bdpm.SPECIALTIES, folder / bdpm.PRESENTATIONS]
        found = bdpm.read(*(_bytes(file) for file in files))
        _tell(found.faults, skip_bad)
        written = max(file.stat().st_mtime for file in files)
        day = published or datetime.fromtimestamp(written, UTC).date().isoformat()
        data, body = catalogue(found.rows, day)
        click.echo(f"{body.name}, {day}: {body.count} presentations, {body.size} bytes")
        if dry_run:
            click.echo("dry run: nothing signed, nothing sent")
            return
        with Client(server or settings.base_url) as client:
            click.echo(publish(client, keyfile.load(key_path), data, body))
    except ATTEMPT as fault:
        raise click.ClickException(str(fault)) from None


@command.command("recalls")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_as
@_skip
@_dry
@_server
@click.pass_obj
def import_recalls(
    settings: Settings, file: Path, key_path: Path, skip_bad: bool, dry_run: bool, server: str | None
) -> None:
    """Import the recalls of FILE, CSV or JSON: gtin, lots, depth, reason, date; perhaps serials, instructions, link."""
    try:
        found = recall_list.read(file.name, _bytes(file))
        _tell(found.faults, skip_bad)
        if found.faults and not found.rows:
            raise ValueError(f"{file}: expected at least one recall that can be read, found none")
        if dry_run:
            click.echo(f"dry run: {len(found.rows)} recalls read; nothing signed, nothing sent")
            return
        with Client(server or settings.base_url) as client:
            click.echo(call_back(client, keyfile.load(key_path), found.rows))
    except ATTEMPT as fault:
        raise click.ClickException(str(fault)) from None


def catalogue(rows: Sequence[Row], day: str, name: str = bdpm.NAME) -> tuple[bytes, Catalogue]:
    """The deposit and the statement's body of a catalogue published on `day`; raises ValueError for no rows."""
    data = catalogue_rows.encode(rows)
    fields = {"source": bdpm.SOURCE, "name": name, "published": day, "licence": bdpm.LICENCE, "link": bdpm.LINK}
    if not rows:
        raise ValueError("expected at least one presentation, found none")
    return data, Catalogue.of({**fields, "count": len(rows), "rows": sha256(data).digest(), "size": len(data)})


def publish(client: Client, key: KeyFile, data: bytes, body: Catalogue) -> str:
    """Deposit and register a catalogue, unless this very one is there; what was done. Raises ServerError."""
    moment = int(datetime.combine(date.fromisoformat(body.published), datetime.min.time(), UTC).timestamp())
    statement = sign("catalogue", key.member, body.subject(), moment, body.encode(), key.seed)
    if (leaf := _known(client, statement)) is not None:
        return f"already imported, leaf {leaf}: nothing changed"
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "rows"
        file.write_bytes(data)
        client.put_deposit(file, body.rows.hex(), key, lambda _: None)
    return f"imported, leaf {client.register(statement.raw)['index']}"


def call_back(client: Client, key: KeyFile, recalls: Sequence[Called], quiet: bool = False) -> str:
    """Register recalls, each as said on its own day; what was done. Raises ServerError saying how far it came."""
    states = {"registered": 0, "known": 0}
    with click.progressbar(recalls, label="recalls", hidden=quiet) as bar:
        for called in bar:
            body = called.body
            statement = sign("recall", key.member, body.subject(), called.moment, body.encode(), key.seed)
            try:
                states[client.register(statement.raw)["status"]] += 1
            except ServerError as fault:
                done = sum(states.values())
                told = f"{fault}; {done} of {len(recalls)} recalls stand, import again to go on"
                raise ServerError(told, fault.status, fault.fields) from fault
    return f"recalls: {states['registered']} registered, {states['known']} already there"


def _known(client: Client, statement: Statement) -> int | None:
    """The leaf of a statement that is registered."""
    try:
        return client.entry(statement.id.hex())[1]
    except ServerError as fault:
        if fault.status != NOT_THERE:
            raise
        return None


def _tell(faults: Sequence[Fault], skip_bad: bool) -> None:
    """Name the bad rows; raises ValueError unless they are to be skipped."""
    for fault in faults[:TOLD]:
        click.echo(str(fault), err=True)
    if len(faults) > TOLD:
        click.echo(f"... and {len(faults) - TOLD} more", err=True)
    if faults and not skip_bad:
        raise ValueError(f"{len(faults)} bad rows: nothing was imported; mend them, or leave them out with --skip-bad")
    if faults:
        click.echo(f"{len(faults)} bad rows left out", err=True)


def _bytes(file: Path) -> bytes:
    length = file.stat().st_size
    if length > MOST_BYTES:
        raise ValueError(f"{file}: expected at most {MOST_BYTES} bytes, found {length}")
    return file.read_bytes()
