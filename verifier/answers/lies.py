"""What an honest answer cannot be, whoever shows what. Each rule takes an answer and leaves that are proven to stand in
the ledger it was given about, and names the lies they show; none ever convicts an honest node, however few leaves are
shown, or many, and whoever chose them. Their words stand in lies.json.

What store/gather names of an identity at a checkpoint, and so what may be missed:

    the genesis, and all that enrolled or ended the keys of the answer and of what it names    hidden_key
    the product in force; the lot that a proven serial is of                                   hidden_product, _batch
    every recall of the product, or that names the lot, whatever serials it names              hidden_recall
    every step that was recorded of this very pack, unless it was never issued so              hidden_event

A leaf that names several packs is recorded only of those whose record it changes (one's own second scan changes none),
so that it alone shows nothing about one of them: then every event that the answer names must be shown too. What a code
carries of a pack's own signature is no part of an answer's identity: the lots named for it are never missed.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.resources import files

from verifier.custody.transitions import RECORDED, step_of
from verifier.identity import Identity
from verifier.state.pack import Standing, standing
from verifier.state.replay import issued, steps_recorded
from verifier.statements import serials
from verifier.statements.answer import Answer
from verifier.statements.batch import Batch
from verifier.statements.body import Body
from verifier.statements.envelope import Statement
from verifier.statements.errors import Refused
from verifier.statements.event import Event
from verifier.statements.product import Product
from verifier.statements.recall import Recall
from verifier.statements.roster import MemberRecord, Roster, followed
from verifier.statements.serials import SerialProof

NOT_ISSUED = frozenset({"unknown", "mismatch", "not_registered"})
NO_PACK = NOT_ISSUED | {"no_serial"}
"""The states that tell of no pack's way."""
WORDS: Mapping[str, Mapping[str, str]] = json.loads(files("verifier.answers").joinpath("lies.json").read_text("utf-8"))[
    "lies"
]


@dataclass(frozen=True, slots=True)
class Leaf:
    """A statement that is leaf `index`, and who was entitled to sign it there."""

    index: int
    statement: Statement
    body: Body
    member: MemberRecord | None = None


@dataclass(slots=True)
class Shown:
    """What is proven of the ledger as it was answered about: its leaves by id, members and keys, a serial's proof."""

    genesis: bytes
    roster: Roster = field(default_factory=Roster)
    leaves: dict[bytes, Leaf] = field(default_factory=dict)
    serial: SerialProof | None = None

    def have(self, ids: Iterable[bytes]) -> bool:
        """Whether all of these are shown."""
        return set(ids) <= self.leaves.keys()

    def of(self, kind: type[Body]) -> Iterator[tuple[bytes, Leaf]]:
        """The leaves of a kind, in ledger order."""
        found = [(one, leaf) for one, leaf in self.leaves.items() if isinstance(leaf.body, kind)]
        return iter(sorted(found, key=lambda row: row[1].index))


@dataclass(frozen=True, slots=True)
class Said:
    """An answer, the identity that it is about, and the key that signed it."""

    answer: Answer
    identity: Identity
    kid: bytes


@dataclass(frozen=True, slots=True)
class Lie:
    """`code` is one of WORDS; `shown_by` the ids of the leaves that show it, the one that tells most first."""

    code: str
    shown_by: tuple[bytes, ...] = ()


def lies(said: Said, shown: Shown) -> tuple[Lie, ...]:
    """Every lie in an answer that what is shown proves, gravest rules first; none for whatever an honest node says."""
    return tuple(dict.fromkeys(lie for rule in RULES for lie in rule(said, shown)))


def _recalls(said: Said, shown: Shown) -> Iterator[Lie]:
    for one, leaf in shown.of(Recall):
        assert isinstance(leaf.body, Recall)  # noqa: S101 - of(Recall): for mypy, here and below
        lots = leaf.body.batches
        named = lots is None or said.identity.batch in lots
        if leaf.body.gtin == said.identity.gtin and named and one not in said.answer.applies:
            yield Lie("hidden_recall", (one,))


def _keys(said: Said, shown: Shown) -> Iterator[Lie]:
    if shown.genesis not in said.answer.applies:
        yield Lie("hidden_key", (shown.genesis,))
    known = set(said.answer.applies)
    rests_on: list[tuple[bytes, tuple[bytes, ...]]] = [(said.kid, ())]
    rests_on += [(leaf.statement.kid, (one,)) for one, leaf in _named(said, shown, Recall, Batch, Product)]
    for kid, because in rests_on:
        for record in followed(kid, shown.roster.key):
            for one in record.statements:
                if one not in known:
                    known.add(one)
                    yield Lie("hidden_key", (one, *because))


def _named(said: Said, shown: Shown, *kinds: type[Body]) -> Iterator[tuple[bytes, Leaf]]:
    """What the answer names itself, of these kinds and about this product."""
    for kind in kinds:
        for one, leaf in shown.of(kind):
            if one in said.answer.applies and getattr(leaf.body, "gtin", None) == said.identity.gtin:
                yield one, leaf


def _product(said: Said, shown: Shown) -> Iterator[Lie]:
    of_it = [one for one, leaf in shown.of(Product) if getattr(leaf.body, "gtin", None) == said.identity.gtin]
    if of_it and said.answer.state == "not_registered":
        yield Lie("hidden_product", (of_it[-1],))
    elif of_it and of_it[-1] not in said.answer.applies and shown.have(said.answer.applies):
        yield Lie("hidden_product", (of_it[-1], *said.answer.applies))  # and none of those is a newer one


def _issue(said: Said, shown: Shown) -> Iterator[Lie]:
    answer, identity = said.answer, said.identity
    lot = _lot(said, shown)
    if lot is None:
        if answer.state not in NO_PACK and shown.have(answer.applies):
            yield Lie("hidden_batch", tuple(answer.applies))  # it names no lot at all
        return
    one, leaf = lot
    assert isinstance(leaf.body, Batch)  # noqa: S101
    same = leaf.body.expiry == identity.expiry
    if answer.state not in NO_PACK and (one not in answer.applies or not same):
        yield Lie("hidden_batch", (one,))
    serial = (identity.serial or "").encode()
    proven = shown.serial is not None and serials.check(shown.serial, serial, leaf.body.k, leaf.body.root)
    if answer.state in NOT_ISSUED and same and proven:
        yield Lie("denied_issue", (one,))


def _lot(said: Said, shown: Shown) -> tuple[bytes, Leaf] | None:
    """The batch that the identity names: the ledger has no two of one name."""
    named = said.identity.gtin, said.identity.batch
    return next((row for row in shown.of(Batch) if (_field(row[1], "gtin"), _field(row[1], "batch")) == named), None)


def _field(leaf: Leaf, name: str) -> object:
    return getattr(leaf.body, name)


def _form(said: Said, _: Shown) -> Iterator[Lie]:
    answer = said.answer
    history = answer.withheld or answer.custody or answer.disputes
    if (answer.state in NO_PACK and history) or (answer.state == "no_serial") != (said.identity.serial is None):
        yield Lie("false_state")


def _history(said: Said, shown: Shown) -> Iterator[Lie]:
    answer = said.answer
    if answer.state in NO_PACK or said.identity.serial is None:
        return
    events = [(one, leaf) for one, leaf in shown.of(Event) if _about(leaf, said.identity)]
    alone = [one for one, leaf in events if one not in answer.withheld and len(_packs(leaf)) == 1]
    yield from (Lie("hidden_event", (one,)) for one in alone)
    lot = _lot(said, shown)
    if lot is None or not shown.have(answer.withheld):
        return
    if any(_step(shown.leaves[one]) is None for one in answer.withheld):
        return  # of a newer table of steps than this one: where it leads is not known here
    with suppress(Refused):  # a leaf that no honest ledger holds: what it leads to cannot be said
        yield from _followed(said, lot, events, alone)


def _followed(
    said: Said, lot: tuple[bytes, Leaf], events: Sequence[tuple[bytes, Leaf]], alone: Sequence[bytes]
) -> Iterator[Lie]:
    """Where all events lead to, and where those that the answer names lead to: both to what it says."""
    answer, rests_on = said.answer, (lot[0], *said.answer.withheld)
    several = set(_standing(said.identity, lot[1], events).events).difference(answer.withheld, alone)
    yield from (Lie("hidden_event", (one, *rests_on)) for one in sorted(several))
    named = _standing(said.identity, lot[1], [row for row in events if row[0] in answer.withheld])
    told = answer.state, tuple(answer.custody), answer.disputes, tuple(answer.withheld)
    if told != (named.state, named.stops, named.disputes, tuple(sorted(named.events))):
        yield Lie("false_state", rests_on)


def _about(leaf: Leaf, pack: Identity) -> bool:
    """Whether an event is a recorded step about this very pack."""
    named = [(one.gtin, one.batch, one.serial) for one in _packs(leaf)]
    return _step(leaf) in RECORDED and (pack.gtin, pack.batch, pack.serial) in named


def _step(leaf: Leaf) -> str | None:
    """The step of an event; "" of what is none, None of one that the table does not know."""
    if not isinstance(leaf.body, Event):
        return ""
    event = leaf.body.read()
    return step_of(event.biz_step, event.disposition, event.sensor)


def _packs(leaf: Leaf) -> tuple[Identity, ...]:
    assert isinstance(leaf.body, Event)  # noqa: S101
    return leaf.body.read().packs


def _standing(pack: Identity, lot: Leaf, events: Iterable[tuple[bytes, Leaf]]) -> Standing:
    """Where these events alone lead to."""
    assert lot.member is not None  # noqa: S101 - convict asked for every signer
    batch = issued(lot.statement, lot.index, lot.member)
    signed = [(leaf.index, leaf.statement, leaf.member) for _, leaf in events if leaf.member is not None]
    return standing(batch, steps_recorded(pack, batch, signed))


RULES: tuple[Callable[[Said, Shown], Iterator[Lie]], ...] = (_recalls, _history, _issue, _keys, _product, _form)


def differ(one: Answer, other: Answer) -> bool:
    """Whether two answers by one key about one identity and one tree cannot both be honest. Professionals may be told
    `mismatch` where strangers are told `unknown`, and are shown more keys; all else must be the same."""

    def told(answer: Answer) -> tuple[object, ...]:
        state = "unknown" if answer.state == "mismatch" else answer.state
        return state, answer.withheld, answer.custody, answer.disputes

    return told(one) != told(other)
