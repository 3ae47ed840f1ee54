"""An Ethereum chain and the anchor contract on it, through web3: asked for what accounts said, and told our own.

A chain is asked for its id and for the contract's code before anything else, every answer is decoded strictly
(ledger/anchor), and a history must hang together. More cannot be seen from here: that the answers are the chain's is as
sure as whoever gives them, so ask a node of your own.
"""

import time
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self, cast

from verifier.ledger import anchor
from verifier.ledger.anchor import AnchorError, Chosen, Event, Row, Said, spell
from verifier.node.account import send
from verifier.node.ether import (
    FilterParams,
    HexBytes,
    LocalAccount,
    LogReceipt,
    TransactionNotFound,
    TxParams,
    Web3,
)
from verifier.node.rpc import TIMEOUT_S, Lied, Rpc, Unreached, ask, plain, strictly

KEPT = 256
"""Anchors of an account that are read, the newest."""
STALE_S = 900
"""A chain whose newest block is older has stopped, or its node has."""
GAS_ANCHOR, GAS_DEPLOY = 90_000, 400_000
"""Limits of a transaction: an account's first anchor takes about 71,000, each other about 35,000."""
BOOT_S = 3.0
"""How long a node that starts waits for an answer."""
DEPTH, DEPTH_DEVELOPMENT = 64, 2
"""Blocks on top of an anchor before it counts: on Ethereum two epochs, by when it is final."""


@dataclass(frozen=True, slots=True)
class Block:
    """What one account said in one block, newest first, and the block of its anchor before, 0 for none."""

    said: tuple[Said, ...]
    previous: int


class Chain:
    """The chain and contract of a `Chosen`, asked at `url`. Every method raises ChainError. A context manager."""

    def __init__(self, url: str, chosen: Chosen, whole_s: float = TIMEOUT_S) -> None:
        self.chosen = chosen
        self.rpc = Rpc(url, whole_s)
        self._where = f"the chain at {self.rpc.host}"
        self.web3 = Web3(self.rpc, middleware=[])  # none that asks more than it is told to, or believes a quote
        self.contract = Web3.to_checksum_address(chosen.contract)
        self._deep: dict[tuple[bytes, int], Block] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.rpc.__exit__()

    def check(self, now: int | None = None) -> bool:
        """Refuse any chain but the chosen one, and any contract but ours; with `now` (Unix seconds), also one that
        stands still. Whether it is a chain that is thrown away."""
        chosen, where = self.chosen, self._where
        found = ask(self.rpc, "eth_chainId", lambda: int(self.web3.eth.chain_id))
        if found != chosen.chain:
            raise Lied(f"{where}: expected chain {chosen.chain}, as anchors.txt says, found {found}")
        if (code := self._code()) != anchor.RUNTIME:
            held = "another's code" if code else "no code"
            raise Lied(f"{where}: expected the anchor contract at {spell(chosen.contract)}, found {held}")
        development = thrown_away(self.web3, self.rpc)
        if now is not None and not development and (age := now - self._time("latest")) > STALE_S:
            raise Unreached(f"{where}: expected a block of the last {STALE_S // 60} minutes, found one {age} s old")
        return development

    def stands(self) -> bool:
        """Whether the contract is there; of the chain's id nothing is asked."""
        return self._code() == anchor.RUNTIME

    def _code(self) -> bytes:
        return bytes(ask(self.rpc, "eth_getCode", lambda: self.web3.eth.get_code(self.contract)))

    def head(self) -> int:
        """The number of the newest block."""
        return ask(self.rpc, "eth_blockNumber", lambda: int(self.web3.eth.block_number))

    def row(self, account: bytes) -> Row | None:
        """What an account said last."""
        call: TxParams = {"to": self.contract, "data": HexBytes(anchor.question(account))}
        answer = ask(self.rpc, "eth_call", lambda: bytes(self.web3.eth.call(call)))
        return strictly(self.rpc, lambda: anchor.decode_row(answer))

    def said(self, account: bytes, head: int) -> list[Said]:
        """What an account said, newest first, at most KEPT of it: followed from block to block, as each anchor names
        the one before. What lies deep enough is not asked again."""
        row = self.row(account)
        found: list[Said] = []
        number = row.block if row else 0
        while number and len(found) < KEPT:
            block = self._deep.get((account, number)) or self._block(account, number)
            found += block.said
            if head - number >= self.chosen.depth:
                self._deep[account, number] = block
            number = block.previous
        whole = not row or [(one.size, one.root) for one in found[:1]] == [(row.size, row.root)]
        grows = all(newer.size > older.size for newer, older in pairwise(found))
        if not (whole and grows):
            self._deep.clear()  # it was deeper than anything that was thought to stay
        if not grows:
            raise Lied(f"{self._where}: expected sizes that only grow, found {[one.size for one in found][:9]}")
        if not whole:
            raise Unreached(f"{self._where} changed while it was read")
        return found[:KEPT]

    def _block(self, account: bytes, number: int) -> Block:
        """What an account said in a block where it said something."""
        topics, only = cast(Any, anchor.topics(account)), cast(Any, number)
        wanted: FilterParams = {"address": self.contract, "topics": topics, "fromBlock": only, "toBlock": only}
        logs = ask(self.rpc, "eth_getLogs", lambda: list(self.web3.eth.get_logs(wanted)))
        moment = self._time(number)

        def read() -> Block:
            events = [_event(one, account) for one in logs]
            said = tuple(Said(account, one.size, one.root, number, sent, moment) for one, sent in reversed(events))
            return Block(said, events[0][0].previous)

        if not logs:
            raise Unreached(f"{self._where} changed while it was read")
        found = strictly(self.rpc, read)
        if found.previous >= number:
            raise Lied(f"{self._where}: expected an anchor before block {number}, found {found.previous}")
        return found

    def _time(self, block: Any) -> int:
        """The time of a block, in Unix seconds."""
        return ask(self.rpc, "eth_getBlockByNumber", lambda: int(self.web3.eth.get_block(block)["timestamp"]))

    # --- our own ---

    def tell(self, account: LocalAccount, size: int, root: bytes, tries: int = 0) -> bytes:
        """Send an anchor of our own, in place of `tries` that wait; the transaction's hash. It is on the chain when
        `row` says so, and never on the word of this method. One that the contract would refuse is not paid for."""
        tx: TxParams = {"to": self.contract, "data": HexBytes(anchor.calldata(size, root)), "gas": GAS_ANCHOR}
        tried: TxParams = {**tx, "from": account.address}
        ask(self.rpc, "eth_call", lambda: self.web3.eth.call(tried))
        return send(self.web3, self.rpc, account, tx, self.chosen.chain, tries)


def deploy(url: str, account: LocalAccount, patience_s: float = 300.0) -> Chosen:
    """Put the contract on the chain at `url`, and choose it with this account alone; raises ChainError."""
    with Rpc(url) as rpc:
        web3 = Web3(rpc, middleware=[])
        chain = ask(rpc, "eth_chainId", lambda: int(web3.eth.chain_id))
        depth = DEPTH_DEVELOPMENT if thrown_away(web3, rpc) else DEPTH
        tx: TxParams = {"data": HexBytes(anchor.CREATION), "gas": GAS_DEPLOY}
        sent = send(web3, rpc, account, tx, chain)
        deadline = time.monotonic() + patience_s
        while (address := _deployed(web3, rpc, sent)) is None:
            if time.monotonic() > deadline:
                told = f"expected {spell(sent)} in a block within {patience_s:.0f} s"
                raise Unreached(f"the chain at {rpc.host}: {told}, found it waiting")
            time.sleep(0.2)
    chosen = Chosen(chain, address, depth, (("this-node", bytes.fromhex(account.address[2:])),), 1)
    with Chain(url, chosen) as made:
        made.check()
    return chosen


def thrown_away(web3: Web3, rpc: Rpc) -> bool:
    """Whether a chain is one for development or tests."""
    chain = ask(rpc, "eth_chainId", lambda: int(web3.eth.chain_id))
    return anchor.throwaway(chain, ask(rpc, "web3_clientVersion", lambda: plain(web3.client_version)))


def known(url: str, chosen: Chosen, own: LocalAccount | None) -> dict[bytes, Row | None]:
    """What every chosen account, and our own, said last: asked by a node that is about to start, which waits for
    nobody. Raises ChainError."""
    with Chain(url, chosen, BOOT_S) as chain:
        chain.check()
        ours = [bytes.fromhex(own.address[2:])] if own else []
        return {account: chain.row(account) for account in {*ours, *(account for _, account in chosen.accounts)}}


def _event(entry: LogReceipt, account: bytes) -> tuple[Event, bytes]:
    """An account's anchor and its transaction, from a log entry; raises AnchorError."""
    event = anchor.decode_event([bytes(topic) for topic in entry["topics"]], bytes(entry["data"]))
    if event.account != account:
        raise AnchorError("account", expected=spell(account), found=spell(event.account))
    return event, bytes(entry["transactionHash"])


def _deployed(web3: Web3, rpc: Rpc, transaction: bytes) -> bytes | None:
    """The address of the contract that a transaction made; None while it waits."""

    def look() -> bytes | None:
        try:
            made = web3.eth.get_transaction_receipt(HexBytes(transaction))["contractAddress"]
        except TransactionNotFound:
            return None
        return bytes.fromhex(cast(str, made)[2:])

    return ask(rpc, "eth_getTransactionReceipt", look)
