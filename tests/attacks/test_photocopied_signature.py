"""The photocopier of signatures: he copies a signed code, (91) and (92) included, onto boxes of his own.

Every copy verifies, since a signature is of the code and of no box. With a network the state tells: once the first is
dispensed, the others are seen to be. Without one, a signature alone is never a green screen.
"""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from forge import event_of, trust, verdict
from house import House

from scanner.check import check
from scanner.decode import decode
from scanner.photo import read_photo
from scanner.sighting import Sighting, sight
from verifier.statements.recall import Recall
from verifier.verdict.evidence import Evidence, encode
from verifier.verdict.judge import Question, judge


def copied(house: House, turns: int) -> Sighting:
    """The demo's signed box as the copier sends it: blurred, greyed, turned, a JPEG."""
    label = cv2.imread(str(house.settings.data / "demo" / "signed-pack.png"), cv2.IMREAD_GRAYSCALE)
    assert label is not None
    grey = cv2.GaussianBlur(np.rot90(label, turns) * 0.7 + 40, (3, 3), 0).astype(np.uint8)
    seen = sight(decode(read_photo(cv2.imencode(".jpg", grey)[1].tobytes())))
    assert isinstance(seen, Sighting)
    return seen


def lot_evidence(house: House) -> Evidence:
    lot = house.world.lots["signed"]
    found = house.desk.gatherer.gather_lot(lot.gtin, lot.batch)
    assert found is not None
    return found


def test_a_copy_alone_is_never_green(world: House) -> None:
    """On any day, whatever of the lot's evidence is there."""
    whole = lot_evidence(world)
    for turns in range(4):
        seen = copied(world, turns)
        found = check(seen, encode(whole), trust(world), world.clock())
        assert (found.outcome, found.reasons) == ("unverified", ("signed_only", "missing_state"))
        assert set(found.answers.values()) == {"unknown"}
    for exhibit in whole.statements:
        poorer = replace(whole, statements=tuple(one for one in whole.statements if one != exhibit))
        assert judge(Question(seen.identity), poorer, trust(world), world.clock()).outcome == "unverified"


def test_with_another_packs_proof_it_is_not_verified_either(world: House) -> None:
    """The evidence of a genuine neighbour of the same lot, beside the copied code."""
    seen, neighbour = copied(world, 0), world.world.pack("signed", 5)
    found = check(seen, encode(world.desk.evidence(neighbour)), trust(world), world.clock())
    assert found.outcome == "unverified"
    assert found.reasons[0] in ("other_identity", "broken_evidence")


@pytest.mark.parametrize("viewer", ["patient", "pharmacy"])
def test_the_server_reads_the_state_of_the_one_code_there_is(world: House, viewer: str) -> None:
    pack = copied(world, 0).identity
    if viewer == "patient":
        assert world.codes(pack.signed_link()) == ["genuine", "not_recorded"]  # original and copies alike
        event = event_of("dispense", [pack], world.clock())
        assert world.say("event", "pharmacie-du-canal", event).status_code == 201
    evidence = world.desk.evidence(copied(world, 2).identity)
    told = {"patient": "dispensed", "pharmacy": "elsewhere"}[viewer]
    assert verdict(world, pack, evidence, viewer=viewer).reasons == (told,)


def test_a_recalled_lot_is_told_to_every_copy_offline(world: House) -> None:
    lot = world.world.lots["signed"]
    recall = Recall(gtin=lot.gtin, depth="patients", reason="x", batches=[lot.batch])
    assert world.say("recall", "agence-sante", recall).status_code == 201
    found = check(copied(world, 1), encode(lot_evidence(world)), trust(world), world.clock())
    assert found.reasons == ("recall_patient", "signed_only", "missing_state")
