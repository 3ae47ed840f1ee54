"""transparency-dev's Merkle proofs: one file a defect. `wantErr` is a refusal.

Rows with size1 = 0 ask what the verifier refuses (RFC 9162 2.1.4.2 starts at 1); what a witness does with them is the
witness's own question (C2SP tlog-witness)."""

import json
from base64 import b64decode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from conformance.rows import Row, Source, count_files, files
from verifier.ledger import merkle

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


def _judge(check: Callable[[Fields], None]) -> Callable[[Path], Iterator[Row]]:
    def rows(folder: Path) -> Iterator[Row]:
        for path in files(folder, "*.json"):
            fields = json.loads(path.read_bytes())
            expected = "refused" if fields["wantErr"] else "proven"
            yield Row(path.relative_to(folder).with_suffix("").as_posix(), expected, _said(check, fields))

    return rows


def _said(check: Callable[[Fields], None], fields: Fields) -> str:
    try:
        check(fields)
    except merkle.ProofError:
        return "refused"
    return "proven"


SOURCES = (
    Source("merkle inclusion", "vectors/merkle/inclusion", count_files("*.json"), _judge(inclusion)),
    Source("merkle consistency", "vectors/merkle/consistency", count_files("*.json"), _judge(consistency)),
)
