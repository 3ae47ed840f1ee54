"""`verifier anchor`, and `serve --demo` with a chain for development: everything real, in processes of their own."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from served import Served, free_port

from verifier import demo
from verifier.commands.anchor import Teller
from verifier.ledger.anchor import parse
from verifier.node.local_chain import LocalChain, find_anvil
from verifier.settings import Settings


@pytest.fixture(scope="module")
def anchored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """`serve --demo` where `make chain` brought anvil: it starts a chain, and says each new checkpoint there."""
    if find_anvil() is None:
        pytest.skip("expected anvil, found none: make chain")
    with Served(tmp_path_factory.mktemp("anchored") / "var", PROBATUM_CHAIN="", PROBATUM_ANCHOR_EVERY="1") as served:
        yield served


def until(seen: Callable[[], Any], bound_s: float = 60.0) -> Any:
    """What is seen, once it is something."""
    deadline = time.monotonic() + bound_s
    while not (found := seen()):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return found


def chain_of(served: Served) -> str:
    """Where the chain is asked that `serve` started."""
    words = Path(f"/proc/{served.child('anvil')}/cmdline").read_text().split("\0")
    return f"http://127.0.0.1:{words[words.index('--port') + 1]}"


def size_of(served: Served) -> int:
    """How large the ledger is."""
    return int(httpx.get(f"{served.url}/checkpoint", trust_env=False).text.split("\n")[1])


def verb(served: Served, *words: str) -> tuple[int, str]:
    """`verifier anchor`: its exit status, and what it said."""
    found = served.call("verifier", "anchor", *words)
    return found.returncode, (found.stdout + found.stderr).decode()


def ledger(served: Served) -> dict[str, Any]:
    """The `ledger` of a verdict."""
    image = (served.demo / "genuine-qr.png").read_bytes()
    answer = httpx.post(f"{served.url}/api/scan", files={"image": ("a.png", image)}, trust_env=False, timeout=20)
    found: dict[str, Any] = answer.json()["ledger"]
    return found


def test_the_demo_says_its_checkpoints_on_a_chain_that_nobody_calls_an_anchor(anchored: Served) -> None:
    anchored.environment["PROBATUM_CHAIN"] = chain_of(anchored)
    size = size_of(anchored)
    found = until(lambda: (one := ledger(anchored)).get("development_chain", {}).get("size") == size and one)
    assert found["anchor"] is None
    assert found["root"] == found["development_chain"]["root"]
    status, told = verb(anchored, "--check")
    assert status == 0, told
    assert f"development chain 31337 (no anchor): valid, by 1 of 1: {size} of {size} leaves, " in told
    assert f"this-node: {size} leaves in block {found['development_chain']['block']}\n" in told


def test_on_demand_it_says_where_the_checkpoint_stands(anchored: Served) -> None:
    status, told = verb(anchored)
    assert status == 0, told
    assert told.splitlines()[-1].startswith(f"{size_of(anchored)} leaves stand in block ")
    assert "of development chain 31337 (no anchor), " in told


def test_a_chain_that_dies_is_started_anew_and_stops_nobody(anchored: Served) -> None:
    before = (anchored.data / "anchors.txt").read_text()
    os.kill(anchored.child("anvil"), signal.SIGKILL)
    until(lambda: "chain: ended (signal SIGKILL" in anchored.log.read_text())
    assert ledger(anchored)["size"] == size_of(anchored)

    def again() -> bool:
        with suppress(StopIteration, OSError):
            anchored.environment["PROBATUM_CHAIN"] = chain_of(anchored)
            return verb(anchored, "--check")[0] == 0
        return False

    until(again)
    assert parse(before).accounts == parse((anchored.data / "anchors.txt").read_text()).accounts


def test_no_secret_stands_in_an_argument_or_in_what_was_said(anchored: Served) -> None:
    key = (anchored.data / "node" / "chain.key").read_text().strip()
    assert (anchored.data / "node" / "chain.key").stat().st_mode & 0o777 == 0o600
    said = anchored.log.read_text() + "".join(Path(f"/proc/{pid}/cmdline").read_text() for pid in anchored.children())
    assert key not in said
    assert "PROBATUM_CHAIN" not in said


@pytest.fixture
def member(tmp_path: Path) -> Served:
    """The environment of a machine that holds a consortium's files, with no server running."""
    served = Served(tmp_path / "var", PROBATUM_CHAIN="")
    demo.prepare(Settings(data=served.data))
    return served


def test_without_a_chain_it_says_what_is_missing(member: Served) -> None:
    assert verb(member) == (1, "Error: PROBATUM_CHAIN: expected where an Ethereum node is asked, found nothing\n")
    member.environment["PROBATUM_CHAIN"] = f"http://me:secret@127.0.0.1:{free_port()}/secret"
    status, told = verb(member)
    assert status == 1
    assert told.endswith("get it from another member, or make one: python -m verifier anchor --deploy\n")
    status, told = verb(member, "--deploy")
    assert status == 1
    assert "was not reached (ConnectError)" in told
    assert "secret" not in told
    assert verb(member, "--deploy", "--check")[0] == 64


def test_an_account_then_a_contract(member: Served, local_chain: LocalChain) -> None:
    member.environment["PROBATUM_CHAIN"] = local_chain.url
    status, address = verb(member, "--account")
    assert (status, verb(member, "--account")) == (0, (0, address))
    status, told = verb(member, "--deploy")
    assert status == 1
    assert f"Error: account {address.strip()} on chain 31337: expected 0." in told
    local_chain.give(address.strip())
    status, told = verb(member, "--deploy")
    assert status == 0, told
    chosen = parse((member.data / "anchors.txt").read_text())
    assert f"contract 0x{chosen.contract.hex()} on development chain 31337 (no anchor); " in told
    status, told = verb(member, "--deploy")
    assert status == 1
    assert "expected no contract chosen yet, found one" in told


def test_the_same_sentence_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    tell = Teller()
    for sentence in ("one", "one", "two", "one"):
        tell(sentence)
    assert capsys.readouterr().out == "anchor: one\nanchor: two\n"
