"""`witness`: a member's own process that cosigns the checkpoints of a log it saw grow. It needs no Redis.

It starts in a fraction of a second, since the rooms of pictures and pages are not opened for it.
"""

import contextlib
import logging
import signal
import time
from pathlib import Path
from urllib.parse import urlsplit

import click

from verifier import files
from verifier.ledger.encoding import LedgerError
from verifier.ledger.policy import Policy
from verifier.ledger.policy import parse as parse_policy
from verifier.node.keyfile import KeyFileError
from verifier.process import FolderTaken
from verifier.settings import Settings
from verifier.verdict import trust as trusts
from verifier.witness import state
from verifier.witness.running import Running
from verifier.witness.state import StateLost

REFUSALS = (FolderTaken, StateLost, KeyFileError, LedgerError, OSError, ValueError)


def _listen(_: click.Context, __: click.Parameter, value: str) -> tuple[str, int]:
    """HOST:PORT; an IPv6 address stands in brackets."""
    host, colon, port = value.rpartition(":")
    if not colon or not host or not (port.isascii() and port.isdecimal() and int(port[:9]) <= 65535):
        raise click.BadParameter(f"expected HOST:PORT, found {value[:80]!r}")
    return host, int(port)


def _url(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """Where others reach the witness: the submission prefix of tlog-witness."""
    if value is None:
        return None
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or "@" in value:
        raise click.BadParameter(f"expected http:// or https:// and a host, found {value[:80]!r}")
    return value.rstrip("/")


@click.command(short_help="Cosign what a log shows, once it is kept.")
@click.option("--data", required=True, type=click.Path(file_okay=False, path_type=Path), help="The witness's folder.")
@click.option(
    "--trust", "trust_path", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Whose log: a trust.json (verifier trust), or a policy.",
)  # fmt: skip
@click.option("--listen", default="127.0.0.1:8100", show_default=True, callback=_listen, help="HOST:PORT.")
@click.option("--name", help="The new witness's name, the first time: its member's id.")
@click.option("--url", callback=_url, help="Where the log reaches this witness; by default where it listens.")
@click.option("--new", metavar="NAME", help="Make the key of a new witness, print its line for a policy, and end.")
@click.pass_obj
def command(
    _: Settings, data: Path, trust_path: Path | None, listen: tuple[str, int], name: str | None, url: str | None,
    new: str | None,
) -> None:  # fmt: skip
    """Answer `POST /add-checkpoint` (C2SP tlog-witness) until told to stop: a checkpoint is cosigned if it grew from
    the last one cosigned, and only once that is kept in the folder."""
    try:
        if new is not None:
            files.make_folder(data)
            click.echo(state.policy_line(state.open_key(data, new), url))
            return
        if trust_path is None:
            raise click.UsageError("expected --trust FILE: whose log is it?")
        policy = policy_in(trust_path.read_text("utf-8"))
        logging.basicConfig(format="witness: %(message)s", level=logging.INFO)
        with Running(data, policy.log, listen, lambda: int(time.time()), name=name, url=url) as witness:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: witness.stop())
            say(f"witness: of {policy.log.name}, at {witness.server.url}")
            say(witness.policy_line)
            witness.run()
    except REFUSALS as fault:
        raise click.ClickException(str(fault)) from None


def policy_in(text: str) -> Policy:
    """The policy in a trust.json, or the text itself; raises ValueError."""
    return trusts.decode(text).policy if text.lstrip().startswith("{") else parse_policy(text)


def say(line: str) -> None:
    """One line to the terminal; one that is gone stops nobody."""
    with contextlib.suppress(OSError, UnicodeEncodeError):
        click.echo(line)
