"""`entry`: read one registered statement by its id, as a stranger or, with a key, as the member whose key it is; or
write its receipt.

What a door answers to a registration is signed by nobody, and worth nothing against a node that lies. A receipt is a
proof under a checkpoint that the log signed (C2SP tlog-proof): a node that later shows a ledger without the statement
has signed two, and both together convict it (`verifier watch --inbox`). Who gets none was not registered.
"""

import json
import sys
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import click
import msgspec

from verifier import files
from verifier.commands.client import Client, ServerError
from verifier.ledger import checkpoint as notes
from verifier.ledger import tiles
from verifier.ledger.note import MAX_BYTES as NOTE_BYTES
from verifier.ledger.proof import Proof, verify
from verifier.node import keyfile
from verifier.node.keyfile import KeyFile, KeyFileError
from verifier.node.proved import ProvedTiles
from verifier.node.remote import Remote
from verifier.node.testimony import Lied, Unreached
from verifier.settings import Settings
from verifier.statements.envelope import Statement, read
from verifier.statements.event import Event
from verifier.statements.kinds import body_of
from verifier.store.deposits import LIMIT
from verifier.verdict import trust as trusts
from verifier.verdict.trust import Trust


@click.command(short_help="Read a registered statement.")
@click.argument("statement_id", metavar="ID")
@click.option("--as", "key_path", type=click.Path(dir_okay=False, path_type=Path), help="Your key file.")
@click.option("--server", help="Whose ledger; this machine's server by default.")
@click.option(
    "--deposits", "folder", type=click.Path(file_okay=False, path_type=Path),
    help="Write what the statement names into this folder too, as its readers may.",
)  # fmt: skip
@click.option("--raw", is_flag=True, help="The signed bytes (COSE_Sign1) to standard output.")
@click.option("--receipt", type=click.Path(dir_okay=False, path_type=Path), help="Write its receipt, checked, there.")
@click.option("--trust", "trust_path", type=click.Path(path_type=Path), help="For the receipt: whose log is believed.")
@click.pass_obj
def command(
    settings: Settings, statement_id: str, key_path: Path | None, server: str | None, folder: Path | None, raw: bool,
    receipt: Path | None, trust_path: Path | None,
) -> None:  # fmt: skip
    """Read the statement ID (64 hex digits); without --as, what anyone may read.

    With --receipt, write the proof that it is a leaf of the ledger, under a checkpoint that the log signed: your own
    statement is in there, whatever the node says later.
    """
    try:
        key = keyfile.load(key_path) if key_path else None
        with Client(server or settings.base_url) as client:
            found, index = client.entry(statement_id, key)
            if sha256(found).hexdigest() != statement_id:
                raise ServerError(f"{statement_id}: expected its bytes, found those of {sha256(found).hexdigest()}")
            for digest in body_of(read(found)).deposits() if folder else ():
                _fetch(client, digest.hex(), statement_id, key, folder or Path())
        if receipt is not None:
            trust = trusts.decode((trust_path or settings.data / "trust.json").read_text("utf-8"))
            proven = receipt_of(bytes.fromhex(statement_id), index, server or settings.base_url, trust)
            files.write(receipt, proven, 0o644)
            return
        if raw and sys.stdout.isatty():
            raise ServerError("the statement is binary: expected `> FILE`, found a terminal")
        line = found if raw else described(read(found), index).encode()
    except (ServerError, KeyFileError, ValueError, OSError, Lied, Unreached) as fault:
        raise click.ClickException(str(fault)) from None
    sys.stdout.buffer.write(line)


def _fetch(client: Client, digest: str, entry: str, key: KeyFile | None, folder: Path) -> None:
    """Write one deposit whole; raises ServerError, OSError, or files.WrongBytes."""
    folder.mkdir(parents=True, exist_ok=True)
    files.write_chunks(folder / digest, client.deposit(digest, entry, key), digest, LIMIT)
    click.echo(f"{folder / digest}", err=True)


def receipt_of(statement_id: bytes, index: int, server: str, trust: Trust) -> bytes:
    """The receipt of leaf `index`; raises ValueError, Lied or Unreached where the log does not prove it."""
    with Remote(server) as log:
        note = log.get("checkpoint", NOTE_BYTES).body
        head = notes.open(note, trust.policy)
        found = Proof(index, tuple(tiles.inclusion_path(index, head.size, ProvedTiles(log, head))), note)
    verify(found, statement_id, trust.policy)
    return found.encode()


def described(statement: Statement, index: int) -> str:
    """A statement as people read it: who said what when, then its body in JSON; bytes are hex, EPCIS is itself. What a
    terminal would obey is written out: others wrote it.

    >>> written("\\x9b2J\\u202e")
    '\\\\x9b2J\\\\u202e'
    """
    said = datetime.fromtimestamp(statement.issued_at, UTC).isoformat(timespec="seconds")
    body = body_of(statement)
    fields: dict[str, Any] = msgspec.to_builtins(body, builtin_types=(bytes,))
    shown = json.loads(body.epcis) if isinstance(body, Event) else fields
    text = json.dumps(shown, indent=2, ensure_ascii=False, default=bytes.hex)
    lines = (f"{statement.kind} by {statement.member}, said {said}, leaf {index}", *text.split("\n"))
    return "".join(written(line) + "\n" for line in lines)


def written(line: str) -> str:
    """A line in which every character is one that prints."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in line)
