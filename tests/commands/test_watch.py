"""`watch` from the terminal: what it says and how it ends. Its lying nodes stand in tests/attacks."""

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from forge import Forger, answer_of, cases_of
from house import House
from lying import environment, lying, serving, trust_file
from msgspec.structs import replace as changed
from served import free_port

from verifier.commands import main
from verifier.demo import gtin
from verifier.settings import ROOT
from verifier.statements.answer import Answer
from verifier.statements.product import Product
from verifier.verdict import evidence as evidences


def watch(house: House, folder: Path, url: str, *more: str) -> Result:
    words = ["watch", "--from", url, "--trust", str(trust_file(house, folder)), "--state", str(folder / "state")]
    return CliRunner().invoke(main, [*words, "--out", str(folder / "out"), "--every", "0", *more])


def test_in_words_it_says_who_lied_once(demo_house: House, tmp_path: Path) -> None:
    pack = cases_of(demo_house)["supplied"].identity
    (tmp_path / "codes").write_text(f"\n{pack.digital_link()}\n", "utf-8")

    def lie(answer: Answer) -> dict[str, object]:
        return {"disputes": 7} if answer.identity == pack.digital_link() else {}

    key = ["--as", str(demo_house.settings.data / "keys" / "agence-sante.key")]
    with serving(demo_house) as url, lying(demo_house, lie):
        words = ["--codes", str(tmp_path / "codes"), "--rounds", "40", *key]
        first, again = (watch(demo_house, tmp_path, url, *words) for _ in range(2))
    assert (first.exit_code, again.exit_code, again.stdout) == (1, 1, "")
    (file,) = (tmp_path / "out").iterdir()
    assert first.stdout.splitlines()[0] == file.name
    assert "lied, with the key" in first.stdout.splitlines()[1]
    assert file.stat().st_mode & 0o777 == 0o644


def test_an_answer_from_before_what_was_shown_is_told(demo_house: House, tmp_path: Path) -> None:
    """A node that froze what it answers: no file proves it, and it is told."""
    case = cases_of(demo_house)["active"]
    demo_house.say("product", "nordhavn-pharma", Product(gtin=gtin("0952200000099"), name="Of another product"))
    node = Forger(demo_house)
    old = node.cut(node.size - 1).remake(case.evidence)
    honest = demo_house.desk.gatherer.gather
    demo_house.desk.gatherer.gather = lambda *_: old  # type: ignore[method-assign, assignment]
    try:
        with serving(demo_house) as url:
            done = watch(demo_house, tmp_path, url, "--rounds", "3", "--json")
    finally:
        demo_house.desk.gatherer.gather = honest  # type: ignore[method-assign]
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.exit_code == 1
    assert {(one["size"], one["seen"]) for one in told} == {(node.size - 1, node.size)}
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("field", ["applies", "withheld"])
def test_an_answer_that_names_no_leaf_is_told(demo_house: House, tmp_path: Path, field: str) -> None:
    """Else a name made up would shield a lie: what it stands for is shown by nobody."""
    pack = cases_of(demo_house)["supplied"].identity
    (tmp_path / "codes").write_text(pack.digital_link(), "utf-8")

    def lie(answer: Answer) -> dict[str, object]:
        return {field: sorted([*getattr(answer, field), bytes(32)])} if answer.identity == pack.digital_link() else {}

    with serving(demo_house) as url, lying(demo_house, lie):
        done = watch(demo_house, tmp_path, url, "--codes", str(tmp_path / "codes"), "--rounds", "20", "--json")
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.exit_code == 1
    assert {one.get("no_leaf") for one in told} == {pack.digital_link()}
    assert list((tmp_path / "out").iterdir()) == []


def test_what_nobody_signed_tells_of_nobody(demo_house: House, tmp_path: Path) -> None:
    """A stranger's file in the inbox names no leaf, and no answerer's key signed it."""
    node, case = Forger(demo_house), cases_of(demo_house)["active"]
    answer = changed(answer_of(node.remake(case.evidence)), applies=[bytes(32)])
    (tmp_path / "inbox").mkdir()
    for name, key in (("log", node.log), ("member", demo_house.key("laboratoires-aubrac"))):
        forged = replace(case.evidence, answer=node.sign_answer(answer, key))
        (tmp_path / "inbox" / name).write_bytes(evidences.encode(forged))
    with serving(demo_house) as url:
        done = watch(demo_house, tmp_path, url, "--inbox", str(tmp_path / "inbox"), "--rounds", "2", "--json")
    assert done.exit_code == 0, done.stdout
    assert len(list((tmp_path / "inbox" / "taken").iterdir())) == 2


def test_nobody_there(demo_house: House, tmp_path: Path) -> None:
    done = watch(demo_house, tmp_path, f"http://127.0.0.1:{free_port()}", "--rounds", "1")
    assert done.exit_code == 2
    assert "not reached" in done.stdout


@pytest.mark.parametrize(
    "words",
    [["--every", "-1"], ["--rounds", "0"], ["--codes", "nowhere"], ["--as", "nowhere"], ["--from", "ftp://x"]],
)
def test_asked_wrongly(demo_house: House, tmp_path: Path, words: list[str]) -> None:
    assert watch(demo_house, tmp_path, "http://127.0.0.1:1", "--rounds", "1", *words).exit_code == 64


def test_a_memory_that_is_none(demo_house: House, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "log.sqlite").write_bytes(b"x" * 5000)
    done = watch(demo_house, tmp_path, "http://127.0.0.1:1", "--rounds", "1")
    assert done.exit_code == 64
    assert "log.sqlite: expected what a watcher remembers" in done.stderr


def test_it_goes_on_until_it_is_stopped(demo_house: House, tmp_path: Path) -> None:
    with serving(demo_house) as url:
        argv = [
            *(sys.executable, "-m", "verifier", "watch", "--from", url),
            "--trust",
            str(trust_file(demo_house, tmp_path)),
        ]
        state = tmp_path / "watch" / "log.sqlite"
        with subprocess.Popen(argv, cwd=ROOT, env=environment(tmp_path), stdout=subprocess.PIPE) as standing:
            deadline = time.monotonic() + 60
            while not state.exists():  # in the data folder, by default
                assert time.monotonic() < deadline
                time.sleep(0.05)
            standing.send_signal(signal.SIGTERM)
            told, _ = standing.communicate(timeout=60)
    assert (standing.returncode in (0, 2), told) == (True, b"")
