"""The photocopier of signatures: he copies a signed code, (91) and (92) included, onto boxes of his own.

Every copy verifies, since a signature is of the code and of no box. With a network the state tells: once the first is
dispensed, the others are seen to be. Without one, a signature alone is never a green screen.
"""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from forge import Forger, answer_of, event_of, trust, verdict
from house import House, with_element

from scanner.check import check
from scanner.decode import decode
from scanner.photo import read_photo
from scanner.sighting import Sighting, sight
from verifier.identity import Identity
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


@pytest.mark.parametrize("dated", [True, False])
def test_an_answer_about_the_lot_says_nothing_of_the_copy(world: House, dated: bool) -> None:
    """The node answers that the lot is not recalled: of this box nothing is known all the same."""
    pack, node = copied(world, 0).identity, Forger(world)
    elements = tuple(e for e in pack.elements if e[0] in (("01", "10", "17") if dated else ("01", "10")))
    said = {"identity": Identity(elements).digital_link(), "state": "no_serial", "custody": [], "withheld": []}
    lot = replace(lot_evidence(world), answer=world.desk.evidence(pack).answer)
    evidence = node.remake(lot, **said)
    found = verdict(world, pack, evidence)
    assert (found.outcome, found.reasons) == ("unverified", ("signed_only", "missing_state"))
    assert found.custody == ()
    more = node.remake(lot, **said, applies=sorted([*answer_of(evidence).applies, bytes(32)]))
    assert verdict(world, pack, more).reasons == ("signed_only", "missing_state", "missing_recalls")
    other = with_element(Identity(elements), "10", "OTHER")
    lie = node.remake(lot, **said | {"identity": other.digital_link()})
    assert verdict(world, pack, lie).reasons == ("other_identity", "signed_only")
    lie = node.remake(lot, **said | {"state": "active"})  # which no lot is
    assert verdict(world, pack, lie).reasons == ("broken_evidence", "signed_only")


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
