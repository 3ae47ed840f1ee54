"""The node with two faces: it shows one ledger to the patient and another, as long, to the authority.

Each face is whole by itself. The two signed checkpoints together are the proof, and it needs nobody's word: one log,
one size, two roots. A witness that was shown one of them cosigns no other, and keeps both.
"""

from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from forge import Case, Forger, cases_of, signed, trust, verdict
from house import House
from witnesses import Face, add_checkpoint, served, until, witness

from verifier.ledger import checkpoint as notes
from verifier.ledger.merkle import ProofError, verify_consistency
from verifier.ledger.note import NoteError
from verifier.ledger.policy import Policy, Witness
from verifier.ledger.witnessing import AddCheckpoint
from verifier.statements.recall import Recall
from verifier.witness import forks
from verifier.witness.running import Following

Faces = tuple[Forger, Forger]


@pytest.fixture(scope="module")
def case(demo_house: House) -> Case:
    return cases_of(demo_house)["active"]


@pytest.fixture(scope="module")
def faces(demo_house: House, case: Case) -> Faces:
    """With the recall of this lot, for the authority; with one of another lot in its place, for the patient."""
    node, key = Forger(demo_house), demo_house.key("laboratoires-aubrac")
    lots = (case.identity.batch or "", "ANOTHER")
    bodies = (
        Recall(gtin=case.identity.gtin or "", depth="patients", reason="test", batches=[lot]) for lot in lots
    )
    authority, patient = (node.grown(signed("recall", key, body)) for body in bodies)
    return authority, patient


def test_each_face_alone_is_believed(demo_house: House, case: Case, faces: Faces) -> None:
    authority, patient = faces
    recall = authority.leaves[-1]
    assert verdict(demo_house, case.identity, authority.remake(case.evidence, recall)).reasons == ("recall_patient",)
    assert verdict(demo_house, case.identity, patient.remake(case.evidence)).outcome == "genuine"


def test_who_has_seen_one_refuses_the_other(demo_house: House, case: Case, faces: Faces) -> None:
    authority, patient = faces
    evidence = patient.remake(case.evidence)
    for seen, reasons in ((patient, ("genuine", "not_recorded")), (authority, ("checkpoint_refused",))):
        believed = trust(demo_house, checkpoint=seen.note())
        assert verdict(demo_house, case.identity, evidence, believed).reasons == reasons


def test_the_two_notes_convict_by_themselves(demo_house: House, faces: Faces) -> None:
    policy = trust(demo_house).policy
    one, other = (notes.open(face.note(), policy) for face in faces)
    assert one.size == other.size
    assert one.root != other.root


def test_neither_face_grows_into_the_other(demo_house: House, case: Case, faces: Faces) -> None:
    authority, patient = faces
    longer = patient.grown(authority.leaves[-1])
    believed = trust(demo_house, checkpoint=authority.note())
    evidence = replace(longer.remake(case.evidence, authority.leaves[-1]), growth=longer.growth(authority.size))
    found = verdict(demo_house, case.identity, evidence, believed)
    assert "checkpoint_refused" in found.reasons
    assert found.outcome == "do_not_use"  # the recall, once shown, stands whoever shows it
    with pytest.raises(ProofError):
        verify_consistency(
            authority.size, longer.size, longer.growth(authority.size).path, authority.root, longer.root
        )


def test_a_witness_cosigns_one_face_and_keeps_the_proof_of_the_other(
    demo_house: House, faces: Faces, tmp_path: Path
) -> None:
    """Asked by the log itself. Who wants this witness's cosignature believes one face, and can be shown no other."""
    authority, patient = faces
    log = trust(demo_house).policy.log
    with witness(tmp_path / "w1", log, "w1") as w1:
        policy = Policy(log, witnesses=(Witness("w1", w1.vkey),), quorum="w1")
        first, second = (AddCheckpoint(size, (), face.note()) for size, face in ((0, authority), (0, patient)))
        line = add_checkpoint(w1.url, first.encode())
        assert notes.open(authority.note() + line.content, policy).root == authority.root
        assert add_checkpoint(w1.url, second.encode()).text == f"{authority.size}\n"
        refused = add_checkpoint(w1.url, replace(second, old=patient.size).encode())
        assert (refused.status_code, refused.json()["type"]) == (422, "/problems/not_proven")
        for forged in (patient.note(), patient.note() + line.content):
            with pytest.raises(NoteError):
                notes.open(forged, policy)
        (name,) = w1.cosigner.forks.names()
        assert "FORKED" in forks.decode(w1.cosigner.forks.read(name) or b"").check()


@pytest.mark.parametrize("more", [0, 2])
def test_a_witness_that_follows_catches_the_face_shown_to_others(
    demo_house: House, faces: Faces, tmp_path: Path, more: int, caplog: pytest.LogCaptureFixture
) -> None:
    """It was asked for one face, and finds the other where everybody looks, grown or not: within one round, one loud
    sentence, and a file by which anyone convicts the log."""
    authority, patient = faces
    longer = patient.grown(*authority.leaves[1 : 1 + more])
    log = trust(demo_house).policy.log
    with served(Face(longer)) as url:
        following = Following(url, every_s=0.1)
        with witness(tmp_path / "w1", log, "w1") as w1:
            assert add_checkpoint(w1.url, AddCheckpoint(0, (), authority.note()).encode()).status_code == 200
        with witness(tmp_path / "w1", log, "w1", following=following) as w1:
            (name,) = until(w1.cosigner.forks.names)
            kept = httpx.get(f"{w1.url}/forks/{name}", trust_env=False).content
            assert httpx.get(f"{w1.url}/readyz", trust_env=False).status_code == 503
    sentence = forks.decode(kept).check()
    signed_first = f"it signed {authority.size} leaves under root {authority.root.hex()}"
    assert sentence.startswith(f"{log.name} FORKED: {signed_first}")
    assert [record.getMessage() for record in caplog.records if record.levelname == "CRITICAL"] == [
        f"{sentence} ({tmp_path / 'w1' / 'forks' / name})"
    ]
    honest = forks.Fork(log, authority.note(), authority.note())
    for changed in (honest, replace(forks.decode(kept), root=authority.root, path=())):
        if changed == honest or more:
            with pytest.raises(ProofError):
                changed.check()
