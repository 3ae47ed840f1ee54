"""A bad fact added to any evidence never improves the verdict; and who may not state it alarms nobody."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time
from typing import Any

import pytest
from forge import Case, Forger, answer_of, key_statement, signed, verdict
from house import House

from verifier.identity import expires_on
from verifier.statements.answer import Stop
from verifier.statements.envelope import Statement
from verifier.statements.recall import Recall
from verifier.verdict.evidence import Evidence
from verifier.verdict.reasons import REASONS

AUTHORITY, CANAL = "agence-sante", "pharmacie-du-canal"
MAKERS = {"0952100": "laboratoires-aubrac", "0952200": "nordhavn-pharma"}
GAP = Stop(step="ship", day="2026-01-01", country="FR", gap_before=True)
Fact = Callable[[Forger, Case], Evidence]


def maker_of(case: Case) -> str:
    return MAKERS.get((case.identity.gtin or "")[:7], "laboratoires-aubrac")


def enrolment(forger: Forger, member: str) -> list[Statement]:
    return [leaf for leaf in forger.leaves if leaf.kind == "member" and leaf.subject.endswith(member)]


def with_recall(forger: Forger, case: Case, by: str, **fields: Any) -> Evidence:
    body = Recall.of({"gtin": case.identity.gtin, "depth": "patients", "reason": "test"} | fields)
    recall = signed("recall", forger.house.key(by), body)
    return forger.grown(recall).remake(case.evidence, *enrolment(forger, by), recall)


def with_key_lost(forger: Forger, case: Case) -> Evidence:
    key = forger.house.key(maker_of(case))
    end = key_statement(key, key.public, "revoked", compromised_since=0)
    return forger.grown(end).remake(case.evidence, *enrolment(forger, key.member), end)


def lot(case: Case) -> list[str]:
    return [case.identity.batch or ""]


FACTS: dict[str, Fact] = {
    "the authority recalls": lambda node, case: with_recall(node, case, AUTHORITY, batches=lot(case)),
    "the maker recalls": lambda node, case: with_recall(node, case, maker_of(case), batches=lot(case)),
    "from pharmacies": lambda node, case: with_recall(node, case, AUTHORITY, batches=lot(case), depth="pharmacies"),
    "the whole product": lambda node, case: with_recall(node, case, AUTHORITY),
    "this pack alone": lambda node, case: with_recall(
        node, case, AUTHORITY, batches=lot(case), serials=[case.identity.serial]
    ),
    "a dispute": lambda node, case: node.remake(case.evidence, disputes=1),
    "a gap": lambda node, case: node.remake(case.evidence, custody=[*answer_of(case.evidence).custody, GAP]),
    "a key lost": with_key_lost,
}
STATES = ("supplied", "stolen", "destroyed", "unknown", "not_registered")


@pytest.mark.parametrize("fact", FACTS)
def test_a_bad_fact_more_never_improves(
    demo_house: House, forger: Forger, cases: dict[str, Case], fact: str
) -> None:
    for name, case in cases.items():
        before = verdict(demo_house, case.identity, case.evidence)
        after = verdict(demo_house, case.identity, FACTS[fact](forger, case))
        assert REASONS[after.reasons[0]].gravity >= REASONS[before.reasons[0]].gravity, name
        assert after.outcome != "genuine", name


@pytest.mark.parametrize("state", STATES)
def test_a_worse_state_never_improves(
    demo_house: House, forger: Forger, cases: dict[str, Case], state: str
) -> None:
    for name in ("active", "imported", "gap", "expired", "recalled", "withdrawn"):
        case = cases[name]
        before = verdict(demo_house, case.identity, case.evidence)
        after = verdict(demo_house, case.identity, forger.remake(case.evidence, state=state))
        assert REASONS[after.reasons[0]].gravity >= REASONS[before.reasons[0]].gravity, name


def test_the_printed_day_is_the_last_day_of_use(demo_house: House, forger: Forger, cases: dict[str, Case]) -> None:
    """The box is good until that day ends (in UTC), and not a second longer."""
    case = cases["active"]
    day = expires_on(case.identity.expiry or "", date.today())
    ends = int(datetime.combine(day, time.max, UTC).timestamp())
    for moment, outcome in ((ends, "genuine"), (ends + 1, "do_not_use")):
        evidence = forger.remake(case.evidence, time=moment)
        assert verdict(demo_house, case.identity, evidence, now=moment).outcome == outcome


WRONG: dict[str, tuple[str, dict[str, Any]]] = {
    "of another lot": ("laboratoires-aubrac", {"batches": ["OTHER"]}),
    "of another pack of the lot": ("laboratoires-aubrac", {"batches": ["AX26K1"], "serials": ["OTHER"]}),
    "of another product": (AUTHORITY, {"gtin": "09521000000025"}),
    "by another maker": ("nordhavn-pharma", {"batches": ["AX26K1"]}),
    "by a pharmacy": (CANAL, {"batches": ["AX26K1"]}),
}


@pytest.mark.parametrize("why", WRONG)
def test_a_recall_not_of_this_pack_or_not_theirs_to_make_alarms_nobody(
    demo_house: House, forger: Forger, cases: dict[str, Case], why: str
) -> None:
    """Denial by alarm: one member cannot turn another's boxes red, even where the node plays along."""
    by, fields = WRONG[why]
    found = verdict(demo_house, cases["active"].identity, with_recall(forger, cases["active"], by, **fields))
    assert found.outcome == ("genuine" if why in ("of another lot", "of another pack of the lot") else "unverified")
