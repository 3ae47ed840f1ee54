"""Symbols become Identities, or the reason why not. No pixels, no verdict: what the codes say and whether they agree.

A symbol is a pack's only if its reader says so (content type gs1: DataMatrix, QR, GS1-128, DataBar), if it carries a
trade item's number (EAN, UPC, ITF-14, the Code 39 of German boxes), or if it is a GS1 Digital Link on a host we know. A
link is parsed, never opened. Symbols that can be of one thing are one; of several things none is chosen: all are told.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from verifier.identity import (
    ForeignLink,
    Identity,
    IdentityError,
    digital_link,
    gs1,
    national,
    parse_scanned,
    parse_text,
)
from verifier.identity.ai import KEYS
from verifier.identity.text import BY_SYMBOLOGY

from .decode import MATRIX, NUMBERS, Symbol

HOSTS = digital_link.HOSTS
UNCLAIMED = {"empty": "nothing_read", "not_gs1": "not_a_pack"}
# Why nothing could be made of what was read, gravest first: a broken pack code says more than a poster beside it.
MISSES = ("malformed", "foreign_link", "no_serial", "not_a_pack", "nothing_read")


# What tells two things of one kind apart: two packs of one product differ here without contradicting each other.
INSTANCE = ("21", "235", "254", "8011", "8019")


@dataclass(frozen=True, slots=True)
class Sighting:
    """The Identity seen, the symbol that said it (None when typed), and the symbols beside it that say no other thing.

    `beside` are the other things in the photo, and `signs` the reasons that this gives a verdict: `several` for things
    apart, `codes_differ` where two codes contradict each other about one.
    """

    identity: Identity
    symbol: Symbol | None
    others: tuple[Symbol, ...] = ()
    beside: tuple["Sighting", ...] = ()
    signs: tuple[str, ...] = ()

    @property
    def things(self) -> tuple["Sighting", ...]:
        """Each thing of the photo, alone."""
        return (replace(self, beside=(), signs=()), *self.beside)


@dataclass(frozen=True, slots=True)
class Miss:
    """Why there is no Identity: `code` is one of MISSES, `detail` a sentence, `error` what the parser refused."""

    code: str
    detail: str
    symbols: tuple[Symbol, ...] = ()
    error: IdentityError | None = None


def sight(symbols: Sequence[Symbol], hosts: frozenset[str] = HOSTS) -> Sighting | Miss:
    """What these symbols say: of each thing its fullest code, 2D before linear; never a choice between two packs."""
    every = tuple(symbols)
    read = [(symbol, _parse(symbol, hosts)) for symbol in every]
    said = [(symbol, one) for symbol, one in read if isinstance(one, Identity)]
    misses = [one for _, one in read if isinstance(one, Miss)]
    broken = [miss for miss in misses if miss.code == "malformed"]
    if not any(symbol.format not in NUMBERS for symbol, _ in said) and broken:
        return broken[0]  # a retail code must not stand in for a pack code that is wrong
    if not said:
        return min(misses, key=lambda miss: MISSES.index(miss.code), default=Miss("nothing_read", "No code was read."))
    first, *beside = _things(said)
    seen = [first, *beside]
    signs = {"codes_differ" if conflict(a.identity, b.identity) else "several" for a, b in combinations(seen, 2)}
    told = {id(symbol) for one in seen for symbol in (one.symbol, *one.others)}
    aside = tuple(symbol for symbol in every if id(symbol) not in told)
    return replace(first, others=first.others + aside, beside=tuple(beside), signs=tuple(sorted(signs)))


def _things(said: Sequence[tuple[Symbol, Identity]]) -> list[Sighting]:
    """One Sighting a thing, the fullest first: each code goes to the first thing with all of whose codes it agrees."""
    things: list[list[tuple[Symbol, Identity]]] = []
    fullest = sorted(said, key=lambda pair: (pair[0].format in MATRIX, len(pair[1].elements)), reverse=True)
    for symbol, identity in fullest:
        mine = next((one for one in things if all(agree(identity, other) for _, other in one)), None)
        if mine is None:
            things.append(mine := [])
        mine.append((symbol, identity))
    return [Sighting(codes[0][1], codes[0][0], tuple(symbol for symbol, _ in codes[1:])) for codes in things]


def sight_text(text: str, symbology: str | None = None, hosts: frozenset[str] = HOSTS) -> Sighting | Miss:
    """What was typed, or sent by a reader that names its symbology (ISO/IEC 15424, "]d2")."""
    if symbology is None:
        one = _try(lambda: parse_text(text, hosts), ())
    else:
        one = _try(lambda: parse_scanned(text, symbology, hosts), (), symbology in gs1.SYMBOLOGIES)
        one = _listed(one) if symbology in BY_SYMBOLOGY else one
    return one if isinstance(one, Miss) else Sighting(one, None)


def agree(one: Identity, other: Identity) -> bool:
    """Whether two Identities can be of one thing: they share a key and differ in none, or a product's number that
    stands alone is a national number of the other."""
    mine, theirs = dict(one.elements), dict(other.elements)
    shared = mine.keys() & theirs.keys()
    if any(mine[ai] != theirs[ai] for ai in shared - {"01"}):
        return False
    if any(ai in shared and mine[ai] == theirs[ai] for ai in KEYS):
        return all(mine[ai] == theirs[ai] for ai in shared)
    alone = len(mine) == 1 or len(theirs) == 1
    return alone and not set(national.numbers(one)).isdisjoint(national.numbers(other))


def conflict(one: Identity, other: Identity) -> bool:
    """Whether two Identities contradict each other about one thing: one key, no two serials, another lot or date."""
    mine, theirs = dict(one.elements), dict(other.elements)
    shared = mine.keys() & theirs.keys()
    differ = {ai for ai in shared if mine[ai] != theirs[ai]}
    keyed = any(ai in shared and ai not in differ for ai in KEYS)
    return keyed and bool(differ) and differ.isdisjoint(INSTANCE)


def _parse(symbol: Symbol, hosts: frozenset[str]) -> Identity | Miss:
    if symbol.content_type == "gs1":
        # Its own identifier first: content that begins with a second one is not GS1, and is refused as such.
        return _try(lambda: gs1.parse(b"]d2" + symbol.content), (symbol,), claims=True)
    if symbol.format in NUMBERS:
        return _listed(_try(lambda: parse_scanned(symbol.text, NUMBERS[symbol.format]), (symbol,)))
    if symbol.text.lower().startswith(("https:", "http:")):
        return _try(lambda: digital_link.parse(symbol.text, hosts), (symbol,))
    return Miss("not_a_pack", "The code is not a GS1 code.", (symbol,))


def _listed(number: Identity | Miss) -> Identity | Miss:
    """A national number that is in no GTIN names a product: what can be said of it is that it carries no serial."""
    if isinstance(number, Miss) and number.error is not None and number.error.code == "no_key":
        return replace(number, code="no_serial")
    return number


def _try(parse: Callable[[], Identity], symbols: tuple[Symbol, ...], claims: bool = False) -> Identity | Miss:
    """The Identity, or the parser's refusal as a Miss that keeps it; what claims to be GS1 and is not is malformed."""
    try:
        return parse()
    except ForeignLink as error:
        return Miss("foreign_link", str(error), symbols, error)
    except IdentityError as error:
        return Miss("malformed" if claims else UNCLAIMED.get(error.code, "malformed"), str(error), symbols, error)
