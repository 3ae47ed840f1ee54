"""`convict`: check a conviction offline, with trust alone: who lied, about what, since when.

Exit: 0 it convicts; 1 it convicts nobody: why; 2 the file is no conviction; 64 asked wrongly. With --json, one line:
what is proven (answers/convict.to_json), or {"convicts": false, "code", "expected", "found"}.
"""

import json
from pathlib import Path
from typing import Any

import click

from verifier.answers import conviction as files
from verifier.answers.convict import Unproven, convict, to_json
from verifier.answers.conviction import Conviction
from verifier.commands.audit import Command, asked_wrongly
from verifier.commands.entry import written
from verifier.ledger import checkpoint, note
from verifier.ledger.encoding import LedgerError
from verifier.statements.errors import Malformed
from verifier.verdict import trust as trusts
from verifier.verdict.evidence import Evidence, Growth
from verifier.verdict.reasons import LANGUAGES
from verifier.witness import forks

CONVICTS, NOBODY, NO_CONVICTION = 0, 1, 2


@click.command(cls=Command, short_help="Check a conviction: who lied, about what, since when.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--trust", "trust_path", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What is believed beforehand (verifier trust).",
)  # fmt: skip
@click.option("--lang", type=click.Choice(list(LANGUAGES)), default="en", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One line of JSON on what is proven.")
def command(file: Path, trust_path: Path, lang: str, as_json: bool) -> None:
    """Check the conviction in FILE, with no network: whether it proves that a signed answer was false, and whose; or,
    of a fork that a witness kept (its /forks), that the log signed two ledgers.

    Exit: 0 it convicts, 1 it convicts nobody, 2 the file is no conviction, 64 asked wrongly.
    """
    with asked_wrongly():
        trust = trusts.decode(trust_path.read_text("utf-8"))
        with file.open("rb") as source:
            data = source.read(files.MAX_BYTES + 1)
    try:
        told = {"convicts": True, **to_json(convict(conviction_in(data), trust), lang)}
        status, sentence = CONVICTS, in_words(told)
    except Unproven as fault:
        told = {"convicts": False, "code": fault.code, "expected": fault.expected, "found": fault.found}
        status, sentence = NOBODY, f"it convicts nobody: {fault}"
    except (Malformed, LedgerError) as fault:
        code = getattr(fault, "code", "fork")
        told = {"convicts": False, "code": code, "expected": str(fault.expected), "found": str(fault.found)}
        status, sentence = NO_CONVICTION, f"no conviction: {fault}"
    click.echo(json.dumps(told, ensure_ascii=False) if as_json else sentence, err=not as_json and status != CONVICTS)
    raise SystemExit(status)


def conviction_in(data: bytes) -> Conviction:
    """The conviction that a file is, or that a fork kept by a witness makes; raises Malformed or LedgerError."""
    if not data.startswith(b"{"):
        return files.decode(data)
    fork = forks.decode(data)
    growth = None
    if fork.root is not None:
        first = checkpoint.parse(note.parse(fork.first).text)
        growth = Growth(first.size, fork.root, fork.path)
    return Conviction(Evidence(fork.second, growth=growth), seen=fork.first)


def in_words(told: dict[str, Any]) -> str:
    """A conviction as people read it; names in it were written by others."""
    who, answered = told["who"], told["answered"]
    lines = [f"{who['name']} ({who['member'] or 'the log'}) lied, with the key {who['key']}"]
    if told["identity"]:
        lines.append(f"  about {told['identity']}, answered at {answered['time']} as of {answered['size']} leaves")
    for lie in told["lies"]:
        lines.append(f"  {lie['sentence']}")
        if (one := lie["statement"]) is not None:
            lines.append(f"    {one['kind']} by {one['by']}, leaf {one['leaf']}, said {one['said_at']}: {one['id']}")
    size, root = told["believed"]["size"], told["believed"]["root"]
    lines.append(
        f"  proven under the checkpoint of {size} leaves, root {root}; what it says of that key later is not here"
    )
    return "\n".join(map(written, lines))
