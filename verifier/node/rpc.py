"""The way to an Ethereum node (JSON-RPC over HTTP), for web3: each answer bounded in bytes and in time, none followed
elsewhere. An address may hold a password or a key in its path or query, so no message says more of it than its host.
"""

import re
import threading
from collections.abc import Callable
from typing import Self, TypeVar
from urllib.parse import urlsplit

import httpx

from verifier.ledger.encoding import LedgerError
from verifier.node.ether import (
    ContractLogicError,
    JSONBaseProvider,
    RPCEndpoint,
    RPCResponse,
    Web3Exception,
    Web3RPCError,
)

MAX_ANSWER = 1 << 20
TIMEOUT_S = 10.0

NONSENSE = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError)
"""What reading an answer of the wrong shape may raise, in web3 or here."""

T = TypeVar("T")


class ChainError(RuntimeError):
    """Why the chain is of no help now: one sentence, fit for a log."""


class Unreached(ChainError):
    """It was not reached, did not answer in time, or would not."""


class Lied(ChainError):
    """It is not the chain that was chosen, or what it says cannot be so."""


class Rpc(JSONBaseProvider):
    """Asks one node; `whole_s` seconds for an answer, however slowly it drips. Raises Unreached or Lied. A context
    manager."""

    def __init__(self, url: str, whole_s: float = TIMEOUT_S) -> None:
        super().__init__()
        self.url, self.whole_s, self.host = url, whole_s, host(url)
        self._http = self._client()

    def _client(self) -> httpx.Client:
        return httpx.Client(
            timeout=httpx.Timeout(self.whole_s, connect=min(3.0, self.whole_s)),
            follow_redirects=False,
            trust_env=False,
            headers={"Content-Type": "application/json", "Accept-Encoding": "identity"},
        )

    def make_request(self, method: RPCEndpoint, params: object) -> RPCResponse:
        """The answer, `result` or `error`; web3 reads it."""
        asked = self.encode_rpc_request(method, params)
        try:
            answer = self.decode_rpc_response(self._post(asked, method))
        except (httpx.HTTPError, httpx.InvalidURL) as fault:
            raise Unreached(f"the chain at {self.host} was not reached ({fault.__class__.__name__})") from None
        except (ValueError, RecursionError):
            raise Lied(f"the chain at {self.host} was asked {method}: expected JSON, found something else") from None
        if not isinstance(answer, dict) or not ("result" in answer or isinstance(answer.get("error"), dict)):
            raise Lied(f"the chain at {self.host} was asked {method}: expected a result or an error, found neither")
        return answer

    def _post(self, asked: bytes, method: str) -> bytes:
        if self._http.is_closed:
            self._http = self._client()
        late, http = threading.Event(), self._http

        def cut() -> None:
            late.set()
            http.close()

        bell = threading.Timer(self.whole_s, cut)
        bell.daemon = True
        bell.start()  # a time limit of httpx is for each read, which may bring a byte, of a header too
        try:
            return self._read(asked, method)
        except (httpx.HTTPError, RuntimeError, OSError) as fault:
            if not (late.is_set() or isinstance(fault, httpx.ReadTimeout)):
                raise
            raise Unreached(f"the chain at {self.host} did not answer {method} within {self.whole_s:.0f} s") from None
        finally:
            bell.cancel()

    def _read(self, asked: bytes, method: str) -> bytes:
        with self._http.stream("POST", self.url, content=asked) as said:
            body = b""
            for chunk in said.iter_raw():
                body += chunk
                if len(body) > MAX_ANSWER:
                    raise Lied(f"the chain at {self.host} was asked {method}: expected at most {MAX_ANSWER} bytes")
            if not said.is_success and not body.lstrip().startswith(b"{"):
                raise Unreached(f"the chain at {self.host} answered {said.status_code}")
            return body

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Give its connections back."""
        self._http.close()


def host(url: str) -> str:
    """What may be said of where a chain is asked.

    >>> host("https://me:secret@rpc.example:8545/v3/secret?key=secret")
    'rpc.example:8545'
    """
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)


def plain(said: object) -> str:
    """What a chain said, short and without anything that a terminal obeys."""
    return re.sub(r"[^ -~]", "?", str(said))[:200]


def ask(rpc: Rpc, method: str, asked: Callable[[], T]) -> T:
    """What web3 makes of an answer; raises Unreached where the node refuses, Lied where the answer has no sense."""
    try:
        return asked()
    except ContractLogicError as refusal:
        raise Unreached(f"the contract on the chain at {rpc.host} would refuse: {plain(refusal.message)}") from None
    except Web3RPCError as refusal:
        said = (refusal.rpc_response or {}).get("error", {})
        told = plain(said.get("message") if isinstance(said, dict) else said)
        raise Unreached(f"the chain at {rpc.host} refused {method}: {told}") from None
    except (Web3Exception, *NONSENSE) as fault:
        raise Lied(f"the chain at {rpc.host} was asked {method}: its answer has no sense ({plain(fault)})") from None


def strictly(rpc: Rpc, read: Callable[[], T]) -> T:
    """What is decoded from an answer; raises Lied."""
    try:
        return read()
    except LedgerError as fault:
        raise Lied(f"the chain at {rpc.host}: {fault}") from None
    except NONSENSE as fault:
        raise Lied(f"the chain at {rpc.host}: an answer has no sense ({plain(repr(fault))})") from None
