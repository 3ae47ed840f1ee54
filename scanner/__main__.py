"""`python -m scanner IMAGE...`: read the codes, and say what they are worth.

Exit: 0 genuine, 1 do_not_use, 2 unverified or server unreached, 3 nothing read, 4 caution, 64 usage or crash (an image
that cannot be opened); of several images 64, then 1 before 4 before 2 before 3 before 0. With --read: 0 or 3.

With --json, one line an image: {"file", "codes": [{"format", "symbology", "text", "bytes" (hex), "position"}],
"outcome", "answers", "reasons", "others"}, the last four as every door gives them; null, null, [] and [] where nothing
was read or nothing was asked. Of several things in one image the gravest verdict is the image's, with the rest as
"others". Why nothing was read, or no server answered, then stands on standard error.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import click

from scanner import decode, photo
from scanner.check import check, check_each, miss
from scanner.decode import Symbol
from scanner.photo import PhotoError
from scanner.sighting import Miss, Sighting, sight
from verifier.commands.client import Client, ServerError
from verifier.node import keyfile
from verifier.node.keyfile import KeyFile
from verifier.settings import from_env
from verifier.verdict import trust as trusts
from verifier.verdict.trust import Trust
from verifier.verdict.verdict import plain, to_json
from verifier.verdict.viewers import PATIENT, VIEWERS

USAGE = 64
EXITS = {"genuine": 0, "do_not_use": 1, "unverified": 2, "nothing_read": 3, "caution": 4, "unopened": USAGE}
BEFORE = (USAGE, 1, 4, 2, 3, 0)  # of several
SHOWN = {"outcome", "answers", "reasons", "identity", "as_of"}
TOLD = ("outcome", "answers", "reasons", "others")
OFFLINE_NEEDS = "--offline needs both --evidence FILE and --trust FILE"

Judge = Callable[[Sighting], tuple[dict[str, Any], str]]
"""What was seen -> its verdict's JSON, and a sentence on what prevented a better one ("" if nothing did)."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks: a member's key, or nobody's, and the viewer they name, if they name one."""

    key: KeyFile | None
    viewer: str | None

    @property
    def told_as(self) -> str:
        """In whose words we speak where no server does."""
        return self.viewer or PATIENT


@dataclass(frozen=True, slots=True)
class Row:
    """One image's line: its codes, its verdict's JSON or None, a sentence on what went wrong, and which exit it is."""

    file: str
    codes: tuple[Symbol, ...] = ()
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
@click.option("--as", "key_path", type=click.Path(dir_okay=False, path_type=Path), help="Your key: sign the request.")
@click.option("--viewer", type=click.Choice(list(VIEWERS)), help="Who looks; with --as, its member's usual one.")
@click.option("--lang", type=click.Choice(["fr", "en"]), default="en", show_default=True)
def command(
    images: tuple[Path, ...], server: str | None, as_json: bool, only_read: bool, offline: bool,
    evidence: Path | None, trust: Path | None, key_path: Path | None, viewer: str | None, lang: str,
) -> None:  # fmt: skip
    """Read the code in each IMAGE and print its verdict."""
    if offline and key_path is not None and viewer is None:
        raise click.UsageError("--as with --offline needs --viewer: nothing here says what its member is")
    if not offline and key_path is None and viewer not in (None, PATIENT):
        raise click.UsageError(f"--viewer {viewer} needs --as KEYFILE: only members ask as professionals")
    asker = Asker(keyfile.load(key_path) if key_path else None, viewer)
    if offline and (evidence is None or trust is None):
        raise click.UsageError(OFFLINE_NEEDS)
    if not offline and (evidence is not None or trust is not None):
        raise click.UsageError("--evidence and --trust go with --offline")
    results = []
    with nullcontext() if only_read else _judge(server, evidence, trust, asker, lang) as judge:
        for image in images:
            row = _scan(image, judge, asker, lang)
            results.append(row.result)
            click.echo(json.dumps(_json(row), ensure_ascii=False) if as_json else _text(row))
            if as_json and row.trouble:
                click.echo(f"{row.file}: {row.trouble}", err=True)
    sys.exit(exit_code(results))


@contextmanager
def _judge(
    server: str | None, evidence: Path | None, trust: Path | None, asker: Asker, language: str
) -> Iterator[Judge]:
    if evidence is not None and trust is not None:
        yield _offline(evidence.read_bytes(), trusts.decode(trust.read_text("utf-8")), asker, language)
    else:
        with Client(server or from_env(os.environ).base_url) as client:
            yield _online(client, asker, language)


def _offline(evidence: bytes, trust: Trust, asker: Asker, language: str) -> Judge:
    who = asker.told_as, asker.key.member if asker.key else None
    return lambda seen: (to_json(check(seen, evidence, trust, now(), *who), language), "")


def _online(server: Client, asker: Asker, language: str) -> Judge:
    def judge(seen: Sighting) -> tuple[dict[str, Any], str]:
        asked = _ask(seen) | ({"viewer": asker.viewer} if asker.viewer else {})
        try:
            answer = json.loads(server.post_json("/api/scan", asked, {"Accept-Language": language}, asker.key))
            if not isinstance(answer, dict) or not answer.keys() >= SHOWN:
                raise ValueError(f"{server.base}: expected a verdict, found other JSON")
        except (ServerError, ValueError) as fault:
            refused = isinstance(fault, ServerError) and fault.status in range(400, 500)
            code = "unverified" if refused else "unreached"
            return to_json(plain(code, seen.identity, now(), asker.told_as), language), str(fault)
        return answer, ""

    return judge


def _scan(image: Path, judge: Judge | None, asker: Asker, language: str) -> Row:
    """Read one image, and judge what it shows."""
    name = click.format_filename(image)
    try:
        symbols = decode.decode(photo.read_photo(image.read_bytes()))
    except OSError as fault:
        why = fault.strerror or fault.__class__.__name__
        return Row(name, trouble=f"expected an image to open, found: {why}", result="unopened")
    except PhotoError as fault:
        return Row(name, trouble=str(fault))
    if not symbols:
        return Row(name, trouble="No code was read.")
    if judge is None:
        return Row(name, symbols, result="genuine")
    verdict, trouble = _told(sight(symbols, from_env(os.environ).hosts), judge, asker, language)
    return Row(name, symbols, verdict, trouble, str(verdict["outcome"]))


def _told(seen: Sighting | Miss, judge: Judge, asker: Asker, language: str) -> tuple[dict[str, Any], str]:
    """What was read, judged; what makes no identity is judged by nobody, and says so."""
    if isinstance(seen, Sighting):
        troubles: dict[str, None] = {}

        def judge_one(one: Sighting) -> dict[str, Any]:
            verdict, trouble = judge(one)
            troubles.update({trouble: None} if trouble else {})
            return verdict

        return check_each(seen, judge_one, now(), language, asker.told_as), " ".join(troubles)
    verdict, nothing = miss(seen, now(), asker.told_as), plain("unverified", None, now(), asker.told_as)
    return to_json(verdict or nothing, language), "" if verdict else _printable(seen.detail)


def _ask(seen: Sighting) -> dict[str, Any]:
    """What to send of a sighting: the code as it was read, and in which symbology."""
    symbol = seen.symbol
    return {"text": symbol.text, "symbology": symbol.symbology} if symbol else {"text": seen.identity.digital_link()}


def _json(row: Row) -> dict[str, Any]:
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
    verdict = row.verdict or {"outcome": None, "answers": None, "reasons": [], "others": []}
    return {"file": row.file, "codes": codes} | {name: verdict[name] for name in TOLD}


def _text(row: Row) -> str:
    if row.verdict is None:
        read = "; ".join(f"{symbol.format} {symbol.text!r}" for symbol in row.codes)
        return f"{row.file}: {read or row.trouble}"
    head, *lines = _lines(row.verdict)
    for other in row.verdict["others"]:
        first, *rest = _lines(other)
        lines += [f"beside it: {first}", *(f"    {line}" for line in rest)]
    return "\n    ".join([f"{row.file}: {head}", *lines, *([row.trouble] if row.trouble else [])])


def _lines(verdict: dict[str, Any]) -> list[str]:
    """A verdict in words: its gravest reason, the print to compare, its other reasons, and since when."""
    head, *more = verdict["reasons"]
    told = f"{head['outcome'].upper()}  {head['headline']}. {head['sentence']} {head['next_step']}"
    identity, as_of = verdict["identity"], verdict["as_of"]
    human = ["  ".join(f"{name} {value}" for name, value in identity["human"])] if identity else []
    also = [f"also: {reason['headline']}" for reason in more]
    return [told, *human, *also, *([f"as of {as_of}"] if as_of else [])]


def _printable(text: str) -> str:
    """A stranger's code must not steer the terminal it is shown on."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def exit_code(results: Iterable[str]) -> int:
    """The exit code of several results: the gravest, in the order of BEFORE.

    >>> exit_code(["genuine", "caution", "unverified"])
    4
    """
    codes = {EXITS[result] for result in results}
    return next(code for code in BEFORE if code in codes)


def now() -> int:
    """Unix seconds."""
    return int(time.time())


def main(arguments: list[str] | None = None) -> NoReturn:
    """The command, with every failure of ours as 64 and one sentence, never a stack trace."""
    try:
        command.main(arguments, "python -m scanner", standalone_mode=False)
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
