"""Every state that the commit can come into, in small: the rules hold in all of them, and each broken rule is caught.

The model is commit_model's, the visit commit_exploring's. What the model takes for one step is held against the real
thing here: the scripts that Redis runs, and the policy that counts a quorum. A witness decides in it as it really does.
"""

import pytest
import redis
from node.commit_exploring import (
    Invariant,
    explore,
    honest_witness,
    no_false_alarm,
    nothing_lost,
    one_face,
    one_history,
    published_stands,
    quorum_left,
)
from node.commit_model import (
    HONEST,
    LOG,
    PUBLISHED,
    Rules,
    Sequencer,
    State,
    Tree,
    decide,
    may_propose,
    may_publish,
    note_of,
    written,
)

from verifier.ledger.note import COSIGNATURE, VerifierKey
from verifier.ledger.policy import Group, Policy, PolicyError, Witness
from verifier.node import lease
from verifier.node.pending import Pending
from verifier.node.sequencer import _PROPOSE, _PUBLISH
from verifier.store import layout


def test_the_rules_hold_in_every_state_and_the_end_is_never_out_of_reach() -> None:
    found = explore(Rules())
    assert (found.fault, found.story) == ("", [])
    assert found.states > 30_000, "the model shrank"
    idle = {action.__name__ for action in HONEST} - found.acted
    assert idle == {"publish_alone", "write_late", "roll_back"}, "what nobody does proves nothing"


def test_without_witnesses_too() -> None:
    found = explore(Rules(quorum=0))
    assert (found.fault, found.story) == ("", [])
    assert "publish_alone" in found.acted
    assert "propose" not in found.acted


def test_a_store_rolled_back_makes_no_second_history() -> None:
    """What was acknowledged is gone from it; but no quorum ever believes another tree, and what was published is never
    contradicted on the wire: the head is cosigned before anything is signed on it."""
    rolled = Rules(copied=True)
    found = explore(rolled, [one_history, honest_witness, published_stands], progress=False, start=PUBLISHED)
    assert (found.fault, found.story) == ("", [])
    assert {"roll_back", "accuse", "disown"} <= found.acted
    assert explore(rolled, [one_face], start=PUBLISHED).fault == "one_face", "nothing was rolled back"
    trusting = Rules(copied=True, asks_first=False)
    assert explore(trusting, [published_stands], start=PUBLISHED).fault == "published_stands"


def test_a_log_that_lies_finds_no_quorum_for_two_histories() -> None:
    found = explore(Rules(honest=False), [one_history, honest_witness], progress=False)
    assert (found.fault, found.story) == ("", [])


BROKEN: tuple[tuple[str, Rules, Invariant | None], ...] = (
    ("PENDING is not kept: another tree is proposed", Rules(keeps_pending=False), one_face),
    ("PENDING is not kept: a dead witness, and there is no quorum left", Rules(keeps_pending=False), quorum_left),
    ("a successor ignores PENDING", Rules(resumes_pending=False), one_face),
    ("a successor ignores PENDING, and there is no quorum left", Rules(resumes_pending=False), quorum_left),
    ("PENDING is never removed", Rules(removes_pending=False), None),
    ("the lease is not fenced", Rules(fences=False), no_false_alarm),
    ("neither lease nor head are compared", Rules(fences=False, compares=False), one_face),
    ("the same without witnesses: history", Rules(quorum=0, fences=False, compares=False), one_history),
    ("the same without witnesses: the acknowledged", Rules(quorum=0, fences=False, compares=False), nothing_lost),
    ("acknowledged once it is proposed", Rules(tells_after=False), nothing_lost),
    ("the store is accused by who lost the lease", Rules(accuses_last=False), no_false_alarm),
    ("a witness answers before it persists", Rules(persists_first=False), honest_witness),
    ("a witness decides two requests at once", Rules(locks=False), honest_witness),
    ("the log lies, and a witness answers before it persists", Rules(honest=False, persists_first=False), one_history),
    ("the log lies, and a witness decides two at once", Rules(honest=False, locks=False), one_history),
    ("the log lies, and one witness is a quorum", Rules(honest=False, quorum=1), one_history),
)


@pytest.mark.parametrize(("rules", "caught"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_a_broken_rule_is_caught(rules: Rules, caught: Invariant | None) -> None:
    found = explore(rules, [caught] if caught else [], progress=caught is None)
    assert found.fault == (caught.__name__ if caught else "progress")
    assert found.story


def test_quorums_that_need_not_meet_are_those_that_a_policy_may_not_have() -> None:
    names = ("w1", "w2", "w3")
    for quorum in (1, 2, 3):
        members = tuple(
            Witness(name, VerifierKey.of_seed(name, bytes([at]) * 32, COSIGNATURE)) for at, name in enumerate(names, 1)
        )
        policy = Policy(LOG, None, members, (Group("all", quorum, names),), "all")
        assert [policy.satisfied(names[:count]) for count in range(4)] == [count >= quorum for count in range(4)]
        if explore(Rules("a", quorum, honest=False), [one_history], progress=False).fault:
            with pytest.raises(PolicyError):
                policy.require_overlap()
        else:
            policy.require_overlap()


HEAD, NEXT, OTHER = ("a0",), ("a0", "b0"), ("a0", "b1")


@pytest.mark.parametrize("holder", [0, 1])
@pytest.mark.parametrize("checkpoint", [HEAD, OTHER])
@pytest.mark.parametrize("waits", [(), NEXT, OTHER])
def test_the_scripts_decide_as_the_model_does(store: redis.Redis, holder: int, checkpoint: Tree, waits: Tree) -> None:
    state = State(holder, checkpoint, waits, (Sequencer("asking", HEAD, NEXT), Sequencer()))
    held = lease.take(store, "one place")
    if holder != 0:
        lease.take(store, "one place")
    for tree, by_model in (
        (None, may_propose(state, 0, Rules())),
        (NEXT, may_publish(state, 0, NEXT, Rules())),
        (HEAD, may_publish(state, 0, HEAD, Rules())),
    ):
        store.set(layout.CHECKPOINT, note_of(checkpoint))
        store.delete(layout.PENDING)
        if waits:
            store.set(layout.PENDING, Pending(note_of(waits), {}).encoded)
        try:
            told = propose(held) if tree is None else publish(held, tree)
        except lease.LeaseLost:
            told = b"lease"
        assert (told == b"ok") == by_model, (tree, told)
        if told == b"ok":
            after = state._replace(pending=NEXT) if tree is None else written(state, 0, tree, Rules())[1]
            assert store.get(layout.CHECKPOINT) == note_of(after.checkpoint)
            assert store.exists(layout.PENDING) == bool(after.pending)


def propose(held: lease.Lease) -> bytes:
    return held.run(_PROPOSE, [layout.CHECKPOINT, layout.PENDING], [note_of(HEAD), Pending(note_of(NEXT), {}).encoded])


def publish(held: lease.Lease, tree: Tree) -> bytes:
    name = b"" if tree == HEAD else Pending(note_of(tree), {}).name
    keys = [layout.CHECKPOINT, layout.LAID, layout.HISTORY, layout.PENDING]
    return held.run(_PUBLISH, keys, [note_of(HEAD), note_of(tree), b"", name])


def test_a_real_witness_decides_in_the_model() -> None:
    assert {decide(NEXT, old, tree) for old in range(3) for tree in (HEAD, NEXT, OTHER)} == {200, 400, 409, 422}
