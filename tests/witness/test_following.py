"""A witness that follows a real log: what it mirrors, what it hands on and to whom, and what it never believes."""

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from forge import Forger, key_statement
from house import House
from registry import CANAL, HALLES, MAKER
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request
from witnesses import PLAIN, Face, add_checkpoint, cosigned_at, served, until, witness

from verifier.commands import main
from verifier.ledger import checkpoint as notes
from verifier.ledger import note
from verifier.ledger.note import COSIGNATURE, VerifierKey
from verifier.ledger.policy import Policy, Witness
from verifier.ledger.witnessing import AddCheckpoint
from verifier.node import signed_request
from verifier.node.copying import Leaf
from verifier.node.keyfile import KeyFile, load
from verifier.statements.errors import Refused
from verifier.statements.kinds import KINDS, body_of
from verifier.statements.readers import CLASSES
from verifier.verdict.trust import encode
from verifier.web.desk import trust_of
from verifier.witness import forks
from verifier.witness.members import Members
from verifier.witness.running import Following, Running
from verifier.witness.server import Server

HOSPITAL = "hopital-saint-roch"


@pytest.fixture(scope="module")
def log_url(demo_house: House) -> Iterator[str]:
    """The demo world's doors, its policy naming the hospital as a witness."""
    key = VerifierKey.of_seed(HOSPITAL, bytes(32), COSIGNATURE)
    before = demo_house.desk.trust
    named = replace(before.policy, witnesses=(Witness(HOSPITAL, key),))
    with pytest.MonkeyPatch.context() as patch, served(demo_house.app) as url:
        patch.setattr(demo_house.desk, "trust", replace(before, policy=named))
        yield url


@contextmanager
def following(
    house: House, folder: Path, url: str, key: KeyFile | None = None, **more: Any
) -> Iterator[Running]:
    """A witness that runs, but makes its rounds when the test asks for one."""
    given = Following(url, trust_of(house.settings.data).genesis, (HOSPITAL,), key, every_s=3600)
    with witness(folder, house.desk.trust.policy.log, HOSPITAL, house.clock, following=given, **more) as running:
        assert running.follower is not None
        until(lambda: running.follower and running.follower.standing.rounds)
        yield running


@pytest.fixture(scope="module")
def whole(demo_house: House, log_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A witness that is entitled to everything."""
    with following(demo_house, tmp_path_factory.mktemp("w") / "w1", log_url, demo_house.key(HOSPITAL)) as running:
        yield running


def get(running: Running, path: str) -> httpx.Response:
    return httpx.get(f"{running.server.url}/{path}", trust_env=False, verify=PLAIN)


def get_as(running: Running, key: KeyFile, path: str) -> httpx.Response:
    url = f"{running.server.url}/{path}"
    headers = signed_request.sign("GET", url, None, key.seed, key.kid)
    return httpx.get(url, headers=headers, trust_env=False, verify=PLAIN)


def standing(running: Running) -> Any:
    assert running.follower is not None
    return running.follower.standing


def turn(running: Running) -> bool:
    assert running.follower is not None
    return running.follower.round()


# --- what is mirrored ---


def test_everything_is_mirrored(demo_house: House, whole: Running) -> None:
    assert standing(whole).fault == ""
    mirror, leaves = Path(whole.follower.mirror.folder), demo_house.leaves()  # type: ignore[union-attr]
    for statement in leaves:
        assert (mirror / "entries" / statement.id.hex()).read_bytes() == statement.raw
        for digest in body_of(statement).deposits():
            assert sha256((mirror / "deposits" / digest.hex()).read_bytes()).digest() == digest
    assert {"event", "batch", "product"} <= {one.kind for one in leaves}
    found = get(whole, "readyz").json()
    assert (found["status"], found["mirrored"], found["shown"]) == ("ready", len(leaves), len(leaves))
    assert (found["withheld"], found["lacking"]) == (0, 0)


def test_its_checkpoint_is_the_logs_with_its_own_cosignature(demo_house: House, whole: Running) -> None:
    """Enough for whoever's policy asks for this witness."""
    signed = get(whole, "checkpoint").content
    log = demo_house.desk.trust.policy.log
    policy = Policy(log, witnesses=(Witness(HOSPITAL, whole.vkey),), quorum=HOSPITAL)
    head = notes.open(signed, policy)
    assert (head.size, head.root) == (demo_house.head.size, demo_house.head.root)
    (cosigned,) = notes.cosigned(signed, policy)
    assert cosigned.time == demo_house.clock.now


def test_any_reader_of_logs_reads_it(demo_house: House, whole: Running, log_url: str, tmp_path: Path) -> None:
    """The same bytes at the same paths: `audit` agrees with both, to the last count."""
    size = demo_house.head.size
    for path in (f"tile/0/000.p/{size}", "tile/0/000.p/1", f"tile/entries/000.p/{size}", "tile/entries/000.p/7"):
        assert get(whole, path).content == httpx.get(f"{log_url}/{path}", trust_env=False, verify=PLAIN).content
    for path in (f"tile/0/000.p/{size + 1}", "tile/0/000", "tile/1/000.p/1", "tile/0/000.p/0", "tile/x"):
        answer = get(whole, path)
        assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")
    trust = tmp_path / "trust.json"
    trust.write_text(encode(trust_of(demo_house.settings.data)), "utf-8")
    told = []
    for url in (log_url, whole.server.url):
        done = CliRunner().invoke(main, ["audit", "--from", url, "--trust", str(trust), "--json"])
        assert done.exit_code == 0, done.output
        told.append(json.loads(done.stdout) | {"url": ""})
    assert told[0] == told[1]
    assert told[0]["withheld"] > 0


# --- to whom it is handed on ---


def test_statements_go_to_their_readers(demo_house: House, whole: Running) -> None:
    node = load(demo_house.settings.data / "node" / "node.key")
    keys = {CANAL: demo_house.key(CANAL), HALLES: demo_house.key(HALLES), "node": node}
    for statement in demo_house.leaves():
        path = f"entries/{statement.id.hex()}"
        anyone = "anyone" in CLASSES[KINDS[statement.kind].readers]
        plain = get(whole, path)
        assert plain.status_code == (200 if anyone else 404)
        assert anyone or plain.json()["type"] == "/problems/entry_unknown"
        assert get_as(whole, node, path).content == statement.raw
        assert get_as(whole, demo_house.key(HOSPITAL), path).content == statement.raw
        for member in (CANAL, HALLES):
            own = anyone or statement.member == member or f'"urn:probatum:member:{member}"'.encode() in statement.raw
            assert get_as(whole, keys[member], path).status_code == (200 if own else 404), statement.kind
    missing = get(whole, f"entries/{'0' * 64}")
    hidden = next(one.id.hex() for one in demo_house.leaves() if one.kind == "event")
    assert get(whole, f"entries/{hidden}").text.replace(hidden, "0" * 64) == missing.text


def test_deposits_go_to_their_readers(demo_house: House, whole: Running) -> None:
    batch = next(one for one in demo_house.leaves() if one.kind == "batch" and one.member == MAKER)
    (digest,) = body_of(batch).deposits()
    path = f"deposits/{digest.hex()}?entry={batch.id.hex()}"
    for member, status in ((MAKER, 200), (HOSPITAL, 200), ("agence-sante", 200), (CANAL, 404)):
        answer = get_as(whole, demo_house.key(member), path)
        assert answer.status_code == status
        assert status == 404 or sha256(answer.content).digest() == digest
    assert get(whole, path).status_code == 404
    other = f"deposits/{digest.hex()}?entry={demo_house.leaves()[0].id.hex()}"
    assert get_as(whole, demo_house.key(MAKER), other).status_code == 404


def test_a_signed_request_is_good_once_and_for_one_path(demo_house: House, whole: Running) -> None:
    event = next(one for one in demo_house.leaves() if one.kind == "event" and one.member == CANAL)
    url, key = f"{whole.server.url}/entries/{event.id.hex()}", demo_house.key(CANAL)
    headers = signed_request.sign("GET", url, None, key.seed, key.kid)
    elsewhere = httpx.get(f"{whole.server.url}/entries/{'0' * 64}", headers=headers, trust_env=False, verify=PLAIN)
    assert (elsewhere.status_code, elsewhere.json()["type"]) == (403, "/problems/request_signature")
    assert httpx.get(url, headers=headers, trust_env=False, verify=PLAIN).status_code == 200
    again = httpx.get(url, headers=headers, trust_env=False, verify=PLAIN)
    assert (again.status_code, again.json()["type"]) == (403, "/problems/replayed")
    stranger = KeyFile("nobody", bytes(32))
    assert get_as(whole, stranger, f"entries/{event.id.hex()}").status_code == 403


def test_a_key_that_was_revoked_reads_no_more(demo_house: House) -> None:
    key, members = demo_house.key(CANAL), Members()
    leaves = [Leaf(index, one.id, one) for index, one in enumerate(demo_house.leaves())]
    members.hear(leaves)
    base, path = "http://w1.example", "/entries/" + "0" * 64

    def asked() -> Request:
        headers = signed_request.sign("GET", base + path, None, key.seed, key.kid)
        return Request(EnvironBuilder(path, base, headers=headers).get_environ())

    found = members.asker(asked())
    assert found is not None
    assert found.member == CANAL
    end = key_statement(key, key.public, "revoked")
    members.hear([Leaf(len(leaves), end.id, end)])
    with pytest.raises(Refused, match="request signature"):
        members.asker(asked())


def test_nothing_is_handed_on_before_its_checkpoint_is_mirrored(
    demo_house: House, log_url: str, tmp_path: Path
) -> None:
    key, size = demo_house.key(CANAL), len(demo_house.leaves())
    coming = key_statement(key, key.public, "revoked")
    with following(demo_house, tmp_path / "w1", log_url) as running:
        assert running.follower is not None
        running.follower.mirror.keep({f"entries/{coming.id.hex()}": coming.raw})
        running.follower.index.keep([Leaf(size, coming.id, coming)])
        assert get(running, f"entries/{coming.id.hex()}").status_code == 404
        assert get(running, f"entries/{demo_house.leaves()[0].id.hex()}").status_code == 200


def test_who_comes_without_a_key_has_what_is_for_anyone_and_the_rest_later(
    demo_house: House, log_url: str, tmp_path: Path
) -> None:
    leaves = demo_house.leaves()
    hidden = sum("anyone" not in CLASSES[KINDS[one.kind].readers] for one in leaves)
    named = {digest for one in leaves for digest in body_of(one).deposits()}
    folder = tmp_path / "w1"
    with following(demo_house, folder, log_url) as without:
        found = get(without, "readyz").json()
        assert (found["mirrored"], found["withheld"]) == (len(leaves), hidden)
        assert found["lacking"] == len(named)
    with following(demo_house, folder, log_url, demo_house.key(HOSPITAL)) as entitled:
        found = get(entitled, "readyz").json()
        assert (found["mirrored"], found["withheld"], found["lacking"]) == (len(leaves), 0, 0)
    assert {path.name for path in (folder / "mirror" / "deposits").iterdir()} == {one.hex() for one in named}


# --- it goes on ---


@pytest.mark.parametrize("damage", ["gone", "torn", "behind", "ahead"])
def test_its_index_is_made_anew(demo_house: House, log_url: str, tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "w1"
    with following(demo_house, folder, log_url, demo_house.key(HOSPITAL)):
        pass
    path = folder / "index.sqlite"
    if damage == "gone":
        path.unlink()
    elif damage == "torn":
        path.write_bytes(path.read_bytes()[:5000])
    else:
        with sqlite3.connect(path) as base:
            if damage == "behind":
                base.execute("DELETE FROM leaves WHERE leaf > 10")
            else:
                base.execute("INSERT INTO leaves VALUES (?, 999, 'product')", (bytes(32),))
        base.close()
    with following(demo_house, folder, "http://127.0.0.1:1", None) as again:
        assert "not reached" in standing(again).fault
        canal = demo_house.key(CANAL)
        for index, statement in enumerate(demo_house.leaves()):
            answer = get_as(again, demo_house.key(HOSPITAL), f"entries/{statement.id.hex()}")
            assert (answer.content, answer.headers["Probatum-Leaf"]) == (statement.raw, str(index))
        assert get_as(again, canal, f"entries/{'0' * 64}").status_code == 404


def test_a_log_that_is_away_is_asked_again(demo_house: House, tmp_path: Path) -> None:
    with served(demo_house.app) as url:
        pass
    port = int(url.rpartition(":")[2])
    with following(demo_house, tmp_path / "w1", url) as running:
        assert "not reached" in standing(running).fault
        found = get(running, "readyz")
        assert (found.status_code, found.json()["mirrored"]) == (200, 0)
        assert get(running, "checkpoint").status_code == 503
        server = Server(demo_house.app, "127.0.0.1", port)
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            assert turn(running)
        finally:
            server.stop()
            thread.join(10)
        assert get(running, "readyz").json()["mirrored"] == demo_house.head.size


# --- logs that lie ---


@pytest.fixture
def face(demo_house: House) -> Face:
    return Face(Forger(demo_house))


def other_end(forger: Forger, keep: int, more: int = 0) -> Forger:
    """A fork: the same first leaves, then others in another order."""
    return Forger(forger.house, (*forger.leaves[:keep], *reversed(forger.leaves[keep:]))).grown(
        *(forger.leaves[1 : 1 + more])
    )


@pytest.mark.parametrize("more", [0, 3])
def test_a_forked_log_is_convicted_by_what_it_shows(
    demo_house: House, face: Face, tmp_path: Path, more: int, caplog: pytest.LogCaptureFixture
) -> None:
    """The evidence stands by itself; the mirror keeps the tree it had, and no other is cosigned."""
    honest = face.forger
    with served(face) as url, following(demo_house, tmp_path / "w1", url) as running:
        assert get(running, "readyz").json()["mirrored"] == honest.size
        face.forger = other_end(honest, honest.size - 4, more)
        assert not turn(running)
        assert not turn(running)
        (name,) = get(running, "forks").json()["forks"]
        evidence = forks.decode(get(running, f"forks/{name}").content)
        sentence = evidence.check()
        assert sentence.startswith(f"{running.cosigner.log.name} FORKED: it signed {honest.size} leaves under root ")
        loud = [record for record in caplog.records if record.levelname == "CRITICAL"]
        assert [record.getMessage().startswith(sentence) for record in loud] == [True]
        assert get(running, "readyz").status_code == 503
        shown = notes.parse(note.parse(get(running, "checkpoint").content).text)
        assert (shown.size, shown.root) == (honest.size, honest.root)
        last = running.cosigner.last()
        assert last is not None
        assert last.checkpoint.root == honest.root


def test_a_fork_behind_what_was_cosigned_is_convicted(demo_house: House, face: Face, tmp_path: Path) -> None:
    """The log had one tree cosigned, and shows everybody another: before anything of that one is mirrored."""
    honest = face.forger
    with witness(tmp_path / "w1", running_log(demo_house), HOSPITAL, demo_house.clock) as running:
        asked = AddCheckpoint(0, (), honest.note())
        assert add_checkpoint(running.url, asked.encode()).status_code == 200
    face.forger = other_end(honest, 10, 2)
    with served(face) as url, following(demo_house, tmp_path / "w1", url) as running:
        assert "FORKED" in standing(running).fault
        assert running.follower is not None
        assert running.follower.mirror.size == 0
        assert not (running.follower.mirror.folder / "tile").exists()


def running_log(house: House) -> VerifierKey:
    return house.desk.trust.policy.log


def test_a_log_that_shows_less_than_before(demo_house: House, face: Face, tmp_path: Path) -> None:
    """An older checkpoint of the same tree is told; of another tree, it convicts."""
    honest = face.forger
    with served(face) as url, following(demo_house, tmp_path / "w1", url) as running:
        face.forger = honest.cut(10)
        assert turn(running)
        assert running.follower is not None
        assert (standing(running).shown, running.follower.mirror.size) == (10, honest.size)
        face.forger = other_end(honest, 3).cut(10)
        assert not turn(running)
        (name,) = running.cosigner.forks.names()
        assert forks.decode(running.cosigner.forks.read(name) or b"").check()


def test_a_ledger_that_begins_with_another_leaf(demo_house: House, face: Face, tmp_path: Path) -> None:
    face.forger = Forger(demo_house, face.forger.leaves[1:])
    with served(face) as url, following(demo_house, tmp_path / "w1", url) as running:
        assert standing(running).fault.startswith("tile/entries/000, byte 2: expected ")
        assert get(running, "checkpoint").status_code == 503
        assert running.cosigner.last() is None


def test_bytes_that_contradict_the_signature(demo_house: House, face: Face, tmp_path: Path) -> None:
    signed, size = face.forger.note(), b"\n%d\n" % face.forger.size
    face.forger.note = lambda *_: signed.replace(size, b"\n9" + size[1:], 1)  # type: ignore[method-assign]
    with served(face) as url, following(demo_house, tmp_path / "w1", url) as running:
        assert standing(running).fault.startswith("checkpoint: expected signature of ")
        assert running.cosigner.last() is None
        assert running.cosigner.forks.names() == []


def test_an_older_copy_of_its_folder_signs_no_more(demo_house: House, face: Face, tmp_path: Path) -> None:
    """What the log shows bears our own cosignature, which this folder does not remember: two histories may follow."""
    folder, honest = tmp_path / "w1", face.forger
    face.forger = honest.cut(20)
    with served(face) as url, following(demo_house, folder, url):
        copy = (folder / "cosigned").read_bytes()
    demo_house.clock.now += 1
    face.forger = honest.cut(30)
    with served(face) as url, following(demo_house, folder, url) as running:
        last = running.cosigner.last()
        assert last is not None
        own = note.parse(last.note).by(running.vkey)
    (folder / "cosigned").write_bytes(copy)
    face.extra = note.line(running.vkey, own[0]).encode()
    with served(face) as url, following(demo_house, folder, url) as running:
        assert "it is an older copy; put back the newest" in standing(running).fault
        answer = add_checkpoint(running.url, AddCheckpoint(20, (), honest.cut(20).note()).encode())
        assert (answer.status_code, "older copy" in answer.json()["detail"]) == (503, True)
    demo_house.clock.now -= 1


def test_an_unchanged_tree_is_cosigned_anew_when_nobody_asks(demo_house: House, face: Face, tmp_path: Path) -> None:
    with served(face) as url, following(demo_house, tmp_path / "w1", url) as running:
        try:
            for pause, expected in ((59, 0), (1, 60)):
                demo_house.clock.now += pause
                assert turn(running)
                signed = get(running, "checkpoint").content
                text, _, lines = signed.decode().rpartition("\n\n")
                time = cosigned_at(f"{text}\n\n".encode(), lines, running.vkey)
                assert time == demo_house.clock.now - pause * (expected == 0)
        finally:
            demo_house.clock.now -= 60




# --- what goes wrong on the way ---


def test_an_answer_that_never_ends_is_given_up_and_the_log_asked_again(
    demo_house: House, face: Face, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("verifier.node.remote.WHOLE_S", 0.5)
    released, dripping = threading.Event(), [True]

    def doors(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        if not dripping[0]:
            yield from face(environ, start)
            return
        start("200 OK", [("Content-Length", "100000")])
        while not released.wait(0.05):
            yield b"x"

    with served(doors) as url, following(demo_house, tmp_path / "w1", url) as running:
        assert "expected each answer in 0.5 s, found one still coming" in standing(running).fault
        dripping[0] = False
        released.set()
        assert turn(running)
        assert get(running, "readyz").json()["mirrored"] == face.forger.size


def test_a_full_disk_stops_neither_the_rounds_nor_what_is_there(
    demo_house: House, face: Face, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest, signed = face.forger, face.forger.cut(20).note()
    face.forger = honest.cut(20)
    with served(face) as url, following(demo_house, tmp_path / "w1", url) as running:
        face.forger = honest

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as disk:
            disk.setattr("verifier.files.os.write", full)
            assert not turn(running)
        assert "No space left on device" in standing(running).fault
        assert note.parse(get(running, "checkpoint").content).text == note.parse(signed).text
        assert turn(running)
        assert get(running, "readyz").json()["mirrored"] == honest.size


def test_a_round_that_fails_for_an_unknown_reason_is_not_the_last(
    demo_house: House, face: Face, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with served(face) as url, following(demo_house, tmp_path / "w1", url) as running:
        assert running.follower is not None
        with monkeypatch.context() as patch:
            patch.setattr(running.follower, "source", None)
            assert not turn(running)
        assert "AttributeError" in standing(running).fault
        assert turn(running)
        assert standing(running).fault == ""


def test_what_is_not_shown_is_asked_for_in_turn(
    demo_house: House, log_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few at a time, and none for ever before the others: a log may show some later, and some never."""
    monkeypatch.setattr("verifier.witness.follower.RETRY_S", 0)
    monkeypatch.setattr("verifier.witness.follower.RETRY_LEAVES", 3)
    with following(demo_house, tmp_path / "w1", log_url):
        pass
    with following(demo_house, tmp_path / "w1", log_url, demo_house.key(HALLES)) as running:  # it may read a few
        hidden = [get(running, "readyz").json()["withheld"]]
        asked: list[str] = []
        assert running.follower is not None
        real = running.follower.source.get_all

        def listening(paths: Sequence[str], limit: int) -> Any:
            asked.extend(paths)
            return real(paths, limit)

        monkeypatch.setattr(running.follower.source, "get_all", listening)
        for _ in range(hidden[0] // 3 + 2):
            assert turn(running)
            hidden.append(get(running, "readyz").json()["withheld"])
        assert hidden == sorted(hidden, reverse=True)
        kept = {path.name for path in (running.follower.mirror.folder / "entries").iterdir()}
        left = {one.id.hex() for one in demo_house.leaves()} - kept
        assert len(left) == hidden[-1] > 3
        assert left <= {path.removeprefix("entries/") for path in asked}
