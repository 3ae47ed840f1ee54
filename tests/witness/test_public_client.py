"""Our witness asked by a log's client that nobody here wrote; what it makes of every answer."""

from base64 import b64encode
from pathlib import Path

import pytest
from golang import Elsewhere
from witnesses import Log, cosigned_at, witness

from verifier.ledger.witnessing import AddCheckpoint

pytestmark = pytest.mark.timeout(600)  # the first build of a fresh machine


def test_a_public_client_has_our_witness_cosign_and_understands_its_refusals(
    elsewhere: Elsewhere, tmp_path: Path
) -> None:
    log, forger = Log(7), Log(7, branch="x", seed=bytes([9]) * 32)

    def ask(request: AddCheckpoint) -> str:
        words = [url, str(request.old), *(b64encode(item).decode() for item in request.proof)]
        return elsewhere.run("ask", *words, stdin=request.checkpoint).stdout.decode()

    with witness(tmp_path / "w", log.key) as ours:
        url = ours.url
        assert cosigned_at(log.note(), ask(log.request(0)), ours.cosigner.own) > 1_700_000_000
        log.grow(33)
        assert cosigned_at(log.note(), ask(log.request(7)), ours.cosigner.own) > 1_700_000_000
        assert ask(log.request(7)) == "old size != current 40\n"  # 409, and the size in its body
        assert ask(log.request(40)).startswith("— w1 ")
        assert ask(AddCheckpoint(40, log.request(7).proof, log.note())) == "consistency proof invalid 0\n"  # 422
        assert ask(AddCheckpoint(41, (), log.note())) == "old size > current 0\n"  # 400
        assert ask(forger.request(40, 7)) == "no valid signatures 0\n"  # 403
        assert ask(Log(7, origin="other.example").request(0)) == "unknown log 0\n"  # 404
