"""The node that hides a recall: it signs an answer that leaves it out, and shows evidence in which nothing is amiss.

One patient is deceived, and holds the proof: the answer names every statement that applies, at a size and a root. A
recall that is a leaf below that size, and is not named, convicts the key that signed. No auditor need be trusted.
"""

from dataclasses import replace

import pytest
from forge import Case, Forger, answer_of, cases_of, signed, trust, verdict
from house import House

from verifier.identity import Identity
from verifier.ledger import checkpoint as notes
from verifier.ledger.merkle import leaf_hash, verify_inclusion
from verifier.state.replay import MOST_RECALLS
from verifier.statements.envelope import Statement, read
from verifier.statements.kinds import body_of
from verifier.statements.recall import Recall
from verifier.statements.roster import Roster, enrol, signer
from verifier.verdict import evidence as files
from verifier.verdict.evidence import Evidence, Exhibit


def convicts(evidence: Evidence, left_out: Exhibit, identity: Identity, house: House) -> bool:
    """Whether `left_out` is a recall of this pack that the signed answer in `evidence` had to name, and did not.

    What an auditor does: nothing is asked of the node but what it signed."""
    checkpoint = notes.open(evidence.checkpoint or b"", trust(house).policy)
    answer, recall = answer_of(evidence), read(left_out.raw)
    verify_inclusion(leaf_hash(recall.id), left_out.index, checkpoint.size, left_out.path, checkpoint.root)
    roster = enrolled(evidence)
    signer(read(evidence.answer or b""), checkpoint.size - 1, roster)  # raises unless it is the node's
    body = body_of(recall)
    assert isinstance(body, Recall)
    covers = body.gtin == identity.gtin and body.covers(identity.batch, identity.serial)
    named = (answer.size, answer.root) == (checkpoint.size, checkpoint.root) and recall.id in answer.applies
    return covers and answer.identity == identity.digital_link() and not named


def enrolled(evidence: Evidence) -> Roster:
    roster = Roster()
    for exhibit in evidence.statements:
        statement = read(exhibit.raw)
        if statement.kind in ("genesis", "member", "key"):
            threshold = getattr(body_of(statement), "threshold", roster.k)
            roster = roster.with_records(enrol(statement, exhibit.index, roster), threshold)
    return roster


@pytest.fixture(scope="module")
def case(demo_house: House) -> Case:
    return cases_of(demo_house)["active"]


@pytest.fixture(scope="module")
def recall(demo_house: House, case: Case) -> Statement:
    body = Recall(gtin=case.identity.gtin or "", depth="patients", reason="test", batches=[case.identity.batch or ""])
    return signed("recall", demo_house.key("laboratoires-aubrac"), body)


def test_the_answer_and_the_recall_together_convict(demo_house: House, case: Case, recall: Statement) -> None:
    node = Forger(demo_house).grown(recall)
    honest, lie = node.remake(case.evidence, recall), node.remake(case.evidence)
    exhibit = node.show([recall.id])[0]
    assert verdict(demo_house, case.identity, honest).reasons == ("recall_patient",)
    assert verdict(demo_house, case.identity, lie).outcome == "genuine"  # what the patient sees, that once
    assert convicts(lie, exhibit, case.identity, demo_house)
    assert not convicts(honest, exhibit, case.identity, demo_house)


def test_who_only_carries_the_evidence_cannot_hide_it(demo_house: House, case: Case, recall: Statement) -> None:
    """A proxy, a shop's server, a file's bearer: without the answer key, leaving it out is seen at once."""
    node = Forger(demo_house).grown(recall)
    honest = node.remake(case.evidence, recall)
    rest = tuple(e for e in honest.statements if e != node.show([recall.id])[0])
    assert verdict(demo_house, case.identity, replace(honest, statements=rest)).reasons == ("missing_recalls",)
    older = replace(honest, answer=case.evidence.answer, statements=rest)
    assert verdict(demo_house, case.identity, older).outcome == "unverified"


def test_an_answer_from_before_the_recall_is_no_lie(demo_house: House, case: Case, recall: Statement) -> None:
    before = Forger(demo_house)
    exhibit = before.grown(recall).show([recall.id])[0]
    with pytest.raises(ValueError, match=r"leaf index|inclusion path"):
        convicts(before.remake(case.evidence), exhibit, case.identity, demo_house)


def test_the_honest_node_shows_it_at_once(world: House) -> None:
    house, pack = world, world.world.pack("current", 11)
    assert house.codes(pack)[0] == "genuine"
    body = Recall(gtin=pack.gtin or "", depth="patients", reason="test", batches=[pack.batch or ""])
    assert house.say("recall", "agence-sante", body).status_code == 201
    assert house.codes(pack)[0] == "recall_patient"


def test_a_maker_cannot_bury_a_recall_under_its_own(house: House) -> None:
    """Evidence holds every recall of a lot: with too many it would be none, for whoever reads it offline."""
    pack, maker = house.seed().world.pack("current", 0), "laboratoires-aubrac"

    def recall(by: str, number: int, depth: str) -> int:
        reason = f"{by} {number}"
        body = Recall.of({"gtin": pack.gtin, "depth": depth, "reason": reason, "batches": [pack.batch]})
        return int(house.say("recall", by, body).status_code)

    said = [recall(maker, number, "pharmacies") for number in range(MOST_RECALLS + 1)]
    assert said == [201] * MOST_RECALLS + [403]
    assert house.codes(pack) == ["recall_pharmacy"]
    assert [recall("agence-sante", number, "patients") for number in range(2)] == [201, 201]
    assert house.codes(pack)[0] == "recall_patient"
    assert len(files.encode(house.desk.evidence(pack))) < files.MAX_BYTES
    elsewhere = Recall.of({"gtin": pack.gtin, "depth": "pharmacies", "reason": "test", "batches": ["ELSEWHERE"]})
    assert house.say("recall", maker, elsewhere).status_code == 201
