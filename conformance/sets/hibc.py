"""HIBC strings: counted, not judged until a room reads them."""

import json
from pathlib import Path

from conformance.rows import Source, files


def _count(folder: Path) -> int:
    return sum(len(json.loads(path.read_bytes())) for path in files(folder, "strings.json"))


SOURCE = Source("hibc strings", "vectors/hibc", _count, why_not="no room reads HIBC yet")
