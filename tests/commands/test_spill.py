"""Serials on disk: read whatever their line ends, put in order in little memory, refused by name."""

import os
import random
import tracemalloc
from pathlib import Path

import pytest

from verifier.commands.spill import Spill, each, pieces
from verifier.statements import growing, serials
from verifier.statements.errors import Malformed
from verifier.statements.numbering import generate


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r", b" \n\n\t"])
@pytest.mark.parametrize("last", [b"", b"\n"])
def test_a_file_is_read_whatever_ends_its_lines(tmp_path: Path, end: bytes, last: bytes) -> None:
    names = [b"%d" % number for number in range(30_000)]  # past several blocks: an end may fall on each side of one
    file = tmp_path / "serials"
    file.write_bytes(end.join(names) + last)
    assert list(each(file)) == names
    assert max(map(len, pieces(file))) < 40_000


def test_a_line_without_end_is_refused_before_it_is_held(tmp_path: Path) -> None:
    file = tmp_path / "serials"
    with file.open("wb") as out:
        out.truncate(10**9)  # a billion zeros, and none of them on the disk
    with pytest.raises(ValueError, match=r"expected a file with one a line, found 65536 bytes without an end"):
        list(each(file))


HELD = 8192


def spilled(folder: Path, names: list[bytes]) -> Spill:
    spill = Spill(folder / "runs", HELD)
    for piece in growing.checked(names):
        spill.add(piece)
    return spill


@pytest.mark.parametrize("count", [0, 1, 3_000, HELD - 1, HELD, 2 * HELD + 17])
def test_what_leaves_in_order_is_the_tree_held_whole(tmp_path: Path, count: int) -> None:
    names = [b"%d" % number for number in range(count)]
    random.Random(7).shuffle(names)
    spill, tree = spilled(tmp_path, names), serials.build(names, bytes(32))
    assert spill.count == count
    assert (tmp_path / "runs").exists() == (count >= HELD)
    assert tuple(map(tuple, spill.rows(tree.k))) == tree.buckets
    spill.remove()
    assert not list(tmp_path.iterdir())


def test_what_another_left_behind_is_not_read(tmp_path: Path) -> None:
    spilled(tmp_path, [b"%d" % number for number in range(HELD)])
    assert [row for row in spilled(tmp_path, [b"A1"]).rows(0) if row] == [[b"A1"]]


def test_one_serial_twice_far_apart_is_named(tmp_path: Path) -> None:
    names = [*(b"%d" % number for number in range(HELD + 5)), b"7"]
    with pytest.raises(Malformed, match="serial twice: expected each serial once, found b'7' twice"):
        list(spilled(tmp_path, names).rows(10))


def peak(folder: Path, count: int) -> int:
    """The most bytes held while `count` serials are put in order."""
    tracemalloc.start()
    try:
        spill = Spill(folder / f"{count}", 2048)
        for piece in growing.checked(generate(count, os.urandom)):
            spill.add(piece)
        assert sum(map(len, spill.rows(serials.choose_k(count)))) == count
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_batch(tmp_path: Path) -> None:
    peak(tmp_path, 5_000)  # what is made once and kept: interned names
    few, many = peak(tmp_path, 10_000), peak(tmp_path, 50_000)
    assert many < few + 500_000  # held, 40,000 more would take 2,200,000
