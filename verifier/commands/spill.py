"""Serials on disk, more than memory should hold: read some thousand at once, and put into the order of their buckets.

Only `issue` writes here, in a folder that it removes. What a row is, and which run a serial belongs to, `growing` says.
"""

import os
import shutil
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from verifier.statements import growing
from verifier.statements.growing import Row

READ = 1 << 16
HELD = 1 << 16
"""Serials held before they are written to their runs: about 5 MB. A batch of fewer never touches the disk."""


def pieces(file: Path) -> Iterator[Row]:
    """The serials of a file with one a line, some thousand at a time; blanks around them and empty lines do not count.
    Raises OSError, or ValueError for a line of 64 KiB or more."""
    tail = b""
    with file.open("rb") as source:
        while block := source.read(READ):
            block = tail + block
            cut = max(block.rfind(b"\n"), block.rfind(b"\r")) + 1
            tail = block[cut:]
            if len(tail) >= READ:
                raise ValueError(f"--serials: expected a file with one a line, found {len(tail)} bytes without an end")
            if piece := _stripped(block[:cut]):
                yield piece
    if piece := _stripped(tail):
        yield piece


def each(file: Path) -> Iterator[bytes]:
    """The serials of such a file, one by one."""
    return chain.from_iterable(pieces(file))


def _stripped(block: bytes) -> Row:
    return [serial for line in block.splitlines() if (serial := line.strip())]


class Spill:
    """Serials that come in any order and leave in the order of their buckets; `folder` is emptied first. Of those that
    come, `most` are held; of those that leave, a 256th."""

    def __init__(self, folder: Path, most: int = HELD) -> None:
        self.folder, self.most, self.count = folder, most, 0
        self._runs: list[Row] = [[] for _ in range(1 << growing.RUN_BITS)]
        self._held = 0
        self.remove()

    def add(self, piece: Row) -> None:
        """More of them."""
        for serial in piece:
            self._runs[growing.run_of(serial)].append(serial)
        self.count += len(piece)
        self._held += len(piece)
        if self._held >= self.most:
            self._write()

    def rows(self, k: int) -> Iterator[Row]:
        """All 2^k rows; raises Malformed naming a serial that stands twice, or for a bucket too full to be scanned."""
        for runs, first, many in growing.shelves(k):
            yield from growing.place((serial for run in runs for serial in self._read(run)), k, first, many)

    def remove(self) -> None:
        """Leave nothing on the disk."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _write(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        for number, run in enumerate(self._runs):
            if run:
                with open(self._name(number), "ab") as file:
                    file.write(b"\n".join(run) + b"\n")
                run.clear()
        self._held = 0

    def _read(self, number: int) -> Row:
        if not os.path.exists(name := self._name(number)):
            return self._runs[number]
        with open(name, "rb") as file:
            return file.read().splitlines() + self._runs[number]

    def _name(self, number: int) -> str:
        return f"{self.folder}/{number:02x}"
