"""Whoever answers for the chain may lie, stall or babble: each lie is one sentence, nothing of it is believed or kept,
no money is lost to it, and it ends neither the watch nor the node."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from onchain import Anchorer, Growing, members

from verifier.ledger.anchor import calldata
from verifier.node.account import FEE, TIP
from verifier.node.ethereum import STALE_S, Chain, known
from verifier.node.local_chain import LocalChain, post
from verifier.node.rpc import MAX_ANSWER, ChainError, Lied, Unreached

Lie = Callable[[str, dict[str, Any]], Any]
"""Of a method and its true answer: the answer told instead, as JSON or as bytes."""


class Liar(ThreadingHTTPServer):
    """Stands before a chain and tells `lie`; what was sent to it is kept."""

    daemon_threads = True

    def __init__(self, url: str) -> None:
        super().__init__(("127.0.0.1", 0), Mouth)
        self.behind, self.url = url, f"http://127.0.0.1:{self.server_address[1]}"
        self.lie: Lie = lambda _, answer: answer
        self.sent: list[str] = []


class Mouth(BaseHTTPRequestHandler):
    server: Liar

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if asked["method"] == "eth_sendRawTransaction":
            self.server.sent.append(asked["params"][0])
        told = self.server.lie(asked["method"], post(self.server.behind, asked))
        body = told if isinstance(told, bytes) else json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            for start in range(0, len(body), 1 << 16):
                self.wfile.write(body[start : start + (1 << 16)])
        except OSError:  # they heard enough
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def liar(local_chain: LocalChain) -> Iterator[Liar]:
    with Liar(local_chain.url) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def misled(local_chain: LocalChain, liar: Liar, tmp_path: Path) -> Iterator[Anchorer]:
    """A member that asks the liar; its first anchor is told and true."""
    (account,), chosen = members(local_chain, tmp_path, 1, 1)
    with Chain(liar.url, chosen, 2.0) as chain:
        member = Anchorer(account, chain, Growing())
        member.anchoring.round()
        member.anchoring.round()
        member.book.size = 9
        yield member


def instead(method: str, result: Any) -> Lie:
    """Answer one method so."""
    return lambda asked, answer: {**answer, "result": result} if asked == method else answer


def altered(method: str, alter: Callable[[Any], Any]) -> Lie:
    """Alter the answer to one method."""
    return lambda asked, answer: {**answer, "result": alter(answer["result"])} if asked == method else answer


def word(value: int) -> str:
    return f"{value:064x}"


ROOT = "ab" * 32
LIES: dict[str, tuple[Lie, str]] = {
    "another chain": (instead("eth_chainId", "0x1"), "expected chain 31337, as anchors.txt says, found 1"),
    "a chain id of no sense": (instead("eth_chainId", {}), "asked eth_chainId: its answer has no sense"),
    "another contract": (
        instead("eth_getCode", "0x6001"),
        "expected the anchor contract at 0x[0-9a-f]{40}, found another",
    ),
    "no contract": (instead("eth_getCode", "0x"), "expected the anchor contract at 0x[0-9a-f]{40}, found no code"),
    "a larger size than it logs": (instead("eth_call", f"0x{word(99)}{ROOT}{word(2)}"), "changed while it was read"),
    "a block that holds no anchor": (instead("eth_call", f"0x{word(9)}{ROOT}{word(1)}"), "changed while it was read"),
    "an anchor in no block": (instead("eth_call", f"0x{word(9)}{ROOT}{word(0)}"), "changed while it was read"),
    "a row cut short": (instead("eth_call", "0x" + word(1)), "row: expected 96 bytes, found 32"),
    "a size beyond any ledger": (instead("eth_call", f"0x{'f' * 64}{ROOT}{word(1)}"), "size: expected at most"),
    "an event of another account": (
        altered("eth_getLogs", lambda logs: [{**one, "topics": [one["topics"][0], "0x" + word(7)]} for one in logs]),
        "account: expected 0x[0-9a-f]{40}, found 0x0{39}7",
    ),
    "an event that points at itself": (
        altered("eth_getLogs", lambda logs: [{**one, "data": one["data"][:-64] + word(2)} for one in logs]),
        "expected an anchor before block 2, found 2",
    ),
    "an event with no data": (altered("eth_getLogs", lambda logs: [{**one, "data": "0x"} for one in logs]), "96 bytes"),
    "logs of no sense": (instead("eth_getLogs", [{}]), r"an answer has no sense \(KeyError"),
    "a block without a time": (instead("eth_getBlockByNumber", {}), "eth_getBlockByNumber: its answer has no sense"),
    "a refusal that draws on the terminal": (
        lambda _, answer: {"jsonrpc": "2.0", "id": answer["id"], "error": {"code": 1, "message": "\x1b[2Jgood"}},
        r"refused eth_chainId: \?\[2Jgood$",
    ),
    "no JSON": (lambda *_: b"<html>good</html>", "expected JSON, found something else"),
    "JSON of no shape": (lambda *_: b"[]", "expected a result or an error, found neither"),
    "too much": (lambda *_: b" " * (MAX_ANSWER + 2), f"expected at most {MAX_ANSWER} bytes"),
    "nested without end": (lambda *_: b"[" * 500_000, "expected JSON, found something else"),
}


@pytest.mark.parametrize(("lie", "told"), LIES.values(), ids=LIES)
def test_a_lie_is_one_sentence_and_nothing_of_it_is_kept(misled: Anchorer, liar: Liar, lie: Lie, told: str) -> None:
    before, liar.lie = list(misled.kept), lie
    misled.anchoring.chain._deep.clear()
    with pytest.raises((Lied, Unreached), match=told) as found:
        misled.anchoring.round(demanded=True)
    assert len(str(found.value)) < 400
    assert "\n" not in str(found.value)
    assert (misled.kept, len(liar.sent)) == (before, 1)
    with suppress(ChainError):  # of logs it asks nothing; whatever it hears, it raises nothing else
        known(liar.url, misled.chain.chosen, misled.account)
    liar.lie = lambda _, answer: answer
    misled.anchoring.round(demanded=True)
    assert misled.size == 9


def test_a_price_that_is_a_lie_costs_no_more_than_the_cap(misled: Anchorer, liar: Liar) -> None:
    liar.lie = instead("eth_maxPriorityFeePerGas", hex(10**15))
    misled.anchoring.round(demanded=True)
    sent: Any = misled.chain.web3.eth.get_block("latest", full_transactions=True)["transactions"][-1]
    assert sent["input"] == calldata(9, misled.book.root(9))
    assert (sent["maxPriorityFeePerGas"], sent["maxFeePerGas"] <= FEE) == (TIP, True)


def test_who_stalls_is_left_after_the_time_that_was_given(misled: Anchorer, liar: Liar) -> None:
    released = threading.Event()
    liar.lie = lambda _, answer: (released.wait(20), answer)[1]
    begun = time.monotonic()
    with pytest.raises(Unreached, match="did not answer eth_chainId within 2 s"):
        misled.anchoring.round()
    assert time.monotonic() - begun < 10
    released.set()


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 O", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_who_drips_is_left_after_that_time_too(misled: Anchorer, local_chain: LocalChain, head: bytes) -> None:
    """A byte now and then, of a header as of an answer, would keep a node from starting for days."""
    over = threading.Event()

    def drip(listening: socket.socket) -> None:
        said, _ = listening.accept()
        with said, suppress(OSError):
            said.sendall(head)
            while not over.wait(0.2):
                said.sendall(b"K")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=drip, args=[listening])
        thread.start()
        begun = time.monotonic()
        try:
            with Chain(f"http://127.0.0.1:{listening.getsockname()[1]}", misled.chain.chosen, 1.0) as chain:
                with pytest.raises(Unreached, match="did not answer eth_chainId within 1 s"):
                    chain.check()
                assert time.monotonic() - begun < 5
                chain.rpc.url = local_chain.url
                chain.check()  # and it can be asked again
        finally:
            over.set()
            thread.join(5)


def test_a_chain_that_stands_still_is_not_gone_by(misled: Anchorer, liar: Liar) -> None:
    """A node that stopped following shows what was: how deep an anchor lies, and that nobody contradicts it."""

    def lie(method: str, answer: dict[str, Any]) -> Any:
        told = {"eth_chainId": "0x1", "web3_clientVersion": "Geth/v1.16.0"}
        return {**answer, "result": told[method]} if method in told else answer

    liar.lie, now = lie, int(time.time())
    with Chain(liar.url, replace(misled.chain.chosen, chain=1)) as chain:
        assert chain.check(now) is False
        with pytest.raises(Unreached, match=r"expected a block of the last 15 minutes, found one \d+ s old"):
            chain.check(now + STALE_S + 60)


def test_a_hidden_anchor_is_told_as_gone_and_never_sent_twice_for_nothing(misled: Anchorer, liar: Liar) -> None:
    """A chain that hides our row invites us to say it again; the contract is asked before anything is paid."""
    hidden = f"0x{word(0) * 3}"

    def lie(method: str, answer: dict[str, Any]) -> Any:
        return {**answer, "result": hidden} if method == "eth_call" and "error" not in answer else answer

    liar.lie, misled.book.size = lie, 5
    with pytest.raises(Unreached, match=r"would refuse: .*size not larger"):
        misled.anchoring.round()
    assert len(liar.sent) == 1
    assert "is gone; anchoring again" in misled.told[-1]
