"""What the one who judges believes beforehand: evidence is weighed against it and never moves it."""

import json
from dataclasses import replace
from typing import Any

import pytest
from forge import Case, Forger, answer_of, trust, verdict
from house import House

from verifier.ledger.cosignature import cosign
from verifier.ledger.note import VerifierKey, sign
from verifier.ledger.policy import Group, Log, Policy, Witness, parse
from verifier.node.keyfile import KeyFile
from verifier.statements.errors import Malformed
from verifier.verdict.judge import SKEW_S
from verifier.verdict.trust import decode, encode
from verifier.verdict.verdict import Verdict

ORIGIN = "probatum.example/demo"
KEY = VerifierKey.of_seed("a.example", bytes([9]) * 32)
MALLORY = KeyFile("mallory", bytes([7]) * 32)


@pytest.fixture
def case(cases: dict[str, Case]) -> Case:
    return cases["active"]


@pytest.fixture(scope="module")
def later(forger: Forger, cases: dict[str, Case]) -> tuple[Forger, Case]:
    """The same ledger three leaves on, and the same pack asked of it."""
    leaves = forger.leaves[-1]
    more = [replace(leaves, id=bytes([n]) * 32) for n in range(3)]
    grown = forger.grown(*more)
    return grown, Case(cases["active"].identity, grown.remake(cases["active"].evidence))


def seen(house: House, note: bytes) -> Any:
    return trust(house, checkpoint=note)


def fork(forger: Forger) -> Forger:
    """As many leaves, and another history: two views of one log."""
    return forger.cut(forger.size - 1).grown(replace(forger.leaves[-1], id=bytes(32)))


def said(house: House, case: Case, **changes: Any) -> Verdict:
    return verdict(house, case.identity, case.evidence, trust(house, **changes))


def test_another_genesis_or_log_is_not_believed(demo_house: House, case: Case, forger: Forger) -> None:
    mine = Policy(VerifierKey.of_seed(ORIGIN, MALLORY.seed))
    for found in (
        said(demo_house, case, genesis=bytes(32)),
        said(demo_house, case, genesis=forger.leaves[1].id),
        said(demo_house, case, policy=mine),
        said(demo_house, case, policy=Policy(VerifierKey.of_seed("another.example/log", forger.log.seed))),
    ):
        assert found.outcome == "unverified"
        assert set(found.answers.values()) == {"unknown"}


def test_a_checkpoint_that_another_signed_is_not_believed(demo_house: House, case: Case, forger: Forger) -> None:
    evidence = replace(forger.remake(case.evidence), checkpoint=forger.note(MALLORY.seed))
    assert verdict(demo_house, case.identity, evidence).reasons[0] == "broken_evidence"


def test_a_signature_that_nobody_here_can_check_is_not_carried_along(demo_house: House, case: Case) -> None:
    """It would be shown as a witness by whoever counts lines."""
    note = case.evidence.checkpoint or b""
    text = note.decode().split("\n\n")[0] + "\n"
    evidence = replace(case.evidence, checkpoint=note + sign(text, "witness.example", MALLORY.seed).encode())
    assert verdict(demo_house, case.identity, evidence).outcome == "unverified"


def witnesses(*numbers: int) -> tuple[Witness, ...]:
    return tuple(Witness(f"w{n}", VerifierKey.of_seed(f"{n}.example", bytes([n]) * 32, 4)) for n in numbers)


def test_cosignatures_that_the_trust_asks_for(demo_house: House, case: Case, forger: Forger) -> None:
    """Genuine with a quorum of known witnesses; unverified without, with a false one, and with a line of a stranger."""
    policy = Policy(trust(demo_house).policy.log, None, witnesses(1, 2, 3), (Group("g", 2, ("w1", "w2", "w3")),), "g")
    evidence = forger.remake(case.evidence)
    note = evidence.checkpoint or b""
    text = note.decode().split("\n\n")[0] + "\n"

    def outcome(*lines: str) -> str:
        one = replace(evidence, checkpoint=note + "".join(lines).encode())
        return said(demo_house, Case(case.identity, one), policy=policy).outcome

    first, second, *_ = (cosign(text, f"{n}.example", bytes([n]) * 32, demo_house.clock()) for n in (1, 2))
    assert outcome(first, second) == "genuine"
    assert outcome(first) == outcome() == outcome(first, first) == "unverified"
    assert outcome(first, second, sign(text, "stranger.example", MALLORY.seed)) == "unverified"
    false = cosign(text.replace("\n", "x\n", 1), "3.example", bytes([3]) * 32, 1700000000)
    assert outcome(first, second, false) == "unverified"


@pytest.mark.parametrize(
    ("policy", "says"),
    [
        (
            Policy(KEY, None, witnesses(1, 2), (Group("g", 1, ("w1", "w2")),), "g"),
            "quorum g: expected any two to share",
        ),
        (
            Policy(KEY, others=(Log(VerifierKey.of_seed("b.example", bytes(32))),)),
            "logs: expected one: a ledger has one",
        ),
    ],
)
def test_a_policy_under_which_two_histories_could_be_had_is_not_trusted(
    demo_house: House, policy: Policy, says: str
) -> None:
    """Read as a tlog-policy it is; to believe it is another thing."""
    assert parse(str(policy)) == policy
    with pytest.raises(Malformed, match=says):
        decode(encode(trust(demo_house, policy=policy)))


def test_same_size_and_another_root_is_refused(demo_house: House, case: Case, forger: Forger) -> None:
    now = replace(case, evidence=forger.remake(case.evidence))
    assert said(demo_house, now, checkpoint=forger.note()).outcome == "genuine"
    found = said(demo_house, now, checkpoint=fork(forger).note())
    assert found.reasons == ("checkpoint_refused",)


def test_an_older_checkpoint_is_judged_as_of_then(demo_house: House, case: Case, later: tuple[Forger, Case]) -> None:
    found = said(demo_house, case, checkpoint=later[0].note())
    assert found.outcome == "genuine"
    assert found.as_of == answer_of(case.evidence).time
    assert found.ledger is not None
    assert found.ledger.size == answer_of(case.evidence).size < later[0].size


def test_a_newer_checkpoint_needs_the_proof_that_it_only_grew(
    demo_house: House, forger: Forger, later: tuple[Forger, Case]
) -> None:
    grown, case = later
    believed = {"checkpoint": forger.note()}
    assert said(demo_house, case, **believed).reasons == ("missing_growth",)
    growth = grown.growth(forger.size)
    proven = replace(case, evidence=replace(case.evidence, growth=growth))
    assert said(demo_house, proven, **believed).outcome == "genuine"
    from_elsewhere = replace(case, evidence=replace(case.evidence, growth=grown.growth(forger.size - 1)))
    assert said(demo_house, from_elsewhere, **believed).reasons == ("missing_growth",)
    for bad in (replace(growth, root=bytes(32)), replace(growth, path=growth.path[::-1]), replace(growth, path=())):
        broken = replace(case, evidence=replace(case.evidence, growth=bad))
        assert said(demo_house, broken, **believed).reasons[0] == "broken_evidence"


def test_a_newer_ledger_that_forgot_what_was_seen_is_refused(
    demo_house: House, forger: Forger, later: tuple[Forger, Case]
) -> None:
    """Its own proof of growth is right, and starts from another root than the one seen."""
    grown, case = later
    proven = replace(case, evidence=replace(case.evidence, growth=grown.growth(forger.size)))
    assert said(demo_house, proven, checkpoint=fork(forger).note()).reasons == ("checkpoint_refused",)


def test_the_desk_proves_growth_when_asked(demo_house: House, case: Case, forger: Forger) -> None:
    size = forger.size - 5
    evidence = demo_house.desk.evidence(case.identity, since=size)
    assert said(demo_house, Case(case.identity, evidence), checkpoint=forger.cut(size).note()).outcome == "genuine"


def test_a_checkpoint_seen_that_is_none_makes_nothing_genuine(demo_house: House, case: Case, forger: Forger) -> None:
    for note in (b"nonsense", forger.note(MALLORY.seed)):
        assert said(demo_house, case, checkpoint=note).outcome == "unverified"


@pytest.mark.parametrize(("late", "reasons"), [(0, ("genuine", "not_recorded")), (1, ("stale",))])
def test_past_its_age_evidence_is_stale(demo_house: House, case: Case, late: int, reasons: tuple[str, ...]) -> None:
    believed = trust(demo_house)
    now = answer_of(case.evidence).time + believed.max_age_s + late
    found = verdict(demo_house, case.identity, case.evidence, believed, now=now)
    assert found.reasons == reasons
    assert found.as_of == answer_of(case.evidence).time


def test_what_is_stale_and_stolen_is_stolen(demo_house: House, cases: dict[str, Case]) -> None:
    case = cases["stolen"]
    now = answer_of(case.evidence).time + 10 * 86_400
    assert verdict(demo_house, case.identity, case.evidence, now=now).reasons == ("stolen", "stale")


@pytest.mark.parametrize(("early", "outcome"), [(SKEW_S, "genuine"), (SKEW_S + 1, "unverified")])
def test_an_answer_from_the_future_is_not_believed(demo_house: House, case: Case, early: int, outcome: str) -> None:
    now = answer_of(case.evidence).time - early
    assert verdict(demo_house, case.identity, case.evidence, now=now).outcome == outcome


def test_trust_is_written_and_read_back(demo_house: House, forger: Forger) -> None:
    for believed in (trust(demo_house), trust(demo_house, checkpoint=forger.note(), max_age_s=0)):
        assert decode(encode(believed)) == believed


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("genesis", "AB" * 32), ("genesis", "ab" * 31), ("genesis", None), ("policy", "quorum none\n"), ("policy", 3),
        ("max_age_s", -1), ("max_age_s", True), ("max_age_s", "60"), ("checkpoint", 4), ("more", 1),
    ],
)  # fmt: skip
def test_a_trust_file_that_is_none_is_refused(demo_house: House, field: str, value: object) -> None:
    fields = json.loads(encode(trust(demo_house))) | {field: value}
    with pytest.raises(Malformed):
        decode(json.dumps(fields))
    with pytest.raises(Malformed):
        decode("not JSON")
