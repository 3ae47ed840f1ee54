"""The registering doors. A write carries no password: a write *is* a signed statement, or a request signed by an
enrolled key; what each refusal means is problem+json."""

from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response, jsonify, request

from verifier.node import queue
from verifier.node.queue import Receipt
from verifier.state.replay import Projected
from verifier.statements import cbor
from verifier.statements.catalogue import Catalogue
from verifier.statements.cbor import MAX_BYTES
from verifier.statements.envelope import Statement, read, signed_by
from verifier.statements.errors import Malformed, Refused
from verifier.statements.kinds import KINDS, body_of
from verifier.statements.product import Product
from verifier.statements.readers import may_fetch, may_read, parties_of
from verifier.store import deposits
from verifier.store.projection import Overlay
from verifier.store.projection import reader as projected
from verifier.web import deposited
from verifier.web.desk import deposit_folder
from verifier.web.doors.api import body_within, desk
from verifier.web.doors.signed import Caller, caller, caller_with, claims_signature
from verifier.web.problem import REFUSED_STATUS, Problem

blueprint = Blueprint("register", __name__)
COSE, CBOR, OCTETS = "application/cose", "application/cbor", "application/octet-stream"
MANY, MANY_BYTES = 256, 4 * 2**20
STATUS = {"registered": 201, "known": 200, "disputed": 409}
DEPOSIT_LIMIT = 256 * 2**20
SECRET_LIMIT = 4096


@blueprint.post("/entries")
def register() -> Response:
    """Register a statement (COSE_Sign1); answered when it is a durable, provable leaf. 201, or 200 if it was one."""
    if request.mimetype not in (COSE, OCTETS, ""):
        raise Problem("content_type", 415, "Not a type this door reads.", expected=COSE, found=request.mimetype)
    raw = body_within(MAX_BYTES)
    _checked(raw, Projected(projected(desk().client)))
    receipt = queue.submit(desk().client, raw)
    if receipt.status in ("refused", "malformed"):
        raise _refusal(receipt)
    answer = jsonify(_row(receipt))
    answer.status_code = STATUS[receipt.status]
    if receipt.status == "disputed":
        answer = _dispute(receipt)
    answer.headers["Location"] = f"/entries/{receipt.id.hex()}"
    return answer


@blueprint.post("/entries/many")
def register_many() -> Response:
    """Register up to 256 statements: a CBOR array of them, each as bytes; what became of each, in their order.

    They become leaves in one go where they can. Answered when all are durable; one that is refused keeps no other from
    being registered, and sending all again is safe."""
    if request.mimetype != CBOR:
        raise Problem("content_type", 415, "Not a type this door reads.", expected=CBOR, found=request.mimetype)
    raws = cbor.byte_strings(body_within(MANY_BYTES), MANY)
    directory = Projected(Overlay(desk().client).read)  # a sender's key is read once
    refused = [_fault(raw, directory) for raw in raws]
    sound = [raw for raw, fault in zip(raws, refused, strict=True) if fault is None]
    told = iter(queue.submit_all(desk().client, sound) if sound else ())
    receipts = [next(told) if fault is None else fault for fault in refused]
    return jsonify({"receipts": [_row(receipt) for receipt in receipts]})


def _fault(raw: bytes, directory: Projected) -> Receipt | None:
    """Why this statement is not handed to the node, if it is not."""
    try:
        _checked(raw, directory)
    except (Malformed, Refused) as fault:
        return Receipt.of(fault)
    return None


def _row(receipt: Receipt) -> dict[str, Any]:
    """What became of one of many."""
    if receipt.status in ("refused", "malformed"):
        told = {"value": receipt.value, "expected": receipt.expected, "found": receipt.found}
        return {"status": receipt.status, "code": receipt.code, **told}
    disputes = {"disputes": receipt.disputes} if receipt.disputes else {}
    return {"id": receipt.id.hex(), "status": receipt.status, "index": receipt.index, "size": receipt.size, **disputes}


def _check_deposits(statement: Statement) -> None:
    """Refuse a statement that names a deposit which is not what it says; raises Refused."""
    body = body_of(statement)
    if isinstance(body, Product) and body.image is not None:
        deposited.picture(deposit_folder(desk().settings.data), body.image)
    elif isinstance(body, Catalogue):
        deposited.catalogue(deposit_folder(desk().settings.data), body)


def _checked(raw: bytes, directory: Projected) -> None:
    """Refuse here what no enrolled key signed: a stranger's bytes must not keep a worker waiting for the node. Whether
    its signer may say it is the node's to decide. Raises Malformed or Refused, as the node would."""
    statement = read(raw)
    body_of(statement)
    key = directory.key(statement.kid)
    if key is None:
        raise Refused("unknown_key", value=statement.kid.hex(), expected="an enrolled key", found="no such key")
    if not signed_by(statement, key.public):
        raise Refused("bad_signature", value=statement.kid.hex(), expected="the key's signature", found="another")
    _check_deposits(statement)


def _refusal(receipt: Receipt) -> Problem:
    status = 400 if receipt.status == "malformed" else REFUSED_STATUS.get(receipt.code, 403)
    status = 413 if receipt.code == "too_large" else status
    detail = f"{receipt.code.replace('_', ' ')}: expected {receipt.expected}, found {receipt.found}"
    told = {"value": receipt.value, "expected": receipt.expected, "found": receipt.found}
    return Problem(receipt.code, status, detail, **told)


def _dispute(receipt: Receipt) -> Response:
    """409 with its leaf: the statement stands, as a contradiction of what is recorded."""
    detail = f"Registered as a dispute, leaf {receipt.index}: it contradicts what is recorded."
    expected, found = "a step that the record leads to", "another's earlier step"
    answer = Problem("disputed", 409, detail, value=receipt.disputes[0], expected=expected, found=found).response()
    leaf = {"id": receipt.id.hex(), "index": receipt.index, "disputes": receipt.disputes}
    answer.set_data(jsonify(answer.get_json() | leaf).get_data())
    return answer


@blueprint.get("/entries/<entry>")
def entry(entry: str) -> Response:
    """A registered statement's bytes, to whom its kind is open (statements/readers); its leaf index in `Probatum-Leaf`.

    What is not open to the asker answers as what is not there: same words, same headers, same reads of the store."""
    if len(entry) != 64 or set(entry) - set("0123456789abcdef"):
        raise Problem("entry", 400, "Not an id.", expected="64 lower-case hex digits", found=entry[:70])
    reader = caller(None) if claims_signature() else None
    leaf = desk().gatherer.log.leaf(bytes.fromhex(entry))
    if not _open_to(reader, leaf[1] if leaf else None) or leaf is None:
        raise Problem("entry_unknown", 404, "No entry with this id is open to you.", value=entry)
    answer = Response(leaf[1], content_type="application/cose")
    answer.headers["Probatum-Leaf"] = str(leaf[0])
    # What a signature opened is its asker's alone; the rest is the same for everybody, for ever.
    answer.headers["Cache-Control"] = "private, no-store" if reader else "public, max-age=31536000, immutable"
    answer.vary.update(("Signature", "Signature-Input"))
    return answer


def _open_to(reader: Caller | None, raw: bytes | None) -> bool:
    """Whether `reader` may read these bytes."""
    if raw is None:
        return False
    statement = read(raw)
    return may_read(KINDS[statement.kind], parties_of(statement), reader)


@blueprint.get("/deposits/<digest>")
def deposited_bytes(digest: str) -> Response:
    """A deposit that the statement `entry` names, to its signer, an authority, and who keeps the ledger (signed).

    What is not open to the asker, or not kept here, answers as what is not there."""
    entry, reader = request.args.get("entry", ""), caller(None) if claims_signature() else None
    if len(entry) != 64 or set(entry) - set("0123456789abcdef"):
        raise Problem("entry", 400, "Which statement names it?", expected="64 lower-case hex digits", found=entry[:70])
    leaf, folder = desk().gatherer.log.leaf(bytes.fromhex(entry)), deposit_folder(desk().settings.data)
    if leaf is None or not _names(leaf[1], digest, reader) or (length := deposits.length(folder, digest)) is None:
        raise Problem("deposit_unknown", 404, "No such deposit is open to you.", value=digest[:70])
    answer = Response(deposits.open_chunks(folder, digest), content_type=OCTETS)
    answer.content_length = length
    answer.headers["Content-Disposition"] = "attachment"  # a stranger's bytes: nothing for a browser to show
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


def _names(raw: bytes, digest: str, reader: Caller | None) -> bool:
    """Whether these bytes name a deposit which `reader` may have."""
    statement = read(raw)
    named = {one.hex() for one in body_of(statement).deposits()}
    return digest in named and may_fetch(parties_of(statement), reader)


@blueprint.put("/deposits/<digest>")
def deposit(digest: str) -> Response:
    """Keep large bytes under their SHA-256; the request is signed by an enrolled key (its path names the hash)."""
    caller(None)
    limit = request.content_length
    if limit is None or limit > DEPOSIT_LIMIT:
        found = "no length" if limit is None else f"{limit} bytes"
        raise Problem("too_large", 413, "Too long.", expected=f"at most {DEPOSIT_LIMIT} bytes", found=found)
    request.max_content_length = DEPOSIT_LIMIT
    deposits.put(deposit_folder(desk().settings.data), digest, _chunks(), DEPOSIT_LIMIT)
    answer = jsonify({"digest": digest})
    answer.status_code = 201
    return answer


def _chunks() -> Iterator[bytes]:
    while chunk := request.stream.read(1 << 16):
        yield chunk


@blueprint.put("/vault/batches/<batch>")
def open_batch(batch: str) -> Response:
    """Keep a batch's secret in the vault, before the batch is registered; signed by an enrolled maker's key."""
    secret = body_within(SECRET_LIMIT)
    caller_with(secret, "maker")
    if len(batch) != 64 or set(batch) - set("0123456789abcdef") or len(secret) != 32:
        found = f"{len(batch)} characters and {len(secret)} bytes"
        raise Problem("secret", 400, "Not a batch secret.", expected="a statement id and 32 bytes", found=found)
    desk().vault.put("batch", batch, secret)
    return Response(status=204)
