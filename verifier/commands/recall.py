"""`recall`: call back lots, or a whole product, signed with a maker's or an authority's key. Never undone."""

from pathlib import Path

import click

from verifier.commands.client import Client, ServerError
from verifier.commands.issuing import now
from verifier.node import keyfile
from verifier.node.keyfile import KeyFileError
from verifier.settings import Settings
from verifier.statements.envelope import sign
from verifier.statements.recall import Recall


@click.command(short_help="Recall lots or a product.")
@click.option("--gtin", required=True, help="14 digits.")
@click.option("--batch", "batches", multiple=True, help="A lot; again for several. Without one: the whole product.")
@click.option("--serial", "serials", multiple=True, help="A serial of the one lot; again for several. Only these.")
@click.option("--depth", required=True, type=click.Choice(["patients", "pharmacies"]), help="How far down.")
@click.option("--reason", required=True, help="Why, in up to 120 characters.")
@click.option("--instructions", help="What to do, in up to 300 characters.")
@click.option("--as", "key_path", required=True, type=click.Path(dir_okay=False, path_type=Path), help="Your key file.")
@click.option("--server", help="Where to register; this machine's server by default.")
@click.pass_obj
def command(
    settings: Settings, gtin: str, batches: tuple[str, ...], serials: tuple[str, ...], depth: str, reason: str,
    instructions: str | None, key_path: Path, server: str | None,
) -> None:  # fmt: skip
    """Register a recall: from the next scan on, every pack it covers says so."""
    lots = sorted(set(batches))
    given = {"batches": lots, "serials": sorted(set(serials)), "instructions": instructions}
    try:
        key = keyfile.load(key_path)
        fields = {"gtin": gtin, "depth": depth, "reason": reason}
        body = Recall.of(fields | {name: value for name, value in given.items() if value})
        statement = sign("recall", key.member, body.subject(), now(), body.encode(), key.seed)
        with Client(server or settings.base_url) as client:
            leaf = client.register(statement.raw)
    except (ServerError, KeyFileError, ValueError) as fault:
        raise click.ClickException(str(fault)) from None
    what = f"lot {', '.join(lots)} of {gtin}" if lots else f"every pack of {gtin}"
    what = f"{len(set(serials))} of {what}" if serials else what
    click.echo(f"recalled to {depth}: {what}, leaf {leaf['index']}")
