"""`audit`: an honest log agrees to the last byte, and every lie is caught where it is told."""

import json
import socketserver
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from registry import Registry
from served import Served, free_port
from werkzeug.serving import WSGIRequestHandler, make_server
from wide import Wide

from verifier.commands import main
from verifier.ledger import checkpoint as notes
from verifier.ledger import tiles
from verifier.ledger.checkpoint import Checkpoint
from verifier.ledger.merkle import EMPTY_ROOT, leaf_hash, tree_root
from verifier.ledger.note import VerifierKey
from verifier.ledger.policy import Policy
from verifier.ledger.tiles import Tile
from verifier.statements import cbor
from verifier.statements.clock import Clock
from verifier.statements.envelope import TAG_18, read, sign
from verifier.statements.product import Product
from verifier.verdict.trust import Trust, encode

Headers = list[tuple[str, str]]
Said = tuple[int, Headers, bytes]
Lie = Callable[[str, Said], Said]


class Quiet(WSGIRequestHandler):
    """Says nothing on standard error, and keeps connections."""

    protocol_version = "HTTP/1.1"

    def log(self, *_: Any) -> None:
        pass


class Crooked:
    """A server that hands on what `wide` says, except where `lie` has it say something else."""

    def __init__(self, wide: Wide) -> None:
        self.wide = wide
        self.lie: Lie = lambda _, said: said
        self.asked: list[str] = []
        self._honest = lru_cache(maxsize=None)(self._ask)  # nobody adds to this ledger

    def _ask(self, path: str) -> Said:
        honest = self.wide.app.test_client().get(f"/{path}")
        kept = [(name, value) for name, value in honest.headers if name in ("Content-Type", "Probatum-Leaf")]
        return honest.status_code, kept, honest.data

    def __call__(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        path = str(environ["PATH_INFO"]).lstrip("/")
        self.asked.append(path)
        status, headers, body = self.lie(path, self._honest(path))
        start(f"{status} said", [*headers, ("Content-Length", str(len(body)))])
        return [body]


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """The address of a WSGI application."""
    server = make_server("127.0.0.1", free_port(), app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()


@pytest.fixture(scope="module")
def crooked(wide: Wide) -> Iterator[tuple[Crooked, str]]:
    app = Crooked(wide)
    with serving(app) as url:
        yield app, url


@pytest.fixture
def trust_file(tmp_path: Path) -> Path:
    return tmp_path / "trust.json"


def audit(url: str, trust_file: Path, trust: Trust, *more: str) -> Result:
    trust_file.write_text(encode(trust), "utf-8")
    return CliRunner().invoke(main, ["audit", "--from", url, "--trust", str(trust_file), *more])


def told(crooked: tuple[Crooked, str], trust_file: Path, lie: Lie, trust: Trust | None = None) -> tuple[int, Any]:
    """The exit status and the JSON of an audit that is lied to."""
    app, url = crooked
    app.lie = lie
    try:
        done = audit(url, trust_file, trust or app.wide.trust, "--json")
    finally:
        app.lie = lambda _, said: said
    (line,) = done.stdout.splitlines()
    return done.exit_code, json.loads(line)


def at(path: str, change: Callable[[Said], Said]) -> Lie:
    return lambda asked, said: change(said) if asked == path else said


def flipped(place: int) -> Callable[[Said], Said]:
    """One bit of one byte."""

    def change(said: Said) -> Said:
        status, headers, body = said
        where = place % len(body)
        return status, headers, body[:where] + bytes([body[where] ^ 1]) + body[where + 1 :]

    return change


def gone(_: Said) -> Said:
    return 404, [], b"nothing here"


def statement(wide: Wide, kind: str) -> str:
    """The address of the last statement of a kind."""
    ids = wide.log.ids(0, wide.size)
    return f"entries/{next(one for one in reversed(ids) if read(wide.log.bodies([one])[0]).kind == kind).hex()}"


# --- honest logs ---


@pytest.mark.parametrize("since", ["nothing", "an early checkpoint", "this checkpoint"])
def test_an_honest_log_agrees(crooked: tuple[Crooked, str], trust_file: Path, since: str) -> None:
    app, url = crooked
    wide = app.wide
    seen = {"nothing": None, "an early checkpoint": wide.early, "this checkpoint": wide.note}[since]
    done = audit(url, trust_file, replace(wide.trust, checkpoint=seen), "--json")
    found = json.loads(done.stdout)
    events = sum(read(raw).kind == "event" for raw in wide.log.bodies(wide.log.ids(0, wide.size)))
    assert (done.exit_code, found["outcome"], found["fault"], done.stderr) == (0, "agree", None, "")
    assert (found["size"], found["root"]) == (wide.size, wide.head.root.hex())
    assert found["since"] == (notes.open(seen, wide.registry.policy).size if seen else None)
    assert (found["withheld"], found["read"]) == (events, wide.size - events)
    assert sum(found["kinds"].values()) == found["read"]
    assert found["kinds"]["genesis"] == 1
    assert found["tiles"] == 3 + 3 + 1  # bundles, level 0, level 1


def test_everything_that_is_served_is_read(crooked: tuple[Crooked, str], trust_file: Path) -> None:
    """What is not asked for cannot be found wrong."""
    app, url = crooked
    app.asked.clear()
    assert audit(url, trust_file, app.wide.trust).exit_code == 0
    edge = app.wide.size % 256
    expected = ["checkpoint", f"tile/0/002.p/{edge}", f"tile/entries/002.p/{edge}", "tile/1/000.p/2"]
    expected += [f"{kind}/00{number}" for kind in ("tile/0", "tile/entries") for number in (0, 1)]
    expected += [f"entries/{one.hex()}" for one in app.wide.log.ids(0, app.wide.size)]
    assert sorted(app.asked) == sorted(expected)


def test_in_words(crooked: tuple[Crooked, str], trust_file: Path) -> None:
    app, url = crooked
    done = audit(f"{url}/", trust_file, replace(app.wide.trust, checkpoint=app.wide.early))
    assert done.exit_code == 0
    assert done.stdout.startswith(f"all agree: {app.wide.size} leaves, grown from the 256 seen before, root ")
    assert "withheld from strangers" in done.stdout


def test_a_partial_tile_may_be_gone_once_the_full_one_is_there(crooked: tuple[Crooked, str], trust_file: Path) -> None:
    """tlog-tiles: a log MAY delete it, and a client then takes the beginning of the full one."""
    wide = crooked[0].wide
    small = notes.sign(Checkpoint(wide.head.origin, 300, root_of(wide, 300)), wide.registry.log_key)
    partial = Tile(0, 1, 44).path(), Tile(0, 1, 44).entries_path()

    def lie(path: str, said: Said) -> Said:
        if path == "checkpoint":
            return 200, [], small
        return gone(said) if path in partial else said

    code, found = told(crooked, trust_file, lie)
    assert (code, found["outcome"], found["size"]) == (0, "agree", 300)


def root_of(wide: Wide, size: int) -> bytes:
    return tiles.root(size, wide.log.tile)


def test_a_real_server_agrees(server: Served, tmp_path: Path) -> None:
    done = server.run("verifier", "trust", "--out", str(tmp_path / "trust.json"))
    assert done.returncode == 0, done.stderr
    done = server.run("verifier", "audit", "--trust", str(tmp_path / "trust.json"), "--json")
    assert done.returncode == 0, (done.stdout, done.stderr)
    found = json.loads(done.stdout)
    assert (found["outcome"], found["url"], found["fault"]) == ("agree", server.url, None)
    assert found["read"] + found["withheld"] == found["size"] > 20
    assert {"genesis", "member", "key", "product", "batch", "recall", "clock"} <= set(found["kinds"])


# --- one flipped byte in each kind of resource ---

FLIPS: dict[str, tuple[str, int, int | None]] = {
    "checkpoint, its origin": ("checkpoint", 0, None),
    "checkpoint, its size": ("checkpoint", 23, None),
    "checkpoint, its root": ("checkpoint", 40, None),
    "checkpoint, its signature": ("checkpoint", -5, None),
    "level 0, first byte": ("tile/0/000", 0, 0),
    "level 0, in a full tile": ("tile/0/001", 4100, 4100),
    "level 0, last byte of a full tile": ("tile/0/000", 8191, 8191),
    "level 0, in the partial tile": ("tile/0/002.p/{edge}", 33, 33),
    "level 0, last byte of all": ("tile/0/002.p/{edge}", -1, -1),
    "level 1, over the first tile": ("tile/1/000.p/2", 7, 7),
    "level 1, over the second": ("tile/1/000.p/2", 63, 63),
    "a bundle, an id": ("tile/entries/000", 34 * 9 + 20, 34 * 9 + 2),
    "a bundle, an id of the partial one": ("tile/entries/002.p/{edge}", -1, -32),
    "a bundle, a length": ("tile/entries/001", 34 * 8 + 1, 34 * 8),
    "the first id": ("tile/entries/000", 2, 2),
}


@pytest.mark.parametrize("name", FLIPS)
def test_a_flipped_byte_is_named(crooked: tuple[Crooked, str], trust_file: Path, name: str) -> None:
    app, url = crooked
    path, place, offset = FLIPS[name]
    path = path.format(edge=app.wide.size % 256)
    length = len(app.wide.http.get(f"/{path}").data)
    code, found = told(crooked, trust_file, at(path, flipped(place)))
    assert (code, found["outcome"]) == (1, "lied")
    assert found["fault"]["url"] == f"{url}/{path}"
    assert found["fault"]["offset"] == (offset if offset is None else offset % length)
    assert found["fault"]["expected"]
    assert found["fault"]["found"]
    assert found["fault"]["expected"] != found["fault"]["found"]


BODIES = (("genesis", 0), ("member", 60), ("key", -1), ("product", 1), ("batch", -40), ("recall", -1), ("clock", 100))


@pytest.mark.parametrize(("kind", "place"), BODIES)
def test_a_flipped_byte_of_a_statement_is_named(
    crooked: tuple[Crooked, str], trust_file: Path, kind: str, place: int
) -> None:
    path = statement(crooked[0].wide, kind)
    code, found = told(crooked, trust_file, at(path, flipped(place)))
    assert (code, found["fault"]["url"]) == (1, f"{crooked[1]}/{path}")
    assert found["fault"]["expected"] == f"bytes whose SHA-256 is {path.removeprefix('entries/')}"


GONE = ("checkpoint", "tile/0/000", "tile/0/001", "tile/1/000.p/2", "tile/entries/000", "tile/entries/001")


@pytest.mark.parametrize("path", GONE)
def test_what_is_missing_is_named(crooked: tuple[Crooked, str], trust_file: Path, path: str) -> None:
    code, found = told(crooked, trust_file, at(path, gone))
    assert (code, found["fault"]["url"]) == (1, f"{crooked[1]}/{path}")
    assert (found["fault"]["expected"], found["fault"]["found"]) == ("status 200", "404")


LENGTHS = (("tile/0/000", -1), ("tile/0/001", 100_000), ("tile/entries/000", 1), ("tile/entries/001", -34),
           ("tile/1/000.p/2", 1), ("tile/1/000.p/2", -64))  # fmt: skip


@pytest.mark.parametrize(("path", "more"), LENGTHS)
def test_a_tile_of_another_length_is_named(
    crooked: tuple[Crooked, str], trust_file: Path, path: str, more: int
) -> None:
    def longer(said: Said) -> Said:
        return said[0], said[1], said[2][:more] if more < 0 else said[2] + bytes(more)

    length = len(crooked[0].wide.http.get(f"/{path}").data)
    code, found = told(crooked, trust_file, at(path, longer))
    assert (code, found["fault"]["url"]) == (1, f"{crooked[1]}/{path}")
    assert found["fault"]["offset"] == min(length, length + more)
    assert found["fault"]["expected"] == f"{length} bytes"


@pytest.mark.parametrize("leaf", [None, "0", "99999", "x", "+5", "5\x1b[2Jall agree"])
def test_a_statement_under_another_number_is_named(
    crooked: tuple[Crooked, str], trust_file: Path, leaf: str | None
) -> None:
    headers = [("Probatum-Leaf", leaf)] if leaf is not None else []
    path = statement(crooked[0].wide, "recall")
    code, found = told(crooked, trust_file, at(path, lambda said: (said[0], headers, said[2])))
    said = str(leaf).replace("\x1b", "\\x1b")  # nothing that a terminal would obey
    assert (code, found["fault"]["url"], found["fault"]["found"]) == (1, f"{crooked[1]}/{path}", said)


def test_a_hidden_genesis_and_a_hidden_key(crooked: tuple[Crooked, str], trust_file: Path) -> None:
    """Whoever withholds what makes a signer entitled is caught by what he signed."""
    wide = crooked[0].wide
    first = f"entries/{wide.log.ids(0, 1)[0].hex()}"
    code, found = told(crooked, trust_file, at(first, gone))
    assert (code, found["fault"]["url"]) == (1, f"{crooked[1]}/{first}")
    member = f"entries/{wide.log.ids(3, 4)[0].hex()}"  # the second endorsement of the first member, a maker
    code, found = told(crooked, trust_file, at(member, gone))
    assert (code, found["outcome"]) == (1, "lied")
    assert found["fault"]["expected"] == "unknown key: an enrolled key"
    assert found["fault"]["found"] == "no such key (1 earlier leaves are withheld)"


# --- a log that signs what it should not ---


def test_a_log_rolled_back_behind_what_was_seen(crooked: tuple[Crooked, str], trust_file: Path) -> None:
    wide = crooked[0].wide
    trust = replace(wide.trust, checkpoint=wide.note)
    code, found = told(crooked, trust_file, at("checkpoint", lambda _: (200, [], wide.early)), trust)
    assert (code, found["fault"]["url"]) == (1, f"{crooked[1]}/checkpoint")
    assert found["fault"]["expected"] == f"at least {wide.size} leaves, as seen before"
    assert found["fault"]["found"] == "256"


@pytest.mark.parametrize("size", [1, 255, 256, 257, 512, "all"])
def test_a_log_that_forked_from_what_was_seen(crooked: tuple[Crooked, str], trust_file: Path, size: int | str) -> None:
    """Signed by the log itself, and another tree: one of the two is a lie, and both are signed."""
    wide = crooked[0].wide
    whole = wide.size if size == "all" else int(size)
    fork = notes.sign(Checkpoint(wide.head.origin, whole, bytes(32)), wide.registry.log_key)
    code, found = told(crooked, trust_file, lambda _, said: said, replace(wide.trust, checkpoint=fork))
    assert (code, found["outcome"]) == (1, "lied")
    assert found["fault"]["expected"].startswith(f"growth from {whole} leaves under {bytes(32).hex()}")
    assert found["fault"]["found"] == root_of(wide, whole).hex()


def test_a_signed_root_of_other_leaves(crooked: tuple[Crooked, str], trust_file: Path) -> None:
    wide = crooked[0].wide
    other = notes.sign(Checkpoint(wide.head.origin, wide.size, bytes(32)), wide.registry.log_key)
    code, found = told(crooked, trust_file, at("checkpoint", lambda _: (200, [], other)))
    assert (code, found["fault"]["url"]) == (1, f"{crooked[1]}/checkpoint")
    assert found["fault"]["found"] == bytes(32).hex()
    assert wide.head.root.hex() in found["fault"]["expected"]


def test_anothers_log(crooked: tuple[Crooked, str], trust_file: Path) -> None:
    wide = crooked[0].wide
    mine = replace(wide.trust, policy=Policy(VerifierKey.of_seed(wide.head.origin, bytes(32))))
    code, found = told(crooked, trust_file, lambda _, said: said, mine)
    assert (code, found["fault"]["url"]) == (1, f"{crooked[1]}/checkpoint")
    code, found = told(crooked, trust_file, lambda _, said: said, replace(wide.trust, genesis=bytes(32)))
    assert (code, found["fault"]["url"]) == (1, f"{crooked[1]}/tile/entries/000")
    assert (found["fault"]["offset"], found["fault"]["expected"]) == (2, bytes(32).hex())


class Shelf:
    """A small log of any statements, signed by the real log's key: what a dishonest node could publish."""

    def __init__(self, registry: Registry, raws: list[bytes]) -> None:
        self.ids = [read(raw).id for raw in raws]
        leaves = [leaf_hash(one) for one in self.ids]
        changed, root = tiles.grow(0, leaves, lambda *_: b"")
        head = Checkpoint(registry.policy.log.name, len(raws), root)
        self.said = {"checkpoint": notes.sign(head, registry.log_key)}
        self.said |= {Tile(level, n, len(some) // 32).path(): some for (level, n), some in changed.items()}
        if raws:
            self.said[Tile(0, 0, len(raws)).entries_path()] = tiles.encode_entries(self.ids)
        numbered = enumerate(zip(self.ids, raws, strict=True))
        self.bodies = {f"entries/{one.hex()}": (number, raw) for number, (one, raw) in numbered}

    def __call__(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        path = str(environ["PATH_INFO"]).lstrip("/")
        index, body = self.bodies.get(path, (-1, self.said.get(path)))
        headers = [("Probatum-Leaf", str(index))] if index >= 0 else []
        start("404 Not Found" if body is None else "200 OK", [*headers, ("Content-Length", str(len(body or b"")))])
        return [body or b""]


def clock(registry: Registry, size: int, root: bytes, time: int) -> bytes:
    body = Clock(size=size, root=root, time=time, source="node")
    key = registry.key_of_node()
    return sign("clock", key.member, body.subject(), registry.now, body.encode(), key.seed).raw


def with_unprotected(raw: bytes) -> bytes:
    protected, _, payload, signature = cbor.decode(raw[1:])
    return TAG_18 + cbor.encode([protected, {9: b"mine"}, payload, signature])


def forged(registry: Registry, name: str, honest: list[bytes]) -> bytes:
    """A statement that the rules would have refused, to stand after `honest`."""
    size, root = len(honest), tree_root([leaf_hash(read(raw).id) for raw in honest])
    product, another = read(registry.product()), Product(gtin=registry.lot.gtin, name="X")
    ours = {
        "a carrier's product": lambda: registry.say("product", "transvia", another).raw,
        "another maker's product": lambda: registry.say("product", "nordhavn-pharma", another).raw,
        "a false signature": lambda: product.raw[:-1] + bytes([product.raw[-1] ^ 1]),
        "a key enrolled twice": lambda: honest[1],
        "a member endorsed again": lambda: honest[3],
        "a second genesis": lambda: honest[0],
        "a clock before the last": lambda: clock(registry, size, root, registry.now - 1),
        "a clock of the future": lambda: clock(registry, size + 1, root, registry.now + 9),
        "a clock of a smaller tree": lambda: clock(registry, 3, root, registry.now + 9),
        "a clock of another tree": lambda: clock(registry, size, bytes(32), registry.now + 9),
    }  # fmt: skip
    return ours[name]()


FORGED = {
    "a carrier's product": "role: maker for a product",
    "another maker's product": "own gtin: a GTIN under",
    "a false signature": "bad signature: the key's signature",
    "a key enrolled twice": "Probatum-Leaf: ",
    "a member endorsed again": "Probatum-Leaf: ",
    "a second genesis": "Probatum-Leaf: ",
    "a clock before the last": "a checkpoint of ",
    "a clock of the future": "a checkpoint of ",
    "a clock of a smaller tree": "a checkpoint of ",
    "a clock of another tree": "the root ",
}


@pytest.fixture(scope="module")
def honest(wide: Wide) -> list[bytes]:
    """Enrolment, a clock and a product: leaves that agree."""
    raws = wide.registry.enrolment()
    root = tree_root([leaf_hash(read(raw).id) for raw in raws])
    return [*raws, clock(wide.registry, len(raws), root, wide.registry.now), wide.registry.product(7)]


def test_the_control_agrees(wide: Wide, honest: list[bytes], trust_file: Path) -> None:
    with serving(Shelf(wide.registry, honest)) as url:
        assert audit(url, trust_file, wide.trust).exit_code == 0


@pytest.mark.parametrize("name", FORGED)
def test_a_leaf_that_the_rules_forbid_is_named(wide: Wide, honest: list[bytes], trust_file: Path, name: str) -> None:
    shelf = Shelf(wide.registry, [*honest, forged(wide.registry, name, honest)])
    with serving(shelf) as url:
        done = audit(url, trust_file, wide.trust, "--json")
        found = json.loads(done.stdout)
    assert (done.exit_code, found["outcome"]) == (1, "lied")
    assert found["fault"]["url"] == f"{url}/entries/{shelf.ids[-1].hex()}"
    assert found["fault"]["expected"].startswith(FORGED[name])


def test_an_unprotected_header_is_no_registered_form(wide: Wide, honest: list[bytes], trust_file: Path) -> None:
    shelf = Shelf(wide.registry, honest)
    path = f"entries/{shelf.ids[-1].hex()}"
    shelf.bodies[path] = (len(honest) - 1, with_unprotected(honest[-1]))
    with serving(shelf) as url:
        assert audit(url, trust_file, wide.trust).exit_code == 1


def test_a_kind_that_is_not_known_convicts_nobody(wide: Wide, honest: list[bytes], trust_file: Path) -> None:
    key = wide.registry.key("transvia")
    novel = sign("novel", key.member, "urn:probatum:novel:1", wide.registry.now, b"\xa0", key.seed).raw
    with serving(Shelf(wide.registry, [*honest, novel])) as url:
        done = audit(url, trust_file, wide.trust)
    assert done.exit_code == 2
    assert "of kind 'novel', which this auditor does not know" in done.stderr


def test_an_empty_log_agrees(wide: Wide, trust_file: Path) -> None:
    shelf = Shelf(wide.registry, [])
    assert notes.open(shelf.said["checkpoint"], wide.registry.policy).root == EMPTY_ROOT
    with serving(shelf) as url:
        assert audit(url, trust_file, wide.trust).exit_code == 0
        assert audit(url, trust_file, replace(wide.trust, checkpoint=wide.early)).exit_code == 1


# --- not reached ---


def test_nobody_there(wide: Wide, trust_file: Path) -> None:
    done = audit(f"http://127.0.0.1:{free_port()}", trust_file, wide.trust)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "not reached (ConnectError)" in done.stderr


AWAY: dict[str, Callable[[Said], Said]] = {
    "a redirect": lambda _: (302, [("Location", "http://127.0.0.1:9/")], b""),
    "a fault of the server": lambda _: (500, [], b"oops"),
    "busy for good": lambda _: (503, [("Retry-After", "0")], b""),
    "an encoding": lambda said: (200, [("Content-Encoding", "gzip")], said[2]),
}


@pytest.mark.parametrize("name", AWAY)
@pytest.mark.parametrize("path", ["checkpoint", "tile/0/001"])
def test_what_is_no_answer_convicts_nobody(
    crooked: tuple[Crooked, str], trust_file: Path, name: str, path: str
) -> None:
    code, found = told(crooked, trust_file, at(path, AWAY[name]))
    assert (code, found["outcome"]) == (2, "unreached")
    assert f"{crooked[1]}/{path}" in found["fault"]


@pytest.mark.parametrize("head", [True, False], ids=["headers", "body"])
def test_an_answer_that_only_drips_is_not_waited_for(
    wide: Wide, trust_file: Path, monkeypatch: pytest.MonkeyPatch, head: bool
) -> None:
    """A byte at a time is in time for each read, and for ever for the whole."""
    monkeypatch.setattr("verifier.node.remote.WHOLE_S", 0.5)
    over = threading.Event()

    class Dripping(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.request.recv(1 << 16)
            self.wfile.write(b"HTTP/1.1 200 OK\r\n" + (b"X: " if head else b"Content-Length: 9000\r\n\r\n"))
            with suppress(OSError):
                while not over.wait(0.02):
                    self.wfile.write(b"x")

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Dripping)
    thread, end = threading.Thread(target=server.serve_forever), threading.Timer(8, over.set)
    thread.start()
    end.start()
    try:
        done = audit(f"http://127.0.0.1:{server.server_address[1]}", trust_file, wide.trust)
        assert not over.is_set()
    finally:
        over.set()
        end.cancel()
        server.shutdown()
        server.server_close()
        thread.join(5)
    assert done.exit_code == 2
    assert "expected each answer in 0.5 s, found one still coming" in done.stderr


def test_a_node_that_asks_for_patience_is_given_some(crooked: tuple[Crooked, str], trust_file: Path) -> None:
    refused: list[str] = []

    def lie(path: str, said: Said) -> Said:
        if refused.count(path) < 2 and path.startswith("tile"):
            refused.append(path)
            return 429, [("Retry-After", "0")], b""
        return said

    code, found = told(crooked, trust_file, lie)
    assert (code, found["outcome"], len(refused)) == (0, "agree", 14)


WRONG = (
    ("ftp://x",), ("http://",), ("nothing",), ("http://user@host",), ("http://host/?q",), ("http://host#f",),
)  # fmt: skip


@pytest.mark.parametrize("url", [one for row in WRONG for one in row])
def test_no_address(wide: Wide, trust_file: Path, url: str) -> None:
    done = audit(url, trust_file, wide.trust)
    assert (done.exit_code, done.stdout) == (64, "")
    assert "expected http:// or https:// and a host" in done.stderr


def test_no_trust(wide: Wide, trust_file: Path) -> None:
    assert CliRunner().invoke(main, ["audit"]).exit_code == 64
    trust_file.write_text("{}", "utf-8")
    done = CliRunner().invoke(main, ["audit", "--trust", str(trust_file)])
    assert (done.exit_code, "expected the fields genesis" in done.stderr) == (64, True)
    bad = replace(wide.trust, checkpoint=b"no note\n")
    assert audit("http://127.0.0.1:1", trust_file, bad).exit_code == 64
