"""A log read over HTTP, below a prefix: a Source (node/auditor), and what only its readers may read where a key asks.

Bounded whoever answers: each answer in size and in time, each try in number. Nothing is believed here.
"""

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Self

import httpx

from verifier.node import signed_request
from verifier.node.keyfile import KeyFile
from verifier.node.testimony import NOT_SHOWN, OK, Answer, Unreached

WORKERS = 4
TIMEOUT = httpx.Timeout(10.0, connect=3.0)
WHOLE_S = 60.0  # for one answer, however slowly it drips: then no other is waited for either
LONG_S = 900.0  # for a deposit
TRIES, PAUSE_S = 5, 10.0  # a node that asks for patience is given some
BUSY = frozenset({429, 503})
SIGNED = ("entries/", "deposits/")  # what differs by who asks


class NotShown(Exception):
    """Nobody has it there, or not for who asks: which of the two is not told."""


class Remote:
    """A Source over HTTP, below a prefix; with `key`, entries and deposits are asked for as its member (RFC 9421).

    A context manager that gives its connections back."""

    def __init__(self, prefix: str, workers: int = WORKERS, key: KeyFile | None = None, tries: int = TRIES) -> None:
        self.prefix, self._key, self._tries = prefix, key, tries
        self._http = _client()
        self._pool = ThreadPoolExecutor(workers)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._http.close()

    def abort(self) -> None:
        """Give up what is being asked, from another thread; whoever waits for it hears Unreached."""
        self._http.close()

    def renew(self) -> None:
        """Ask again after an answer that never ended, for which all others were given up too."""
        if self._http.is_closed:
            self._http = _client()

    def get(self, path: str, limit: int) -> Answer:
        """See Source."""
        for left in range(self._tries, 0, -1):
            answer, pause = self._once(path, limit)
            if answer.status not in BUSY:
                return answer
            if left > 1:
                time.sleep(pause)
        raise Unreached(f"{self.prefix}/{path}: answered {answer.status} {self._tries} times")

    def get_all(self, paths: Sequence[str], limit: int) -> Iterable[Answer]:
        """See Source."""
        return self._pool.map(lambda path: self.get(path, limit), paths)

    def chunks(self, path: str) -> Iterator[bytes]:
        """The bytes at a path, as they come; raises NotShown or Unreached. How many are too many is the reader's."""
        with self._said(path, LONG_S) as said:
            if said.status_code in NOT_SHOWN:
                raise NotShown(path)
            if said.status_code != OK:
                raise Unreached(f"{self.prefix}/{path}: answered {said.status_code}")
            yield from said.iter_raw()

    def _once(self, path: str, limit: int) -> tuple[Answer, float]:
        """One request: its answer, and how long the node asks to be left alone."""
        with self._said(path, WHOLE_S) as said:
            if said.status_code // 100 not in (2, 4) and said.status_code not in BUSY:
                raise Unreached(f"{self.prefix}/{path}: answered {said.status_code}")
            body = _read(said, limit) if said.status_code == OK else b""
            return Answer(said.status_code, body, said.headers.get("Probatum-Leaf")), _pause(said)

    @contextmanager
    def _said(self, path: str, whole_s: float) -> Iterator[httpx.Response]:
        """The answer to one request, cut off after `whole_s`; raises Unreached."""
        url = f"{self.prefix}/{path}"
        bell = threading.Timer(whole_s, self._http.close)  # TIMEOUT is for each read, which may bring a byte
        bell.daemon = True
        bell.start()
        try:
            with self._http.stream("GET", url, headers=self._headers(path, url)) as said:
                encoding = said.headers.get("Content-Encoding", "identity")
                if encoding != "identity":
                    raise Unreached(f"{url}: expected no encoding, found {encoding[:40]!r}")
                yield said
        except (httpx.HTTPError, httpx.InvalidURL, RuntimeError, ValueError) as fault:
            if self._http.is_closed:
                told = f"expected each answer in {whole_s} s, found one still coming"
                raise Unreached(f"{self.prefix}: {told}") from fault
            raise Unreached(f"{url}: not reached ({fault.__class__.__name__})") from fault
        finally:
            bell.cancel()

    def _headers(self, path: str, url: str) -> dict[str, str]:
        if self._key is None or not path.startswith(SIGNED):
            return {}
        return signed_request.sign("GET", url, None, self._key.seed, self._key.kid)


def _client() -> httpx.Client:
    # Unencoded: ids and hashes do not compress, and what unpacks to more than was sent is not let in.
    headers = {"Accept-Encoding": "identity"}
    return httpx.Client(timeout=TIMEOUT, follow_redirects=False, trust_env=False, headers=headers)


def _read(said: httpx.Response, limit: int) -> bytes:
    """The body, up to one byte over the limit."""
    body = b""
    for chunk in said.iter_raw():
        body += chunk
        if len(body) > limit:
            return body[: limit + 1]
    return body


def _pause(said: httpx.Response) -> float:
    asked = said.headers.get("Retry-After", "")
    return min(float(asked), PAUSE_S) if asked.isascii() and asked.isdecimal() else 1.0
