"""The offline proof: its one spelling, and that nothing in it can be swapped."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verifier.ledger import checkpoint, proof, tiles
from verifier.ledger.checkpoint import Checkpoint
from verifier.ledger.encoding import LedgerError
from verifier.ledger.merkle import ProofError, leaf_hash
from verifier.ledger.note import NoteError, VerifierKey
from verifier.ledger.policy import Policy
from verifier.ledger.proof import Proof

SEED = bytes(32)
POLICY = Policy(VerifierKey.of_seed("log.example", SEED))
ENTRIES = [bytes([i]) * 32 for i in range(11)]


def made(index: int, size: int = 11, extra: bytes | None = None) -> Proof:
    stored, root = tiles.grow(0, [leaf_hash(entry) for entry in ENTRIES[:size]], lambda *_: b"")
    path = tiles.inclusion_path(index, size, lambda level, number, _width: stored[level, number])
    return Proof(index, path, checkpoint.sign(Checkpoint("log.example", size, root), SEED), extra)


GOOD = made(5).encode()


@pytest.mark.parametrize("extra", [None, b"", b"\x00batch"])
@pytest.mark.parametrize("index", range(11))
def test_every_proof_comes_back_and_proves_its_entry(index: int, extra: bytes | None) -> None:
    one = proof.parse(made(index, extra=extra).encode())
    assert one == made(index, extra=extra)
    assert proof.verify(one, ENTRIES[index], POLICY).size == 11


def test_a_log_of_one_entry_needs_no_path() -> None:
    raw = made(0, size=1).encode()
    assert raw.startswith(b"c2sp.org/tlog-proof@v1\nindex 0\n\nlog.example\n1\n")
    assert proof.verify(proof.parse(raw), ENTRIES[0], POLICY).size == 1


def test_the_lines_stand_as_the_format_says() -> None:
    lines = made(5, extra=b"abc").encode().split(b"\n")
    assert lines[:3] == [b"c2sp.org/tlog-proof@v1", b"extra YWJj", b"index 5"]
    assert lines[7:10] == [b"", b"log.example", b"11"]


def test_the_checkpoint_is_kept_verbatim() -> None:
    foreign = "— other.example AAAAAAA=\n".encode()
    assert proof.parse(GOOD + foreign).checkpoint_note == made(5).checkpoint_note + foreign
    assert proof.verify(proof.parse(GOOD + foreign), ENTRIES[5], POLICY).size == 11


FALSE = {
    "another entry": (made(5), ENTRIES[4], ProofError),
    "another index": (replace(made(5), index=4), ENTRIES[5], ProofError),
    "an index beyond": (replace(made(5), index=11), ENTRIES[5], ProofError),
    "a path in another order": (replace(made(5), path=made(5).path[::-1]), ENTRIES[5], ProofError),
    "another moment's checkpoint": (
        replace(made(5), checkpoint_note=made(5, 10).checkpoint_note),
        ENTRIES[5],
        ProofError,
    ),
    "the leaf hash for the entry": (made(5), leaf_hash(ENTRIES[5]), ProofError),
    "an unsigned checkpoint": (replace(made(5), checkpoint_note=b"log.example\n1\n"), ENTRIES[5], NoteError),
}


@pytest.mark.parametrize("name", FALSE)
def test_a_false_proof_fails(name: str) -> None:
    one, entry, error = FALSE[name]
    with pytest.raises(error):
        proof.verify(one, entry, POLICY)


def test_another_log_proves_nothing_here() -> None:
    with pytest.raises(NoteError, match=r"signatures: expected one of other\.example"):
        proof.verify(made(5), ENTRIES[5], Policy(VerifierKey.of_seed("other.example", SEED)))


BROKEN = {
    "another version": (GOOD.replace(b"@v1", b"@v2"), "first line: expected 'c2sp.org/tlog-proof@v1'"),
    "no header": (GOOD.partition(b"\n")[2], "first line"),
    "no index": (GOOD.replace(b"index 5\n", b""), "line: expected 'index <decimal>'"),
    "nothing but the header": (b"c2sp.org/tlog-proof@v1\n\n", "line: expected 'index <decimal>', found none"),
    "a leading zero": (GOOD.replace(b"index 5", b"index 05"), "index: expected ASCII digits without leading zeros"),
    "a negative index": (GOOD.replace(b"index 5", b"index -5"), "index: expected ASCII digits"),
    "extra after index": (GOOD.replace(b"index 5\n", b"index 5\nextra YWJj\n"), "base64"),
    "extra twice": (GOOD.replace(b"index", b"extra YWJj\nextra YWJj\nindex"), "line: expected 'index <decimal>'"),
    "extra not canonical": (GOOD.replace(b"index", b"extra YWK=\nindex").replace(b"YWK", b"YWL"), "base64: expected"),
    "a hash too short": (GOOD.replace(b"index 5\n", b"index 5\nAAEC\n"), "hash: expected 32 bytes, found 3 bytes"),
    "carriage returns": (GOOD.replace(b"\n", b"\r\n"), "proof: expected ASCII lines, an empty line"),
    "one carriage return": (GOOD.replace(b"index 5\n", b"index 5\r\n"), "index: expected ASCII digits"),
    "no empty line": (GOOD.replace(b"\n\n", b"\n"), "proof: expected ASCII lines, an empty line"),
    "not ASCII": (GOOD.replace(b"index", b"ind\xc3\xa9x"), "proof: expected ASCII lines"),
    "empty": (b"", "proof: expected ASCII lines"),
    "a path too long": (
        GOOD.replace(b"index 5\n", b"index 5\n" + b"A" * 43 + b"=\n" + (b"A" * 43 + b"=\n") * 63),
        "path",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken(name: str) -> None:
    raw, says = BROKEN[name]
    with pytest.raises(ProofError, match=says):
        proof.parse(raw)


@pytest.mark.parametrize(("index", "path"), [(-1, ()), (2**63, ()), (0, (b"short",)), (0, (bytes(32),) * 64)])
def test_a_proof_that_exists_is_well_formed(index: int, path: tuple[bytes, ...]) -> None:
    with pytest.raises(ProofError):
        Proof(index, path, b"")


@given(
    st.integers(0, 2**63 - 1),
    st.lists(st.binary(min_size=32, max_size=32), max_size=63).map(tuple),
    st.binary(max_size=80),
    st.none() | st.binary(max_size=80),
)
@settings(max_examples=50, deadline=None)
def test_any_proof_comes_back(index: int, path: tuple[bytes, ...], signed: bytes, extra: bytes | None) -> None:
    one = Proof(index, path, signed, extra)
    assert proof.parse(one.encode()) == one


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_what_parses_has_one_spelling_and_no_flip_is_believed(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(GOOD) - 1))
    raw = GOOD[:at] + bytes([GOOD[at] ^ 1 << data.draw(st.integers(0, 7))]) + GOOD[at + 1 :]
    try:
        one = proof.parse(raw)
    except ProofError:
        return
    assert one.encode() == raw
    with pytest.raises(LedgerError):
        proof.verify(one, ENTRIES[5], POLICY)
