"""The seller with yesterday's proof: he keeps an evidence file from before the recall, and shows it ever after.

A file says of when it is, and past the verifier's own age it is no verdict. Its date is under the node's signature.
"""

from dataclasses import replace

import pytest
from forge import Case, Forger, answer_of, cases_of, key_statement, trust, verdict
from house import House
from msgspec.structs import replace as changed

from scanner.check import check
from scanner.sighting import Sighting, sight_text
from verifier.statements import cbor
from verifier.statements.envelope import TAG_18, read
from verifier.verdict.evidence import encode

DAY = 86_400


@pytest.fixture(scope="module")
def case(demo_house: House) -> Case:
    return cases_of(demo_house)["active"]


AGES = [(0, "genuine"), (DAY, "genuine"), (DAY + 1, "unverified"), (9 * DAY, "unverified")]


@pytest.mark.parametrize(("age", "outcome"), AGES)
def test_a_file_is_a_verdict_for_as_long_as_the_verifier_says(
    demo_house: House, case: Case, age: int, outcome: str
) -> None:
    """Offline, as `python -m scanner --offline` does it: with a photo's sighting and the file's bytes."""
    seen = sight_text(case.identity.digital_link(), None, demo_house.settings.hosts)
    assert isinstance(seen, Sighting)
    now = answer_of(case.evidence).time + age
    found = check(seen, encode(case.evidence), trust(demo_house), now)
    assert found.outcome == outcome
    assert found.as_of == answer_of(case.evidence).time
    assert ("stale" in found.reasons) == (outcome == "unverified")


def test_the_age_is_the_verifiers_not_the_files(demo_house: House, case: Case) -> None:
    now = answer_of(case.evidence).time + 60
    for age, outcome in ((59, "unverified"), (60, "genuine")):
        believed = trust(demo_house, max_age_s=age)
        assert verdict(demo_house, case.identity, case.evidence, believed, now=now).outcome == outcome


def test_a_younger_date_is_not_written_into_it(demo_house: House, case: Case) -> None:
    """Rewritten in place, or signed by himself: the answer is then nobody's."""
    now = answer_of(case.evidence).time + 9 * DAY
    statement = read(case.evidence.answer or b"")
    payload = cbor.encode(cbor.decode(statement.payload) | {"time": now})
    rewritten = TAG_18 + cbor.encode([statement.protected, {}, payload, statement.signature])
    younger = changed(answer_of(case.evidence), time=now)
    his_own = Forger(demo_house).sign_answer(younger, demo_house.key("pharmacie-du-canal"))
    for answer in (rewritten, his_own):
        evidence = replace(case.evidence, answer=answer)
        assert verdict(demo_house, case.identity, evidence, now=now).outcome == "unverified"


def test_a_fresh_answer_does_not_freshen_an_old_ledger(demo_house: House, case: Case) -> None:
    """Old statements and checkpoint beside today's answer: the answer is of another checkpoint."""
    node = Forger(demo_house)
    old = node.cut(node.size - 1).remake(case.evidence)
    fresh = node.remake(case.evidence)
    mixed = replace(old, answer=fresh.answer)
    assert verdict(demo_house, case.identity, mixed).outcome == "unverified"


def test_a_clock_set_back_does_not_freshen_it(demo_house: House, case: Case) -> None:
    """Before its own time a file is not believed either."""
    then = answer_of(case.evidence).time
    assert verdict(demo_house, case.identity, case.evidence, now=then - DAY).outcome == "unverified"


@pytest.mark.xfail(strict=True, reason="a stolen answer key signs what applies to itself; see the docstring")
def test_a_stolen_answer_key_cannot_hide_its_own_end(demo_house: House, case: Case) -> None:
    """Known and open: completeness is the answer key's own word, so its thief leaves its revocation out, or answers at
    a checkpoint from before it, and a verifier *without a network* believes him. The doors are not deceived: a server
    gathers its own evidence. It convicts, like a withheld recall. What closes it is a fact not signed by that key:
    cosigned checkpoints that carry the answer keys in force, or answer keys enrolled for days only."""
    node = Forger(demo_house)
    end = key_statement(node.node, node.answerer.public, "revoked", purpose="answer", compromised_since=0)
    hidden = node.grown(end).remake(case.evidence)
    assert verdict(demo_house, case.identity, hidden).outcome != "genuine"
