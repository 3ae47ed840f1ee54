"""`prove`: the evidence file, byte for byte on standard output, and what is told instead when there is none."""

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from served import Served

from verifier.demo import _world
from verifier.identity import parse_text
from verifier.settings import ROOT
from verifier.statements.body import lot_link
from verifier.statements.envelope import read
from verifier.verdict import evidence as files
from verifier.verdict import trust as trusts
from verifier.verdict.judge import Question, judge


def test_it_writes_what_can_be_judged_without_the_server(server: Served, tmp_path: Path) -> None:
    pack = _world(server.demo).pack("current", 0)
    done = server.run("verifier", "prove", pack.digital_link())
    assert (done.returncode, done.stderr) == (0, b"")
    proof = files.decode(done.stdout)
    assert files.encode(proof) == done.stdout
    trust = trusts.decode((server.data / "trust.json").read_text("utf-8"))
    checked_at = int(_world(server.demo).at) + 60
    assert judge(Question(pack), proof, trust, checked_at).outcome == "genuine"
    file = tmp_path / "pack.evidence"
    assert server.call("verifier", "prove", pack.digital_link(), "--out", str(file)).stdout == b""
    assert files.decode(file.read_bytes()).serial == proof.serial
    done = server.call("verifier", "prove", pack.digital_link(), "--out", "/proc/no/pack.evidence")
    assert (done.returncode, len(done.stderr.splitlines()), b"/proc/no/pack.evidence" in done.stderr) == (1, 1, True)


@pytest.mark.parametrize("form", ["link", "bracketed", "elements"])
def test_a_code_in_any_of_its_writings(server: Served, form: str) -> None:
    pack = _world(server.demo).pack("current", 0)
    bracketed = "".join(f"{ai}{value}" for ai, value in pack.human())
    elements = f"01{pack.gtin}17{pack.expiry}10{pack.batch}\x1d21{pack.serial}"
    code = {"link": pack.digital_link(), "bracketed": bracketed, "elements": elements}[form]
    done = server.call("verifier", "prove", code)
    assert done.returncode == 0, done.stderr
    assert files.decode(done.stdout).serial is not None


@pytest.mark.parametrize("code", ["(01)09521000000032(10)CM26P4", "(01)09529000000014(10)ANY"])
def test_a_box_without_a_serial_has_its_lot_proven(server: Served, code: str) -> None:
    done = server.call("verifier", "prove", code)
    assert done.returncode == 0, done.stderr
    trust = trusts.decode((server.data / "trust.json").read_text("utf-8"))
    question, now = Question(parse_text(code)), int(time.time())
    found = judge(question, files.decode(done.stdout), replace(trust, checkpoint=None), now)
    assert found.reasons == ("no_serial", "lot_not_recalled")


def test_growth_is_proven_from_the_trust_given(server: Served, tmp_path: Path) -> None:
    pack = _world(server.demo).pack("current", 0).digital_link()
    old = tmp_path / "trust.json"
    assert server.call("verifier", "trust", "--out", str(old)).returncode == 0
    done = server.call(
        "verifier", "say", "dispense", _world(server.demo).pack("current", 20).digital_link(),
        "--as", str(server.data / "keys" / "pharmacie-du-canal.key"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    proof = files.decode(server.call("verifier", "prove", pack, "--trust", str(old)).stdout)
    seen = int((trusts.decode(old.read_text("utf-8")).checkpoint or b"").split(b"\n")[1])
    assert proof.growth is not None
    assert proof.growth.size == seen


def test_a_lots_evidence_is_of_no_pack(server: Served) -> None:
    world = _world(server.demo)
    lot, pack = world.lots["recalled"], world.pack("recalled", 3)
    done = server.run("verifier", "prove", "--gtin", lot.gtin, "--batch", lot.batch)
    assert (done.returncode, done.stderr) == (0, b"")
    proof = files.decode(done.stdout)
    assert (proof.answer, proof.serial) == (None, None)
    kinds = [read(exhibit.raw).kind for exhibit in proof.statements]
    assert kinds[0] == "genesis"
    assert {"key", "member", "product", "batch", "recall"} == set(kinds[1:])
    trust = trusts.decode((server.data / "trust.json").read_text("utf-8"))
    found = judge(Question(pack), proof, trust, int(world.at) + 60)
    assert found.reasons == ("recall_patient", "missing_issue", "missing_state")  # a recall needs no state
    bare = files.decode(server.call("verifier", "prove", lot_link(lot.gtin, lot.batch)).stdout)
    assert bare.answer is not None  # of a box without a serial: answered, and of no batch
    assert "batch" not in {read(exhibit.raw).kind for exhibit in bare.statements}


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ((), 2, "expected CODE, or --gtin and --batch of a lot"),
        (("--gtin", "09521000000018"), 2, "expected CODE, or --gtin and --batch of a lot"),
        (("CODE", "--gtin", "09521000000018", "--batch", "L"), 2, "expected CODE, or --gtin and --batch of a lot"),
        (("--gtin", "09521000000019", "--batch", "L"), 1, "expected check digit 8, found 9"),
        (("--gtin", "09521000000018", "--batch", "L" * 21), 1, "expected 1 to 20 characters of GS1 set 82, found 21"),
        (("--gtin", "09521000000018", "--batch", "NOLOT"), 1, "404 No lot NOLOT of 09521000000018 was issued."),
        (("--gtin", "09529000000014", "--batch", "AX26K1"), 1, "404 No lot AX26K1 of 09529000000014 was issued."),
    ],
)
def test_what_is_no_lot(server: Served, words: tuple[str, ...], code: int, told: str) -> None:
    done = server.call("verifier", "prove", *words)
    assert (done.returncode, done.stdout) == (code, b"")
    assert told in done.stderr.decode().splitlines()[-1]


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("hello", "expected a GTIN, AIs or a link"),
        ("09521000000019", "expected check digit 8, found 9"),
        ("https://elsewhere.example/x", "elsewhere.example"),
        ("(00)395210000000000019", "does not name one"),
        ("(01)09521000000018(10)AX26K1(21)5R806LMWBB51G", "where there is a serial (21), found (01) (10) (21)"),
        ("", "Not this door's fields."),
    ],
)
def test_what_is_no_pack(server: Served, code: str, told: str) -> None:
    done = server.call("verifier", "prove", code)
    assert (done.returncode, done.stdout) == (1, b"")
    (line,) = done.stderr.decode().splitlines()
    assert told in line


def test_a_terminal_is_not_filled_with_bytes(server: Served) -> None:
    pack = _world(server.demo).pack("current", 0).digital_link()
    script = "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)"
    argv = [sys.executable, "-c", script, sys.executable, "-m", "verifier", "prove", pack]
    done = subprocess.run(argv, cwd=ROOT, env=server.environment, capture_output=True, timeout=60, check=False)
    assert done.returncode == 1
    assert b"expected `> FILE` or --out FILE, found a terminal" in done.stdout.replace(b"\r\n", b" ")


def test_a_trust_that_is_none_and_a_server_that_is_not_there(server: Served, tmp_path: Path) -> None:
    pack = _world(server.demo).pack("current", 0).digital_link()
    wrong = tmp_path / "trust.json"
    wrong.write_text("{}", "utf-8")
    done = server.call("verifier", "prove", pack, "--trust", str(wrong))
    assert (done.returncode, b"expected the fields genesis" in done.stderr) == (1, True)
    done = server.call("verifier", "prove", pack, "--server", "http://127.0.0.1:9")
    assert (done.returncode, b"not reached" in done.stderr) == (1, True)
