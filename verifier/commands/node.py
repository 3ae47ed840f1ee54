"""`node`: the one process that holds the log's key. It checks the store before it signs anything, then sequences."""

import signal
import time
from pathlib import Path

import click
import redis

from verifier.commands.serve import inspect_store, say
from verifier.node import boot, keyfile, lease
from verifier.node.boot import Corrupt
from verifier.node.keyfile import KeyFileError
from verifier.node.lease import LeaseLost
from verifier.node.sequencer import Keys, Sequencer
from verifier.settings import Settings
from verifier.store import deposits, layout
from verifier.store.log import LogStore
from verifier.store.projection import Manifests, Openings, rebuild
from verifier.store.redis import StoreError, connect
from verifier.vault import Vault
from verifier.web.desk import deposit_folder, policy_of

LEASE_PATIENCE_S = 15


@click.command(short_help="Sequence the log.")
@click.option("--allow-volatile", is_flag=True, help="Sign although the store may forget.")
@click.pass_obj
def command(settings: Settings, allow_volatile: bool) -> None:
    """Check the store, take the lease, and make leaves of what waits until told to stop."""
    if settings.redis_url is None:
        raise click.ClickException(
            "REDIS_URL: expected where the store is, found nothing; `serve` starts one and sets it"
        )
    if not (settings.data / "genesis.cose").exists():
        raise click.ClickException(f"no consortium in {settings.data}: start with `python -m verifier serve --demo`")
    try:
        inspect_store(settings.redis_url, allow_volatile)
        run(settings, connect(settings.redis_url))
    except (StoreError, Corrupt, KeyFileError, LeaseLost) as fault:
        raise click.ClickException(str(fault)) from None
    except redis.RedisError as fault:
        raise click.ClickException(f"the store went away ({fault}); starting again is safe") from None


def run(settings: Settings, client: redis.Redis) -> None:
    """Sequence until SIGTERM or SIGINT."""
    stopping: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda got, _frame: stopping.append(got))
    policy = policy_of(settings.data)
    held = _take(client)
    try:
        size = boot.verify(client, policy, lambda _: held.renew())
        found = openings_of(settings), manifests_of(settings.data)
        _catch_up(client, size, *found, held)
        sequencer = Sequencer(client, policy, keys_of(settings.data), held, *found, lambda: int(time.time()))
        if size == 0:
            sequencer.commit([(b"genesis", (settings.data / "genesis.cose").read_bytes())])
        while not stopping:
            sequencer.step(0.5)
    finally:
        held.drop()


def keys_of(data: Path) -> Keys:
    """The node's secrets; raises KeyFileError."""
    log, node = keyfile.load(data / "node" / "log.key"), keyfile.load(data / "node" / "node.key")
    return Keys(log.seed, node.member, node.seed)


def openings_of(settings: Settings) -> Openings:
    """The batch secrets in this machine's vault."""
    vault = Vault.open(settings.data / "vault", settings.vault_key)
    return lambda statement_id: vault.get("batch", statement_id.hex())


def manifests_of(data: Path) -> Manifests:
    """The manifests among this machine's deposits."""
    folder = deposit_folder(data)
    return lambda digest: deposits.open_chunks(folder, digest.hex()) if deposits.exists(folder, digest.hex()) else None


def _take(client: redis.Redis) -> lease.Lease:
    """The lease, waiting for one that a dead node left to run out."""
    patience = time.monotonic() + LEASE_PATIENCE_S
    while True:
        try:
            return lease.take(client)
        except LeaseLost:
            if time.monotonic() > patience:
                raise
            time.sleep(0.2)


def _catch_up(client: redis.Redis, size: int, openings: Openings, manifests: Manifests, held: lease.Lease) -> None:
    """Rebuild a projection that does not follow the published ledger (a rebuild was cut short)."""
    projected = client.get(layout.PROJECTED)
    at = int.from_bytes(projected, "big") if isinstance(projected, bytes) else 0
    if at != size:
        say(f"node: the projection follows {at} of {size} leaves; replaying")
        rebuild(client, LogStore(client), size, openings, manifests, lambda _: held.renew())
