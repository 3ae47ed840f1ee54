"""The node that hides a recall: it signs an answer that leaves it out, and shows evidence in which nothing is amiss.

One patient is deceived, and holds the proof: the answer names every statement that applies, at a size and a root. A
recall that is a leaf below that size, and is not named, convicts the key that signed. No auditor need be trusted.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from forge import Case, Forger, cases_of, signed, trust, verdict
from house import House
from lying import convict, lying, serving, trust_file, watch

from verifier.answers.convict import Unproven
from verifier.answers.convict import convict as convict_by
from verifier.answers.conviction import Conviction
from verifier.commands import main
from verifier.ledger.proof import Proof, parse, verify
from verifier.state.replay import MOST_RECALLS
from verifier.statements.answer import Answer
from verifier.statements.envelope import Statement
from verifier.statements.recall import Recall
from verifier.verdict import evidence as files
from verifier.verdict.evidence import Evidence, Exhibit


def convicts(evidence: Evidence, left_out: Exhibit, house: House) -> bool:
    """Whether `left_out` beside the signed answer in `evidence` convicts who signed it."""
    shown = tuple(sorted({*evidence.statements, left_out}, key=lambda exhibit: exhibit.index))
    try:
        convict_by(Conviction(replace(evidence, statements=shown)), trust(house))
    except Unproven:
        return False
    return True


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
    assert convicts(lie, exhibit, demo_house)
    assert not convicts(honest, exhibit, demo_house)


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
    assert not convicts(before.remake(case.evidence), exhibit, demo_house)


def test_an_auditor_that_asks_as_patients_do_publishes_the_conviction(world: House, tmp_path: Path) -> None:
    """A real node, that hides it from everybody, and an auditor that is nobody: a recall is anyone's to read."""
    pack = world.world.pack("imported", 20)
    body = Recall(gtin=pack.gtin or "", depth="patients", reason="withheld", batches=[pack.batch or ""])
    recall = world.sign("recall", "agence-sante", body)
    assert world.register(recall.raw).status_code == 201
    assert world.codes(pack) == ["recall_patient"]

    def lie(answer: Answer) -> dict[str, Any]:
        return {"applies": [one for one in answer.applies if one != recall.id]}

    with serving(world) as url, lying(world, lie):
        assert world.codes(pack) == ["genuine", "not_recorded"]
        status, lines = watch(world, url, tmp_path, code=pack.digital_link())
    assert (status, {line["lies"][0]["code"] for line in lines}) == (1, {"hidden_recall"})
    assert len(lines) == len({line["identity"] for line in lines})  # one a thing, however often it is asked about
    about = next(line for line in lines if line["identity"] == pack.digital_link())
    code, found = convict(tmp_path, about["conviction"])
    assert (code, found["who"]["name"]) == (0, about["who"]["name"])
    assert found["lies"][0]["statement"]["id"] == recall.id.hex()
    assert found["answered"]["size"] > found["lies"][0]["statement"]["leaf"]


def test_a_fork_without_it_is_caught_by_its_senders_receipt(world: House, tmp_path: Path) -> None:
    """To the sender the log shows a ledger that holds the recall, to everybody else one that never did."""
    body = Recall(gtin="09521000000018", depth="pharmacies", reason="forked", batches=["ELSE"])
    recall = world.sign("recall", "agence-sante", body)
    honest = Forger(world)
    shown, inbox = honest.grown(recall), tmp_path / "inbox"
    inbox.mkdir()
    receipt = Proof(honest.size, shown.show([recall.id])[0].path, shown.note())
    (inbox / "receipt").write_bytes(receipt.encode())
    assert verify(receipt, recall.id, trust(world).policy).size == shown.size
    instead = Recall(gtin=body.gtin, depth="pharmacies", reason="instead", batches=["ELSE"])
    assert world.say("recall", "agence-sante", instead).status_code == 201
    with serving(world) as url:
        status, lines = watch(world, url, tmp_path, "--inbox", str(inbox), rounds=2)
    (found,) = [line for line in lines if "conviction" in line]
    assert (status, found["lies"][0]["code"], found["who"]["name"]) == (1, "two_logs", "probatum.example/demo")
    assert convict(tmp_path, found["conviction"])[0] == 0


def test_an_honest_receipt_convicts_nobody(world: House, tmp_path: Path) -> None:
    body = Recall(gtin="09521000000018", depth="pharmacies", reason="receipted", batches=["ELSE"])
    recall = world.sign("recall", "agence-sante", body)
    assert world.register(recall.raw).status_code == 201
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    with serving(world) as url:
        words = ["entry", recall.id.hex(), "--server", url, "--receipt", str(inbox / "receipt")]
        done = CliRunner().invoke(main, [*words, "--trust", str(trust_file(world, tmp_path))])
        assert (done.exit_code, done.output) == (0, "")
        kept = parse((inbox / "receipt").read_bytes())
        assert verify(kept, recall.id, trust(world).policy).size > kept.index
        status, lines = watch(world, url, tmp_path, "--inbox", str(inbox), rounds=2)
    assert (status, lines) == (0, [{"file": "receipt", "said": "a receipt"}])


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
