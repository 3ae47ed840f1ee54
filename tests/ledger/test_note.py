"""Signed notes: one by another implementation, and a table of sabotage."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verifier.ledger import note
from verifier.ledger.encoding import encode_base64
from verifier.ledger.note import NoteError, VerifierKey

SEED, OTHER = bytes(32), bytes([1]) * 32
KEY, STRANGER = VerifierKey.of_seed("log.example", SEED), VerifierKey.of_seed("log.example", OTHER)
TEXT = "log.example\n7\n"
LINE = note.sign(TEXT, "log.example", SEED)
SIGNED = f"{TEXT}\n{LINE}"


def test_a_note_signed_by_go() -> None:
    """The example of golang.org/x/mod/sumdb/note."""
    key = VerifierKey.parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
    line = (
        "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
    )
    parsed = note.parse(f"{text}\n{line}")
    assert parsed.text == text
    assert note.verify(parsed, [key]) == (key,)
    with pytest.raises(NoteError, match="signature of PeterNeumann"):
        note.verify(note.parse(f"{text.upper()}\n{line}"), [key])


def test_text_and_bytes_read_alike() -> None:
    assert note.parse(SIGNED) == note.parse(SIGNED.encode())


def test_the_last_empty_line_splits() -> None:
    text = "a\n\n— not a signature\n\n"
    signed = f"{text}\n{note.sign(text, 'log.example', SEED)}"
    assert note.parse(signed).text == text
    assert note.verify(note.parse(signed), [KEY]) == (KEY,)


def test_lines_split_at_newline_only() -> None:
    """U+0085 and U+2028 end a line for str.splitlines; here they are text."""
    text = "one\u2028still one\x85still one\n"
    signed = f"{text}\n{note.sign(text, 'log.example', SEED)}"
    assert note.verify(note.parse(signed), [KEY]) == (KEY,)


def test_strangers_are_ignored_and_a_failing_friend_is_not() -> None:
    strange = note.sign(TEXT, "log.example", OTHER) + note.sign(TEXT, "other.example", SEED)
    assert note.verify(note.parse(SIGNED + strange), [KEY]) == (KEY,)
    assert note.verify(note.parse(SIGNED + strange), [STRANGER, KEY]) == (STRANGER, KEY)
    failing = f"— log.example {encode_base64(STRANGER.key_id + bytes(64))}\n"
    assert note.verify(note.parse(SIGNED + failing), [KEY]) == (KEY,)
    with pytest.raises(NoteError, match=r"signature of log.example: expected one that its key made, found another"):
        note.verify(note.parse(SIGNED + failing), [KEY, STRANGER])


def test_verifiers_must_ignore_unknown_keys_even_if_they_share_a_name_or_id_but_not_both() -> None:
    same_id = f"— other.example {encode_base64(KEY.key_id + bytes(64))}\n"
    same_name = f"— log.example {encode_base64(bytes(4) + bytes(64))}\n"
    assert note.verify(note.parse(SIGNED + same_id + same_name), [KEY]) == (KEY,)
    with pytest.raises(NoteError, match=r"signatures: expected one of log\.example"):
        note.verify(note.parse(f"{TEXT}\n{same_id}{same_name}"), [KEY])
    both = f"— log.example {encode_base64(KEY.key_id + bytes(64))}\n"
    with pytest.raises(NoteError, match=r"signature of log\.example"):
        note.verify(note.parse(SIGNED + both), [KEY])


def test_a_good_signature_does_not_cover_for_a_bad_one_of_the_same_key() -> None:
    bad = f"— log.example {encode_base64(KEY.key_id + bytes(64))}\n"
    for lines in (LINE + bad, bad + LINE):
        with pytest.raises(NoteError, match=r"signature of log\.example"):
            note.verify(note.parse(f"{TEXT}\n{lines}"), [KEY])


def test_a_note_that_nobody_known_signed_proves_nothing() -> None:
    with pytest.raises(NoteError, match=f"signatures: expected one of log.example.{STRANGER.key_id.hex()}, found log"):
        note.verify(note.parse(SIGNED), [STRANGER])
    with pytest.raises(NoteError, match="expected one of some known key"):
        note.verify(note.parse(SIGNED), [])


@pytest.mark.parametrize("length", [0, 1, 63, 65])
def test_a_signature_of_another_length_borrows_nothing_from_the_text(length: int) -> None:
    """Joined as libsodium takes them, the shifted pair has the very bytes of the good one."""
    joined = note.parse(SIGNED).signatures[0].signature + TEXT.encode()
    assert note.holds(KEY.public, joined[64:], joined[:64])
    assert not note.holds(KEY.public, joined[length:], joined[:length])


def test_sixteen_signatures_are_read_and_a_flood_is_not() -> None:
    others = "".join(note.sign(TEXT, f"w{i}.example", OTHER) for i in range(15))
    assert note.verify(note.parse(f"{TEXT}\n{others}{LINE}"), [KEY]) == (KEY,)
    with pytest.raises(NoteError, match="expected at most 64 signatures, found 65"):
        note.parse(f"{TEXT}\n{LINE * 65}")
    with pytest.raises(NoteError, match="expected at most 262144 bytes"):
        note.parse("x" * (1 << 18) + SIGNED)


SABOTAGE = {
    "no empty line": (SIGNED.replace("\n\n", "\n"), "note: expected text, an empty line, signature lines"),
    "no signature": (TEXT + "\n", "note: expected text, an empty line, signature lines"),
    "no last newline": (SIGNED[:-1], "note: expected text, an empty line, signature lines"),
    "empty": ("", "note: expected text, an empty line, signature lines"),
    "carriage returns": (SIGNED.replace("\n", "\r\n"), "note: expected text, an empty line"),
    "a carriage return": (SIGNED.replace("7\n", "7\r\n"), r"note text: .*found '\\r'"),
    "a tab": ("a\tb\n\n" + LINE, r"note text: .*found '\\t'"),
    "vertical tab, which splitlines breaks at": ("a\x0bb\n\n" + LINE, r"note text: .*found '\\x0b'"),
    "a hyphen for the dash": (SIGNED.replace("—", "-"), "signature line: expected '— name base64'"),
    "two spaces": (SIGNED.replace("— ", "—  "), "signature line"),
    "signatures parted by U+2028, which splitlines breaks at": (SIGNED[:-1] + "\u2028" + LINE, "signature line"),
    "a fourth field": (SIGNED[:-1] + " x\n", "signature line"),
    "a name with a plus": (SIGNED.replace("— log", "— a+log"), "key name: expected no space, plus"),
    "a name with a foreign space": (SIGNED.replace("— log", "— a\u3000log"), "key name: expected no space, plus"),
    "an empty name": (SIGNED.replace("— log.example", "— "), "key name: expected no space, plus"),
    "url-safe base64": (SIGNED[: len(TEXT) + 1] + "— log.example _-__AAAAAA==\n", "base64: expected the alphabet"),
    "no padding": ("x\n\n— log.example AAAAAAA\n", "base64: expected the alphabet"),
    "unused bits set": ("x\n\n— log.example AAAAAAB=\n", "base64: expected 'AAAAAAA='"),
    "an id and no signature": ("x\n\n— log.example AAAAAA==\n", "signature: expected more than 4 bytes, found 4"),
    "an unknown key's line malformed": (SIGNED + "— other.example !\n", "base64"),
}


@pytest.mark.parametrize("name", SABOTAGE)
def test_sabotage(name: str) -> None:
    broken, says = SABOTAGE[name]
    with pytest.raises(NoteError, match=says):
        note.parse(broken)


@pytest.mark.parametrize("broken", [b"\xff" + SIGNED.encode(), "\ud800" + SIGNED, b"\xed\xa0\x80" + SIGNED.encode()])
def test_only_utf_8_is_a_note(broken: str | bytes) -> None:
    with pytest.raises(NoteError, match="note: expected UTF-8"):
        note.parse(broken)


@given(st.binary(max_size=120) | st.text(max_size=120) | st.text("\n— +aA=", max_size=60))
@settings(max_examples=200, deadline=None)
def test_parse_returns_or_raises_its_own_error(raw: str | bytes) -> None:
    try:
        note.parse(raw)
    except NoteError:
        return


@given(st.integers(0, 8 * len(SIGNED.encode()) - 1))
@settings(max_examples=200, deadline=None)
def test_no_flipped_bit_leaves_another_note_believed(bit: int) -> None:
    raw = bytearray(SIGNED.encode())
    raw[bit // 8] ^= 1 << bit % 8
    with pytest.raises(NoteError):
        note.verify(note.parse(bytes(raw)), [KEY])


@pytest.mark.parametrize("text", ["no newline", "tab\t\n", "\ud800\n", ""])
def test_a_text_that_could_not_be_read_is_not_signed(text: str) -> None:
    with pytest.raises(NoteError, match="note text"):
        note.sign(text, "log.example", SEED)


def test_seeds_and_names_are_checked() -> None:
    with pytest.raises(NoteError, match="seed: expected 32 bytes, found 31"):
        note.sign(TEXT, "log.example", SEED[1:])
    for name in ("", "a b", "a+b", "a\nb", "\ud800"):
        with pytest.raises(NoteError, match="key name"):
            VerifierKey.of_seed(name, SEED)


@pytest.mark.parametrize("at", range(40))
def test_a_verifier_key_has_one_spelling(at: int) -> None:
    key = VerifierKey.of_seed("a.example", bytes([at]) * 32)  # many of them have a + in their base64
    assert VerifierKey.parse(str(key)) == key



def key_of(kind: int, public: bytes) -> str:
    return f"w.example+{note.key_id('w.example', kind, public).hex()}+{encode_base64(bytes([kind]) + public)}"


BROKEN_KEYS = {
    "no parts": ("log.example", "key: expected name.hex"),
    "another id": (str(KEY).replace(KEY.key_id.hex(), "00000000"), "key id of log.example: expected d85f6874"),
    "capital hex": (str(KEY).replace(KEY.key_id.hex(), "D85F6874"), "key id of log.example: expected d85f6874"),
    "another name": ("x" + str(KEY), "key id of xlog.example"),
    "no name": (str(KEY)[len("log.example") :], "key name"),
    "unpadded": (str(KEY) + "=", "base64"),
    "an unassigned type": (key_of(2, KEY.public), r"expected type 1 of 32 .*found type 2 of 32 bytes"),
    "an ML-DSA key of Ed25519's length": (key_of(6, KEY.public), r"type 6 of 1312 bytes, found type 6 of 32 bytes"),
    "a cosigner's key cut short": (key_of(4, KEY.public[1:]), r"type 4 of 32 bytes.*found type 4 of 31 bytes"),
}


@pytest.mark.parametrize("name", BROKEN_KEYS)
def test_broken_verifier_keys(name: str) -> None:
    text, says = BROKEN_KEYS[name]
    with pytest.raises(NoteError, match=says):
        VerifierKey.parse(text)


@pytest.mark.parametrize("kind", [note.COSIGNATURE, note.ML_DSA_COSIGNATURE])
def test_a_cosigners_key_comes_back_and_verifies_no_note_of_a_log(kind: int) -> None:
    """Its signature says another thing: `cosignature` reads it."""
    key = VerifierKey.of_seed("w.example", SEED, kind)
    assert VerifierKey.parse(str(key)) == key == VerifierKey.of_public("w.example", key.public, kind)
    with pytest.raises(NoteError, match=rf"key w\.example: expected type 1 \(Ed25519\), found type {kind}"):
        note.verify(note.parse(f"{TEXT}\n{note.line(key, bytes(72))}"), [key])


def test_a_key_whose_parts_disagree_does_not_exist() -> None:
    with pytest.raises(NoteError, match=r"key id of log\.example"):
        VerifierKey("log.example", b"\0\0\0\0", note.ED25519, KEY.public)
    with pytest.raises(NoteError, match=r"type 1 of 32 bytes, .* found type 1 of 31 bytes"):
        VerifierKey.of_public("log.example", KEY.public[1:])


def test_keys_of_small_order_sign_nothing() -> None:
    """A key of order one accepts R = S = 0 for any text, unless it is refused."""
    identity = b"\x01" + bytes(31)
    assert not note.holds(identity, TEXT.encode(), identity + bytes(32))
