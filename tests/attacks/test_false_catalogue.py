"""A catalogue names what codes say, to strangers: who may publish one, and what a false or spoilt one can do."""

from hashlib import sha256
from typing import Any

import pytest
from house import House
from msgspec.structs import replace

from verifier.commands.import_ import catalogue
from verifier.demo import PRODUCTS, gtin
from verifier.node import signed_request
from verifier.state.catalogues import NAME, records
from verifier.statements.catalogue import Catalogue
from verifier.statements.catalogue_rows import HEAD, Row
from verifier.statements.errors import Malformed
from verifier.store import deposits, layout
from verifier.web.desk import deposit_folder

AUTHORITY, KNOWN = "agence-sante", "09529000001042"
DAY = "2026-01-01"


def publish(house: House, member: str, data: bytes, body: Catalogue) -> Any:
    """As the importer does, whoever signs and whatever it holds."""
    key, path = house.key(member), f"/deposits/{sha256(data).hexdigest()}"
    headers = signed_request.sign("PUT", f"http://localhost{path}", None, key.seed, key.kid)
    assert house.http.put(path, data=data, headers=headers).status_code == 201
    return house.say("catalogue", member, body)


def other(name: str, source: str = "other", code: str = KNOWN, day: str = DAY) -> tuple[bytes, Catalogue]:
    data, body = catalogue([Row(code, name, "", "")], day)
    return data, replace(body, source=source, name="Un autre")


def problem(answer: Any) -> tuple[int, str]:
    return answer.status_code, str(answer.get_json()["type"]).removeprefix("/problems/")


def test_only_an_authority_publishes_one(world: House) -> None:
    for member in ("laboratoires-aubrac", "pharmacie-du-canal", "transvia", "hopital-saint-roch"):
        assert problem(publish(world, member, *other("x"))) == (403, "role")


def test_rows_that_are_not_there_or_not_rows_are_not_taken(world: House) -> None:
    data, body = other("x")
    for bad in (data[:-1], data + b"x", data.replace(b"\t", b" "), HEAD + data[len(HEAD) :] * 2, b"<html>"):
        said = replace(body, rows=sha256(bad).digest(), size=len(bad))
        assert problem(publish(world, AUTHORITY, bad, said)) == (403, "catalogue"), bad
    for wrong in (replace(body, count=2), replace(body, size=len(data) + 1), replace(body, rows=bytes(32))):
        assert problem(publish(world, AUTHORITY, data, wrong)) == (403, "catalogue")


@pytest.mark.parametrize("field", ["source", "published", "link", "count"])
def test_a_body_that_breaks_its_rules_is_malformed(field: str) -> None:
    wrong = {"source": "A B", "published": "2026-02-30", "link": "javascript:alert(1)", "count": 0}[field]
    _, body = other("x")
    with pytest.raises(Malformed):
        Catalogue.decode(replace(body, **{field: wrong}).encode())


def test_an_older_one_does_not_come_back(world: House) -> None:
    held = world.verdict(KNOWN)["information"]
    data, body = other("Vieux nom", source="bdpm", day="2020-01-01")
    assert problem(publish(world, AUTHORITY, data, body)) == (403, "older_catalogue")
    assert world.verdict(KNOWN)["information"] == held


def test_a_makers_own_word_stands_before_any_catalogue(world: House) -> None:
    mine = gtin(PRODUCTS[0][0])
    day = world.verdict(KNOWN)["as_of"][:10]
    assert publish(world, AUTHORITY, *other("Autre nom", "names", mine, day)).status_code == 201
    for text in (mine, f"(01){mine}(21)S1"):
        said = world.verdict(text)["information"]
        assert said is None or (said["name"], said["source"]) == (PRODUCTS[0][2], "maker")


def test_a_catalogue_makes_nothing_genuine_and_its_words_are_no_markup(world: House) -> None:
    code, day = "09529000009994", world.verdict(KNOWN)["as_of"][:10]
    name = '<script>alert(1)</script>" onerror="x'
    assert publish(world, AUTHORITY, *other(name, "poison", code, day)).status_code == 201
    pack = f"(01){code}(17)491231(10)L1(21)S1"
    said = world.verdict(pack)
    assert (said["outcome"], [row["code"] for row in said["reasons"]]) == ("unverified", ["not_registered"])
    assert said["information"]["name"] == name
    for language in ("fr", "en"):
        shown = world.http.post("/", data={"text": pack}, headers={"Accept-Language": language}).get_data(as_text=True)
        assert "&lt;script&gt;alert(1)" in shown
        assert "<script>alert" not in shown
        assert ("Selon Un autre, au" if language == "fr" else "According to Un autre, as of") in shown


def test_rows_altered_on_disk_name_nothing(world: House) -> None:
    day = world.verdict(KNOWN)["as_of"][:10]
    code = "09529000009987"
    data, body = other("Vrai nom", "spoilt", code, day)
    assert publish(world, AUTHORITY, data, body).status_code == 201
    file = deposits.path_of(deposit_folder(world.settings.data), body.rows.hex())
    file.write_bytes(data.replace(b"Vrai", b"Faux"))
    assert world.verdict(code)["information"] is None
    assert world.verdict(KNOWN)["information"]["source"] == "catalogue"  # the others stand


def test_a_catalogue_replaced_is_closed_and_the_newest_is_told(world: House) -> None:
    day, code = world.verdict(KNOWN)["as_of"][:10], "09529000009970"
    for name in ("Un", "Deux"):
        assert publish(world, AUTHORITY, *other(name, "turns", code, day)).status_code == 201
        assert world.verdict(code)["information"]["name"] == name
    value = world.store.get(layout.derived(NAME))
    assert isinstance(value, bytes)
    standing = {record.id for record in records(value)}
    assert set(world.desk.shelf._opened) <= standing
