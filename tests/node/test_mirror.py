"""A log copied into a folder: all of it, checked first, and whatever is cut short goes on where it was."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from wide import Wide

from verifier.ledger import checkpoint as notes
from verifier.ledger import tiles
from verifier.ledger.checkpoint import Checkpoint
from verifier.ledger.merkle import verify_consistency
from verifier.node import copying
from verifier.node.auditor import Auditor
from verifier.node.copying import Forked, Leaf
from verifier.node.mirror import Mirror
from verifier.node.remote import NotShown
from verifier.node.testimony import Answer, Lied, Unreached
from verifier.store import deposits
from verifier.web.desk import deposit_folder


class Shown:
    """The doors of `wide` as a Source: counts what is asked, `lie` changes answers, after `left` it is out of reach."""

    def __init__(self, wide: Wide) -> None:
        self.wide = wide
        self.asked: list[str] = []
        self.left = 1_000_000
        self.lie: Callable[[str, Answer], Answer] = lambda _, answer: answer

    def get(self, path: str, limit: int) -> Answer:
        self.asked.append(path)
        self.left -= 1
        if self.left < 0:
            raise Unreached(path)
        return self.lie(path, _honest(self.wide, path, limit))

    def get_all(self, paths: Sequence[str], limit: int) -> Iterable[Answer]:
        return [self.get(path, limit) for path in paths]

    def chunks(self, path: str) -> Iterator[bytes]:
        digest = path.removeprefix("deposits/").partition("?")[0]
        folder = deposit_folder(self.wide.registry.settings.data)
        if not deposits.exists(folder, digest):
            raise NotShown(path)
        return deposits.open_chunks(folder, digest)


@cache  # nobody adds to this ledger
def _honest(wide: Wide, path: str, limit: int) -> Answer:
    said = wide.http.get(f"/{path}")
    return Answer(said.status_code, said.data[: limit + 1], said.headers.get("Probatum-Leaf"))


@pytest.fixture
def shown(wide: Wide) -> Shown:
    return Shown(wide)


@pytest.fixture
def mirror(tmp_path: Path) -> Mirror:
    return Mirror(tmp_path / "mirror")


def copied(shown: Shown, mirror: Mirror, signed: bytes | None = None) -> list[Leaf]:
    """What was heard of the leaves copied."""
    signed = signed or shown.wide.note
    heard: list[Leaf] = []
    head = notes.open(signed, shown.wide.registry.policy)
    copying.copy(shown, signed, head, mirror, lambda leaves: heard.extend(leaves))
    return heard


def paths(mirror: Mirror) -> set[str]:
    return {str(path.relative_to(mirror.folder)) for path in mirror.folder.rglob("*") if path.is_file()}


def head_of(wide: Wide, size: int) -> tuple[bytes, Checkpoint]:
    head = Checkpoint(wide.head.origin, size, tiles.root(size, wide.log.tile))
    return notes.sign(head, wide.registry.log_key), head


def test_everything_that_is_shown_is_here(shown: Shown, mirror: Mirror) -> None:
    wide = shown.wide
    heard = copied(shown, mirror)
    ids = wide.log.ids(0, wide.size)
    assert [(leaf.index, leaf.id) for leaf in heard] == list(enumerate(ids))
    assert (mirror.note(), mirror.head(), mirror.size) == (wide.note, wide.head, wide.size)
    assert [one for number in range(3) for one in mirror.ids(number, tiles.width_of(0, number, wide.size))] == ids
    assert tiles.root(wide.size, mirror.tile) == wide.head.root
    for leaf, raw in zip(heard, wide.log.bodies(ids), strict=True):
        file = mirror.folder / "entries" / leaf.id.hex()
        assert (leaf.statement is None) == (not file.exists())
        assert leaf.statement is None or file.read_bytes() == raw
    kinds = {leaf.statement.kind for leaf in heard if leaf.statement}
    assert {"genesis", "member", "batch", "recall", "clock"} <= kinds
    assert "event" not in kinds  # for its parties
    held = {path.name for path in (mirror.folder / "deposits").iterdir()}
    assert held == {digest.hex() for leaf in heard for digest in copying.deposits_of(leaf.statement)}
    assert len(held) == 2
    assert all(sha256((mirror.folder / "deposits" / name).read_bytes()).hexdigest() == name for name in held)


def test_the_folder_is_a_log_that_audits(shown: Shown, mirror: Mirror) -> None:
    """By the auditor's own Source: the same bytes at the same paths."""
    copied(shown, mirror)
    trust = shown.wide.trust
    report = Auditor(mirror, trust.policy, trust.genesis, shown.wide.early).audit()
    straight = Auditor(shown, trust.policy, trust.genesis, shown.wide.early).audit()
    assert dataclasses.replace(report, testimony=straight.testimony) == straight
    assert report.testimony.kinds == straight.testimony.kinds


def test_only_what_is_new_is_asked_for(shown: Shown, mirror: Mirror) -> None:
    wide = shown.wide
    for size in (1, 200, 256, 300, 512, 530, wide.size):
        signed, head = head_of(wide, size)
        before = mirror.size
        shown.asked.clear()
        heard = copied(shown, mirror, signed)
        assert [leaf.index for leaf in heard] == list(range(before, size))
        entries = [path for path in shown.asked if path.startswith("entries/")]
        assert len(entries) == size - before
        assert len(shown.asked) - len(entries) <= 2 * (size // 256 - before // 256 + 1) + 2
        assert (mirror.head(), tiles.root(size, mirror.tile)) == (head, head.root)
        wanted = {tile.path() for tile in tiles.edges(size)} | {f"tile/0/{n:03}" for n in range(size // 256)}
        assert {path for path in paths(mirror) if path.startswith("tile/") and "entries" not in path} == wanted
    shown.asked.clear()
    assert copied(shown, mirror) == []
    assert shown.asked == []


@pytest.mark.parametrize("left", [0, 3, 60, 262, 264, 520, 600])
def test_cut_short_it_goes_on(shown: Shown, mirror: Mirror, left: int) -> None:
    """What was brought home is not asked for again, but the statements of the run that was under way."""
    shown.left = left
    with pytest.raises(Unreached):
        copied(shown, mirror)
    assert mirror.note() is None
    first = len([path for path in shown.asked if path.startswith("entries/")])
    shown.left = 1_000_000
    again = Mirror(mirror.folder)
    heard = copied(shown, again)
    assert [leaf.index for leaf in heard] == list(range(shown.wide.size))
    assert tiles.root(shown.wide.size, again.tile) == shown.wide.head.root
    public = sum(leaf.statement is not None for leaf in heard)
    withheld = len(heard) - public
    asked = len([path for path in shown.asked if path.startswith("entries/")])
    assert asked <= public + 2 * withheld + first % 256 + 1


def flipped(answer: Answer, place: int = -1) -> Answer:
    body = bytearray(answer.body)
    body[place] ^= 1
    return dataclasses.replace(answer, body=bytes(body))


LIES: dict[str, tuple[str, Any]] = {
    "a full tile": ("tile/0/000", flipped),
    "a partial tile": ("tile/0/002.p/", flipped),
    "the tile above": ("tile/1/000.p/2", flipped),
    "an id": ("tile/entries/001", flipped),
    "a length": ("tile/entries/001", lambda answer: flipped(answer, 1)),
    "a tile gone": ("tile/0/001", lambda _: Answer(404, b"")),
    "a tile too long": ("tile/0/001", lambda answer: dataclasses.replace(answer, body=answer.body + b"x")),
    "a statement": ("entries/", flipped),
    "a statement's status": ("entries/", lambda _: Answer(410, b"")),
}


@pytest.mark.parametrize("name", LIES)
def test_nothing_wrong_is_kept(shown: Shown, mirror: Mirror, name: str) -> None:
    where, change = LIES[name]
    shown.lie = lambda path, answer: change(answer) if path.startswith(where) else answer
    with pytest.raises(Lied) as caught:
        copied(shown, mirror)
    assert caught.value.path.startswith(where) or caught.value.path == "checkpoint"
    wide = shown.wide
    for path in paths(mirror):
        assert (mirror.folder / path).read_bytes() == wide.http.get(f"/{path}").data or path.startswith("deposits/")
    shown.lie = lambda _, answer: answer
    assert len(copied(shown, mirror)) == wide.size


def test_a_deposit_of_other_bytes_is_not_kept(shown: Shown, mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing else says what a deposit holds: the digest in the statement does, and it is lacking until it is right."""
    honest = shown.chunks
    for lie in (
        lambda path: iter([b"\0", *honest(path)]),
        lambda path: list(honest(path))[:-1],
        lambda _: iter([b"x"]),
    ):
        monkeypatch.setattr(shown, "chunks", lie)
        heard = copied(shown, mirror)
        named = {digest for leaf in heard for digest in copying.deposits_of(leaf.statement)}
        assert {digest for leaf in heard for digest in leaf.lacking} == named
        assert list((mirror.folder / "deposits").iterdir()) == []
        (mirror.folder / "checkpoint").unlink()
    monkeypatch.setattr(shown, "chunks", honest)
    assert not any(leaf.lacking for leaf in copied(shown, mirror))
    assert {path.name for path in (mirror.folder / "deposits").iterdir()} == {digest.hex() for digest in named}


@pytest.mark.parametrize("size", [1, 255, 256, 300, 512])
def test_another_tree_is_a_fork_with_its_proof(shown: Shown, mirror: Mirror, size: int) -> None:
    """Nothing that is here is changed by it."""
    wide = shown.wide
    head = Checkpoint(wide.head.origin, size, bytes(32))
    mirror.keep({"checkpoint": notes.sign(head, wide.registry.log_key)})
    before = paths(mirror)
    with pytest.raises(Forked) as caught:
        copied(shown, mirror)
    fork = caught.value
    assert (fork.size, fork.root) == (size, tiles.root(size, wide.log.tile))
    verify_consistency(size, wide.size, fork.path, fork.root, wide.head.root)
    assert paths(mirror) == before


def test_a_damaged_mirror_is_mended(shown: Shown, mirror: Mirror) -> None:
    signed, _ = head_of(shown.wide, 300)
    copied(shown, mirror, signed)
    for path in ("tile/1/000.p/1", "tile/0/000", "tile/entries/001.p/44"):
        file = mirror.folder / path
        file.write_bytes(flipped(Answer(200, file.read_bytes())).body)
    copied(shown, mirror)
    assert tiles.root(shown.wide.size, mirror.tile) == shown.wide.head.root
    assert mirror.ids(1, 256) == shown.wide.log.ids(256, 512)
    edge = mirror.folder / tiles.Tile(0, 2, shown.wide.size - 512).path()  # of the very tree that is copied
    edge.write_bytes(flipped(Answer(200, edge.read_bytes())).body)
    copied(shown, mirror)
    assert tiles.root(shown.wide.size, mirror.tile) == shown.wide.head.root


@pytest.mark.parametrize("path", ["../x", "entries/../checkpoint", "entries/00", "tile/0/../../x", "", "/etc/passwd"])
def test_nothing_beside_the_logs_paths(mirror: Mirror, path: str) -> None:
    assert mirror.get(path, 100).status == 404
    with pytest.raises(LookupError):
        mirror.keep({path: b""})
