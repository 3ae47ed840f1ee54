"""The counterfeiter who buys every pack of a batch but one, reads all their proofs, and wants the missing serial.

Serials are guessable at 1 in 10,000, as the law allows (Reg. (EU) 2016/161 Art. 4): 10,000 packs among 10^8 numbers.
The proofs show the missing one's bucket and neighbours, which leaves candidates; the attack tries to confirm one by
each hash it holds. It is carried out here, and the same attack on leaves without a key succeeds.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from hashlib import blake2b, sha256
from random import Random

import pytest

from verifier.statements import cbor
from verifier.statements.serials import NO_HALF, SerialProof, SerialTree, bucket_of, build, check, prove, to_map

SPACE = 10**8
SECRET = sha256(b"known to the maker, the node and the escrow").digest()
Mac = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Loot:
    """All that the attacker holds: what is printed on the batch, and every proof but one."""

    k: int
    root: bytes
    proofs: dict[bytes, SerialProof]
    bucket: int
    position: int
    hidden: bytes
    """The missing pack's leaf hash, read from its neighbour's proof."""
    candidates: list[bytes]
    """Every number that may be the missing serial: in its bucket, between its neighbours."""


def leaf(serial: bytes, mac: bytes) -> bytes:
    return sha256(b"\x00" + serial + b"\x1f" + mac + NO_HALF).digest()


def keyed(secret: bytes) -> Mac:
    return lambda serial: blake2b(serial, key=secret, digest_size=16).digest()


@pytest.fixture(scope="module")
def tree() -> SerialTree:
    return build((b"%08d" % number for number in Random(1).sample(range(SPACE), 10_000)), SECRET)


BUCKET, POSITION = 17, 84
"""A pack whose leaf is its neighbour's sibling, and whose neighbours are six times nearer than most: an attacker's luck
(and a short test)."""


@pytest.fixture(scope="module")
def missing(tree: SerialTree) -> bytes:
    return tree.buckets[BUCKET][POSITION]


@pytest.fixture(scope="module")
def loot(tree: SerialTree, missing: bytes) -> Loot:
    proofs = {}
    for index, bucket in enumerate(tree.buckets):
        for serial in bucket:
            proof = prove(serial, bucket, SECRET, tree.outer(index), index)
            if serial != missing and proof is not None:
                proofs[serial] = proof
    assert len(proofs) == 9_999
    at = {proof.position: serial for serial, proof in proofs.items() if proof.bucket == BUCKET}
    between = (b"%08d" % number for number in range(int(at[POSITION - 1]) + 1, int(at[POSITION + 1])))
    candidates = [serial for serial in between if bucket_of(serial, tree.k) == BUCKET]
    return Loot(tree.k, tree.root, proofs, BUCKET, POSITION, proofs[at[POSITION + 1]].inner[0], candidates)


def test_a_guess_between_neighbours_is_worth_no_more_than_a_blind_one(tree: SerialTree) -> None:
    """Averaged over every pack that might be the one missing: 1 in 10,000 before the harvest and after it."""
    gaps = [
        (int(after) - int(before)) / 2**tree.k  # of the numbers between them, those that fall in this bucket
        for bucket in tree.buckets
        for before, after in zip(bucket, bucket[2:], strict=False)
    ]
    assert 0.8e-4 < sum(1 / gap for gap in gaps) / len(gaps) < 1.2e-4


def _constant(mac: bytes, _: bytes) -> bytes:
    return mac


def guesses(loot: Loot) -> Iterator[tuple[str, Mac]]:
    """The MACs that someone without the secret can compute."""
    yield "no MAC", lambda _: b""
    yield "zeros", lambda _: bytes(16)
    yield "a plain hash", lambda serial: sha256(serial).digest()[:16]
    yield "an unkeyed BLAKE2b", lambda serial: blake2b(serial, digest_size=16).digest()
    for name, key in (("zeros", bytes(32)), ("the root", loot.root), ("the leaf", loot.hidden)):
        yield f"keyed with {name}", keyed(key)
    for serial, proof in loot.proofs.items():
        if proof.bucket == loot.bucket:
            yield f"the MAC of {serial!r}", partial(_constant, proof.mac)


def test_no_candidate_is_confirmed_without_the_secret(loot: Loot, missing: bytes) -> None:
    candidates = loot.candidates
    assert missing in candidates
    assert len(candidates) > 2_000
    for name, mac in guesses(loot):
        assert [c for c in candidates if leaf(c, mac(c)) == loot.hidden] == [], name
    assert [c for c in candidates if leaf(c, keyed(SECRET)(c)) == loot.hidden] == [missing]  # the attack itself works


def test_without_a_key_in_the_leaf_the_same_attack_finds_it(loot: Loot, missing: bytes) -> None:
    weak = replace(loot, hidden=leaf(missing, blake2b(missing, digest_size=16).digest()))
    found = {c for _, mac in guesses(weak) for c in weak.candidates if leaf(c, mac(c)) == weak.hidden}
    assert found == {missing}


def test_no_hash_in_any_proof_is_a_candidates(loot: Loot) -> None:
    """Not only the neighbour's sibling: every hash and MAC harvested, against every candidate's hashes."""
    seen = {value for p in loot.proofs.values() for value in (p.mac, *p.inner, *p.outer)}
    guessed = {hashed for c in loot.candidates for hashed in hashes(c)}
    assert len(seen) > 20_000
    assert not seen & guessed


def hashes(serial: bytes) -> Iterator[bytes]:
    yield sha256(serial).digest()
    yield sha256(b"\x00" + serial).digest()
    yield sha256(b"\x00" + serial + b"\x1f").digest()
    yield blake2b(serial, digest_size=16).digest()


def test_harvested_proofs_prove_no_serial_but_their_own(loot: Loot, missing: bytes) -> None:
    """Even for one who guessed the missing serial: its MAC is in no proof."""
    same = [p for p in loot.proofs.values() if p.bucket == loot.bucket]
    neighbour = next(p for p in same if p.position == loot.position + 1)
    own = next(s for s, p in loot.proofs.items() if p is neighbour)
    path = (leaf(own, neighbour.mac), *neighbour.inner[1:])  # the true path of the missing leaf
    for proof in same:
        assert not check(proof, missing, loot.k, loot.root)
        forged = replace(neighbour, position=loot.position, mac=proof.mac, inner=path)
        assert not check(forged, missing, loot.k, loot.root)
    true = replace(neighbour, position=loot.position, mac=keyed(SECRET)(missing), inner=path)
    assert check(true, missing, loot.k, loot.root)  # only the MAC was wanting


def test_a_proof_is_short_and_spells_no_serial(tree: SerialTree, loot: Loot) -> None:
    for serial in tree.buckets[loot.bucket][:5]:
        proof = loot.proofs[serial]
        wire = cbor.encode(to_map(proof))
        assert len(proof.inner) + len(proof.outer) <= 20
        assert not [other for bucket in tree.buckets for other in bucket if other in wire]
