"""`rebuild`: replay the ledger into every derived key, and say whether the bytes are the same as before."""

import os

import click
import redis

from verifier.commands.node import hold_node, manifests_of, mark_of, openings_of
from verifier.node import boot, lease
from verifier.node.boot import Corrupt
from verifier.node.lease import LeaseLost
from verifier.process import FolderTaken
from verifier.settings import Settings
from verifier.store.embedded import EmbeddedRedis
from verifier.store.projection import digest, rebuild
from verifier.store.redis import StoreError, connect
from verifier.vault import VaultError
from verifier.web.desk import policy_of


@click.command(short_help="Replay the ledger.")
@click.pass_obj
def command(settings: Settings) -> None:
    """Throw the derived keys away and make them again from ledger, bodies and deposits. The node must not be running.

    Prints a digest of every derived key before and after: they are equal, or the store had been changed by hand.
    """
    try:
        if settings.redis_url is not None:
            replay(settings, settings.redis_url)
        else:
            with EmbeddedRedis(settings.data) as server:
                replay(settings, server.url)
    except (StoreError, Corrupt, FolderTaken, LeaseLost, VaultError, ValueError, LookupError, OSError) as fault:
        raise click.ClickException(str(fault)) from None
    except redis.RedisError as fault:
        raise click.ClickException(f"the store went away ({fault}); starting again is safe") from None


def replay(settings: Settings, url: str) -> None:
    """Rebuild on the store at `url`, after hashing the ledger again. Raises Corrupt, FolderTaken, LeaseLost."""
    client = connect(url)
    alone, place = hold_node(settings.data)
    try:
        held = lease.take(client, place)
        try:
            _replay(settings, client, held)
        finally:
            held.drop()
    finally:
        os.close(alone)
        client.close()


def _replay(settings: Settings, client: redis.Redis, held: lease.Lease) -> None:
    size = boot.verify(client, policy_of(settings.data), mark_of(settings.data), lambda _: held.keep())
    if not size:
        raise click.ClickException("expected a published ledger, found an empty store")
    before = digest(client)
    with click.progressbar(length=size, label=f"replaying {size} leaves") as bar:
        found = openings_of(settings), manifests_of(settings.data)
        closed = rebuild(client, size, *found, held, lambda done: bar.update(done - bar.pos))
    after = digest(client)
    for sentence in closed:
        click.echo(f"its packs read unverified here: {sentence}", err=True)
    same = "the same bytes" if before == after else "different bytes: repaired"
    click.echo(f"before {before}\nafter  {after}\n{same}")
