"""What this machine has published, kept outside the store: the last signed checkpoint, in a file beside the log's key.

A store that holds less, or something else, was emptied, restored from a copy or exchanged. Going on from there would
sign a second ledger in the name of the first, so the node starts only on a store that holds this checkpoint's leaves.
The file is made with the log's key, over no leaves: that it is gone is refused like a store that is.

    write the file whole      crash, or no room: the old mark stands, and the store holds more than it says: no harm
"""

from pathlib import Path

from verifier import files


def read(path: Path) -> bytes | None:
    """The last checkpoint published from this machine, a signed note; None where there is no file."""
    return path.read_bytes() if path.exists() else None


def write(path: Path, note: bytes) -> None:
    """Keep a checkpoint as the last; durable on return. Raises OSError, on which nothing more may be signed."""
    try:
        files.write(path, note)
    except OSError as fault:
        told = f"expected to keep the checkpoint that was just published, found {fault.strerror}"
        raise OSError(f"{path}: {told}; nothing more is signed: make room for it, then start again") from fault
