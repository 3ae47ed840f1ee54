"""A ledger in memory and its members on a real chain (anvil): what tests of anchoring stand on."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

from verifier.ledger.anchor import Chosen, spell
from verifier.ledger.checkpoint import Checkpoint
from verifier.ledger.merkle import leaf_hash, tree_root
from verifier.node.account import new_account
from verifier.node.anchoring import Anchoring
from verifier.node.ether import LocalAccount
from verifier.node.ethereum import Chain, deploy
from verifier.node.local_chain import LocalChain
from verifier.store.anchors import Anchor

HOUR = 3600
DEPTH = 3


def raw(account: LocalAccount) -> bytes:
    """The 20 bytes of its address."""
    return bytes.fromhex(account.address[2:])


def mined(local_chain: LocalChain, send: Callable[..., bytes]) -> Callable[..., bytes]:
    """Send as `send` does, and wait for the block where the chain makes one of each transaction."""

    def waiting(*given: Any, **named: Any) -> bytes:
        sent = send(*given, **named)
        deadline = time.monotonic() + 20
        while local_chain.call("anvil_getAutomine"):
            found = cast(Any, local_chain.call("eth_getTransactionByHash", spell(sent)))
            if found is None or local_chain.call("eth_getTransactionReceipt", spell(sent)):
                break  # None: whoever stood between kept it
            assert time.monotonic() < deadline, "the chain makes no block"
        return sent

    return waiting


class Growing:
    """A Book of made-up leaves; `word` makes another ledger of the same size."""

    def __init__(self, size: int = 5, word: str = "leaf") -> None:
        self.size, self.word = size, word

    def root(self, size: int) -> bytes:
        """See Book."""
        return tree_root([leaf_hash(sha256(b"%s %d" % (self.word.encode(), one)).digest()) for one in range(size)])

    def head(self) -> Checkpoint:
        """See Book."""
        return Checkpoint("log.example", self.size, self.root(self.size))


@dataclass
class Clock:
    """The true time, and so much more."""

    more: int = 0

    def __call__(self) -> int:
        return int(time.time()) + self.more


@dataclass
class Anchorer:
    """A member that anchors: its account, its ledger, what it told people and what it kept."""

    account: LocalAccount
    chain: Chain
    book: Growing
    clock: Clock = field(default_factory=Clock)
    told: list[str] = field(default_factory=list)
    kept: list[Anchor] = field(default_factory=list)
    patience_s: float = 60.0

    def __post_init__(self) -> None:
        def keep(seen: list[Anchor]) -> None:
            self.kept = seen

        self.anchoring = Anchoring(
            self.chain, self.book, self.account, HOUR, self.clock, self.told.append, keep, self.patience_s
        )

    @property
    def size(self) -> int:
        """What it said last."""
        row = self.chain.row(raw(self.account))
        return row.size if row else 0


def members(local_chain: LocalChain, folder: Path, count: int, valid: int) -> tuple[list[LocalAccount], Chosen]:
    """So many accounts with money, and the contract with all of them chosen."""
    accounts = [new_account(folder / f"{number}.key") for number in range(count)]
    for one in accounts:
        local_chain.give(one.address)
    alone = deploy(local_chain.url, accounts[0])
    listed = tuple((f"member-{number}", raw(one)) for number, one in enumerate(accounts))
    return accounts, replace(alone, accounts=listed, valid=valid, depth=DEPTH)
