"""The node that goes back: a backup is restored, a recall and a theft are gone, and the ledger grows on from there.

Who has seen the longer ledger is told: a view no longer than that says *as of* when it is, and any other contradicts.
"""

from dataclasses import replace

import pytest
from forge import Case, Forger, answer_of, cases_of, signed, trust, verdict
from house import House

from verifier.ledger.merkle import ProofError, verify_consistency
from verifier.statements.product import Product
from verifier.statements.recall import Recall
from verifier.verdict.verdict import utc


@pytest.fixture(scope="module")
def case(demo_house: House) -> Case:
    return cases_of(demo_house)["active"]


@pytest.fixture(scope="module")
def before(demo_house: House, case: Case) -> Forger:
    assert case
    return Forger(demo_house)


@pytest.fixture(scope="module")
def seen(demo_house: House, before: Forger, case: Case) -> Forger:
    """What the patient has seen: a recall of the lot."""
    body = Recall(gtin=case.identity.gtin or "", depth="patients", reason="test", batches=[case.identity.batch or ""])
    return before.grown(signed("recall", demo_house.key("laboratoires-aubrac"), body))


def grown_again(before: Forger, case: Case, leaves: int) -> Forger:
    """The restored ledger, some leaves on: harmless ones."""
    key = before.house.key("laboratoires-aubrac")
    body = Product(gtin=case.identity.gtin or "", name="Other")
    return before.grown(*(signed("product", key, body, moment=1_700_000_000 + n) for n in range(leaves)))


AGAIN = [(1, "checkpoint_refused"), (2, "missing_growth"), (9, "missing_growth")]


@pytest.mark.parametrize(("leaves", "reason"), AGAIN)
def test_the_ledger_that_grew_again_is_refused(
    demo_house: House, before: Forger, seen: Forger, case: Case, leaves: int, reason: str
) -> None:
    again = grown_again(before, case, leaves)
    evidence = again.remake(case.evidence)
    assert verdict(demo_house, case.identity, evidence).outcome == "genuine"  # who never saw the other is deceived
    believed = trust(demo_house, checkpoint=seen.note())
    assert verdict(demo_house, case.identity, evidence, believed).reasons == (reason,)
    for size in range(1, again.size):  # nor does any proof of growth it can make lead there from what was seen
        growth = again.growth(size)
        found = verdict(demo_house, case.identity, replace(evidence, growth=growth), believed)
        assert found.outcome == "unverified"


def test_no_proof_leads_from_what_was_seen_to_what_grew_again(before: Forger, seen: Forger, case: Case) -> None:
    again = grown_again(before, case, 5)
    with pytest.raises(ProofError):
        verify_consistency(seen.size, again.size, again.growth(seen.size).path, seen.root, again.root)


def test_the_restored_ledger_itself_says_of_when_it_is(
    demo_house: House, before: Forger, seen: Forger, case: Case
) -> None:
    """It is a true view of its time, and its age is told; past the policy's age it is no verdict any more."""
    evidence, believed = before.remake(case.evidence), trust(demo_house, checkpoint=seen.note())
    found = verdict(demo_house, case.identity, evidence, believed)
    assert found.ledger is not None
    assert found.ledger.size == before.size < seen.size
    assert utc(found.as_of or 0) == utc(answer_of(evidence).time)
    late = demo_house.clock() + believed.max_age_s + 1
    assert verdict(demo_house, case.identity, evidence, believed, now=late).reasons == ("stale",)
