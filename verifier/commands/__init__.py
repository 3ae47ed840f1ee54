"""The terminal, one verb a file; a verb's file is opened when the verb is used, so that `--help` costs nothing.

Each file exports `command`, a click.Command that takes the Settings with `@click.pass_obj`.
"""

import importlib
import keyword
import os

import click

from verifier.settings import SettingsError, from_env

VERBS = {
    "serve": "Start Redis, the node and the web workers; stop all cleanly.",
    "demo": "See what five witnesses do when one of us fails, or lies.",
    "node": "Run the one process that holds the log's key.",
    "witness": "Cosign what a log shows, and keep a copy of it.",
    "issue": "Issue a batch and draw its labels.",
    "say": "Say what a member does with packs: ship, receive, dispense ...",
    "product": "Register what a product is called, its leaflet and its picture.",
    "import": "Import a catalogue of products, or a list of recalls.",
    "recall": "Recall lots or a product.",
    "prove": "Write the evidence about one code to a file.",
    "entry": "Read a registered statement, as its readers may.",
    "trust": "Write what a verifier must know beforehand.",
    "anchor": "Say the newest checkpoint on an Ethereum chain.",
    "audit": "Read a node's whole log again, and name the first wrong byte.",
    "watch": "Follow a log, and convict who answers falsely.",
    "convict": "Check a conviction: who lied, about what, since when.",
    "fsck": "Read again everything that is held here, and name the first wrong leaf.",
    "backup": "Copy what is held here into a folder.",
    "restore": "Bring the ledger back into an empty store, from a backup or from any member.",
    "rebuild": "Replay the ledger into every derived key.",
}
"""Verb -> what it does; its file bears its name (with a "_" after one that is Python's own)."""


class House(click.Group):
    """The group of VERBS."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature, here and below
        """In the table's order."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The verb's `command`, imported now."""
        if cmd_name not in VERBS:
            return None
        file = cmd_name + "_" * keyword.iskeyword(cmd_name)
        command = importlib.import_module(f"{__name__}.{file}").command
        assert isinstance(command, click.Command), f"{cmd_name}.command is no click.Command"  # noqa: S101
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The table, without importing a verb."""
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


@click.group(cls=House, name="verifier")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Probatum: remembers what was signed, judges what is found."""
    try:
        ctx.obj = from_env(os.environ)
    except SettingsError as fault:
        raise click.ClickException(str(fault)) from None
