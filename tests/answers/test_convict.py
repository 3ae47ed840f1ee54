"""Convictions: each lie caught by the fewest leaves that show it, and no honest answer ever."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cbor2
import pytest
from forge import Case, Forger, answer_of, cases_of, event_of, key_statement, signed, trust
from house import House
from msgspec.structs import replace as changed

from verifier.answers import conviction as files
from verifier.answers.convict import Convicted, Unproven, convict, to_json
from verifier.answers.conviction import Conviction
from verifier.answers.lies import WORDS
from verifier.answers.replay import Mirror, Replayed, replay
from verifier.ledger import checkpoint as notes
from verifier.ledger.checkpoint import Checkpoint
from verifier.ledger.note import VerifierKey
from verifier.ledger.policy import Log
from verifier.statements.answer import Answer
from verifier.statements.envelope import Statement, read, sign
from verifier.statements.kinds import body_of
from verifier.statements.product import Product
from verifier.statements.recall import Recall

MAKER, CANAL = "laboratoires-aubrac", "pharmacie-du-canal"
CASES = [
    "active", "supplied", "stolen", "destroyed", "gap", "recalled", "withdrawn", "imported", "signed", "disputed",
    "cold", "retired", "doubted", "unknown", "not_registered",
]  # fmt: skip


@pytest.fixture(scope="module")
def cases(demo_house: House) -> dict[str, Case]:
    return cases_of(demo_house)


@pytest.fixture(scope="module")
def node(demo_house: House, cases: dict[str, Case]) -> Forger:
    """The ledger, as it was once every case had been answered."""
    return Forger(demo_house)


def mirror_of(node: Forger, without: Iterable[str] = ()) -> Mirror:
    """All of a forger's ledger, but for statements of some kinds."""
    rows = {s.id: (at, s.raw) for at, s in enumerate(node.leaves) if s.kind not in set(without)}
    return Mirror(node.note(), node._read, rows)


def replayed(node: Forger, raw: bytes | None, case: Case | None = None, **more: Any) -> Replayed:
    """What a follower who may read everything finds; the serial's proof is the case's."""
    serial = case.evidence.serial if case else None
    return replay(raw or b"", mirror_of(node), trust(node.house), serial, **more)


def caught(node: Forger, raw: bytes | None, case: Case | None = None, **more: Any) -> dict[str, Convicted]:
    """What each conviction proves, by the gravest lie in it; each read again from its file."""
    found = [
        convict(files.decode(files.encode(one)), trust(node.house))
        for one in replayed(node, raw, case, **more).convictions
    ]
    assert len({one.lies[0].code for one in found}) == len(found)
    return {one.lies[0].code: one for one in found}


def lie(node: Forger, case: Case, **said: Any) -> bytes:
    """The case's answer, honest as of this ledger but for the fields `said`."""
    grown = node.remake(case.evidence)
    return node.sign_answer(changed(answer_of(grown), **said), node.answered(case.evidence))


def kinds(node: Forger, answer: Answer, kind: str) -> list[Statement]:
    return [s for s in node.leaves if s.kind == kind and s.id in (*answer.applies, *answer.withheld)]


@pytest.mark.parametrize("name", CASES)
def test_an_honest_answer_convicts_nobody(node: Forger, cases: dict[str, Case], name: str) -> None:
    case = cases[name]
    found = replayed(node, case.evidence.answer, case)
    assert found.convictions == ()
    assert found.not_judged == (("issue",) if name in ("unknown", "not_registered") else ())
    with pytest.raises(Unproven, match="no lie"):
        convict(Conviction(case.evidence), trust(node.house))


def test_a_hidden_recall(node: Forger, cases: dict[str, Case]) -> None:
    case = cases["active"]
    body = Recall(gtin=case.identity.gtin or "", depth="patients", reason="test", batches=[case.identity.batch or ""])
    recall = signed("recall", node.house.key(MAKER), body)
    grown = node.grown(recall)
    found = caught(grown, grown.remake(case.evidence).answer, case)["hidden_recall"]
    assert (found.member, found.identity, found.size) == ("registre-demo", case.identity.digital_link(), grown.size)
    assert [lie.shown_by for lie in found.lies] == [(recall.id,)]
    told = to_json(found, "en")
    assert told["lies"][0]["statement"] | {"said_at": ""} == {
        "id": recall.id.hex(), "kind": "recall", "by": MAKER, "leaf": grown.size - 1, "said_at": "",
    }  # fmt: skip
    assert to_json(found, "fr")["lies"][0]["sentence"].startswith("La réponse tait un rappel")
    assert caught(grown, grown.remake(case.evidence, recall).answer, case) == {}


@pytest.mark.parametrize("covers", ["another product", "another lot", "another serial of the lot"])
def test_only_what_names_the_lot_had_to_be_named(node: Forger, cases: dict[str, Case], covers: str) -> None:
    """Of a lot's recalls the answer names all, whatever serials they name: which of them hold is for who judges."""
    case = cases["active"]
    gtin, batch = case.identity.gtin, case.identity.batch
    fields: dict[str, Any] = {"gtin": gtin, "depth": "patients", "reason": "test", "batches": [batch]}
    fields |= {
        "another product": {"gtin": cases["not_registered"].identity.gtin},
        "another lot": {"batches": ["ELSEWHERE"]},
        "another serial of the lot": {"serials": ["NOT-THIS-ONE"]},
    }[covers]
    grown = node.grown(signed("recall", node.house.key("agence-sante"), Recall.of(fields)))
    found = caught(grown, grown.remake(case.evidence).answer, case)
    assert list(found) == (["hidden_recall"] if covers == "another serial of the lot" else [])


def test_what_came_after_the_answer_never_convicts(node: Forger, cases: dict[str, Case]) -> None:
    """Made at N just as N+1 was published: the proof of growth says which tree it was about."""
    case = cases["active"]
    body = Recall(gtin=case.identity.gtin or "", depth="patients", reason="test")
    dispensed = signed("event", node.house.key(CANAL), event_of("dispense", [case.identity], 1_700_000_000))
    grown = node.grown(signed("recall", node.house.key(MAKER), body), dispensed)
    assert replayed(grown, node.remake(case.evidence).answer, case) == Replayed()
    assert replayed(node, grown.remake(case.evidence).answer, case) == Replayed(not_judged=("size",))


def test_a_hidden_dispensing(node: Forger, cases: dict[str, Case]) -> None:
    case = cases["active"]
    event = signed("event", node.house.key(CANAL), event_of("dispense", [case.identity], 1_700_000_000, name="hidden"))
    grown = node.grown(event)
    found = caught(grown, grown.remake(case.evidence).answer, case)
    assert list(found) == ["hidden_event"]
    assert [lie.shown_by for lie in found["hidden_event"].lies] == [(event.id,)]  # it alone is enough


def test_who_signed_the_dispensing_needs_nothing_else(node: Forger, cases: dict[str, Case]) -> None:
    """Events are for their parties: whoever holds one of them alone convicts with it."""
    case = cases["active"]
    event = signed("event", node.house.key(CANAL), event_of("dispense", [case.identity], 1_700_000_000, name="hidden"))
    grown = node.grown(event)
    rows = mirror_of(grown, without=["event"])
    held = replace(rows, leaves={**rows.leaves, event.id: (grown.size - 1, event.raw)})
    found = replay(grown.remake(case.evidence).answer or b"", held, trust(node.house))
    assert found.not_judged == ("state",)
    (one,) = found.convictions
    assert convict(one, trust(node.house)).lies[0].code == "hidden_event"
    stranger = replay(grown.remake(case.evidence).answer or b"", rows, trust(node.house))
    assert stranger == Replayed(not_judged=("state",))


def test_one_event_of_several_packs_is_recorded_only_where_it_changes_something(
    node: Forger, cases: dict[str, Case]
) -> None:
    """The trap: a pharmacy's second scan of a pack among others is a leaf, and no part of that pack's record."""
    first, other = cases["supplied"], cases["active"]
    both = [first.identity, other.identity]
    again = signed("event", node.house.key(CANAL), event_of("dispense", both, 1_700_000_000, name="both"))
    grown = node.grown(again)
    assert caught(grown, grown.remake(first.evidence).answer, first) == {}
    found = caught(grown, grown.remake(other.evidence).answer, other)
    assert list(found) == ["hidden_event"]
    named = answer_of(other.evidence).withheld
    assert set(named) <= found["hidden_event"].leaves.keys()  # what it names must be shown, or nothing is
    lone = found["hidden_event"].leaves.keys() - set(named)
    whole = replayed(grown, grown.remake(other.evidence).answer, other).convictions[0]
    few = tuple(e for e in whole.said.statements if read(e.raw).id in lone or read(e.raw).kind == "batch")
    with pytest.raises(Unproven, match="no lie"):
        convict(Conviction(replace(whole.said, statements=few)), trust(node.house))


def test_a_hidden_revocation(node: Forger, cases: dict[str, Case]) -> None:
    case = cases["doubted"]
    (revoked,) = [
        s for s in kinds(node, answer_of(case.evidence), "key") if getattr(body_of(s), "compromised_since", None)
    ]
    grown = node.remake(case.evidence, without=[revoked.id])
    found = caught(node, grown.answer, case)
    assert list(found) == ["hidden_key"]
    assert found["hidden_key"].lies[0].shown_by[0] == revoked.id
    assert (
        read(next(e.raw for e in case.evidence.statements if read(e.raw).kind == "batch")).id
        in found["hidden_key"].leaves
    )


def test_an_enrolment_left_out(node: Forger, cases: dict[str, Case]) -> None:
    case = cases["active"]
    for one in kinds(node, answer_of(case.evidence), "member"):
        assert list(caught(node, node.remake(case.evidence, without=[one.id]).answer, case)) == ["hidden_key"]
    assert list(caught(node, node.remake(case.evidence, without=[node.leaves[0].id]).answer, case)) == ["hidden_key"]


def test_the_product_in_force(node: Forger, cases: dict[str, Case]) -> None:
    """The newest: to name an older one hides it, and to show that takes all that the answer names."""
    case = cases["active"]
    newer = signed("product", node.house.key(MAKER), Product(gtin=case.identity.gtin or "", name="Amoxadine, renamed"))
    grown = node.grown(newer)
    (old,) = kinds(node, answer_of(case.evidence), "product")
    found = caught(grown, grown.remake(case.evidence).answer, case)
    assert list(found) == ["hidden_product"]
    assert found["hidden_product"].lies[0].shown_by[0] == newer.id
    assert caught(grown, grown.remake(case.evidence, newer, without=[old.id]).answer, case) == {}
    assert list(caught(node, lie(node, case, state="not_registered", withheld=[], custody=[]))) == ["hidden_product"]


def test_a_lot_left_out(node: Forger, cases: dict[str, Case]) -> None:
    case = cases["active"]
    (batch,) = kinds(node, answer_of(case.evidence), "batch")
    found = caught(node, node.remake(case.evidence, without=[batch.id]).answer, case)
    assert "hidden_batch" in found
    expiry = case.identity.expiry or ""
    redated = case.identity.digital_link().replace(expiry, str(int(expiry) - 1))
    assert list(caught(node, lie(node, case, identity=redated))) == ["hidden_batch"]


def test_a_denied_serial(node: Forger, cases: dict[str, Case]) -> None:
    """Whoever was once shown that the serial was issued holds the proof that it was; nobody else can tell."""
    case = cases["active"]
    denial = lie(node, case, state="unknown", withheld=[], custody=[])
    assert list(caught(node, denial, case)) == ["denied_issue"]
    assert replayed(node, denial) == Replayed(not_judged=("issue",))
    neighbour = replace(case, evidence=replace(case.evidence, serial=cases["neighbour"].evidence.serial))
    assert replayed(node, denial, neighbour) == Replayed()
    expiry = case.identity.expiry or ""
    misread = case.identity.digital_link().replace(expiry, str(int(expiry) - 1))  # the date is not the box's: a miss
    assert (
        replayed(node, lie(node, case, identity=misread, state="unknown", withheld=[], custody=[]), case) == Replayed()
    )


def test_a_makers_answer_convicts_the_maker(node: Forger, cases: dict[str, Case]) -> None:
    case = cases["unknown"]
    assert node.answered(case.evidence).member == MAKER
    body = Recall(gtin=case.identity.gtin or "", depth="patients", reason="test")
    grown = node.grown(signed("recall", node.house.key("agence-sante"), body))
    found = caught(grown, grown.remake(case.evidence).answer, case)
    assert found["hidden_recall"].member == MAKER


@pytest.mark.parametrize(
    "said",
    [{"state": "active"}, {"custody": []}, {"disputes": 3}, {"withheld": []}],
    ids=["its state", "its way", "its disputes", "its steps"],
)
def test_a_state_that_its_own_steps_do_not_lead_to(node: Forger, cases: dict[str, Case], said: dict[str, Any]) -> None:
    assert "false_state" in caught(node, lie(node, cases["supplied"], **said), cases["supplied"])


def test_a_miss_tells_of_no_way(node: Forger, cases: dict[str, Case]) -> None:
    steps = answer_of(cases["supplied"].evidence).custody
    assert list(caught(node, lie(node, cases["unknown"], custody=steps))) == ["false_state"]


def test_steps_of_another_pack_are_no_way_of_this_one(node: Forger, cases: dict[str, Case]) -> None:
    other = answer_of(cases["stolen"].evidence)
    told = {"withheld": other.withheld, "custody": other.custody, "state": other.state}
    assert "false_state" in caught(node, lie(node, cases["active"], **told), cases["active"])


def test_two_answers_that_cannot_both_be_true(node: Forger, cases: dict[str, Case]) -> None:
    case = cases["supplied"]
    honest, later = (lie(node, case, time=time) for time in (1_700_000_000, 1_700_009_999))
    other = lie(node, case, state="active", withheld=[], custody=[])
    stranger = replay(honest, mirror_of(node, ["event", "recall"]), trust(node.house), None, [later, other])
    (one,) = stranger.convictions
    assert [lie.code for lie in convict(one, trust(node.house)).lies] == ["two_answers"]
    assert replayed(node, honest, case, others=[later, lie(node, cases["active"])]) == Replayed()
    member = lie(node, case, audience="professionals")
    assert replayed(node, honest, case, others=[member]) == Replayed()
    missed, told = (
        lie(node, cases["unknown"], state=state, audience=audience)
        for state, audience in (("unknown", None), ("mismatch", "professionals"))
    )
    assert replayed(node, missed, others=[told]) == Replayed(not_judged=("issue",))


def test_an_answer_that_nobody_signed_stands_beside_none(node: Forger, cases: dict[str, Case]) -> None:
    """Whoever would frame a node writes the other answer himself, under the node's key id."""
    case = cases["supplied"]
    honest, other = lie(node, case), lie(node, case, state="active", withheld=[], custody=[])
    for forged in (other[:-64] + bytes(64), other[:-1] + bytes([other[-1] ^ 1])):
        assert replayed(node, honest, case, others=[forged]) == Replayed()
        said = replayed(node, honest, case, others=[other]).convictions[0]
        with pytest.raises(Unproven, match="bad signature"):
            convict(replace(said, other=forged), trust(node.house))
        with pytest.raises(Unproven, match="bad signature"):
            convict(replace(said, said=replace(said.said, answer=forged)), trust(node.house))


def test_a_leaf_that_no_honest_log_holds_shields_nobody(node: Forger, cases: dict[str, Case]) -> None:
    """Named in the answer, or about the pack: it is left aside, and what else is shown convicts."""
    case, house = cases["active"], node.house
    gtin = case.identity.gtin or ""
    recall = signed("recall", house.key("agence-sante"), Recall(gtin=gtin, depth="patients", reason="test"))
    stolen = event_of("stolen", [case.identity], 1_700_000_000)
    shields = {
        "by who may not": signed("product", house.key(CANAL), Product(gtin=gtin, name="Shield")),
        "by nobody": signed("product", node.log, Product(gtin=gtin, name="Shield")),
        "of no known kind": sign("shield", MAKER, "urn:x", 1, b"\xa0", house.key(MAKER).seed),
        "another maker's": signed("event", house.key("nordhavn-pharma"), stolen),
    }
    for name, shield in shields.items():
        grown = node.grown(recall, shield)
        withheld = sorted([*answer_of(case.evidence).withheld, shield.id])
        said = {"withheld": withheld} if shield.kind == "event" else {}
        answer = grown.remake(case.evidence, *([shield] if not said else []), **said).answer
        assert "hidden_recall" in caught(grown, answer, case), name


def test_an_answer_about_another_tree(node: Forger, cases: dict[str, Case]) -> None:
    case = cases["active"]
    forked = node.cut(node.size - 1).grown(
        signed("product", node.house.key(MAKER), Product(gtin=case.identity.gtin or "", name="Fork"))
    )
    grown = node.grown(*node.leaves[-1:])
    for here in (node, grown):
        found = caught(here, forked.remake(case.evidence).answer, case)
        assert list(found) == ["another_tree"]
    assert caught(grown, node.remake(case.evidence).answer, case) == {}


def test_a_log_that_signed_two_trees(node: Forger, cases: dict[str, Case]) -> None:
    """A sender's receipt (a proof under a signed checkpoint) and the checkpoint that everybody else sees."""
    fork = node.cut(node.size - 3).grown(*node.leaves[-2:])
    believed, house = replace(cases["active"].evidence, answer=None, statements=(), serial=None), node.house
    here = replace(believed, checkpoint=node.note(), growth=node.growth(fork.size))
    found = convict(Conviction(here, seen=fork.note()), trust(house))
    assert (found.lies[0].code, found.name, found.identity) == ("two_logs", "probatum.example/demo", None)
    same = fork.cut(fork.size - 1).grown(node.leaves[0])
    assert convict(Conviction(replace(here, checkpoint=fork.note(), growth=None), seen=same.note()), trust(house))
    for honest in (node.cut(fork.size).note(), notes.sign(Checkpoint("other.example", 1, bytes(32)), node.log.seed)):
        with pytest.raises(Unproven):
            convict(Conviction(here, seen=honest), trust(house))


def test_another_log_of_the_policy_is_not_held_against_ours(node: Forger, cases: dict[str, Case]) -> None:
    """A policy may believe several logs: the tree of one says nothing about what another signed, or was asked."""
    seed, believed = bytes([5]) * 32, trust(node.house)
    other = VerifierKey.of_seed("other.example", seed)
    two = replace(believed, policy=replace(believed.policy, others=(Log(other),)))
    theirs = notes.sign(Checkpoint("other.example", node.size, bytes(32)), seed)
    assert notes.open(theirs, two.policy).origin == "other.example"
    alone = replace(cases["active"].evidence, answer=None, statements=(), serial=None)
    for note, seen in ((node.note(), theirs), (theirs, node.note())):
        with pytest.raises(Unproven):
            convict(Conviction(replace(alone, checkpoint=note), seen=seen), two)
    grown = notes.sign(Checkpoint("other.example", node.size, node.root), seed)
    hidden = node.remake(cases["recalled"].evidence, without=[r.id for r in node.leaves if r.kind == "recall"])
    with pytest.raises(Unproven, match="origin"):
        convict(Conviction(replace(hidden, checkpoint=grown)), two)


def test_a_growth_that_was_made_up_convicts_nobody(node: Forger, cases: dict[str, Case]) -> None:
    """Who carries a file chooses the root in it: what is older and honest must not seem to be another tree's."""
    case, old = cases["active"], node.cut(node.size - 3)
    true, others = node.growth(old.size), node.growth(old.size - 1)
    honest = old.remake(case.evidence)
    here = replace(honest, checkpoint=node.note(), statements=node.show(read(one.raw).id for one in honest.statements))
    for growth in (
        replace(true, root=bytes(32)),
        replace(true, root=bytes(32), path=()),
        replace(true, root=old.cut(old.size - 1).root, path=others.path),
        replace(true, root=node.root, path=()),
        replace(others, root=bytes(32)),
    ):
        for conviction in (
            Conviction(replace(here, growth=growth)),
            Conviction(replace(here, answer=None, statements=(), serial=None, growth=growth), seen=old.note()),
        ):
            with pytest.raises(Unproven):
                convict(conviction, trust(node.house))


def test_who_is_nobodys_answerer_is_not_convicted(node: Forger, cases: dict[str, Case]) -> None:
    """A key of another purpose, one never enrolled, one that was revoked, one reported stolen: whoever held it lied."""
    case, house = cases["active"], node.house
    answer = answer_of(case.evidence)
    end = key_statement(node.node, node.answerer.public, "revoked", purpose="answer")
    body = Recall(gtin=case.identity.gtin or "", depth="patients", reason="test")
    recall = signed("recall", house.key(MAKER), body)
    for key in (node.node, house.key(MAKER), node.log):
        assert replayed(node, node.sign_answer(answer, key), case).convictions == ()
    ended = node.grown(end, recall)
    assert replayed(ended, ended.remake(case.evidence).answer, case) == Replayed(not_judged=("revoked_key",))
    lied = node.grown(recall)
    false = lied.remake(case.evidence).answer
    later = lied.grown(key_statement(node.node, node.answerer.public, "revoked", purpose="answer"))
    assert "hidden_recall" in caught(later, false, case)  # ended in good order, after the lie
    stolen = lied.grown(
        key_statement(node.node, node.answerer.public, "revoked", purpose="answer", compromised_since=lied.size - 1)
    )
    assert replayed(stolen, false, case) == Replayed(not_judged=("stolen_key",))
    makers = node.sign_answer(answer, node.makers[0])
    assert replayed(node, makers, case) == Replayed(not_judged=("role",))  # of custody a maker is not asked


def test_what_is_shown_must_be_proven(node: Forger, cases: dict[str, Case]) -> None:
    case = cases["active"]
    body = Recall(gtin=case.identity.gtin or "", depth="patients", reason="test")
    grown = node.grown(signed("recall", node.house.key(MAKER), body))
    (good,) = replayed(grown, grown.remake(case.evidence).answer, case).convictions
    said, exhibits = good.said, good.said.statements
    moved = replace(exhibits[-1], index=exhibits[-1].index - 1)
    answer = answer_of(said)
    spelt = grown.sign_answer(changed(answer, identity=answer.identity.replace("id.gs1.org", "ID.GS1.ORG")))
    parts = cbor2.loads(said.answer or b"").value
    headed = cbor2.dumps(cbor2.CBORTag(18, [parts[0], {99: b"x"}, *parts[2:]]), canonical=True)
    convict(good, trust(node.house))
    bad = {
        "another genesis": (good, trust(node.house, genesis=bytes(32))),
        "no checkpoint": (replace(good, said=replace(said, checkpoint=None)), None),
        "an older checkpoint": (replace(good, said=replace(said, checkpoint=node.note())), None),
        "growth that is not asked for": (replace(good, said=replace(said, growth=grown.growth(5))), None),
        "in another order": (replace(good, said=replace(said, statements=exhibits[::-1])), None),
        "twice": (replace(good, said=replace(said, statements=(*exhibits, exhibits[-1]))), None),
        "at another leaf": (replace(good, said=replace(said, statements=(*exhibits[:-1], moved))), None),
        "without who enrolled them": (replace(good, said=replace(said, statements=exhibits[-1:])), None),
        "without the recall": (replace(good, said=replace(said, statements=exhibits[:-1])), None),
        "no answer": (replace(good, said=replace(said, answer=exhibits[-1].raw)), None),
        "an identity spelt otherwise": (replace(good, said=replace(said, answer=spelt)), None),
        "the answer under another header": (replace(good, said=replace(said, answer=headed)), None),
        "the answer twice": (replace(good, other=said.answer), None),
        "nothing": (replace(good, said=replace(said, answer=None)), None),
    }  # fmt: skip
    for conviction, believed in bad.values():
        with pytest.raises(Unproven):
            convict(conviction, believed or trust(node.house))


def test_the_file(node: Forger, cases: dict[str, Case]) -> None:
    case = cases["active"]
    body = Recall(gtin=case.identity.gtin or "", depth="patients", reason="test")
    grown = node.grown(signed("recall", node.house.key(MAKER), body))
    (good,) = replayed(grown, grown.remake(case.evidence).answer, case).convictions
    data = files.encode(good)
    assert files.decode(data) == good
    assert len(files.name_of(data)) == 64
    for at in range(
        0, len(data) * 8, 97
    ):  # a bit in each twelfth byte: none leaves a file that convicts of other things
        broken = bytearray(data)
        broken[at // 8] ^= 1 << at % 8
        with pytest.raises(ValueError):
            convict(files.decode(bytes(broken)), trust(node.house))
    for cut in range(0, len(data), 211):
        with pytest.raises(ValueError):
            files.decode(data[:cut])


def test_every_lie_has_words_and_a_test() -> None:
    assert {tuple(words) for words in WORDS.values()} == {("fr", "en")}
    source = Path(__file__).read_text("utf-8")
    assert [code for code in WORDS if f'"{code}"' not in source] == []
