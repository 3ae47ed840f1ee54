"""The bent proof: one bit of an offline proof flipped, or its end cut off, every way there is.

A tlog-proof of one leaf among 10^6, whose checkpoint 3 of 5 witnesses cosigned and one stranger. What the formats leave
open is exactly this: the sender's `extra`, which nobody signs, and signature lines of keys that nobody knows. A mutant
is accepted only if it differs there and nowhere else, and then it proves the same leaf under the same checkpoint.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import TypeAlias

import pytest

from verifier.ledger import checkpoint, cosignature, note, proof, tiles
from verifier.ledger.checkpoint import Checkpoint
from verifier.ledger.encoding import LedgerError, encode_base64
from verifier.ledger.merkle import leaf_hash
from verifier.ledger.note import COSIGNATURE, ML_DSA_COSIGNATURE, Signature, VerifierKey
from verifier.ledger.policy import Group, Policy, Witness
from verifier.ledger.proof import Proof

ORIGIN, SEED, SIZE, INDEX = "probatum.example/log", bytes(32), 1_000_000, 615_203
STRANGER = "— stranger".encode()
Mutants: TypeAlias = Iterator[tuple[int, bytes]]
SEEDS = [bytes([n]) * 32 for n in range(1, 6)]
KEYS = [VerifierKey.of_seed(f"hospital-{n}.example", seed, COSIGNATURE) for n, seed in enumerate(SEEDS, 1)]
QUANTUM = VerifierKey.of_seed("hospital-3.example", SEEDS[2], ML_DSA_COSIGNATURE)


def of_five(*keys: VerifierKey) -> Policy:
    """Any three of these five."""
    witnesses = tuple(Witness(f"w{n}", key) for n, key in enumerate(keys, 1))
    names = tuple(witness.name for witness in witnesses)
    return Policy(VerifierKey.of_seed(ORIGIN, SEED), None, witnesses, (Group("g", 3, names),), "g")


CLASSIC = of_five(*KEYS)
MIXED = of_five(*KEYS[:2], QUANTUM, *KEYS[3:])


def entry(number: int) -> bytes:
    return number.to_bytes(32)


@cache
def honest() -> Proof:
    """The proof without a cosignature, from a tree of 10^6 leaves."""
    stored, root = tiles.grow(0, [leaf_hash(entry(number)) for number in range(SIZE)], lambda *_: b"")
    path = tiles.inclusion_path(INDEX, SIZE, lambda level, number, width: stored[level, number][: 32 * width])
    return Proof(INDEX, path, checkpoint.sign(Checkpoint(ORIGIN, SIZE, root), SEED), b"carton 7")


def cosigned(policy: Policy, *by: int) -> bytes:
    """The whole proof: the log's line, those witnesses' in that order, then a stranger's."""
    text = note.parse(honest().checkpoint_note).text
    keys = [(policy.witnesses[n - 1].key, SEEDS[n - 1]) for n in by]
    lines = [cosignature.cosign(text, key.name, seed, 1_700_000_000, key.kind) for key, seed in keys]
    lines.append(note.sign(text, "stranger.example", bytes([9]) * 32))
    return replace(honest(), checkpoint_note=honest().checkpoint_note + "".join(lines).encode()).encode()


def flips(raw: bytes, start: int = 0, end: int | None = None, every: int = 1) -> Mutants:
    """Every mutant with one bit flipped, or every so many, and the byte where."""
    for bit in range(8 * start, 8 * (len(raw) if end is None else end), every):
        at = bit // 8
        yield at, raw[:at] + bytes([raw[at] ^ 1 << bit % 8]) + raw[at + 1 :]


def cuts(raw: bytes) -> Mutants:
    """Every beginning that is not the whole."""
    return ((at, raw[:at]) for at in range(len(raw)))


def proved(raw: bytes, policy: Policy) -> Checkpoint | None:
    try:
        return proof.verify(proof.parse(raw), entry(INDEX), policy)
    except LedgerError:
        return None


def believed(raw: bytes, policy: Policy) -> tuple[int, tuple[bytes, ...], str, set[Signature]]:
    """All of a proof that anyone checks or believes: everything but what the formats leave open."""
    one = proof.parse(raw)
    signed = note.parse(one.checkpoint_note)
    known = {(key.name, key.key_id) for key in (policy.log, *(witness.key for witness in policy.witnesses))}
    return one.index, one.path, signed.text, {line for line in signed.signatures if line[:2] in known}


def accepted(raw: bytes, mutants: Mutants, policy: Policy, losing: int = 0) -> list[int]:
    """Where the mutants stand that are believed; each must say what the whole said, but for so many lines lost."""
    head, said, found = proved(raw, policy), believed(raw, policy), []
    assert head is not None
    for at, mutant in mutants:
        if (now := proved(mutant, policy)) is not None:
            *rest, lines = believed(mutant, policy)
            assert (now, rest, lines <= said[-1]) == (head, list(said[:-1]), True)
            assert len(said[-1]) - len(lines) <= losing
            found.append(at)
    return found


def span(raw: bytes, part: bytes) -> range:
    return range(raw.index(part), raw.index(part) + len(part))


def open_spots(raw: bytes) -> set[int]:
    """The bytes that the formats leave open: the base64 of `extra`, the stranger's line."""
    return {*span(raw, encode_base64(b"carton 7").encode()), *span(raw, raw[raw.index(STRANGER) :])}


def test_no_flipped_bit_is_believed_but_in_what_the_formats_leave_open() -> None:
    raw = cosigned(CLASSIC, 1, 2, 3)
    found = accepted(raw, flips(raw), CLASSIC)
    assert set(found) <= open_spots(raw)
    assert {raw.index(b"Y2Fy"), raw.index(b"stranger")} <= set(found)  # there it is left open indeed


def test_no_cut_proof_is_believed_but_one_that_lost_a_strangers_line() -> None:
    for policy in (CLASSIC, MIXED):
        raw = cosigned(policy, 1, 2, 3)
        assert accepted(raw, cuts(raw), policy) == [raw.index(STRANGER)]


@pytest.mark.parametrize("every", [9, pytest.param(1, marks=pytest.mark.soak)])
def test_no_flipped_bit_of_a_post_quantum_cosignature_is_believed(every: int) -> None:
    """A bit in each byte of it, another from byte to byte; all of its 26,000 bits take half a minute."""
    raw = cosigned(MIXED, 1, 2, 3)
    start, end = raw.index("— hospital-3".encode()), raw.index(STRANGER)
    assert end - start > 3200
    assert accepted(raw, flips(raw, start, end, every), MIXED) == []


def test_a_cosignature_beyond_the_quorum_may_be_lost_and_never_falsified() -> None:
    """With 4 of 5, a flip in the name or id of one makes it a stranger's, and leaves three. None in what it signs."""
    raw = cosigned(CLASSIC, 1, 2, 3, 4)
    start, end = raw.index("— hospital-4".encode()), raw.index(STRANGER)
    signature = start + len("— hospital-4.example ".encode()) + 6  # six characters hold the id, and two bits more
    found = set(accepted(raw, flips(raw, start, end), CLASSIC, losing=1))
    assert raw.index(b"hospital-4") in found
    assert max(found) < signature
    assert accepted(raw, cuts(raw), CLASSIC, losing=1) == [start, end]


def test_three_that_signed_are_not_three_signatures_of_one() -> None:
    """Whoever repeats a line has one witness still, and whoever takes two of three has no quorum."""
    for by in ((1, 1, 1), (1, 2), (1, 2, 2)):
        assert proved(cosigned(CLASSIC, *by), CLASSIC) is None
    for by in ((1, 2, 3), (5, 3, 1), (1, 1, 2, 3)):
        assert proved(cosigned(CLASSIC, *by), CLASSIC) is not None
