"""`witness`: a member's own process that follows a log, cosigns what it saw grow, and keeps a copy. It needs no Redis.

It starts in a fraction of a second, since the rooms of pictures and pages are not opened for it.
"""

import contextlib
import logging
import signal
import time
from pathlib import Path

import click

from verifier import files
from verifier.commands.where import prefix
from verifier.ledger.encoding import LedgerError
from verifier.ledger.policy import Policy
from verifier.ledger.policy import parse as parse_policy
from verifier.node import keyfile
from verifier.node.keyfile import KeyFileError
from verifier.process import FolderTaken
from verifier.settings import Settings
from verifier.verdict import trust as trusts
from verifier.witness import state
from verifier.witness.running import Following, Running
from verifier.witness.state import StateLost

REFUSALS = (FolderTaken, StateLost, KeyFileError, LedgerError, OSError, ValueError)


def _listen(_: click.Context, __: click.Parameter, value: str) -> tuple[str, int]:
    """HOST:PORT; an IPv6 address stands in brackets."""
    host, colon, port = value.rpartition(":")
    if not colon or not host or not (port.isascii() and port.isdecimal() and int(port[:9]) <= 65535):
        raise click.BadParameter(f"expected HOST:PORT, found {value[:80]!r}")
    return host, int(port)


@click.command(short_help="Cosign what a log shows, and keep a copy of it.")
@click.option("--data", required=True, type=click.Path(file_okay=False, path_type=Path), help="The witness's folder.")
@click.option(
    "--trust", "trust_path", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Whose log: a trust.json (verifier trust), or a policy.",
)  # fmt: skip
@click.option("--log", "log_url", callback=prefix, help="Where the log is followed; by default where the policy says.")
@click.option("--listen", default="127.0.0.1:8100", show_default=True, callback=_listen, help="HOST:PORT.")
@click.option(
    "--as", "key_path", type=click.Path(dir_okay=False, path_type=Path),
    help="Your member's key file: what its readers may read is mirrored too.",
)  # fmt: skip
@click.option("--name", help="The new witness's name, the first time; by default the member's of --as.")
@click.option("--url", callback=prefix, help="Where the log reaches this witness; by default where it listens.")
@click.option("--every", type=click.FloatRange(0.05, 3600), default=1.0, show_default=True, help="Seconds a round.")
@click.option("--new", metavar="NAME", help="Make the key of a new witness, print its line for a policy, and end.")
@click.pass_obj
def command(
    _: Settings, data: Path, trust_path: Path | None, log_url: str | None, listen: tuple[str, int],
    key_path: Path | None, name: str | None, url: str | None, every: float, new: str | None,
) -> None:  # fmt: skip
    """Follow a log until told to stop: cosign its checkpoints, once each is kept in the folder and only if it grew from
    the last (C2SP tlog-witness), and mirror what it shows, from which the log can be brought back."""
    try:
        if new is not None:
            files.make_folder(data)
            click.echo(state.policy_line(state.open_key(data, new), url))
            return
        if trust_path is None:
            raise click.UsageError("expected --trust FILE: whose log is it?")
        logging.basicConfig(format="witness: %(message)s", level=logging.WARNING)
        policy, genesis = believed(trust_path.read_text("utf-8"))
        key = keyfile.load(key_path) if key_path else None
        where, names = log_url or policy.log_url, tuple(one.key.name for one in policy.witnesses)
        following = Following(where.rstrip("/"), genesis, names, key, every) if where else None
        named = name or (key.member if key and not (data / state.KEY).exists() else None)
        run(Running(data, policy.log, listen, lambda: int(time.time()), name=named, url=url, following=following))
    except REFUSALS as fault:
        raise click.ClickException(str(fault)) from None


def run(running: Running) -> None:
    """Say what it is, and serve until told to stop."""
    with running as witness:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: witness.stop())
        followed = f"following {witness.followed}" if witness.followed else "following nothing (no --log URL)"
        say(f"witness: of {witness.cosigner.log.name}, at {witness.server.url}, {followed}")
        say(witness.policy_line)
        witness.run()


def believed(text: str) -> tuple[Policy, bytes | None]:
    """The policy in a trust.json with the id of the first leaf, or the policy that the text is; raises ValueError."""
    if not text.lstrip().startswith("{"):
        return parse_policy(text), None
    trust = trusts.decode(text)
    return trust.policy, trust.genesis


def say(line: str) -> None:
    """One line to the terminal; one that is gone stops nobody."""
    with contextlib.suppress(OSError, UnicodeEncodeError):
        click.echo(line)
