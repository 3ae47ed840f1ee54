"""The log's doors against C2SP tlog-tiles: every tile there is, at every width, and nothing else."""

from typing import Any

import pytest
from wide import Wide

from verifier.ledger import checkpoint as notes
from verifier.ledger import tiles
from verifier.ledger.merkle import leaf_hash, tree_root
from verifier.ledger.tiles import Tile


def get(wide: Wide, path: str) -> Any:
    return wide.http.get(f"/{path}")


def assert_problem(answer: Any, status: int, kind: str) -> dict[str, Any]:
    fields: dict[str, Any] = answer.get_json()
    assert (answer.status_code, fields["type"]) == (status, f"/problems/{kind}"), fields
    assert (answer.content_type, answer.headers["Cache-Control"]) == ("application/problem+json", "no-store")
    return fields


def test_the_checkpoint_is_the_signed_note_and_is_not_cached(wide: Wide) -> None:
    answer = get(wide, "checkpoint")
    assert answer.data == wide.note
    assert notes.open(answer.data, wide.registry.policy).size == wide.size > 512
    assert answer.content_type == "text/plain; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-cache"


def test_the_tiles_alone_give_the_signed_root(wide: Wide) -> None:
    """A client that knows the specification and nothing of ours recomputes the root from what is served."""
    entries: list[bytes] = []
    for number in range(-(-wide.size // 256)):
        width = min(256, wide.size - 256 * number)
        bundle = get(wide, Tile(0, number, width).entries_path()).data
        assert len(bundle) == width * 34
        entries += [bundle[at + 2 : at + 34] for at in range(0, len(bundle), 34)]
        assert get(wide, Tile(0, number, width).path()).data == b"".join(map(leaf_hash, entries[256 * number :]))
    assert tree_root([leaf_hash(entry) for entry in entries]) == wide.head.root
    above = b"".join(tree_root([leaf_hash(one) for one in entries[at : at + 256]]) for at in (0, 256))
    assert get(wide, "tile/1/000.p/2").data == above


@pytest.mark.parametrize("path", ["tile/0/000", "tile/entries/001", "tile/0/002.p/1", "tile/1/000.p/1"])
def test_tiles_are_bytes_kept_for_good(wide: Wide, path: str) -> None:
    answer = get(wide, path)
    assert answer.status_code == 200
    assert answer.content_type == "application/octet-stream"
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert "Content-Encoding" not in answer.headers
    head = wide.http.head(f"/{path}")
    assert (head.status_code, head.data, head.content_length) == (200, b"", len(answer.data))


@pytest.mark.parametrize("kind", ["tile/0", "tile/entries"])
@pytest.mark.parametrize("number", [0, 1])
def test_a_partial_tile_begins_the_full_one_which_exists(wide: Wide, kind: str, number: int) -> None:
    whole = get(wide, f"{kind}/00{number}").data
    unit = len(whole) // 256
    assert unit == (32 if kind == "tile/0" else 34)
    for width in (1, 2, 100, 255):
        assert get(wide, f"{kind}/00{number}.p/{width}").data == whole[: width * unit]


def edge(wide: Wide) -> int:
    return wide.size % 256


BEYOND = (
    "tile/0/002", "tile/entries/002", "tile/0/003.p/1", "tile/1/000", "tile/1/000.p/3", "tile/1/001.p/1",
    "tile/2/000.p/1", "tile/63/000.p/1", "tile/0/x001/000.p/1", "tile/entries/x999/x999/x999/x999/x999/999",
)  # fmt: skip


@pytest.mark.parametrize("path", BEYOND)
def test_nothing_beyond_the_published_checkpoint(wide: Wide, path: str) -> None:
    assert_problem(get(wide, path), 404, "no_tile")


@pytest.mark.parametrize("kind", ["tile/0", "tile/entries"])
def test_the_edge_is_where_the_checkpoint_says(wide: Wide, kind: str) -> None:
    assert get(wide, f"{kind}/002.p/{edge(wide)}").status_code == 200
    fields = assert_problem(get(wide, f"{kind}/002.p/{edge(wide) + 1}"), 404, "no_tile")
    assert fields["expected"] == f"at most {edge(wide)} hashes, at {wide.size} leaves"


MISSPELT = (
    "tile/0/0", "tile/0/00", "tile/0/0000", "tile/0/x000", "tile/0/x000/000", "tile/0/001/000", "tile/0/X001/000",
    "tile/00/000", "tile/01/000", "tile/64/000", "tile/-1/000", "tile/+0/000", "tile/0/-01", "tile/0/000/",
    "tile/0/000.p", "tile/0/000.p/", "tile/0/000.p/0", "tile/0/000.p/01", "tile/0/000.p/256", "tile/0/000.p/257",
    "tile/0/000.p/1/", "tile/0/000.P/1", "tile/0//000", "tile/0/000%09", "tile/0/%D9%A0%D9%A0%D9%A0", "tile/entries",
    "tile/entries/", "tile/entries/0", "tile/entries/000.p/0", "tile/entries/000.p/256", "tile/Entries/000",
    "tile/entry/000", "tile/data/000", "tile/0", "tile/0/", "tile/0/" + "x000/" * 2000 + "000", "tile/0/000.p/1e1",
)  # fmt: skip


@pytest.mark.parametrize("path", MISSPELT, ids=lambda path: path[:30])
def test_one_spelling_a_tile(wide: Wide, path: str) -> None:
    fields = assert_problem(get(wide, path), 404, "no_tile")
    assert len(str(fields)) < 600


def test_tiles_are_only_read(wide: Wide) -> None:
    for method in ("POST", "PUT", "DELETE"):
        assert_problem(wide.http.open("/tile/0/000", method=method), 405, "method_not_allowed")


def test_a_log_of_nothing_has_no_tile(house: Any) -> None:
    house.store.flushall()
    assert_problem(house.http.get("/checkpoint"), 503, "not_ready")
    assert_problem(house.http.get("/tile/0/000.p/1"), 503, "not_ready")


def test_a_proof_from_served_tiles_is_that_of_the_store(wide: Wide) -> None:
    def read(level: int, number: int, width: int) -> bytes:
        return bytes(get(wide, Tile(level, number, width).path()).data)

    for index in (0, 255, 256, wide.size - 1):
        assert tiles.inclusion_path(index, wide.size, read) == wide.log.path(index, wide.size)
    small = notes.open(wide.early, wide.registry.policy)
    assert tiles.root(small.size, read) == small.root
