"""transparency-dev's Merkle proofs: one file a defect. `wantErr` is a refusal.

Every row of consistency is asked twice: of the verifier, and of a witness, as the request of a log that has grown from
size1 to size2. Rows with size1 = 0 are the verifier's to refuse (RFC 9162 2.1.4.2 starts at 1); to a witness they
say that it never cosigned this log, whose first proof is empty (C2SP tlog-witness)."""

import json
from base64 import b64decode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from conformance.rows import Row, Source, count_files, files
from verifier.ledger import merkle, note, witnessing
from verifier.ledger.encoding import HASH_BYTES, LedgerError
from verifier.ledger.note import VerifierKey
from verifier.ledger.witnessing import AddCheckpoint

ORIGIN = "log.example"
Fields = dict[str, Any]


def inclusion(row: Fields) -> None:
    """Raises ProofError unless the row's proof holds."""
    path = [b64decode(item) for item in row["proof"] or []]
    leaf, root = b64decode(row["leafHash"]), b64decode(row["root"])
    merkle.verify_inclusion(leaf, row["leafIdx"], row["treeSize"], path, root)


def consistency(row: Fields) -> None:
    """Raises ProofError unless the row's proof holds."""
    path = [b64decode(item) for item in row["proof"] or []]
    merkle.verify_consistency(row["size1"], row["size2"], path, b64decode(row["root1"]), b64decode(row["root2"]))


def request(row: Fields) -> AddCheckpoint:
    """The row as a log asks it of a witness: a root that is no hash stays what it is."""
    path = tuple(b64decode(item) for item in row["proof"] or [])
    return AddCheckpoint(row["size1"], path, _note(row["size2"], row["root2"]))


def witnessed(row: Fields) -> None:
    """Raises LedgerError unless a witness cosigns, that cosigned size1 and root1 before."""
    stored = _note(row["size1"], row["root1"]) if row["size1"] else None
    answer = witnessing.decide(request(row), stored, [VerifierKey.of_seed(ORIGIN, bytes(32))])
    if answer.status != 200:
        raise LedgerError("status", expected=200, found=answer.status)


def _note(size: int, root: str) -> bytes:
    text = f"{ORIGIN}\n{size}\n{root}\n"
    return f"{text}\n{note.sign(text, ORIGIN, bytes(32))}".encode()


def _judge(check: Callable[[Fields], None]) -> Callable[[Path], Iterator[Row]]:
    def rows(folder: Path) -> Iterator[Row]:
        for path in files(folder, "*.json"):
            fields = json.loads(path.read_bytes())
            expected = "refused" if fields["wantErr"] else "proven"
            found = _said(check, fields)
            kind = "no_hash" if check is witnessed and len(b64decode(fields["root2"])) != HASH_BYTES else ""
            yield Row(path.relative_to(folder).with_suffix("").as_posix(), expected, found, kind)

    return rows


def _said(check: Callable[[Fields], None], fields: Fields) -> str:
    try:
        check(fields)
    except LedgerError:
        return "refused"
    return "proven"


SOURCES = (
    Source("merkle inclusion", "vectors/merkle/inclusion", count_files("*.json"), _judge(inclusion)),
    Source("merkle consistency", "vectors/merkle/consistency", count_files("*.json"), _judge(consistency)),
    Source("merkle witness", "vectors/merkle/consistency", count_files("*.json"), _judge(witnessed)),
)
