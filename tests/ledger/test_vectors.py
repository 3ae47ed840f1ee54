"""Rows that nobody here wrote: transparency-dev's Merkle proofs and wycheproof's Ed25519 signatures."""

import json
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from verifier.ledger import merkle, note

pytestmark = pytest.mark.interop
Row = dict[str, Any]


def inclusion(row: Row) -> None:
    path = [b64decode(item) for item in row["proof"] or []]
    leaf, root = b64decode(row["leafHash"]), b64decode(row["root"])
    merkle.verify_inclusion(leaf, row["leafIdx"], row["treeSize"], path, root)


def consistency(row: Row) -> None:
    path = [b64decode(item) for item in row["proof"] or []]
    merkle.verify_consistency(row["size1"], row["size2"], path, b64decode(row["root1"]), b64decode(row["root2"]))


def proves(check: Callable[[Row], None], row: Row) -> bool:
    try:
        check(row)
    except merkle.ProofError:
        return False
    return True


@pytest.mark.parametrize(("folder", "check"), [("inclusion", inclusion), ("consistency", consistency)])
def test_merkle_rows(vectors: Path, folder: str, check: Callable[[Row], None]) -> None:
    rows = {path: json.loads(path.read_bytes()) for path in (vectors / "vectors/merkle" / folder).rglob("*.json")}
    assert len(rows) > 50
    assert {row["wantErr"] for row in rows.values()} == {True, False}
    assert [str(path) for path, row in rows.items() if proves(check, row) == row["wantErr"]] == []


def test_ed25519_rows(vectors: Path) -> None:
    groups = json.loads((vectors / "vectors/wycheproof/ed25519_test.json").read_bytes())["testGroups"]
    rows = [(bytes.fromhex(group["publicKey"]["pk"]), row) for group in groups for row in group["tests"]]
    assert len(rows) > 50
    assert {row["result"] for _, row in rows} == {"valid", "invalid"}
    wrong = [
        (row["tcId"], row["comment"])
        for public, row in rows
        if note.holds(public, bytes.fromhex(row["msg"]), bytes.fromhex(row["sig"])) != (row["result"] == "valid")
    ]
    assert wrong == []
