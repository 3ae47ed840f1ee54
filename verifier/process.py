"""One child process that never outlives us, and a lock that says a folder is ours.

Only the operating system's side lives here: nothing knows what the child does, and nothing of ours is imported.
"""

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

# prctl(PR_SET_PDEATHSIG, SIGTERM), then become the child: no preexec_fn, which is unsafe beside threads. The parent
# may have died before prctl took effect, hence the second look at its id. prctl(2).
_DIE_WITH_PARENT = (
    "import ctypes,os,sys; ctypes.CDLL(None).prctl(1, 15); os.getppid() == int(sys.argv[1]) or os._exit(1); "
    "os.execv(sys.argv[2], sys.argv[2:])"
)


class FolderTaken(Exception):
    """Somebody else holds the folder; the sentence names it and the process."""


class Process:
    """A child in its own process group (Ctrl-C reaches us alone), without stdin. On Linux it gets SIGTERM when the
    thread that started it ends: start from the main thread. `keep` are descriptors it inherits."""

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        output: Path | None = None,
        keep: Sequence[int] = (),
    ) -> None:
        self.name, self.argv, self.cwd, self.env, self.output, self.keep = name, argv, cwd, env, output, keep
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, anew if it ran before; `output` is begun afresh. argv[0] is an absolute path."""
        self.stop()  # of one that died, what it left in its group
        tied = [sys.executable, "-I", "-S", "-c", _DIE_WITH_PARENT, str(os.getpid())] if sys.platform == "linux" else []
        with contextlib.ExitStack() as stack:
            output = stack.enter_context(self.output.open("wb")) if self.output else None
            self._child = subprocess.Popen(
                [*tied, *self.argv],
                cwd=self.cwd,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT if output else None,
                pass_fds=tuple(self.keep),
                process_group=0,
            )

    @property
    def pid(self) -> int | None:
        """The child's id, dead or alive; None before the first start."""
        return self._child.pid if self._child else None

    def alive(self) -> bool:
        """Whether it runs."""
        return self._child is not None and self._child.poll() is None

    def death(self) -> str:
        """How it ended, for people: "exit status 1", "signal SIGKILL"."""
        code = self._child.poll() if self._child else None
        if code is None:
            return "still running" if self._child else "never started"
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"

    def stop(self, grace_s: float = 10.0) -> None:
        """SIGTERM, up to `grace_s` of patience, then SIGKILL; whatever it started in its group goes with it."""
        if self._child is None:
            return
        if self.alive():
            self._child.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(grace_s)
        # A leader killed from outside leaves its workers behind, holding the port.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._child.pid, signal.SIGKILL)
        self._child.wait()


def hold(
    folder: Path, patience_s: float = 1.5, advice: str = "stop that one, or set PROBATUM_DATA to another folder"
) -> int:
    """Lock `folder` for as long as the returned descriptor is open, here or in a child that inherited it (flock(2)).

    A process that is just ending is given `patience_s`; then FolderTaken is raised, with the `advice`.
    """
    path = folder / "lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() < deadline:
                time.sleep(0.05)
                continue
            holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise FolderTaken(
                f"{folder}: expected a folder nobody uses, found it held by process {holder}; {advice}"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode("ascii"), 0)
        return descriptor
