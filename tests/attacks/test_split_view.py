"""The node with two faces: it shows one ledger to the patient and another, as long, to the authority.

Each face is whole by itself. The two signed checkpoints together are the proof, and it needs nobody's word: one log,
one size, two roots.
"""

from dataclasses import replace

import pytest
from forge import Case, Forger, cases_of, signed, trust, verdict
from house import House

from verifier.ledger import checkpoint as notes
from verifier.ledger.merkle import ProofError, verify_consistency
from verifier.statements.recall import Recall

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
