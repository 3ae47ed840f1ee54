"""Who fetches a deposit through its door, and what a witness of the log may read: everything, so that each centre holds
the ledger."""

from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from house import BASE, House
from registry import CANAL, MAKER
from served import Served

from verifier.ledger.note import COSIGNATURE, VerifierKey
from verifier.ledger.policy import Witness
from verifier.node import signed_request
from verifier.node.keyfile import load
from verifier.statements.envelope import read
from verifier.statements.kinds import KINDS, TABLE, body_of
from verifier.statements.readers import CLASSES, WORDS
from verifier.web.desk import deposit_folder

HOSPITAL, AGENCY, REGISTRY = "hopital-saint-roch", "agence-sante", "node"
ABSENT = "0" * 64


@pytest.fixture(scope="module")
def named(demo_house: House) -> tuple[str, str]:
    """A batch and its manifest."""
    batch = next(one for one in demo_house.leaves() if one.kind == "batch" and one.member == MAKER)
    return batch.id.hex(), body_of(batch).deposits()[0].hex()


@pytest.fixture
def witnessed(demo_house: House, monkeypatch: pytest.MonkeyPatch) -> House:
    """The policy names the hospital as a witness."""
    key = VerifierKey.of_seed(HOSPITAL, bytes(32), COSIGNATURE)
    trust = demo_house.desk.trust
    policy = replace(trust.policy, witnesses=(*trust.policy.witnesses, Witness(HOSPITAL, key)))
    monkeypatch.setattr(demo_house.desk, "trust", replace(trust, policy=policy))
    return demo_house


def fetch(house: House, member: str | None, digest: str, entry: str) -> Any:
    path = f"/deposits/{digest}?entry={entry}"
    if member is None:
        return house.http.get(path, base_url=BASE)
    key = load(house.settings.data / "node" / "node.key") if member == REGISTRY else house.key(member)
    headers = signed_request.sign("GET", BASE + path, None, key.seed, key.kid)
    return house.http.get(path, base_url=BASE, headers=headers)


@pytest.mark.parametrize(
    ("member", "may"),
    [(None, False), (CANAL, False), (HOSPITAL, False), (MAKER, True), (AGENCY, True), (REGISTRY, True)],
)
def test_a_manifest_is_for_its_signer_and_authorities(
    demo_house: House, named: tuple[str, str], member: str | None, may: bool
) -> None:
    entry, digest = named
    answer = fetch(demo_house, member, digest, entry)
    assert answer.status_code == (200 if may else 404)
    if may:
        assert sha256(answer.get_data()).hexdigest() == digest
        assert answer.headers["Content-Disposition"] == "attachment"
        assert answer.headers["Cache-Control"] == "private, no-store"
    else:
        assert answer.get_json()["type"] == "/problems/deposit_unknown"


def test_a_witness_has_every_statement_and_deposit(witnessed: House, named: tuple[str, str]) -> None:
    entry, digest = named
    assert fetch(witnessed, HOSPITAL, digest, entry).status_code == 200
    assert fetch(witnessed, CANAL, digest, entry).status_code == 404
    for statement in witnessed.leaves():
        path, key = f"/entries/{statement.id.hex()}", witnessed.key(HOSPITAL)
        headers = signed_request.sign("GET", BASE + path, None, key.seed, key.kid)
        answer = witnessed.http.get(path, base_url=BASE, headers=headers)
        assert answer.get_data() == statement.raw, statement.kind
        for one in body_of(statement).deposits():
            assert sha256(fetch(witnessed, HOSPITAL, one.hex(), statement.id.hex()).get_data()).digest() == one


def test_what_one_may_not_have_answers_as_what_is_not_there(demo_house: House, named: tuple[str, str]) -> None:
    entry, digest = named
    product = next(one.id.hex() for one in demo_house.leaves() if one.kind == "product")
    hidden = fetch(demo_house, CANAL, digest, entry)
    for other in ((ABSENT, entry), (digest, ABSENT), (digest, product)):
        missing = fetch(demo_house, CANAL, *other)
        assert missing.status_code == 404
        assert hidden.get_data().replace(digest.encode(), other[0].encode()) == missing.get_data()
    assert fetch(demo_house, MAKER, digest, product).status_code == 404
    for bad in ("", "x" * 64, "00"):
        assert fetch(demo_house, MAKER, digest, bad).status_code == 400
    assert fetch(demo_house, MAKER, "../../policy.txt", entry).status_code == 404


def test_the_terminal_writes_what_a_statement_names(server: Served, tmp_path: Path) -> None:
    size = int(httpx.get(f"{server.url}/checkpoint", trust_env=False).text.split("\n")[1])
    first = "000" if size >= 256 else f"000.p/{size}"  # others may have said much by now
    bundle = httpx.get(f"{server.url}/tile/entries/{first}", trust_env=False).raise_for_status().content
    ids = [bundle[at + 2 : at + 34].hex() for at in range(0, len(bundle), 34)]
    raws = {one: httpx.get(f"{server.url}/entries/{one}", trust_env=False) for one in ids}
    batch = next(read(raw.content) for raw in raws.values() if raw.is_success and read(raw.content).kind == "batch")
    entry, (digest,) = batch.id.hex(), body_of(batch).deposits()
    words = ("verifier", "entry", entry, "--deposits", str(tmp_path / "here"))
    done = server.call(*words, "--as", str(server.data / "keys" / f"{batch.member}.key"))
    assert done.returncode == 0, done.stderr
    assert sha256((tmp_path / "here" / digest.hex()).read_bytes()).digest() == digest
    done = server.call(*words, "--as", str(server.data / "keys" / f"{CANAL}.key"))
    assert (done.returncode, b"404 No such deposit is open to you." in done.stderr) == (1, True)


def test_a_deposit_that_is_gone_is_not_there(
    demo_house: House, named: tuple[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    entry, digest = named
    monkeypatch.setattr(demo_house.desk, "settings", replace(demo_house.settings, data=tmp_path))
    assert not deposit_folder(tmp_path).exists()
    assert fetch(demo_house, MAKER, digest, entry).status_code == 404


def test_every_class_of_readers_is_open_to_who_keeps_the_ledger() -> None:
    """A kind that no witness may read could not be brought back from one."""
    assert {kind.readers for kind in KINDS.values()} <= CLASSES.keys()
    assert all({"anyone"} & {*words} or {"witness", "registry"} <= {*words} for words in CLASSES.values())
    assert {word for words in TABLE["readers"].values() for word in words} - {"anyone"} <= WORDS.keys()
