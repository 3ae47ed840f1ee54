"""The one envelope: what signs it, what it refuses, and what its id covers."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.signing import SigningKey

from verifier.statements import cbor
from verifier.statements.envelope import TAG_18, kid_of, read, sign, signed_by, usable_key
from verifier.statements.errors import Malformed

SEED = bytes(range(32))
PUBLIC = bytes(SigningKey(SEED).verify_key)
PAYLOAD = cbor.encode({"gtin": "09521000000018"})


def statement(payload: bytes = PAYLOAD) -> bytes:
    return sign("product", "acme", "https://id.gs1.org/01/09521000000018", 1_700_000_000, payload, SEED).raw


def parts() -> list[object]:
    found: list[object] = cbor.decode(statement()[1:])
    return found


def repack(*found: object) -> bytes:
    return TAG_18 + cbor.encode(list(found))


def test_a_statement_says_who_what_and_when() -> None:
    found = read(statement())
    assert (found.kind, found.member, found.subject) == ("product", "acme", "https://id.gs1.org/01/09521000000018")
    assert found.issued_at == 1_700_000_000
    assert found.kid == kid_of(PUBLIC)
    assert signed_by(found, PUBLIC)
    assert not signed_by(found, bytes(SigningKey(bytes(32)).verify_key))


def test_unprotected_headers_ride_along_and_are_left_out_of_the_id() -> None:
    protected, _, payload, signature = parts()
    ridden = read(repack(protected, {394: [b"receipt"]}, payload, signature))
    assert ridden.id == read(statement()).id
    assert ridden.raw == statement()


@settings(max_examples=300)
@given(st.data())
def test_no_flipped_bit_is_accepted(data: st.DataObject) -> None:
    raw = bytearray(statement())
    place = data.draw(st.integers(0, len(raw) * 8 - 1))
    raw[place // 8] ^= 1 << place % 8
    try:
        found = read(bytes(raw))
    except Malformed:
        return
    assert not signed_by(found, PUBLIC)


@given(st.integers(0, len(statement()) - 1))
def test_no_truncation_is_read(length: int) -> None:
    with pytest.raises(Malformed):
        read(statement()[:length])


def _header(**changes: object) -> bytes:
    header = cbor.decode(parts()[0])  # type: ignore[arg-type]
    names = {"alg": 1, "crit": 2, "type": 3, "kid": 4, "claims": 15}
    for name, value in changes.items():
        header.pop(names[name], None)
        if value is not None:
            header[names[name]] = value
    _, unprotected, payload, signature = parts()
    return repack(cbor.encode(header), unprotected, payload, signature)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (statement()[1:], "not_cose_sign1"),
        (b"\xd1" + statement()[1:], "not_cose_sign1"),
        (repack(*parts()[:3]), "not_cose_sign1"),
        (repack(*parts()[:3], b"short"), "signature_length"),
        (repack(parts()[0], {}, cbor.encode([1]), parts()[3]), "payload"),
        (_header(alg=-7), "algorithm"),
        (_header(alg="none"), "algorithm"),
        (_header(kid=None), "protected_header"),
        (_header(kid=b"short"), "kid"),
        (_header(crit=[99]), "protected_header"),
        (_header(type="text/plain"), "content_type"),
        (_header(claims={1: "urn:probatum:member:a", 2: "s"}), "claims"),
        (_header(claims={1: "https://evil.example", 2: "s", 6: 1}), "issuer"),
        (_header(claims={1: "urn:probatum:member:a", 2: "s", 6: -1}), "issued_at"),
        (b"", "not_cose_sign1"),
    ],
    ids=["untagged", "another tag", "three parts", "short signature", "payload no map", "ES256", "alg none", "no kid",
         "short kid", "critical header", "another type", "no iat", "foreign issuer", "before 1970", "empty"],
)  # fmt: skip
def test_refused_by_name(raw: bytes, code: str) -> None:
    with pytest.raises(Malformed) as refusal:
        read(raw)
    assert refusal.value.code == code


def test_a_kid_in_the_unprotected_header_is_not_looked_at() -> None:
    protected, _, payload, signature = parts()
    header = cbor.decode(protected)  # type: ignore[arg-type]
    del header[4]
    with pytest.raises(Malformed) as refusal:
        read(repack(cbor.encode(header), {4: kid_of(PUBLIC)}, payload, signature))
    assert refusal.value.code == "protected_header"


WEAK = [
    bytes(32),
    b"\x01" + bytes(31),
    bytes.fromhex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
    bytes.fromhex("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
]


@pytest.mark.parametrize("key", WEAK, ids=["zero", "identity", "order 2", "order 8", "not canonical"])
def test_weak_keys_may_not_be_enrolled(key: bytes) -> None:
    assert not usable_key(key)
    assert usable_key(PUBLIC)


def test_a_large_statement_is_not_remembered() -> None:
    """A memo must not be a way to fill memory."""
    from verifier.statements import envelope

    before = envelope._read.cache_info().currsize
    read(statement(cbor.encode({"x": bytes(9000)})))
    assert envelope._read.cache_info().currsize == before
