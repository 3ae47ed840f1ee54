"""A witness that nobody here wrote stands in the policy: the node publishes what it cosigned, with both its keys."""

import time

import pytest
from golang import Elsewhere, skey
from registry import Registry

from verifier.ledger import checkpoint as notes
from verifier.ledger.note import COSIGNATURE, ML_DSA_COSIGNATURE, VerifierKey
from verifier.ledger.policy import Group, Policy, Witness
from verifier.store import layout

pytestmark = pytest.mark.timeout(600)  # the first build of a fresh machine

NAME, SEED, KINDS = "w.example/public", bytes([3]) * 32, (COSIGNATURE, ML_DSA_COSIGNATURE)


def test_the_node_publishes_what_a_public_witness_cosigned(elsewhere: Elsewhere, registry: Registry) -> None:
    """Two batches, and an Ed25519 and an ML-DSA-44 cosignature under each; their reader finds what ours does."""
    registry.now = int(time.time())  # the witness's clock is the true one
    log, keys = registry.policy.log, [VerifierKey.of_seed(NAME, SEED, kind) for kind in KINDS]
    with elsewhere.serving(log, *(skey(NAME, SEED, kind) for kind in KINDS)) as url:
        witnesses = tuple(Witness(f"w{key.kind}", key, url) for key in keys)
        registry.policy = Policy(log, None, witnesses, (Group("both", 2, ("w4", "w6")),), "both")
        sequencer = registry.sequencer()
        for raws in (registry.enrolment(), [registry.product()]):
            assert {receipt.status for receipt in sequencer.register(raws)} == {"registered"}
            note = registry.client.get(layout.CHECKPOINT)
            assert isinstance(note, bytes)
            assert notes.open(note, registry.policy) == sequencer.head
            read = elsewhere.run("open", str(log), *map(str, keys), stdin=note).stdout.decode()
            times = [f"{NAME} {one.time}" for one in notes.cosigned(note, registry.policy)]
            assert read.splitlines() == [f"{log.name} {sequencer.head.size}", *times]
    assert registry.told == []
