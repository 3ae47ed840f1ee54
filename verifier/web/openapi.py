"""Every door described: OpenAPI 3.1 made from the routes, the views' docstrings, the structs they parse and answer, and
the one table below. A route without a row is an error, so that no door is undescribed.

Nothing is decided here; /openapi.json and /docs show it. HEAD works where GET does, and is not repeated.
"""

import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from flask import Flask
from msgspec import Struct
from werkzeug.routing import Rule

from verifier.statements.cbor import MAX_BYTES
from verifier.web import brought, shapes
from verifier.web.doors import api, register

JSON, PROBLEM, COSE, CBOR = "application/json", "application/problem+json", "application/cose", "application/cbor"
OCTETS, EVIDENCE, TEXT = "application/octet-stream", "application/probatum.evidence+cbor", "text/plain"
CONVICTION = "application/probatum.conviction+cbor"
HTML, LINKSET, FORM = "text/html", "application/linkset+json", "multipart/form-data"
REF = "#/components/schemas/{name}"

LEFT_OUT: Mapping[str, str] = {
    "pages": "pages for people: HTML, worded for who reads it, and free to change",
    "static": "the pages' own files",
}
"""Blueprint (or endpoint) -> why its routes are no door of the API."""


@dataclass(frozen=True, slots=True)
class Bytes:
    """A body that is not JSON: what it is, and at most how long."""

    what: str
    limit: int | None = None

    @property
    def schema(self) -> dict[str, Any]:
        """As OpenAPI says it."""
        return {"type": "string", "format": "binary", "description": self.what}


@dataclass(frozen=True, slots=True)
class Form:
    """A multipart form with a file under `name`, and the fields of a struct where it has any."""

    what: str
    limit: int
    fields: type[Struct] | None = None
    name: str = "image"
    required: bool = True

    @property
    def schema(self) -> dict[str, Any]:
        """As OpenAPI says it."""
        file = {"type": "string", "format": "binary", "description": self.what}
        fields = schemas_of(self.fields)[self.fields.__name__]["properties"] if self.fields else {}
        required = {"required": [self.name]} if self.required else {}
        return {"type": "object", "properties": {self.name: file} | fields, **required}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One value outside the body; `place` is path, query or header."""

    name: str
    place: str
    what: str
    schema: Mapping[str, Any]

    @property
    def spec(self) -> dict[str, Any]:
        """As OpenAPI says it."""
        required = {"required": True} if self.place == "path" else {}
        return {"name": self.name, "in": self.place, **required, "description": self.what, "schema": dict(self.schema)}


Shape = type[Struct] | Bytes | Form
Media = Mapping[str, Shape]


@dataclass(frozen=True, slots=True)
class Door:
    """What a door takes and answers beyond its route: bodies by media type, statuses, whether it must be signed, and a
    line of curl ($PROBATUM is the server's address) that a test runs. `pages`: to a browser, its problems are pages."""

    answers: Mapping[int, Media]
    example: str
    problems: tuple[int, ...] = ()
    takes: Media = field(default_factory=dict)
    parameters: tuple[Parameter, ...] = ()
    signed: str = "no"
    pages: bool = False


LANGUAGE = Parameter(
    "Accept-Language", "header", "French or English words; English for any other language.", {"type": "string"}
)
HASH = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
VERDICT = {200: {JSON: shapes.Verdict}}
PHOTO = "A JPEG, PNG or WebP of at most 12 MB and 40 million pixels."
PHOTO_LIMIT = 12_000_000
BROUGHT = "An evidence file, a conviction, a checkpoint or a tlog-proof, of at most 1.2 MB."
TILE = r"^(([0-9]|[1-5][0-9]|6[0-3])|entries)/(x[0-9]{3}/)*[0-9]{3}(\.p/[0-9]{1,3})?$"

PLACE = Parameter(
    "place", "path", "Level and number of a tile, or `entries` and a number.", {"type": "string", "pattern": TILE}
)
REST = Parameter("rest", "path", "The rest of a GS1 Digital Link, slashes and all.", {"type": "string", "minLength": 1})
BEFORE = Parameter("before", "query", "A size: the checkpoints shown are smaller.", {"type": "integer", "minimum": 0})
LINK_TYPE = Parameter("linkType", "query", "`linkset`, or a GS1 link type, to be led there.", {"type": "string"})
ISSUE = (
    "python -m verifier issue --server $PROBATUM --gtin 09521000000018 --batch {batch} --expiry 2028-03-31 --serials 2"
)

DOORS: Mapping[str, Door] = {
    "api.scan": Door(
        VERDICT,
        'curl -H "Content-Type: application/json" -d \'{"text": "(01)09521000000018"}\' $PROBATUM/api/scan\n'
        "curl -F image=@photo.png $PROBATUM/api/scan",
        (400, 403, 413, 415, 422, 429),
        {JSON: api.Scan, FORM: Form(PHOTO, PHOTO_LIMIT, api.Photo)},
        (LANGUAGE,),
        "may",
    ),
    "look.look": Door(
        {200: {JSON: shapes.Shown}},
        "curl -F image=@photo.png $PROBATUM/api/look",
        (400, 413, 415, 422, 429),
        {FORM: Form(PHOTO, PHOTO_LIMIT)},
    ),
    "api.evidence": Door(
        {200: {EVIDENCE: Bytes("The evidence file: `python -m scanner --offline --evidence FILE` judges it.")}},
        'curl -H "Content-Type: application/json" -d \'{"text": "CODE"}\' -o pack.evidence $PROBATUM/api/evidence',
        (400, 403, 404, 413, 415, 422, 429),
        {JSON: api.Asked},
        signed="may",
    ),
    "register.register": Door(
        {200: {JSON: shapes.Registered}, 201: {JSON: shapes.Registered}, 409: {PROBLEM: shapes.Dispute}},
        'curl -H "Content-Type: application/cose" --data-binary @statement.cose $PROBATUM/entries',
        (400, 403, 413, 415),
        {COSE: Bytes("A signed statement: COSE_Sign1, tag 18, deterministic CBOR.", MAX_BYTES)},
    ),
    "register.register_many": Door(
        {200: {JSON: shapes.Receipts}},
        'curl -H "Content-Type: application/cbor" --data-binary @statements.cbor $PROBATUM/entries/many',
        (400, 413, 415),
        {CBOR: Bytes("Up to 256 signed statements: a CBOR array of byte strings.", register.MANY_BYTES)},
    ),
    "register.entry": Door(
        {200: {COSE: Bytes("The statement as it was signed; `Probatum-Leaf` is its index in the ledger.")}},
        "curl -o statement.cose $PROBATUM/entries/ID",
        (400, 403, 404),
        parameters=(Parameter("entry", "path", "The statement's id: SHA-256 in hex.", HASH),),
        signed="may",
    ),
    "register.deposited_bytes": Door(
        {200: {OCTETS: Bytes("The deposit's bytes.", register.DEPOSIT_LIMIT)}},
        "python -m verifier entry ID --as var/keys/laboratoires-aubrac.key --deposits deposits/",
        (400, 403, 404),
        parameters=(
            Parameter("digest", "path", "The deposit's SHA-256, in hex.", HASH),
            Parameter("entry", "query", "The id of a statement that names it.", HASH),
        ),
        signed="may",
    ),
    "register.deposit": Door(
        {201: {JSON: shapes.Deposited}},
        ISSUE.format(batch="LOT43"),
        (400, 403, 413, 507),
        {OCTETS: Bytes("The bytes whose SHA-256 the path names.", register.DEPOSIT_LIMIT)},
        (Parameter("digest", "path", "The SHA-256 of the body, in hex.", HASH),),
        "must",
    ),
    "register.open_batch": Door(
        {204: {}},
        ISSUE.format(batch="LOT44"),
        (400, 403, 409, 413),
        {OCTETS: Bytes("The batch's secret, 32 bytes.", register.SECRET_LIMIT)},
        (Parameter("batch", "path", "The id of the batch's statement, in hex.", HASH),),
        "must",
    ),
    "products.image": Door(
        {200: {"image/webp": Bytes("The picture, of the type that the product's statement names.")}},
        "curl -o pack.webp $PROBATUM/products/09521000000032/IMAGE",
        (404,),
        parameters=(
            Parameter("gtin", "path", "The product's GTIN.", {"type": "string", "pattern": "^[0-9]{14}$"}),
            Parameter("digest", "path", "The picture's SHA-256: a verdict's `information.image`.", HASH),
        ),
    ),
    "log.checkpoint": Door(
        {200: {TEXT: Bytes("A C2SP signed note: origin, size, root, signatures.")}}, "curl $PROBATUM/checkpoint"
    ),
    "log.tile": Door(
        {200: {OCTETS: Bytes("C2SP tlog-tiles: up to 256 hashes of 32 bytes, or a bundle of statement ids.")}},
        "curl -o hash $PROBATUM/tile/0/000.p/1",
        (404,),
        parameters=(PLACE,),
    ),
    "ledger.ledger": Door(
        {200: {JSON: shapes.Overview, HTML: Bytes("The same as a page.")}},
        'curl -H "Accept: application/json" $PROBATUM/ledger',
        (400,),
        parameters=(BEFORE, LANGUAGE),
        pages=True,
    ),
    "ledger.check": Door(
        {200: {JSON: shapes.Finding, HTML: Bytes("The same as a page.")}},
        'curl -H "Accept: application/json" -F "text=CODE" $PROBATUM/ledger\n'
        'curl -o checkpoint $PROBATUM/checkpoint\n'
        'curl -H "Accept: application/json" -F file=@checkpoint $PROBATUM/ledger',
        (400, 413, 415, 422, 429),
        {FORM: Form(BROUGHT, brought.LIMIT, shapes.Brought, "file", required=False)},
        (LANGUAGE,),
        pages=True,
    ),
    "convictions.convictions": Door(
        {200: {JSON: shapes.Convictions}}, "curl $PROBATUM/convictions", parameters=(LANGUAGE,)
    ),
    "convictions.conviction": Door(
        {200: {CONVICTION: Bytes("`python -m verifier convict FILE --trust trust.json` checks it offline.")}},
        "curl -o found.conviction $PROBATUM/convictions/CONVICTION",
        (404,),
        parameters=(Parameter("name", "path", "The file's SHA-256.", HASH),),
    ),
    "resolver.resolve": Door(
        {200: {JSON: shapes.Verdict, LINKSET: shapes.Linkset, HTML: Bytes("The verdict as a page.")}, 307: {}},
        'curl -H "Accept: application/json" $PROBATUM/01/09521000000018\n'
        'curl "$PROBATUM/01/09521000000018?linkType=linkset"',
        (400, 404, 429),
        parameters=(REST, LINK_TYPE, LANGUAGE),
        pages=True,
    ),
    "resolver.description": Door({200: {JSON: shapes.Resolver}}, "curl $PROBATUM/.well-known/gs1resolver"),
    "health.healthz": Door({200: {JSON: shapes.Healthy}}, "curl $PROBATUM/healthz"),
    "health.readyz": Door({200: {JSON: shapes.Ready}, 503: {PROBLEM: shapes.Unready}}, "curl $PROBATUM/readyz"),
    "health.openapi": Door({200: {JSON: Bytes("This description: OpenAPI 3.1.")}}, "curl $PROBATUM/openapi.json"),
}
"""Endpoint -> its door."""

STATUSES = {
    400: "It is malformed: a field, a header, an address.",
    403: "It is not for this signer, or its signature does not hold.",
    404: "Nothing is there, or nothing that is open to you.",
    409: "It contradicts what stands.",
    413: "It is too long.",
    415: "It is of a type that this door does not read.",
    422: "It was read, and is no code of a pack.",
    429: "Too many tries: `Retry-After` says for how long to wait.",
    503: "The store does not answer, or is being rebuilt: try again. It says nothing about any pack.",
    507: "There is no room to keep it.",
}
SIGNATURE = (
    "A request signed by an enrolled key, RFC 9421 with Ed25519: label and tag `probatum`, `keyid` the key id in hex, "
    "`created` within five minutes, a fresh `nonce` of 16 to 64 characters, covering @method, @authority, @path and, "
    "where there is a body, content-digest (RFC 9530). `python -m verifier` signs what it sends."
)
SECURITY = {
    "signature": {"type": "apiKey", "in": "header", "name": "Signature", "description": SIGNATURE},
    "signatureInput": {"type": "apiKey", "in": "header", "name": "Signature-Input", "description": SIGNATURE},
}
SIGNED: dict[str, list[str]] = {"signature": [], "signatureInput": []}
NEEDED: Mapping[str, list[dict[str, Any]]] = {"no": [], "may": [{}, SIGNED], "must": [SIGNED]}


def described(app: Flask) -> Iterator[tuple[Rule, str, Door]]:
    """Each route of the API with its method and its door, in the order of addresses; LookupError for one without."""
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        if rule.endpoint.partition(".")[0] in LEFT_OUT:
            continue
        if rule.endpoint not in DOORS:
            raise LookupError(f"{rule.rule}: expected a row for {rule.endpoint} in web/openapi.DOORS, found none")
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield rule, method, DOORS[rule.endpoint]


def document(app: Flask) -> dict[str, Any]:
    """The OpenAPI 3.1 description of every door of `app`."""
    paths: dict[str, dict[str, Any]] = {}
    for rule, method, door in described(app):
        paths.setdefault(template(rule), {})[method.lower()] = _operation(app, rule, door)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Probatum",
            "version": "0",
            "summary": "Is it what it says, whose hands has it been in, may I use it now?",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": schemas(), "responses": _problems(), "securitySchemes": SECURITY},
    }


def template(rule: Rule) -> str:
    """A route as OpenAPI writes it: `/entries/<entry>` -> `/entries/{entry}`."""
    return re.sub(r"<(?:[^<>:]+:)?([^<>]+)>", r"{\1}", rule.rule)


def schemas() -> dict[str, Any]:
    """Every struct that a door takes or answers, as JSON Schema, by its name."""
    every = [
        shape
        for door in DOORS.values()
        for media in (door.takes, *door.answers.values())
        for shape in media.values()
        if isinstance(shape, type)
    ]
    return schemas_of(*dict.fromkeys(every), shapes.Problem)


def schemas_of(*structs: type[Struct]) -> dict[str, Any]:
    """These structs and those they name, as JSON Schema."""
    return msgspec.json.schema_components(structs, ref_template=REF)[1]


def words_of(app: Flask, endpoint: str) -> tuple[str, str]:
    """A view's docstring: its first sentence, and the rest."""
    text = " ".join(inspect.cleandoc(app.view_functions[endpoint].__doc__ or "").split())
    first, _, rest = text.partition(". ")
    return first.rstrip(".") + ".", rest


def _operation(app: Flask, rule: Rule, door: Door) -> dict[str, Any]:
    summary, rest = words_of(app, rule.endpoint)
    answers: dict[str, Any] = {str(status): _answer(media) for status, media in door.answers.items()}
    kind = "Page" if door.pages else "Problem"
    problems = {str(code): {"$ref": f"#/components/responses/{kind}{code}"} for code in (*door.problems, 503)}
    found: dict[str, Any] = {
        "operationId": rule.endpoint + (f".{rule.rule.split('/')[1]}" if rule.endpoint == "resolver.resolve" else ""),
        "tags": [rule.endpoint.partition(".")[0]],
        "summary": summary,
        "parameters": [parameter.spec for parameter in door.parameters],
        "responses": dict(sorted((problems | answers).items())),
        "security": NEEDED[door.signed],
        "x-codeSamples": [{"lang": "Shell", "source": door.example}],
    }
    if rest:
        found["description"] = rest
    if door.takes:
        found["requestBody"] = {"required": True, "content": _content(door.takes)}
    return found


def _answer(media: Media) -> dict[str, Any]:
    words = " ".join(dict.fromkeys(what(shape) for shape in media.values())) or "Nothing more to say."
    return {"description": words} | ({"content": _content(media)} if media else {})


def _content(media: Media) -> dict[str, Any]:
    return {name: {"schema": _schema(name, shape)} for name, shape in media.items()}


def _schema(media: str, shape: Shape) -> dict[str, Any]:
    if isinstance(shape, type):
        return {"$ref": REF.format(name=shape.__name__)}
    return {} if media == JSON else shape.schema


def what(shape: Shape) -> str:
    """What a body is, in its own words."""
    return " ".join((shape.__doc__ or "").split()) if isinstance(shape, type) else shape.what


def _problems() -> dict[str, Any]:
    problem = {PROBLEM: {"schema": {"$ref": REF.format(name="Problem")}}}
    page = {HTML: {"schema": {"type": "string"}}}
    rows = {"Problem": problem, "Page": problem | page}
    return {
        f"{kind}{status}": {"description": what, "content": content}
        for kind, content in rows.items()
        for status, what in STATUSES.items()
    }
