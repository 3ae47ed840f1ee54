"""Who reads an entry through its door: strangers what is for anyone, members what concerns them, and nobody else learns
whether it is there."""

from typing import Any

import pytest
from counting import commands
from house import BASE, House
from registry import CANAL, CARRIER, HALLES, MAKER

from verifier.identity import Identity
from verifier.node import signed_request
from verifier.statements.event import Event
from verifier.statements.kinds import KINDS, body_of
from verifier.statements.readers import CLASSES

HOSPITAL, AGENCY, OTHER_MAKER = "hopital-saint-roch", "agence-sante", "nordhavn-pharma"
ABSENT = "0" * 64


@pytest.fixture(scope="module")
def dispensed(demo_house: House) -> str:
    """The id of a dispensing by the pharmacy on the canal; its pack went maker, carrier, canal."""
    pack = demo_house.world.pack("current", 2)
    found = [one for one in demo_house.leaves() if _is(one, "dispensing", pack)]
    assert len(found) == 1
    return found[0].id.hex()


@pytest.fixture(scope="module")
def shipped(demo_house: House) -> str:
    """The id of the first shipping of the current lot: 23 packs, maker to carrier, one of them dispensed later."""
    pack = demo_house.world.pack("current", 2)
    found = [one for one in demo_house.leaves() if _is(one, "shipping", pack) and one.member == MAKER]
    assert len(found) == 1
    return found[0].id.hex()


def _text(statement: Any) -> str:
    body = body_of(statement)
    return body.epcis.decode() if isinstance(body, Event) else ""


def _is(statement: Any, step: str, pack: Identity | None = None) -> bool:
    return f'"{step}"' in _text(statement) and (pack is None or (pack.serial or "") in _text(statement))


def read_as(house: House, member: str, entry: str, **changed: Any) -> Any:
    path, key = f"/entries/{entry}", house.key(member)
    headers = signed_request.sign("GET", BASE + path, None, key.seed, key.kid)
    return house.http.get(path, base_url=BASE, headers=headers | changed)


READERS = (
    *((member, True) for member in (CANAL, AGENCY)),
    *((member, False) for member in (CARRIER, MAKER, HALLES, HOSPITAL, OTHER_MAKER)),
)


@pytest.mark.parametrize(("member", "may"), READERS, ids=[member for member, _ in READERS])
def test_a_dispensing_is_for_signer_and_authority(demo_house: House, dispensed: str, member: str, may: bool) -> None:
    answer = read_as(demo_house, member, dispensed)
    assert answer.status_code == (200 if may else 404)
    assert answer.headers["Cache-Control"] == ("private, no-store" if may else "no-store")
    if may:
        assert {"Signature", "Signature-Input"} <= set(answer.vary)


def test_the_destination_reads_before_it_receives(demo_house: House, shipped: str) -> None:
    assert read_as(demo_house, CARRIER, shipped).status_code == 200


@pytest.mark.parametrize("asker", [None, HOSPITAL])
def test_what_one_may_not_read_answers_as_what_is_not_there(
    demo_house: House, dispensed: str, asker: str | None
) -> None:
    def ask(entry: str) -> tuple[Any, list[str]]:
        if asker is None:
            with commands(demo_house.store) as sent:
                return demo_house.http.get(f"/entries/{entry}"), sent
        with commands(demo_house.store) as sent:
            return read_as(demo_house, asker, entry), sent

    assert read_as(demo_house, CANAL, dispensed).status_code == 200  # who read it before leaves no trace in the time
    (hidden, reads), (missing, none) = ask(dispensed), ask(ABSENT)
    assert (hidden.status_code, missing.status_code) == (404, 404)
    assert hidden.get_data().replace(dispensed.encode(), ABSENT.encode()) == missing.get_data()
    assert list(hidden.headers) == list(missing.headers)
    assert reads == none
    assert len(reads) == (1 if asker is None else 4)


def test_a_shared_cache_keeps_only_what_is_for_anyone(demo_house: House, dispensed: str) -> None:
    """RFC 9111 5.2.2: what a shared cache may store is public; every private answer, and every refusal, is not."""
    for statement in demo_house.leaves():
        entry = statement.id.hex()
        anyone = "anyone" in CLASSES[KINDS[statement.kind].readers]
        plain, signed = demo_house.http.get(f"/entries/{entry}"), read_as(demo_house, AGENCY, entry)
        assert signed.get_data() == statement.raw
        assert signed.headers["Cache-Control"] == "private, no-store"
        assert plain.status_code == (200 if anyone else 404)
        assert plain.headers["Cache-Control"] == ("public, max-age=31536000, immutable" if anyone else "no-store")


def test_a_request_that_claims_a_signature_and_has_none_is_refused_whatever_it_asks(
    demo_house: House, dispensed: str
) -> None:
    public = next(one.id.hex() for one in demo_house.leaves() if one.kind == "recall")
    for entry in (public, dispensed, ABSENT):
        answer = demo_house.http.get(f"/entries/{entry}", headers={"Signature": "probatum=:AAAA:"})
        assert answer.status_code == 403
        assert answer.get_json()["type"] == "/problems/request_signature"


def test_a_signed_reading_is_not_replayed_nor_bent_to_another_entry(demo_house: House, dispensed: str) -> None:
    path, key = f"/entries/{dispensed}", demo_house.key(CANAL)
    headers = signed_request.sign("GET", BASE + path, None, key.seed, key.kid)
    other = demo_house.http.get(f"/entries/{ABSENT}", base_url=BASE, headers=headers)
    assert (other.status_code, other.get_json()["type"]) == (403, "/problems/request_signature")
    assert demo_house.http.get(path, base_url=BASE, headers=headers).status_code == 200
    again = demo_house.http.get(path, base_url=BASE, headers=headers)
    assert (again.status_code, again.get_json()["type"]) == (403, "/problems/replayed")


def test_head_answers_as_get_does(demo_house: House) -> None:
    entry = next(one.id.hex() for one in demo_house.leaves() if one.kind == "product")
    get, head = demo_house.http.get(f"/entries/{entry}"), demo_house.http.head(f"/entries/{entry}")
    assert head.get_data() == b""
    assert dict(head.headers) == dict(get.headers)
