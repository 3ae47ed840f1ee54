"""`restore`: bring the ledger back into an empty store, from a backup's folder or from any member that mirrors it.

Exit: 0 restored; 1 refused: what was shown is not what was signed, the store holds something else, or more was
published than there is to restore; 2 not reached; 64 asked wrongly.
"""

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import click
import redis

from verifier import files
from verifier.commands.audit import Command, asked_wrongly
from verifier.commands.node import hold_node, manifests_of, mark_file, openings_of
from verifier.commands.where import prefix
from verifier.node import highwater, keyfile, lease
from verifier.node.boot import signed
from verifier.node.copying import DeepSource
from verifier.node.keyfile import KeyFileError
from verifier.node.lease import Lease, LeaseLost
from verifier.node.mirror import Mirror
from verifier.node.rehash import Mark
from verifier.node.remote import Remote
from verifier.node.restoring import Behind, Occupied, Restored, Restorer
from verifier.node.testimony import Lied, Unreached
from verifier.process import FolderTaken
from verifier.settings import Settings
from verifier.statements.errors import StatementError
from verifier.store.embedded import EmbeddedRedis
from verifier.store.gather import NotReady
from verifier.store.log import LogStore
from verifier.store.projection import rebuild
from verifier.store.redis import StoreError, connect
from verifier.vault import VaultError
from verifier.verdict import trust as trusts
from verifier.verdict.trust import Trust
from verifier.web.desk import deposit_folder, trust_of

RESTORED, REFUSED, UNREACHED = 0, 1, 2


@click.command(cls=Command, short_help="Bring the ledger back into an empty store.")
@click.option("--from", "source", required=True, help="A backup's folder, or the URL of a member that mirrors the log.")
@click.option(
    "--trust", "trust_path", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What is believed beforehand; needed where the data folder has no genesis and policy of its own.",
)  # fmt: skip
@click.option(
    "--as", "key_path", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The key that asks for what is not public; by default this node's own.",
)  # fmt: skip
@click.option(
    "--behind", is_flag=True,
    help="Restore although more was published or cosigned: what came after is given up, and whoever saw it can prove "
    "that this log signed two ledgers.",
)  # fmt: skip
@click.pass_obj
def command(settings: Settings, source: str, trust_path: Path | None, key_path: Path | None, behind: bool) -> None:
    """Write log, statements and deposits into an empty store, each byte checked before it is written, and replay what
    follows from them. Cut short, the same command goes on where it was. The node must not run.

    Exit: 0 restored, 1 refused, 2 not reached, 64 asked wrongly.
    """
    with asked_wrongly():
        trust = believed(settings, trust_path)
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
        with opened(settings, source, key_path) as read, _alone(settings) as (client, place):
            lacking = restore(settings, trust, read, client, place, behind)
    except (Lied, Occupied, Behind, LeaseLost, FolderTaken, StatementError) as fault:
        raise SystemExit(_told(f"{source}: {fault}" if isinstance(fault, Lied) else str(fault), REFUSED)) from None
    except (Unreached, StoreError, VaultError, KeyFileError, OSError) as fault:
        raise SystemExit(_told(str(fault), UNREACHED)) from None
    except redis.RedisError as fault:
        raise SystemExit(_told(f"the store went away ({fault}); starting again goes on", UNREACHED)) from None
    for sentence in lacking:
        click.echo(sentence, err=True)


def believed(settings: Settings, path: Path | None) -> Trust:
    """The trust to restore by: the file's, or this data folder's own. Raises ValueError where the two are of different
    ledgers, or there is neither."""
    if path is None:
        try:
            return trust_of(settings.data)
        except NotReady:
            raise ValueError(f"{settings.data} has no genesis and policy: say what to believe with --trust") from None
    trust = trusts.decode(path.read_text("utf-8"))
    if (settings.data / "genesis.cose").exists():
        own = trust_of(settings.data)
        if (own.genesis, own.policy.log) != (trust.genesis, trust.policy.log):
            raise ValueError(f"{path}: expected the ledger of {settings.data}, found another's genesis or log key")
    return trust


def restore(
    settings: Settings, trust: Trust, source: DeepSource, client: redis.Redis, place: str | None, behind: bool
) -> list[str]:
    """Restore by `trust` into the store; what could not be brought back, a sentence each. Raises Lied, Unreached,
    Occupied, Behind, LeaseLost, or what the disk and the store raise."""
    writer = Fenced(client, place)
    try:
        folder = deposit_folder(settings.data)
        restorer = Restorer(source, trust.policy, trust.genesis, client, writer, folder)
        found = restorer.found
        restorer.check_marks(marks_of(settings.data, trust, behind), behind)
        silent = [] if behind else restorer.check_witnesses(int(time.time()))
        closed = [] if restorer.done() else _write(settings, restorer, client, writer)
        highwater.write(_made(mark_file(settings.data)), found.note)
        _keep_beliefs(settings.data, trust, client)
    finally:
        writer.held.drop()
    click.echo(f"restored: {found.head.size} leaves, root {found.head.root.hex()}")
    packs = [f"its packs read unverified here: {one}" for one in closed]
    return [*silent, *_lacking(found), *packs, *_keyless(settings.data)]


def _write(settings: Settings, restorer: Restorer, client: redis.Redis, writer: "Fenced") -> list[str]:
    """Leaves, projection, checkpoint; the batches whose packs cannot be answered here."""
    size = restorer.found.head.size
    with _bar(f"restoring {size} leaves", size) as advance:
        restorer.leaves(advance)
    with _bar(f"replaying {size} leaves", size) as advance:
        closed = rebuild(client, size, openings_of(settings), manifests_of(settings.data), writer, advance)
    restorer.publish()
    return closed


def marks_of(data: Path, trust: Trust, behind: bool) -> list[Mark]:
    """The checkpoints of this ledger that are known here. A mark that is not this log's is passed over only where what
    came after may be given up; else raises Behind."""
    marks = [Mark("the trust's checkpoint", signed(trust.checkpoint, trust.policy))] if trust.checkpoint else []
    note = highwater.read(mark_file(data))
    try:
        return [*marks, *([Mark("node/high-water", signed(note, trust.policy))] if note else [])]
    except ValueError as fault:
        if behind:
            return marks
        told = f"{mark_file(data)} is not this log's ({fault}): nothing says what was published from this machine"
        raise Behind(f"{told}; put the file back, or give up what there may have been (--behind)") from fault


class Fenced:
    """A writer that holds the lease, and takes it again where the network was so slow that it ran out."""

    def __init__(self, client: redis.Redis, place: str | None) -> None:
        """Raises LeaseLost while a node runs on this store."""
        self._client, self._place = client, place
        self.held = lease.take(client, place)

    def put(self, values: Mapping[bytes, bytes]) -> None:
        """See Writer, as the others."""
        self._surely(lambda held: held.put(values))

    def write(self, key: bytes, offset: int, part: bytes) -> None:
        """Write a part of a value."""
        self._surely(lambda held: held.write(key, offset, part))

    def remove(self, keys: Iterable[bytes]) -> None:
        """Remove keys."""
        gone = list(keys)
        self._surely(lambda held: held.remove(gone))

    def keep(self) -> None:
        """Stay the one who may."""
        self._surely(lambda held: held.keep())

    def _surely(self, work: Callable[[Lease], None]) -> None:
        try:
            work(self.held)
        except LeaseLost:
            self.held = lease.take(self._client, self._place)
            work(self.held)


@contextmanager
def opened(settings: Settings, source: str, key_path: Path | None) -> Iterator[DeepSource]:
    """The Source that a folder or a URL is. Raises Unreached, KeyFileError, or click.BadParameter."""
    if "://" not in source:
        if not Path(source, "checkpoint").is_file():
            raise Unreached(f"{source}: expected a folder with a checkpoint in it, found none")
        yield Mirror(Path(source))
        return
    own = settings.data / "node" / "node.key"
    path = key_path or (own if own.exists() else None)
    with asked_wrongly():
        url = prefix(None, None, source) or ""
    with Remote(url, key=keyfile.load(path) if path else None) as remote:
        yield remote


@contextmanager
def _alone(settings: Settings) -> Iterator[tuple[redis.Redis, str | None]]:
    """The store, with no node on it, and the word for this place (node/lease)."""
    alone, place = hold_node(settings.data)
    try:
        with _store(settings) as url:
            client = connect(url)
            try:
                yield client, place
            finally:
                client.close()
    finally:
        os.close(alone)


@contextmanager
def _store(settings: Settings) -> Iterator[str]:
    if settings.redis_url is not None:
        yield settings.redis_url
    else:
        with EmbeddedRedis(settings.data) as server:
            yield server.url


def _keep_beliefs(data: Path, trust: Trust, client: redis.Redis) -> None:
    """Genesis and policy, where this folder has none yet: the genesis last, since it says that the rest is there."""
    if not (data / "genesis.cose").exists():
        files.write(data / "policy.txt", str(trust.policy).encode())
        files.write(data / "genesis.cose", LogStore(client).bodies([trust.genesis])[0])


def _lacking(found: Restored) -> Iterator[str]:
    for digest in found.lacking:
        yield f"deposit {digest}: not shown to us; put it here from who has it, and `rebuild`"


def _keyless(data: Path) -> Iterator[str]:
    if not (data / "node" / "log.key").exists():
        yield f"{data / 'node'}: without the log's own key nothing can be signed on; put the keys back (mode 0600)"


def _made(path: Path) -> Path:
    files.make_folder(path.parent)
    return path


@contextmanager
def _bar(label: str, length: int) -> Iterator[Callable[[int], None]]:
    with click.progressbar(length=length, label=label, file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:
        yield lambda done: bar.update(done - bar.pos)


def _told(fault: str, code: int) -> int:
    click.echo(fault, err=True)
    return code
