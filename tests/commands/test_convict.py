"""`convict`: a file and trust.json are all it takes."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from forge import Forger, cases_of, signed, trust
from house import House

from verifier.answers import conviction as files
from verifier.answers.replay import Mirror, replay
from verifier.commands import main
from verifier.statements.recall import Recall
from verifier.verdict.trust import encode
from verifier.witness.forks import Fork


@pytest.fixture
def conviction(demo_house: House, tmp_path: Path) -> bytes:
    """Of the demo's node, that withheld a recall; the trust beside it."""
    case = cases_of(demo_house)["active"]
    body = Recall(gtin=case.identity.gtin or "", depth="patients", reason="test")
    node = Forger(demo_house).grown(signed("recall", demo_house.key("agence-sante"), body))
    mirror = Mirror(node.note(), node._read, {s.id: (at, s.raw) for at, s in enumerate(node.leaves)})
    (tmp_path / "trust.json").write_text(encode(trust(demo_house)), "utf-8")
    (found,) = replay(node.remake(case.evidence).answer or b"", mirror, trust(demo_house)).convictions
    return files.encode(found)


def convict(folder: Path, data: bytes, *more: str) -> Result:
    (folder / "file").write_bytes(data)
    argv = ["convict", str(folder / "file"), "--trust", str(folder / "trust.json"), *more]
    return CliRunner().invoke(main, argv)


def test_it_says_who_about_what_since_when(conviction: bytes, tmp_path: Path) -> None:
    done = convict(tmp_path, conviction)
    assert (done.exit_code, done.stderr) == (0, "")
    who, what, how, which, under = done.stdout.splitlines()
    assert "(registre-demo) lied, with the key " in who
    assert "about https://id.gs1.org/01/09521000000018/" in what
    assert how.strip().startswith("The answer leaves out a recall")
    assert "recall by agence-sante, leaf " in which
    assert "proven under the checkpoint of " in under


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_in_json(conviction: bytes, tmp_path: Path, lang: str) -> None:
    told: dict[str, Any] = json.loads(convict(tmp_path, conviction, "--json", "--lang", lang).stdout)
    assert (told["convicts"], told["who"]["member"], told["lies"][0]["code"]) == (
        True,
        "registre-demo",
        "hidden_recall",
    )
    assert told["lies"][0]["sentence"].startswith({"fr": "La réponse", "en": "The answer"}[lang])


def test_what_convicts_nobody(conviction: bytes, tmp_path: Path) -> None:
    other = json.loads((tmp_path / "trust.json").read_text("utf-8")) | {"genesis": "00" * 32}
    (tmp_path / "trust.json").write_text(json.dumps(other), "utf-8")
    done = convict(tmp_path, conviction)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("it convicts nobody: ")
    told = json.loads(convict(tmp_path, conviction, "--json").stdout)
    assert told["convicts"] is False


@pytest.mark.parametrize(
    "data", [b"", b"\xa0", b"x" * (files.MAX_BYTES + 1)], ids=["nothing", "an empty map", "too much"]
)
def test_what_is_no_conviction(conviction: bytes, tmp_path: Path, data: bytes) -> None:
    done = convict(tmp_path, data)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("no conviction: ")


def test_asked_wrongly(conviction: bytes, tmp_path: Path) -> None:
    (tmp_path / "trust.json").write_text("{", "utf-8")
    assert convict(tmp_path, conviction).exit_code == 64
    assert CliRunner().invoke(main, ["convict", str(tmp_path / "none"), "--trust", "none"]).exit_code == 64


@pytest.mark.parametrize("back", [0, 4], ids=["of one size", "of two sizes"])
def test_a_fork_that_a_witness_kept(demo_house: House, conviction: bytes, tmp_path: Path, back: int) -> None:
    node = Forger(demo_house)
    other = node.cut(node.size - 6 - back).grown(*node.leaves[-6:][::-1])
    grown = _grown(node, other.size) if back else (None, ())
    kept = Fork(trust(demo_house).policy.log, other.note(), node.note(), *grown)
    done = convict(tmp_path, kept.encode(), "--json")
    told = json.loads(done.stdout)
    assert (done.exit_code, told["lies"][0]["code"], told["answered"]["size"]) == (0, "two_logs", other.size)
    honest = Fork(kept.log, node.cut(node.size - 4).note(), node.note(), *_grown(node, node.size - 4))
    assert convict(tmp_path, honest.encode()).exit_code == 1
    assert convict(tmp_path, kept.encode()[:-9]).exit_code == 2
    assert convict(tmp_path, kept.encode().replace(b'"path"', b'"paths"')).exit_code == 2


def _grown(node: Forger, size: int) -> tuple[bytes, tuple[bytes, ...]]:
    growth = node.growth(size)
    return growth.root, growth.path
