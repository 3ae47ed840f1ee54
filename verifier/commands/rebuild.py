"""`rebuild`: replay the ledger into every derived key, and say whether the bytes are the same as before."""

import click

from verifier.commands.node import manifests_of, openings_of
from verifier.ledger import checkpoint as notes
from verifier.node import lease
from verifier.node.lease import LeaseLost
from verifier.settings import Settings
from verifier.store.embedded import EmbeddedRedis
from verifier.store.log import LogStore
from verifier.store.projection import digest, rebuild
from verifier.store.redis import connect
from verifier.web.desk import policy_of


@click.command(short_help="Replay the ledger.")
@click.pass_obj
def command(settings: Settings) -> None:
    """Throw the derived keys away and make them again from ledger, bodies and deposits. The node must not be running.

    Prints a digest of every derived key before and after: they are equal, or the store had been changed by hand.
    """
    if settings.redis_url is not None:
        replay(settings, settings.redis_url)
    else:
        with EmbeddedRedis(settings.data) as server:
            replay(settings, server.url)


def replay(settings: Settings, url: str) -> None:
    """Rebuild on the store at `url`."""
    client = connect(url)
    log = LogStore(client)
    note = log.checkpoint()
    if note is None:
        raise click.ClickException("expected a published ledger, found an empty store")
    try:
        held = lease.take(client)
    except LeaseLost as fault:
        raise click.ClickException(f"{fault}; stop it first") from None
    try:
        size = notes.open(note, policy_of(settings.data)).size
        before = digest(client)
        with click.progressbar(length=size, label=f"replaying {size} leaves") as bar:

            def progress(done: int) -> None:
                held.renew()
                bar.update(done - bar.pos)

            rebuild(client, log, size, openings_of(settings), manifests_of(settings.data), progress)
        after = digest(client)
    finally:
        held.drop()
    click.echo(
        f"before {before}\nafter  {after}\n{'the same bytes' if before == after else 'different bytes: repaired'}"
    )
