"""The watcher: it grows only by what a signature makes the log answer for, convicts a log that signs two trees, and
goes on from its memory."""

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

import pytest
from forge import Case, Forger, answer_of, cases_of, event_of, signed, trust
from house import House

from verifier.answers.convict import convict
from verifier.ledger import tiles
from verifier.ledger.proof import Proof
from verifier.node import inbox, questions
from verifier.node.memory import MOST_ANSWERS, Memory, topics_of
from verifier.node.testimony import Answer, Lied
from verifier.node.watcher import Watcher
from verifier.statements import cbor
from verifier.statements.envelope import TAG_18, Statement, sign
from verifier.statements.product import Product
from verifier.statements.recall import Recall
from verifier.verdict import evidence as files

GTIN, MAKER = "09521000000018", "laboratoires-aubrac"


class Shown:
    """A forger's ledger as a log shows it; `gone` are the kinds whose bytes are nobody's."""

    def __init__(self, node: Forger, gone: Sequence[str] = ()) -> None:
        self.node, self.gone = node, gone
        self.asked: list[str] = []
        self.lie: Callable[[str, bytes], bytes] = lambda _, body: body

    def get(self, path: str, limit: int) -> Answer:
        self.asked.append(path)
        body = self.body(path)
        return Answer(404, b"") if body is None else Answer(200, self.lie(path, body)[: limit + 1])

    def get_all(self, paths: Sequence[str], limit: int) -> Iterable[Answer]:
        return [self.get(path, limit) for path in paths]

    def body(self, path: str) -> bytes | None:
        node = self.node
        if path == "checkpoint":
            return node.note()
        if path.startswith("entries/"):
            found = node.leaves[node.index[bytes.fromhex(path.removeprefix("entries/"))]]
            return None if found.kind in self.gone else found.raw
        tile, entries = tiles.parse_path(path)
        if not entries:
            return node._read(tile.level, tile.number, tile.width)
        ids = [one.id for one in node.leaves[tile.number * 256 :][: tile.width]]
        return tiles.encode_entries(ids)


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory(tmp_path / "log.sqlite") as memory:
        yield memory


@pytest.fixture(scope="module")
def node(demo_house: House) -> Forger:
    return Forger(demo_house)


@pytest.fixture(scope="module")
def case(demo_house: House) -> Case:
    return cases_of(demo_house)["active"]


def watcher(memory: Memory, node: Forger, *gone: str) -> tuple[Watcher, Shown]:
    shown = Shown(node, gone)
    return Watcher(shown, trust(node.house), memory), shown


def followed(memory: Memory, node: Forger, *gone: str) -> tuple[Watcher, Shown]:
    """A watcher that has read all that is shown."""
    found, shown = watcher(memory, node, *gone)
    assert found.follow() == []
    assert sum(found.read_statements()) == node.size
    return found, shown


def product(node: Forger, name: str) -> Statement:
    return signed("product", node.house.key(MAKER), Product(gtin=GTIN, name=name))


def many(node: Forger, count: int) -> Forger:
    return node.grown(*(product(node, f"Amoxadine {number}") for number in range(count)))


def test_it_follows_step_by_step_and_asks_for_nothing_twice(memory: Memory, node: Forger) -> None:
    large = many(node, 400)
    found, shown = followed(memory, large.cut(100))
    for size in (101, 256, 257, 300, large.size):
        shown.node = large.cut(size)
        assert found.follow() == []
        assert (memory.size, tiles.root(size, memory.tile)) == (size, shown.node.root)
        list(found.read_statements())
    entries = [path for path in shown.asked if path.startswith("entries/")]
    assert len(entries) == len(set(entries)) == large.size
    shown.asked.clear()
    assert found.follow() == []
    assert shown.asked == ["checkpoint"]


def test_it_goes_on_from_its_memory(tmp_path: Path, node: Forger, case: Case) -> None:
    with Memory(tmp_path / "log.sqlite") as memory:
        first, _ = followed(memory, node.cut(node.size - 1))
        first.hear(node.remake(case.evidence))
        assert list(first.replay()) == []  # the answer is younger
    with Memory(tmp_path / "log.sqlite") as memory:
        again, shown = watcher(memory, node)
        assert again.follow() == []
        list(again.read_statements())
        assert [path for path in shown.asked if path.startswith("entries/")] == [f"entries/{node.leaves[-1].id.hex()}"]
        ((_, replayed),) = again.replay()
        assert (replayed.convictions, replayed.not_judged) == ((), ())
        assert list(again.replay()) == []


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("tile/entries/000.p/", lambda body: body[:2] + bytes(32) + body[34:]),
        ("tile/entries/000.p/", lambda body: body[:-1]),
        ("entries/", lambda body: body[:-1] + bytes([body[-1] ^ 1])),
        ("checkpoint", lambda body: body[:-9] + b"AAAAAAA=\n"),
        ("checkpoint", lambda body: body * 2**12),
    ],
)
def test_what_no_signature_covers_is_not_kept(
    memory: Memory, node: Forger, path: str, change: Callable[[bytes], bytes]
) -> None:
    found, shown = watcher(memory, node.cut(150))
    shown.lie = lambda asked, body: change(body) if asked.startswith(path) else body
    with pytest.raises(Lied):
        list(chain(found.follow(), found.read_statements()))
    assert memory.size == (150 if path == "entries/" else 0)
    assert memory.leaves(["keys"], []) == {}
    shown.lie = lambda _, body: body
    assert found.follow() == []
    assert sum(found.read_statements()) == 150
    assert memory.withheld() == 0


def test_a_smaller_log_than_before_is_told(memory: Memory, node: Forger) -> None:
    found, shown = followed(memory, node)
    shown.node = node.cut(node.size - 1)
    with pytest.raises(Lied, match=f"expected at least {node.size} leaves, as seen before, found {node.size - 1}"):
        found.follow()


@pytest.mark.parametrize("grows", [-30, 0, 1, 300])
def test_another_tree_convicts_the_log(memory: Memory, node: Forger, grows: int) -> None:
    """Smaller, as large, or larger: the two signatures and the growth between them are the proof."""
    found, shown = followed(memory, node)
    shown.node = many(node.cut(node.size - 40), 40 + grows)
    (conviction,) = found.follow()
    assert convict(conviction, trust(node.house)).lies[0].code == "two_logs"
    assert memory.size == node.size  # nothing of it was taken over
    shown.node = many(node, 1)
    assert found.follow() == []


def test_the_trusts_own_checkpoint_is_held_against_the_log(memory: Memory, node: Forger) -> None:
    fork = many(node.cut(node.size - 3), 2)
    found, _ = watcher(memory, node)
    found.trust = trust(node.house, checkpoint=fork.note())
    (conviction,) = found.follow()
    assert convict(conviction, trust(node.house)).lies[0].code == "two_logs"


def test_an_answer_from_another_tree_convicts_both(memory: Memory, node: Forger, case: Case) -> None:
    """The log by the checkpoint that came with it, the answer's key by the root that it names."""
    node = node.grown(*(product(node, f"Told by nobody {number}") for number in range(3)))  # not the case's
    found, _ = followed(memory, node)
    fork = many(node.cut(node.size - 3), 2)
    (log,) = found.hear(fork.remake(case.evidence))
    ((_, replayed),) = found.replay()
    codes = [convict(one, trust(node.house)).lies[0].code for one in (log, *replayed.convictions)]
    assert codes == ["two_logs", "another_tree"]


def test_a_serial_once_shown_to_be_issued_is_never_denied_again(memory: Memory, node: Forger, case: Case) -> None:
    found, _ = followed(memory, node)
    denial = node.remake(replace(case.evidence, serial=None), state="unknown", withheld=[], custody=[])
    found.hear(denial)
    assert [(one.convictions, one.not_judged) for _, one in found.replay()] == [((), ("issue",))]
    found.hear(node.remake(case.evidence))
    later = node.remake(
        replace(case.evidence, serial=None), state="unknown", withheld=[], custody=[], time=1_700_000_001
    )
    found.hear(later)
    convicted = [convict(one, trust(node.house)) for _, replayed in found.replay() for one in replayed.convictions]
    assert {one.lies[0].code for one in convicted} == {"denied_issue", "two_answers"}


def test_a_proof_that_leads_nowhere_is_not_remembered(
    memory: Memory, node: Forger, case: Case, demo_house: House
) -> None:
    found, _ = followed(memory, node)
    other = cases_of(demo_house)["neighbour"].evidence.serial
    found.hear(node.remake(replace(case.evidence, serial=other)))
    assert memory.issued(case.identity) is None


def test_who_reads_more_asks_again(memory: Memory, node: Forger) -> None:
    _, _ = followed(memory, node, "event")
    events = sum(one.kind == "event" for one in node.leaves)
    assert memory.withheld() == events > 0
    memory.ask_again()
    found, _ = watcher(memory, node)
    assert sum(found.read_statements()) == events
    assert memory.withheld() == 0


def test_a_recall_that_is_shown_to_nobody_is_shown_by_its_sender(memory: Memory, node: Forger, case: Case) -> None:
    body = Recall(gtin=case.identity.gtin or "", depth="patients", reason="hidden")
    recall = signed("recall", node.house.key("agence-sante"), body)
    grown = node.grown(recall)
    found, _ = followed(memory, grown, "recall")
    found.hear(grown.remake(case.evidence))
    assert [one.convictions for _, one in found.replay()] == [()]
    assert found.hold(recall.raw) == grown.size - 1
    assert found.hold(product(node, "elsewhere").raw) is None
    found.hear(grown.remake(case.evidence, time=1_700_000_001))
    ((_, replayed),) = found.replay()
    assert [convict(one, trust(node.house)).lies[0].code for one in replayed.convictions] == ["hidden_recall"]


def test_a_statement_of_a_kind_that_is_not_known_is_kept(memory: Memory, node: Forger) -> None:
    """A log of a newer house is followed all the same."""
    stranger = sign("trial", MAKER, "urn:probatum:trial:1", 1, cbor.encode({"x": 1}), bytes(32))
    grown = node.grown(stranger)
    followed(memory, grown)
    assert memory.leaves([], [stranger.id]) == {stranger.id: (node.size, stranger.raw)}
    assert list(topics_of(stranger)) == []


def test_the_inbox(memory: Memory, node: Forger, case: Case, tmp_path: Path) -> None:
    found, shown = followed(memory, node)
    folder = tmp_path / "inbox"
    folder.mkdir()
    grown = node.grown(product(node, "next"))
    later = Proof(node.size, grown.show([grown.leaves[-1].id])[0].path, grown.note())
    for name, data in {
        "an answer": files.encode(case.evidence),
        "junk": b"junk",
        "nothing": b"",
        "too much": bytes(files.MAX_BYTES + 1),
        "a broken statement": TAG_18 + b"\x80",
        "later receipt": later.encode(),
        "later statement": grown.leaves[-1].raw,
        "no receipt of this log": later.encode().replace(b"probatum.example", b"another.example"),
    }.items():
        (folder / name).write_bytes(data)
    took = {path.name: (said, convicted) for path, said, convicted in inbox.take(folder, found)}
    assert took.pop("an answer") == ("an answer", [])
    assert {said.partition(":")[0] for said, _ in took.values()} == {"not taken"}
    assert sorted(path.name for path in folder.iterdir() if path.is_file()) == ["later receipt", "later statement"]
    shown.node = grown
    assert found.follow() == []
    took = {path.name: (said, convicted) for path, said, convicted in inbox.take(folder, found)}
    assert took == {"later receipt": ("a receipt", []), "later statement": (f"a statement, leaf {node.size}", [])}
    assert list(inbox.take(folder, found)) == []


def test_what_is_asked_is_what_a_patient_could_ask(memory: Memory, node: Forger) -> None:
    """Whole packs with their lot's date, lots, products: of everything that the log names, and of the list."""
    named = Recall(gtin=GTIN, depth="patients", reason="some", batches=["L7"], serials=["A", "é" * 3])
    followed(memory, node.grown(signed("recall", node.house.key("agence-sante"), named)))
    chance = random.Random(1)
    drawn = {questions.draw(memory, ["(01)09521000000018"], chance) for _ in range(6000)}
    links = {one for one in drawn if one is not None and one.startswith("https://id.gs1.org/01/")}
    assert drawn - links == {"(01)09521000000018"}
    packs = {one for one in links if "/21/" in one}
    assert packs
    assert all("?17=" in one for one in packs if "/10/L7/" not in one)
    assert f"https://id.gs1.org/01/{GTIN}/10/L7/21/A" in links
    assert f"https://id.gs1.org/01/{GTIN}" in links
    assert any("/10/" in one and "/21/" not in one for one in links)


def test_nothing_is_asked_of_what_is_not_known(memory: Memory, node: Forger) -> None:
    assert questions.draw(memory, [], random.Random(1)) is None
    followed(memory, node.cut(3))  # members and keys alone
    assert questions.draw(memory, [], random.Random(1)) is None


def test_no_more_answers_are_kept_than_will_be_judged(memory: Memory) -> None:
    for number in range(MOST_ANSWERS // 1000):
        memory.hear("x", 1, number.to_bytes(4, "big"))
    memory._db.execute("UPDATE answer SET rowid = rowid + ?", (MOST_ANSWERS,))
    memory.hear("x", 1, b"newest")
    assert len(memory.beside("x", 1)) == 11
    memory._db.execute("UPDATE answer SET rowid = rowid + ? WHERE raw = ?", (MOST_ANSWERS, b"newest"))
    memory.hear("x", 1, b"newer")
    assert memory.beside("x", 1) == [b"newer", b"newest"]


def test_a_step_of_a_newer_table_is_not_judged(memory: Memory, node: Forger, case: Case) -> None:
    event = event_of("dispense", [case.identity], 1_700_000_000)
    newer = event.epcis.replace(b'"dispensing"', b'"returning"')
    said = signed("event", node.house.key("pharmacie-du-canal"), type(event)(epcis=newer))
    grown = node.grown(said)
    found, _ = followed(memory, grown)
    withheld = sorted([*answer_of(case.evidence).withheld, said.id])
    found.hear(grown.remake(case.evidence, withheld=withheld, state="active"))
    assert [one.convictions for _, one in found.replay()] == [()]
