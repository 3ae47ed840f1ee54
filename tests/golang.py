"""The public witness, client and verifier of elsewhere/witness, built once: Go's module cache serves it, or its proxy.

A machine without Go, or that can reach no module, has none: what asks for it then is expected to fail, with the reason.
"""

import os
import shutil
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from verifier.ledger.note import VerifierKey

SOURCE = Path(__file__).parent / "elsewhere" / "witness"


class Elsewhere:
    """The built program; every verb is described at the head of its source."""

    def __init__(self, program: Path) -> None:
        self.program = program

    def run(self, verb: str, *words: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """One run of it, to its end."""
        return subprocess.run([self.program, verb, *words], input=stdin, capture_output=True, timeout=60, check=False)

    @contextmanager
    def serving(self, log: VerifierKey, *skeys: str) -> Iterator[str]:
        """Its witness of that log, with nothing in its memory; the URL."""
        words = [self.program, "serve", str(log), *skeys]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            try:
                yield process.stdout.readline().strip()
            finally:
                process.kill()


def skey(name: str, seed: bytes, kind: int) -> str:
    """A signer's key as Go's notes write it."""
    key = VerifierKey.of_seed(name, seed, kind)
    return f"PRIVATE+KEY+{name}+{key.key_id.hex()}+{b64encode(bytes([kind]) + seed).decode()}"


def build(home: Path) -> Elsewhere:
    """Compiles it in `home`."""
    go = shutil.which("go")
    if go is None:
        pytest.xfail("expected go on the PATH, found none: no public witness is tried here")
    copy = shutil.copytree(SOURCE, home / "witness")
    own = {} if "HOME" in os.environ else {"GOCACHE": str(home / "cache"), "GOPATH": str(home / "path")}
    kept = own | os.environ | {"GOTOOLCHAIN": "local", "GOWORK": "off", "GOFLAGS": "-mod=readonly"}
    got = subprocess.run([go, "mod", "download"], cwd=copy, env=kept, capture_output=True, text=True, check=False)
    if got.returncode:
        pytest.xfail(f"expected the modules of {SOURCE.name}/go.sum, found none: {got.stderr.strip()[-200:]}")
    done = subprocess.run([go, "build", "-o", "program", "."], cwd=copy, env=kept, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return Elsewhere(copy / "program")
