"""The node that hides a dispensing, so that a clone of the box reads as never supplied: the pharmacy that signed it, or
an authority, convicts it; and who never published it at all gives no receipt.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from forge import event_of
from house import House
from lying import convict, key_path, lying, serving, trust_file, watch

from verifier.commands import main
from verifier.identity import Identity
from verifier.node.queue import Receipt
from verifier.statements.answer import Answer
from verifier.statements.envelope import Statement, read

CANAL, HALLES, AUTHORITY = "pharmacie-du-canal", "pharmacie-des-halles", "agence-sante"


@pytest.fixture
def dispensed(world: House, packs: Iterator[Identity]) -> tuple[Identity, Statement]:
    pack = next(packs)
    statement = world.sign("event", CANAL, event_of("dispense", [pack], world.clock(), name=pack.serial or ""))
    assert world.register(statement.raw).status_code == 201
    return pack, statement


def hidden(pack: Identity, event: Statement) -> Any:
    """Of this pack alone: it never left the shelf."""

    def lie(answer: Answer) -> dict[str, Any]:
        if answer.identity != pack.digital_link():
            return {}
        withheld = [one for one in answer.withheld if one != event.id]
        return {"state": "active", "withheld": withheld, "custody": answer.custody[:-1]}

    return lie


def test_the_patient_is_deceived_and_the_auditor_is_not(
    world: House, dispensed: tuple[Identity, Statement], tmp_path: Path
) -> None:
    pack, event = dispensed
    assert world.codes(pack) == ["dispensed"]
    with serving(world) as url, lying(world, hidden(pack, event)):
        assert world.codes(pack) == ["genuine", "not_recorded"]
        told = watch(world, url, tmp_path, "--as", key_path(world, AUTHORITY), code=pack.digital_link())
    status, lines = told
    assert (status, [line["lies"][0]["code"] for line in lines]) == (1, ["hidden_event"])
    code, found = convict(tmp_path, lines[0]["conviction"])
    assert (code, found["who"]["member"], found["identity"]) == (0, "registre-demo", pack.digital_link())
    assert found["lies"][0]["statement"]["id"] == event.id.hex()


@pytest.mark.parametrize(("who", "status"), [(CANAL, 1), (HALLES, 0), (None, 0)])
def test_who_holds_the_event_convicts_and_nobody_else_can(
    world: House, dispensed: tuple[Identity, Statement], tmp_path: Path, who: str | None, status: int
) -> None:
    """Events are no stranger's to read: to who holds none of them the answer is one that cannot be judged."""
    pack, event = dispensed
    key = ["--as", key_path(world, who)] if who else []
    with serving(world) as url, lying(world, hidden(pack, event)):
        found, lines = watch(world, url, tmp_path, *key, code=pack.digital_link(), rounds=40)
    assert (found, len(lines)) == (status, status)


def test_a_statement_that_the_node_no_longer_shows_to_its_signer(
    world: House, dispensed: tuple[Identity, Statement], tmp_path: Path
) -> None:
    """The signer kept its bytes, and what somebody was answered is handed over: nothing is asked of the node."""
    pack, event = dispensed
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    (inbox / "mine.cose").write_bytes(event.raw)
    with serving(world) as url, lying(world, hidden(pack, event)):
        answered = world.http.post("/api/evidence", json={"text": pack.digital_link()}).data
        (inbox / "answered.evidence").write_bytes(answered)
        status, lines = watch(world, url, tmp_path, "--inbox", str(inbox), rounds=2)
    assert status == 1
    assert {line["file"]: line["said"] for line in lines if "file" in line} == {
        "answered.evidence": "an answer", "mine.cose": f"a statement, leaf {_leaf(world, event)}",
    }  # fmt: skip
    (conviction,) = [line["conviction"] for line in lines if "conviction" in line]
    assert convict(tmp_path, conviction)[0] == 0
    assert sorted(path.name for path in (inbox / "taken").iterdir()) == ["answered.evidence", "mine.cose"]


def _leaf(house: House, statement: Statement) -> int:
    return [one.id for one in house.leaves()].index(statement.id)


def test_an_honest_node_is_never_convicted(world: House, dispensed: tuple[Identity, Statement], tmp_path: Path) -> None:
    pack, _ = dispensed
    with serving(world) as url:
        status, lines = watch(world, url, tmp_path, "--as", key_path(world, AUTHORITY), code=pack.digital_link())
        assert (status, lines) == (0, [])
        again, lines = watch(world, url, tmp_path, code=pack.digital_link(), rounds=3)  # goes on from its memory
    assert (again, lines) == (0, [])
    assert list((tmp_path / "out").iterdir()) == []


def test_what_was_never_published_gets_no_receipt(
    world: House, packs: Iterator[Identity], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The node says "registered" and does nothing: who asks for the receipt knows at once."""
    statement = world.sign("event", CANAL, event_of("dispense", [next(packs)], world.clock(), name="dropped"))
    size = world.head.size

    def dropped(_: Any, raw: bytes) -> Receipt:
        return Receipt(status="registered", id=read(raw).id, index=size, size=size + 1)

    monkeypatch.setattr("verifier.node.queue.submit", dropped)
    assert world.register(statement.raw).status_code == 201
    with serving(world) as url:
        words = ["entry", statement.id.hex(), "--server", url, "--receipt", str(tmp_path / "receipt")]
        words += ["--as", key_path(world, CANAL), "--trust", str(trust_file(world, tmp_path))]
        done = CliRunner().invoke(main, words)
    assert done.exit_code == 1
    assert "No entry with this id is open to you." in done.output
    assert not (tmp_path / "receipt").exists()
