"""A node that lies to whoever asks, and keeps an honest log: real doors over a real socket, its gatherer made to leave
statements out. What it hides is signed with its own answer key, since nobody would believe it otherwise.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from forge import Forger, trust
from house import House
from msgspec.structs import replace as changed
from served import free_port
from werkzeug.serving import WSGIRequestHandler, make_server

from verifier.answers import conviction
from verifier.answers.conviction import Conviction
from verifier.ledger import checkpoint as notes
from verifier.ledger.checkpoint import Checkpoint
from verifier.ledger.merkle import leaf_hash
from verifier.node.keyfile import load
from verifier.settings import ROOT
from verifier.statements.answer import Answer
from verifier.statements.envelope import read
from verifier.statements.kinds import body_of
from verifier.verdict.evidence import Evidence
from verifier.verdict.trust import encode
from verifier.web.desk import policy_of

Lie = Callable[[Answer], dict[str, Any]]
"""What an answer says instead: the fields that change, none where it stays honest."""


class Quiet(WSGIRequestHandler):
    """Says nothing on standard error."""

    def log(self, *_: Any) -> None:
        pass


@contextmanager
def serving(house: House) -> Iterator[str]:
    """The address at which a house's doors are served."""
    server = make_server("127.0.0.1", free_port(), house.app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()


@contextmanager
def lying(house: House, lie: Lie) -> Iterator[None]:
    """While inside, the house's gatherer lies: the answer is signed anew, and what it no longer names is not shown."""
    honest, forger = house.desk.gatherer.gather, Forger(house)

    def gather(*asked: Any) -> Evidence:
        found = honest(*asked)
        answer = body_of(read(found.answer or b""))
        assert isinstance(answer, Answer)
        said = lie(answer)
        if not said:
            return found
        told = changed(answer, **said)
        shown = tuple(e for e in found.statements if read(e.raw).id in told.applies)
        key = next(one for one in (forger.answerer, *forger.makers) if one.kid == read(found.answer or b"").kid)
        return replace(found, statements=shown, answer=forger.sign_answer(told, key))

    house.desk.gatherer.gather = gather  # type: ignore[method-assign]
    try:
        yield
    finally:
        del house.desk.gatherer.gather  # the class's own again


def trust_file(house: House, folder: Path) -> Path:
    """What an auditor believes beforehand."""
    path = folder / "trust.json"
    path.write_text(encode(trust(house)), "utf-8")
    return path


def watch(house: House, url: str, folder: Path, *more: str, code: str = "", rounds: int = 80) -> tuple[int, list[Any]]:
    """An auditor in a process of its own, for so many rounds; its exit status, and what it told."""
    (folder / "codes").write_text(code + "\n", "utf-8")
    argv = [
        *(sys.executable, "-m", "verifier", "watch", "--from", url, "--trust", str(trust_file(house, folder))),
        *("--state", str(folder / "state"), "--out", str(folder / "out"), "--codes", str(folder / "codes")),
        *("--rounds", str(rounds), "--every", "0", "--json", *more),
    ]
    done = subprocess.run(argv, cwd=ROOT, env=environment(folder), capture_output=True, timeout=100, check=False)
    assert not done.stderr, done.stderr.decode()
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def convict(folder: Path, name: str) -> tuple[int, Any]:
    """A conviction checked in another process, with nothing but the file and the trust."""
    file = folder / "out" / f"{name}.conviction"
    argv = [sys.executable, "-m", "verifier", "convict", str(file), "--trust", str(folder / "trust.json"), "--json"]
    done = subprocess.run(argv, cwd=ROOT, env=environment(folder), capture_output=True, timeout=30, check=False)
    return done.returncode, json.loads(done.stdout)


def key_path(house: House, member: str) -> str:
    """A member's key file."""
    return str(house.settings.data / "keys" / f"{member}.key")


def environment(folder: Path) -> dict[str, str]:
    """Of who has no node: an empty data folder."""
    return {name: value for name, value in os.environ.items() if name != "REDIS_URL"} | {"PROBATUM_DATA": str(folder)}


def two_logs(data: Path) -> Path:
    """A conviction kept beside the node of `data`: of its own log, that signed two trees of one leaf."""
    log, genesis = load(data / "node" / "log.key"), read((data / "genesis.cose").read_bytes())
    origin = policy_of(data).log.name
    roots = (leaf_hash(genesis.id), bytes(32))
    believed, seen = (notes.sign(Checkpoint(origin, 1, root), log.seed) for root in roots)
    found = conviction.encode(Conviction(Evidence(believed), seen=seen))
    path = data / "convictions" / f"{conviction.name_of(found)}.conviction"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(found)
    return path
