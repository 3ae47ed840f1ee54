"""The private Redis of a machine that has none: started, watched, stopped.

Only the server's life lives here; which program it is stands in servers.py, what it keeps in layout.py. It listens on
a socket inside its own folder (mode 0700) and on no port.
"""

import contextlib
import os
import re
import secrets
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self
from urllib.parse import quote

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from verifier.process import FolderTaken, Process, hold
from verifier.store.redis import StoreError
from verifier.store.servers import Server, choose, find_servers, record

LONGEST_SOCKET = 100
"""Bytes of a socket's path that every system takes; Linux's sun_path has 108, macOS's 104 (unix(7))."""

CONFIGURATION = (
    *("--port", "0", "--unixsocket", "redis.sock", "--unixsocketperm", "700", "--dir", ".", "--daemonize", "no"),
    *("--save", "", "--appendonly", "yes", "--appendfsync", "always", "--aof-load-truncated", "no"),
    *("--maxmemory-policy", "noeviction"),
)
"""Paths are relative to the server's folder: before 7.0 its command line could not carry a space."""

VOLATILE = (
    *CONFIGURATION[: CONFIGURATION.index("--save")],
    *("--save", "", "--appendonly", "no", "--maxmemory", "64mb", "--maxmemory-policy", "volatile-ttl"),
)
"""Of the server that counts (web/limits): nothing on disk, and what ends soonest goes first when memory is short."""

ADVICE = (
    "; nothing was changed: restore the folder from a copy, mend a copy of it with redis-check-aof, or move it away "
    "and restore the ledger (python -m verifier restore)"
)


class EmbeddedRedis:
    """A server on `<data>/<name>`, ours alone: `with EmbeddedRedis(data) as server: connect(server.url)`.

    Durable as DESIGN asks: acknowledged is on disk. Not thread-safe; start it from the main thread (process.py).
    """

    bound_s = 600.0  # a long ledger takes its time to load
    reloads = False

    def __init__(
        self,
        data: Path,
        servers: Sequence[Server] | None = None,
        name: str = "redis",
        configuration: tuple[str, ...] = CONFIGURATION,
    ) -> None:
        self.name, self.configuration = name, configuration
        self.vital = configuration is CONFIGURATION
        self.folder = data.absolute() / name
        self._servers = servers
        self._process: Process | None = None
        self._held: int | None = None
        self._near = near(self.folder)
        self.server: Server | None = None

    @property
    def url(self) -> str:
        """Where `connect` reaches it, the same for the life of this object."""
        return f"unix://{quote(str(self._near / 'redis.sock'))}"

    def start(self) -> None:
        """Begin, or begin again after a death; `ready` says when it answers. Raises StoreError if it may not."""
        self._process = self._process or self._prepare()
        self._process.start()

    def alive(self) -> bool:
        """Whether the server runs."""
        return self._process is not None and self._process.alive()

    def ready(self) -> bool:
        """Whether it answers yet: false while it loads."""
        once = Retry(NoBackoff(), 0)
        client = redis.Redis(unix_socket_path=str(self._near / "redis.sock"), socket_timeout=1.0, retry=once)
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()

    def death(self) -> str:
        """Why it ended, in its own words where it left some, and what to do."""
        how = self._process.death() if self._process else "never started"
        words = last_words(self.folder / "redis.log")
        advice = ADVICE if "append only file" in words else f"; see {self.folder / 'redis.log'}"
        return f"{self.server} on {self.folder}: {how}{words and f', {words}'}{advice}"

    def stop(self) -> None:
        """SIGTERM, on which it syncs its file; SIGKILL if it has not ended after ten seconds. Gives the folder up."""
        if self._process is not None:
            self._process.stop()
            self._process = None
        if self._held is not None:
            os.close(self._held)
            self._held = None
        if self._near != self.folder:
            shutil.rmtree(self._near.parent, ignore_errors=True)

    def __enter__(self) -> Self:
        self.start()
        deadline = time.monotonic() + self.bound_s
        while not self.ready():
            if not self.alive() or time.monotonic() > deadline:
                reason = self.death()
                self.stop()
                raise StoreError(reason)
            time.sleep(0.01)
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def _prepare(self) -> Process:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        try:
            self._held = hold(self.folder)
        except FolderTaken as taken:
            raise StoreError(str(taken)) from None
        try:
            self.server = choose(tuple(find_servers()) if self._servers is None else self._servers, self.folder)
            record(self.folder, self.server)
        except BaseException:
            self.stop()
            raise
        if self._near != self.folder:
            self._near.parent.mkdir(mode=0o700)
            self._near.symlink_to(self.folder)
        # The server inherits the lock: while it lives, even orphaned, nobody opens a second one on its file.
        return Process(
            self.name,
            [str(self.server.program), *self.configuration],
            cwd=self.folder,
            output=self.folder / "redis.log",
            keep=(self._held,),
        )


def near(folder: Path) -> Path:
    """A path of `folder` short enough for a socket in it: itself, or where a link to it is to be made. The server
    binds a relative path, so only clients need it. Raises StoreError where there is none."""
    for path in (folder, Path(tempfile.gettempdir(), f"probatum-{secrets.token_hex(8)}", "data")):
        if (length := len(os.fsencode(path / "redis.sock"))) <= LONGEST_SOCKET:
            return path
    told = f"at most {LONGEST_SOCKET} bytes for the path of a socket, found {length}: {path}"
    raise StoreError(f"TMPDIR: expected {told}; name a folder with a shorter path")


@contextlib.contextmanager
def reach(data: Path, url: str | None = None) -> Iterator[str]:
    """Where the store of a data folder is reached while this lasts: `url` where there is one, the server that another
    process runs on `<data>/redis`, or one started here. Raises StoreError."""
    if url is not None:
        yield url
        return
    folder = data.absolute() / "redis"
    path = near(folder)
    try:
        if path != folder:
            path.parent.mkdir(mode=0o700)
            path.symlink_to(folder)
        if _answers(path / "redis.sock"):
            yield f"unix://{quote(str(path / 'redis.sock'))}"
            return
    finally:
        if path != folder:
            shutil.rmtree(path.parent, ignore_errors=True)
    with EmbeddedRedis(data) as server:
        yield server.url


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True


def last_words(log: Path) -> str:
    """The warning that the server ended with, if it did, without its advice: lines are `pid:role date # text`.

    Its advice may be to set aof-load-truncated, which would forget what was acknowledged.
    """
    try:
        line = log.read_text("utf-8", "replace").rstrip().rpartition("\n")[2]
    except OSError:
        return ""
    return re.split(r"[.:;] ", line.partition(" # ")[2], maxsplit=1)[0]
