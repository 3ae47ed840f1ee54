"""What others hand to a watcher: a folder of files, each taken once.

    an evidence file (verdict/evidence)   what somebody was answered
    a statement (COSE_Sign1)              what somebody signed, where the log may not show it
    a receipt (C2SP tlog-proof)           what the log once signed: it must be of the tree that everybody sees

What was taken is moved to `taken/` below it; what must wait until the log has grown stays.
"""

from collections.abc import Iterator
from pathlib import Path

from verifier.answers.conviction import Conviction
from verifier.ledger import proof
from verifier.node.watcher import Watcher
from verifier.statements.envelope import TAG_18
from verifier.verdict import evidence as files

TAKEN = "taken"
WAITS = "waits: the log does not reach that far yet, as it is shown here"


def take(folder: Path, watcher: Watcher) -> Iterator[tuple[Path, str, list[Conviction]]]:
    """Take every file; what was made of each, and what it convicts of at once."""
    done = folder / TAKEN
    for path in sorted(path for path in folder.iterdir() if path.is_file()):
        with path.open("rb") as source:
            data = source.read(files.MAX_BYTES + 1)
        try:
            said, found = _of(data, watcher)
        except ValueError as fault:
            said, found = f"not taken: {fault}", []
        if said == WAITS:
            continue
        done.mkdir(exist_ok=True)
        path.replace(done / path.name)
        yield path, said, found


def _of(data: bytes, watcher: Watcher) -> tuple[str, list[Conviction]]:
    if data.startswith(proof.HEADER.encode()):
        found = watcher.compare(proof.parse(data).checkpoint_note)
        return ("a receipt", found) if found is not None else (WAITS, [])
    if data.startswith(TAG_18):
        at = watcher.hold(data)
        return (f"a statement, leaf {at}", []) if at is not None else (WAITS, [])
    return "an answer", watcher.hear(files.decode(data))
