"""The description of the doors against the doors: schemathesis asks what it allows and what it does not, and each
answer must be one that it names. In-process over WSGI, the demo world behind; the same questions on every run."""

from collections.abc import Iterator

import hypothesis
import pytest
import schemathesis
from flask import Flask
from house import House
from hypothesis import HealthCheck
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from verifier.web import openapi, wire

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]

for opaque in (openapi.COSE, openapi.CBOR):
    schemathesis.serializer.alias(opaque, "application/octet-stream")
CONFIG = schemathesis.Config.from_dict({"generation": {"with-security-parameters": False}})
DOCUMENT = openapi.document(wire(Flask("verifier.web"), None))  # type: ignore[arg-type]
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT, config=CONFIG)
# The sixteen keys of a Digital Link are one door: one of them is asked.
OPERATIONS = [
    operation
    for operation in (found.ok() for found in SCHEMA.get_all_operations())
    if operation.path == "/01/{rest}" or not operation.path.endswith("/{rest}")
]


OPAQUE = {openapi.COSE, openapi.CBOR, openapi.OCTETS}  # to OpenAPI all bytes are bytes


def asked() -> Iterator[tuple[schemathesis.APIOperation, GenerationMode]]:
    """Each door with what it allows, and with what it does not, where it takes anything that can be wrong."""
    for operation in OPERATIONS:
        if operation.path != "/tile/{place}":  # its slashes are no path parameter's to OpenAPI: see SLASHED
            yield operation, GenerationMode.POSITIVE
        bodies = {body.media_type for body in operation.body} - OPAQUE
        if operation.path_parameters or operation.query or bodies:
            yield operation, GenerationMode.NEGATIVE


@pytest.mark.parametrize(("operation", "mode"), list(asked()), ids=lambda value: getattr(value, "label", value))
def test_every_answer_is_one_that_is_described(
    demo_house: House, operation: schemathesis.APIOperation, mode: GenerationMode
) -> None:
    @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
    @hypothesis.settings(
        max_examples=40,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: schemathesis.Case) -> None:
        case.call_and_validate(checks=CHECKS, app=demo_house.app)

    ask()


SLASHED = {
    "/tile/{place}": ("0/000.p/1", "entries/000.p/2", "0/x001/000", "9/000", "0/0", "entries/000.p/257"),
    "/01/{rest}": ("09521000000018", "09521000000018/10/AX26K1/21/ABC", "09521000000018/21/A/10/B", "0", "../01"),
}


@pytest.mark.parametrize(("path", "value"), [(path, value) for path, values in SLASHED.items() for value in values])
@pytest.mark.parametrize("accepted", ["application/json", "text/html", "*/*"])
def test_addresses_with_slashes(demo_house: House, path: str, value: str, accepted: str) -> None:
    answer = demo_house.http.get(path.partition("{")[0] + value, headers={"Accept": accepted})
    named = DOCUMENT["paths"][path]["get"]["responses"][str(answer.status_code)]
    known = DOCUMENT["components"]["responses"][named["$ref"].rpartition("/")[2]] if "$ref" in named else named
    assert answer.mimetype in known["content"]
