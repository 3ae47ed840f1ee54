"""The log asks one witness for two trees at the same moment, hoping that each request finds the old one stored.

Then one witness would vouch for two histories, and a quorum could be had for both (tlog-witness, "the following race").
"""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from witnesses import Log, WitnessProcess, add_checkpoint

from verifier.ledger import note

ASK = """
import http.client, pathlib, sys, time
port, start, *files = sys.argv[1:]
line = http.client.HTTPConnection("127.0.0.1", int(port), timeout=20)
line.connect()
time.sleep(max(0, float(start) - time.time()))
for file in files:
    line.request("POST", "/add-checkpoint", pathlib.Path(file).read_bytes())
    answer = line.getresponse()
    print(answer.status, answer.read().decode().replace("\\n", "|"))
"""
ROUNDS, ASKERS = 20, 4


@pytest.fixture
def trees() -> list[Log]:
    """One beginning of 5 leaves, and for each asker an end of its own."""
    return [Log(5, name) for name in "abcd"[:ASKERS]]


def test_processes_racing_for_a_witness(tmp_path: Path, trees: list[Log]) -> None:
    """Each asker wants its own tree to grow from 5 leaves to 25, one by one, all at once."""
    with WitnessProcess(tmp_path / "w1", trees[0].key) as w1:
        assert add_checkpoint(w1.url, trees[0].request(0).encode()).status_code == 200
        start = time.time() + 1.5
        askers = []
        for tree in trees:
            files = []
            for turn in range(ROUNDS):
                tree.grow(1)
                files.append(tmp_path / f"{tree.branch}{turn}")
                files[-1].write_bytes(tree.request(5 + turn).encode())
            argv = [sys.executable, "-c", ASK, str(w1.port), str(start), *map(str, files)]
            askers.append(subprocess.Popen(argv, stdout=subprocess.PIPE, text=True))
        told = [[line.split(" ", 1) for line in asker.communicate(timeout=60)[0].splitlines()] for asker in askers]
        assert all(asker.returncode == 0 for asker in askers)
        last = w1.folder.joinpath("cosigned").read_bytes()
    assert all(len(answers) == ROUNDS for answers in told)
    won = [[status for status, _ in answers].count("200") for answers in told]
    assert sorted(won) == [0] * (ASKERS - 1) + [ROUNDS], told
    assert {status for answers in told for status, _ in answers} <= {"200", "409", "422"}
    winner = trees[won.index(ROUNDS)]
    assert note.parse(last).text == note.parse(winner.note()).text
