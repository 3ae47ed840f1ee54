"""What this machine has published, kept outside the store: the last signed checkpoint, in a file beside the log's key.

A store that holds less, or something else, was emptied, restored from a copy or exchanged. Going on from there would
sign a second ledger in the name of the first, so the node starts only on a store that holds this checkpoint's leaves.
The file is made with the log's key, over no leaves: that it is gone is refused like a store that is.

    write <file>.part, fsync     crash: the old mark stands, and the store holds more than it says: no harm
    rename                       crash: one or the other
    fsync the folder             crash: there
"""

import os
from pathlib import Path


def read(path: Path) -> bytes | None:
    """The last checkpoint published from this machine, a signed note; None where there is no file."""
    return path.read_bytes() if path.exists() else None


def write(path: Path, note: bytes) -> None:
    """Keep a checkpoint as the last; durable on return."""
    part = path.with_suffix(".part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(note)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
