"""DESIGN's walls, read from the source: imports run one way, pure rooms stay pure, every room is on the map.

A door opened is a row changed here and in verifier/__init__.py. Nothing is imported; the standard library's ast reads.
"""

import ast
import graphlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

PURE = {"identity", "statements", "credentials", "ledger", "custody", "people", "state", "verdict", "answers"}
IMPURE = {"flask", "redis", "requests", "httpx", "cv2", "os", "time", "random", "secrets", "logging", "socket"}
"""What a pure room never imports: the time, salts and keys are arguments."""

ROOMS: dict[str, str] = {
    "identity": "",
    "ledger": "",
    "statements": "identity",
    "credentials": "identity",
    "custody": "statements identity",
    "people": "statements identity",
    "state": "custody people statements identity",
    "verdict": "custody people credentials ledger statements identity",
    "labels": "identity",
    "answers": "verdict state custody ledger statements identity",
    "vault": "",
    "store": "verdict.evidence state ledger statements identity",
    "node": "answers store vault state verdict.evidence verdict.trust ledger statements identity",
    "witness": "node ledger statements",
    "scanner": "verdict ledger identity",
    "web": "scanner node store vault labels answers verdict custody state ledger statements identity",
}
"""Room -> the rooms it may import (a dot names one file of a room). All may import themselves."""

LEAVES = frozenset({"verifier.settings", "verifier.process", "verifier.files"})
"""Impure and of no room: they import nothing of ours; any room that is not pure may import them."""

COMPOSERS = (
    *("app", "benchmarks", "conformance"),
    *("verifier.commands", "verifier.demo", "verifier.consortium", "verifier.__main__", "scanner.__main__"),
)
"""They may import anything, and nothing but another composer imports them."""


@dataclass(frozen=True, slots=True)
class Import:
    """`where` (path:line) in `module` imports `target`, a dotted name that may end in a name within a module."""

    where: str
    module: str
    target: str


def imports(root: Path) -> Iterator[Import]:
    """Every import below `root`, those inside functions too."""
    folders = (root / name for name in ("verifier", "scanner", "benchmarks", "conformance"))
    for path in sorted([*root.glob("app.py"), *(path for folder in folders for path in folder.rglob("*.py"))]):
        relative = path.relative_to(root)
        package = relative.parent.parts if path.name == "__init__.py" else relative.with_suffix("").parts
        module = ".".join(package)
        for node in ast.walk(ast.parse(path.read_text("utf-8"), str(path))):
            for target in targets(node, relative.parent.parts):
                yield Import(f"{relative}:{getattr(node, 'lineno', 0)}", module, target)


def targets(node: ast.AST, package: tuple[str, ...]) -> list[str]:
    """The dotted names that an import statement brings in, relative ones resolved."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        base = [*package[: len(package) - node.level + 1], node.module] if node.level else [node.module]
        return [".".join([*filter(None, base), alias.name]) for alias in node.names]
    return []


def within(name: str, *prefixes: str) -> bool:
    return any(name == prefix or name.startswith(prefix + ".") for prefix in prefixes)


def room(name: str) -> str:
    """ "verifier.ledger.merkle" -> "ledger"; the scanner is one room."""
    parts = name.split(".")
    return parts[0] if parts[0] != "verifier" else parts[1] if len(parts) > 1 else "verifier"


def fault(found: Import) -> str | None:
    """Why this import breaks a wall, or None."""
    ours, target = found.module, found.target
    if within(ours, *COMPOSERS):
        return None
    if not within(target, "verifier", "scanner", "app", "benchmarks", "conformance"):
        outside = target.split(".")[0]
        return f"{room(ours)} is pure" if room(ours) in PURE and outside in IMPURE else None
    if within(target, *COMPOSERS):
        return "nothing imports a composer"
    if within(ours, *LEAVES) or ours == "verifier":
        return f"{ours} imports nothing of ours"
    if room(ours) not in ROOMS:
        return f"{room(ours)} is not on the map"
    if within(target, *LEAVES):
        return f"{room(ours)} is pure" if room(ours) in PURE else None
    allowed = [room(ours), *ROOMS[room(ours)].split()]
    if within(target.removeprefix("verifier."), *allowed):
        return None
    return f"{room(ours)} may import only {', '.join(allowed)}"


def faults(root: Path) -> list[str]:
    return [f"{found.where} imports {found.target}: {why}" for found in imports(root) if (why := fault(found))]


def test_the_walls_hold() -> None:
    assert faults(ROOT) == []


def test_every_room_is_on_the_map() -> None:
    standing = {path.parent.name for path in ROOT.glob("verifier/*/*.py")} - {"commands", "consortium"}
    drawn = (ROOT / "verifier" / "__init__.py").read_text("utf-8")
    assert standing <= ROOMS.keys()
    assert [name for name in sorted(standing) if f" {name}/ " not in drawn] == []


def test_the_table_has_no_circle() -> None:
    doors = {name: {door.split(".")[0] for door in row.split()} for name, row in ROOMS.items()}
    assert tuple(graphlib.TopologicalSorter(doors).static_order())


PLANTED = [
    ("verifier/ledger/merkle.py", "import os", "imports os: ledger is pure"),
    ("verifier/ledger/merkle.py", "from time import time", "imports time.time: ledger is pure"),
    ("verifier/verdict/judge.py", "def f():\n    import random", "imports random: verdict is pure"),
    ("verifier/state/replay.py", "from verifier.settings import ROOT", "state is pure"),
    ("verifier/ledger/merkle.py", "from verifier import statements", "ledger may import only ledger"),
    ("verifier/ledger/merkle.py", "from ..statements import cbor", "imports verifier.statements.cbor"),
    ("verifier/identity/__init__.py", "from ..ledger import merkle", "imports verifier.ledger.merkle"),
    ("verifier/store/gather.py", "from verifier.verdict.judge import judge", "store may import only"),
    ("verifier/node/node.py", "import scanner.decode", "imports scanner.decode: node may import only"),
    ("verifier/web/api.py", "from verifier import demo", "imports verifier.demo: nothing imports a composer"),
    ("scanner/check.py", "from scanner.__main__ import main", "nothing imports a composer"),
    ("scanner/check.py", "from verifier.store import redis", "scanner may import only"),
    ("verifier/settings.py", "from verifier.store import redis", "verifier.settings imports nothing of ours"),
    ("verifier/attic/box.py", "import verifier.ledger", "attic is not on the map"),
]


@pytest.mark.parametrize(("path", "source", "why"), PLANTED)
def test_a_planted_violation_fails_by_name(tmp_path: Path, path: str, source: str, why: str) -> None:
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).write_text(source)
    (sentence,) = faults(tmp_path)
    assert sentence.startswith(f"{path}:")
    assert why in sentence


ALLOWED = [
    ("app.py", "import scanner.decode, verifier.web"),
    ("verifier/commands/serve.py", "from verifier import demo"),
    ("verifier/store/gather.py", "from verifier.verdict.evidence import Evidence"),
    ("verifier/store/embedded.py", "from verifier.process import Process"),
    ("verifier/ledger/note.py", "import base64\nfrom . import merkle"),
    ("verifier/web/__init__.py", "from flask import Flask\nfrom scanner import decode"),
]


@pytest.mark.parametrize(("path", "source"), ALLOWED)
def test_an_open_door_is_open(tmp_path: Path, path: str, source: str) -> None:
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_text(source)
    assert faults(tmp_path) == []
