"""The laws of the serial tree: each pack provable, nothing else provable, whatever the batch."""

import os
import re
from contextlib import suppress
from dataclasses import replace
from hashlib import blake2b, sha256
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verifier.ledger.merkle import tree_root
from verifier.statements import serials
from verifier.statements.errors import Malformed
from verifier.statements.numbering import ALPHABET, CHARSET_82, generate, is_serial
from verifier.statements.serials import SerialProof, SerialTree, bucket_of, build, check, from_map, prove, to_map

SECRET = bytes(range(32))
NAMES = st.text(CHARSET_82.decode(), min_size=1, max_size=20).map(str.encode).filter(is_serial)


@pytest.mark.parametrize("serial", [b".", b".."])
def test_a_serial_that_no_link_can_hold_is_not_issued(serial: bytes) -> None:
    """A label of it would carry a path that means somewhere else (RFC 3986 5.2.4)."""
    with pytest.raises(Malformed):
        build([b"A1", serial], bytes(32))
BATCHES = st.sets(NAMES, min_size=1, max_size=80).map(sorted)
KS = st.integers(0, 4)


def proof_of(tree: SerialTree, serial: bytes, halves: serials.Halves | None = None) -> SerialProof:
    bucket = bucket_of(serial, tree.k)
    proof = prove(serial, tree.buckets[bucket], SECRET, tree.outer(bucket), bucket, halves)
    assert proof is not None
    return proof


def test_the_root_is_what_the_design_says() -> None:
    def leaf(serial: bytes) -> bytes:
        mac = blake2b(serial, key=SECRET, digest_size=16).digest()
        return sha256(b"\x00" + serial + b"\x1f" + mac + bytes(32)).digest()

    batch = [b"%d" % number for number in range(20)]
    buckets: list[list[bytes]] = [[], [], [], []]
    for serial in sorted(batch):
        buckets[sha256(serial).digest()[0] >> 6].append(serial)
    digests = [
        sha256(b"\x02" + index.to_bytes(4, "big") + len(bucket).to_bytes(4, "big") + tree_root([*map(leaf, bucket)]))
        for index, bucket in enumerate(buckets)
    ]
    tree = build(batch, SECRET, 2)
    assert tree.root == tree_root([digest.digest() for digest in digests])
    assert [list(bucket) for bucket in tree.buckets] == buckets


def test_the_root_does_not_change_from_one_version_to_the_next() -> None:
    tree = build([b"A1", b"A2", b"A3"], SECRET, 3)
    assert tree.root.hex() == "b6832627009b728c112dac013f93de427a53c71e2b71142e03ed78305e91bd7b"


@given(BATCHES, KS)
def test_each_pack_is_provable_and_the_proof_survives_the_wire(batch: list[bytes], k: int) -> None:
    tree = build(batch, SECRET, k)
    for serial in batch:
        proof = proof_of(tree, serial)
        assert check(proof, serial, tree.k, tree.root)
        assert from_map(to_map(proof)) == proof


@given(st.sets(NAMES, min_size=2, max_size=40).map(sorted), KS, st.data())
def test_a_proof_proves_no_other_serial(batch: list[bytes], k: int, data: st.DataObject) -> None:
    tree = build(batch, SECRET, k)
    serial = data.draw(st.sampled_from(batch))
    other = data.draw(st.one_of(st.sampled_from(batch), NAMES).filter(lambda found: found != serial))
    assert not check(proof_of(tree, serial), other, tree.k, tree.root)


@given(BATCHES, KS, st.data())
def test_any_bit_flipped_in_any_field_fails(batch: list[bytes], k: int, data: st.DataObject) -> None:
    tree = build(batch, SECRET, k)
    serial = data.draw(st.sampled_from(batch))
    row = to_map(proof_of(tree, serial))
    field = data.draw(st.sampled_from([at for at, value in enumerate(row) if value != b""]))
    value = row[field]
    if isinstance(value, int):
        row[field] = value ^ 1 << data.draw(st.integers(0, 31))
    else:
        bit = data.draw(st.integers(0, 8 * len(value) - 1))
        row[field] = (int.from_bytes(value, "big") ^ 1 << bit).to_bytes(len(value), "big")
    try:
        flipped = from_map(row)
    except Malformed:
        return
    assert not check(flipped, serial, tree.k, tree.root)


@given(BATCHES, KS, st.data())
def test_a_path_longer_or_shorter_fails(batch: list[bytes], k: int, data: st.DataObject) -> None:
    tree = build(batch, SECRET, k)
    serial = data.draw(st.sampled_from(batch))
    proof = proof_of(tree, serial)
    for wrong in (
        replace(proof, inner=(*proof.inner, bytes(32))),
        replace(proof, outer=(*proof.outer, bytes(32))),
        *([replace(proof, inner=proof.inner[:-1])] if proof.inner else []),
        *([replace(proof, outer=proof.outer[1:], inner=(*proof.inner, proof.outer[0]))] if proof.outer else []),
    ):
        assert not check(wrong, serial, tree.k, tree.root)


@given(st.permutations([b"%d" % number for number in range(100)]))
def test_the_order_of_the_input_does_not_matter(batch: list[bytes]) -> None:
    assert build(batch, SECRET) == build(sorted(batch), SECRET)


@given(BATCHES, KS)
def test_another_secret_gives_another_root(batch: list[bytes], k: int) -> None:
    assert build(batch, SECRET, k).root != build(batch, bytes(32), k).root


SOME = build([b"A%d" % number for number in range(6)], SECRET, 1)
WELL_FORMED = proof_of(SOME, b"A1")
STRANGE = st.sampled_from([None, True, -1, 2**32, 2**70, 1.0, "A1", b"", b"x" * 31, (), (b"x",), (None,), [bytes(32)]])


@given(st.sampled_from(SerialProof.__slots__), STRANGE, st.one_of(STRANGE, st.just(b"A1")), STRANGE, STRANGE)
def test_check_is_total(field: str, part: Any, serial: Any, k: Any, root: Any) -> None:
    assert check(WELL_FORMED, b"A1", 1, SOME.root)
    for strange in (replace(WELL_FORMED, **{field: part}), part):
        assert check(strange, b"A1", 1, SOME.root) is False
        assert check(strange, serial, k, root) is False
    for arguments in ((serial, 1, b""), (b"A1", k, SOME.root), (b"A1", 1, root)):
        assert check(WELL_FORMED, *arguments) is False


@given(st.recursive(st.one_of(st.integers(), st.binary(max_size=64), st.none(), st.text(max_size=3)), st.lists))
def test_from_map_refuses_or_promises(row: object) -> None:
    with suppress(Malformed):
        assert to_map(from_map(row)) == row


@pytest.mark.parametrize(
    "row",
    [None, {}, [], [0] * 7, [0, 1, 0, bytes(16), bytes(32), b"", b"x"], [True, 1, 0, bytes(16), bytes(32), b"", b""]],
)
def test_from_map_says_what_it_wants(row: object) -> None:
    with pytest.raises(Malformed, match=re.escape("expected [bucket, n, position, mac, half, inner, outer], found")):
        from_map(row)


def test_a_hidden_half_is_part_of_the_leaf() -> None:
    halves = {b"A1": sha256(b"inside").digest()}
    tree, plain = build([b"A1", b"A2"], SECRET, halves=halves), build([b"A1", b"A2"], SECRET)
    proof = proof_of(tree, b"A1", halves)
    assert proof.half == halves[b"A1"]
    assert tree.root != plain.root
    assert check(proof, b"A1", 0, tree.root)
    assert not check(replace(proof, half=sha256(b"guessed").digest()), b"A1", 0, tree.root)


def test_what_is_not_in_the_bucket_is_not_proved() -> None:
    assert prove(b"A9", [b"A1", b"A2"], SECRET, (), 0) is None
    assert prove(b"A9", [], SECRET, (), 0) is None


def test_an_altered_bucket_leads_to_another_root() -> None:
    tree = build([b"A1", b"A2"], SECRET, 1)
    bucket = bucket_of(b"SLIPPED", 1)
    altered = sorted([*tree.buckets[bucket], b"SLIPPED"])
    digest = serials.bucket_digest(bucket, altered, SECRET)
    assert serials.root_from_bucket(bucket, digest, tree.outer(bucket)) != tree.root
    proof = prove(b"SLIPPED", altered, SECRET, tree.outer(bucket), bucket)
    assert proof is not None
    assert not check(proof, b"SLIPPED", 1, tree.root)


def test_a_maker_that_signed_a_pack_into_another_bucket_proves_nothing() -> None:
    serial = next(b"%d" % number for number in range(99) if bucket_of(b"%d" % number, 1) == 1)
    digests = [serials.bucket_digest(0, [serial], SECRET), serials.bucket_digest(1, [], SECRET)]
    proof = prove(serial, [serial], SECRET, digests[1:], 0)
    assert proof is not None
    assert serials.root_from_bucket(0, digests[0], digests[1:]) == tree_root(digests)
    assert not check(proof, serial, 1, tree_root(digests))


def test_a_proof_is_of_the_ks_batch() -> None:
    serial = next(b"%d" % number for number in range(999) if bucket_of(b"%d" % number, 4) == 0)
    tree = build([serial, b"A1"], SECRET, 2)
    assert [k for k in range(5) if check(proof_of(tree, serial), serial, k, tree.root)] == [2]


@given(BATCHES, KS)
def test_each_bucket_leads_to_the_root_from_its_own_place_only(batch: list[bytes], k: int) -> None:
    tree = build(batch, SECRET, k)
    for index, bucket in enumerate(tree.buckets):
        digest = serials.bucket_digest(index, bucket, SECRET)
        assert tree.heap[32 * (2**k + index) :][:32] == digest
        assert serials.root_from_bucket(index, digest, tree.outer(index)) == tree.root
        assert serials.root_from_bucket(index ^ 1, digest, tree.outer(index)) != tree.root


@given(BATCHES, st.data())
def test_a_duplicate_is_refused_by_name(batch: list[bytes], data: st.DataObject) -> None:
    twice = data.draw(st.sampled_from(batch))
    with pytest.raises(Malformed) as fault:
        build([*batch, twice], SECRET)
    assert str(fault.value) == f"serial twice: expected each serial once, found {twice!r} twice"


@pytest.mark.parametrize("wrong", [b"", b"A" * 21, b"A 1", b"A\n1", b"A\x1d1", b"\xc3\xa9", b"a#b", b"A\x001"])
def test_what_is_no_serial_is_refused_by_name(wrong: bytes) -> None:
    with pytest.raises(Malformed) as fault:
        build([b"A1", wrong, b"A2"], SECRET)
    assert str(fault.value) == f"serial: expected 1 to 20 characters of GS1's set 82, found {wrong!r}"


def test_a_k_that_would_fill_memory_or_a_bucket_is_refused() -> None:
    with pytest.raises(Malformed, match="k: expected 0 to 4 for 1 serials, found 24"):
        build([b"A1"], SECRET, 24)
    with pytest.raises(Malformed, match="at most 1024 serials a bucket, found 1025 in bucket 0; take a larger k"):
        build([b"%d" % number for number in range(1025)], SECRET, 0)


@pytest.mark.parametrize("secret", [b"", bytes(31), bytes(64)])
def test_a_secret_of_another_length_is_refused(secret: bytes) -> None:
    with pytest.raises(Malformed, match=f"secret: expected 32 bytes, found {len(secret)} bytes"):
        build([b"A1"], secret)


@pytest.mark.parametrize("halves", [{b"A9": bytes(32)}, {b"A1": b"short"}])
def test_halves_of_other_serials_or_lengths_are_refused(halves: dict[bytes, bytes]) -> None:
    with pytest.raises(Malformed, match="halves: expected 32-byte hashes"):
        build([b"A1"], SECRET, halves=halves)


def test_an_empty_batch_has_a_root() -> None:
    assert build([], SECRET).root == sha256(b"\x02" + bytes(8) + sha256(b"").digest()).digest()


def test_generated_serials_are_uniform_and_of_the_right_shape() -> None:
    drawn = list(generate(10_000, os.urandom))
    assert len(set(drawn)) == 10_000
    assert {len(serial) for serial in drawn} == {13}
    counts = [b"".join(drawn).count(letter) for letter in ALPHABET]
    assert sum(counts) == 130_000
    assert min(counts) > 3_600  # 4,062 expected, seven standard deviations below
    assert max(counts) < 4_530
    assert list(generate(3, lambda n: bytes(range(n)))) == list(generate(3, lambda n: bytes(range(32, 32 + n))))


SWAPS = [("AQ", "QA"), ("ZW", "WZ"), ("YZ", "ZY")]


@pytest.mark.parametrize(("one", "other"), SWAPS)
def test_no_layout_turns_a_generated_serial_into_another(one: str, other: str) -> None:
    letters = ALPHABET.decode()
    garbled = letters.translate(str.maketrans(one, other))
    assert len(set(letters)) == 32
    assert all(new == old or new not in letters for old, new in zip(letters, garbled, strict=True))
    assert not {letter for letter in letters if letter.isalpha()} & set(letters.swapcase())


@settings(max_examples=20)
@given(st.integers(1, 10**8))
def test_choose_k_keeps_buckets_near_their_aim(count: int) -> None:
    k = serials.choose_k(count)
    assert count / 2**k < 87
    assert k == 0 or count / 2**k > 43
