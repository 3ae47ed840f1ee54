"""An evidence file checked offline, from bytes to verdict, against a bare Ed25519 verify of each signature in it."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest.mock import patch

import httpx
from nacl.bindings import crypto_sign_open

from benchmarks.figures import Figure, alternate
from benchmarks.running import house, web
from scanner.check import check
from scanner.sighting import Sighting
from verifier.demo import _world
from verifier.ledger import checkpoint, note
from verifier.settings import Settings
from verifier.statements import envelope, kinds
from verifier.verdict import judge
from verifier.web.desk import trust_of

ROUNDS = 200


def figures(folder: Path) -> list[Figure]:
    """Nothing is remembered from one check to the next."""
    with house(folder) as settings, web(settings, "app:create_app") as url:
        proof = _proof(settings, url)
        return [
            checked(settings, url, "evidence checked offline"),
            Figure("evidence file", len(proof), "bytes", "one genuine pack", None, "shown", None),
        ]


def checked(settings: Settings, url: str, name: str) -> Figure:
    """One pack's evidence checked, against its own signatures verified and nothing else."""
    pack, proof = _world(settings.data / "demo").pack("current", 0), _proof(settings, url)
    trust, seen, now = trust_of(settings.data), Sighting(pack, None), int(time.time())

    def check_once() -> None:
        for memo in (envelope, kinds, judge, checkpoint):
            memo.forget()
        assert check(seen, proof, trust, now).outcome == "genuine"

    with signatures() as verified:
        check_once()
    asked = list(dict.fromkeys(verified))  # one that is verified twice is still one in the file

    def verify_each() -> None:
        for signed, public in asked:
            crypto_sign_open(signed, public)

    mine, theirs = alternate(lambda: _each(check_once), lambda: _each(verify_each))
    against = f"its {len(asked)} signatures, bare: {theirs * 1e6:,.0f} us"
    return Figure(name, mine * 1e6, "us", against, mine / theirs, "< 2", mine < 2 * theirs)


def _proof(settings: Settings, url: str) -> bytes:
    pack = _world(settings.data / "demo").pack("current", 0)
    return httpx.post(url + "/api/evidence", json={"text": pack.digital_link()}).raise_for_status().content


@contextmanager
def signatures() -> Iterator[list[tuple[bytes, bytes]]]:
    """Each signature that is verified meanwhile, joined to what it signs, and its key."""
    asked: list[tuple[bytes, bytes]] = []

    def verify(signed: bytes, public: bytes) -> bytes:
        asked.append((signed, public))
        return crypto_sign_open(signed, public)

    with ExitStack() as ends:
        for module in (envelope, note):
            ends.enter_context(patch.object(module, "crypto_sign_open", verify))
        yield asked


def _each(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    for _ in range(ROUNDS):
        work()
    return (time.perf_counter() - begun) / ROUNDS
