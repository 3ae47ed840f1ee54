"""Writes verifier/ledger/anchor.json from anchor.vy: what deploys the contract, what then stands at its address, and
how one talks to it. Needs the compiler that `make vyper` puts into .vyper/ (requirements-vyper.txt).

    PYTHONPATH=. python tests/ledger/compile_anchor.py

    { "compiler": text, "abi": [...], "bytecode": hex, "runtime": hex,
      "selectors": {"anchor": hex, "anchored": hex},   the first 4 bytes of Keccak-256 of a function's signature
      "topic": hex }                                   all 32 of the event's
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from eth_utils import event_abi_to_log_topic

ROOT = Path(__file__).resolve().parents[2]
COMPILER = ROOT / ".vyper"
SOURCE = ROOT / "verifier" / "ledger" / "anchor.vy"
MADE = SOURCE.with_suffix(".json")
WANTED = "abi,bytecode,bytecode_runtime,method_identifiers"


def compile_anchor() -> dict[str, Any]:
    """What the compiler makes of the source. It runs apart: it decodes CBOR with another release than we do."""
    argv = [sys.executable, "-m", "vyper", "-f", WANTED, SOURCE.name]
    environment = os.environ | {"PYTHONPATH": str(COMPILER)}
    made = subprocess.run(argv, cwd=SOURCE.parent, env=environment, capture_output=True, text=True, check=True)
    abi, bytecode, runtime, selectors = made.stdout.strip().split("\n")
    interface = json.loads(abi)
    (event,) = (row for row in interface if row["type"] == "event")
    return {
        "compiler": f"vyper {version()}",
        "abi": interface,
        "bytecode": bytecode.removeprefix("0x"),
        "runtime": runtime.removeprefix("0x"),
        "selectors": {name.partition("(")[0]: value[2:] for name, value in json.loads(selectors).items()},
        "topic": event_abi_to_log_topic(event).hex(),
    }


def version() -> str:
    """The compiler's, as it was installed."""
    (found,) = COMPILER.glob("vyper-*.dist-info")
    return found.name.removeprefix("vyper-").removesuffix(".dist-info")


def text() -> str:
    """anchor.json."""
    return json.dumps(compile_anchor(), indent=1) + "\n"


if __name__ == "__main__":
    MADE.write_text(text(), "utf-8")
