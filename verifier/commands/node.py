"""`node`: the one process that holds the log's key. It checks the store before it signs anything, then sequences."""

import contextlib
import functools
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import click
import redis

from verifier.commands.serve import inspect_store, say
from verifier.ledger.encoding import LedgerError
from verifier.node import against_chain, boot, highwater, keyfile, lease
from verifier.node.boot import Corrupt
from verifier.node.cosigning import Stopped
from verifier.node.keeping import Keeper
from verifier.node.keyfile import KeyFileError
from verifier.node.lease import LeaseLost
from verifier.node.patrol import Patrol
from verifier.node.quorum import Disowned
from verifier.node.rehash import Damaged
from verifier.node.sequencer import ClockBack, Keys, Sequencer
from verifier.process import FolderTaken, hold
from verifier.settings import Settings
from verifier.statements.errors import StatementError
from verifier.store import deposits, layout
from verifier.store.log import LogStore
from verifier.store.projection import Manifests, Openings, rebuild
from verifier.store.redis import StoreError, check_durable, connect
from verifier.vault import Vault, VaultError
from verifier.web.desk import deposit_folder, policy_of

LEASE_PATIENCE_S = 15.0
"""Longer than a lease: how long a node waits for one that a dead node left on another machine."""
PAUSE_S = 0.2
SAY_AGAIN_S = 10.0
"""A term that lasted so long was one: what ends it is said again."""
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
REFUSALS = (
    *(StoreError, Corrupt, KeyFileError, LeaseLost, FolderTaken, VaultError, ClockBack, StatementError, OSError),
    *(LedgerError, Disowned),
)
"""Why a node does not start, or does not go on; each says in a sentence what is wrong and what to do."""


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
    stopping: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda got, _frame: stopping.append(got))
    try:
        inspect_store(settings.redis_url, allow_volatile)
        run(settings, connect(settings.redis_url), lambda: bool(stopping), allow_volatile)
    except REFUSALS as fault:
        raise click.ClickException(str(fault)) from None


def run(settings: Settings, client: redis.Redis, stopping: Callable[[], bool], allow_volatile: bool = False) -> None:
    """Sequence until `stopping`. A store that goes away, or refuses to write, is waited for and then checked again from
    the beginning: what was published when it went is not known here. Raises one of REFUSALS."""
    alone, place = hold_node(settings.data)
    said = ""
    try:
        while not stopping():
            begun = time.monotonic()
            try:
                _sequence(settings, client, place, stopping, allow_volatile)
            except redis.RedisError as fault:
                refused = isinstance(fault, redis.ResponseError)  # it is there, and has no memory or no leave to write
                if str(fault) != said or time.monotonic() - begun > SAY_AGAIN_S:
                    say(f"node: the store {'refuses' if refused else 'went away'} ({fault}); waiting for it")
                said = str(fault)
                time.sleep(PAUSE_S if refused else 0)
                _await(client, stopping)
    finally:
        os.close(alone)


def _sequence(
    settings: Settings, client: redis.Redis, place: str | None, stopping: Callable[[], bool], allow_volatile: bool
) -> None:
    """One term: take the lease, check everything, sequence."""
    check_durable(client, allow_volatile)
    data, policy, keys = settings.data, policy_of(settings.data), keys_of(settings.data)
    mark = mark_file(data)
    compare = against_chain.ask(settings, lambda what: say(f"node: {what}"))
    held = _take(client, place)
    try:
        size = boot.verify(client, policy, mark_of(data), lambda _: held.keep())
        compare(size, LogStore(client))
        held.remove([layout.ALARM])
        found = openings_of(settings), manifests_of(data)
        _catch_up(client, size, *found, held)
        keep = functools.partial(highwater.write, mark)
        told: tuple[Callable[[str], None], Callable[[], bool]] = (lambda what: say(f"node: {what}"), stopping)
        sequencer = Sequencer(client, policy, keys, held, *found, lambda: int(time.time()), keep, *told)
        with contextlib.closing(sequencer), contextlib.suppress(Stopped):
            if size == 0:
                _begin(sequencer, data / "genesis.cose")
            keeper = Keeper(sequencer.log, deposit_folder(data), lambda: int(time.time()))
            patrol = Patrol(client, deposit_folder(data), time.monotonic, told[0])
            while not stopping():
                sequencer.step(0.5)
                patrol.look(sequencer.head)
                if sequencer.idle and (gone := len(keeper.look(sequencer.head.size))):
                    say(f"node: removed {gone} deposit{'s' * (gone > 1)} that no statement refers to")
    except Damaged as fault:
        alarm = f"the ledger in this store is damaged ({fault}), and nothing is signed any more; {boot.RESTORE}"
        _stand_still(held, alarm, stopping)
    finally:
        with contextlib.suppress(redis.RedisError):  # gone: then it runs out, or is taken over from this place
            held.drop()


def _stand_still(held: lease.Lease, alarm: str, stopping: Callable[[], bool]) -> None:
    """Say what was found, and hold the lease so that nobody signs, until told to stop."""
    say(f"node: ALARM: {alarm}")
    held.put({layout.ALARM: alarm.encode()})
    while not stopping():
        held.keep()
        time.sleep(PAUSE_S)


def _begin(sequencer: Sequencer, genesis: Path) -> None:
    (receipt,) = sequencer.register([genesis.read_bytes()])
    if receipt.status not in ("registered", "known"):  # known: what was proposed before it was published
        told = f"{receipt.code}: expected {receipt.expected}, found {receipt.found}"
        raise Corrupt(f"{genesis} cannot be the first leaf ({told}); put back the file it was")


def _await(client: redis.Redis, stopping: Callable[[], bool]) -> None:
    while not stopping():
        with contextlib.suppress(redis.RedisError):
            client.ping()
            return
        time.sleep(PAUSE_S)


def hold_node(data: Path) -> tuple[int, str | None]:
    """Be the only node of a data folder while the returned descriptor is open, and the word for that place: this boot
    of this machine, this file. None where the system has no such word. Raises FolderTaken while another runs."""
    folder = data / "node"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = hold(folder)
    file = os.fstat(descriptor)
    boot_id = BOOT_ID.read_text("ascii").strip() if BOOT_ID.exists() else None
    return descriptor, boot_id and f"{boot_id}:{file.st_dev}:{file.st_ino}"


def mark_file(data: Path) -> Path:
    """Where the last checkpoint published from this machine is kept (node/highwater)."""
    return data / "node" / "high-water"


def mark_of(data: Path) -> bytes:
    """That checkpoint; raises Corrupt where the file is gone: then any older store would pass for the newest."""
    mark = highwater.read(mark_file(data))
    if mark is None:
        raise Corrupt(
            f"{mark_file(data)}: expected the last checkpoint published from this machine, found no such file: without "
            f"it an older store would pass for the newest; put it back, or {boot.RESTORE}"
        )
    return mark


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


def _take(client: redis.Redis, place: str | None) -> lease.Lease:
    """The lease: at once from a dead node of this place, else when it has run out."""
    patience = time.monotonic() + LEASE_PATIENCE_S
    while True:
        try:
            return lease.take(client, place)
        except LeaseLost:
            if time.monotonic() > patience:
                raise
            time.sleep(PAUSE_S)


def _catch_up(client: redis.Redis, size: int, openings: Openings, manifests: Manifests, held: lease.Lease) -> None:
    """Rebuild a projection that does not follow the published ledger (a rebuild was cut short)."""
    projected = client.get(layout.PROJECTED)
    at = int.from_bytes(projected, "big") if isinstance(projected, bytes) else 0
    if at != size:
        say(f"node: the projection follows {at} of {size} leaves; replaying")
        for sentence in rebuild(client, size, openings, manifests, held):
            say(f"node: its packs read unverified here: {sentence}")
