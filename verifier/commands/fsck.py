"""`fsck`: read again everything that this node holds, while it goes on, and say what is wrong and where.

Exit: 0 whole; 1 damaged: each fault is a sentence, and of the ledger the first wrong leaf is named; 2 the store was not
reached, or holds nothing yet; 64 asked wrongly.
"""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice

import click
import redis

from verifier.commands.audit import Command
from verifier.commands.node import manifests_of, mark_of, openings_of
from verifier.node import fsck
from verifier.node.boot import Corrupt
from verifier.node.fsck import Ledger
from verifier.node.shadow import Shadow
from verifier.settings import Settings
from verifier.store import deposits
from verifier.store.embedded import reach
from verifier.store.gather import NotReady
from verifier.store.projection import Openings
from verifier.store.redis import StoreError, connect
from verifier.vault import VaultError
from verifier.web.desk import deposit_folder, policy_of

WHOLE, DAMAGED, UNREACHED = 0, 1, 2
AFFORDABLE = 5_000
"""Leaves that are replayed unasked: some seconds' work."""
MOST_TOLD = 20


@click.command(cls=Command, short_help="Read again everything that is held here.")
@click.option(
    "--replay/--no-replay", default=None,
    help=f"Compare every derived key with a replay in memory; unasked, of at most {AFFORDABLE:,} leaves.",
)  # fmt: skip
@click.pass_obj
def command(settings: Settings, replay: bool | None) -> None:
    """Hash every statement, tile and deposit again, compare leaf numbers, roots and signatures, the packs of each batch
    with what its maker signed, and the derived keys with a replay. Nothing is written; the node may run meanwhile.

    Exit: 0 whole, 1 damaged, 2 not reached or nothing there yet, 64 asked wrongly.
    """
    try:
        with reach(settings.data, settings.redis_url) as url:
            client = connect(url)
            try:
                faults = look(settings, client, replay)
            finally:
                client.close()
    except (StoreError, VaultError, NotReady, OSError) as fault:
        raise SystemExit(_told([str(fault)], UNREACHED)) from None
    except redis.RedisError as fault:
        raise SystemExit(_told([f"the store was not reached: {fault}"], UNREACHED)) from None
    raise SystemExit(_told(faults, DAMAGED) if faults else WHOLE)


def look(settings: Settings, client: redis.Redis, replay: bool | None = None) -> list[str]:
    """Every stage in turn, each with its progress bar; the faults. Raises NotReady, StoreError, VaultError, OSError or
    redis.RedisError."""
    if not (settings.data / "policy.txt").exists():
        raise NotReady(f"no consortium in {settings.data}: set PROBATUM_DATA to the folder of one")
    try:
        found = _ledger(settings, client)
    except Corrupt as fault:
        return [str(fault)]
    if found.head is None:
        raise NotReady("nothing is published yet: there is nothing to look at")
    click.echo(f"{found.head.size} leaves hashed again, root {found.head.root.hex()}")
    openings = openings_of(settings)
    faults = list(fsck.cosigned(client, policy_of(settings.data)))
    faults += [*_deposits(settings, found), *_packs(client, found, openings)]
    if replay or (replay is None and found.head.size <= AFFORDABLE):
        return faults + _replayed(settings, client, found.head.size, openings)
    click.echo("the derived keys were not compared with a replay: --replay does")
    return faults


def _ledger(settings: Settings, client: redis.Redis) -> Ledger:
    with _bar("leaves", 1) as advance:
        return fsck.ledger(client, policy_of(settings.data), mark_of(settings.data), advance)


def _deposits(settings: Settings, found: Ledger) -> list[str]:
    folder = deposit_folder(settings.data)
    held = deposits.held(folder)
    total = sum(deposits.length(folder, digest) or 0 for digest in held)
    with _bar("bytes of deposits", total) as advance:
        faults = list(fsck.kept(folder, found.named, _summed(advance)))
    click.echo(f"{len(held)} deposits hashed again, {len(found.named)} named by statements")
    return faults


def _packs(client: redis.Redis, found: Ledger, openings: Openings) -> list[str]:
    with _bar("batches", len(found.batches)) as advance:
        faults = list(fsck.packs(client, found.batches, openings, advance))
    closed = [issued for issued in found.batches if openings(issued.id) is None]
    for issued in closed[:MOST_TOLD]:
        click.echo(f"{issued}: its packs read unverified here, since the vault does not hold its secret")
    click.echo(f"{len(found.batches) - len(closed)} batches held against what their makers signed")
    return faults


def _replayed(settings: Settings, client: redis.Redis, size: int, openings: Openings) -> list[str]:
    shadow = Shadow(client, openings, manifests_of(settings.data))
    try:
        with _bar("leaves replayed", size) as advance:
            shadow.follow(size, advance)
        faults = list(islice(shadow.differences(), 100))
    except LookupError as fault:
        return [f"the derived keys could not be compared: {fault}"]
    click.echo(f"{len(shadow.memory.names())} derived keys compared with a replay of {shadow.size} leaves")
    return [f"{fault}; `python -m verifier rebuild` makes it again" for fault in faults]


@contextmanager
def _bar(label: str, length: int) -> Iterator[Callable[[int], None]]:
    """A progress bar on a terminal; call what is yielded with all that is done so far."""
    with click.progressbar(length=length, label=label, file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:

        def advance(done: int) -> None:
            bar.length = max(bar.length or 0, done)
            bar.update(done - bar.pos)

        yield advance


def _summed(advance: Callable[[int], None]) -> Callable[[int], None]:
    total = 0

    def add(more: int) -> None:
        nonlocal total
        total += more
        advance(total)

    return add


def _told(faults: Iterable[str], code: int) -> int:
    told = list(faults)
    for fault in told[:MOST_TOLD]:
        click.echo(fault, err=True)
    if len(told) > MOST_TOLD:
        click.echo(f"and {len(told) - MOST_TOLD} more", err=True)
    return code
