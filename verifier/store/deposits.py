"""Deposits: large bytes named by their SHA-256, as files outside Redis: `<folder>/<aa>/<digest>`, aa its first digits.

    stream into <aa>/.put-*       crash: a stray file, which `collect` removes
    hash it; refuse, or fsync     crash: the same
    rename to its digest          crash: there, or not there; never half
    fsync the folders             crash: there
    return

What a deposit means, and who may send one, is its caller's business. Digests are 64 lower-case hex digits, held to it
here: nothing else becomes part of a path. Every refusal is Malformed with a `code` the doors know.
"""

import os
import re
import tempfile
from collections.abc import Container, Iterable, Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from verifier import files
from verifier.statements.errors import Malformed

LIMIT = 256 * 2**20
CHUNK = 1 << 16
STRAY = ".put-"
_DIGEST = re.compile("[0-9a-f]{64}")


def put(folder: Path, digest: str, chunks: Iterable[bytes], limit: int = LIMIT) -> Path:
    """Keep what `chunks` bring, at most `limit` bytes, if it has this SHA-256; durable on return. Returns its file.

    Again is harmless, and makes the deposit new for `collect`. Raises Malformed (`deposit_digest`, `too_large`,
    `deposit_mismatch`), or whatever `chunks` or the disk raise; then nothing is left behind.
    """
    path = path_of(folder, digest)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=STRAY, dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            _receive(file, digest, chunks, limit)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    for parent in (path.parent, folder, folder.parent):  # the last two in case they were made just now
        files.sync(parent)
    return path


def exists(folder: Path, digest: str) -> bool:
    """Whether it is kept here; raises Malformed for what is no digest."""
    return path_of(folder, digest).is_file()


def held(folder: Path) -> list[str]:
    """The digests of all that are kept here, sorted."""
    return sorted(path.name for path in folder.glob("[0-9a-f][0-9a-f]/*") if _DIGEST.fullmatch(path.name))


def length(folder: Path, digest: str) -> int | None:
    """Its bytes, counted; None where it is not kept here."""
    path = path_of(folder, digest)
    return path.stat().st_size if path.is_file() else None


def open_chunks(folder: Path, digest: str) -> Iterator[bytes]:
    """Its bytes, 64 KiB at a time, hashed again on the way.

    Raises FileNotFoundError, or Malformed (`deposit_mismatch`) after the last chunk of a file that was altered: keep
    nothing of it before the end.
    """
    total = sha256()
    with path_of(folder, digest).open("rb") as file:
        while chunk := file.read(CHUNK):
            total.update(chunk)
            yield chunk
    _same(digest, total.hexdigest())


def collect(folder: Path, referred: Container[str], older_than_s: float, now: float) -> list[str]:
    """Remove the deposits that `referred` does not hold and strays, where last put more than `older_than_s` before
    `now` (Unix seconds); the digests removed, sorted. An upload of the same bytes at that very moment may be lost: the
    statement that needs it is then refused, and it is sent again."""
    removed = []
    for path in sorted(folder.glob("[0-9a-f][0-9a-f]/*")):
        deposit = _DIGEST.fullmatch(path.name) is not None
        if path.name in referred if deposit else not path.name.startswith(STRAY):
            continue
        with suppress(FileNotFoundError):  # a stray just renamed, or another collecting
            if path.stat().st_mtime < now - older_than_s:
                path.unlink()
                removed.append(path.name)
    return [name for name in removed if not name.startswith(STRAY)]


def path_of(folder: Path, digest: str) -> Path:
    """Where a digest is kept; raises Malformed for anything but 64 lower-case hex digits."""
    if not _DIGEST.fullmatch(digest):
        raise Malformed("deposit_digest", value=digest, expected="64 lower-case hex digits", found=repr(digest[:70]))
    return folder / digest[:2] / digest


def _receive(file: BinaryIO, digest: str, chunks: Iterable[bytes], limit: int) -> None:
    total, length = sha256(), 0
    for chunk in chunks:
        length += len(chunk)
        if length > limit:
            raise Malformed("too_large", value=digest, expected=f"at most {limit} bytes", found=f"{length} or more")
        total.update(chunk)
        file.write(chunk)
    _same(digest, total.hexdigest())


def _same(expected: str, found: str) -> None:
    if expected != found:
        raise Malformed("deposit_mismatch", value=expected, expected=f"bytes of SHA-256 {expected}", found=found)
