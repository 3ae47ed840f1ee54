"""Who pays for an anchor: an account of the chain, whose key is a file of mode 0600, and the transactions it signs.

What is paid is capped here, whatever the chain quotes.
"""

from pathlib import Path
from typing import Any, cast

from verifier import files
from verifier.node.ether import Account, LocalAccount, TxParams, ValidationError, Web3
from verifier.node.keyfile import KeyFileError
from verifier.node.rpc import ChainError, Rpc, Unreached, ask

GWEI = 10**9
TIP, FEE = 3 * GWEI, 200 * GWEI
"""The most that is paid for a unit of gas: to whoever makes the block, and in all. Dearer blocks are waited out."""
RAISE = 1.25  # of both, for each try: a transaction is replaced only by one that pays at least a tenth more
ETHER = 10**18


class Poor(ChainError):
    """The account cannot pay for an anchor."""


def load_account(path: Path) -> LocalAccount:
    """The account whose key stands in a file: 64 hex digits, mode 0600. Raises KeyFileError, which shows none of it."""
    try:
        shared, text = path.stat().st_mode & 0o077, path.read_bytes()
    except OSError as fault:
        raise KeyFileError(f"{path}: expected the key of an account, found {fault.strerror}") from None
    if shared:
        raise KeyFileError(f"{path}: expected mode 0600, found it readable by others; chmod 600 it, or replace it")
    try:
        return cast(LocalAccount, Account.from_key(text.decode("ascii").strip()))
    except (ValueError, ValidationError):
        raise KeyFileError(f"{path}: expected the key of an account, 64 hex digits, found something else") from None


def new_account(path: Path) -> LocalAccount:
    """Make an account and keep its key, mode 0600; raises FileExistsError rather than overwrite one."""
    account = cast(LocalAccount, Account.create())
    files.create(path, account.key.hex())
    return account


def load_or_create(path: Path) -> LocalAccount:
    """The account of a key file, made on first use; raises KeyFileError."""
    try:
        return new_account(path)
    except FileExistsError:
        return load_account(path)


def send(web3: Web3, rpc: Rpc, account: LocalAccount, tx: TxParams, chain: int, tries: int = 0) -> bytes:
    """Sign a transaction and send it, paying what the chain asks but no more than TIP and FEE; its hash. Raises
    ChainError."""
    where, name = f"the chain at {rpc.host}", account.address
    base = ask(rpc, "eth_getBlockByNumber", lambda: int(web3.eth.get_block("latest")["baseFeePerGas"]))
    tip = min(ask(rpc, "eth_maxPriorityFeePerGas", lambda: int(web3.eth.max_priority_fee)), TIP)
    rise = RAISE**tries
    most = int((2 * base + tip) * rise)
    if base + tip > FEE or int(tip * rise) > FEE:
        raise Unreached(f"{where} asks {(base + tip) / GWEI:.0f} gwei now, and no more than {FEE / GWEI:.0f} are paid")
    most = min(most, FEE)
    held = ask(rpc, "eth_getBalance", lambda: int(web3.eth.get_balance(name)))
    if held < (needed := tx["gas"] * most):
        told = f"expected {needed / ETHER:.6f} ether to be safe, found {held / ETHER:.6f}"
        raise Poor(f"account {name.lower()} on chain {chain}: {told}; send it some")
    nonce = ask(rpc, "eth_getTransactionCount", lambda: web3.eth.get_transaction_count(name, "latest"))
    fees: TxParams = {"maxFeePerGas": cast(Any, most), "maxPriorityFeePerGas": cast(Any, min(int(tip * rise), most))}
    whole: dict[str, Any] = {**tx, **fees, "chainId": chain, "nonce": nonce, "value": 0, "type": 2}
    signed = account.sign_transaction(whole)
    ask(rpc, "eth_sendRawTransaction", lambda: web3.eth.send_raw_transaction(signed.raw_transaction))
    return bytes(signed.hash)
