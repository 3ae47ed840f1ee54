"""The laws hold whoever looks: no viewer turns evidence genuine that is not, a bad fact improves nothing for anybody,
and one's own scan is told to its signer alone, from their own proven event."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from forge import Case, Forger, answer_of, event_of, key_statement, signed, trust, verdict
from house import House
from hypothesis import given, settings
from hypothesis import strategies as st
from verdict.test_bad_facts import FACTS
from verdict.test_laws import EXPECTED, altered

from verifier.identity import Identity
from verifier.statements.envelope import Statement, read
from verifier.statements.event import Event
from verifier.verdict import evidence as files
from verifier.verdict.evidence import Evidence
from verifier.verdict.judge import Question, judge
from verifier.verdict.reasons import REASONS
from verifier.verdict.verdict import Verdict, to_json
from verifier.verdict.viewers import VIEWERS

CANAL, HALLES, MAKER = "pharmacie-du-canal", "pharmacie-des-halles", "laboratoires-aubrac"
viewers = st.sampled_from(sorted(VIEWERS))
members = st.sampled_from([None, CANAL, HALLES, "transvia"])
every_viewer = pytest.mark.parametrize("viewer", VIEWERS)


@pytest.fixture(scope="module")
def own(demo_house: House, cases: dict[str, Case]) -> Case:
    """A pack that the Canal supplied, with the evidence that it alone is given."""
    pack = cases["supplied"].identity
    return Case(pack, demo_house.desk.gatherer.gather(pack, demo_house.clock(), None, CANAL))


def told(house: House, case: Case, evidence: Evidence | None = None, **asked: Any) -> Verdict:
    asked = {"viewer": "pharmacy", "member": CANAL} | asked
    return verdict(house, case.identity, evidence if evidence is not None else case.evidence, **asked)


# --- the laws ---


@every_viewer
def test_what_is_not_genuine_to_a_patient_is_to_nobody(
    demo_house: House, cases: dict[str, Case], viewer: str
) -> None:
    for name, case in cases.items():
        patient = verdict(demo_house, case.identity, case.evidence)
        found = verdict(demo_house, case.identity, case.evidence, viewer=viewer, member=HALLES)
        assert REASONS[found.reasons[0]].gravity[0] >= REASONS[patient.reasons[0]].gravity[0], name


@every_viewer
def test_any_exhibit_removed_is_genuine_to_nobody(
    demo_house: House, cases: dict[str, Case], own: Case, viewer: str
) -> None:
    for name in ("active", "own"):
        case = own if name == "own" else cases[name]
        whole = case.evidence
        poorer = [
            replace(whole, statements=whole.statements[:n] + whole.statements[n + 1 :])
            for n in range(len(whole.statements))
        ]
        for evidence in (*poorer, *(replace(whole, **{part: None}) for part in ("checkpoint", "serial", "answer"))):
            found = verdict(demo_house, case.identity, evidence, viewer=viewer, member=CANAL)
            lost_event = len(evidence.statements) < len(whole.statements) and kinds(evidence) < kinds(whole)
            if VIEWERS[viewer].supplied == "dispensed" and lost_event:
                assert found.reasons == ("dispensed",)  # what only professionals are shown is not missed by others
            else:
                assert found.outcome != "genuine", found.reasons


def kinds(evidence: Evidence) -> int:
    """How many events are shown."""
    return sum(read(exhibit.raw).kind == "event" for exhibit in evidence.statements)


@settings(max_examples=400, deadline=None)
@given(viewer=viewers, member=members, bit=st.integers(0, 2**40), mine=st.booleans())
def test_a_bit_of_any_field_flipped_is_genuine_to_nobody(
    demo_house: House, cases: dict[str, Case], own: Case, viewer: str, member: str | None, bit: int, mine: bool
) -> None:
    case = own if mine else cases["active"]
    bad = altered(case.evidence, bit)
    found = verdict(demo_house, case.identity, bad, viewer=viewer, member=member)
    assert found.outcome != "genuine"
    assert "dispensed_here" not in found.reasons or REASONS[found.reasons[0]].outcome == "unverified"


def test_a_flipped_bit_in_any_byte_of_ones_own_file_is_never_genuine(demo_house: House, own: Case) -> None:
    data, question = files.encode(own.evidence), Question(own.identity, "pharmacy", member=CANAL)
    for place in range(len(data)):
        bad = data[:place] + bytes([data[place] ^ 1 << place % 8]) + data[place + 1 :]
        try:
            evidence = files.decode(bad)
        except ValueError:
            continue
        assert judge(question, evidence, trust(demo_house), demo_house.clock()).outcome != "genuine", place


@every_viewer
@pytest.mark.parametrize("fact", FACTS)
def test_a_bad_fact_more_improves_nothing_for_anybody(
    demo_house: House, forger: Forger, cases: dict[str, Case], own: Case, fact: str, viewer: str
) -> None:
    asked = {"viewer": viewer, "member": CANAL}
    for name in ("active", "recalled", "gap", "own"):
        case = own if name == "own" else cases[name]
        before = verdict(demo_house, case.identity, case.evidence, **asked)
        after = verdict(demo_house, case.identity, FACTS[fact](forger, case), **asked)
        assert REASONS[after.reasons[0]].gravity >= REASONS[before.reasons[0]].gravity, name
        assert after.outcome != "genuine", name


@settings(max_examples=200, deadline=None)
@given(viewer=viewers, member=members, name=st.sampled_from(sorted(EXPECTED)), reads=st.integers(1, 9))
def test_no_viewer_is_shown_a_member(
    demo_house: House, cases: dict[str, Case], viewer: str, member: str | None, name: str, reads: int
) -> None:
    found = verdict(demo_house, cases[name].identity, cases[name].evidence, viewer=viewer, member=member, reads=reads)
    for language in ("fr", "en"):
        said = json.dumps(to_json(found, language))
        assert not [one for one in (CANAL, HALLES, "transvia", MAKER) if one in said]
        assert "…" not in said  # no blank is left in a sentence
        assert "{" not in "".join(reason["sentence"] for reason in to_json(found, language)["reasons"])


def test_a_viewer_that_is_in_no_table_is_no_question(cases: dict[str, Case]) -> None:
    with pytest.raises(ValueError, match="expected patient, ward, theatre, pharmacy, dock"):
        Question(cases["active"].identity, "chemist")


# --- one's own scan ---


def test_ones_own_supply(demo_house: House, own: Case) -> None:
    assert told(demo_house, own).reasons == ("dispensed_here",)
    assert told(demo_house, own, viewer="dock").reasons == ("dispensed_here",)
    assert told(demo_house, own, member=HALLES).reasons == ("elsewhere",)
    assert told(demo_house, own, member=None).reasons == ("elsewhere",)
    for viewer in ("patient", "ward", "theatre"):
        assert told(demo_house, own, viewer=viewer).reasons == ("dispensed",)


def dispensing(house: House, pack: Identity, who: str = CANAL, moment: int | None = None, **fields: Any) -> Statement:
    event = json.loads(event_of("dispense", [pack], house.clock() if moment is None else moment, name="own").epcis)
    return signed("event", house.key(who), Event(epcis=json.dumps(event | fields).encode()), house.clock())


def shown(node: Forger, case: Case, *also: Statement, **said: Any) -> Evidence:
    """The pack as supplied, and these events shown: those that the answer names among what it withholds."""
    enrolled = [leaf for leaf in node.leaves if leaf.kind == "member" and leaf.subject.endswith((CANAL, HALLES))]
    grown = node.grown(*also)
    said = {"state": "supplied", "withheld": sorted(one.id for one in also), "audience": "professionals"} | said
    evidence = grown.remake(case.evidence, *enrolled, *also)
    answer = answer_of(evidence)
    applies = [one for one in answer.applies if one not in {event.id for event in also}]
    return grown.remake(evidence, **({"applies": applies} | said))


Make = Callable[[House, Identity], Statement]
BAD = ("elsewhere", "broken_evidence")
EVENTS: dict[str, tuple[Make, tuple[str, ...]]] = {
    "as it should be": (dispensing, ("dispensed_here",)),
    "another member's": (lambda house, pack: dispensing(house, pack, HALLES), ("elsewhere",)),
    "of another step": (
        lambda house, pack: dispensing(house, pack, bizStep="receiving", disposition="in_progress"), ("elsewhere",),
    ),
    "about another pack of the lot": (lambda house, _: dispensing(house, house.world.pack("current", 3)), BAD),
    "about another lot": (lambda house, _: dispensing(house, house.world.pack("recalled", 3)), BAD),
    "a step that is none": (lambda house, pack: dispensing(house, pack, disposition="eaten"), BAD),
    "by who may not": (lambda house, pack: dispensing(house, pack, MAKER), BAD),
}  # fmt: skip


@pytest.mark.parametrize("why", EVENTS)
def test_only_a_proven_event_of_ones_own_is_ones_own_scan(
    demo_house: House, forger: Forger, cases: dict[str, Case], why: str
) -> None:
    make, reasons = EVENTS[why]
    case = cases["active"]
    assert told(demo_house, case, shown(forger, case, make(demo_house, case.identity))).reasons == reasons


def test_an_event_that_the_answer_does_not_name(demo_house: House, forger: Forger, cases: dict[str, Case]) -> None:
    case = cases["active"]
    event = dispensing(demo_house, case.identity)
    assert told(demo_house, case, shown(forger, case, event, withheld=[])).reasons == BAD


def test_an_event_of_ones_own_that_is_no_leaf(demo_house: House, forger: Forger, cases: dict[str, Case]) -> None:
    case = cases["active"]
    good = shown(forger, case, dispensing(demo_house, case.identity))
    other = dispensing(demo_house, case.identity, moment=demo_house.clock() - 60)
    exhibits = tuple(replace(e, raw=other.raw) if read(e.raw).kind == "event" else e for e in good.statements)
    found = told(demo_house, case, replace(good, statements=exhibits))
    assert (found.outcome, found.reasons) == ("caution", BAD)


def test_by_a_key_that_was_stolen_it_is_in_doubt(demo_house: House, forger: Forger, cases: dict[str, Case]) -> None:
    case, key = cases["active"], demo_house.key(CANAL)
    event, end = dispensing(demo_house, case.identity), key_statement(key, key.public, "revoked", compromised_since=0)
    evidence = shown(forger, case, event)
    later = forger.grown(event, end)
    applies = sorted([*answer_of(evidence).applies, end.id])
    found = told(demo_house, case, later.remake(evidence, end, applies=applies))
    assert found.reasons == ("key_compromised", "dispensed_here")


@pytest.mark.parametrize(
    ("ago", "offset", "written"),
    [
        (timedelta(minutes=5), "+00:00", None), (timedelta(minutes=5), "+02:00", None),
        (timedelta(minutes=5), "-11:00", None), (timedelta(days=3), "+01:00", None),
        (timedelta(minutes=5), "+01:00", "Z"), (timedelta(minutes=5), "nonsense", "+05:30"),
    ],
)  # fmt: skip
def test_the_time_is_that_of_the_clock_where_it_happened(
    demo_house: House, forger: Forger, cases: dict[str, Case], ago: timedelta, offset: str, written: str | None
) -> None:
    """By eventTimeZoneOffset, in whatever zone eventTime is written; with its day unless that is today there."""
    case, now = cases["active"], datetime.fromtimestamp(demo_house.clock(), UTC)
    zone = datetime.strptime(offset if offset != "nonsense" else "+05:30", "%z").tzinfo
    local = (now - ago).astimezone(zone)
    said = local if written is None else (now - ago).astimezone(datetime.strptime(written, "%z").tzinfo)
    event = dispensing(
        demo_house, case.identity, eventTime=said.isoformat(timespec="seconds"), eventTimeZoneOffset=offset
    )
    found = told(demo_house, case, shown(forger, case, event))
    clock = f"{local:%H:%M}" if local.date() == now.astimezone(zone).date() else f"{local:%H:%M (%Y-%m-%d)}"
    assert found.values == {"time": clock}
    assert to_json(found, "fr")["reasons"][0]["sentence"] == f"C'est votre propre lecture de {clock}."
    assert to_json(found, "en")["reasons"][0]["sentence"] == f"This is your own scan of {clock}."


# --- known otherwise ---


def test_an_answer_that_says_more_is_bound_to_professionals(
    demo_house: House, forger: Forger, cases: dict[str, Case]
) -> None:
    case = cases["unknown"]
    node, key = forger, forger.answerer
    bound = node.remake(case.evidence, *registry(node), key=key, state="mismatch", audience="professionals")
    open_ = node.remake(case.evidence, *registry(node), key=key, state="mismatch")
    assert {who: verdict(demo_house, case.identity, bound, viewer=who).reasons for who in VIEWERS} == {
        "patient": ("unknown",), "ward": ("mismatch",), "theatre": ("mismatch",), "pharmacy": ("mismatch",),
        "dock": ("mismatch",),
    }  # fmt: skip
    for who in VIEWERS:
        assert verdict(demo_house, case.identity, open_, viewer=who).outcome == "unverified"


def registry(node: Forger) -> list[Statement]:
    """What enrols the registry's answer key."""
    return [leaf for leaf in node.leaves if leaf.kind == "key" and leaf.member == node.answerer.member]
