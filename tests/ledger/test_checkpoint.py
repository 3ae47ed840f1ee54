"""Checkpoints: one spelling, and believed only from the policy's log."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verifier.ledger import checkpoint, cosignature, note
from verifier.ledger.checkpoint import Checkpoint
from verifier.ledger.cosignature import Cosignature
from verifier.ledger.merkle import EMPTY_ROOT
from verifier.ledger.note import NoteError, VerifierKey
from verifier.ledger.policy import Group, Log, Policy, Witness

SEED, OTHER = bytes(32), bytes([1]) * 32
POLICY = Policy(VerifierKey.of_seed("log.example", SEED))
ROOT = bytes(range(32))
ROOT64 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
GOOD = f"log.example\n42\n{ROOT64}\n"


def note_of(text: str, name: str = "log.example", seed: bytes = SEED) -> bytes:
    return f"{text}\n{note.sign(text, name, seed)}".encode()


def test_three_lines() -> None:
    assert Checkpoint("log.example", 42, ROOT).encode() == GOOD
    assert checkpoint.parse(GOOD) == Checkpoint("log.example", 42, ROOT)


@given(st.integers(1, 2**63 - 1), st.binary(min_size=32, max_size=32))
@settings(max_examples=50, deadline=None)
def test_signed_it_comes_back(size: int, root: bytes) -> None:
    one = Checkpoint("log.example/é", size, root)
    policy = Policy(VerifierKey.of_seed("log.example/é", SEED))
    assert checkpoint.open(checkpoint.sign(one, SEED), policy) == one


BROKEN = {
    "an extension line": (GOOD + "hello\n", "checkpoint: expected 3 lines: origin, size, root, found 4 lines"),
    "an empty line more": (GOOD + "\n", "found 4 lines"),
    "a line less": ("log.example\n42\n", "found 2 lines"),
    "no last newline": (GOOD[:-1], "checkpoint: expected 3 lines"),
    "no origin": (GOOD.replace("log.example", ""), "origin: expected one line, not empty"),
    "a leading zero": (GOOD.replace("42", "042"), "size: expected ASCII digits without leading zeros, found '042'"),
    "two zeros": (GOOD.replace("42", "00"), "size: expected ASCII digits without leading zeros, found '00'"),
    "a sign": (GOOD.replace("42", "+42"), "size: expected ASCII digits"),
    "a minus": (GOOD.replace("42", "-1"), "size: expected ASCII digits"),
    "a space": (GOOD.replace("42", " 42"), "size: expected ASCII digits"),
    "an underscore": (GOOD.replace("42", "4_2"), "size: expected ASCII digits"),
    "no size": (GOOD.replace("42", ""), "size: expected ASCII digits"),
    "digits of another script": (GOOD.replace("42", "٤٢"), "size: expected ASCII digits"),
    "superscripts": (GOOD.replace("42", "4²"), "size: expected ASCII digits"),
    "2^63": (GOOD.replace("42", str(2**63)), "size: expected at most 9223372036854775807"),
    "a million digits": (GOOD.replace("42", "9" * 1_000_000), "size: expected at most 9223372036854775807"),
    "unused bits set": (GOOD.replace("Hh8=", "Hh9="), "base64: expected"),
    "a root too short": (GOOD.replace(ROOT64, "AAEC"), "hash: expected 32 bytes, found 3 bytes"),
    "a root in two lines": (GOOD.replace("AAEC", "AAEC\n"), "found 4 lines"),
    "an empty tree with a root": (GOOD.replace("42", "0"), "root at size 0: expected e3b0c442"),
    "carriage returns": (GOOD.replace("\n", "\r\n"), "size: expected ASCII digits"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken(name: str) -> None:
    text, says = BROKEN[name]
    with pytest.raises(NoteError, match=says):
        checkpoint.parse(text)


@pytest.mark.parametrize(
    ("origin", "size", "root", "says"),
    [
        ("", 1, ROOT, "origin"),
        ("a\nb", 1, ROOT, "origin"),
        ("a", -1, ROOT, "size: expected 0 to"),
        ("a", 2**63, ROOT, "size: expected 0 to"),
        ("a", 1, ROOT[1:], "root: expected 32 bytes, found 31"),
        ("a", 0, ROOT, "root at size 0"),
    ],
)
def test_a_checkpoint_that_exists_is_valid(origin: str, size: int, root: bytes, says: str) -> None:
    with pytest.raises(NoteError, match=says):
        Checkpoint(origin, size, root)


def test_an_empty_log_may_be_signed() -> None:
    empty = Checkpoint("log.example", 0, EMPTY_ROOT)
    assert checkpoint.open(checkpoint.sign(empty, SEED), POLICY) == empty


def test_an_origin_that_is_no_key_name_is_not_signed() -> None:
    with pytest.raises(NoteError, match=r"key name: .*found 'two words'"):
        checkpoint.sign(Checkpoint("two words", 1, ROOT), SEED)


REFUSED = {
    "another key": (note_of(GOOD, seed=OTHER), "signatures: expected one of log.example"),
    "another log's name": (note_of(GOOD, name="other.example"), "signatures: expected one of log.example"),
    "another origin under the log's key": (note_of(GOOD.replace("log.e", "bog.e")), "origin: expected log.example"),
    "a larger size under the signature": (note_of(GOOD).replace(b"\n42\n", b"\n43\n"), "signature of log.example"),
    "no checkpoint under the signature": (note_of("log.example\nhello\n"), "checkpoint: expected 3 lines"),
    "no signature": (GOOD.encode(), "note: expected text, an empty line"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_open_refuses(name: str) -> None:
    signed, says = REFUSED[name]
    with pytest.raises(NoteError, match=says):
        checkpoint.open(signed, POLICY)


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_no_cut_and_no_flip_is_believed(data: st.DataObject) -> None:
    raw = note_of(GOOD)
    at = data.draw(st.integers(0, len(raw) - 1))
    flipped = raw[:at] + bytes([raw[at] ^ 1 << data.draw(st.integers(0, 7))]) + raw[at + 1 :]
    for broken in (raw[:at], raw[at + 1 :], flipped):
        with pytest.raises(NoteError):
            checkpoint.open(broken, POLICY)


WITNESSES = tuple(
    Witness(f"w{n}", VerifierKey.of_seed(f"{n}.example", bytes([n]) * 32, kind)) for n, kind in enumerate((4, 4, 6), 1)
)
QUORUM = Policy(POLICY.log, None, WITNESSES, (Group("g", 2, ("w1", "w2", "w3")),), "g")


def cosigned(*numbers: int, text: str = GOOD, time: int = 1700000000) -> bytes:
    """A note that these witnesses cosigned, a second apart."""
    by = [WITNESSES[number - 1].key for number in numbers]
    lines = [
        cosignature.cosign(text, key.name, bytes([number]) * 32, time + number, key.kind)
        for key, number in zip(by, numbers, strict=True)
    ]
    return note_of(text) + "".join(lines).encode()


@pytest.mark.parametrize("by", [(1, 2), (2, 3), (3, 1), (1, 2, 3)])
def test_a_quorum_is_believed(by: tuple[int, ...]) -> None:
    assert checkpoint.open(cosigned(*by), QUORUM) == checkpoint.parse(GOOD)
    assert checkpoint.cosigned(cosigned(*by), QUORUM) == tuple(Cosignature(f"w{n}", 1700000000 + n) for n in sorted(by))


@pytest.mark.parametrize("by", [(), (1,), (3, 3)])
def test_less_than_a_quorum_is_a_proposal_and_no_more(by: tuple[int, ...]) -> None:
    with pytest.raises(NoteError, match="cosignatures: expected the quorum g, found"):
        checkpoint.open(cosigned(*by), QUORUM)
    assert checkpoint.proposed(cosigned(*by), QUORUM) == checkpoint.parse(GOOD)


def test_witnesses_alone_are_no_log() -> None:
    """A note that every witness cosigned, and the log did not sign."""
    whole = cosigned(1, 2, 3).split(b"\n")
    forged = b"\n".join(line for line in whole if not line.startswith("— log.example ".encode()))
    for read in (checkpoint.open, checkpoint.proposed):
        with pytest.raises(NoteError, match=r"signatures: expected one of log\.example"):
            read(forged, QUORUM)


def test_one_false_cosignature_of_a_known_witness_refuses_the_whole_note() -> None:
    """Though the others are enough."""
    other = cosignature.cosign(GOOD.replace("42", "43"), "1.example", bytes([1]) * 32, 1700000000)
    for read in (checkpoint.open, checkpoint.cosigned):
        with pytest.raises(NoteError, match=r"cosignature of 1\.example: expected one that its key made"):
            read(cosigned(2, 3) + other.encode(), QUORUM)


def test_a_stranger_adds_nothing_and_takes_nothing() -> None:
    stranger = cosignature.cosign(GOOD, "1.example", bytes([9]) * 32, 1700000000).encode()
    assert checkpoint.open(cosigned(2, 3) + stranger, QUORUM) == checkpoint.parse(GOOD)
    with pytest.raises(NoteError, match="found cosignatures by w2"):
        checkpoint.open(cosigned(2) + stranger, QUORUM)


def test_any_log_of_the_policy_is_believed_under_its_own_origin_alone() -> None:
    """A policy may list several; one of them signing for another says nothing."""
    other = VerifierKey.of_seed("other.example", OTHER)
    both = Policy(POLICY.log, others=(Log(other),))
    theirs = Checkpoint("other.example", 42, ROOT)
    assert checkpoint.open(checkpoint.sign(theirs, OTHER), both) == theirs
    with pytest.raises(NoteError, match=r"origin: expected other\.example, found log\.example"):
        checkpoint.open(note_of(GOOD, seed=OTHER, name="other.example"), both)


def test_a_log_may_sign_with_ml_dsa() -> None:
    """tlog-checkpoint: logs should use ML-DSA-44 cosignatures, but may use any signature of a note."""
    key = VerifierKey.of_seed("log.example", OTHER, 6)
    signed = f"{GOOD}\n{cosignature.cosign(GOOD, 'log.example', OTHER, 0, 6)}".encode()
    assert checkpoint.open(signed, Policy(key)) == checkpoint.parse(GOOD)
    with pytest.raises(NoteError, match=r"signature of log\.example: expected one that its key made"):
        checkpoint.open(signed.replace(b"\n42\n", b"\n43\n"), Policy(key))


def test_a_cosignature_without_a_time_is_none() -> None:
    """It holds, and says nothing about which tree is the largest."""
    with pytest.raises(NoteError, match="cosignatures: expected the quorum g, found cosignatures by w2"):
        checkpoint.open(cosigned(3, time=-3) + cosigned(2).partition(b"=\n\n")[2].partition(b"\n")[2], QUORUM)
