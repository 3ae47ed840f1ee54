"""Who answered falsely: the convictions that a watcher (`verifier watch`) left beside this node. Each is a file that
anyone checks offline; what is listed was checked again here, and what no longer convinces is not shown.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any

from flask import Blueprint, Response

from verifier.answers import conviction as files
from verifier.answers.convict import Convicted, convict, to_json
from verifier.verdict.trust import Trust
from verifier.web.doors.api import desk, no_store
from verifier.web.problem import Problem
from verifier.web.words import language

blueprint = Blueprint("convictions", __name__)
FOLDER, SUFFIX = "convictions", ".conviction"
MOST = 100


@blueprint.get("/convictions")
def convictions() -> Response:
    """Who was convicted of a false answer, the newest 100 first: whose key, about what, since when, by which statement.
    Each `file` is all that it takes to check it: `python -m verifier convict FILE --trust trust.json`."""
    found: list[dict[str, Any]] = []
    for path in sorted(_folder().glob(f"*{SUFFIX}"), key=lambda path: (path.stat().st_mtime, path.name), reverse=True):
        if len(found) == MOST:
            break
        if (proven := _proven(path, desk().trust)) is not None:
            found.append({"id": path.stem, "file": f"/convictions/{path.stem}", **to_json(proven, language())})
    answer = no_store({"convictions": found})
    answer.vary.update(("Accept-Language", "Cookie"))
    return answer


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


def _folder() -> Path:
    return desk().settings.data / FOLDER


def _proven(path: Path, trust: Trust) -> Convicted | None:
    """What a file proves; None if it is not there, not of its name, or convinces nobody."""
    if not path.is_file() or path.stat().st_size > files.MAX_BYTES:
        return None
    data = path.read_bytes()
    return _convicted(data, trust) if files.name_of(data) == path.stem else None


@lru_cache(maxsize=MOST)
def _convicted(data: bytes, trust: Trust) -> Convicted | None:
    """Memoised by the bytes, as all that is pure here."""
    try:
        return convict(files.decode(data), trust)
    except ValueError:
        return None
