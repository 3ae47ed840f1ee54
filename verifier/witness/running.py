"""A witness put together: its folder held, its key and state read, its doors served. Nothing is decided here."""

import os
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from verifier import files
from verifier.ledger.note import VerifierKey
from verifier.node.copying import held_leaf
from verifier.node.keyfile import KeyFile
from verifier.node.mirror import Mirror
from verifier.node.remote import Remote
from verifier.process import hold
from verifier.witness import state
from verifier.witness.cosigning import Cosigner
from verifier.witness.doors import Doors
from verifier.witness.follower import Follower
from verifier.witness.forks import Forks
from verifier.witness.index import Index
from verifier.witness.members import Members
from verifier.witness.server import Server

PATIENCE_S = 12.0  # for the request that a follower waits for
ADVICE = "stop that one, or give this witness a folder of its own"


@dataclass(frozen=True, slots=True)
class Following:
    """Which log is followed: where it is, its first leaf (if known), the names of its witnesses' keys, as whom it is
    asked (nobody: what is for anyone), and how long between two rounds, in seconds."""

    log_url: str
    genesis: bytes | None = None
    witnesses: tuple[str, ...] = ()
    key: KeyFile | None = None
    every_s: float = 1.0


class Running:
    """One witness of `log`, in `folder`, on `host:port`; a context manager that gives all of it back.

    `name` is needed the first time, when its key is made; `url` is where others reach it. Raises FolderTaken while
    another process has the folder, StateLost, KeyFileError, or OSError.
    """

    def __init__(
        self, folder: Path, log: VerifierKey, listen: tuple[str, int], clock: Callable[[], int],
        *, name: str | None = None, url: str | None = None, following: Following | None = None,
    ) -> None:  # fmt: skip
        files.make_folder(folder)
        self._stack = ExitStack()
        with ExitStack() as stack:
            stack.callback(os.close, hold(folder, advice=ADVICE))
            self.key = state.open_key(folder, name)
            self.cosigner = Cosigner(folder, log, self.key, clock, Forks(folder / "forks"))
            self.follower = follow(folder, self.cosigner, following, stack) if following else None
            self.server = Server(Doors(self.cosigner, urlsplit(url or "").path, self.follower), *listen)
            self._stack = stack.pop_all()
        self.followed = following.log_url if following else None
        self._every_s = following.every_s if following else 0.0
        self.url, self.vkey = url or self.server.url, self.cosigner.own

    @property
    def policy_line(self) -> str:
        """The line that makes a policy believe it."""
        return state.policy_line(self.key, self.url)

    def run(self) -> None:
        """Serve, and follow, until `stop`."""
        thread = None
        if self.follower is not None:
            thread = threading.Thread(target=self.follower.run, args=(self._every_s,), name="follower", daemon=True)
            thread.start()
        self.server.run()
        if thread is not None:
            thread.join(PATIENCE_S)

    def stop(self) -> None:
        """End `run`, from another thread or a signal's handler."""
        if self.follower is not None:
            self.follower.stop()
        self.server.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def follow(folder: Path, cosigner: Cosigner, following: Following, stack: ExitStack) -> Follower:
    """A follower with its mirror, and what is known of it; `stack` gives its parts back."""
    source = stack.enter_context(Remote(following.log_url, key=following.key, tries=1))
    mirror = Mirror(folder / "mirror")
    files.make_folder(mirror.folder)
    index = Index.of(folder / "index.sqlite", mirror)
    stack.callback(index.close)
    members = Members(following.witnesses)
    for leaf, one in index.enrolment():
        members.hear([held_leaf(mirror, leaf, one)])
    entitled = following.key is not None
    return Follower(source, cosigner, mirror, index, members, genesis=following.genesis, entitled=entitled)
