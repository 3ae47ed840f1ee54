"""/ledger: what is shown of the ledger is what it holds, who cosigned is asked of the signatures, and nothing else is
told: as a page and as JSON."""

import json
import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis
from flask import Flask
from house import House
from registry import CANAL, Registry

from verifier import web
from verifier.answers import conviction
from verifier.answers.conviction import Conviction
from verifier.commands.node import keys_of
from verifier.ledger import checkpoint as notes
from verifier.ledger import note as signing
from verifier.ledger import tiles
from verifier.ledger.checkpoint import Checkpoint
from verifier.ledger.cosignature import COSIGNATURE, cosign
from verifier.ledger.note import VerifierKey
from verifier.ledger.policy import Group, Policy, Witness
from verifier.node.quorum import Row
from verifier.node.standing import Standing as Stands
from verifier.settings import Settings
from verifier.state.replay import clock_time
from verifier.statements import cbor
from verifier.statements.kinds import body_of
from verifier.store import clocks, layout
from verifier.store.anchors import Anchor, keep
from verifier.store.clocks import Registered
from verifier.store.log import LogStore
from verifier.store.projection import reader
from verifier.verdict.evidence import Evidence
from verifier.verdict.verdict import utc
from verifier.web import shapes
from verifier.web.desk import Desk
from verifier.web.pages.ledger import rule

CONTRACT = "0x" + "c0" * 20
PAGE, JSON = {"Accept": "text/html", "Accept-Language": "en"}, {"Accept": "application/json"}
SEEDS = {name: bytes([number]) * 32 for number, name in enumerate(("saint-roch", "bellevue", "croix-rousse", "agence"))}
WITNESSES = tuple(
    Witness(name, VerifierKey.of_seed(f"{name}.example", seed, COSIGNATURE)) for name, seed in SEEDS.items()
)
GROUPS = (
    Group("hospitals", 2, ("saint-roch", "bellevue", "croix-rousse")),
    Group("authority", 1, ("agence",)),
    Group("both", 2, ("hospitals", "authority")),
)


def seen(house: House, query: str = "") -> shapes.Overview:
    answer = house.http.get(f"/ledger{query}", headers=JSON)
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    return msgspec.json.decode(answer.get_data(), type=shapes.Overview)


def page(http: Any, path: str = "/ledger", status: int = 200, **headers: str) -> str:
    answer = http.get(path, headers=PAGE | headers)
    assert answer.status_code == status
    text: str = answer.get_data(as_text=True)
    return text


class Standing:
    """A registry's ledger behind the doors, whose policy a test may change."""

    def __init__(self, registry: Registry) -> None:
        self.registry, self.folder = registry, registry.settings.data
        app = Flask("verifier.web")
        self.desk = Desk(registry.settings, registry.client, lambda: registry.now)
        self.http = web.wire(app, self.desk).test_client()

    def ask(self, quorum: str) -> Policy:
        """Believe by the witnesses of this file, from now on."""
        return self.believe(Policy(self.registry.policy.log, None, WITNESSES, GROUPS, quorum))

    def believe(self, policy: Policy) -> Policy:
        """Believe by this policy, from now on."""
        (self.folder / "policy.txt").write_text(str(policy))
        self.desk.__dict__.pop("trust", None)
        return policy

    def publish(self, note: bytes) -> None:
        self.registry.client.set(layout.CHECKPOINT, note)
        self.registry.client.delete(layout.HISTORY)
        self.registry.client.lpush(layout.HISTORY, note)

    def json(self, query: str = "") -> dict[str, Any]:
        answer = self.http.get(f"/ledger{query}", headers=JSON)
        assert answer.status_code == 200, answer.get_data(as_text=True)
        fields: dict[str, Any] = answer.get_json()
        msgspec.json.decode(answer.get_data(), type=shapes.Overview)
        return fields


@pytest.fixture
def standing(tmp_path: Path, store: redis.Redis) -> Standing:
    return Standing(Registry(tmp_path, store))


def cosigned(note: bytes, **times: int) -> bytes:
    """The note with cosignatures of these witnesses (`_` for `-`) at these moments."""
    text = signing.parse(note).text
    lines = (cosign(text, f"{name}.example", SEEDS[name], time) for name, time in named(times).items())
    return note + "".join(lines).encode()


def named(times: dict[str, int]) -> dict[str, int]:
    return {name.replace("_", "-"): time for name, time in times.items()}


def test_it_tells_what_the_ledger_holds(demo_house: House) -> None:
    found = seen(demo_house)
    head = demo_house.head
    assert (found.origin, found.size) == (head.origin, head.size)
    assert found.root == signing.parse(demo_house.http.get("/checkpoint").data).text.split("\n")[2]
    assert found.policy == (demo_house.settings.data / "policy.txt").read_text()
    assert (found.quorum, found.witnesses) == ("none", [])
    assert found.checkpoints[0].size == head.size
    assert [one.size for one in found.checkpoints] == sorted({one.size for one in found.checkpoints}, reverse=True)
    for one in found.checkpoints[1:]:
        time = clock_time(one.size - 1, reader(demo_house.store))
        assert one.registered == (None if time is None else utc(time))


def test_the_curve_is_of_the_clocks_in_the_ledger(demo_house: House) -> None:
    told = [
        (utc(body["time"]), body["size"])
        for statement in demo_house.leaves()
        if statement.kind == "clock"
        for body in [msgspec.to_builtins(body_of(statement))]
    ]
    found = [(one.time, one.size) for one in seen(demo_house).grown]
    assert found[0] == told[0]
    assert found[-1] == told[-1]
    assert set(found) <= set(told)
    assert len(found) == min(64, len(told))
    text = page(demo_house.http)
    assert text.count('class="line" d="M0 ') == 1
    assert len(re.findall(r"<tr><td>", text)) == len(found)


def test_older_checkpoints_are_a_page_further(demo_house: House) -> None:
    sizes: list[int] = []
    address = ""
    for _ in range(40):
        found = seen(demo_house, address)
        assert found.size == demo_house.head.size, "the newest is told on every page"
        sizes += [one.size for one in found.checkpoints]
        if found.older is None:
            break
        address = found.older.removeprefix("/ledger")
    assert sizes == sorted(set(sizes), reverse=True)
    assert sizes[-1] == 1
    assert "There are no older ones" in page(demo_house.http, "/ledger?before=1")


@pytest.mark.parametrize("before", ["-1", "x", "", "١", "9" * 16, "1" * 5000, "1.5"])
def test_what_is_no_size_is_refused(demo_house: House, before: str) -> None:
    answer = demo_house.http.get("/ledger", query_string={"before": before}, headers=JSON)
    assert (answer.status_code, answer.get_json()["type"]) == (400, "/problems/before")
    assert len(answer.get_data()) < 500


@pytest.mark.parametrize("headers", [PAGE, JSON])
def test_nobody_keeps_it(demo_house: House, headers: dict[str, str]) -> None:
    for path in ("/ledger", "/ledger?before=x"):
        answer = demo_house.http.get(path, headers=headers)
        assert answer.headers["Cache-Control"] == "no-store"
        assert {"Accept", "Accept-Language", "Cookie"} <= {word.strip() for word in answer.headers["Vary"].split(",")}


def test_without_witnesses_it_says_so_plainly(demo_house: House) -> None:
    text = page(demo_house.http)
    assert "This server, and nobody else" in text
    assert "No witness cosigns yet" in text
    assert "The rule:" not in text


@pytest.mark.parametrize(
    ("times", "quorum", "moment"),
    [
        ({}, "missing", None),
        ({"saint_roch": 1_000, "bellevue": 2_000}, "missing", None),
        ({"saint_roch": 1_000, "bellevue": 2_000, "agence": 1_500}, "reached", 2_000),
        ({"saint_roch": 1_000, "bellevue": 2_000, "croix_rousse": 9_000, "agence": 1_500}, "reached", 2_000),
    ],
)
def test_who_cosigned_and_who_is_missing(
    standing: Standing, times: dict[str, int], quorum: str, moment: int | None
) -> None:
    head = Checkpoint(standing.registry.policy.log.name, 0, notes.EMPTY_ROOT)
    standing.publish(cosigned(notes.sign(head, standing.registry.log_key), **times))
    standing.ask("both")
    found = standing.json()
    assert found["quorum"] == quorum
    told = {one["name"]: one["cosigned"] for one in found["witnesses"]}
    assert told == {name: utc(named(times)[name]) if name in named(times) else None for name in SEEDS}
    assert found["checkpoints"][0]["witnesses"] == found["witnesses"]
    assert found["checkpoints"][0]["registered"] == (None if moment is None else utc(moment))


def test_a_page_of_witnesses_says_the_rule_and_who_is_missing(standing: Standing) -> None:
    registry = standing.registry
    sequencer = registry.sequencer()
    sequencer.register(registry.enrolment())
    assert sequencer.note is not None
    standing.publish(cosigned(sequencer.note, saint_roch=1_000, bellevue=2_000, agence=3_000))
    standing.ask("both")
    text = re.sub(r"<[^>]*>", " ", page(standing.http))
    assert "published once cosigned by 2 of 3 hospitals and the authority" in " ".join(text.split())
    assert text.count("has not cosigned") == 2, "in the list, and at the newest checkpoint"
    assert "3 of 4 witnesses" in text
    assert "nobody else" not in text


def test_while_the_witnesses_are_away_it_says_since_when(standing: Standing) -> None:
    head = Checkpoint(standing.registry.policy.log.name, 0, notes.EMPTY_ROOT)
    note = notes.sign(head, standing.registry.log_key)
    standing.publish(cosigned(note, saint_roch=1_000, bellevue=2_000, agence=1_500))
    standing.ask("both")
    rows = (Row("saint-roch"), Row("bellevue", "it does not answer", 5_000))
    standing.registry.client.set(layout.QUORUM, Stands(5_000, rows).encode())
    found = standing.json()
    assert (found["quorum"], found["waiting_since"]) == ("waiting", utc(5_000))
    faults = {one["name"]: one["fault"] for one in found["witnesses"]}
    assert faults == {"saint-roch": None, "bellevue": "it does not answer", "croix-rousse": None, "agence": None}
    assert {one["fault"] for one in found["checkpoints"][0]["witnesses"]} == {None}, "a fault is of now"
    text = page(standing.http)
    assert "Waiting for the witnesses" in text
    assert "(it does not answer)" in text


def test_a_node_that_found_its_ledger_damaged_says_so(standing: Standing) -> None:
    assert "reports nothing damaged" in page(standing.http)
    assert standing.json()["damaged"] is None
    standing.registry.client.set(layout.ALARM, b"leaf 5: expected <its bytes>, found others")
    assert standing.json()["damaged"] == "leaf 5: expected <its bytes>, found others"
    text = page(standing.http)
    assert "Ledger damaged" in text
    assert "expected &lt;its bytes&gt;" in text
    assert "reports nothing damaged" not in text


@pytest.mark.parametrize("spoil", ["false cosignature", "another log", "garbage"])
def test_a_note_in_the_store_that_is_not_ours_is_not_shown(standing: Standing, spoil: str) -> None:
    registry = standing.registry
    sequencer = registry.sequencer()
    sequencer.register(registry.enrolment())
    honest = sequencer.note
    assert honest is not None
    text = signing.parse(honest).text
    false = {
        "false cosignature": honest + cosign(text.replace("16", "17"), "agence.example", SEEDS["agence"], 1).encode(),
        "another log": notes.sign(Checkpoint("another.example", 99, bytes(32)), bytes(32)),
        "garbage": b"\xff garbage",
    }[spoil]
    standing.ask("none")
    registry.client.lpush(layout.HISTORY, false)
    found = standing.json()
    assert [one["size"] for one in found["checkpoints"]] == [16]


def test_a_published_checkpoint_that_is_not_ours_is_no_empty_ledger(standing: Standing) -> None:
    stranger = notes.sign(Checkpoint("another.example", 99, bytes(32)), bytes(32))
    for false in (stranger, b"garbage"):
        standing.registry.client.set(layout.CHECKPOINT, false)
        text = page(standing.http, status=500)
        assert "A fault on our side" in text
        assert "Nothing is published" not in text


def test_a_ledger_that_is_newly_born(standing: Standing) -> None:
    found = standing.json()
    assert (found["size"], found["root"], found["checkpoints"], found["grown"]) == (0, None, [], [])
    text = page(standing.http)
    assert "Nothing is published yet" in text
    assert '<svg class="curve"' not in text
    assert 'href="/tile' not in text


def test_before_there_is_a_consortium(tmp_path: Path, store: redis.Redis) -> None:
    app = web.wire(Flask("verifier.web"), Desk(Settings(data=tmp_path), store, lambda: 0))
    assert "The ledger is starting" in page(app.test_client(), status=503)
    answer = app.test_client().get("/ledger", headers=JSON)
    assert (answer.status_code, answer.get_json()["type"]) == (503, "/problems/not_ready")


def test_the_store_away_is_a_page_and_no_trace(tmp_path: Path, demo_house: House) -> None:
    gone = redis.Redis(unix_socket_path=str(tmp_path / "nobody"))
    http = web.wire(Flask("verifier.web"), Desk(demo_house.settings, gone, demo_house.clock)).test_client()
    text = page(http, status=503)
    assert "The ledger does not answer" in text
    assert "Traceback" not in text
    assert str(tmp_path) not in text
    answer = http.get("/ledger", headers=JSON)
    assert (answer.status_code, answer.get_json()["type"]) == (503, "/problems/store_down")


def test_a_witness_that_is_a_member_is_called_by_its_name(standing: Standing) -> None:
    registry = standing.registry
    sequencer = registry.sequencer()
    sequencer.register(registry.enrolment())
    assert sequencer.note is not None
    standing.publish(sequencer.note)
    key = VerifierKey.of_seed("w.example", bytes(32), COSIGNATURE)
    standing.believe(Policy(registry.policy.log, None, (Witness(CANAL, key),), (), CANAL))
    assert standing.json()["witnesses"] == [{"name": CANAL, "cosigned": None, "fault": None}]
    assert "published once cosigned by Pharmacie du Canal" in page(standing.http)


RULES = [
    ("none", (), None, None),
    ("agence", (), "agence", "agence"),
    ("hospitals", GROUPS, "2 hôpitaux sur 3", "2 of 3 hospitals"),
    ("both", GROUPS, "2 hôpitaux sur 3 et l’autorité", "2 of 3 hospitals and the authority"),
    ("ours", (Group("ours", 3, ("bellevue", "agence", "saint-roch")),), "les 3 témoins de «\xa0ours\xa0»",
     "all 3 witnesses of “ours”"),
    ("two", (Group("hospitals", 1, ("bellevue",)), Group("two", 1, ("hospitals", "agence"))),
     "1 parmi (l’hôpital\xa0; agence)", "1 among (the hospital ; agence)"),
]  # fmt: skip


@pytest.mark.parametrize(("quorum", "groups", "french", "english"), RULES)
def test_the_rule_in_words(quorum: str, groups: Any, french: str | None, english: str | None) -> None:
    policy = Policy(VerifierKey.of_seed("log.example", bytes(32)), None, WITNESSES, groups, quorum)
    assert rule(policy, "fr", {}) == french
    assert rule(policy, "en", {}) == english


def test_clocks_of_a_long_life(store: redis.Redis) -> None:
    every = [Registered(3 * number + 1, 1000 + 60 * number) for number in range(1000)]
    for start in range(0, 1000, 256):
        rows = [list(one) for one in every[start : start + 256]]
        store.set(layout.derived(("clock", str(start // 256))), cbor.encode(rows))
    store.set(layout.derived(("clock",)), cbor.encode(1000))
    spread = clocks.spread(store)
    assert (len(spread), spread[0], spread[-1]) == (64, every[0], every[-1])
    assert spread == sorted(set(spread))
    gaps = {later.time - one.time for one, later in pairwise(spread)}
    assert max(gaps) - min(gaps) <= 60
    recent = clocks.newest(store)
    assert recent == every[512:]
    page_of_two = cbor.encode([list(one) for one in every[256:512]])
    store.delete(layout.derived(("clock", "1")))
    assert set(clocks.spread(store)) < {*spread}, "a page that is not there yet"
    store.set(layout.derived(("clock", "1")), page_of_two)
    assert clocks.time_of(every[900].size - 1, recent) == every[900].time
    assert clocks.time_of(every[300].size, recent) is None, "it may lie before those that were read"


def test_every_other_page_leads_there(demo_house: House) -> None:
    for path in ("/", "/demo", "/docs"):
        assert 'href="/ledger"' in demo_house.http.get(path).get_data(as_text=True)


def test_its_json_is_small(demo_house: House) -> None:
    assert len(json.dumps(msgspec.to_builtins(seen(demo_house)))) < 20_000


# --- what a chain is reported to say ---


def anchor(house: House, size: int, /, **changed: Any) -> Anchor:
    """What a chain would say of the ledger at `size`, unless changed."""
    root = tiles.root(size, LogStore(house.store).tile)
    fields: dict[str, Any] = {"size": size, "root": root, "chain": 1, "contract": CONTRACT, "time": 1_800_000_000}
    fields |= {"transaction": "0x" + "7a" * 32, "block": 21_000_000, "depth": 40, "development": False}
    return Anchor(**fields | changed)


@pytest.fixture
def reported(demo_house: House) -> Iterator[Callable[[list[Anchor]], None]]:
    yield lambda seen: keep(demo_house.store, seen)
    demo_house.store.delete(layout.ANCHORS)


def test_an_anchor_is_reported_with_block_and_depth(demo_house: House, reported: Callable[..., None]) -> None:
    size = demo_house.head.size
    false, ahead = anchor(demo_house, 9, root=bytes(32)), anchor(demo_house, size, size=size + 1, valid=False)
    reported([anchor(demo_house, 12), false, ahead])
    told = {one.size: one for one in seen(demo_house).anchors}
    assert {at: (one.agrees, one.valid) for at, one in told.items()} == {
        12: (True, True), 9: (False, True), size + 1: (None, False),
    }  # fmt: skip
    assert (told[12].block, told[12].depth, told[12].chain) == (21_000_000, 40, 1)
    text = page(demo_house.http)
    assert text.count("block 21,000,000, under 40 more") == 3
    assert "As this server reports; ask the chain" in text
    assert text.count("two histories!") == 1
    assert text.count("not deep enough yet") == 1


def test_a_development_chain_is_no_anchor_anywhere(demo_house: House, reported: Callable[..., None]) -> None:
    reported([anchor(demo_house, 12, development=True, chain=31337)])
    assert seen(demo_house).anchors == []
    for headers in (PAGE, JSON):
        text = demo_house.http.get("/ledger", headers=headers).get_data(as_text=True)
        assert CONTRACT not in text
        assert "31337" not in text


def test_a_damaged_tree_neither_agrees_nor_differs(demo_house: House, reported: Callable[..., None]) -> None:
    reported([anchor(demo_house, 12)])
    whole = demo_house.store.get(layout.tile(0, 0))
    assert isinstance(whole, bytes)
    demo_house.store.set(layout.tile(0, 0), whole[:32])
    try:
        (one,) = seen(demo_house).anchors
        assert one.agrees is None
        assert "two histories" not in page(demo_house.http)
    finally:
        demo_house.store.set(layout.tile(0, 0), whole)


def test_what_is_no_list_of_anchors_shows_none(demo_house: House, reported: Callable[..., None]) -> None:
    demo_house.store.set(layout.ANCHORS, b"\xff")
    assert seen(demo_house).anchors == []
    reported([])


def test_what_was_proved_false_here_is_told(demo_house: House) -> None:
    assert "No false answer was proved here" in page(demo_house.http)
    policy = demo_house.desk.trust.policy
    note = demo_house.http.get("/checkpoint").data
    fork = Checkpoint(policy.log.name, demo_house.head.size, bytes(32))
    other = notes.sign(fork, keys_of(demo_house.settings.data).log)
    data = conviction.encode(Conviction(Evidence(checkpoint=note), seen=other))
    file = demo_house.settings.data / "convictions" / f"{conviction.name_of(data)}.conviction"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(data)
    try:
        (one,) = seen(demo_house).convictions
        assert (one.id, one.lies[0].code) == (file.stem, "two_logs")
        text = page(demo_house.http)
        assert "False answer, proved" in text
        assert f'href="/convictions/{file.stem}"' in text
        assert "No false answer was proved" not in text
        assert "La réponse" not in text
    finally:
        file.unlink()
