"""An evidence file checked offline, from bytes to verdict, against one bare Ed25519 verify for each signature in it."""

import time
from pathlib import Path

import httpx
from nacl.signing import SigningKey

from benchmarks.figures import Figure, alternate
from benchmarks.running import house, web
from scanner.check import check
from scanner.sighting import Sighting
from verifier.demo import _world
from verifier.ledger import checkpoint
from verifier.statements import envelope, kinds
from verifier.verdict import evidence as files
from verifier.verdict import judge
from verifier.web.desk import trust_of

ROUNDS = 200


def figures(folder: Path) -> list[Figure]:
    """Nothing is remembered from one check to the next."""
    with house(folder) as settings, web(settings, "app:create_app") as url:
        pack = _world(settings.data / "demo").pack("current", 0)
        proof = httpx.post(url + "/api/evidence", json={"text": pack.digital_link()}).raise_for_status().content
    trust, seen, now = trust_of(settings.data), Sighting(pack, None), int(time.time())
    signatures = len(files.decode(proof).statements) + 2  # and the answer's, and the checkpoint's
    key = SigningKey(bytes(32))
    signed = key.sign(b"x" * 300)

    def ours() -> float:
        def once() -> None:
            envelope.forget()
            kinds.forget()
            judge.forget()
            checkpoint.open.cache_clear()
            assert check(seen, proof, trust, now).outcome == "genuine"

        return _each(once)

    def peer() -> float:
        return _each(lambda: key.verify_key.verify(signed)) * signatures

    mine, theirs = alternate(ours, peer)
    ratio = mine / theirs
    against = f"{signatures} bare verifies: {theirs * 1e6:,.0f} us"
    row = Figure("evidence checked offline", mine * 1e6, "us", against, ratio, "< 2", ratio < 2)
    return [row, Figure("evidence file", len(proof), "bytes", "one genuine pack", None, "shown", None)]


def _each(work: object) -> float:
    assert callable(work)
    begun = time.perf_counter()
    for _ in range(ROUNDS):
        work()
    return (time.perf_counter() - begun) / ROUNDS
