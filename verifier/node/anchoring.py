"""Anchoring: the newest published checkpoint is said on the chain, and the chain is watched for what becomes of it.

Each round reads the chain anew, and what it says is all that is known: a round can be missed, and a process that ends
forgets nothing that matters. In a round

    look    every chosen account's anchors, held against this ledger, and kept for the pages
    mourn   an anchor of ours that was there and is not: the chain was reorganised
    act     if it is time, or asked for, or an anchor was lost: say the newest checkpoint. Where another chosen account
            said a newer one than we did, say that very one at once: only the same size and root agree

Nothing is anchored that the policy does not believe. It runs beside the node, in a process of its own, and holds no key
but the account's: whatever a chain does, the sequencer does not wait for it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain as joined
from typing import Protocol

from verifier.ledger import checkpoint as notes
from verifier.ledger import tiles
from verifier.ledger.anchor import Said, agreements, spell
from verifier.ledger.checkpoint import Checkpoint
from verifier.ledger.merkle import EMPTY_ROOT
from verifier.ledger.note import MAX_BYTES as NOTE_BYTES
from verifier.ledger.policy import Policy
from verifier.node.auditor import Source
from verifier.node.ether import LocalAccount
from verifier.node.ethereum import Chain
from verifier.node.proved import ProvedTiles
from verifier.node.testimony import OK, Lied
from verifier.store.anchors import Anchor
from verifier.store.log import LogStore

PATIENCE_S = 180.0
"""How long a transaction may wait before it is sent again for more."""
KEEP_EVERY_S = 60.0
"""What is kept is written again when it changed; and so often, since each block lays it deeper."""


class Book(Protocol):
    """The ledger that is anchored."""

    def head(self) -> Checkpoint:
        """The newest checkpoint, as the policy believes it."""

    def root(self, size: int) -> bytes:
        """Its root when it had so many leaves, at most those of the head."""


class Stored:
    """A Book in this machine's store. Raises what the store raises, or ValueError or LookupError."""

    def __init__(self, log: LogStore, policy: Policy) -> None:
        self.log, self.policy = log, policy

    def head(self) -> Checkpoint:
        """See Book."""
        note = self.log.checkpoint()
        return notes.open(note, self.policy) if note else Checkpoint(self.policy.log.name, 0, EMPTY_ROOT)

    def root(self, size: int) -> bytes:
        """See Book."""
        return tiles.root(size, self.log.tile)


class Shown:
    """A Book that another machine serves (C2SP tlog-tiles): every root is proved under the signed head. Raises
    Unreached or Lied of node/testimony, or ValueError."""

    def __init__(self, source: Source, policy: Policy) -> None:
        self.source, self.policy = source, policy
        self._head: Checkpoint | None = None

    def head(self) -> Checkpoint:
        """See Book."""
        answer = self.source.get("checkpoint", NOTE_BYTES)
        if answer.status != OK:
            raise Lied("checkpoint", None, f"status {OK}", answer.status)
        self._head = notes.open(answer.body, self.policy)
        return self._head

    def root(self, size: int) -> bytes:
        """See Book."""
        return tiles.root(size, ProvedTiles(self.source, self._head or self.head()))


@dataclass(frozen=True, slots=True)
class View:
    """One look at the chain: its newest block's number, each account's anchors (newest first), the ledger's head."""

    block: int
    said: dict[bytes, list[Said]]
    head: Checkpoint
    development: bool

    def newest(self, account: bytes) -> Said | None:
        """What an account said last."""
        return next(iter(self.said.get(account, ())), None)


@dataclass(frozen=True, slots=True)
class Waiting:
    """An anchor that was sent and is not seen yet."""

    size: int
    at: float
    tries: int


class Anchoring:
    """Anchors one ledger by one account, or only watches where there is none. Call `round` in a loop.

    `clock` gives Unix seconds; `report` gets a sentence for people, each once; `keep` what to show.
    """

    def __init__(
        self,
        chain: Chain,
        book: Book,
        account: LocalAccount | None,
        every_s: int,
        clock: Callable[[], int],
        report: Callable[[str], None],
        keep: Callable[[list[Anchor]], None] = lambda _: None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self.chain, self.book, self.account, self.every_s, self.clock = chain, book, account, every_s, clock
        self.patience_s = patience_s
        self.own = bytes.fromhex(account.address[2:]) if account else None
        self._tell, self._keep, self._told = report, keep, set[str]()
        self._root = lru_cache(1024)(book.root)
        self._mine: Said | None = None
        self._waiting: Waiting | None = None
        self._kept: tuple[list[Anchor], float] = ([], 0.0)
        self.names = {account: name for name, account in chain.chosen.accounts}

    def round(self, demanded: bool = False) -> View:
        """Look, and act where it is due, or where it is `demanded`. Raises ChainError, or what the book raises."""
        view = self.look()
        if self.account is not None and self.own is not None:
            lost = self._mourn(view.newest(self.own))
            self._act(self.account, self.own, view, demanded or lost)
        return view

    def look(self) -> View:
        """Read the chain, hold it against the ledger, and keep what is said."""
        chain = self.chain
        development = chain.check(self.clock())
        block = chain.head()
        accounts = dict.fromkeys([*self.names, *([self.own] if self.own else [])])
        said = {account: chain.said(account, block) for account in accounts}
        view = View(block, said, self.book.head(), development)
        self._keep_what_is_said(view)
        return view

    def against(self, view: View) -> list[str]:
        """What chosen accounts said that this ledger does not hold: a sentence each, for their newest such anchor."""
        found = []
        for account, name in self.names.items():
            other = next((one for one in view.said[account] if not self._agrees(one, view.head)), None)
            if other is not None and other.size > view.head.size:
                found.append(f"{name} anchored {other.size} leaves, and this ledger has {view.head.size}")
            elif other is not None:
                ours = f"this ledger has {self._root(other.size).hex()}: one of the two was forked"
                found.append(f"{name} anchored the root {other.root.hex()} at {other.size} leaves, and {ours}")
        return found

    def _agrees(self, one: Said, head: Checkpoint) -> bool | None:
        """Whether the ledger has what was said; None of what it has not grown to."""
        return one.root == self._root(one.size) if one.size <= head.size else None

    def _keep_what_is_said(self, view: View) -> None:
        for sentence in self.against(view):
            self.report(sentence)
        said = joined.from_iterable(view.said[account] for account in self.names)
        seen = [self._anchor(one, count, view) for one, count in agreements(said, self.chain.chosen.valid)]
        before, at = self._kept
        changed = [replace(one, depth=0) for one in seen] != [replace(one, depth=0) for one in before]
        if changed or time.monotonic() - at > KEEP_EVERY_S:
            self._keep(seen)
            self._kept = (seen, time.monotonic())

    def _anchor(self, one: Said, count: int, view: View) -> Anchor:
        chosen, depth = self.chain.chosen, view.block - one.block
        where = (chosen.chain, spell(chosen.contract), spell(one.transaction), one.block, depth, one.time)
        valid = count >= chosen.valid and depth >= chosen.depth
        agrees = self._agrees(one, view.head)
        return Anchor(one.size, one.root, *where, view.development, count, valid, agrees)

    def _mourn(self, newest: Said | None) -> bool:
        """Whether an anchor of ours that was seen is gone."""
        before = self._mine
        if before is not None and (newest is None or newest.size < before.size):
            gone = f"the anchor of {before.size} leaves in block {before.block} is gone"
            self.report(f"the chain was reorganised: {gone}; anchoring again")
            return True
        if before is not None and newest is not None and newest.size == before.size and newest.block != before.block:
            moved = f"the anchor of {newest.size} leaves went from block {before.block} to {newest.block}"
            self.report(f"the chain was reorganised: {moved}")
        self._mine = newest
        return False

    def _act(self, account: LocalAccount, own: bytes, view: View, at_once: bool) -> None:
        mine, waiting = view.newest(own), self._waiting
        if waiting is not None and mine is not None and mine.size >= waiting.size:
            waiting = self._waiting = None
        late = waiting is not None and time.monotonic() - waiting.at > self.patience_s
        target = None if waiting and not late else self._target(view, mine, at_once or late)
        if target is None:
            return
        tries = waiting.tries + 1 if waiting else 0
        sent = self.chain.tell(account, *target, tries)
        self._waiting = Waiting(target[0], time.monotonic(), tries)
        self._tell(f"sent {target[0]} leaves, root {target[1].hex()}, in transaction {spell(sent)}")

    def _target(self, view: View, mine: Said | None, at_once: bool) -> tuple[int, bytes] | None:
        """The size and root to say now, larger than what was said; None where there is nothing to say yet."""
        size, now = mine.size if mine else 0, self.clock()
        others = [one for account in self.names if (one := view.newest(account)) and one.account != self.own]
        fresh = [one for one in others if one.size > size and now - one.time < self.every_s]
        agreeing = [one for one in fresh if self._agrees(one, view.head)]
        if agreeing and not at_once:
            joined_in = max(agreeing, key=lambda one: one.size)
            return joined_in.size, joined_in.root
        due = at_once or mine is None or now - mine.time >= self.every_s
        return (view.head.size, view.head.root) if due and view.head.size > size else None

    def report(self, sentence: str) -> None:
        """Tell people, once."""
        if sentence not in self._told:
            self._told.add(sentence)
            self._tell(sentence)
