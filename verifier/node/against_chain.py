"""A node that is about to start asks the chain, where one is named, what is known there of its ledger: a store that was
emptied, rolled back or exchanged is refused even where nothing else on the machine remembers what was published.

A chain that is of no help stops nobody, and is told. What speaks to a chain is imported only where there is one.
"""

from collections.abc import Callable

from verifier.ledger import anchor, tiles
from verifier.ledger.anchor import AnchorError
from verifier.node.boot import RESTORE, Corrupt
from verifier.node.keyfile import KeyFileError
from verifier.settings import Settings
from verifier.store.log import LogStore

Compare = Callable[[int, LogStore], None]
"""Holds a store of so many leaves against what the chain knows; raises Corrupt."""


def ask(settings: Settings, report: Callable[[str], None]) -> Compare:
    """Ask before the lease is taken, for a chain may be slow; the answer is compared with the store once that one is
    verified."""
    path, key = settings.data / "anchors.txt", settings.account_key
    if settings.chain_url is None or not path.exists():
        return _nothing
    from verifier.node import ethereum
    from verifier.node.account import load_account
    from verifier.node.rpc import ChainError

    try:
        chosen, own = anchor.parse(path.read_text("utf-8")), load_account(key) if key.exists() else None
        rows = ethereum.known(settings.chain_url, chosen, own)
    except (ChainError, KeyFileError, AnchorError) as fault:
        report(f"this ledger was not held against the chain ({fault}); starting without it")
        return _nothing
    account = bytes.fromhex(own.address[2:]) if own else None

    def compare(size: int, log: LogStore) -> None:
        if found := anchor.contradiction(rows, chosen, account, size, lambda at: tiles.root(at, log.tile)):
            raise Corrupt(f"{found}: it was emptied, rolled back or exchanged; {RESTORE}")

    return compare


def _nothing(_size: int, _log: LogStore) -> None:
    pass
