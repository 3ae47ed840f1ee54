"""The description of the doors: every route is in it, every answer is of its shape, every example works."""

import re
import shlex
import subprocess
import sys
from hashlib import sha256
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from flask import Flask
from house import House
from lying import two_logs
from served import Served

from verifier.demo import _world
from verifier.settings import ROOT
from verifier.statements import cbor
from verifier.web import openapi, shapes, wire

BARE = wire(Flask("verifier.web"), None)  # type: ignore[arg-type]
DOCUMENT = openapi.document(BARE)
OPERATIONS = [
    (path, method, operation) for path, item in DOCUMENT["paths"].items() for method, operation in item.items()
]


def test_every_route_is_described_or_said_to_be_left_out() -> None:
    standing = {
        (openapi.template(rule), method.lower())
        for rule in BARE.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.endpoint.partition(".")[0] not in openapi.LEFT_OUT
    }
    assert {(path, method) for path, method, _ in OPERATIONS} == standing
    assert len(standing) > 20
    assert openapi.LEFT_OUT.keys() <= {rule.endpoint.partition(".")[0] for rule in BARE.url_map.iter_rules()}
    assert all(openapi.LEFT_OUT.values())


def test_a_route_without_a_row_is_named() -> None:
    app = wire(Flask("verifier.web"), None)  # type: ignore[arg-type]
    app.add_url_rule("/secret", "secret", lambda: "")
    with pytest.raises(LookupError, match=r"^/secret: expected a row for secret in web/openapi\.DOORS, found none$"):
        openapi.document(app)


def test_every_row_is_a_route() -> None:
    assert openapi.DOORS.keys() <= {rule.endpoint for rule in BARE.url_map.iter_rules()}


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS, ids=[f"{m} {p}" for p, m, _ in OPERATIONS])
def test_an_operation_says_what_a_caller_needs(path: str, method: str, operation: dict[str, Any]) -> None:
    assert re.fullmatch(r".{20,}\.", operation["summary"])
    named = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
    assert named == set(re.findall(r"{(\w+)}", path))
    assert "503" in operation["responses"]
    assert any(status < "400" for status in operation["responses"])
    assert (method in ("post", "put")) == ("requestBody" in operation)
    assert operation["x-codeSamples"][0]["source"]


def test_operation_ids_are_each_their_own() -> None:
    names = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(names) == len(set(names))


def test_what_is_described_is_what_is_parsed(demo_house: House) -> None:
    """A limit in the description is the parser's: one step over it is refused, by the field's name."""
    code = DOCUMENT["components"]["schemas"]["Scan"]
    assert code["additionalProperties"] is False
    assert code["required"] == ["text"]
    over = {"symbology": "]" * (code["properties"]["symbology"]["anyOf"][0]["maxLength"] + 1), "reads": 10}
    for name, value in over.items():
        answer = demo_house.http.post("/api/scan", json={"text": "(01)09521000000018", name: value})
        assert (answer.status_code, answer.get_json()["type"]) == (400, "/problems/fields")
        assert f"$.{name}" in answer.get_json()["found"]


SHAPED: tuple[tuple[str, str, Any, Any, int], ...] = (
    ("get", "/healthz", None, shapes.Healthy, 200),
    ("get", "/readyz", None, shapes.Ready, 200),
    ("get", "/.well-known/gs1resolver", None, shapes.Resolver, 200),
    ("get", "/01/09521000000018?linkType=linkset", None, shapes.Linkset, 200),
    ("post", "/api/scan", {"text": 5}, shapes.Problem, 400),
    ("get", "/entries/" + "0" * 64, None, shapes.Problem, 404),
)


@pytest.mark.parametrize(("method", "path", "sent", "shape", "status"), SHAPED)
def test_an_answer_is_of_its_shape(
    demo_house: House, method: str, path: str, sent: Any, shape: Any, status: int
) -> None:
    answer = demo_house.http.open(path, method=method.upper(), json=sent)
    assert answer.status_code == status
    assert msgspec.json.decode(answer.get_data(), type=shape)


def test_every_verdict_is_of_its_shape(demo_house: House) -> None:
    world = demo_house.world
    texts = [world.pack(lot, number).digital_link() for lot in world.lots for number in (0, 2, 5, 6, 9)]
    outcomes = set()
    for text in (*texts, "(01)09521000000018", "https://elsewhere.example/01/09521000000018"):
        answer = demo_house.http.post("/api/scan", json={"text": text})
        outcomes.add(msgspec.json.decode(answer.get_data(), type=shapes.Verdict).outcome)
    assert outcomes == {"genuine", "unverified", "caution", "do_not_use"}


def test_a_registration_is_of_its_shape(demo_house: House) -> None:
    answer = demo_house.register((demo_house.settings.data / "genesis.cose").read_bytes())
    assert msgspec.json.decode(answer.get_data(), type=shapes.Registered).status == "known"


def test_head_works_where_get_does(demo_house: House) -> None:
    machines = ("/healthz", "/readyz", "/openapi.json", "/checkpoint", "/tile/0/000.p/1")
    for path in (*machines, "/01/09521000000018", "/docs", "/"):
        get, head = demo_house.http.get(path), demo_house.http.head(path)
        assert (head.status_code, head.get_data()) == (200, b""), path
        assert {name for name, _ in head.headers} == {name for name, _ in get.headers}, path


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS, ids=[f"{m} {p}" for p, m, _ in OPERATIONS])
def test_another_method_is_a_problem_that_names_those_there_are(
    demo_house: House, path: str, method: str, operation: dict[str, Any]
) -> None:
    answer = demo_house.http.delete(re.sub(r"{\w+}", "0", path), headers={"Accept": "application/json"})
    assert (answer.status_code, answer.content_type) == (405, "application/problem+json")
    assert method.upper() in answer.headers["Allow"]
    assert {"expected", "found"} <= answer.get_json().keys()


# --- the examples, as they stand in /openapi.json and /docs ---

EXAMPLES = {endpoint: door.example for endpoint, door in openapi.DOORS.items()}


def image_of(server: Served, gtin: str) -> str:
    """The picture of a product, as a verdict tells it; nothing where none is asked for."""
    if not gtin:
        return ""
    said = httpx.post(f"{server.url}/api/scan", json={"text": f"(01){gtin}"}, trust_env=False)
    image: str = said.json()["information"]["image"]
    return image


@pytest.mark.parametrize("endpoint", EXAMPLES)
def test_an_example_works_as_it_stands(server: Served, tmp_path: Path, endpoint: str) -> None:
    """Only photo.png, statement.cose, statements.cbor, CODE, ID, CONVICTION and the keys' folder are put in."""
    genesis = (server.data / "genesis.cose").read_bytes()
    (tmp_path / "statement.cose").write_bytes(genesis)
    (tmp_path / "statements.cbor").write_bytes(cbor.encode([genesis]))
    (tmp_path / "photo.png").write_bytes((server.demo / "genuine-qr.png").read_bytes())
    (tmp_path / "var").symlink_to(server.data)
    code = _world(server.demo).pack("current", 0).digital_link()
    for line in EXAMPLES[endpoint].splitlines():
        entry = sha256(genesis).hexdigest()
        command = line.replace("CODE", code).replace("/ID", f"/{entry}").replace(" ID ", f" {entry} ")
        command = command.replace("/IMAGE", f"/{image_of(server, line.partition('/products/')[2][:14])}")
        if "CONVICTION" in command:
            command = command.replace("CONVICTION", two_logs(server.data).stem)
        command = command.replace("curl ", "curl --fail-with-body -sS --noproxy '*' ", 1)
        command = command.replace("python ", f"{shlex.quote(sys.executable)} ", 1)
        done = subprocess.run(  # noqa: S602 - the documentation's own lines
            command, shell=True, cwd=tmp_path, capture_output=True, timeout=60, check=False,
            env=server.environment | {"PROBATUM": server.url, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert done.returncode == 0, (line, done.stdout, done.stderr)
        kept = re.search(r"-o (\S+)", line)
        assert (tmp_path / kept[1]).stat().st_size if kept else done.stdout


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_page_shows_every_door_with_its_example(demo_house: House, language: str) -> None:
    page = demo_house.http.get("/docs", headers={"Accept-Language": language}).get_data(as_text=True)
    text = unescape(page)
    assert "<script>" not in page
    for endpoint, door in openapi.DOORS.items():
        assert f'id="{endpoint.replace(".", "-")}"' in text
        assert all(f"<code>{line}</code>" in text for line in door.example.splitlines())
    for path, method, operation in OPERATIONS:
        assert path in text
        assert operation["summary"].replace("`", "") in re.sub("</?code>", "", text), (method, path)
