"""A witness's decisions: each sentence of tlog-witness that says MUST, as a test that quotes it."""

import json
from base64 import b64decode
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.sets import merkle as merkle_rows
from verifier.ledger import checkpoint, cosignature, note, tiles, witnessing
from verifier.ledger.checkpoint import Checkpoint
from verifier.ledger.encoding import LedgerError
from verifier.ledger.merkle import EMPTY_ROOT, leaf_hash
from verifier.ledger.note import COSIGNATURE, ML_DSA_COSIGNATURE, NoteError, VerifierKey
from verifier.ledger.witnessing import AddCheckpoint, Answer, RequestError

ORIGIN, SEED, FORGER = "log.example", bytes(32), bytes([7]) * 32
KEY, WITNESS = VerifierKey.of_seed(ORIGIN, SEED), VerifierKey.of_seed("w.example", bytes([1]) * 32, COSIGNATURE)
LEAVES = [leaf_hash(bytes([n])) for n in range(40)]
TILES, _ = tiles.grow(0, LEAVES, lambda *_: b"")


def tile(level: int, number: int, width: int) -> bytes:
    return TILES[level, number][: 32 * width]


def at(size: int, root: bytes | None = None) -> Checkpoint:
    return Checkpoint(ORIGIN, size, root or tiles.root(size, tile))


def signed(size: int, root: bytes | None = None, seed: bytes = SEED) -> bytes:
    return checkpoint.sign(at(size, root), seed)


def asks(old: int, size: int, path: tuple[bytes, ...] | None = None, raw: bytes | None = None) -> AddCheckpoint:
    if path is None:
        path = tiles.consistency_path(old, size, tile) if 0 < old <= size else ()
    return AddCheckpoint(old, path, raw or signed(size))


def decided(request: AddCheckpoint, stored: int | None = None) -> Answer:
    return witnessing.decide(request, None if stored is None else signed(stored), [KEY])


GROWTHS = [(old, size) for size in (1, 2, 3, 8, 31, 40) for old in (0, 1, 2, 3, 7, 8, 31, 40) if old <= size]


@pytest.mark.parametrize(("old", "size"), [(0, 0), *GROWTHS])
def test_if_all_the_checks_pass_the_witness_must_respond_200(old: int, size: int) -> None:
    assert decided(asks(old, size), old or None) == Answer(200, "consistent", at(size))
    assert decided(asks(old, size), old).status == 200


def test_if_the_checkpoint_origin_is_unknown_the_witness_must_respond_404() -> None:
    other = VerifierKey.of_seed("other.example", SEED)
    assert witnessing.decide(asks(0, 3), None, [other]).status == 404
    assert witnessing.decide(asks(0, 3), None, []).why == "unknown log log.example"


def lines(raw: bytes, *more: str) -> bytes:
    return raw + "".join(more).encode()


TEXT = at(3).encode()
UNSIGNED = {
    "no signature of a trusted key": signed(3, seed=FORGER),
    "a trusted key of another log": f"{TEXT}\n{note.sign(TEXT, 'other.example', SEED)}".encode(),
    "a trusted key's signature over another text": signed(3).replace(b"\n3\n", b"\n4\n"),
    "one of two fails": lines(signed(3), note.line(KEY, bytes(64))),
}


@pytest.mark.parametrize("name", UNSIGNED)
def test_if_none_of_the_signatures_verify_or_a_known_one_fails_the_witness_must_respond_403(name: str) -> None:
    assert decided(asks(0, 3, (), UNSIGNED[name])).status == 403


def test_it_must_ignore_signatures_from_unknown_keys() -> None:
    strange = note.sign(TEXT, ORIGIN, FORGER), cosignature.cosign(TEXT, "w.example", FORGER, 1)
    assert decided(asks(0, 3, (), lines(signed(3), *strange))).status == 200


def test_a_log_that_rotates_its_key_is_believed_under_either() -> None:
    new = VerifierKey.of_seed(ORIGIN, FORGER)
    assert witnessing.decide(asks(0, 3, (), signed(3, seed=FORGER)), None, [KEY, new]).status == 200
    assert witnessing.decide(asks(2, 3, None, signed(3, seed=FORGER)), signed(2), [KEY, new]).status == 200


@pytest.mark.parametrize(("old", "size"), [(4, 3), (1, 0), (2**63 - 1, 40)])
@pytest.mark.parametrize("stored", [None, 3, 4])
def test_the_old_size_must_be_equal_to_or_lower_than_the_checkpoint_size_else_400(
    old: int, size: int, stored: int | None
) -> None:
    assert decided(asks(old, size), stored).status == 400


@pytest.mark.parametrize(("old", "stored"), [(0, 3), (2, 3), (4, 3), (1, None), (40, None), (1, 0)])
def test_if_the_old_size_is_not_the_latest_cosigned_the_witness_must_respond_409_with_that_size(
    old: int, stored: int | None
) -> None:
    answer = decided(asks(old, 40), stored)
    assert (answer.status, answer.checkpoint, answer.content_type) == (409, None, "text/x.tlog.size")
    assert answer.body == f"{stored or 0}\n".encode()
    assert witnessing.known_size(answer.body) == (stored or 0)


OTHER_ROOT = leaf_hash(b"another history")
FALSE = {
    "no proof": asks(3, 40, ()),
    "a proof of another size": asks(3, 40, tiles.consistency_path(4, 40, tile)),
    "a hash too many": asks(3, 40, (*tiles.consistency_path(3, 40, tile), LEAVES[0])),
    "another root at a larger size": asks(3, 40, None, signed(40, OTHER_ROOT)),
    "another root at the same size": asks(3, 3, (), signed(3, OTHER_ROOT)),
    "a proof at the same size": asks(3, 3, (LEAVES[0],)),
}


@pytest.mark.parametrize("name", FALSE)
def test_if_the_consistency_proof_does_not_verify_or_the_roots_differ_the_witness_must_respond_422(name: str) -> None:
    answer = decided(FALSE[name], 3)
    assert (answer.status, answer.checkpoint, answer.content_type) == (422, None, "text/plain; charset=utf-8")
    assert b"expected" in answer.body


@pytest.mark.parametrize("stored", [None, 0])
@pytest.mark.parametrize("size", [0, 1, 3])
def test_the_proof_must_be_empty_if_the_old_size_is_zero(size: int, stored: int | None) -> None:
    assert decided(asks(0, size, ()), stored).status == 200
    for path in ((LEAVES[0],), (EMPTY_ROOT,), (bytes(32),) * 63):
        assert decided(asks(0, size, path), stored).status == 422


@pytest.mark.interop
def test_public_rows_that_begin_at_size_0_are_decided_by_the_witness(vectors: Path) -> None:
    """The verifier refuses them all. Here an empty proof from 0 is the one thing right with them: what is malformed is
    400, another proof 422, and with the true roots the same request is a log's first checkpoint."""
    rows = [json.loads(path.read_bytes()) for path in sorted((vectors / "vectors/merkle/consistency").rglob("*.json"))]
    rows = [row for row in rows if row["size1"] == 0]
    assert len(rows) >= 3
    for row in rows:
        request = merkle_rows.request(row)
        whole = len(b64decode(row["root2"])) == 32
        expected = 400 if not whole else 422 if request.proof else 200
        assert witnessing.decide(request, None, [KEY]).status == expected, row["desc"]
        assert row["wantErr"]
        with pytest.raises(LedgerError):
            merkle_rows.consistency(row)
        assert decided(AddCheckpoint(0, (), signed(row["size2"]))).status == 200


def test_a_checkpoint_of_size_zero_must_have_the_root_of_the_empty_tree_else_422() -> None:
    text = at(3).encode().replace("\n3\n", "\n0\n")
    raw = f"{text}\n{note.sign(text, ORIGIN, SEED)}".encode()
    answer = decided(asks(0, 0, (), raw))
    assert answer.status == 422
    assert answer.why.startswith("root at size 0: expected e3b0c442")


@pytest.mark.parametrize("text", [f"{ORIGIN}\n3\n", f"{ORIGIN}\n03\n" + TEXT[-45:], TEXT + "extension\n"])
def test_what_the_log_signed_and_is_no_checkpoint_of_ours_is_400(text: str) -> None:
    raw = f"{text}\n{note.sign(text, ORIGIN, SEED)}".encode()
    assert decided(asks(0, 3, (), raw)).status == 400


def test_a_damaged_memory_signs_nothing() -> None:
    """What was persisted is not that log's: better no answer than a fork cosigned."""
    for stored in (signed(3, seed=FORGER), signed(3).replace(b"\n3\n", b"\n2\n"), b"", b"\0" * 100):
        with pytest.raises(NoteError):
            witnessing.decide(asks(3, 40), stored, [KEY])


EXAMPLE = """old 20852014
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=

example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa \
Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— example.com/behind-the-sofa \
opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=
""".encode()


def test_the_specifications_example_of_a_request() -> None:
    read = witnessing.parse(EXAMPLE)
    assert (read.old, len(read.proof), read.origin) == (20852014, 4, "example.com/behind-the-sofa")
    assert len(note.parse(read.checkpoint).signatures) == 2
    assert read.encode() == EXAMPLE


GOOD = asks(7, 40).encode()
HASH = b"A" * 43 + b"=\n"
MALFORMED = {
    "nothing": (b"", "request: expected ASCII lines, an empty line, a checkpoint"),
    "no old size line": (GOOD.partition(b"\n")[2], "first line: expected 'old <decimal>'"),
    "two spaces": (GOOD.replace(b"old ", b"old  "), "old size: expected ASCII digits"),
    "a tab": (GOOD.replace(b"old ", b"old\t"), "first line: expected 'old <decimal>'"),
    "a capital": (GOOD.replace(b"old ", b"Old "), "first line: expected 'old <decimal>'"),
    "a leading zero": (GOOD.replace(b"old 7", b"old 07"), "old size: expected ASCII digits without leading zeros"),
    "zero spelled otherwise": (GOOD.replace(b"old 7", b"old 00"), "old size: expected ASCII digits"),
    "a sign": (GOOD.replace(b"old 7", b"old +7"), "old size: expected ASCII digits"),
    "no size": (GOOD.replace(b"old 7", b"old "), "old size: expected ASCII digits"),
    "a size of 2^63": (GOOD.replace(b"old 7", b"old 9223372036854775808"), "old size: expected at most"),
    "a carriage return": (GOOD.replace(b"old 7\n", b"old 7\r\n"), "old size: expected ASCII digits"),
    "a short hash": (GOOD.replace(b"old 7\n", b"old 7\nAAEC\n"), "hash: expected 32 bytes, found 3 bytes"),
    "a hash not canonical": (GOOD.replace(b"old 7\n", b"old 7\n" + b"A" * 42 + b"B=\n"), "base64: expected"),
    "64 proof lines": (GOOD.replace(b"old 7\n", b"old 7\n" + HASH * 61), "proof: expected at most 63 lines, found"),
    "no empty line": (GOOD.replace(b"\n\n", b"\n", 1), "hash|base64|proof|request"),
    "no checkpoint": (GOOD.partition(b"\n\n")[0] + b"\n\n", "note: expected text, an empty line"),
    "a note without signatures": (GOOD.rpartition(b"\n\n")[0] + b"\n\n", "note: expected text|signature"),
    "a note cut short": (GOOD[:-1], "note: expected text, an empty line, signature lines"),
    "not ASCII": (b"\xc3\xa9" + GOOD, "request: expected ASCII lines"),
    "too much": (GOOD + b"x" * witnessing.MAX_BYTES, "request: expected at most"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_request_is_refused(name: str) -> None:
    raw, says = MALFORMED[name]
    with pytest.raises(LedgerError, match=says):
        witnessing.parse(raw)


def test_63_proof_lines_are_read() -> None:
    most = AddCheckpoint(7, (bytes(32),) * 63, signed(40))
    assert witnessing.parse(most.encode()) == most
    with pytest.raises(RequestError, match="proof: expected up to 63 hashes of 32 bytes"):
        AddCheckpoint(7, (bytes(32),) * 64, signed(40))


def test_a_log_that_asks_keeps_the_rules_too() -> None:
    for old, path in ((-1, ()), (2**63, ()), (0, (b"short",))):
        with pytest.raises(RequestError):
            AddCheckpoint(old, path, signed(3))
    with pytest.raises(NoteError):
        AddCheckpoint(0, (), b"no note")


@given(st.integers(0, 2**63 - 1), st.lists(st.binary(min_size=32, max_size=32), max_size=63).map(tuple))
@settings(max_examples=50, deadline=None)
def test_any_request_comes_back(old: int, path: tuple[bytes, ...]) -> None:
    one = AddCheckpoint(old, path, signed(40))
    assert witnessing.parse(one.encode()) == one


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_what_parses_has_one_spelling_and_no_flip_is_cosigned(data: st.DataObject) -> None:
    spot = data.draw(st.integers(0, len(GOOD) - 1))
    raw = GOOD[:spot] + bytes([GOOD[spot] ^ 1 << data.draw(st.integers(0, 7))]) + GOOD[spot + 1 :]
    for broken in (raw, GOOD[:spot]):
        try:
            one = witnessing.parse(broken)
        except LedgerError:
            continue
        assert one.encode() == broken
        assert decided(one, 7).status != 200


def cosigned(seed: int = 1, time: int = 1700000000, kind: int = COSIGNATURE, text: str = TEXT) -> str:
    return cosignature.cosign(text, "w.example", bytes([seed]) * 32, time, kind)


def test_the_client_must_ignore_any_cosignatures_from_unknown_keys() -> None:
    body = (cosigned(2) + cosigned() + cosigned(3)).encode()
    assert witnessing.accepted(signed(3), body, WITNESS) == cosigned()
    both = lines(signed(3), witnessing.accepted(signed(3), body, WITNESS))
    assert cosignature.time_of(note.parse(both), WITNESS) == 1700000000


def test_of_several_cosignatures_the_newest_is_taken() -> None:
    body = (cosigned(time=1700000001) + cosigned(time=1700000009) + cosigned(time=255)).encode()
    assert witnessing.accepted(signed(3), body, WITNESS) == cosigned(time=1700000009)
    key = VerifierKey.of_seed("w.example", bytes([1]) * 32, ML_DSA_COSIGNATURE)
    line = cosigned(kind=ML_DSA_COSIGNATURE)
    assert witnessing.accepted(signed(3), (cosigned() + line).encode(), key) == line


LIES = {
    "another tree": (cosigned(text=at(4).encode()), r"cosignature of w\.example: expected one that its key made"),
    "one true and one false": (cosigned() + cosigned(text=at(4).encode()), r"cosignature of w\.example"),
    "strangers alone": (cosigned(2) + cosigned(3), r"answer: expected a cosignature of w\.example, found none"),
    "no time": (cosigned(time=0), r"answer: expected a cosignature of w\.example, found one without a time"),
    "nothing": ("", "note: expected|signature line"),
    "no line": ("hello\n", "signature line: expected"),
    "a line cut short": (cosigned()[:-1], "note: expected"),
    "another note": ("\n" + TEXT + "\n" + cosigned(), "answer: expected signature lines"),
    "a longer text, truly signed": ("more\n\n" + cosigned(text=TEXT + "\nmore\n"), "answer: expected signature lines"),
}


@pytest.mark.parametrize("name", LIES)
def test_what_a_witness_answers_is_verified_before_it_counts(name: str) -> None:
    body, says = LIES[name]
    with pytest.raises(LedgerError, match=says):
        witnessing.accepted(signed(3), body.encode(), WITNESS)


@pytest.mark.parametrize(
    "body", [b"", b"\n", b"7", b"07\n", b"-1\n", b"7\n\n", b"7 \n", b"9223372036854775808\n", b"7\r\n"]
)
def test_a_409_without_a_size_in_decimal_and_a_newline_says_nothing(body: bytes) -> None:
    with pytest.raises(RequestError, match="known size: expected"):
        witnessing.known_size(body)
