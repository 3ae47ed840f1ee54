"""How one witness is asked to cosign a checkpoint: C2SP tlog-witness, the log's side of it.

    POST <witness url>/add-checkpoint      old <size>, up to 63 hashes that prove the growth from there, the signed note
    200 its cosignature    409 another size is what it knows of us: asked again from there    else: a fault, told

A witness is believed in nothing: its cosignature counts once the signature over our very text was verified and the time
in it is about ours. Its answer may take a bounded time and bounded bytes, and leads nowhere else. How many are asked,
and how many are enough, is node/quorum's.
"""

import ssl
import threading
from dataclasses import dataclass
from functools import cache

import httpx

from verifier.ledger import cosignature, note, witnessing
from verifier.ledger.encoding import LedgerError
from verifier.ledger.policy import Witness
from verifier.ledger.tiles import ReadTile, consistency_path
from verifier.ledger.witnessing import AddCheckpoint

TIMEOUT = httpx.Timeout(2.0, connect=1.0)
WHOLE_S = 5.0
"""A request's time in all, however its answer drips."""
MOST_BYTES = 16_384
"""Of an answer: sixteen lines of Ed25519 are 2 KiB, one of ML-DSA-44 is 4."""
ROUNDS = 3
SKEW_S = 120
"""How far a witness's clock may stand from ours; what the ledger forgives (node/draft) is more."""


class Fault(Exception):
    """Why a witness did not cosign, in a few words; `disowns` where it says that our history is not the one."""

    def __init__(self, words: str, disowns: bool = False) -> None:
        super().__init__(words[:200])
        self.disowns = disowns


@dataclass(frozen=True, slots=True)
class Proposal:
    """A note that the log signed, how many leaves it is about, and its tree's tiles, to prove growth with."""

    note: bytes
    size: int
    tile: ReadTile

    @property
    def text(self) -> bytes:
        """What is cosigned."""
        return self.note[: self.note.rindex(b"\n\n") + 1]

    def request(self, old: int) -> bytes:
        """The body of add-checkpoint for a witness that knows `old` leaves. A proof from none is empty."""
        path = consistency_path(old, self.size, self.tile) if 0 < old < self.size else ()
        return AddCheckpoint(old, tuple(path), self.note).encode()


class Cosigner:
    """A witness, over one connection that is kept. `known` is how many leaves it was last seen to know."""

    def __init__(self, witness: Witness, known: int) -> None:
        self.witness, self.known = witness, known
        self._url = f"{(witness.url or '').rstrip('/')}/add-checkpoint"
        self._http = _client()

    def close(self) -> None:
        """Give the connection back."""
        self._http.close()

    def cosign(self, proposal: Proposal, now: int) -> bytes:
        """Its line, verified, of `now` (Unix seconds). Raises Fault, or what the tiles' store raises."""
        for _ in range(ROUNDS):
            old = min(self.known, proposal.size)
            status, body = self._post(proposal.request(old))
            if status == httpx.codes.OK:
                self.known = proposal.size
                return self._line(proposal.note, body, now)
            if status != httpx.codes.CONFLICT:
                raise _refusal(status, body)
            self.known = _size(body)
            if self.known > proposal.size:
                raise Fault(f"it knows {self.known} leaves of this log, more than these {proposal.size}", disowns=True)
        raise Fault("it does not stand at the size that it names, each time it is asked")

    def _post(self, body: bytes) -> tuple[int, bytes]:
        if self._http.is_closed:  # by the bell, the last time
            self._http = _client()
        answer = b""
        bell = threading.Timer(WHOLE_S, self._http.close)  # TIMEOUT is for each read, and a head may drip as a body
        bell.daemon = True
        bell.start()
        try:
            with self._http.stream("POST", self._url, content=body) as response:
                for part in response.iter_raw():
                    answer += part
                    if len(answer) > MOST_BYTES:
                        raise Fault(f"its answer is longer than {MOST_BYTES} bytes")
                return response.status_code, answer
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, RuntimeError) as fault:
            if self._http.is_closed:
                raise Fault(f"its answer took longer than {WHOLE_S:.0f} s") from None
            raise Fault(f"not reached ({type(fault).__name__})") from None
        finally:
            bell.cancel()

    def _line(self, signed: bytes, body: bytes, now: int) -> bytes:
        """The newest of its own lines over the note, of about `now`."""
        try:
            line = witnessing.accepted(signed, body, self.witness.key).encode()
        except LedgerError as fault:
            raise Fault(f"its answer is no cosignature: {fault}") from None
        stamp = cosignature.time_of(note.parse(signed + line), self.witness.key) or 0
        if abs(stamp - now) > SKEW_S:
            raise Fault(f"its cosignature says {stamp}, and the time is {now} here: one of the two clocks is wrong")
        return line


def _client() -> httpx.Client:
    return httpx.Client(timeout=TIMEOUT, follow_redirects=False, trust_env=False, verify=_roots())


@cache
def _roots() -> ssl.SSLContext:
    """The public roots, read once: that takes 20 ms."""
    return httpx.create_ssl_context(trust_env=False)


def _size(body: bytes) -> int:
    try:
        return witnessing.known_size(body)
    except LedgerError as fault:
        raise Fault(f"it answered 409 and no size: {fault}") from None


REFUSALS = {
    400: "it calls our request malformed",
    403: "it does not know our key",
    404: "it does not know this log",
    422: "it says that this tree did not grow from the one that it knows",
}


def _refusal(status: int, body: bytes) -> Fault:
    told = REFUSALS.get(status, "it did not cosign")
    said = body[:60].decode("utf-8", "replace").split("\n")[0]
    return Fault(f"{told} ({status} {''.join(c for c in said if c.isprintable())})".replace(" )", ")"), status == 422)
