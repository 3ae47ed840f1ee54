"""What is said to the anchor contract and what it says back, as bytes; and when anchors on a chain are believed.

No chain is asked here (node/ethereum does). The contract is anchor.vy beside this file; anchor.json holds its interface
and code as the compiler gave them (tests/ledger/compile_anchor.py). Each account has a row of its own that only grows;
an anchor is *valid* when k of the accounts that one chose beforehand have said the same root at the same size. The
choice and the counting stand here and not in the contract: a contract that counted would need somebody who may change
its list, would be trusted for it by everybody, and would pay for a count at each root.

    chain 1                                                 anchors.txt: which chain (EIP-155),
    contract 0x5fbdb2315678afecb367f032d93f642f64180aa3     the contract on it,
    depth 64                                                how many blocks must lie on top of an anchor,
    account aubrac 0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266
    account canal 0x70997970c51812dc3a010c7d01b50e0d17dc79c8
    valid 2                                                 and how many of the accounts must agree

>>> calldata(5, bytes(32)).hex()[:16]
'a685520800000000'
>>> decode_row(bytes(96)) is None
True
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from verifier.ledger.encoding import HASH_BYTES, MAX_SIZE, LedgerError, decode_decimal

WORD = 32
_MADE: dict[str, Any] = json.loads(files("verifier.ledger").joinpath("anchor.json").read_text("utf-8"))
ABI: list[dict[str, Any]] = _MADE["abi"]
CREATION = bytes.fromhex(_MADE["bytecode"])
RUNTIME = bytes.fromhex(_MADE["runtime"])
"""What deploys the contract, and what then stands at its address: it has no owner and no immutable value, so that every
deployment holds these very bytes."""
ANCHOR, ANCHORED = (bytes.fromhex(_MADE["selectors"][name]) for name in ("anchor", "anchored"))
TOPIC = bytes.fromhex(_MADE["topic"])
"""Of the event Anchored."""

THROWN_AWAY: Mapping[int, str] = {
    1337: "ganache",
    31337: "anvil",
    17000: "holesky",
    560048: "hoodi",
    11155111: "sepolia",
}
"""Chains on which nothing lasts: one's own machine's, and the public ones for tests. What stands there is no anchor."""
_SIMULATORS = re.compile(r"(?i)anvil|hardhat|ganache|testrpc|tevm|devnet")


class AnchorError(LedgerError):
    """What was wrong in what a chain said, or in anchors.txt."""


@dataclass(frozen=True, slots=True)
class Row:
    """What an account said last: that the ledger had `root` at `size`; `block` is the one that brought it."""

    size: int
    root: bytes
    block: int


@dataclass(frozen=True, slots=True)
class Event:
    """An anchor as its block logs it; `account` is 20 bytes, `previous` the block of the one before, 0 for none."""

    account: bytes
    size: int
    root: bytes
    previous: int


@dataclass(frozen=True, slots=True)
class Said:
    """An anchor on the chain: `account` (20 bytes) had `transaction` (32 bytes) say `root` at `size` in `block`, whose
    `time` is in Unix seconds."""

    account: bytes
    size: int
    root: bytes
    block: int
    transaction: bytes
    time: int


@dataclass(frozen=True, slots=True)
class Chosen:
    """anchors.txt: an anchor stands in `contract` on `chain`, `depth` blocks deep, and is valid when `valid` of
    `accounts` (name and 20 bytes) agree. Any two sets of so many share one, or both roots of a fork could be valid."""

    chain: int
    contract: bytes
    depth: int
    accounts: tuple[tuple[str, bytes], ...]
    valid: int

    def __post_init__(self) -> None:
        count, names = len(self.accounts), {name for name, _ in self.accounts}
        if not count or len(names) != count or len({account for _, account in self.accounts}) != count:
            raise AnchorError("accounts", expected="at least one, each named and listed once", found=count)
        if not count < 2 * self.valid <= 2 * count:
            raise AnchorError("valid", expected=f"{count // 2 + 1} to {count} of {count} accounts", found=self.valid)

    def __str__(self) -> str:
        accounts = "".join(f"account {name} {spell(account)}\n" for name, account in self.accounts)
        head = f"chain {self.chain}\ncontract {spell(self.contract)}\ndepth {self.depth}\n"
        return f"{head}{accounts}valid {self.valid}\n"


def parse(text: str) -> Chosen:
    """Read an anchors.txt; raises AnchorError naming the line. Comments (#) and empty lines are ignored."""
    if not text.endswith("\n"):  # a file cut short may believe others than its writer did
        raise AnchorError("anchors.txt", expected="a newline after its last line", found=repr(text[-20:]))
    once: dict[str, Any] = {}
    accounts = []
    for number, line in enumerate(text[:-1].split("\n"), 1):
        match re.split(r"[ \t]+", line.strip(" \t")):
            case [first, *_] if not first or first.startswith("#"):
                continue
            case ["chain" | "depth" | "valid" as word, value] if word not in once:
                once[word] = decode_decimal(value, f"line {number}: {word}", AnchorError)
            case ["contract", value] if "contract" not in once:
                once["contract"] = address(value, f"line {number}: contract")
            case ["account", name, value]:
                accounts.append((name, address(value, f"line {number}: account {name[:50]}")))
            case items:
                expected = "chain, contract, depth and valid once, each with one value, or account NAME ADDRESS"
                raise AnchorError(f"line {number}", expected=expected, found=repr(" ".join(items)[:100]))
    if missing := [word for word in ("chain", "contract", "depth", "valid") if word not in once]:
        raise AnchorError("anchors.txt", expected="chain, contract, depth and valid", found=f"no {missing[0]}")
    return Chosen(once["chain"], once["contract"], once["depth"], tuple(accounts), once["valid"])


def address(text: str, what: str = "address") -> bytes:
    """The 20 bytes of an address in the one spelling of this house, lower case; raises AnchorError naming `what`."""
    if not re.fullmatch(r"0x[0-9a-f]{40}", text, re.ASCII):
        raise AnchorError(what, expected="0x and 40 hex digits in lower case", found=repr(text[:100]))
    return bytes.fromhex(text[2:])


def spell(data: bytes) -> str:
    """Bytes as a chain's people write them: 0x and lower-case hex."""
    return f"0x{data.hex()}"


def throwaway(chain: int, client: str) -> bool:
    """Whether a chain is for development or tests: by its id, or by what its node calls itself (`client`), since a
    simulator may take any id. What stands on such a chain is never called an anchor."""
    return chain in THROWN_AWAY or _SIMULATORS.search(client) is not None


# --- what is said, and what is heard (the contract ABI: words of 32 bytes, big-endian) ---


def calldata(size: int, root: bytes) -> bytes:
    """What a transaction says to anchor; raises AnchorError for what no ledger has."""
    if not 0 < size <= MAX_SIZE:
        raise AnchorError("size", expected=f"1 to {MAX_SIZE}", found=size)
    if len(root) != HASH_BYTES:
        raise AnchorError("root", expected=f"{HASH_BYTES} bytes", found=len(root))
    return ANCHOR + size.to_bytes(WORD, "big") + root


def question(account: bytes) -> bytes:
    """What a call says to ask for an account's row."""
    return ANCHORED + _padded(account)


def decode_row(answer: bytes) -> Row | None:
    """The row that a call was answered, None for an account that said nothing; raises AnchorError."""
    size, root, block = _words(answer, "row")
    row = Row(_whole(size, "size"), root, _whole(block, "block"))
    if row.size == 0 and answer != bytes(3 * WORD):
        raise AnchorError("row", expected="zeros where nothing was said", found=answer.hex())
    return row if row.size else None


def decode_event(topics: list[bytes], data: bytes) -> Event:
    """An anchor from its log entry; raises AnchorError."""
    if len(topics) != 2 or topics[0] != TOPIC or len(topics[1]) != WORD or topics[1][:12] != bytes(12):
        found = " ".join(topic.hex() for topic in topics)[:200]
        raise AnchorError("topics", expected=f"{TOPIC.hex()} and an address", found=found)
    size, root, previous = _words(data, "event")
    return Event(topics[1][12:], _whole(size, "size"), root, _whole(previous, "block"))


def topics(account: bytes) -> list[str]:
    """The filter for an account's anchors."""
    return [spell(TOPIC), spell(_padded(account))]


def _padded(account: bytes) -> bytes:
    if len(account) != 20:
        raise AnchorError("account", expected="20 bytes", found=len(account))
    return account.rjust(WORD, b"\0")


def _words(answer: bytes, what: str) -> tuple[bytes, bytes, bytes]:
    if len(answer) != 3 * WORD:
        raise AnchorError(what, expected=f"{3 * WORD} bytes", found=len(answer))
    return answer[:WORD], answer[WORD : 2 * WORD], answer[2 * WORD :]


def _whole(word: bytes, what: str) -> int:
    if (value := int.from_bytes(word, "big")) > MAX_SIZE:
        raise AnchorError(what, expected=f"at most {MAX_SIZE}", found=value)
    return value


# --- what is believed ---


def agreements(said: Iterable[Said], valid: int) -> list[tuple[Said, int]]:
    """Of each root at each size, newest first: the anchor by which `valid` accounts had said it, or the latest where
    fewer did; and how many did. Which accounts count was chosen before."""
    together: dict[tuple[int, bytes], dict[bytes, Said]] = {}
    for one in sorted(said, key=lambda one: one.block):
        together.setdefault((one.size, one.root), {}).setdefault(one.account, one)
    found = [(list(each.values()), len(each)) for each in together.values()]
    return sorted(
        ((each[min(valid, count) - 1], count) for each, count in found), key=lambda row: (-row[0].size, row[0].block)
    )


def reached(rows: Mapping[bytes, Row | None], valid: int) -> int:
    """The size that at least `valid` accounts have reached: each said it, or more; 0 if there is none."""
    sizes = sorted((row.size for row in rows.values() if row), reverse=True)
    return sizes[valid - 1] if len(sizes) >= valid else 0


def contradiction(
    rows: Mapping[bytes, Row | None], chosen: Chosen, own: bytes | None, size: int, root_at: Callable[[int], bytes]
) -> str | None:
    """Why a store that holds `size` leaves of this ledger is not the one that was anchored; None where the chain says
    nothing against it. No single account can claim it but `own`, in which this machine itself wrote."""
    mine = rows.get(own) if own is not None else None
    known = max(reached(rows, chosen.valid), mine.size if mine else 0)
    if known > size:
        return f"the chain knows {known} leaves of this ledger, and this store holds {size}"
    counts = Counter((row.size, row.root) for row in rows.values() if row)
    for (said, root), count in sorted(counts.items()):
        ours = mine is not None and (said, root) == (mine.size, mine.root)
        if said <= size and (ours or count >= chosen.valid) and root != (held := root_at(said)):
            return f"the chain has the root {root.hex()} at {said} leaves, and this store holds {held.hex()} there"
    return None
