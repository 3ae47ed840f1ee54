"""A witness put together: its folder held, its key and state read, its doors served. Nothing is decided here."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from verifier import files
from verifier.ledger.note import VerifierKey
from verifier.process import hold
from verifier.witness import state
from verifier.witness.cosigning import Cosigner
from verifier.witness.doors import Doors
from verifier.witness.forks import Forks
from verifier.witness.server import Server

ADVICE = "stop that one, or give this witness a folder of its own"


class Running:
    """One witness of `log`, in `folder`, on `host:port`; a context manager that gives all of it back.

    `name` is needed the first time, when its key is made; `url` is where others reach it. Raises FolderTaken while
    another process has the folder, StateLost, KeyFileError, or OSError.
    """

    def __init__(
        self, folder: Path, log: VerifierKey, listen: tuple[str, int], clock: Callable[[], int],
        *, name: str | None = None, url: str | None = None,
    ) -> None:  # fmt: skip
        files.make_folder(folder)
        self._held = hold(folder, advice=ADVICE)
        try:
            self.key = state.open_key(folder, name)
            self.cosigner = Cosigner(folder, log, self.key, clock, Forks(folder / "forks"))
            self.server = Server(Doors(self.cosigner, urlsplit(url or "").path), *listen)
        except BaseException:
            os.close(self._held)
            raise
        self.url, self.vkey = url or self.server.url, self.cosigner.own

    @property
    def policy_line(self) -> str:
        """The line that makes a policy believe it."""
        return state.policy_line(self.key, self.url)

    def run(self) -> None:
        """Serve until `stop`."""
        self.server.run()

    def stop(self) -> None:
        """End `run`, from another thread or a signal's handler."""
        self.server.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._held)
