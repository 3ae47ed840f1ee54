"""`backup`: copy what this node holds into a folder, as any mirror has it (node/mirror), at one published checkpoint.

Again into the same folder, only what is new is copied. Beside the log's own paths stand genesis.cose, policy.txt and
trust.json (with the checkpoint of the copy). Exit: 0 copied; 1 what is held here is damaged, or the folder holds
another ledger; 2 the store was not reached, or holds nothing yet; 64 asked wrongly.
"""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import redis

from verifier import files
from verifier.commands.audit import Command
from verifier.commands.node import mark_file
from verifier.node import copying, fsck, highwater
from verifier.node.boot import Corrupt, signed
from verifier.node.copying import Forked
from verifier.node.fsck import Ledger
from verifier.node.held import Held
from verifier.node.mirror import Mirror
from verifier.node.remote import NotShown
from verifier.node.testimony import Lied, Unreached
from verifier.settings import Settings
from verifier.store.embedded import reach
from verifier.store.gather import NotReady
from verifier.store.log import LogStore
from verifier.store.redis import StoreError, connect
from verifier.vault import Vault, VaultError
from verifier.verdict import trust as trusts
from verifier.web.desk import deposit_folder, trust_of

COPIED, DAMAGED, UNREACHED = 0, 1, 2
SECRETS = "secrets"


@click.command(cls=Command, short_help="Copy what is held here into a folder.")
@click.option(
    "--out", required=True, type=click.Path(file_okay=False, path_type=Path),
    help="The folder; what it holds of this ledger already is not copied again.",
)  # fmt: skip
@click.option(
    "--with-secrets", is_flag=True,
    help="Also the node's private keys and the vault, into OUT/secrets (mode 0700). Whoever reads that folder can sign "
    "in this node's name and read every serial of every batch, and it still knows what the vault forgets later.",
)  # fmt: skip
@click.pass_obj
def command(settings: Settings, out: Path, with_secrets: bool) -> None:
    """Copy ledger, statements and deposits into a folder, checked byte by byte on the way, at one published checkpoint;
    the node may run meanwhile. Private keys and the vault are left out unless asked for.

    Exit: 0 copied, 1 damaged here or another ledger there, 2 not reached or nothing there yet, 64 asked wrongly.
    """
    try:
        with reach(settings.data, settings.redis_url) as url:
            client = connect(url)
            try:
                lacking = back_up(settings, client, out)
            finally:
                client.close()
        if with_secrets:
            keep_secrets(settings, out / SECRETS)
    except Forked as fault:
        raise SystemExit(_told(f"{out}: expected a copy of this ledger, found {fault}", DAMAGED)) from None
    except (Corrupt, Lied) as fault:
        raise SystemExit(_told(str(fault), DAMAGED)) from None
    except (NotReady, StoreError, VaultError, Unreached, OSError, ValueError) as fault:
        raise SystemExit(_told(str(fault), UNREACHED)) from None
    except redis.RedisError as fault:
        raise SystemExit(_told(f"the store was not reached: {fault}", UNREACHED)) from None
    raise SystemExit(_told("\n".join(lacking), DAMAGED) if lacking else COPIED)


def back_up(settings: Settings, client: redis.Redis, out: Path) -> list[str]:
    """Bring the mirror in `out` up to the published checkpoint, once all that is held here was hashed again; what it
    lacks, a sentence each. Raises Corrupt, Forked, Lied, NotReady, or what the disk and the store raise."""
    trust = trust_of(settings.data)
    note = LogStore(client).checkpoint()
    if note is None:
        raise NotReady("nothing is published yet: there is nothing to copy")
    head, mirror, held = signed(note, trust.policy), Mirror(out), Held(client, deposit_folder(settings.data), note)
    before = mirror.size
    with _bar(f"hashing {head.size} leaves", head.size) as bar:
        mark = highwater.read(mark_file(settings.data))
        found = fsck.ledger(client, trust.policy, mark, lambda done: bar.update(done - bar.pos))
    with _bar(f"copying {head.size - before} leaves", head.size - before) as bar:
        copying.copy(held, note, head, mirror, lambda run: bar.update(len(run)))
    lacking = [f"{told}, which leaf {found.named[told]} names" for told in _deposits(held, mirror, found)]
    believed = {name: (settings.data / name).read_bytes() for name in ("genesis.cose", "policy.txt")}
    files.write_all(out, believed | {"trust.json": trusts.encode(replace(trust, checkpoint=note)).encode()})
    click.echo(f"{out}: {head.size} leaves, {head.size - before} of them new, root {head.root.hex()}")
    return [f"deposit {one}: expected it here, whole, found it gone or altered" for one in lacking]


def _deposits(held: Held, mirror: Mirror, found: Ledger) -> Iterator[str]:
    """Copy what was not to be had when its statement was copied; the digests of what is still not."""
    for digest in found.named:
        path = f"deposits/{digest}"
        if not mirror.has(path):
            try:
                mirror.keep_chunks(digest, held.chunks(path), copying.DEPOSIT_BYTES)
            except (NotShown, files.WrongBytes):
                yield digest


def _bar(label: str, length: int) -> Any:
    return click.progressbar(length=length, label=label, file=sys.stderr, hidden=not sys.stderr.isatty())


def keep_secrets(settings: Settings, folder: Path) -> None:
    """Copy the node's private keys and its vault, and the vault's master key if that lies beside it."""
    for below in ("node", "vault"):
        files.make_folder(folder / below)
    keys = {path.name: path.read_bytes() for path in (settings.data / "node").glob("*.key")}
    files.write_all(folder / "node", keys)
    Vault.open(settings.data / "vault", settings.vault_key).copy(folder / "vault" / "vault.db")
    master = settings.data / "vault" / "master.key"
    if settings.vault_key is None:
        files.write(folder / "vault" / "master.key", master.read_bytes())
    click.echo(f"{folder}: {len(keys)} private keys, and the vault: keep this folder as you keep the keys themselves")


def _told(fault: str, code: int) -> int:
    click.echo(fault, err=True)
    return code
