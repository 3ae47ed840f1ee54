"""`trust`: write what a verifier must know beforehand, from this machine's own files and the server's checkpoint."""

from dataclasses import replace
from pathlib import Path

import click

from verifier.commands.client import Client, ServerError
from verifier.ledger import checkpoint as notes
from verifier.settings import Settings
from verifier.store.gather import NotReady
from verifier.verdict.trust import Trust, encode
from verifier.web.desk import trust_of


@click.command(short_help="Write trust.json.")
@click.option("--server", help="Where to ask for the checkpoint; this machine's by default.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="A file instead of the terminal.")
@click.pass_obj
def command(settings: Settings, server: str | None, out: Path | None) -> None:
    """Print {genesis, policy, max_age_s, checkpoint}: hand it over by a way you trust, never beside the evidence."""
    try:
        with Client(server or settings.base_url) as client:
            text = encode(current(settings, client))
        if out is None:
            click.echo(text, nl=False)
        else:
            out.write_text(text, "utf-8")
    except (NotReady, ServerError, ValueError, OSError) as fault:
        raise click.ClickException(str(fault)) from None


def current(settings: Settings, client: Client) -> Trust:
    """The trust of this machine, with the highest checkpoint its server shows now (its signature checked)."""
    trust = trust_of(settings.data)
    note = client.get("/checkpoint")
    notes.open(note, trust.policy)
    return replace(trust, checkpoint=note)
