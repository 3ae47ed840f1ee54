"""A small model of the commit (node/sequencer), of which every state can be visited: what may happen, not how.

Two places where a sequencer may run, three witnesses of whom a quorum must cosign, two statements, two forks. Whatever
runs may stop anywhere and start again, or sleep past its lease while the other place takes over; a message once sent
may arrive at any later time, twice, or never; one witness may die for good. What a script in Redis or a witness's
locked step does is one action here, for it is one step there; what a witness answers is ledger/witnessing's own word.

A tree is the tuple of its leaves. A leaf is its statement's letter and its fork: what is drafted anew is never what
was drafted before, since its clock and its order differ.

What must hold, and how every state is visited, stands in commit_exploring.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import permutations
from typing import NamedTuple

from verifier.ledger import checkpoint as notes
from verifier.ledger import tiles, witnessing
from verifier.ledger.checkpoint import Checkpoint
from verifier.ledger.merkle import leaf_hash
from verifier.ledger.note import VerifierKey
from verifier.ledger.witnessing import AddCheckpoint

Tree = tuple[str, ...]
FORKS, PLACES, WITNESSES, NOBODY = 2, (0, 1), 3, -1
SEED = bytes(32)
LOG = VerifierKey.of_seed("log.example", SEED)


class Sequencer(NamedTuple):
    """One process, or none ("down"). `head` is the published tree it knows of, `proposal` what it wants published."""

    phase: str = "down"
    head: Tree = ()
    proposal: Tree = ()


class Witness(NamedTuple):
    """`disk` outlives a crash, `memory` is what it decides by, `checked` is decided and not yet written. `signed` are
    the cosignatures that it let out, in order; `fresh` the places where it has cosigned their head anew."""

    disk: Tree = ()
    memory: Tree = ()
    checked: Tree = ()
    signed: tuple[Tree, ...] = ()
    fresh: tuple[bool, bool] = (False, False)
    dead: bool = False


class State(NamedTuple):
    """All there is. `asked` are the proposals on the wire, `published` every checkpoint that was, `told` the statements
    acknowledged, each with its index. Witnesses are kept sorted: who of them is who makes no difference."""

    holder: int = NOBODY
    checkpoint: Tree = ()
    pending: Tree = ()
    sequencers: tuple[Sequencer, Sequencer] = (Sequencer(), Sequencer())
    witnesses: tuple[Witness, ...] = (Witness(),) * WITNESSES
    asked: tuple[Tree, ...] = ()
    published: tuple[Tree, ...] = ()
    told: tuple[tuple[str, int], ...] = ()
    rolled_back: bool = False


FIRST = ("a0",)
PUBLISHED = State(
    checkpoint=FIRST,
    witnesses=(Witness(FIRST, FIRST, (), (FIRST,)),) * WITNESSES,
    asked=(FIRST,),
    published=(FIRST,),
)
"""Where a first tree stands already."""


@dataclass(frozen=True)
class Rules:
    """The protocol's, each of which a variant may break, and what the world may do. `quorum` of the witnesses must
    cosign; with 0 none is asked. `honest` is the log: one that is not signs whatever it likes, and the witnesses alone
    stand in the way. `copied`: somebody may put an older copy in the store's place."""

    statements: str = "ab"
    quorum: int = 2
    keeps_pending: bool = True
    resumes_pending: bool = True
    removes_pending: bool = True
    fences: bool = True
    compares: bool = True
    tells_after: bool = True
    asks_first: bool = True
    accuses_last: bool = True
    persists_first: bool = True
    locks: bool = True
    honest: bool = True
    copied: bool = False


Step = tuple[str, State]
Action = Callable[[State, Rules], Iterator[Step]]

# --- the sequencers ---------------------------------------------------------------------------------------------------


def take_lease(state: State, _: Rules) -> Iterator[Step]:
    """Whoever starts has the lease, with a new epoch; the one before may sleep, or not know that its own ran out."""
    for place in in_phase(state, "down"):
        yield f"{place} takes the lease", at(state._replace(holder=place), place, phase="leased")


def read_head(state: State, _: Rules) -> Iterator[Step]:
    for place in in_phase(state, "leased"):
        yield f"{place} reads the head", at(state, place, phase="read", head=state.checkpoint)


def read_pending(state: State, _: Rules) -> Iterator[Step]:
    for place in in_phase(state, "read"):
        yield f"{place} reads PENDING", at(state, place, phase="begun", proposal=state.pending)


def begin(state: State, rules: Rules) -> Iterator[Step]:
    """What was proposed and not published is proposed again, exactly that; else the head, before anything new: a store
    that was rolled back is disowned there."""
    for place in in_phase(state, "begun"):
        ours = state.sequencers[place]
        if ours.proposal and rules.resumes_pending:
            yield f"{place} proposes PENDING again", at(state, place, phase="asking")
        elif ours.head and rules.quorum and rules.asks_first:
            yield f"{place} has its head cosigned first", at(state, place, phase="asking", proposal=ours.head)
        else:
            yield f"{place} begins", at(state, place, phase="idle", proposal=())


def propose(state: State, rules: Rules) -> Iterator[Step]:
    """4a: one script, guarded by lease and head, and only then is any witness asked."""
    for place in in_phase(state, "idle"):
        for tree in drafts(state, place, rules) if rules.quorum else ():
            if not may_propose(state, place, rules):
                yield f"{place} may not propose", fallen(state, place)
                break
            pending = tree if rules.keeps_pending else ()
            asked = state._replace(pending=pending, asked=joined(state.asked, tree))
            yield f"{place} proposes {said(tree)}", at(asked, place, phase="asking", proposal=tree)


def refresh(state: State, rules: Rules) -> Iterator[Step]:
    """An unchanged head is cosigned anew, so that its time is fresh."""
    for place in in_phase(state, "idle"):
        if rules.quorum and (head := state.sequencers[place].head):
            yield f"{place} asks anew", at(state, place, phase="asking", proposal=head)


def hear_anew(state: State, rules: Rules) -> Iterator[Step]:
    """Of an unchanged head only an answer to this very question counts: its time is of now (node/cosigners)."""
    for place in in_phase(state, "asking"):
        head = state.sequencers[place].head
        for number, witness in living(state) if state.sequencers[place].proposal == head else ():
            if decide(witness.memory, len(head), head) == 200 and not witness.fresh[place]:
                yield f"{place} hears anew", with_witness(state, number, heard(witness, place, True))


def publish(state: State, rules: Rules) -> Iterator[Step]:
    """5: one script, guarded by lease, head and proposal: the checkpoint, and PENDING removed. A cosignature that was
    let out may have arrived by now; that it was heard need not be remembered, for it may be heard again."""
    for place in in_phase(state, "asking"):
        ours = state.sequencers[place]
        anew = sum(witness.fresh[place] for witness in state.witnesses)
        if (anew if ours.proposal == ours.head else cosigners(state, ours.proposal)) >= rules.quorum:
            yield written(state, place, ours.proposal, rules)


def publish_alone(state: State, rules: Rules) -> Iterator[Step]:
    """With no quorum asked for, 5 follows 4 at once."""
    for place in in_phase(state, "idle"):
        for tree in () if rules.quorum else drafts(state, place, rules):
            yield written(state, place, tree, rules)


def disown(state: State, rules: Rules) -> Iterator[Step]:
    """Who waits for a quorum hears that too many hold another history."""
    for place in in_phase(state, "asking"):
        others = [witness for witness in state.witnesses if beyond(witness, state.sequencers[place].proposal)]
        if WITNESSES - len(others) < rules.quorum:
            yield f"{place} is disowned", at(deaf(state, place), place, phase="suspecting")


def accuse(state: State, rules: Rules) -> Iterator[Step]:
    """The lease is asked before the store is called rolled back: another may have gone on meanwhile."""
    for place in in_phase(state, "suspecting"):
        if state.holder == place or not rules.accuses_last:
            yield f"{place} says that the store was rolled back", at(state, place, phase="refused")
        else:
            yield f"{place} has lost the lease", fallen(state, place)


def answer(state: State, rules: Rules) -> Iterator[Step]:
    """7: the doors are told what became of their statements. The variant tells them once it has proposed."""
    for place in in_phase(state, "publishing" if rules.tells_after else "asking"):
        ours = state.sequencers[place]
        after = at(state, place, phase="idle", proposal=()) if rules.tells_after else state
        yield f"{place} answers", tell(after, ours.head if rules.tells_after else ours.proposal)


def answer_known(state: State, rules: Rules) -> Iterator[Step]:
    """Who was not told asks again and hears `known`, if the lease still holds."""
    for place in in_phase(state, "idle"):
        if tell(state, state.sequencers[place].head) == state:
            continue
        if state.holder == place or not rules.fences:
            yield f"{place} answers known", tell(state, state.sequencers[place].head)
        else:
            yield f"{place} may not answer", fallen(state, place)


def crash(state: State, _: Rules) -> Iterator[Step]:
    """Anywhere: also right after a script whose answer it then never heard."""
    for place in PLACES:
        if state.sequencers[place].phase != "down":
            yield f"{place} crashes", fallen(state, place)


# --- the witnesses, and what else may befall --------------------------------------------------------------------------


def cosign(state: State, rules: Rules) -> Iterator[Step]:
    """Check, persist, answer, under one lock; every request on the wire may arrive, naming whatever old size."""
    for number, witness in living(state):
        for tree in state.asked:
            if not any(decide(witness.memory, old, tree) == 200 for old in range(len(tree) + 1)):
                continue
            if not rules.locks and not witness.checked:
                yield f"a witness checks {said(tree)}", with_witness(state, number, witness._replace(checked=tree))
            disk = tree if rules.persists_first else witness.disk
            yield cosigned(state, number, witness._replace(memory=tree, disk=disk), tree)


def write_late(state: State, _: Rules) -> Iterator[Step]:
    """Of the variants: what is written after it was decided beside another, or after it was answered."""
    for number, witness in living(state):
        if tree := witness.checked:
            yield cosigned(state, number, witness._replace(memory=tree, disk=tree, checked=()), tree)
        elif witness.disk != witness.memory:
            yield "a witness persists", with_witness(state, number, witness._replace(disk=witness.memory))


def witness_crash(state: State, _: Rules) -> Iterator[Step]:
    """One that persists first has nothing to lose: then this changes nothing."""
    for number, witness in living(state):
        yield "a witness crashes", with_witness(state, number, witness._replace(memory=witness.disk, checked=()))


def die(state: State, _: Rules) -> Iterator[Step]:
    """One witness may be gone for ever; what it signed is still on the wire."""
    if not any(witness.dead for witness in state.witnesses):
        for number, witness in living(state):
            after = witness._replace(memory=witness.disk, checked=(), dead=True)
            yield "a witness dies", with_witness(state, number, after)


def lie(state: State, rules: Rules) -> Iterator[Step]:
    """A log that is not honest signs any tree, and shows it to whom it likes."""
    for count in range(1, len(rules.statements) + 1):
        for batch in permutations(rules.statements, count):
            for fork in range(FORKS):
                tree = leaves(batch, fork)
                if tree not in state.asked:
                    yield f"the log signs {said(tree)}", state._replace(asked=joined(state.asked, tree))


def roll_back(state: State, rules: Rules) -> Iterator[Step]:
    """Somebody puts an older copy of the store in its place, once, and of all that this machine remembers. (One that is
    empty is told by the mark, node/highwater.)"""
    if rules.copied and not state.rolled_back:
        for tree in state.published:
            if len(tree) < len(state.checkpoint) or state.pending:
                older = state._replace(holder=NOBODY, checkpoint=tree, pending=(), rolled_back=True)
                yield f"the store is rolled back to {said(tree)}", older


HONEST: tuple[Action, ...] = (
    *(take_lease, read_head, read_pending, begin, propose, refresh, hear_anew, publish, publish_alone, disown, accuse),
    *(answer, answer_known, crash, cosign, write_late, witness_crash, die, roll_back),
)
LYING: tuple[Action, ...] = (lie, cosign, write_late, witness_crash)


# --- what an action is made of ----------------------------------------------------------------------------------------


def may_propose(state: State, place: int, rules: Rules) -> bool:
    """What the script of 4a asks: the lease's epoch, the checkpoint that the writer knows, and that nothing waits."""
    return may_write(state, place, rules) and not (state.pending and rules.resumes_pending)


def may_publish(state: State, place: int, tree: Tree, rules: Rules) -> bool:
    """What the script of 5 asks: the same, and that it is this proposal which waits; none, where the head is the same
    or nobody is asked."""
    waits = tree if rules.quorum and tree != state.sequencers[place].head else ()
    return may_write(state, place, rules) and (state.pending == waits or not rules.keeps_pending)


def may_write(state: State, place: int, rules: Rules) -> bool:
    ours = state.sequencers[place]
    return (state.holder == place or not rules.fences) and (state.checkpoint == ours.head or not rules.compares)


def written(state: State, place: int, tree: Tree, rules: Rules) -> Step:
    """The script of 5."""
    if not may_publish(state, place, tree, rules):
        return f"{place} may not publish", fallen(state, place)
    pending = () if rules.removes_pending else state.pending
    after = state._replace(checkpoint=tree, pending=pending, published=joined(state.published, tree))
    anew = tree == state.sequencers[place].head
    ours = {"phase": "idle", "proposal": ()} if anew else {"phase": "publishing", "head": tree}
    return f"{place} publishes {said(tree)}", at(deaf(after, place), place, **ours)


def cosigned(state: State, number: int, witness: Witness, tree: Tree) -> Step:
    signed = witness.signed if witness.signed[-1:] == (tree,) else (*witness.signed, tree)
    return f"a witness cosigns {said(tree)}", with_witness(state, number, witness._replace(signed=signed))


@cache
def decide(stored: Tree, old: int, tree: Tree) -> int:
    """The status that a witness which stored one tree owes a request to cosign another: the real bytes, the real rule.

    >>> decide((), 0, ("a0",)), decide(("a0",), 1, ("a0", "b0")), decide(("a0",), 0, ("a0", "b0"))
    (200, 200, 409)
    >>> decide(("a0",), 1, ("a1", "b0")), decide(("a0",), 1, ("a1",)), decide(("a0", "b0"), 2, ("a0",))
    (422, 422, 400)
    """
    path = tiles.consistency_path(old, len(tree), tile(tree)) if 0 < old <= len(tree) else ()
    request = AddCheckpoint(old, tuple(path), note_of(tree))
    return witnessing.decide(request, note_of(stored) if stored else None, [LOG]).status


def tile(tree: Tree) -> tiles.ReadTile:
    hashes = b"".join(leaf_hash(leaf.encode()) for leaf in tree)
    return lambda _level, _number, width: hashes[: width * 32]


def note_of(tree: Tree) -> bytes:
    return notes.sign(Checkpoint(LOG.name, len(tree), tiles.root(len(tree), tile(tree))), SEED)


def at(state: State, place: int, **changed: object) -> State:
    ours = state.sequencers[place]._replace(**changed)  # type: ignore[arg-type]
    pair = (ours, state.sequencers[1]) if place == 0 else (state.sequencers[0], ours)
    return state._replace(sequencers=pair)


def fallen(state: State, place: int) -> State:
    """Gone, with everything that it knew."""
    return at(deaf(state, place), place, phase="down", head=(), proposal=())


def deaf(state: State, place: int) -> State:
    """Nothing that was heard anew counts any longer."""
    if not any(witness.fresh[place] for witness in state.witnesses):
        return state
    return state._replace(witnesses=tuple(sorted(heard(witness, place, False) for witness in state.witnesses)))


def heard(witness: Witness, place: int, fresh: bool) -> Witness:
    return witness._replace(fresh=(fresh, witness.fresh[1]) if place == 0 else (witness.fresh[0], fresh))


def with_witness(state: State, number: int, witness: Witness) -> State:
    others = [other for at, other in enumerate(state.witnesses) if at != number]
    return state._replace(witnesses=tuple(sorted([*others, witness])))


def drafts(state: State, place: int, rules: Rules) -> Iterator[Tree]:
    """Every batch of what is not in the head yet, as it never was on the wire before. The first of all begins with `a`:
    which letter is which makes no difference."""
    head = state.sequencers[place].head
    rest = [letter for letter in rules.statements if letter not in letters(head)]
    for count in range(1, len(rest) + 1):
        for batch in permutations(rest, count):
            if state.asked or state.published or batch[0] == rules.statements[0]:
                trees = (head + leaves(batch, fork) for fork in range(FORKS))
                yield from [tree for tree in trees if tree not in state.asked][:1]


def tell(state: State, tree: Tree) -> State:
    news = ((letter, index) for index, letter in enumerate(letters(tree)))
    return state._replace(told=tuple(sorted({*state.told, *news})))


def living(state: State) -> Iterator[tuple[int, Witness]]:
    """Of several witnesses in the same condition one is enough."""
    for number, witness in enumerate(state.witnesses):
        if not witness.dead and witness not in state.witnesses[:number]:
            yield number, witness


def in_phase(state: State, phase: str) -> list[int]:
    return [place for place in PLACES if state.sequencers[place].phase == phase]


def cosigners(state: State, tree: Tree) -> int:
    return sum(tree in witness.signed for witness in state.witnesses)


def beyond(witness: Witness, *known: Tree) -> bool:
    """Whether it holds what none of these trees contains."""
    return not any(witness.disk == tree[: len(witness.disk)] for tree in known)


def agree(one: Tree, other: Tree) -> bool:
    """Whether one grows into the other."""
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]


def leaves(batch: Sequence[str], fork: int) -> Tree:
    return tuple(f"{letter}{fork}" for letter in batch)


def letters(tree: Tree) -> list[str]:
    return [leaf[0] for leaf in tree]


def joined(trees: tuple[Tree, ...], tree: Tree) -> tuple[Tree, ...]:
    return trees if tree in trees else tuple(sorted((*trees, tree)))


def said(tree: Tree) -> str:
    return "[" + " ".join(tree) + "]"
