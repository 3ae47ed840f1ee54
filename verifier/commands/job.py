"""An issue in progress, as files: killed at any moment and run again with the same arguments, it goes on.

    <batch>.job/         mode 0700, gone when the labels are drawn; each file is whole, or not there
        lock             who is at work
        asked.json       the arguments and the declared time. Without it nothing was begun, and the rest is thrown away
        secret           the batch's secret, 32 bytes, mode 0600
        pack.key         with --sign: the key that signs the packs, mode 0600, gone with the job
        serials          one a line, drawn or copied          cut short: drawn or copied again, nothing was signed
        runs/            serials on their way into order      cut short: made again
        manifest         as it is deposited                   without a statement: sealed again under another nonce
        statement        the signed batch: from here on nothing is decided any more
        sent             the node may have it                 without a receipt: the same statement is sent again
        receipt.json     its leaf; the manifest is no longer needed
        drawn            how many packs' labels are drawn     the next pack's are drawn again (a power cut: more)
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Self

from verifier import files
from verifier.process import hold

ASKED, LOCK, NONE = "asked.json", "lock", "nothing"


class Job:
    """The folder of one issue, held for this process alone; use as a context manager."""

    def __init__(self, folder: Path, lock: int, moment: int, durable: bool) -> None:
        """Use `begin`. `moment` is the declared time, Unix seconds, the same at each resume."""
        self.folder, self.moment, self._lock, self._durable = folder, moment, lock, durable

    @classmethod
    def begin(cls, folder: Path, asked: Mapping[str, str], moment: int, durable: bool = True) -> Self:
        """The job of these arguments, new or gone on with; one that is not `durable` outlives a kill, no power cut.
        Raises ValueError naming what differs from those that it was begun with, or FolderTaken."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = hold(folder)
        try:
            job = cls(folder, lock, moment, durable)
            if not job.has(ASKED):
                job._clear()
                job.keep("secret", os.urandom(32))
                job.keep(ASKED, json.dumps({"asked": dict(asked), "moment": moment}).encode())
            begun = json.loads(job.read(ASKED))
            job.moment = begun["moment"]
            job._compare(begun["asked"], asked)
        except BaseException:
            os.close(lock)
            raise
        return job

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._lock)

    def path(self, name: str) -> Path:
        """Where a file of the job is, or will be."""
        return self.folder / name

    def has(self, name: str) -> bool:
        """Whether it is there, and so whole."""
        return self.path(name).exists()

    def read(self, name: str) -> bytes:
        """A small file."""
        return self.path(name).read_bytes()

    def keep(self, name: str, data: bytes) -> None:
        """Write a small file, durably."""
        with self.whole(name) as file:
            file.write(data)

    def whole(self, name: str) -> AbstractContextManager[BinaryIO]:
        """A file to write, there when the block ends well."""
        return whole(self.path(name), durable=self._durable)

    def receipt(self) -> dict[str, Any] | None:
        """What the door said of the batch's leaf, or None before."""
        if not self.has("receipt.json"):
            return None
        found: dict[str, Any] = json.loads(self.read("receipt.json"))
        return found

    @contextmanager
    def counter(self, name: str) -> Iterator["Counter"]:
        """A number that outlives us."""
        descriptor = os.open(self.path(name), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            yield Counter(descriptor)
        finally:
            os.close(descriptor)

    def remove(self) -> None:
        """Leave nothing: it is done, or abandoned. Cut short, it was not begun."""
        self.path(ASKED).unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _clear(self) -> None:
        for path in self.folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != LOCK:
                path.unlink()

    def _compare(self, begun: Mapping[str, str], asked: Mapping[str, str]) -> None:
        names = [name for name in {**begun, **asked} if begun.get(name) != asked.get(name)]
        if names:
            pairs = ((name, begun.get(name) or NONE, asked.get(name) or NONE) for name in names)
            told = "; ".join(f"{name}: expected {old}, found {new}" for name, old, new in pairs)
            known = ", though it may be registered by now," if self.has("sent") else ""
            raise ValueError(
                f"this batch was begun with other arguments ({told}): "
                f"run it with those to go on, or{known} remove {self.folder} to abandon it"
            )


class Counter:
    """A number in a file, read at the beginning, and written in one call: a kill leaves the old or the new, a power cut
    perhaps no number, which is none."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        found = os.pread(descriptor, 20, 0)
        self.value = int(found) if found.isdigit() else 0

    def set(self, value: int) -> None:
        """Keep it."""
        self.value = value
        os.pwrite(self._descriptor, b"%020d" % value, 0)


@contextmanager
def whole(path: Path, mode: int = 0o600, durable: bool = True) -> Iterator[BinaryIO]:
    """Write a file whole or not at all: under its name, and on the disk, when the block ends well."""
    part = path.with_name(f"{path.name}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        yield file
        file.flush()
        if durable:
            os.fsync(file.fileno())
    part.replace(path)
    if durable:
        files.sync(path.parent)
