"""`watch`: follow a log, ask its node as patients do, and convict whoever answers falsely.

Each round reads what the log added, takes what lies in --inbox, asks one question at a door where everybody asks, and
replays every answer heard. What convicts is written to --out, a file each, and told on one line:
{"conviction": name, ...} as answers/convict.to_json with --json.

Exit, after --rounds or a signal: 0 nothing false was heard; 1 somebody was convicted, or what was shown is wrong though
no file proves it (bytes that are not what the log signed, an answer from an older ledger than was shown before, or one
that names what is no leaf);
2 the log was never reached; 64 asked wrongly.
"""

import json
import random
import signal
import sqlite3
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from verifier import files as disk
from verifier.answers import conviction as files
from verifier.answers.convict import convict, to_json
from verifier.answers.conviction import Conviction
from verifier.answers.replay import answer_in
from verifier.commands.audit import AGREE, LIED, UNREACHED, Command, asked_wrongly
from verifier.commands.client import Client, ServerError
from verifier.commands.convict import in_words
from verifier.commands.where import prefix
from verifier.ledger import checkpoint as notes
from verifier.node import inbox, keyfile, questions
from verifier.node.memory import Memory
from verifier.node.remote import Remote
from verifier.node.testimony import Lied, Unreached
from verifier.node.watcher import Watcher
from verifier.settings import Settings
from verifier.statements.answer import Answer
from verifier.verdict import evidence as evidences
from verifier.verdict import trust as trusts

FOLDER, SUFFIX = "convictions", ".conviction"
LONGEST_CODES = 4 << 20  # bytes of the file of codes
PATIENCE = 5  # times the usual pause, when the node asks for patience or is not there


@dataclass
class Watch:
    """One watching: who watches, whom it asks, where convictions go."""

    watcher: Watcher
    patient: Client
    out: Path
    codes: Sequence[str]
    since: int | None
    inbox: Path | None
    as_json: bool
    chance: random.Random = field(default_factory=random.SystemRandom)
    status: int = UNREACHED

    def round(self) -> bool:
        """One round; whether the node was there."""
        try:
            self._publish(self.watcher.follow())
            for _ in self.watcher.read_statements():
                pass
        except Lied as fault:
            self._told({"lied": str(fault)}, f"the log lied: {fault}")
            self.status = LIED
        except Unreached as fault:
            self._told({"unreached": str(fault)}, str(fault))
            return False
        if self.status == UNREACHED:
            self.status = AGREE
        if self.inbox is not None:
            for path, said, found in inbox.take(self.inbox, self.watcher):
                self._told({"file": path.name, "said": said}, f"{path.name}: {said}")
                self._publish(found)
        there = self._ask()
        for raw, replayed in self.watcher.replay():
            self._publish(replayed.convictions)
            if "no_leaf" in replayed.not_judged:
                self._strange(answer_in(raw))
        return there

    def _ask(self) -> bool:
        text = questions.draw(self.watcher.memory, self.codes, self.chance)
        if text is None:
            return True
        asked = {"text": text, "since": self.since, "viewer": None, "whole_lot": False}  # as `prove` asks
        try:
            found = evidences.decode(self.patient.evidence(asked, evidences.MAX_BYTES))
            self._publish(self.watcher.hear(found))
            self._behind(text, answer_in(found.answer or b"").size)
        except ServerError as fault:
            self._told({"unanswered": text, "why": str(fault)}, f"not answered: {fault}")
            return fault.status not in (None, 429, 503)
        except ValueError as fault:  # not evidence of this log: nobody would believe it either
            self._told({"unbelieved": text, "why": str(fault)}, f"{text}: {fault}")
        return True

    def _strange(self, answer: Answer) -> None:
        """To name what is no leaf hides what is one: less can be shown beside it. No file proves it: it is told."""
        self.status = LIED
        sentence = f"{answer.identity}: answered as of {answer.size} leaves, and names what is none of them"
        self._told({"no_leaf": answer.identity, "size": answer.size}, sentence)

    def _behind(self, text: str, size: int) -> None:
        """To answer from an older ledger than was shown a moment ago hides what came since: no file proves it, and it
        is told."""
        seen = self.watcher.memory.size
        if size < seen:
            self.status = LIED
            sentence = f"{text}: answered as of {size} leaves, {seen} were shown before"
            self._told({"behind": text, "size": size, "seen": seen}, sentence)

    def _publish(self, found: Iterable[Conviction]) -> None:
        for conviction in found:
            convicted, data = convict(conviction, self.watcher.trust), files.encode(conviction)
            self.status = LIED
            told, memory = (convicted.kid, convicted.lies[0].code, convicted.identity or ""), self.watcher.memory
            if memory.convicted(*told):
                continue  # the same lie by the same key about the same thing: once is enough
            name = files.name_of(data)
            disk.write(self.out / f"{name}{SUFFIX}", data, 0o644)
            memory.convict(*told, name)
            shown = to_json(convicted, "en")
            self._told({"conviction": name, **shown}, f"{name}{SUFFIX}\n{in_words(shown)}")

    def _told(self, fields: dict[str, Any], sentence: str) -> None:
        click.echo(json.dumps(fields, ensure_ascii=False) if self.as_json else sentence)


@click.command(cls=Command, short_help="Follow a log, and convict who answers falsely.")
@click.option("--from", "url", callback=prefix, help="Whose log and answers; this machine's server by default.")
@click.option(
    "--trust", "trust_path", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What is believed beforehand (verifier trust).",
)  # fmt: skip
@click.option("--state", type=click.Path(file_okay=False, path_type=Path), help="What is remembered; watch/.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Where convictions go; convictions/.")
@click.option("--codes", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Codes to ask about.")
@click.option("--inbox", type=click.Path(exists=True, file_okay=False, path_type=Path), help="What others were given.")
@click.option("--as", "key_path", type=click.Path(dir_okay=False, path_type=Path), help="Your key: read as its member.")
@click.option("--every", type=click.FloatRange(min=0.0, max=86_400), default=10.0, show_default=True, help="Seconds.")
@click.option("--rounds", type=click.IntRange(min=1), help="End after so many; never by itself otherwise.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON for each thing found.")
@click.pass_obj
def command(
    settings: Settings, url: str | None, trust_path: Path, state: Path | None, out: Path | None, codes: Path | None,
    inbox: Path | None, key_path: Path | None, every: float, rounds: int | None, as_json: bool,
) -> None:  # fmt: skip
    """Follow a log, ask its node at random as anybody would, and convict whoever answers falsely.

    With --as, events are read as the key's member may read them: without, hidden steps go unseen. --inbox takes
    evidence files that others were given, statements that the log may hide, and receipts (`verifier entry --receipt`).

    Exit: 0 nothing false, 1 somebody was convicted, 2 not reached, 64 asked wrongly.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    prefix, folders = url or settings.base_url, [out or settings.data / FOLDER, state or settings.data / "watch"]
    with asked_wrongly():
        trust = trusts.decode(trust_path.read_text("utf-8"))
        key = keyfile.load(key_path) if key_path else None
        lines = _lines(codes) if codes else ()
        since = notes.open(trust.checkpoint, trust.policy).size if trust.checkpoint else None
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
        memory = _memory(folders[1] / "log.sqlite")
    with Remote(prefix, key=key) as log, Client(prefix) as patient, memory:
        if key is not None:
            memory.ask_again()
        watch = Watch(Watcher(log, trust, memory), patient, folders[0], lines, since, inbox, as_json)
        _keep_on(watch, stop, every, rounds)
    raise SystemExit(watch.status)


def _memory(path: Path) -> Memory:
    """What is remembered; raises ValueError for a file that is something else."""
    try:
        return Memory(path)
    except sqlite3.Error as fault:
        raise ValueError(
            f"{path}: expected what a watcher remembers, found {fault}; remove it to begin anew"
        ) from fault


def _keep_on(watch: Watch, stop: threading.Event, every: float, rounds: int | None) -> None:
    """Round after round, a random pause between: about `every` seconds, longer where nobody is there."""
    while not stop.is_set():
        there = watch.round()
        rounds = rounds - 1 if rounds is not None else None
        if rounds == 0:
            return
        stop.wait(min(watch.chance.expovariate(1.0), 5.0) * every * (1 if there else PATIENCE))


def _lines(path: Path) -> tuple[str, ...]:
    if path.stat().st_size > LONGEST_CODES:
        raise ValueError(f"{path}: expected at most {LONGEST_CODES} bytes, found {path.stat().st_size}")
    return tuple(line for line in path.read_text("utf-8").splitlines() if line.strip())
