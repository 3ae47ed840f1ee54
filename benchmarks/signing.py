"""A pack's own signature (AI 91, 92): what is printed of it, on one core; against bare Ed25519 signs of as much."""

import time
from collections.abc import Callable
from pathlib import Path

from nacl.signing import SigningKey

from benchmarks.figures import Figure, alternate
from verifier.commands.issuing import Lot, identity_of
from verifier.statements.pack_signature import message, signed_pack

COUNT = 5_000


def figures(_: Path) -> list[Figure]:
    """From an identity to the identity that its label draws, and to the link in its QR."""
    key, lot = SigningKey(bytes(32)), Lot("09521000000018", "BENCH", "291231", ("FR",))
    packs = [identity_of(lot, f"BENCH{number:08}") for number in range(COUNT)]
    messages = [message(pack) for pack in packs]
    mine, theirs = alternate(
        lambda: _rate(lambda: [signed_pack(key, pack).signed_link() for pack in packs]),
        lambda: _rate(lambda: [key.sign(one) for one in messages]),
    )
    against = f"bare signs of the same bytes: {theirs:,.0f}/s"
    return [Figure("packs signed", mine, "packs/s", against, mine / theirs, "shown", None)]


def _rate(work: Callable[[], object]) -> float:
    """Packs a second of processor time."""
    begun = time.process_time()
    work()
    return COUNT / (time.process_time() - begun)
