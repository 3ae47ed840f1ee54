"""Wycheproof's Ed25519 signatures, asked of the check that ledger and statements rest on."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from conformance.rows import Row, Source, files
from verifier.ledger import note


def _tests(folder: Path) -> Iterator[tuple[bytes, dict[str, Any]]]:
    for path in files(folder, "ed25519*.json"):
        for group in json.loads(path.read_bytes())["testGroups"]:
            for test in group["tests"]:
                yield bytes.fromhex(group["publicKey"]["pk"]), test


def _judge(folder: Path) -> Iterator[Row]:
    for public, test in _tests(folder):
        held = note.holds(public, bytes.fromhex(test["msg"]), bytes.fromhex(test["sig"]))
        yield Row(f"{test['tcId']} {test['comment']}".strip(), test["result"], "valid" if held else "invalid")


SOURCE = Source("ed25519", "vectors/wycheproof", lambda folder: sum(1 for _ in _tests(folder)), _judge)
