"""`audit`: read again, by HTTP alone, everything that a running node shows, and stop at the first wrong byte.

Exit: 0 all agree; 1 they lied: the first wrong byte is named with its address, what was expected and what was found;
2 the log was not reached, or not understood; 64 asked wrongly. With --json, one line: {"outcome": "agree" | "lied" |
"unreached", "url", "size", "root", "since", "tiles", "read", "withheld", "kinds", "fault"}; `fault` is null, a sentence
where nothing was reached, or {"url", "offset", "expected", "found"}.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from verifier.commands.where import prefix
from verifier.node.auditor import Auditor, Report
from verifier.node.remote import Remote
from verifier.node.testimony import Lied, Unreached
from verifier.settings import Settings
from verifier.verdict import trust as trusts

AGREE, LIED, UNREACHED, USAGE = 0, 1, 2, 64


class Command(click.Command):
    """Asked wrongly is 64, since 2 says that nothing was reached."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does."""
        with asked_wrongly():
            return super().parse_args(ctx, args)


class Usage(click.UsageError):
    """Asked wrongly."""

    exit_code = USAGE


@contextmanager
def asked_wrongly() -> Iterator[None]:
    """Whatever fails inside was asked wrongly."""
    try:
        yield
    except click.UsageError as fault:
        raise Usage(fault.format_message(), fault.ctx) from None
    except (ValueError, OSError) as fault:
        raise Usage(str(fault)) from None


@click.command(cls=Command, short_help="Read a node's whole log again.")
@click.option("--from", "url", callback=prefix, help="Whose log; this machine's server by default.")
@click.option(
    "--trust", "trust_path", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What is believed beforehand (verifier trust); its checkpoint, if any, must lie in the log's past.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One line of JSON on what was found.")
@click.pass_obj
def command(settings: Settings, url: str | None, trust_path: Path, as_json: bool) -> None:
    """Read everything again that a node shows of its log: the checkpoint's signature, its growth, every tile and entry,
    every statement that anyone may read, and who was entitled to sign it.

    Exit: 0 all agree, 1 they lied, 2 not reached, 64 asked wrongly.
    """
    prefix = url or settings.base_url
    with Remote(prefix) as web:
        with asked_wrongly():
            trust = trusts.decode(trust_path.read_text("utf-8"))
            auditor = Auditor(web, trust.policy, trust.genesis, trust.checkpoint)
        result = _run(auditor)
    told = _json(auditor.report, prefix, result) if as_json else _sentence(auditor.report, prefix, result)
    click.echo(told, err=not as_json and result is not None)
    raise SystemExit(AGREE if result is None else LIED if isinstance(result, Lied) else UNREACHED)


def _run(auditor: Auditor) -> Lied | Unreached | None:
    """The audit, with a progress bar on a terminal; what stopped it."""
    with click.progressbar(length=1, label="auditing", file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:

        def progress(done: int) -> None:
            bar.length = auditor.report.size
            bar.update(done - bar.pos)

        try:
            auditor.audit(progress)
        except (Lied, Unreached) as fault:
            return fault
    return None


def _json(report: Report, prefix: str, result: Lied | Unreached | None) -> str:
    outcome = "agree" if result is None else "lied" if isinstance(result, Lied) else "unreached"
    fault: Any = None if result is None else str(result)
    if isinstance(result, Lied):
        where = {"url": f"{prefix}/{result.path}", "offset": result.offset}
        fault = where | {"expected": result.expected, "found": result.found}
    heard = report.testimony
    fields = {
        "outcome": outcome, "url": prefix, "size": report.size, "root": report.root.hex(), "since": report.since,
        "tiles": report.tiles, "read": heard.read, "withheld": heard.withheld,
        "kinds": dict(sorted(heard.kinds.items())), "fault": fault,
    }  # fmt: skip
    return json.dumps(fields, ensure_ascii=False)


def _sentence(report: Report, prefix: str, result: Lied | Unreached | None) -> str:
    if result is not None:
        return f"{prefix}/{result}" if isinstance(result, Lied) else str(result)
    heard = report.testimony
    since = "" if report.since is None else f", grown from the {report.since} seen before"
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(heard.kinds.items()))
    return (
        f"all agree: {report.size} leaves{since}, root {report.root.hex()}\n"
        f"{report.tiles} tiles and bundles; {heard.read} statements hashed, read and their signers entitled ({kinds}); "
        f"{heard.withheld} withheld from strangers"
    )
