"""The convictions kept beside a node: listed when they convince, each served as it was written."""

from pathlib import Path

import msgspec
import pytest
from forge import Case, Forger, cases_of, key_statement, signed, trust
from house import House

from verifier.answers import conviction as files
from verifier.answers.replay import Mirror, replay
from verifier.statements.product import Product
from verifier.statements.recall import Recall
from verifier.web import shapes

MAKER = "laboratoires-aubrac"


@pytest.fixture
def case(demo_house: House) -> Case:
    return cases_of(demo_house)["active"]


@pytest.fixture
def kept(demo_house: House, case: Case) -> Path:
    """A conviction of the demo's node."""
    return keep(demo_house, case)


def keep(house: House, case: Case) -> Path:
    """A conviction of a house's node, which hid a recall."""
    body = Recall(gtin=case.identity.gtin or "", depth="patients", reason="test")
    node = Forger(house).grown(signed("recall", house.key("agence-sante"), body))
    mirror = Mirror(node.note(), node._read, {s.id: (at, s.raw) for at, s in enumerate(node.leaves)})
    (found,) = replay(node.remake(case.evidence).answer or b"", mirror, trust(house)).convictions
    folder = house.settings.data / "convictions"
    folder.mkdir(exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    path = folder / f"{files.name_of(files.encode(found))}.conviction"
    path.write_bytes(files.encode(found))
    return path


@pytest.mark.parametrize(
    ("asked", "sentence"), [("fr", "La réponse tait un rappel"), ("en", "The answer leaves out a")]
)
def test_it_is_listed_in_the_language_asked_for(
    demo_house: House, case: Case, kept: Path, asked: str, sentence: str
) -> None:
    answer = demo_house.app.test_client().get("/convictions", headers={"Accept-Language": asked})
    (one,) = msgspec.json.decode(answer.get_data(), type=shapes.Convictions).convictions
    assert (one.id, one.who.member, one.identity) == (kept.stem, "registre-demo", case.identity.digital_link())
    assert one.lies[0].sentence.startswith(sentence)
    assert answer.headers["Cache-Control"] == "no-store"
    file = demo_house.http.get(one.file)
    assert (file.status_code, file.data) == (200, kept.read_bytes())
    assert file.content_type == "application/probatum.conviction+cbor"


def test_what_convinces_nobody_is_not_shown(demo_house: House, kept: Path) -> None:
    folder, data = kept.parent, kept.read_bytes()
    other = files.decode(data)
    nobody = files.encode(files.Conviction(files.Evidence(other.said.checkpoint, (), None, other.said.answer)))
    (folder / f"{files.name_of(nobody)}.conviction").write_bytes(nobody)
    (folder / f"{'0' * 64}.conviction").write_bytes(data)
    (folder / f"{files.name_of(b'junk')}.conviction").write_bytes(b"junk")
    listed = demo_house.http.get("/convictions").get_json()["convictions"]
    assert [one["id"] for one in listed] == [kept.stem]
    for name in (files.name_of(nobody), "0" * 64, files.name_of(b"junk"), "1" * 64, "..", kept.stem.upper(), "x"):
        answer = demo_house.http.get(f"/convictions/{name}")
        assert (answer.status_code, answer.content_type) == (404, "application/problem+json"), name
    assert demo_house.http.get(f"/convictions/{kept.stem}").status_code == 200


def test_none(demo_house: House, kept: Path) -> None:
    kept.unlink()
    assert demo_house.http.get("/convictions").get_json() == {"convictions": []}
    kept.parent.rmdir()
    assert demo_house.http.get("/convictions").get_json() == {"convictions": []}
    assert demo_house.http.get(f"/convictions/{kept.stem}").status_code == 404


@pytest.mark.parametrize(("since", "left"), [(None, 1), (0, 0), (1, 1)])
def test_a_key_reported_stolen_since_convicts_nobody_any_more(house: House, since: int | None, left: int) -> None:
    """Stolen from before the answer on, a thief lied; ended in good order or stolen later, its owner did."""
    path = keep(house.seed(), cases_of(house)["active"])
    node = Forger(house)
    stolen = {} if since is None else {"compromised_since": node.size + since}
    ended = key_statement(node.node, node.answerer.public, "revoked", purpose="answer", **stolen)
    if since:  # a statement cannot name a leaf that is not there yet
        house.register(signed("product", house.key(MAKER), Product(gtin="09521000000018", name="Amoxadine"), 1).raw)
    assert house.http.get("/convictions").get_json()["convictions"] != []
    assert house.register(ended.raw).status_code == 201
    assert len(house.http.get("/convictions").get_json()["convictions"]) == left
    assert house.http.get(f"/convictions/{path.stem}").status_code == (200 if left else 404)
    brought = house.http.post("/ledger", data={"file": path.open("rb")}, headers={"Accept": "application/json"})
    assert brought.get_json()["says"] == ("convicts" if left else "convicts_nobody")
