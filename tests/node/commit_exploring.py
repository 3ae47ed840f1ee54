"""What must hold in every state of commit_model, and the visit of all of them.

`explore` goes breadth first, so the story that it tells of a fault is a shortest one.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from node.commit_model import HONEST, LYING, Rules, State, agree, beyond, cosigners, in_phase, letters

Invariant = Callable[[State, Rules], bool]


def one_history(state: State, rules: Rules) -> bool:
    """No two checkpoints that anybody could be made to believe contradict each other."""
    signed = {tree for witness in state.witnesses for tree in witness.signed}
    believed = {tree for tree in signed if cosigners(state, tree) >= rules.quorum > 0} | {*state.published}
    return all(agree(one, other) for one in believed for other in believed)


def one_face(state: State, _: Rules) -> bool:
    """No two trees that contradict each other ever leave the node: they would convict it."""
    return all(agree(one, other) for one in state.asked for other in state.asked)


def nothing_lost(state: State, _: Rules) -> bool:
    """What was acknowledged is published, at the index that was told."""
    return all(letters(state.checkpoint)[index : index + 1] == [letter] for letter, index in state.told)


def no_index_reused(state: State, _: Rules) -> bool:
    """No index told of two statements, none told two indexes, no statement a leaf twice."""
    known, indexes = {letter for letter, _ in state.told}, {index for _, index in state.told}
    twice = any(len({*letters(tree)}) < len(tree) for tree in (*state.asked, *state.published))
    return not twice and len(known) == len(indexes) == len(state.told)


def quorum_first(state: State, rules: Rules) -> bool:
    """What is published a quorum has cosigned."""
    return all(cosigners(state, tree) >= rules.quorum for tree in state.published)


def quorum_left(state: State, rules: Rules) -> bool:
    """Of the witnesses that live, enough can still cosign one and the same of what is proposed, or will be."""
    alive = [witness for witness in state.witnesses if not witness.dead]
    goals = [tree for tree in (state.checkpoint, *state.asked) if agree(tree, state.checkpoint)]
    return any(sum(not beyond(witness, goal) for witness in alive) >= rules.quorum for goal in goals)


def honest_witness(state: State, _: Rules) -> bool:
    """Never two roots of one size, never a smaller size, never a tree that does not grow from the last."""
    return all(
        len(old) < len(new) and agree(old, new) for witness in state.witnesses for old, new in pairwise(witness.signed)
    )


def published_stands(state: State, _: Rules) -> bool:
    """Nothing is proposed that contradicts what was published, by whatever store."""
    return all(agree(tree, state.pending) for tree in state.published)


def no_false_alarm(state: State, _: Rules) -> bool:
    """Nobody says that the store was rolled back where it was not."""
    return state.rolled_back or not in_phase(state, "refused")


INVARIANTS: tuple[Invariant, ...] = (
    *(one_history, one_face, nothing_lost, no_index_reused, quorum_first, quorum_left, honest_witness, no_false_alarm),
)


def done(state: State, rules: Rules) -> bool:
    """Everything that waited is acknowledged."""
    return len(state.told) == len(rules.statements)


# --- every state ------------------------------------------------------------------------------------------------------


@dataclass
class Found:
    """What `explore` saw: how many states and steps, which actions, and the name of what is wrong, with a shortest
    story that ends in it. `progress` is wrong where nothing leads to the end any more."""

    states: int = 0
    steps: int = 0
    acted: set[str] = field(default_factory=set)
    fault: str = ""
    story: list[str] = field(default_factory=list)


class Explorer:
    """The states met so far, each with the step that led there first, and everything that leads there."""

    def __init__(self, rules: Rules, start: State) -> None:
        self.rules, self.found = rules, Found()
        self.index: dict[State, int] = {start: 0}
        self.came: list[tuple[int, str]] = [(0, "")]
        self.before: list[list[int]] = [[]]
        self.ends: list[int] = []
        self.queue = deque([start])

    def explore(self, invariants: Sequence[Invariant]) -> bool:
        """Visit every state; False at the first where an invariant is broken."""
        actions = HONEST if self.rules.honest else LYING
        while self.queue:
            state = self.queue.popleft()
            here = self.index[state]
            if done(state, self.rules):
                self.ends.append(here)
            for action in actions:
                for label, after in action(state, self.rules):
                    self.found.acted.add(action.__name__)
                    if self.meet(here, label, after) and (broken := self.broken(after, invariants)):
                        self.blame(broken, self.index[after])
                        return False
        return True

    def meet(self, here: int, label: str, after: State) -> bool:
        """Note a step; whether it leads where nobody was."""
        self.found.steps += 1
        number = self.index.setdefault(after, len(self.came))
        if new := number == len(self.came):
            self.came.append((here, label))
            self.before.append([])
            self.queue.append(after)
        self.before[number].append(here)
        return new

    def broken(self, state: State, invariants: Sequence[Invariant]) -> str:
        return next((one.__name__ for one in invariants if not one(state, self.rules)), "")

    def blame(self, fault: str, number: int) -> None:
        self.found.fault = fault
        while number:
            number, label = self.came[number]
            self.found.story.insert(0, label)

    def stuck(self) -> int | None:
        """A state from which no end can be reached, the nearest to the beginning."""
        leads, queue = set(self.ends), deque(self.ends)
        while queue:
            for number in self.before[queue.popleft()]:
                if number not in leads:
                    leads.add(number)
                    queue.append(number)
        return next((number for number in range(len(self.came)) if number not in leads), None)


def explore(
    rules: Rules, invariants: Sequence[Invariant] = INVARIANTS, progress: bool = True, start: State | None = None
) -> Found:
    """Visit every state that the rules allow, up to the first broken invariant; with `progress`, also ask of each
    whether the end can be reached from it."""
    explorer = Explorer(rules, start or State())
    if explorer.explore(invariants) and progress and (stuck := explorer.stuck()) is not None:
        explorer.blame("progress", stuck)
    explorer.found.states = len(explorer.came)
    return explorer.found
