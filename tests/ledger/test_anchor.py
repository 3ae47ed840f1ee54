"""What is said to the anchor contract and heard from it: strict in both directions; and when accounts are believed."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
from eth_abi import abi as peer
from eth_utils import event_abi_to_log_topic, function_abi_to_4byte_selector
from hypothesis import given
from hypothesis import strategies as st

from verifier.ledger import anchor
from verifier.ledger.anchor import AnchorError, Chosen, Event, Row, Said

A, B, C, CONTRACT = (bytes([one]) * 20 for one in (1, 2, 3, 9))
ROOT = bytes(range(32))
CHOSEN = Chosen(1, CONTRACT, 64, (("aubrac", A), ("canal", B), ("labo", C)), 2)

sizes = st.integers(1, 2**63 - 1)
roots = st.binary(min_size=32, max_size=32)


@pytest.fixture(scope="module")
def compiler() -> ModuleType:
    """compile_anchor.py; skips where `make vyper` could not install the compiler."""
    file = Path(__file__).with_name("compile_anchor.py")
    spec = importlib.util.spec_from_file_location("compile_anchor", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if not (module.COMPILER / "vyper").is_dir():
        pytest.skip(f"expected the contract's compiler in {module.COMPILER}, found none: make vyper")
    return module


def test_the_committed_bytecode_is_what_the_source_compiles_to(compiler: ModuleType) -> None:
    assert compiler.MADE.read_text("utf-8") == compiler.text()


def test_selectors_and_topic_are_those_of_the_interface() -> None:
    rows = {row["name"]: row for row in anchor.ABI}
    assert function_abi_to_4byte_selector(rows["anchor"]) == anchor.ANCHOR
    assert function_abi_to_4byte_selector(rows["anchored"]) == anchor.ANCHORED
    assert event_abi_to_log_topic(rows["Anchored"]) == anchor.TOPIC
    assert set(rows) == {"anchor", "anchored", "Anchored"}


@given(sizes, roots)
def test_what_is_said_is_the_abis_encoding(size: int, root: bytes) -> None:
    assert anchor.calldata(size, root) == anchor.ANCHOR + peer.encode(["uint64", "bytes32"], [size, root])


@given(sizes, roots, st.integers(0, 2**63 - 1))
def test_what_is_heard_is_the_abis_encoding(size: int, root: bytes, block: int) -> None:
    words = peer.encode(["uint64", "bytes32", "uint64"], [size, root, block])
    assert anchor.decode_row(words) == Row(size, root, block)
    topics = [anchor.TOPIC, peer.encode(["address"], [anchor.spell(A)])]
    assert anchor.decode_event(topics, words) == Event(A, size, root, block)
    assert anchor.question(A) == anchor.ANCHORED + topics[1]


@pytest.mark.parametrize("size", [0, -1, 2**63])
def test_no_size_is_said_that_no_ledger_has(size: int) -> None:
    with pytest.raises(AnchorError, match=r"size: expected 1 to 9223372036854775807, found"):
        anchor.calldata(size, ROOT)


def test_no_root_of_another_length_is_said() -> None:
    with pytest.raises(AnchorError, match="root: expected 32 bytes, found 31"):
        anchor.calldata(1, ROOT[1:])


ONE = (1).to_bytes(32, "big")
HEARD = {
    "nothing, as an address without code answers": (b"", "row: expected 96 bytes, found 0"),
    "a word too few": (ONE + ROOT, "row: expected 96 bytes, found 64"),
    "a word too many": (ONE + ROOT + ONE + ONE, "row: expected 96 bytes, found 128"),
    "a size beyond 63 bits": (b"\xff" * 32 + ROOT + ONE, "size: expected at most 9223372036854775807"),
    "a block beyond 63 bits": (ONE + ROOT + b"\xff" * 32, "block: expected at most 9223372036854775807"),
    "a root at size 0": (bytes(32) + ROOT + ONE, "row: expected zeros where nothing was said"),
}


@pytest.mark.parametrize(("answer", "told"), HEARD.values(), ids=HEARD)
def test_a_chain_that_says_nonsense_is_refused(answer: bytes, told: str) -> None:
    with pytest.raises(AnchorError, match=told):
        anchor.decode_row(answer)


@pytest.mark.parametrize(
    "topics",
    [[], [anchor.TOPIC], [anchor.TOPIC, ONE, ONE], [ROOT, A.rjust(32, b"\0")], [anchor.TOPIC, b"\1" * 32]],
)
def test_another_event_is_refused(topics: list[bytes]) -> None:
    with pytest.raises(AnchorError, match="topics: expected"):
        anchor.decode_event(topics, ONE + ROOT + ONE)


def test_anchors_txt_comes_back() -> None:
    assert anchor.parse(str(CHOSEN)) == CHOSEN
    assert anchor.parse(f"# ours\n\n{str(CHOSEN).replace(' ', chr(9), 1)}") == CHOSEN


LINES = str(CHOSEN)
REFUSED = {
    "cut short": (LINES[:-1], "expected a newline after its last line"),
    "no chain": (LINES.replace("chain 1\n", ""), "expected chain, contract, depth and valid, found no chain"),
    "two chains": (f"chain 1\n{LINES}", "line 2: expected chain, .* once"),
    "an unknown word": (f"{LINES}owner {anchor.spell(A)}\n", "line 8: expected chain.* found 'owner 0x01"),
    "a checksummed address": (LINES.replace("09" * 20, "0A" * 20), "line 2: contract: expected 0x and 40 hex digits"),
    "a short address": (LINES.replace("09" * 20, "09" * 19), "line 2: contract: expected 0x and 40 hex digits"),
    "a depth of no digits": (LINES.replace("depth 64", "depth 6_4"), "line 3: depth: expected ASCII digits"),
    "an account twice": (f"{LINES}account again {anchor.spell(A)}\n", "accounts: expected .* listed once, found 4"),
    "a name twice": (f"{LINES}account aubrac {anchor.spell(CONTRACT)}\n", "accounts: expected .* listed once"),
    "none needed": (LINES.replace("valid 2", "valid 0"), "valid: expected 2 to 3 of 3 accounts, found 0"),
    "two halves may differ": (LINES.replace("valid 2", "valid 1"), "valid: expected 2 to 3 of 3 accounts, found 1"),
    "more than there are": (LINES.replace("valid 2", "valid 4"), "valid: expected 2 to 3 of 3 accounts, found 4"),
    "nobody": ("chain 1\ncontract " + anchor.spell(A) + "\ndepth 1\nvalid 1\n", "accounts: expected at least one"),
}


@pytest.mark.parametrize(("text", "told"), REFUSED.values(), ids=REFUSED)
def test_a_faulty_anchors_txt_is_refused_by_line(text: str, told: str) -> None:
    with pytest.raises(AnchorError, match=told):
        anchor.parse(text)


def said(account: bytes, size: int, root: bytes, block: int) -> Said:
    return Said(account, size, root, block, bytes(32), 1_700_000_000 + block)


def test_an_anchor_is_valid_from_the_block_in_which_enough_accounts_had_said_the_same() -> None:
    fork = bytes(32)
    every = [said(A, 5, ROOT, 1), said(B, 5, ROOT, 3), said(C, 5, ROOT, 4), said(B, 9, fork, 5), said(A, 9, ROOT, 6)]
    told = [(one.size, one.root, one.block, count) for one, count in anchor.agreements(reversed(every), 2)]
    assert told == [(9, fork, 5, 1), (9, ROOT, 6, 1), (5, ROOT, 3, 3)]
    assert anchor.agreements([], 1) == []


OTHER = bytes(32)
BOOTS = {
    "what the chain knows": ({A: Row(5, ROOT, 1), B: Row(9, ROOT, 2), C: Row(9, ROOT, 2)}, 9, None),
    "nothing said yet": ({A: None, B: None, C: None}, 0, None),
    "larger, said by one": ({A: Row(5, ROOT, 1), B: Row(99, ROOT, 2), C: None}, 9, None),
    "larger, said by this machine": ({A: Row(10, ROOT, 1), B: None, C: None}, 9, "knows 10 leaves .* holds 9"),
    "larger, said by two": ({A: None, B: Row(12, ROOT, 2), C: Row(11, OTHER, 2)}, 9, "knows 11 leaves .* holds 9"),
    "an emptied store": ({A: Row(1, ROOT, 1), B: None, C: None}, 0, "knows 1 leaves .* holds 0"),
    "another root, said by one": ({A: None, B: Row(9, OTHER, 1), C: None}, 9, None),
    "another root, said by this machine": ({A: Row(9, OTHER, 1), B: None, C: None}, 9, "has the root 0000.* at 9"),
    "another root before, said by two": ({A: None, B: Row(4, OTHER, 1), C: Row(4, OTHER, 1)}, 9, "has the root 0000"),
}


@pytest.mark.parametrize(("rows", "size", "told"), BOOTS.values(), ids=BOOTS)
def test_a_store_is_held_against_the_chain(rows: dict[bytes, Row | None], size: int, told: str | None) -> None:
    found = anchor.contradiction(rows, CHOSEN, A, size, lambda _: ROOT)
    assert found == told if told is None else re.search(told, found or "")


def test_a_size_is_reached_by_so_many_accounts_and_no_single_one_can_claim_it() -> None:
    rows = {A: Row(2**62, ROOT, 9), B: Row(7, ROOT, 8), C: None}
    assert [anchor.reached(rows, valid) for valid in (1, 2, 3)] == [2**62, 7, 0]


@pytest.mark.parametrize(
    ("chain", "client", "thrown"),
    [
        (31337, "Geth/v1.16", True),
        (1, "anvil/v1.7.1", True),
        (1, "HardhatNetwork/2.22", True),
        (11155111, "Geth/v1.16", True),
        (1, "Geth/v1.16.4-stable/linux-amd64/go1.24", False),
        (100, "Nethermind/v1.31", False),
    ],
)
def test_a_chain_that_is_thrown_away_is_known_by_id_or_by_its_program(chain: int, client: str, thrown: bool) -> None:
    assert anchor.throwaway(chain, client) is thrown
