"""What a watcher asks about: things that the log names, things that were asked about before, and codes from a list.

Each question is one that a patient could ask, and is drawn at random: who answers cannot tell whom it is lying to.
"""

import random
from collections.abc import Iterator, Sequence
from contextlib import suppress

from verifier.identity import Identity, IdentityError
from verifier.node.memory import Memory, topic_of
from verifier.statements.batch import Batch
from verifier.statements.envelope import Statement, read
from verifier.statements.event import Event
from verifier.statements.kinds import KINDS, body_of
from verifier.statements.product import Product
from verifier.statements.recall import Recall

NEW = 256
TRIES = 20  # most leaves of a young log are members and keys, which nobody asks about


def draw(memory: Memory, codes: Sequence[str], chance: random.Random) -> str | None:
    """A question, as the text of a code; None if nothing is known to ask about."""
    for _ in range(TRIES):
        found = chance.choice((_code, _heard, _named, _named_lately))(memory, codes, chance)
        if found is not None:
            return found
    return None


def _code(_: Memory, codes: Sequence[str], chance: random.Random) -> str | None:
    return chance.choice(codes) if codes else None


def _heard(memory: Memory, _: Sequence[str], __: random.Random) -> str | None:
    return memory.any_identity()


def _named(memory: Memory, _: Sequence[str], chance: random.Random) -> str | None:
    return _of_leaf(memory, chance.randrange(memory.size), chance) if memory.size else None


def _named_lately(memory: Memory, _: Sequence[str], chance: random.Random) -> str | None:
    """Of the newest leaves: a lie is worth most while it is new."""
    size = memory.size
    return _of_leaf(memory, chance.randrange(max(0, size - NEW), size), chance) if size else None


def _of_leaf(memory: Memory, at: int, chance: random.Random) -> str | None:
    raw = memory.leaf_after(at)
    things = things_of(read(raw)) if raw is not None else []
    return dated(memory, chance.choice(things)).digital_link() if things else None


def things_of(statement: Statement) -> list[Identity]:
    """The packs, lots and products that a statement is about."""
    body = body_of(statement) if statement.kind in KINDS else None
    if isinstance(body, Event):
        return list(body.read().packs)
    if isinstance(body, Batch):
        return [_lot(body.gtin, body.batch)]
    if isinstance(body, Recall):
        lots = [_lot(body.gtin, batch) for batch in body.batches or ()]
        packs = [pack for serial in body.serials or () for pack in _pack(lots[0], serial)]
        return [*packs, *lots] or [Identity((("01", body.gtin),))]
    return [Identity((("01", body.gtin),))] if isinstance(body, Product) else []


def _lot(gtin: str, batch: str) -> Identity:
    return Identity((("01", gtin), ("10", batch)))


def _pack(lot: Identity, serial: str) -> Iterator[Identity]:
    """The pack, if a code can carry such a serial: a recall may name what none can."""
    with suppress(IdentityError):
        yield Identity((*lot.elements, ("21", serial)))


def dated(memory: Memory, thing: Identity) -> Identity:
    """The thing with its lot's expiry, as its box would carry it, where the lot is known."""
    lot = tuple(element for element in thing.elements if element[0] in ("01", "10"))
    for _, raw in memory.leaves([topic_of(Identity(lot))], ()).values():
        body = body_of(read(raw))
        if isinstance(body, Batch):
            return Identity((*thing.elements, ("17", body.expiry)))
    return thing
