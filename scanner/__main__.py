"""`python -m scanner IMAGE...`: read the codes, and say what they are worth.

Exit: 0 genuine, 1 do_not_use, 2 unverified or server unreached, 3 nothing read, 4 caution, 64 usage or crash;
of several images 1 before 4 before 2 before 3 before 0. With --read: 0 or 3.
"""

import json
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import click

from scanner import decode, photo
from scanner.check import check, miss
from scanner.decode import Symbol
from scanner.photo import PhotoError
from scanner.sighting import Miss, Sighting, sight
from verifier.commands.client import Client, ServerError
from verifier.settings import from_env
from verifier.verdict import trust as trusts
from verifier.verdict.reasons import words
from verifier.verdict.trust import Trust
from verifier.verdict.verdict import to_json

EXITS = {"genuine": 0, "do_not_use": 1, "unverified": 2, "nothing_read": 3, "caution": 4}
BEFORE = (1, 4, 2, 3, 0)  # of several
USAGE = 64
OFFLINE_NEEDS = "--offline needs both --evidence FILE and --trust FILE"


@dataclass(frozen=True, slots=True)
class How:
    """What judges: a server, or an evidence file and a trust; neither with --read."""

    server: Client | None
    evidence: bytes | None
    trust: Trust | None
    language: str


@dataclass(frozen=True, slots=True)
class Row:
    """One image's line: its codes, and the verdict's JSON or why there is none."""

    file: str
    codes: tuple[Symbol, ...]
    verdict: dict[str, Any] | None = None
    trouble: str = ""
    result: str = "nothing_read"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="IMAGE...")
@click.option("--server", help="Who gathers the evidence; this machine's server by default.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON an image.")
@click.option("--read", "only_read", is_flag=True, help="Decode only; no server is asked.")
@click.option("--offline", is_flag=True, help="Judge from --evidence and --trust alone.")
@click.option("--evidence", type=click.Path(dir_okay=False, path_type=Path), help="An evidence file (verifier prove).")
@click.option(
    "--trust", type=click.Path(dir_okay=False, path_type=Path), help="What is believed beforehand (verifier trust)."
)
@click.option("--lang", type=click.Choice(["fr", "en"]), default="en", show_default=True)
def command(
    images: tuple[Path, ...], server: str | None, as_json: bool, only_read: bool, offline: bool,
    evidence: Path | None, trust: Path | None, lang: str,
) -> None:  # fmt: skip
    """Read the code in each IMAGE and print its verdict."""
    if offline and (evidence is None or trust is None):
        raise click.UsageError(OFFLINE_NEEDS)
    if not offline and (evidence is not None or trust is not None):
        raise click.UsageError("--evidence and --trust go with --offline")
    how = How(None, None, None, lang) if only_read else _how(server, evidence, trust, lang)
    rows = [_scan(image, how, only_read) for image in images]
    for row in rows:
        click.echo(json.dumps(_json(row, only_read), ensure_ascii=False) if as_json else _text(row, lang, only_read))
    sys.exit(exit_code(row.result for row in rows))


def _how(server: str | None, evidence: Path | None, trust: Path | None, language: str) -> How:
    if evidence is not None and trust is not None:
        return How(None, evidence.read_bytes(), trusts.decode(trust.read_text("utf-8")), language)
    import os  # the address is the only thing that the environment decides here

    return How(Client(server or from_env(os.environ).base_url), None, None, language)


def _scan(image: Path, how: How, only_read: bool) -> Row:
    """Read one image, and judge what it shows."""
    name = str(image)
    try:
        symbols = decode.decode(photo.read_photo(image.read_bytes()))
    except PhotoError as fault:
        return Row(name, (), trouble=str(fault))
    if only_read:
        return Row(name, symbols, result="genuine" if symbols else "nothing_read")
    seen = sight(symbols)
    if isinstance(seen, Miss):
        verdict = miss(seen, int(time.time()))
        if verdict is None:
            result = "unverified" if symbols else "nothing_read"
            return Row(name, symbols, trouble=seen.detail, result=result)
        return Row(name, symbols, to_json(verdict, how.language), result=verdict.outcome)
    try:
        found = _judge(seen, how)
    except ServerError as fault:
        return Row(name, symbols, trouble=str(fault), result="unverified")
    return Row(name, symbols, found, result=str(found["outcome"]))


def _judge(seen: Sighting, how: How) -> dict[str, Any]:
    if how.server is None:
        assert how.evidence is not None and how.trust is not None  # noqa: S101 - _how made it so
        return to_json(check(seen, how.evidence, how.trust, int(time.time())), how.language)
    fields = _ask(seen)
    answer: dict[str, Any] = json.loads(how.server.post_json("/api/scan", fields, {"Accept-Language": how.language}))
    return answer


def _ask(seen: Sighting) -> dict[str, Any]:
    """What to send of a sighting: the code as it was read, and in which symbology."""
    symbol = seen.symbol
    return {"text": symbol.text, "symbology": symbol.symbology} if symbol else {"text": seen.identity.digital_link()}


def _json(row: Row, only_read: bool) -> dict[str, Any]:
    codes = [
        {
            "format": symbol.format,
            "symbology": symbol.symbology,
            "text": symbol.text,
            "bytes": symbol.content.hex(),
            "position": [list(corner) for corner in symbol.position],
        }
        for symbol in row.codes
    ]
    line: dict[str, Any] = {"file": row.file, "codes": codes}
    if not only_read:
        verdict = row.verdict
        line["outcome"] = row.result if verdict or row.codes else None
        line["answers"] = verdict["answers"] if verdict else None
        line["reasons"] = verdict["reasons"] if verdict else []
        line["as_of"] = verdict["as_of"] if verdict else None
    return {**line, **({"error": row.trouble} if row.trouble else {})}


def _text(row: Row, language: str, only_read: bool) -> str:
    if row.verdict is None:
        lines = [f"{symbol.format} {symbol.text!r}" for symbol in row.codes] if only_read else []
        lines += [row.trouble] if row.trouble else []
        return f"{row.file}: " + ("; ".join(lines) or "nothing read")
    head, *more = row.verdict["reasons"]
    told = f"{row.file}: {head['outcome'].upper()}  {head['headline']}. {head['sentence']} {head['next_step']}"
    also = [f"    also: {words(reason['code'], language)['headline']}" for reason in more]
    rows = row.verdict["identity"]["human"] if row.verdict["identity"] else []
    human = ["    " + "  ".join(f"{name} {value}" for name, value in rows)] if rows else []
    return "\n".join([told, *human, *also])


def exit_code(results: Iterable[str]) -> int:
    """The exit code of several results: the gravest, in the order of BEFORE.

    >>> exit_code(["genuine", "caution", "unverified"])
    4
    """
    codes = {EXITS[result] for result in results}
    return next(code for code in BEFORE if code in codes)


def main() -> NoReturn:
    """The command, with every failure of ours as 64 and one sentence, never a stack trace."""
    try:
        command.main(standalone_mode=False)
    except click.exceptions.Exit as ended:
        sys.exit(ended.exit_code)
    except click.ClickException as fault:
        fault.show()
        sys.exit(USAGE)
    except Exception as fault:
        click.echo(f"scanner: {fault.__class__.__name__}: {fault}", err=True)
        sys.exit(USAGE)
    sys.exit(0)


if __name__ == "__main__":
    main()
