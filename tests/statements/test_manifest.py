"""The manifest: opens whole, or not at all."""

import tracemalloc
from collections.abc import Iterator
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_decrypt

from verifier.statements import manifest
from verifier.statements.errors import Malformed
from verifier.statements.manifest import decrypt, encrypt, hkdf

SECRET, NONCE = bytes(range(32)), bytes(range(24))
BATCH = [b"%013d" % number for number in range(20_000)]  # five chunks
HEAD = 25


def sealed(batch: list[bytes] = BATCH, secret: bytes = SECRET, nonce: bytes = NONCE) -> bytes:
    return b"".join(encrypt(batch, secret, nonce))


def chunks(whole: bytes) -> list[bytes]:
    return [whole[:HEAD], *(whole[at : at + manifest.CHUNK] for at in range(HEAD, len(whole), manifest.CHUNK))]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=20).filter(lambda s: b"\n" not in s)), st.integers(1, 100_000))
def test_what_is_sealed_opens_in_pieces_of_any_length(batch: list[bytes], step: int) -> None:
    batch *= 200  # past one chunk when there is anything in it
    whole = sealed(batch)
    assert list(decrypt((whole[at : at + step] for at in range(0, len(whole), step)), SECRET)) == batch


@pytest.mark.parametrize("count", [0, 1, 4679, 4680, 4681, 9360, 9361])
def test_a_manifest_that_ends_on_a_chunk_opens(count: int) -> None:
    assert manifest.PLAIN == 4680 * 14
    assert list(decrypt([sealed(BATCH[:count])], SECRET)) == BATCH[:count]


def sabotages() -> Iterator[tuple[str, bytes]]:
    whole = sealed()
    parts = chunks(whole)
    other = chunks(sealed(nonce=bytes(24)))
    head, first, second, *rest, last = parts
    yield "nothing", b""
    yield "the header only", head
    yield "half a header", head[:10]
    yield "another version", b"\x02" + whole[1:]
    yield "two chunks swapped", b"".join([head, second, first, *rest, last])
    yield "a chunk twice", b"".join([head, first, first, second, *rest, last])
    yield "the last chunk twice", whole + last
    yield "a chunk missing", b"".join([head, second, *rest, last])
    yield "the last chunk missing", b"".join([head, first, second, *rest])
    yield "only the last chunk", head + last
    yield "a chunk of another manifest", b"".join([head, other[1], second, *rest, last])
    yield "another manifest's header", other[0] + whole[HEAD:]
    yield "cut in a chunk", whole[:-1]
    yield "cut in a tag", b"".join([head, first, second, *rest, last[:5]])
    yield "a byte added", whole + b"x"
    for at in (1, 24, HEAD, HEAD + 70_000, len(whole) - 1):
        yield f"a bit flipped at {at}", whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]


@pytest.mark.parametrize(("what", "altered"), list(sabotages()), ids=[what for what, _ in sabotages()])
def test_a_sabotaged_manifest_does_not_open(what: str, altered: bytes) -> None:
    assert altered != sealed(), what
    with pytest.raises(Malformed, match=r"^manifest: expected "):
        list(decrypt([altered], SECRET))


def test_another_secret_does_not_open_it() -> None:
    with pytest.raises(Malformed, match="sealed in order with this batch's secret, found chunk 0 of 65536 bytes"):
        list(decrypt([sealed()], bytes(32)))


def test_no_chunk_shares_its_nonce_and_the_count_wraps() -> None:
    nonce = bytes(16) + b"\xff" * 8
    assert list(decrypt([sealed(nonce=nonce)], SECRET)) == BATCH
    key, second = hkdf(SECRET, b"manifest"), chunks(sealed(nonce=nonce))[2]
    bound = b"\x01" + (1).to_bytes(4, "big") + b"\x00"
    assert crypto_aead_xchacha20poly1305_ietf_decrypt(second, bound, bytes(24), key)[:4] == b"0000"


def test_the_format_does_not_change_from_one_version_to_the_next() -> None:
    assert sha256(sealed()).hexdigest() == "75e5843c0da3c1e08ab3c02b92a28ba1979b0bacede934aef37862b12af5a5e4"


@pytest.mark.parametrize("wrong", [b"", b"A\n1"])
def test_what_could_not_be_read_back_is_not_sealed(wrong: bytes) -> None:
    with pytest.raises(Malformed, match="serial: expected serials without a newline"):
        sealed([b"A1", wrong])


def test_a_short_nonce_is_refused() -> None:
    with pytest.raises(Malformed, match="nonce: expected 24 bytes, found 12 bytes"):
        sealed(nonce=bytes(12))


def test_a_long_manifest_streams_in_little_memory() -> None:
    count = 200_000
    tracemalloc.start()
    try:
        found = sum(1 for _ in decrypt(encrypt((b"%013d" % number for number in range(count)), SECRET, NONCE), SECRET))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found == count
    assert peak < 2_500_000


def test_a_serial_without_an_end_is_not_gathered() -> None:
    """Else 256 MiB of them are copied at each chunk: minutes, in which the node keeps no lease."""
    read: list[int] = []

    def pieces() -> Iterator[bytes]:
        for number, chunk in enumerate(encrypt([b"A" * 10 * manifest.CHUNK], SECRET, NONCE)):
            read.append(number)
            yield chunk

    with pytest.raises(Malformed) as told:
        list(decrypt(pieces(), SECRET))
    assert told.value.expected == "serials of at most 20 bytes, a newline after each"
    assert len(read) < 5


RFC_5869_A1 = (22 * b"\x0b", bytes(range(0xF0, 0xFA)), bytes(range(13)), 42)
OKM_A1 = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
OKM_A3 = "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"


def test_hkdf_is_rfc_5869s() -> None:
    secret, info, salt, length = RFC_5869_A1
    assert hkdf(secret, info, salt, length).hex() == OKM_A1
    assert hkdf(secret, b"", b"", length).hex() == OKM_A3
