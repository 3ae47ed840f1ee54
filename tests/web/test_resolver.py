"""The resolver: a pack's link opened in a browser. Every SHALL of the GS1-Conformant Resolver standard (release 1.2)
that applies to us is a test that names its clause; those that do not are named in web/doors/resolver.py."""

import json
import re
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest
from house import House
from test_river import DEMO  # type: ignore[import-not-found]

from verifier.demo import gtin
from verifier.identity import Identity, parse_text
from verifier.identity.ai import KEYS
from verifier.identity.identity import STEM
from verifier.statements.product import Product
from verifier.store import layout
from verifier.web import links
from verifier.web.desk import Desk

AUBRAC = "laboratoires-aubrac"
PAGE, JSON, LINKSET = "text/html", "application/json", "application/linkset+json"
WITH_LEAFLET, BARE, WITHOUT = gtin("0952100000019"), gtin("0952100000018"), "09521000000018"
LEAFLET = "https://notices.aubrac.example/amoxadine?v=3#fr"
"""A key of each kind, valid."""
THINGS = {
    "00": "/00/095212340000000013", "253": "/253/9521234000013DOC1", "255": "/255/9521234000013123",
    "401": "/401/9521234CONSIGNMENT", "402": "/402/95212340000000013", "414": "/414/9521234000013/254/A",
    "415": "/415/9521234000013/8020/REF", "417": "/417/9521234000013", "8003": "/8003/09521234000013ABC",
    "8004": "/8004/9521234ASSET", "8006": "/8006/095212340000130102/21/S", "8010": "/8010/9521234PART/8011/12",
    "8013": "/8013/9521234MODEL", "8017": "/8017/952123400000000017", "8018": "/8018/952123400000000017/8019/1",
    "01": "/01/09521234000013/22/V/10/L/21/S?17=271231",
}  # fmt: skip


@pytest.fixture(scope="module")
def leaflet(demo_house: House) -> str:
    """A product whose maker signed a leaflet's link: its path. Another has none."""
    for number, link in ((WITH_LEAFLET, LEAFLET), (BARE, None)):
        answer = demo_house.say("product", AUBRAC, Product(gtin=number, name="Noticia 5 mg", leaflet=link))
        assert answer.status_code == 201, answer.get_data(as_text=True)
    return f"/01/{WITH_LEAFLET}"


def path_of(identity: Identity) -> str:
    return identity.signed_link().removeprefix(STEM)


def get(house: House, path: str, accept: str = JSON, **headers: str) -> Any:
    return house.http.get(path, headers={"Accept": accept, "Accept-Language": "en", **headers})


def links_of(house: House, path: str, **headers: str) -> dict[str, list[dict[str, Any]]]:
    (found,) = get(house, path, LINKSET, **headers).get_json()["linkset"]
    return {name.removeprefix(links.NAMESPACE): value for name, value in found.items() if name.startswith("http")}


def assert_problem(answer: Any, status: int, kind: str) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(answer.get_data())
    assert (answer.status_code, fields["type"]) == (status, f"/problems/{kind}"), fields
    assert (answer.content_type, answer.headers["Cache-Control"]) == ("application/problem+json", "no-store")
    return fields


# --- the verdict ---


def demo_packs(house: House) -> dict[str, Identity]:
    world = house.world
    return {f"{lot}-{number}": world.pack(lot, number) for lot in world.lots for number in (0, 1, 2, 5, 7)}


def test_the_verdict_of_a_link_is_that_of_a_scan(demo_house: House) -> None:
    """Not only the outcome: every word of it, on packs of every story of the demo."""
    outcomes = set()
    for pack in demo_packs(demo_house).values():
        opened = get(demo_house, path_of(pack))
        assert opened.status_code == 200
        scanned = demo_house.scan(pack.signed_link()).get_json()
        assert opened.get_json() == scanned
        outcomes.add((scanned["outcome"], scanned["reasons"][0]["code"]))
    assert len(outcomes) >= 4, outcomes


SEVERAL = ("look-alike-url.png", "two-packs.png", "codes-differ.png", "blank-photo.jpg")  # one link does not say all


@pytest.mark.parametrize("file", [name for name in DEMO if name not in SEVERAL])
def test_and_so_it_is_of_every_demo_image(demo_house: House, file: str) -> None:
    expected = json.loads((demo_house.desk.demo_folder / "expected.json").read_text("utf-8"))[file]
    with (demo_house.desk.demo_folder / file).open("rb") as image:
        scanned = demo_house.http.post("/api/scan", data={"image": image}, headers={"Accept-Language": "en"}).get_json()
    opened = get(demo_house, path_of(parse_text(scanned["identity"]["printed_link"]))).get_json()
    found = {"outcome": opened["outcome"], "reasons": [one["code"] for one in opened["reasons"]]}
    assert found == {name: expected[name] for name in found}
    assert opened["reasons"] == scanned["reasons"]


def test_the_page_is_that_of_a_typed_link(demo_house: House) -> None:
    pack = demo_house.world.pack("recalled", 0)
    opened = get(demo_house, path_of(pack), PAGE).get_data(as_text=True)
    posted = demo_house.http.post("/", data={"text": pack.digital_link()}, headers={"Accept-Language": "en"})
    field = re.compile(r'name="text" value="[^"]*"')
    assert field.sub("", opened) == field.sub("", posted.get_data(as_text=True))
    assert "Batch recalled" in opened


def test_the_page_speaks_both_languages_and_can_be_asked_again(demo_house: House) -> None:
    pack = demo_house.world.pack("current", 3)
    french = demo_house.http.get(path_of(pack), headers={"Accept": PAGE, "Accept-Language": "fr"})
    body = french.get_data(as_text=True)
    assert "Code authentique" in body
    text, *_ = re.findall(r'name="text" value="([^"]*)"', body)
    again = demo_house.app.test_client().post("/?lang=en", data={"text": text})  # its cookie is not for the others
    assert "Code genuine" in again.get_data(as_text=True)


@pytest.mark.parametrize("accept", [PAGE, JSON])
def test_no_verdict_is_kept_by_a_cache(demo_house: House, accept: str) -> None:
    answer = get(demo_house, path_of(demo_house.world.pack("current", 3)), accept)
    assert answer.headers["Cache-Control"] == "no-store"
    assert {"Accept", "Accept-Language", "Cookie"} <= set(answer.vary)
    assert answer.content_type.startswith(accept)


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", PAGE), ("*/*", PAGE), ("text/html,application/xhtml+xml,*/*;q=0.8", PAGE), ("application/json", JSON),
        ("application/*", JSON), ("application/json;q=0.4, text/html;q=0.5", PAGE), ("image/png", PAGE),
        ("application/linkset+json", LINKSET), ("application/linkset+json;q=0.1, application/json", JSON),
    ],
)  # fmt: skip
def test_page_or_json_by_accept(demo_house: House, accept: str, kind: str) -> None:
    answer = get(demo_house, path_of(demo_house.world.pack("current", 3)), accept)
    assert answer.content_type.partition(";")[0] == kind


SHORT: dict[str, tuple[tuple[str, ...], list[str]]] = {
    "a product": (("01",), ["no_serial"]),
    "a lot": (("01", "10"), ["no_serial", "lot_not_recalled"]),
    "no lot": (("01", "21", "17"), ["incomplete"]),
    "no date": (("01", "10", "21"), ["incomplete"]),
}


@pytest.mark.parametrize("name", SHORT)
def test_without_all_four_elements_it_says_so_and_looks_no_pack_up(demo_house: House, name: str) -> None:
    kept, codes = SHORT[name]
    for pack in (demo_house.world.pack("current", 0), parse_text(f"(01){WITHOUT}(10)ZZ9(17)280101(21)NOBODYS")):
        short = replace(pack, elements=tuple(row for row in pack.elements if row[0] in kept))
        said = get(demo_house, path_of(short)).get_json()
        assert [reason["code"] for reason in said["reasons"]] == codes
        assert (said["ledger"]["index"], said["custody"]) == (None, [])


@pytest.mark.parametrize("key", KEYS)
def test_every_primary_key_and_its_qualifiers_are_answered(demo_house: House, key: str) -> None:
    """2.1, 2.5.9: for each supported key, every key qualifier SHALL be supported."""
    answer = get(demo_house, THINGS[key])
    assert answer.status_code == 200, answer.get_data(as_text=True)
    said = answer.get_json()
    assert said["identity"]["digital_link"] == STEM + THINGS[key]
    assert said["outcome"] == "unverified" or key == "01"
    assert get(demo_house, THINGS[key], PAGE).status_code == 200
    assert next(iter(links_of(demo_house, THINGS[key]))) == "defaultLink"


# --- the address ---


@pytest.mark.parametrize("serial", ["A/B", "A+B", "A&B", 'A"B', "100%", "A;B", "A?B", "A=B", "%2F", "/", "A//B"])
def test_every_character_of_a_serial_comes_through(demo_house: House, serial: str) -> None:
    path = f"/01/{WITHOUT}/10/AX26K1/21/{quote(serial, safe='')}?17=280131"
    said = get(demo_house, path).get_json()
    assert said["identity"]["serial"] == serial
    assert said == demo_house.scan(STEM + path).get_json()


def bare(path: str, query: str = "") -> dict[str, str]:
    """What granian hands over: the path decoded, and nothing of how it was sent."""
    return {"REQUEST_URI": "", "RAW_URI": "", "PATH_INFO": path, "QUERY_STRING": query}


@pytest.mark.parametrize("serial", ["A/B", "A//B", "100%", "10/A", "A+B"])
def test_and_also_where_the_server_decodes_the_path(demo_house: House, serial: str) -> None:
    path = f"/01/{WITHOUT}/10/AX26K1/21/{serial}"
    answer = demo_house.http.get("/01/x", environ_overrides=bare(path, "17=280131"), headers={"Accept": JSON})
    assert answer.get_json()["identity"]["serial"] == serial


def test_a_raw_address_that_is_another_path_is_not_believed(demo_house: House) -> None:
    """A variable of the environment, or a proxy's leftover, must not name another pack than the one asked for."""
    forged = bare(f"/01/{WITHOUT}/21/MINE", "") | {"REQUEST_URI": f"/01/{WITHOUT}/21/YOURS"}
    said = demo_house.http.get("/01/x", environ_overrides=forged, headers={"Accept": JSON}).get_json()
    assert said["identity"]["serial"] == "MINE"


WRONG = {
    "a wrong check digit": (f"/01/{WITHOUT[:-1]}9", "check_digit"),
    "13 digits": (f"/01/{WITHOUT[1:]}", "length"),
    "convenience alphas in the path": (f"/01/{WITHOUT}/ser/A", "foreign_link"),
    "out of order": (f"/01/{WITHOUT}/21/A/10/B", "order"),
    "an attribute in the path": (f"/01/{WITHOUT}/17/280131", "order"),
    "a qualifier in the query": (f"/01/{WITHOUT}?21=A", "attribute"),
    "an AI twice": (f"/01/{WITHOUT}/21/A?17=280131&17=280131", "ai_twice"),
    "an unknown AI": (f"/01/{WITHOUT}?89=1", "unknown_ai"),
    "an encoded AI": (f"/01/{WITHOUT}/%31%30/A", "foreign_link"),
    "half an escape": (f"/01/{WITHOUT}/10/A%2", "encoding"),
    "a plus in the query": (f"/01/{WITHOUT}?17=28+131", "encoding"),
    "a semicolon in the query": (f"/01/{WITHOUT}?17=280131;10=A", "encoding"),
    "two keys": (f"/00/095212340000000013/01/{WITHOUT}", "two_keys"),
    "an empty value": (f"/01/{WITHOUT}/21/", "foreign_link"),
    "a dot": (f"/01/{WITHOUT}/21/%2E", "encoding"),
    "a nul": (f"/01/{WITHOUT}/21/A%00B", "charset"),
    "no GTIN": ("/01/AQnYUc1gmiCNV4JGLg", "charset"),
    "too long": (f"/01/{WITHOUT}/21/" + "A" * 9000, "too_long"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_link_that_could_be_read_otherwise_is_refused(demo_house: House, name: str) -> None:
    """2.4.1, 5.7: SHALL report errors of syntax with 400. 5.9: SHALL NOT answer 200 to an error."""
    path, code = WRONG[name]
    fields = assert_problem(get(demo_house, path), 400, code)
    assert fields["expected"]
    assert len(str(fields)) < 2000
    page = get(demo_house, path, PAGE)
    assert (page.status_code, page.content_type) == (400, "text/html; charset=utf-8")
    assert get(demo_house, path, LINKSET).status_code == 400


def test_a_slash_at_the_end_is_tolerated(demo_house: House) -> None:
    """2.13: SHOULD tolerate a trailing slash."""
    path = path_of(demo_house.world.pack("current", 3))
    assert get(demo_house, path.replace("?", "/?")).get_json() == get(demo_house, path).get_json()


NOWHERE = (f"//01/{WITHOUT}", f"/01//{WITHOUT}", "/01", "/01/", f"/1/{WITHOUT}", f"/gtin/{WITHOUT}")


@pytest.mark.parametrize("path", NOWHERE)
def test_other_addresses_are_nothing_and_lead_nowhere(demo_house: House, path: str) -> None:
    answer = get(demo_house, path, Host="evil.example")
    assert answer.status_code == 404
    assert "Location" not in answer.headers


@pytest.mark.parametrize("host", ["evil.example", "id.gs1.org.evil.example", "id.gs1.org", "127.0.0.1:1"])
def test_what_the_host_header_says_changes_nothing(demo_house: House, host: str) -> None:
    path = path_of(demo_house.world.pack("current", 3))
    one, other = (get(demo_house, path, kind, Host=host) for kind in (JSON, LINKSET))
    assert one.get_json() == get(demo_house, path).get_json()
    if host != "id.gs1.org":
        assert host not in other.get_data(as_text=True)
        assert host not in str(one.headers)
        assert host not in get(demo_house, "/.well-known/gs1resolver", Host=host).get_data(as_text=True)


def test_links_of_our_own_host_are_ours_and_look_alikes_are_not(demo_house: House) -> None:
    """PROBATUM_HOSTS names the addresses this server has: the scanner reads their links, exactly those."""
    house = demo_house
    own = replace(house.settings, hosts=frozenset({"id.gs1.org", "box.example", "box.example:8443"}))
    desk = Desk(own, house.store, house.clock)
    path = path_of(house.world.pack("current", 3))
    for host in ("box.example", "box.example:8443", "id.gs1.org"):
        assert desk.check_text(f"https://{host}{path}", None, "en")["outcome"] == "genuine"
    for host in ("box.example.evil.example", "evil-box.example", "box.example:8444", "box.example@evil.example"):
        said = desk.check_text(f"https://{host}{path}", None, "en")
        assert [reason["code"] for reason in said["reasons"]] == ["foreign_link"]
        assert said["identity"] is None


# --- links ---


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("accept", [PAGE, JSON, LINKSET])
def test_get_head_and_options_from_anywhere(demo_house: House, method: str, accept: str) -> None:
    """2.2, 5.2: SHALL support GET, HEAD and OPTIONS. 5.4: SHALL support CORS."""
    path = path_of(demo_house.world.pack("current", 3))
    answer = demo_house.http.open(path, method=method, headers={"Accept": accept, "Origin": "https://app.example"})
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Access-Control-Allow-Methods"] == "GET, HEAD, OPTIONS"
    assert "Link" in answer.headers["Access-Control-Expose-Headers"]
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert (answer.data == b"") == (method != "GET")
    if method == "OPTIONS":
        assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


def test_errors_too_can_be_read_from_anywhere(demo_house: House) -> None:
    for path in (f"/01/{WITHOUT[:-1]}9", f"/01/{WITHOUT}?linkType=gs1:nosuch"):
        assert get(demo_house, path).headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("path", ["/", "/api/scan", "/checkpoint", "/entries/" + "0" * 64, "/demo", "/healthz"])
def test_no_other_door_is_open_to_other_pages(demo_house: House, path: str) -> None:
    assert "Access-Control-Allow-Origin" not in demo_house.http.get(path).headers


def test_the_resolver_only_answers(demo_house: House) -> None:
    assert demo_house.http.post(path_of(demo_house.world.pack("current", 3))).status_code == 405


@pytest.mark.parametrize("ask", ["linkType=linkset", "linkType=all", LINKSET])
def test_the_linkset_is_given_and_not_redirected_to(demo_house: House, leaflet: str, ask: str) -> None:
    """2.2 (3c), 2.9: linkType=linkset, or Accept: application/linkset+json, SHALL NOT redirect and SHALL give it."""
    query = "" if ask == LINKSET else f"?{ask}"
    answer = get(demo_house, leaflet + query, LINKSET if ask == LINKSET else "*/*")
    assert (answer.status_code, answer.content_type) == (200, LINKSET)
    assert 'rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"' in answer.headers["Link"]
    (found,) = answer.get_json()["linkset"]
    assert found["anchor"] == f"http://127.0.0.1:8000{leaflet}"
    assert found["description"] == "Noticia 5 mg"


def test_the_linkset_is_shaped_as_gs1s_schema_asks(demo_house: House, leaflet: str) -> None:
    """2.10: SHALL be JSON as RFC 9264 4.2, valid against GS1's linkset schema; 2.5.3, 2.5.5, 2.5.8 of each link."""
    for path in (leaflet, path_of(demo_house.world.pack("current", 3)), THINGS["00"]):
        whole = get(demo_house, path, LINKSET).get_json()
        assert list(whole) == ["linkset"]
        (found,) = whole["linkset"]
        assert re.fullmatch(r"https?://[A-Za-z0-9./:]+", found.pop("anchor"))
        found.pop("description", None)
        for name, targets in found.items():
            assert name.startswith("https://ref.gs1.org/voc/"), "2.14: a link type of the GS1 vocabulary"
            for target in targets:
                assert set(target) <= {"href", "title", "type", "hreflang"}
                assert re.match(r"https?://", target["href"])
                assert target["title"], "2.5.3: a title SHALL be provided"
                assert all(re.fullmatch("[a-z]{2}", tag) for tag in target.get("hreflang", []))
        (default,) = found["https://ref.gs1.org/voc/defaultLink"]
        assert set(default) == {"href", "title"}, "2.5.8: exactly one default link, a title and nothing else"


def test_a_default_link_also_has_a_type_that_describes_it(demo_house: House) -> None:
    """2.5.8, 5.12: default links SHALL also carry a descriptive link type."""
    found = links_of(demo_house, path_of(demo_house.world.pack("current", 3)))
    hrefs = {target["href"] for name, targets in found.items() if name != "defaultLink" for target in targets}
    assert found["defaultLink"][0]["href"] in hrefs


def test_titles_are_in_the_language_asked_for(demo_house: House, leaflet: str) -> None:
    english, french = (
        links_of(demo_house, leaflet, **{"Accept-Language": tag})["epil"][0]["title"] for tag in ("en", "fr")
    )
    assert (english, french) == ("Leaflet", "Notice")


def test_the_way_to_the_linkset_is_told(demo_house: House, leaflet: str) -> None:
    """5.13: SHOULD tell of the linkset in a Link header, on a redirect too."""
    for path in (leaflet, f"{leaflet}?linkType=gs1:epil"):
        link = get(demo_house, path, PAGE).headers["Link"]
        assert link == f'<{leaflet}?linkType=linkset>; rel="linkset"; type="application/linkset+json"'
        assert get(demo_house, link[1 : link.index(">")], "*/*").content_type == LINKSET


@pytest.mark.parametrize("spelling", ["gs1:epil", "https://ref.gs1.org/voc/epil", "https://gs1.org/voc/epil"])
def test_the_link_asked_for_is_redirected_to(demo_house: House, leaflet: str, spelling: str) -> None:
    """2.6.2, 5.17: if the link type is there, SHALL redirect to it. 2.12, 5.19: with the whole query, as sent."""
    query = f"linkType={spelling}&lang=en&x=a%2Fb"
    for method in ("GET", "HEAD"):
        answer = demo_house.http.open(f"{leaflet}?{query}", method=method)
        assert answer.status_code == 307
        assert answer.headers["Location"] == f"https://notices.aubrac.example/amoxadine?v=3&{query}#fr"
        assert answer.headers["Cache-Control"] == "no-store"


def test_a_serials_leaflet_is_its_products_and_the_serial_stays_here(demo_house: House, leaflet: str) -> None:
    answer = get(demo_house, f"{leaflet}/10/L1/21/SECRET1?17=280131&linkType=gs1:epil")
    assert answer.status_code == 307
    assert "SECRET1" not in answer.headers["Location"]
    assert answer.headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize("asked", ["gs1:epil", "gs1:nosuch", "schema:url", "epil", "gs1:", "", "LINKSET", "x" * 3000])
def test_a_link_that_is_not_there_is_404(demo_house: House, leaflet: str, asked: str) -> None:
    """2.6.2, 5.18: if the link type is not there, SHALL answer 404."""
    assert leaflet != f"/01/{BARE}"
    fields = assert_problem(get(demo_house, f"/01/{BARE}?linkType={asked}"), 404, "no_link")
    assert fields["expected"]
    assert len(str(fields)) < 1000


def test_two_link_types_at_once_are_refused(demo_house: House) -> None:
    assert_problem(get(demo_house, f"/01/{WITHOUT}?linkType=gs1:pip&linkType=gs1:epil"), 400, "link_type")


def test_a_product_page_is_redirected_to_once(demo_house: House) -> None:
    pack = path_of(demo_house.world.pack("current", 3))
    answer = get(demo_house, f"{pack}&linkType=gs1:pip", PAGE)
    assert (answer.status_code, answer.headers["Location"].partition("?")[0]) == (307, f"/01/{WITHOUT}")
    assert get(demo_house, answer.headers["Location"], PAGE).status_code == 200


@pytest.mark.parametrize("asked", ["verificationService", "traceability", "recallStatus", "defaultLink"])
def test_what_is_answered_here_is_answered(demo_house: House, asked: str) -> None:
    pack = demo_house.world.pack("current", 3)
    answer = get(demo_house, f"{path_of(pack)}&linkType=gs1:{asked}")
    assert answer.get_json() == demo_house.scan(pack.digital_link()).get_json()


def test_links_never_tell_which_packs_exist(demo_house: House) -> None:
    """One list for a pack, a serial nobody issued and a lot there never was; and the same answer's headers."""
    pack = demo_house.world.pack("current", 3)
    nobody = parse_text(f"(01){WITHOUT}(10){pack.batch}(17){pack.expiry}(21)NOBODYS000000")
    never = parse_text(f"(01){WITHOUT}(10)ZZ9(17){pack.expiry}(21){pack.serial}")
    said = [
        get(demo_house, path_of(one), LINKSET).get_data(as_text=True).replace(path_of(one).partition("?")[0], "IT")
        for one in (pack, nobody, never)
    ]
    assert said[0] == said[1] == said[2]


SLY = {
    "no leaflet": None,
    "a user": "https://id.gs1.org@evil.example/",
    "no host": "https:///x",
    "brackets": "https://[/x",
}


@pytest.mark.parametrize("name", SLY)
def test_a_leaflet_that_reads_in_two_ways_is_none(name: str) -> None:
    assert links.leaflet(Product(gtin=WITH_LEAFLET, name="x", leaflet=SLY[name])) is None


def test_only_what_a_maker_signed_is_redirected_to(house: House) -> None:
    """A link slipped into the store under the product's name leads nowhere: its statement is hashed and checked."""
    house.seed()
    path = f"/01/{WITH_LEAFLET}?linkType=gs1:epil"
    signed = house.sign("product", AUBRAC, Product(gtin=WITH_LEAFLET, name="N", leaflet=LEAFLET))
    assert house.register(signed.raw).status_code == 201
    assert get(house, path).status_code == 307
    house.store.set(layout.body(signed.id), signed.raw.replace(b"aubrac.example", b"evil.example."))
    other = Desk(house.settings, house.store, house.clock)  # another worker, that remembers nothing
    house.app.extensions["probatum"] = other
    assert_problem(get(house, path), 404, "no_link")
    forged = house.sign("product", "nordhavn-pharma", Product(gtin=WITH_LEAFLET, name="N", leaflet=LEAFLET))
    house.store.set(layout.body(forged.id), forged.raw)
    house.store.set(layout.index(forged.id), (20).to_bytes(8, "big"))
    key = layout.derived(("product", WITH_LEAFLET))
    house.store.set(key, house.store.get(key).replace(signed.id, forged.id))  # type: ignore[union-attr]
    assert_problem(get(house, path), 404, "no_link")


# --- the description file ---


def test_the_resolver_describes_itself(demo_house: House) -> None:
    """3, 5.21: the description file at /.well-known/gs1resolver, with what its schema requires; 2.5.9, 5.22: the
    supported keys SHALL be declared."""
    answer = demo_house.http.get("/.well-known/gs1resolver")
    assert (answer.status_code, answer.content_type) == (200, JSON)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    found = answer.get_json()
    assert found["resolverRoot"] == "http://127.0.0.1:8000"
    assert found["supportedPrimaryKeys"] == list(KEYS)
    assert set(KEYS) <= {
        "01", "8006", "8013", "8010", "410", "411", "412", "413", "414", "415", "417", "8017", "8018", "255", "00",
        "253", "401", "402", "8003", "8004",
    }  # fmt: skip
    assert found["supportedLinkType"] == [{"namespace": "https://ref.gs1.org/voc/", "prefix": "gs1:"}]
    assert found["linkTypeDefaultCanBeLinkset"] is False
    assert found["contact"]["fn"]
    assert set(found) <= {
        "name", "resolverRoot", "supportedPrimaryKeys", "supportedLinkType", "linkTypeDefaultCanBeLinkset",
        "jsonLdContextLocation", "contact",
    }  # fmt: skip


def test_the_root_is_the_name_that_was_set(demo_house: House) -> None:
    house = demo_house
    desk = house.desk
    hosts = frozenset({"id.gs1.org", "box.example", "box.example:8443"})
    house.app.extensions["probatum"] = Desk(replace(house.settings, hosts=hosts), house.store, house.clock)
    try:
        roots = [
            get(house, "/.well-known/gs1resolver", Host=host).get_json()["resolverRoot"]
            for host in ("box.example", "BOX.example:8443", "evil.example")
        ]
        assert roots == ["https://box.example", "http://box.example:8443", "http://127.0.0.1:8000"]
    finally:
        house.app.extensions["probatum"] = desk


def test_no_resolver_before_there_is_a_ledger(house: House) -> None:
    house.store.flushall()
    for path in ("/.well-known/gs1resolver", f"/01/{WITHOUT}/10/A/21/B?17=280131"):
        assert_problem(get(house, path), 503, "not_ready")
