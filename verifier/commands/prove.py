"""`prove`: write the evidence about one code, or one lot, to a file that anyone can judge, offline, without
trusting this server."""

import sys
from pathlib import Path

import click

from verifier.commands.client import Client, ServerError
from verifier.identity import Identity
from verifier.ledger import checkpoint as notes
from verifier.node import keyfile
from verifier.node.keyfile import KeyFileError
from verifier.settings import Settings
from verifier.verdict import trust as trusts
from verifier.verdict.viewers import VIEWERS


@click.command(short_help="Write an evidence file.")
@click.argument("code", required=False)
@click.option("--gtin", help="With --batch: of a lot, for any signed pack of it.")
@click.option("--batch", help="The lot.")
@click.option("--server", help="Whose evidence; this machine's server by default.")
@click.option(
    "--trust", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Prove growth from its checkpoint."
)
@click.option("--as", "key_path", type=click.Path(dir_okay=False, path_type=Path), help="Your key: sign the request.")
@click.option("--viewer", type=click.Choice(list(VIEWERS)), help="Who will look; with --as, its member's usual one.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="A file instead of standard output.")
@click.pass_obj
def command(
    settings: Settings, code: str | None, gtin: str | None, batch: str | None, server: str | None, trust: Path | None,
    key_path: Path | None, viewer: str | None, out: Path | None,
) -> None:  # fmt: skip
    """Write the evidence about CODE (a Digital Link, an element string, or its "(01)..." text), or about a lot.

    A lot's holds no pack's state: from it, with no network, a pack's own signature (AI 91, 92) is checked.

    With --trust, the proof that the ledger only grew since that file's checkpoint goes in too; by default the
    trust.json of the data folder is used, where there is one. With --as, what its member signed about the pack itself
    goes in as well.
    """
    known = trust or settings.data / "trust.json"
    if (gtin is None) != (batch is None) or (code is None) == (gtin is None):
        raise click.UsageError("expected CODE, or --gtin and --batch of a lot")
    try:
        text = code if code is not None else Identity((("01", gtin or ""), ("10", batch or ""))).class_link()
        since = _size(known) if known.exists() else None
        with Client(server or settings.base_url) as client:
            key = keyfile.load(key_path) if key_path else None
            asked = {"text": text, "since": since, "viewer": viewer, "whole_lot": code is None}
            proof = client.post_json("/api/evidence", asked, key=key)
        if out is not None:
            out.write_bytes(proof)
    except (ServerError, KeyFileError, ValueError, OSError) as fault:
        raise click.ClickException(str(fault)) from None
    if out is None and sys.stdout.isatty():
        raise click.ClickException("the evidence is binary: expected `> FILE` or --out FILE, found a terminal")
    if out is None:
        sys.stdout.buffer.write(proof)


def _size(path: Path) -> int | None:
    trust = trusts.decode(path.read_text("utf-8"))
    return notes.open(trust.checkpoint, trust.policy).size if trust.checkpoint else None
