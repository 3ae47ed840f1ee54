"""Files written whole: after a crash there is the old one or the new one, never half of one; and secrets, once.

    write <name>.part, fsync     crash: the old file stands, beside a part that the next writing replaces
    rename to <name>             crash: one or the other
    fsync the folder             crash: there

Only the disk's side lives here: nothing knows what the bytes mean, and nothing of ours is imported.
"""

import os
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path

PART = ".part"


class WrongBytes(ValueError):
    """What came is not what was announced; nothing of it was kept."""


def write(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Write a file whole; durable on return. Its folder exists."""
    write_all(path.parent, {path.name: data}, mode)


def write_all(folder: Path, files: Mapping[str, bytes], mode: int = 0o600) -> None:
    """Write files below `folder`, each whole; all durable on return, and none before the others' bytes are.

    The bytes of all are handed to the disk before any is waited for: 256 small files take a quarter of the time.
    """
    parts: list[tuple[Path, int]] = []
    try:
        for name, data in files.items():
            path = folder / name
            part = path.with_name(path.name + PART)
            parts.append((path, os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)))
            _write(parts[-1][1], data)
        for _, descriptor in parts:
            os.fsync(descriptor)
    finally:
        for _, descriptor in parts:
            os.close(descriptor)
    for path, _ in parts:
        path.with_name(path.name + PART).replace(path)
    for parent in {path.parent for path, _ in parts}:
        sync(parent)


def create(path: Path, line: str) -> None:
    """Write a secret's file, one line of ASCII, mode 0600, and its folder (0700) where there is none; durable on
    return. Raises FileExistsError rather than overwrite one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(f"{line}\n")
        file.flush()
        os.fsync(file.fileno())
    sync(path.parent)


def write_chunks(path: Path, chunks: Iterable[bytes], digest: str, limit: int) -> None:
    """Write a file as it comes, at most `limit` bytes, if they have this SHA-256 (hex); durable on return.

    Raises WrongBytes, or whatever `chunks` raise; then nothing is left behind.
    """
    part, total, length = path.with_name(path.name + PART), sha256(), 0
    try:
        with part.open("wb") as file:
            for chunk in chunks:
                length += len(chunk)
                if length > limit:
                    raise WrongBytes(f"expected at most {limit} bytes, found more")
                total.update(chunk)
                file.write(chunk)
            if total.hexdigest() != digest:
                raise WrongBytes(f"expected bytes of SHA-256 {digest}, found {total.hexdigest()}")
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    sync(path.parent)


def sync(folder: Path) -> None:
    """Make durable what was renamed, made or removed in a folder."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(path: Path) -> None:
    """Make a folder and those above it (mode 0700), durable on return."""
    if not path.is_dir():
        make_folder(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)
        sync(path.parent)


def _write(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
