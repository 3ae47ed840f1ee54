"""The play of the five witnesses, as whoever starts it sees it: every scene goes as it says, and nothing is left."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from served import free_port

from verifier.consortium.play import SCENES, expect
from verifier.consortium.stage import Unlike
from verifier.settings import ROOT


@pytest.mark.timeout(280)
def test_every_scene_goes_as_it_says_and_nothing_is_left() -> None:
    with tempfile.TemporaryDirectory(prefix="play-") as folder:  # a short path: sockets lie below it
        env = {**os.environ, "PORT": str(ports()), "TMPDIR": folder}
        env.pop("REDIS_URL", None)
        words = [sys.executable, "-m", "verifier", "demo", "--consortium", "--once"]
        done = subprocess.run(words, cwd=ROOT, env=env, capture_output=True, text=True, timeout=270, check=False)
        left = list(Path(folder).iterdir())
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert [line for line in done.stdout.splitlines() if line[:1].isdigit()] == [
        f"{number}. {scene.title}" for number, scene in enumerate(SCENES, 1)
    ]
    assert "one history" in done.stdout.splitlines()[-1]
    assert left == []


def test_what_is_not_as_told_ends_the_play() -> None:
    with pytest.raises(Unlike, match="the outcome: expected genuine, found caution"):
        expect("the outcome", "caution", "genuine")


def test_without_the_word_it_says_what_to_write() -> None:
    words = [sys.executable, "-m", "verifier", "demo"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "--consortium" in done.stderr


def ports() -> int:
    """The first of six free ports in a row."""
    while True:
        first = free_port()
        if first < 65_000 and all(_free(first + number) for number in range(6)):
            return first


def _free(port: int) -> bool:
    from verifier.commands.serve import check_port
    from verifier.commands.supervise import ServeError

    try:
        check_port("127.0.0.1", port)
    except ServeError:
        return False
    return True
