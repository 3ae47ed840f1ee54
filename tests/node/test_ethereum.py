"""The anchor contract on a real chain (anvil), and the way to it: what it refuses, what it costs, how it is read."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from verifier.ledger import anchor
from verifier.ledger.anchor import Chosen, Row, spell
from verifier.node import ethereum
from verifier.node.account import FEE, Poor, load_account, new_account
from verifier.node.ether import LocalAccount
from verifier.node.ethereum import Chain, deploy
from verifier.node.keyfile import KeyFileError
from verifier.node.local_chain import LocalChain
from verifier.node.rpc import Lied, Unreached
from verifier.settings import ROOT

FIRST, EACH = 72_000, 36_000
"""Gas: of an account's first anchor, whose two slots are new, and of each other."""
R = [bytes([one]) * 32 for one in range(1, 9)]


@pytest.fixture
def accounts(local_chain: LocalChain, tmp_path: Path) -> list[LocalAccount]:
    """Two members' accounts, with money on the local chain."""
    made = [new_account(tmp_path / f"{number}.key") for number in range(2)]
    for one in made:
        local_chain.give(one.address)
    return made


@pytest.fixture
def chosen(local_chain: LocalChain, accounts: list[LocalAccount]) -> Chosen:
    """The contract deployed, both accounts chosen."""
    alone = deploy(local_chain.url, accounts[0])
    return replace(alone, accounts=tuple((f"m{n}", raw(one)) for n, one in enumerate(accounts)), valid=2)


@pytest.fixture
def chain(local_chain: LocalChain, chosen: Chosen) -> Iterator[Chain]:
    with Chain(local_chain.url, chosen) as chain:
        yield chain


def raw(account: LocalAccount) -> bytes:
    return bytes.fromhex(account.address[2:])


def gas(local_chain: LocalChain, transaction: bytes) -> int:
    deadline, receipt = time.monotonic() + 20, None
    while receipt is None:  # it answers for a transaction before the block of it
        assert time.monotonic() < deadline
        receipt = cast(Any, local_chain.call("eth_getTransactionReceipt", spell(transaction)))
    assert receipt["status"] == "0x1"
    return int(receipt["gasUsed"], 16)


def test_what_is_deployed_is_the_committed_code(chain: Chain, chosen: Chosen, accounts: list[LocalAccount]) -> None:
    assert bytes(chain.web3.eth.get_code(chain.contract)) == anchor.RUNTIME
    assert chain.check() is True  # a chain for development
    assert (chosen.chain, chain.row(raw(accounts[0]))) == (31337, None)


def test_a_root_costs_at_most_36000_gas(chain: Chain, local_chain: LocalChain, accounts: list[LocalAccount]) -> None:
    first = gas(local_chain, chain.tell(accounts[0], 2**40, R[0]))
    costs = [gas(local_chain, chain.tell(accounts[0], 2**62 + n, bytes([255 - n]) * 32)) for n in range(4)]
    assert EACH < first <= FIRST
    assert max(costs) <= EACH, costs
    assert first <= ethereum.GAS_ANCHOR


def test_an_account_only_grows(chain: Chain, local_chain: LocalChain, accounts: list[LocalAccount]) -> None:
    one, other = accounts
    chain.tell(one, 5, R[0])
    assert chain.row(raw(one)) == Row(5, R[0], chain.head())
    for size, root in ((5, R[0]), (5, R[1]), (4, R[1])):
        said = {"from": one.address, "to": chain.contract, "data": spell(anchor.calldata(size, root))}
        with pytest.raises(ValueError, match="size not larger"):
            local_chain.call("eth_call", said, "latest")
    chain.tell(other, 4, R[2])
    assert [chain.row(raw(who)) for who in accounts] == [Row(5, R[0], 2), Row(4, R[2], 3)]


@pytest.mark.parametrize("wrong", ["0x", "0xa6855208", "0xa6855208" + "ff" * 64, "0x00000000"])
def test_the_contract_takes_nothing_else(chain: Chain, local_chain: LocalChain, wrong: str) -> None:
    with pytest.raises(ValueError, match="revert"):
        local_chain.call("eth_call", {"to": chain.contract, "data": wrong}, "latest")
    said = spell(anchor.calldata(1, R[0]))
    with pytest.raises(ValueError, match="revert"):  # nor money
        local_chain.call("eth_call", {"to": chain.contract, "data": said, "value": "0x1"}, "latest")


def test_a_history_is_read_back_from_block_to_block(
    chain: Chain, local_chain: LocalChain, accounts: list[LocalAccount]
) -> None:
    one, other = accounts
    sent = []
    for size in (3, 5, 9):
        sent.append(chain.tell(one, size, R[size - 1] if size < 9 else R[0]))
        chain.tell(other, size + 1, R[1])
    said = chain.said(raw(one), chain.head())
    assert [(each.size, each.root, each.transaction) for each in said] == [
        (9, R[0], sent[2]), (5, R[4], sent[1]), (3, R[2], sent[0])
    ]  # fmt: skip
    assert [each.block for each in said] == [6, 4, 2]
    assert [each.size for each in chain.said(raw(other), chain.head())] == [10, 6, 4]
    assert said[0].time == int(chain.web3.eth.get_block(6)["timestamp"])


def test_two_anchors_of_one_block_are_both_read(
    chain: Chain, local_chain: LocalChain, accounts: list[LocalAccount]
) -> None:
    chain.tell(accounts[0], 2, R[0])
    local_chain.call("evm_setAutomine", False)
    sender = accounts[0].address
    local_chain.call("anvil_impersonateAccount", sender)
    for size in (5, 7):
        nonce = hex(size // 2)
        said = {"from": sender, "to": chain.contract, "data": spell(anchor.calldata(size, R[size])), "nonce": nonce}
        local_chain.call("eth_sendTransaction", said | {"gas": hex(ethereum.GAS_ANCHOR)})
    local_chain.call("evm_mine")
    said_now = chain.said(raw(accounts[0]), chain.head())
    assert [(one.size, one.block) for one in said_now] == [(7, 3), (5, 3), (2, 2)]


def test_what_lies_deep_is_not_asked_again(chain: Chain, local_chain: LocalChain, accounts: list[LocalAccount]) -> None:
    chain.tell(accounts[0], 3, R[0])
    local_chain.call("anvil_mine", hex(chain.chosen.depth))
    before = chain.said(raw(accounts[0]), chain.head())
    asked: list[str] = []
    post = chain.rpc._post
    chain.rpc._post = lambda body, method: (asked.append(method), post(body, method))[1]  # type: ignore[method-assign]
    assert chain.said(raw(accounts[0]), chain.head()) == before
    assert "eth_getLogs" not in asked


def test_another_chain_is_refused(local_chain: LocalChain, chosen: Chosen) -> None:
    with (
        Chain(local_chain.url, replace(chosen, chain=1)) as elsewhere,
        pytest.raises(Lied, match=r"expected chain 1, as anchors.txt says, found 31337"),
    ):
        elsewhere.check()


def test_another_contract_is_refused(local_chain: LocalChain, chosen: Chosen) -> None:
    empty = replace(chosen, contract=bytes([7]) * 20)
    with Chain(local_chain.url, empty) as chain:
        with pytest.raises(Lied, match=r"expected the anchor contract at 0x0707.*, found no code"):
            chain.check()
        local_chain.call("anvil_setCode", spell(empty.contract), spell(anchor.RUNTIME[:-1] + b"\0"))
        with pytest.raises(Lied, match=r"expected the anchor contract at 0x0707.*, found another's code"):
            chain.check()


def test_an_account_without_money_says_so(chain: Chain, local_chain: LocalChain, accounts: list[LocalAccount]) -> None:
    local_chain.call("anvil_setBalance", accounts[0].address, hex(10**9))
    with pytest.raises(Poor, match=r"account 0x[0-9a-f]{40} on chain 31337: expected 0.0\d+ ether .*; send it some"):
        chain.tell(accounts[0], 5, R[0])


def test_a_dear_block_is_waited_out(chain: Chain, local_chain: LocalChain, accounts: list[LocalAccount]) -> None:
    local_chain.call("anvil_setNextBlockBaseFeePerGas", hex(FEE))
    local_chain.call("evm_mine")
    with pytest.raises(Unreached, match=r"asks 1?[0-9]{3} gwei now, and no more than 200 are paid"):
        chain.tell(accounts[0], 5, R[0])


def test_no_more_is_offered_than_the_cap(chain: Chain, local_chain: LocalChain, accounts: list[LocalAccount]) -> None:
    """Twice the price of now is offered, so that dearer blocks may come: but never more than FEE."""
    local_chain.call("anvil_setNextBlockBaseFeePerGas", hex(FEE * 3 // 4))
    local_chain.call("anvil_mine")
    sent: Any = local_chain.call("eth_getTransactionByHash", spell(chain.tell(accounts[0], 3, R[0])))
    assert int(sent["maxFeePerGas"], 16) == FEE


def test_nobody_there_is_one_sentence_that_shows_no_secret(chosen: Chosen) -> None:
    with (
        Chain("http://me:secret@127.0.0.1:9/v3/secret?key=secret", chosen) as chain,
        pytest.raises(Unreached) as refusal,
    ):
        chain.check()
    assert str(refusal.value) == "the chain at 127.0.0.1:9 was not reached (ConnectError)"


def test_an_accounts_key_is_a_file_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "a" / "account.key"
    made = new_account(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_account(path).address == made.address
    with pytest.raises(FileExistsError):
        new_account(path)
    path.write_text(f"0x{made.key.hex()}\n")
    assert load_account(path).address == made.address
    for spoilt in ("", "0x12", "g" * 64, "0" * 64, "f" * 64, "é" * 64):
        path.write_text(spoilt, "utf-8")
        with pytest.raises(KeyFileError, match=f"{path}: expected the key of an account, 64 hex digits") as refusal:
            load_account(path)
        assert spoilt == "" or spoilt not in str(refusal.value)
    path.chmod(0o644)
    with pytest.raises(KeyFileError, match="expected mode 0600"):
        load_account(path)
    with pytest.raises(KeyFileError, match="No such file"):
        load_account(tmp_path / "none")


def test_what_speaks_to_a_chain_lets_nothing_recurse_deeper_than_before() -> None:
    said = "import sys; from verifier.commands import anchor; print(sys.getrecursionlimit())"
    found = subprocess.run([sys.executable, "-c", said], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout == "1000\n"  # Python's own
    spelled = re.compile(r"^ *(from|import) (web3|eth_)", re.MULTILINE)
    assert [path.name for path in ROOT.glob("verifier/**/*.py") if spelled.search(path.read_text())] == ["ether.py"]
