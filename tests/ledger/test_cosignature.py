"""Cosignatures of both types: what is signed byte for byte, and that no other time, name or tree comes of one."""

import pytest
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.signing import SigningKey

from verifier.ledger import cosignature, note
from verifier.ledger.cosignature import Cosignature
from verifier.ledger.encoding import decode_base64, encode_base64
from verifier.ledger.note import COSIGNATURE, ED25519, ML_DSA_COSIGNATURE, NoteError, VerifierKey

KINDS = [COSIGNATURE, ML_DSA_COSIGNATURE]
SEED, TIME = bytes([1]) * 32, 1679315147
TEXT = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
LOG = note.sign(TEXT, "example.com/behind-the-sofa", bytes(32))
KEYS = {kind: VerifierKey.of_seed("w.example", SEED, kind) for kind in KINDS}


def cosigned(kind: int, *times: int, text: str = TEXT, name: str = "w.example", seed: bytes = SEED) -> note.Note:
    lines = "".join(cosignature.cosign(text, name, seed, time, kind) for time in times)
    return note.parse(f"{TEXT}\n{LOG}{lines}")


def stamped(line: str) -> bytes:
    """What follows the key id."""
    return decode_base64(line.split()[2], NoteError)[4:]


@pytest.mark.parametrize("kind", KINDS)
def test_a_cosignature_comes_back_with_its_time(kind: int) -> None:
    assert cosignature.read(cosigned(kind, TIME), [KEYS[kind]]) == (Cosignature("w.example", TIME),)
    assert cosignature.time_of(cosigned(kind), KEYS[kind]) is None


def test_ed25519_signs_two_lines_and_the_whole_note_body() -> None:
    """tlog-cosignature's example message, and a u64 of the same time before the signature."""
    data = stamped(cosignature.cosign(TEXT, "w.example", SEED, TIME))
    assert (data[:8], len(data)) == (bytes.fromhex("00000000641850cb"), 72)
    assert note.holds(KEYS[4].public, b"cosignature/v1\ntime 1679315147\n" + TEXT.encode(), data[8:])


def test_ml_dsa_signs_name_time_origin_and_tree() -> None:
    """The cosigned_message structure; 2,420 bytes of signature after the time."""
    data = stamped(cosignature.cosign(TEXT, "w.example", SEED, TIME, ML_DSA_COSIGNATURE))
    assert (data[:8], len(data)) == (bytes.fromhex("00000000641850cb"), 2428)
    tree = bytes(8) + (20852163).to_bytes(8) + decode_base64(TEXT.split("\n")[2], NoteError)
    message = b"subtree/v1\n\x00" + b"\x09w.example" + data[:8] + b"\x1bexample.com/behind-the-sofa" + tree
    MLDSA44PublicKey.from_public_bytes(KEYS[6].public).verify(data[8:], message)


def test_key_ids_and_lengths() -> None:
    """The type is part of the id: one seed gives three keys."""
    keys = [VerifierKey.of_seed("w.example", SEED, kind) for kind in (ED25519, *KINDS)]
    assert [len(key.public) for key in keys] == [32, 32, 1312]
    assert len({key.key_id for key in keys}) == 3
    assert [note.key_id("w.example", key.kind, key.public) for key in keys] == [key.key_id for key in keys]


@pytest.mark.parametrize("kind", KINDS)
def test_of_several_by_one_key_the_newest_counts(kind: int) -> None:
    """A log that cosigns an unchanged head anew may keep the older line."""
    assert cosignature.read(cosigned(kind, TIME, TIME + 60, TIME - 60), [KEYS[kind]])[0].time == TIME + 60


@pytest.mark.parametrize("kind", KINDS)
def test_strangers_are_ignored_and_a_failing_friend_is_not(kind: int) -> None:
    key, line = KEYS[kind], cosignature.cosign(TEXT, "w.example", SEED, TIME, kind)
    stranger = cosignature.cosign(TEXT, "w.example", bytes([2]) * 32, TIME, kind)
    assert cosignature.read(note.parse(f"{TEXT}\n{stranger}"), [key]) == ()
    assert len(cosignature.read(note.parse(f"{TEXT}\n{LOG}{stranger}{line}"), [key])) == 1
    failing = note.line(key, stamped(line)[:-1] + bytes([stamped(line)[-1] ^ 1]))
    for broken in (failing, line + failing, failing + line):
        with pytest.raises(NoteError, match=r"cosignature of w\.example: expected one that its key made"):
            cosignature.read(note.parse(f"{TEXT}\n{broken}"), [key])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("change", [("20852163", "20852164"), ("sofa", "soft"), ("CsUY", "CsUZ")])
def test_another_tree_or_log_under_the_cosignature(kind: int, change: tuple[str, str]) -> None:
    line = cosignature.cosign(TEXT, "w.example", SEED, TIME, kind)
    with pytest.raises(NoteError, match="cosignature of w"):
        cosignature.read(note.parse(f"{TEXT.replace(*change)}\n{line}"), [KEYS[kind]])


@pytest.mark.parametrize("kind", KINDS)
def test_another_time_before_the_cosignature(kind: int) -> None:
    """Neither fresher nor older than it was."""
    data = stamped(cosignature.cosign(TEXT, "w.example", SEED, TIME, kind))
    for time in (0, TIME - 1, TIME + 1, 2**63 - 1):
        with pytest.raises(NoteError, match="cosignature of w"):
            cosignature.read(note.parse(f"{TEXT}\n{note.line(KEYS[kind], time.to_bytes(8) + data[8:])}"), [KEYS[kind]])


def test_a_time_beyond_2_63_is_refused() -> None:
    """It must not exceed 2^63 - 1, whoever signed it."""
    text = f"cosignature/v1\ntime {2**63}\n{TEXT}"
    data = (2**63).to_bytes(8) + SigningKey(SEED).sign(text.encode()).signature
    with pytest.raises(NoteError, match="time: expected 0 to 9223372036854775807"):
        cosignature.read(note.parse(f"{TEXT}\n{note.line(KEYS[4], data)}"), [KEYS[4]])
    for time in (-1, 2**63):
        with pytest.raises(NoteError, match="time: expected 0 to"):
            cosignature.cosign(TEXT, "w.example", SEED, time)


def test_ml_dsa_binds_the_name_and_ed25519_does_not() -> None:
    """Hence one Ed25519 key a witness: under another name the same signature would hold."""
    for kind in KINDS:
        data = stamped(cosignature.cosign(TEXT, "w.example", SEED, TIME, kind))
        other = VerifierKey.of_seed("other.example", SEED, kind)
        renamed = note.parse(f"{TEXT}\n{note.line(other, data)}")
        if kind == COSIGNATURE:
            assert cosignature.read(renamed, [other]) == (Cosignature("other.example", TIME),)
        else:
            with pytest.raises(NoteError, match="cosignature of other"):
                cosignature.read(renamed, [other])


def test_extension_lines_are_signed_by_one_type_and_not_the_other() -> None:
    """Nobody says anything about them: our own checkpoints have none."""
    longer = TEXT + "extension\n"
    for kind in KINDS:
        line = cosignature.cosign(longer, "w.example", SEED, TIME, kind)
        assert cosignature.read(note.parse(f"{longer}\n{line}"), [KEYS[kind]])
        if kind == COSIGNATURE:
            with pytest.raises(NoteError, match="cosignature of w"):
                cosignature.read(note.parse(f"{TEXT}\n{line}"), [KEYS[kind]])
        else:
            assert cosignature.read(note.parse(f"{TEXT}\n{line}"), [KEYS[kind]])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", ["hello\n", "a\n1\n", TEXT.partition("sofa")[2], TEXT.replace("\n2", "\n02")])
def test_what_is_no_checkpoint_is_not_cosigned(kind: int, text: str) -> None:
    with pytest.raises(NoteError):
        cosignature.cosign(text, "w.example", SEED, TIME, kind)


def test_ml_dsa_has_no_message_for_a_name_of_256_bytes() -> None:
    with pytest.raises(NoteError, match="name or origin: expected 1 to 255 bytes, found 256"):
        cosignature.cosign(TEXT, "w" * 256, SEED, TIME, ML_DSA_COSIGNATURE)
    assert cosignature.cosign(TEXT, "w" * 255, SEED, TIME, ML_DSA_COSIGNATURE)


def test_verifiers_must_accept_at_least_up_to_16_signatures_of_post_quantum_size() -> None:
    seeds = [bytes([n]) * 32 for n in range(32)]
    lines = [cosignature.cosign(TEXT, f"{seed[0]}.example", seed, TIME, ML_DSA_COSIGNATURE) for seed in seeds]
    keys = [VerifierKey.of_seed(f"{seed[0]}.example", seed, ML_DSA_COSIGNATURE) for seed in seeds]
    whole = note.parse(f"{TEXT}\n{LOG}{''.join(lines)}")
    assert len(cosignature.read(whole, keys)) == 32


def test_a_logs_key_cosigns_nothing() -> None:
    with pytest.raises(NoteError, match=r"type 4 or 6 \(a cosignature's\), found type 1"):
        cosignature.cosign(TEXT, "w.example", SEED, TIME, ED25519)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("length", [1, 7, 8, 9, 71, 73, 2427, 2429])
def test_a_signature_of_another_length_fails(kind: int, length: int) -> None:
    data = (stamped(cosignature.cosign(TEXT, "w.example", SEED, TIME, kind)) + bytes(2429))[:length]
    with pytest.raises(NoteError):
        cosignature.read(note.parse(f"{TEXT}\n{note.line(KEYS[kind], data)}"), [KEYS[kind]])


@given(st.sampled_from(KINDS), st.data())
@settings(max_examples=80, deadline=None)
def test_no_flip_of_a_cosignature_holds(kind: int, data: st.DataObject) -> None:
    good = stamped(cosignature.cosign(TEXT, "w.example", SEED, TIME, kind))
    at = data.draw(st.integers(0, 8 * len(good) - 1))
    flipped = bytes(byte ^ (1 << at % 8 if at // 8 == i else 0) for i, byte in enumerate(good))
    with pytest.raises(NoteError):
        cosignature.read(note.parse(f"{TEXT}\n{note.line(KEYS[kind], flipped)}"), [KEYS[kind]])


def test_the_line_is_base64_of_id_and_signature() -> None:
    line = cosignature.cosign(TEXT, "w.example", SEED, TIME)
    assert line == f"— w.example {encode_base64(KEYS[4].key_id + stamped(line))}\n"
