"""Who answered falsely: the convictions that a watcher (`verifier watch`) left beside this node. Each is a file that
anyone checks offline; what is listed was checked again here, and what no longer convinces is not shown.
"""

from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from flask import Blueprint, Response

from verifier.answers import conviction as files
from verifier.answers.convict import Convicted, convict, to_json
from verifier.verdict.trust import Trust
from verifier.web.doors.api import desk, no_store
from verifier.web.in_force import still_convicts
from verifier.web.problem import Problem
from verifier.web.words import language

blueprint = Blueprint("convictions", __name__)
FOLDER, SUFFIX = "convictions", ".conviction"
MOST = 100


@blueprint.get("/convictions")
def convictions() -> Response:
    """Who was convicted of a false answer, the newest 100 first: whose key, about what, since when, by which statement.
    Each `file` is all that it takes to check it: `python -m verifier convict FILE --trust trust.json`."""
    answer = no_store({"convictions": listed(MOST)})
    answer.vary.update(("Accept-Language", "Cookie"))
    return answer


def listed(most: int) -> list[dict[str, Any]]:
    """The newest convictions that convince, as shapes.Convicted, worded in the request's language."""
    found: list[dict[str, Any]] = []
    for path in _newest():
        if len(found) == most:
            break
        if (proven := _proven(path, desk().trust)) is not None:
            found.append({"id": path.stem, "file": f"/convictions/{path.stem}", **to_json(proven, language())})
    return found


@blueprint.get("/convictions/<name>")
def conviction(name: str) -> Response:
    """A conviction: one file (deterministic CBOR) that shows offline who answered falsely."""
    known = len(name) == 64 and not set(name) - set("0123456789abcdef")
    path = _folder() / f"{name}{SUFFIX}"
    if not known or _proven(path, desk().trust) is None:
        raise Problem("conviction_unknown", 404, "No such conviction is kept here.", value=name[:70])
    answer = Response(path.read_bytes(), content_type="application/probatum.conviction+cbor")
    answer.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return answer


def _newest() -> list[Path]:
    """The newest files; one that is removed meanwhile is none."""
    found: list[tuple[float, Path]] = []
    for path in _folder().glob(f"*{SUFFIX}"):
        with suppress(OSError):
            found.append((path.stat().st_mtime, path))
    return [path for _, path in sorted(found, reverse=True)[:MOST]]


def _folder() -> Path:
    return desk().settings.data / FOLDER


def _proven(path: Path, trust: Trust) -> Convicted | None:
    """What a file proves; None if it is not there, not of its name, or convinces nobody, or nobody any more."""
    try:
        found = path.stat()
        proven = _convicted(path, found.st_mtime_ns, found.st_size, trust)
    except OSError:
        return None
    return proven if proven is not None and still_convicts(desk(), proven) else None


@lru_cache(maxsize=2 * MOST)
def _convicted(path: Path, _: int, size: int, trust: Trust) -> Convicted | None:
    """Memoised while the file is the same: to list a hundred must not cost a hundred readings."""
    data = path.read_bytes() if size <= files.MAX_BYTES else b""
    try:
        return convict(files.decode(data), trust) if files.name_of(data) == path.stem else None
    except ValueError:
        return None
