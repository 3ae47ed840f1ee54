"""The laws of the verdict, on evidence gathered for real: what is lost, altered, mixed or made up never reads genuine.

`judge_strictly` is asked wherever the exhibits can be read, so that no fault of ours hides as "unverified".
"""

from base64 import urlsafe_b64encode
from dataclasses import fields, replace
from typing import Any

import pytest
from forge import Case, Forger, trust, verdict
from house import House
from hypothesis import given, settings
from hypothesis import strategies as st
from spoil import altered, flipped, read_back

from verifier.identity import Identity, parse_text
from verifier.statements import cbor, pack_signature
from verifier.verdict import evidence as files
from verifier.verdict.evidence import Evidence, Exhibit
from verifier.verdict.judge import Question, judge, judge_strictly
from verifier.verdict.reasons import OUTCOMES, QUESTIONS, REASONS, sort
from verifier.verdict.trust import Trust
from verifier.verdict.verdict import Verdict, to_json

EXPECTED = {
    "active": ("genuine", "not_recorded"), "neighbour": ("genuine", "not_recorded"), "supplied": ("dispensed",),
    "imported": ("genuine", "not_recorded"), "stolen": ("stolen",), "destroyed": ("destroyed",), "gap": ("gap",),
    "expired": ("expired",), "recalled": ("recall_patient",), "withdrawn": ("recall_pharmacy",),
    "signed": ("genuine", "not_recorded"), "unknown": ("unknown",), "not_registered": ("not_registered",),
    "disputed": ("disputed", "dispensed"), "cold": ("cold",), "retracted": ("withdrawn",),
    "retired": ("genuine", "not_recorded"), "doubted": ("key_compromised",),
}  # fmt: skip
GENUINE = ("active", "supplied", "imported", "signed", "retired")
names = st.sampled_from(sorted(EXPECTED))


def asked(house: House, case: Case, evidence: Evidence | None) -> Verdict:
    return verdict(house, case.identity, evidence)


@pytest.mark.parametrize("name", EXPECTED)
def test_whole_evidence_says_what_is_so(demo_house: House, cases: dict[str, Case], name: str) -> None:
    case = cases[name]
    assert asked(demo_house, case, case.evidence).reasons == EXPECTED[name]
    assert files.decode(files.encode(case.evidence)) == case.evidence


@pytest.mark.parametrize("name", EXPECTED)
def test_any_exhibit_removed_is_never_genuine(demo_house: House, cases: dict[str, Case], name: str) -> None:
    case, whole = cases[name], cases[name].evidence
    statements = whole.statements
    poorer = [replace(whole, statements=statements[:n] + statements[n + 1 :]) for n in range(len(statements))]
    poorer += [replace(whole, checkpoint=None), replace(whole, answer=None)]
    poorer += [replace(whole, serial=None)] if whole.serial else []
    for evidence in (*poorer, replace(whole, statements=()), Evidence(), None):
        found = asked(demo_house, case, evidence)
        assert found.outcome != "genuine"
        if REASONS[EXPECTED[name][0]].outcome == "genuine":
            assert found.outcome == "unverified"  # a loss is never told as a danger


MISSING: dict[str, tuple[dict[str, Any], str]] = {
    "issue": ({"serial": None}, "missing_issue"),
    "state": ({"answer": None}, "missing_state"),
    "ledger": ({"checkpoint": None}, "missing_state"),
    "keys": ({"statements": ()}, "missing_keys"),
}


@pytest.mark.parametrize("what", MISSING)
def test_a_missing_class_of_evidence_is_named(demo_house: House, cases: dict[str, Case], what: str) -> None:
    lost, code = MISSING[what]
    found = asked(demo_house, cases["active"], replace(cases["active"].evidence, **lost))
    assert found.outcome == "unverified"
    assert code in found.reasons
    assert set(found.answers.values()) == {"unknown"}


@pytest.mark.parametrize("name", ["recalled", "withdrawn"])
def test_a_recall_left_out_is_named(forger: Forger, demo_house: House, cases: dict[str, Case], name: str) -> None:
    recall = next(e for e in cases[name].evidence.statements if forger.leaves[e.index].kind == "recall")
    rest = tuple(e for e in cases[name].evidence.statements if e != recall)
    found = asked(demo_house, cases[name], replace(cases[name].evidence, statements=rest))
    assert found.reasons == ("missing_recalls",)


def test_a_key_left_out_is_named(forger: Forger, demo_house: House, cases: dict[str, Case]) -> None:
    for index in (e.index for e in cases["active"].evidence.statements if forger.leaves[e.index].kind == "key"):
        rest = tuple(e for e in cases["active"].evidence.statements if e.index != index)
        found = asked(demo_house, cases["active"], replace(cases["active"].evidence, statements=rest))
        assert found.reasons[0] == "missing_keys"
        assert "broken_evidence" not in found.reasons


@pytest.mark.parametrize("name", GENUINE)
def test_a_flipped_bit_in_any_byte_of_the_file_is_never_genuine(
    demo_house: House, cases: dict[str, Case], name: str
) -> None:
    data = files.encode(cases[name].evidence)
    for place in range(len(data)):
        bad = data[:place] + bytes([data[place] ^ 1 << place % 8]) + data[place + 1 :]
        assert read_back(demo_house, cases[name], bad).outcome != "genuine", place


@settings(max_examples=150, deadline=None)
@given(data=st.data(), name=names)
def test_bytes_changed_cut_or_added_are_never_genuine(
    demo_house: House, cases: dict[str, Case], data: st.DataObject, name: str
) -> None:
    whole = files.encode(cases[name].evidence)
    start = data.draw(st.integers(0, len(whole) - 1))
    end = data.draw(st.integers(start, min(len(whole), start + 64)))
    bad = whole[:start] + data.draw(st.binary(max_size=64)) + whole[end:]
    if bad != whole:
        assert read_back(demo_house, cases[name], bad).outcome != "genuine"
    assert read_back(demo_house, cases[name], whole[:start]).outcome != "genuine"
    assert read_back(demo_house, cases[name], whole + b"\0").outcome != "genuine"


@settings(max_examples=500, deadline=None)
@given(name=st.sampled_from(GENUINE), bit=st.integers(0, 2**40))
def test_a_bit_of_any_field_flipped_is_unverified(
    demo_house: House, cases: dict[str, Case], name: str, bit: int
) -> None:
    """Field by field, so that what the file's own encoding would catch is caught by the proofs too."""
    bad = altered(cases[name].evidence, bit)
    assert bad != cases[name].evidence
    assert asked(demo_house, cases[name], bad).outcome == "unverified"


@settings(max_examples=200, deadline=None)
@given(name=st.sampled_from(GENUINE), data=st.data())
def test_exhibits_twice_or_in_another_order_are_unverified(
    demo_house: House, cases: dict[str, Case], name: str, data: st.DataObject
) -> None:
    statements = cases[name].evidence.statements
    order = data.draw(st.lists(st.integers(0, len(statements) - 1), max_size=len(statements) + 3))
    shuffled = tuple(statements[n] for n in order)
    found = asked(demo_house, cases[name], replace(cases[name].evidence, statements=shuffled))
    assert (found.outcome == "genuine") == (shuffled == statements)


def bare(identity: Identity) -> Identity:
    """The same pack, read from a label without its signature."""
    return Identity(tuple(element for element in identity.elements if element[0] not in ("91", "92")))


def poorer_than(whole: Evidence) -> list[Evidence]:
    """The evidence, and what is left of it when one exhibit or part is lost."""
    rest = (whole.statements[:n] + whole.statements[n + 1 :] for n in range(len(whole.statements)))
    lost: list[dict[str, Any]] = [{}, {"checkpoint": None}, {"answer": None}, {"serial": None}, {"statements": ()}]
    lost += [{"answer": None, "serial": None}, *({"statements": statements} for statements in rest)]
    return [replace(whole, **parts) for parts in lost]


def test_a_signature_changes_no_outcome(demo_house: House, cases: dict[str, Case]) -> None:
    """It makes nothing genuine and nothing worse; alone, it says that the code is good and its history unknown."""
    case = cases["signed"]
    told = set()
    for evidence in poorer_than(case.evidence):
        with_it, without = (verdict(demo_house, one, evidence) for one in (case.identity, bare(case.identity)))
        assert (with_it.outcome, with_it.answers) == (without.outcome, without.answers)
        assert set(with_it.reasons) - set(without.reasons) <= {"signed_only"}
        told.add(with_it.reasons[0])
    assert "signed_only" in told
    alone = replace(case.evidence, answer=None, serial=None)
    assert verdict(demo_house, case.identity, alone).reasons == ("signed_only", "missing_state")
    assert verdict(demo_house, bare(case.identity), alone).reasons == ("missing_issue", "missing_state")


@settings(max_examples=200, deadline=None)
@given(bit=st.integers(0, 511), data=st.data())
def test_a_bit_of_a_signature_flipped_is_forged_and_by_no_loss_genuine(
    demo_house: House, cases: dict[str, Case], bit: int, data: st.DataObject
) -> None:
    case = cases["signed"]
    own = pack_signature.read(case.identity)
    assert own is not None
    text = urlsafe_b64encode(flipped(own.signature, bit)).rstrip(b"=").decode()
    forged = Identity((*bare(case.identity).elements, ("91", case.identity.get("91") or ""), ("92", text)))
    assert verdict(demo_house, forged, case.evidence).reasons == ("forged",)
    evidence = data.draw(st.sampled_from(poorer_than(case.evidence)))
    assert verdict(demo_house, forged, evidence).outcome in ("do_not_use", "unverified")


@pytest.mark.parametrize("code", ["checkpoint_refused", "broken_evidence", "other_identity", "forged", "expired"])
def test_what_is_wrong_headlines_over_a_signature_that_is_right(code: str) -> None:
    assert sort({code, "signed_only"})[0] == code
    for lost in ("missing_issue", "missing_keys", "missing_state", "missing_recalls", "missing_growth", "stale"):
        assert sort({lost, "signed_only"})[0] == "signed_only"


PARTS = tuple(field.name for field in fields(Evidence))


@settings(max_examples=300, deadline=None)
@given(mine=names, other=names, parts=st.sets(st.sampled_from(PARTS), min_size=1))
def test_another_packs_parts_prove_nothing_of_this_one(
    demo_house: House, cases: dict[str, Case], mine: str, other: str, parts: set[str]
) -> None:
    """Whatever is genuine once mixed was genuine before, and every part of it that matters is this pack's own."""
    theirs = {part: getattr(cases[other].evidence, part) for part in parts}
    mixed = replace(cases[mine].evidence, **theirs)
    found = asked(demo_house, cases[mine], mixed)
    if found.outcome == "genuine":
        assert mixed == cases[mine].evidence
        assert mine in (*GENUINE, "neighbour")


@pytest.mark.parametrize("other", sorted(EXPECTED))
def test_evidence_about_another_identity_is_unverified(
    demo_house: House, cases: dict[str, Case], other: str
) -> None:
    if other == "active":
        return
    found = asked(demo_house, cases["active"], cases[other].evidence)
    bad_facts = {code for code in found.reasons if REASONS[code].outcome != "unverified"}
    assert found.outcome != "genuine"
    assert not bad_facts  # nor does another pack's theft or recall stain this one
    assert {"other_identity", "broken_evidence"} & set(found.reasons)


@settings(max_examples=300, deadline=None)
@given(codes=st.sets(st.sampled_from(sorted(REASONS)), min_size=1), more=st.sets(st.sampled_from(sorted(REASONS))))
def test_a_reason_more_never_improves(codes: set[str], more: set[str]) -> None:
    few, many = sort(codes)[0], sort(codes | more)[0]
    assert REASONS[many].gravity >= REASONS[few].gravity


@settings(max_examples=300, deadline=None)
@given(name=names, other=names, parts=st.sets(st.sampled_from(PARTS)))
def test_a_verdict_is_whole_and_its_gravest_reason(
    demo_house: House, cases: dict[str, Case], name: str, other: str, parts: set[str]
) -> None:
    """Told in both languages; the answers agree with the outcome, whatever the evidence."""
    theirs = {part: getattr(cases[other].evidence, part) for part in parts}
    found = asked(demo_house, cases[name], replace(cases[name].evidence, **theirs))
    outcomes = [OUTCOMES.index(REASONS[code].outcome) for code in found.reasons]
    assert found.reasons
    assert found.outcome == OUTCOMES[max(outcomes)] == REASONS[found.reasons[0]].outcome
    assert tuple(found.answers) == QUESTIONS
    assert (found.answers["use"] == "yes") == (found.outcome == "genuine")
    if found.outcome == "genuine":
        assert found.answers["what"] == found.answers["hands"] == "yes"
    assert (found.answers["use"] == "no") == (found.outcome == "do_not_use")
    for language in ("fr", "en"):
        said = to_json(found, language)
        assert [row["code"] for row in said["reasons"]] == list(found.reasons)
        assert all(row["headline"] and row["sentence"] and row["next_step"] for row in said["reasons"])


junk = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.binary(max_size=80) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(st.text(max_size=8), inner, max_size=8),
    max_leaves=20,
)
parts_of_a_file = ("checkpoint", "statements", "serial", "answer", "growth")
maps = st.fixed_dictionaries({"v": st.just(1) | junk}, optional=dict.fromkeys(parts_of_a_file, junk))


@settings(max_examples=400, deadline=None)
@given(data=st.binary(max_size=200) | (maps | junk).map(cbor.encode))
def test_any_bytes_are_judged_and_none_are_genuine(demo_house: House, cases: dict[str, Case], data: bytes) -> None:
    assert read_back(demo_house, cases["active"], data).outcome == "unverified"


@settings(max_examples=200, deadline=None)
@given(
    evidence=st.builds(
        Evidence,
        checkpoint=junk,
        statements=junk | st.lists(st.builds(Exhibit, junk, junk, junk)).map(tuple),
        serial=junk,
        answer=junk,
        growth=junk,
    ),
    now=st.integers(),
)
def test_judge_never_raises(demo_house: House, cases: dict[str, Case], evidence: Any, now: int) -> None:
    assert judge(Question(cases["active"].identity), evidence, trust(demo_house), now).outcome != "genuine"


SHORT = {
    "(00)395210000000000019": "not_a_pack",
    "(01)09521000000018(17)491231(10)AX": "no_serial",
    "(01)09521000000018(21)A1": "incomplete",
    "(01)09521000000018(10)AX(21)A1": "incomplete",
}


@pytest.mark.parametrize("text", SHORT)
def test_a_code_without_a_packs_four_elements_is_unverified(
    demo_house: House, cases: dict[str, Case], text: str
) -> None:
    identity = parse_text(text)
    for evidence in (None, cases["active"].evidence):
        assert verdict(demo_house, identity, evidence).reasons == (SHORT[text],)


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("(01)09521000000018(17)200131(10)AX", ("expired", "no_serial")),
        ("(01)09521000000018(17)200131(10)AX(21)A1", ("expired", "unreached")),
    ],
)
def test_a_date_that_passed_needs_no_evidence(demo_house: House, text: str, codes: tuple[str, ...]) -> None:
    """The code says it itself: with no serial, and with no network (DOMAIN: their lot and expiry are still checked)."""
    assert verdict(demo_house, parse_text(text), None).reasons == codes


def test_a_supplied_pack_is_normal_in_a_hand_and_not_at_a_counter(demo_house: House, cases: dict[str, Case]) -> None:
    case = cases["supplied"]
    said = {who: verdict(demo_house, case.identity, case.evidence, viewer=who).reasons for who in ("patient", "ward")}
    assert set(said.values()) == {("dispensed",)}
    assert verdict(demo_house, case.identity, case.evidence, viewer="pharmacy").reasons == ("elsewhere",)


def test_the_verdict_depends_on_nothing_but_its_arguments(demo_house: House, cases: dict[str, Case]) -> None:
    """Bad evidence judged in between leaves no trace in what is remembered by bytes."""
    believed: Trust = trust(demo_house)
    question: Question = Question(identity_of(cases))
    before = judge_strictly(question, cases["active"].evidence, believed, demo_house.clock())
    for bit in range(200):
        judge(question, altered(cases["active"].evidence, bit * 7919), believed, demo_house.clock())
    assert judge_strictly(question, cases["active"].evidence, believed, demo_house.clock()) == before


def identity_of(cases: dict[str, Case]) -> Identity:
    return cases["active"].identity
