"""Anchoring on a real chain (anvil): on schedule, on demand, in agreement with others, after a reorganisation; and what
is told of a member whose anchors are not this ledger's."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis
from onchain import DEPTH, HOUR, Anchorer, Growing, members, raw
from registry import Registry
from wide import Wide

from verifier.ledger import tiles
from verifier.node.account import Poor
from verifier.node.anchoring import Shown, Stored
from verifier.node.ethereum import Chain
from verifier.node.held import Held
from verifier.node.local_chain import LocalChain
from verifier.node.rpc import Unreached
from verifier.node.testimony import Answer, Lied
from verifier.store.anchors import anchors, keep
from verifier.store.log import LogStore


@pytest.fixture
def three(local_chain: LocalChain, tmp_path: Path) -> Iterator[list[Anchorer]]:
    """Three members on one chain, of whom two must agree, each with its own copy of one ledger."""
    accounts, chosen = members(local_chain, tmp_path, 3, 2)
    with ExitStack() as stack:
        yield [Anchorer(one, stack.enter_context(Chain(local_chain.url, chosen)), Growing()) for one in accounts]


@pytest.fixture
def alone(local_chain: LocalChain, tmp_path: Path) -> Iterator[Anchorer]:
    """A member by itself."""
    (account,), chosen = members(local_chain, tmp_path, 1, 1)
    with Chain(local_chain.url, chosen) as chain:
        yield Anchorer(account, chain, Growing())


def test_the_first_round_anchors_and_the_next_waits_for_its_time(alone: Anchorer) -> None:
    alone.anchoring.round()
    assert alone.size == 5
    alone.book.size = 9
    alone.anchoring.round()
    assert alone.size == 5
    alone.clock.more = HOUR
    alone.anchoring.round()
    assert alone.size == 9
    assert len(alone.told) == 2
    assert alone.told[1].startswith(f"sent 9 leaves, root {alone.book.root(9).hex()}, in transaction 0x")


def test_on_demand_it_anchors_at_once_and_the_same_size_never_twice(alone: Anchorer) -> None:
    alone.anchoring.round()
    alone.book.size = 9
    for _ in range(3):
        alone.anchoring.round(demanded=True)
    assert alone.size == 9
    assert len(alone.told) == 2


def test_the_schedule_outlives_the_process(alone: Anchorer) -> None:
    alone.anchoring.round()
    alone.book.size = 9
    again = Anchorer(alone.account, alone.chain, alone.book)
    again.anchoring.round()
    assert (again.size, again.told) == (5, [])


def test_an_empty_ledger_is_not_anchored(alone: Anchorer) -> None:
    alone.book.size = 0
    alone.anchoring.round(demanded=True)
    assert (alone.size, alone.told) == (0, [])


def test_it_is_valid_once_deep_enough(alone: Anchorer, local_chain: LocalChain) -> None:
    alone.anchoring.round()
    alone.anchoring.round()
    (seen,) = alone.kept
    assert (seen.size, seen.depth, seen.valid, seen.development) == (5, 0, False, True)
    local_chain.call("anvil_mine", hex(DEPTH - 1))
    assert not valid(alone)
    local_chain.call("anvil_mine", "0x1")
    assert valid(alone)
    assert alone.kept[0].depth == DEPTH


def valid(one: Anchorer) -> bool:
    one.anchoring._kept = ([], 0.0)  # it is kept again at each look
    one.anchoring.look()
    return one.kept[0].valid


def test_others_join_what_one_anchored_and_two_make_it_valid(three: list[Anchorer], local_chain: LocalChain) -> None:
    first, second, third = three
    first.anchoring.round()
    for one in (second, third):
        one.book.size = 8  # they saw it grow meanwhile; only the same size and root agree
    second.anchoring.round()
    third.anchoring.round()
    assert [one.size for one in three] == [5, 5, 5]
    local_chain.call("anvil_mine", hex(DEPTH))
    second.anchoring.round()
    (seen,) = second.kept
    assert (seen.size, seen.accounts, seen.valid) == (5, 3, True)
    assert seen.block == second.chain.said(raw(second.account), 99)[0].block  # the one by which two had said it


def test_one_account_alone_is_not_enough(three: list[Anchorer], local_chain: LocalChain) -> None:
    first = three[0]
    first.anchoring.round()
    local_chain.call("anvil_mine", hex(DEPTH))
    assert not valid(first)
    assert first.kept[0].accounts == 1


def test_another_ledger_is_joined_by_nobody_and_told_by_name(three: list[Anchorer]) -> None:
    first, forked, third = three
    forked.book.word, forked.book.size = "fork", 7
    forked.anchoring.round()
    for one in (first, third):
        one.book.size = 9
        one.anchoring.round()
        one.anchoring.round()
    ours = first.book.root(7).hex()
    told = f"member-1 anchored the root {forked.book.root(7).hex()} at 7 leaves, and this ledger has {ours}: "
    assert [line for line in first.told if "sent" not in line] == [f"{told}one of the two was forked"]
    assert [one.size for one in three] == [9, 7, 9]
    assert [(one.size, one.accounts, one.agrees) for one in third.kept] == [(9, 2, True), (7, 1, False)]


def test_a_size_that_this_ledger_does_not_have_is_told(three: list[Anchorer]) -> None:
    first, ahead, _ = three
    ahead.book.size = 50
    ahead.anchoring.round()
    first.anchoring.round()
    assert first.told[0] == "member-1 anchored 50 leaves, and this ledger has 5"
    assert first.size == 5
    assert [(one.size, one.agrees) for one in first.kept] == [(50, None)]


def test_after_a_reorganisation_it_anchors_again(alone: Anchorer, local_chain: LocalChain) -> None:
    alone.anchoring.round()
    alone.book.size = 9
    alone.anchoring.round(demanded=True)
    alone.anchoring.round()
    assert [one.size for one in alone.kept] == [9, 5]
    block = alone.kept[0].block
    local_chain.call("anvil_reorg", 1, [])
    assert alone.size == 5
    alone.book.size = 11
    alone.anchoring.round()  # not due: its time is in an hour
    assert alone.size == 11
    gone = f"the chain was reorganised: the anchor of 9 leaves in block {block} is gone; anchoring again"
    assert alone.told[2] == gone
    alone.anchoring.round()
    assert [one.size for one in alone.kept] == [11, 5]


def test_after_a_reorganisation_that_swept_all_of_it_away_it_anchors_again(
    alone: Anchorer, local_chain: LocalChain
) -> None:
    alone.anchoring.round()
    alone.anchoring.round()
    local_chain.call("anvil_reorg", 1, [])
    alone.anchoring.round()
    assert alone.size == 5
    assert "is gone; anchoring again" in alone.told[1]


def test_a_reorganisation_deeper_than_anything_thought_to_stay_is_got_over(
    alone: Anchorer, local_chain: LocalChain
) -> None:
    alone.anchoring.round()
    local_chain.call("anvil_mine", hex(DEPTH))
    alone.anchoring.round()
    block = alone.kept[0].block
    assert (raw(alone.account), block) in alone.chain._deep
    local_chain.call("anvil_reorg", DEPTH + 1, [])
    local_chain.call("anvil_rollback", DEPTH + 1)
    alone.book.size = 7
    alone.chain.tell(alone.account, 7, alone.book.root(7))  # in a block of the same number
    assert alone.chain.head() == block
    local_chain.call("anvil_mine", hex(DEPTH))
    with pytest.raises(Unreached, match="changed while it was read"):
        alone.anchoring.round()
    alone.anchoring.round()
    assert [(one.size, one.block) for one in alone.kept] == [(7, block)]


def test_what_waits_is_not_sent_twice_and_then_for_more(alone: Anchorer, local_chain: LocalChain) -> None:
    local_chain.call("evm_setAutomine", False)
    alone.anchoring.round()
    alone.anchoring.round(demanded=True)
    assert len(alone.told) == 1
    alone.anchoring.patience_s = 0.0
    alone.book.size = 6
    alone.anchoring.round()
    assert len(alone.told) == 2
    local_chain.call("evm_mine")
    assert alone.size == 6  # the dearer one took the place of the other


def test_an_account_without_money_waits_and_goes_on_when_it_has_some(alone: Anchorer, local_chain: LocalChain) -> None:
    local_chain.call("anvil_setBalance", alone.account.address, "0x0")
    for _ in range(2):
        with pytest.raises(Poor, match=r"found 0\.000000; send it some"):
            alone.anchoring.round()
    local_chain.give(alone.account.address)
    alone.anchoring.round()
    assert alone.size == 5


def test_a_real_store_is_anchored_and_shown(
    registry: Registry, store: redis.Redis, alone: Anchorer, local_chain: LocalChain
) -> None:
    sequencer = registry.sequencer()
    sequencer.register(registry.enrolment())
    alone.anchoring.book = Stored(LogStore(store), registry.policy)
    alone.anchoring._root = alone.anchoring.book.root  # type: ignore[assignment]
    alone.anchoring._keep = lambda seen: keep(store, seen)
    alone.anchoring.round()
    before = sequencer.head
    sequencer.register([registry.product()])
    alone.anchoring.round(demanded=True)
    alone.anchoring.round()
    heads = [(one.size, one.root) for one in anchors(store)]
    assert heads == [(head.size, head.root) for head in (sequencer.head, before)]


def test_a_log_that_is_served_is_proved_before_it_is_anchored(wide: Wide) -> None:
    """Who anchors from another's machine says nothing on the chain that the log did not sign."""

    class Served(Held):
        lie = False

        def get(self, path: str, limit: int) -> Answer:
            answer = super().get(path, limit)
            return Answer(answer.status, answer.body[:-1] + b"?") if self.lie and "tile" in path else answer

    source = Served(wide.registry.client, wide.registry.settings.data, wide.note)
    book = Shown(source, wide.registry.policy)
    assert book.head() == wide.head
    for size in (0, 1, 256, 300, 512, wide.size):
        source.lie = False
        assert book.root(size) == tiles.root(size, wide.log.tile)
        source.lie = True
        with pytest.raises(Lied):
            book.root(size)
