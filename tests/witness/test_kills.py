"""kill -9 at each step of keeping a checkpoint: what was answered is kept, and no second tree is ever cosigned."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from wide import Wide
from witnesses import Log, WitnessProcess, add_checkpoint, cosigned_at, served, until, witness

from verifier.ledger import checkpoint as notes
from verifier.ledger.policy import Policy, Witness
from verifier.node.auditor import Auditor
from verifier.node.mirror import Mirror

STEPS = ("open", "write", "fsync", "close", "replace", "open", "fsync", "close")
"""What writing a file whole asks of the system (verifier/files): the part, the name, the folder."""

SABOTAGE = """
import os, signal, types
from pathlib import Path
from verifier import files

left = [{moment}]

def tempt():
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)

def around(real):
    def wrapped(*given, **named):
        tempt()
        return real(*given, **named)
    return wrapped

files.os = types.SimpleNamespace(**vars(os))
for name in ("open", "write", "fsync", "close"):
    setattr(files.os, name, around(getattr(os, name)))
Path.replace = around(Path.replace)
"""


@pytest.mark.parametrize("moment", range(1, len(STEPS) + 2))
def test_killed_at_each_step(tmp_path: Path, moment: int) -> None:
    log, folder = Log(5), tmp_path / "w1"
    with witness(folder, log.key) as w1:
        assert add_checkpoint(w1.url, log.request(0).encode()).status_code == 200
    fork = Log(5, "x").grow(2)
    log.grow(2)
    answered = None
    killed = WitnessProcess(folder, log.key, prelude=SABOTAGE.format(moment=moment)).start()
    try:
        answered = add_checkpoint(killed.url, log.request(5).encode())
    except httpx.HTTPError:
        assert killed.process.wait(10) == -9
    finally:
        killed.stop()
    assert (answered is None) == (moment <= len(STEPS)), killed.told()
    renamed = moment > STEPS.index("replace") + 1
    with witness(folder, log.key) as w1:
        last = w1.cosigner.last()
        assert last is not None
        assert (last.checkpoint.size, last.checkpoint.root) == ((7, log.root) if renamed else (5, last.checkpoint.root))
        if renamed:
            assert add_checkpoint(w1.url, fork.request(5).encode()).text == "7\n"
            assert add_checkpoint(w1.url, fork.request(7).encode()).status_code == 422
        again = add_checkpoint(w1.url, log.request(7 if renamed else 5).encode())
        assert cosigned_at(log.note(), again.text, w1.vkey) >= last.time
        assert sorted(path.name for path in folder.iterdir() if path.suffix == ".part") == []


@pytest.mark.parametrize("moment", range(1, 22))
def test_killed_while_its_key_is_made(tmp_path: Path, moment: int) -> None:
    """The next start has the key, or makes one: never half of one, never a key whose note is gone."""
    folder, log = tmp_path / "w1", Log(5)
    run = f"{SABOTAGE.format(moment=moment)}\nfrom verifier.commands import main; main(prog_name='verifier')"
    argv = [sys.executable, "-c", run, "witness", "--new", "w1", "--data", str(folder)]
    ended = subprocess.run(argv, capture_output=True, check=False, timeout=30).returncode
    assert ended == (-9 if moment < 21 else 0)
    with witness(folder, log.key) as w1:
        assert add_checkpoint(w1.url, log.request(0).encode()).status_code == 200


def test_killed_often_under_requests(tmp_path: Path) -> None:
    """At moments nobody chose. Whatever it answered before is never taken back."""
    log, process = Log(1), WitnessProcess(tmp_path / "w1", Log().key)
    known = 0
    for kill in range(4):
        process.start()
        deadline = time.monotonic() + 0.05 + kill * 0.02
        while time.monotonic() < deadline:
            log.grow(1)
            answer = add_checkpoint(process.url, log.request(known).encode())
            assert answer.status_code == 200, answer.text
            known = log.size
        process.kill()
    with process:
        assert add_checkpoint(process.url, log.request(0).encode()).text == f"{known}\n"


def test_killed_while_it_mirrors(tmp_path: Path, wide: Wide) -> None:
    """It goes on where it was; what is served at the end is the log, bit for bit, with this witness's cosignature."""
    log, asked = wide.registry.policy.log, list[str]()

    def doors(environ: dict[str, Any], start: Any) -> Any:
        asked.append(str(environ["PATH_INFO"]))
        return wide.app(environ, start)

    mirror = Mirror(tmp_path / "w1" / "mirror")
    with served(doors) as url:
        w1 = WitnessProcess(tmp_path / "w1", log, words=("--log", url, "--every", "0.1"))
        for more in (40, 150, 250):
            before = len(asked)
            with w1:
                until(lambda enough=before + more: len(asked) >= enough)
                w1.kill()
            assert mirror.note() is None
        with w1:
            until(lambda: mirror.note() is not None and b"w1" in (mirror.note() or b""))
    assert len([path for path in asked if path.startswith("/entries/")]) < 2 * wide.size
    policy = Policy(log, witnesses=(Witness("w1", w1.vkey),), quorum="w1")
    assert notes.open(mirror.note() or b"", policy) == wide.head
    report = Auditor(mirror, policy, wide.trust.genesis).audit()
    assert (report.size, report.root) == (wide.size, wide.head.root)
