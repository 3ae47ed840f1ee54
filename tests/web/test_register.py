"""The registering doors end to end: what becomes a leaf, what is refused and by which rule, and who may send bytes."""

import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import cbor2
import pytest
from house import BASE, House
from http_message_signatures import HTTPMessageSigner, algorithms
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from verifier.commands.issuing import Lot, identity_of
from verifier.commands.say import epcis
from verifier.demo import PRODUCTS, gtin
from verifier.identity import Identity
from verifier.node import keyfile, signed_request
from verifier.statements import cbor
from verifier.statements.body import Body
from verifier.statements.envelope import TAG_18, Statement, sign
from verifier.statements.event import Event
from verifier.statements.product import Product
from verifier.statements.recall import Recall

AUBREC, CANAL, HALLES = "laboratoires-aubrac", "pharmacie-du-canal", "pharmacie-des-halles"
GTIN = gtin(PRODUCTS[0][0])
FOREIGN = gtin(PRODUCTS[2][0])


@pytest.fixture(scope="module")
def seeded(demo_house: House) -> House:
    return demo_house


def product(name: str, number: str = GTIN) -> Product:
    return Product(gtin=number, name=name)


def dispensing(house: House, member: str, *packs: Identity, step: str = "dispense", to: str | None = None) -> Statement:
    name = hashlib.md5(repr((member, step, packs)).encode(), usedforsecurity=False).hexdigest()
    event = Event(epcis=epcis(step, packs, house.clock(), to, name))
    return house.sign("event", member, event)


def problem(answer: Any, status: int, kind: str) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(answer.get_data())
    assert (answer.status_code, fields.get("type"), fields.get("status")) == (status, f"/problems/{kind}", status)
    assert answer.content_type == "application/problem+json"
    assert fields["expected"]
    assert fields["found"]
    return fields


# --- what is registered ---


def test_registered_then_known_then_read(seeded: House) -> None:
    statement = seeded.sign("product", AUBREC, product("Amoxadine 500 mg, boîte de 12"))
    first = seeded.register(statement.raw)
    assert first.status_code == 201
    assert first.headers["Location"] == f"/entries/{statement.id.hex()}"
    fields = first.get_json()
    assert set(fields) == {"id", "status", "index", "size"}
    assert (fields["id"], fields["status"]) == (statement.id.hex(), "registered")
    assert fields["index"] < fields["size"] == seeded.head.size

    again = seeded.register(statement.raw)
    assert again.status_code == 200
    assert again.get_json() | {"size": 0} == fields | {"status": "known", "size": 0}

    read = seeded.http.get(first.headers["Location"])
    assert (read.status_code, read.get_data(), read.content_type) == (200, statement.raw, "application/cose")
    assert read.headers["Probatum-Leaf"] == str(fields["index"])
    seeded.say("product", AUBREC, product(PRODUCTS[0][2]))


def test_unprotected_headers_do_not_make_another_leaf(seeded: House) -> None:
    statement = seeded.sign("product", AUBREC, product(PRODUCTS[0][2]))
    first = seeded.register(statement.raw).get_json()
    dressed = TAG_18 + cbor.encode([statement.protected, {"receipt": b"x"}, statement.payload, statement.signature])
    again = seeded.register(dressed)
    assert (again.status_code, again.get_json()["index"]) == (200, first["index"])


def test_what_says_that_it_is_no_statement_is_not_read(seeded: House) -> None:
    statement = seeded.sign("product", AUBREC, product(PRODUCTS[0][2]))
    for kind in ("application/json", "text/plain", "multipart/form-data; boundary=b"):
        fields = problem(seeded.http.post("/entries", data=statement.raw, content_type=kind), 415, "content_type")
        assert (fields["expected"], fields["found"]) == ("application/cose", kind.partition(";")[0])


def test_an_event_is_not_for_strangers_and_reads_as_if_it_were_not_there(seeded: House) -> None:
    statement = dispensing(seeded, CANAL, seeded.world.pack("current", 10))
    assert seeded.register(statement.raw).status_code == 201
    missing = seeded.http.get("/entries/" + "0" * 64)
    hidden = seeded.http.get(f"/entries/{statement.id.hex()}")
    fields = problem_without_value(missing), problem_without_value(hidden)
    assert fields[0] == fields[1]
    assert dict(missing.headers, **{"Content-Length": 0}) == dict(hidden.headers, **{"Content-Length": 0})


def problem_without_value(answer: Any) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(answer.get_data())
    assert answer.status_code == 404
    return {name: value for name, value in fields.items() if name != "value"}


def test_ones_own_second_dispensing_is_409_and_no_leaf(seeded: House) -> None:
    pack = seeded.world.pack("current", 11)
    assert seeded.register(dispensing(seeded, CANAL, pack).raw).status_code == 201
    size = seeded.head.size
    seeded.clock.now += 1
    fields = problem(seeded.register(dispensing(seeded, CANAL, pack).raw), 409, "already")
    assert fields["expected"] == "a pack not yet dispense"
    assert seeded.head.size == size


def test_anothers_dispensing_is_409_with_its_leaf(seeded: House) -> None:
    pack = seeded.world.pack("current", 12)
    assert seeded.register(dispensing(seeded, CANAL, pack).raw).status_code == 201
    statement = dispensing(seeded, HALLES, pack)
    answer = seeded.register(statement.raw)
    fields = problem(answer, 409, "disputed")
    plain = f"https://id.gs1.org/01/{pack.gtin}/10/{pack.batch}/21/{pack.serial}"
    assert (fields["id"], fields["disputes"]) == (statement.id.hex(), [plain])
    assert fields["index"] == seeded.head.size - 1
    assert answer.headers["Location"] == f"/entries/{statement.id.hex()}"
    assert "disputed" in seeded.codes(pack)
    again = problem(seeded.register(statement.raw), 409, "disputed")
    assert again["index"] == fields["index"]


# --- what is refused ---

CURRENT = Lot(GTIN, "AX26K1", "280131", ("FR",))
REFUSALS: tuple[tuple[str, str, Body, str, str], ...] = (
    ("product", "nordhavn-pharma", product("Amoxadine"), "own_gtin", "own GS1 company prefix"),
    ("product", CANAL, product("Amoxadine"), "role", "maker for a product"),
    ("recall", CANAL, Recall(gtin=GTIN, depth="patients", reason="x"), "role", "maker or authority"),
    ("recall", AUBREC, Recall(gtin=FOREIGN, depth="patients", reason="x"), "own_gtin", "own GS1 company prefix"),
    (
        "event", CANAL, Event(epcis=epcis("dispense", [identity_of(CURRENT, "UNKNOWN")], 1_700_000_000, None, "e")),
        "unknown_pack", "an issued serial",
    ),
    (
        "event", CANAL, Event(epcis=epcis("stolen", [identity_of(CURRENT, "UNKNOWN")], 1_700_000_000, None, "e")),
        "step_role", "authority or maker",
    ),
    (
        "event", "agence-sante", Event(epcis=epcis("dispense", [identity_of(CURRENT, "U")], 1_700_000_000, None, "e")),
        "step_role", "hospital or pharmacy",
    ),
    (
        "event", AUBREC, Event(epcis=epcis("ship", [identity_of(CURRENT, "U")], 1_700_000_000, "nobody", "e")),
        "destination", "an enrolled member",
    ),
    (
        "event", CANAL,
        Event(epcis=epcis("dispense", [identity_of(replace(CURRENT, batch="NONE"), "U")], 1_700_000_000, None, "e")),
        "unknown_batch", "an issued batch",
    ),
)  # fmt: skip


@pytest.mark.parametrize(("kind", "member", "body", "rule", "expected"), REFUSALS)
def test_a_refusal_names_the_rule_and_leaves_no_leaf(
    seeded: House, kind: str, member: str, body: Body, rule: str, expected: str
) -> None:
    size = seeded.head.size
    statement = seeded.sign(kind, member, body)
    fields = problem(seeded.register(statement.raw), 403, rule)
    assert expected in fields["expected"]
    assert seeded.head.size == size
    assert seeded.http.get(f"/entries/{statement.id.hex()}").status_code == 404
    assert seeded.codes(seeded.world.pack("current", 0)) == ["genuine", "not_recorded"]


def test_a_statement_from_the_future(seeded: House) -> None:
    answer = seeded.say("product", AUBREC, product("Amoxadine"), seeded.clock() + 3600)
    assert problem(answer, 403, "future")["found"] == "3600 s ahead"


def test_an_unknown_key_and_anothers_name(seeded: House) -> None:
    body = product("Amoxadine")
    stranger = sign("product", AUBREC, body.subject(), seeded.clock(), body.encode(), bytes(range(32)))
    problem(seeded.register(stranger.raw), 403, "unknown_key")
    seed = seeded.key("nordhavn-pharma").seed
    posing = sign("product", AUBREC, body.subject(), seeded.clock(), body.encode(), seed)
    problem(seeded.register(posing.raw), 403, "issuer")


def broken() -> Iterator[tuple[str, bytes, int, str]]:
    body = product("Amoxadine")
    whole = sign("product", AUBREC, body.subject(), 1_700_000_000, body.encode(), bytes(32))
    parts = [whole.protected, {}, whole.payload, whole.signature]
    yield "nothing", b"", 400, "not_cose_sign1"
    yield "a text", b"hello", 400, "not_cose_sign1"
    yield "JSON", b"{}", 400, "not_cose_sign1"
    yield "no tag", whole.raw[1:], 400, "not_cose_sign1"
    yield "tag 17", b"\xd1" + whole.raw[1:], 400, "not_cose_sign1"
    yield "cut short", whole.raw[:-1], 400, "not_cbor"
    yield "a byte more", whole.raw + b"\0", 400, "not_canonical"
    yield "three parts", TAG_18 + cbor.encode(parts[:3]), 400, "not_cose_sign1"
    yield "a short signature", TAG_18 + cbor.encode([*parts[:3], bytes(63)]), 400, "signature_length"
    yield "another order", TAG_18 + cbor2.dumps([parts[0], {2: 1, 1: 1}, *parts[2:]]), 400, "not_canonical"
    yield "unknown kind", sign("potion", AUBREC, "x", 1, b"\xa0", bytes(32)).raw, 400, "unknown_kind"
    yield "unknown field", sign("product", AUBREC, "x", 1, b"\xa1\x61a\x01", bytes(32)).raw, 400, "body"
    yield "over 64 KiB", TAG_18 + bytes(65_536), 413, "too_large"
    yield "5 MB", bytes(5_000_000), 413, "too_large"


BROKEN = tuple(broken())


@pytest.mark.parametrize(("name", "raw", "status", "kind"), BROKEN, ids=[row[0] for row in BROKEN])
def test_bytes_that_are_no_statement(seeded: House, name: str, raw: bytes, status: int, kind: str) -> None:
    size = seeded.head.size
    problem(seeded.register(raw), status, kind)
    assert seeded.head.size == size
    assert seeded.codes(seeded.world.pack("current", 0)) == ["genuine", "not_recorded"]


def in_chunks(house: House, raw: bytes) -> Any:
    """A server that takes chunked bodies says so by wsgi.input_terminated; there is no length to look at."""
    asked = {"headers": {"Transfer-Encoding": "chunked"}, "environ_overrides": {"wsgi.input_terminated": True}}
    return house.http.post("/entries", input_stream=io.BytesIO(raw), **asked)


@pytest.mark.parametrize("length", [65_537, 5_000_000])
def test_a_body_in_chunks_is_held_to_the_limit_too(seeded: House, length: int) -> None:
    fields = problem(in_chunks(seeded, bytes(length)), 413, "too_large")
    assert (fields["expected"], fields["found"]) == ("at most 65536 bytes", "65537 bytes")


def test_a_statement_in_chunks_is_registered(seeded: House) -> None:
    assert in_chunks(seeded, seeded.sign("product", AUBREC, product("Amoxadine en morceaux")).raw).status_code == 201
    seeded.say("product", AUBREC, product(PRODUCTS[0][2]))


def test_an_event_that_takes_another_back_is_not_taken_for_the_step(seeded: House) -> None:
    epcis_of = json.loads(epcis("dispense", [seeded.world.pack("current", 14)], seeded.clock(), None, "back"))
    taken = json.dumps(epcis_of | {"errorDeclaration": {"declarationTime": "2026-11-24T10:00:00Z"}}).encode()
    subject = Event(epcis=json.dumps(epcis_of).encode()).subject()
    key = seeded.key(CANAL)
    raw = sign("event", key.member, subject, seeded.clock(), cbor.encode({"epcis": taken}), key.seed).raw
    assert problem(seeded.register(raw), 400, "epcis")["found"] == "errorDeclaration"


def test_an_answer_is_no_leaf(seeded: House) -> None:
    evidence = seeded.desk.evidence(seeded.world.pack("current", 0))
    assert evidence.answer is not None
    problem(seeded.register(evidence.answer), 403, "not_a_leaf")


@given(raw=st.binary(max_size=120) | st.binary(max_size=120).map(lambda tail: b"\xd2\x84" + tail))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_bytes_are_a_fault_of_ours(seeded: House, raw: bytes) -> None:
    assert seeded.register(raw).status_code == 400


@given(at=st.integers(0, 10_000), bit=st.integers(0, 7))
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_flipped_bit_is_registered(seeded: House, at: int, bit: int) -> None:
    raw = bytearray(seeded.sign("product", AUBREC, product("Amoxadine 1 g"), 1_700_000_000).raw)
    raw[at % len(raw)] ^= 1 << bit
    assert seeded.register(bytes(raw)).status_code in (400, 403)


# --- requests signed by an enrolled key ---

DEPOSIT = b"a manifest, as far as this door knows"
DIGEST = hashlib.sha256(DEPOSIT).hexdigest()
PATH = f"/deposits/{DIGEST}"


def signed(house: House, path: str, body: bytes | None, member: str = AUBREC) -> dict[str, str]:
    key = house.key(member)
    return signed_request.sign("PUT", BASE + path, body, key.seed, key.kid)


def put(house: House, path: str, body: bytes, headers: dict[str, str]) -> Any:
    return house.http.put(path, data=body, headers=headers, base_url=BASE)


def kept(house: House) -> set[str]:
    folder = house.settings.data / "deposits"
    return {path.name for path in folder.rglob("*") if path.is_file()}


def test_a_deposit_is_kept_under_its_hash(seeded: House) -> None:
    answer = put(seeded, PATH, DEPOSIT, signed(seeded, PATH, None))
    assert (answer.status_code, answer.get_json()) == (201, {"digest": DIGEST})
    assert DIGEST in kept(seeded)


def test_a_replayed_nonce(seeded: House) -> None:
    headers = signed(seeded, PATH, None)
    assert put(seeded, PATH, DEPOSIT, headers).status_code == 201
    fields = problem(put(seeded, PATH, DEPOSIT, headers), 403, "replayed")
    assert fields["expected"] == "a nonce never used"


@pytest.mark.parametrize("path", [PATH, "/vault/batches/" + "0" * 64])
def test_unsigned_wrong_key_and_other_path(seeded: House, path: str) -> None:
    body = DEPOSIT if path == PATH else bytes(32)
    digested = None if path == PATH else body
    problem(put(seeded, path, body, {}), 403, "request_signature")
    stranger = keyfile.KeyFile("x", bytes(range(32)))
    headers = signed_request.sign("PUT", BASE + path, digested, stranger.seed, stranger.kid)
    problem(put(seeded, path, body, headers), 403, "request_signature")
    impostor = signed_request.sign("PUT", BASE + path, digested, stranger.seed, seeded.key(AUBREC).kid)
    problem(put(seeded, path, body, impostor), 403, "request_signature")
    other = signed(seeded, path[:-1] + "1", digested)
    problem(put(seeded, path, body, other), 403, "request_signature")
    maker = seeded.key(AUBREC)
    elsewhere = signed_request.sign("PUT", "http://other" + path, digested, maker.seed, maker.kid)
    problem(put(seeded, path, body, elsewhere), 403, "request_signature")


@pytest.mark.parametrize("name", ["Signature", "Signature-Input"])
def test_a_signature_that_is_garbled(seeded: House, name: str) -> None:
    good = signed(seeded, PATH, None)
    for value in ("", "x", "probatum=:AA==:", good[name].swapcase(), good[name] * 2, 'probatum=("@method");keyid="zz"'):
        problem(put(seeded, PATH, DEPOSIT, good | {name: value}), 403, "request_signature")


@pytest.mark.parametrize("seconds", [-310, 310])
def test_a_stale_signature(seeded: House, seconds: int) -> None:
    key = seeded.key(AUBREC)
    message = signed_request.Message("PUT", BASE + PATH, {})
    keys = signed_request._Keys(key.seed, lambda _: None)
    signer = HTTPMessageSigner(signature_algorithm=algorithms.ED25519, key_resolver=keys)
    signer.sign(
        message,
        key_id=key.kid.hex(),
        created=datetime.now() + timedelta(seconds=seconds),
        covered_component_ids=signed_request.COVERED,
        nonce="n" * 32,
        label=signed_request.LABEL,
        tag=signed_request.LABEL,
    )
    problem(put(seeded, PATH, DEPOSIT, dict(message.headers)), 403, "request_signature")


def test_a_tampered_secret(seeded: House) -> None:
    path = "/vault/batches/" + "a" * 64
    problem(put(seeded, path, bytes(31) + b"\1", signed(seeded, path, bytes(32))), 403, "request_signature")
    undigested = signed(seeded, path, None)
    problem(put(seeded, path, bytes(32), undigested), 403, "request_signature")
    assert seeded.desk.vault.get("batch", "a" * 64) is None


def test_a_secret_is_a_makers(seeded: House) -> None:
    path = "/vault/batches/" + "f" * 64
    fields = problem(put(seeded, path, bytes(32), signed(seeded, path, bytes(32), CANAL)), 403, "role")
    assert (fields["value"], fields["expected"], fields["found"]) == (CANAL, "a maker", "pharmacy")
    assert seeded.desk.vault.get("batch", "f" * 64) is None


def test_a_secret_is_put_once(seeded: House) -> None:
    path = "/vault/batches/" + "b" * 64
    for _ in range(2):
        assert put(seeded, path, bytes(32), signed(seeded, path, bytes(32))).status_code == 204
    other = b"\1" * 32
    problem(put(seeded, path, other, signed(seeded, path, other)), 409, "vault_conflict")
    assert seeded.desk.vault.get("batch", "b" * 64) == bytes(32)


@pytest.mark.parametrize(("tail", "secret"), [("c" * 63, bytes(32)), ("C" * 64, bytes(32)), ("c" * 64, bytes(31))])
def test_a_secret_of_another_form(seeded: House, tail: str, secret: bytes) -> None:
    path = f"/vault/batches/{tail}"
    problem(put(seeded, path, secret, signed(seeded, path, secret)), 400, "secret")


def test_a_secret_that_is_too_long(seeded: House) -> None:
    path = "/vault/batches/" + "d" * 64
    problem(put(seeded, path, bytes(5000), signed(seeded, path, bytes(5000))), 413, "too_large")


def test_a_deposit_with_another_hash_leaves_nothing(seeded: House) -> None:
    path, before = "/deposits/" + "e" * 64, kept(seeded)
    fields = problem(put(seeded, path, DEPOSIT, signed(seeded, path, None)), 400, "deposit_mismatch")
    assert fields["found"] == DIGEST
    assert kept(seeded) == before


@pytest.mark.parametrize("tail", ["E" * 64, "e" * 63, "..%2f..%2fpolicy.txt"])
def test_a_deposit_under_no_hash(seeded: House, tail: str) -> None:
    before = kept(seeded)
    path = f"/deposits/{tail}"
    answer = put(seeded, path, DEPOSIT, signed(seeded, path, None))
    assert answer.status_code in (400, 403, 404)
    assert answer.content_type == "application/problem+json"
    assert kept(seeded) == before


def test_a_deposit_over_the_limit(seeded: House) -> None:
    headers = signed(seeded, PATH, None) | {"Content-Length": str(2**40)}
    problem(put(seeded, PATH, b"", headers), 413, "too_large")
