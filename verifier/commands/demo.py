"""`demo --consortium`: five witnesses around the demo's ledger, and what happens when one of us fails, or lies."""

import contextlib
import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import click

from verifier.commands.supervise import ServeError
from verifier.settings import Settings
from verifier.store.redis import StoreError


@click.command(short_help="See what five witnesses do when one of us fails, or lies.")
@click.option("--consortium", is_flag=True, help="Five witnesses, played through: killed, lying, rolled back.")
@click.option("--once", is_flag=True, help="Play without waiting, and end; exit status 1 if it goes otherwise.")
@click.pass_obj
def command(settings: Settings, consortium: bool, once: bool) -> None:
    """Start everything in a folder of its own, which ends with it; play each scene, and say what is to be seen where.
    Nothing of yours is touched. `make run` starts the demo without witnesses."""
    if not consortium:
        raise click.UsageError("expected --consortium; `make run` starts the demo without witnesses")
    from verifier.consortium import play, stage  # only who asks for a play pays for its imports

    folder = Path(tempfile.mkdtemp(prefix="probatum-consortium-"))
    try:
        own = replace(settings, data=folder, redis_url=None, limits="off", lan=None)
        with stage.opened(own, click.echo) as opened:
            click.echo(f"\n{opened.url}/ledger shows what the ledger tells of itself; everything is in {folder}")
            play.play(opened, click.echo, _on if once or not sys.stdin.isatty() else _wait)
    except (stage.Unlike, ServeError, StoreError, OSError) as fault:
        raise click.ClickException(str(fault)) from None
    except KeyboardInterrupt:
        click.echo("stopped")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _on(_: str) -> None:
    """Go on at once."""


def _wait(title: str) -> None:
    """Until whoever watches has seen enough."""
    with contextlib.suppress(EOFError):
        input(f"   ({title}: look at the page; Enter goes on) ")
