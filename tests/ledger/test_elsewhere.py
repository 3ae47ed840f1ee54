"""Our log before a public witness, and our cosigned notes and proofs before public readers, in Go.

What a witness decides is asked of theirs and of ours, request by request.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations

import httpx
import pytest
from golang import Elsewhere, skey
from wide import Wide

from verifier.ledger import checkpoint, cosignature, note, policy, proof, tiles, witnessing
from verifier.ledger.checkpoint import Checkpoint
from verifier.ledger.encoding import LedgerError
from verifier.ledger.merkle import EMPTY_ROOT, leaf_hash
from verifier.ledger.note import COSIGNATURE, ML_DSA_COSIGNATURE, VerifierKey
from verifier.ledger.policy import Group, Policy, Witness
from verifier.ledger.proof import Proof
from verifier.ledger.witnessing import AddCheckpoint

pytestmark = pytest.mark.timeout(600)  # the first build of a fresh machine

NAME, SEED, ORIGIN, LOG_SEED = "w.example/public", bytes([3]) * 32, "log.example", bytes(32)
KINDS = (COSIGNATURE, ML_DSA_COSIGNATURE)
KEYS = [VerifierKey.of_seed(NAME, SEED, kind) for kind in KINDS]
SKEYS = [skey(NAME, SEED, kind) for kind in KINDS]
LOG = VerifierKey.of_seed(ORIGIN, LOG_SEED)
ENTRIES = [bytes([n]) * 32 for n in range(40)]
TILES, _ = tiles.grow(0, [leaf_hash(entry) for entry in ENTRIES], lambda *_: b"")


def tile(level: int, number: int, width: int) -> bytes:
    return TILES[level, number][: 32 * width]


def both(log: VerifierKey) -> Policy:
    """The public witness's two keys, both asked for."""
    witnesses = tuple(Witness(f"w{key.kind}", key) for key in KEYS)
    return Policy(log, None, witnesses, (Group("both", 2, ("w4", "w6")),), "both")


def post(url: str, request: AddCheckpoint) -> httpx.Response:
    return httpx.post(f"{url}/add-checkpoint", content=request.encode())


def test_a_public_witness_cosigns_our_log_as_it_grows(elsewhere: Elsewhere, wide: Wide) -> None:
    """The real ledger's checkpoints, an early one and its head; what it answers satisfies a policy of both its keys."""
    log = wide.registry.policy.log
    early = checkpoint.proposed(wide.early, wide.registry.policy)
    growth = tiles.consistency_path(early.size, wide.size, wide.log.tile)
    asked = [AddCheckpoint(0, (), wide.early), AddCheckpoint(early.size, growth, wide.note)]
    asked.append(AddCheckpoint(wide.size, (), wide.note))  # an unchanged head, cosigned anew
    with elsewhere.serving(log, *SKEYS) as url:
        for request in asked:
            answer = post(url, request)
            assert answer.status_code == 200
            lines = [witnessing.accepted(request.checkpoint, answer.content, key) for key in KEYS]
            whole = request.checkpoint + "".join(lines).encode()
            assert checkpoint.open(whole, both(log)) == checkpoint.proposed(request.checkpoint, both(log))
            times = {one.name: one.time for one in checkpoint.cosigned(whole, both(log))}
            assert both(log).quorum_time(times) == max(times.values())
        behind = post(url, AddCheckpoint(0, (), wide.note))
        assert (behind.status_code, behind.headers["content-type"]) == (409, witnessing.SIZE)
        assert witnessing.known_size(behind.content) == wide.size


def signed(size: int, root: bytes | None = None, seed: bytes = LOG_SEED, origin: str = ORIGIN) -> bytes:
    return checkpoint.sign(Checkpoint(origin, size, root or tiles.root(size, tile)), seed)


def grown(old: int, size: int, raw: bytes | None = None) -> AddCheckpoint:
    path = tiles.consistency_path(old, size, tile) if 0 < old < size else ()
    return AddCheckpoint(old, path, raw or signed(size))


OTHER = leaf_hash(b"another history")
EMPTY = Checkpoint(ORIGIN, 0, EMPTY_ROOT).encode()
FALSE_EMPTY = EMPTY.replace("47DE", "57DE")
ASKED = {
    "another log": grown(7, 40, signed(40, origin="other.example")),
    "old above the checkpoint": AddCheckpoint(41, (), signed(40)),
    "old behind what is stored": grown(3, 40),
    "old beyond what is stored": grown(8, 40),
    "old 0 again": AddCheckpoint(0, (), signed(40)),
    "no proof": AddCheckpoint(7, (), signed(40)),
    "a proof from elsewhere": replace(grown(7, 40), proof=grown(8, 40).proof),
    "a hash too many": replace(grown(7, 40), proof=(*grown(7, 40).proof, OTHER)),
    "another root at a larger size": grown(7, 40, signed(40, OTHER)),
    "another root at the same size": grown(7, 7, signed(7, OTHER)),
    "a false root at size 0": AddCheckpoint(
        0, (), f"{FALSE_EMPTY}\n{note.sign(FALSE_EMPTY, ORIGIN, LOG_SEED)}".encode()
    ),
    "a rollback to 0": AddCheckpoint(0, (), f"{EMPTY}\n{note.sign(EMPTY, ORIGIN, LOG_SEED)}".encode()),
    "the same again": grown(7, 7),
    "growth": grown(7, 40),
}


@pytest.fixture(scope="module")
def theirs(elsewhere: Elsewhere) -> Iterator[str]:
    """Their witness, which has cosigned size 7 and grows no further until the last row."""
    with elsewhere.serving(LOG, *SKEYS) as url:
        assert post(url, grown(0, 7)).status_code == 200
        yield url


@pytest.mark.parametrize("name", ASKED)
def test_ours_decides_as_the_public_witness(theirs: str, name: str) -> None:
    ours, answer = witnessing.decide(ASKED[name], signed(7), [LOG]), post(theirs, ASKED[name])
    assert ours.status == answer.status_code
    if ours.status == 409:
        assert (ours.body, ours.content_type) == (answer.content, answer.headers["content-type"])


FIVE = [VerifierKey.of_seed(f"{n}.example", bytes([n]) * 32, KINDS[n % 2]) for n in range(1, 6)]


def cosigned(raw: bytes, *by: int) -> bytes:
    text = note.parse(raw).text
    lines = [cosignature.cosign(text, FIVE[n].name, bytes([n + 1]) * 32, 1700000000 + n, FIVE[n].kind) for n in by]
    return raw + "".join(lines).encode()


def test_gos_reader_accepts_our_cosigned_notes(elsewhere: Elsewhere) -> None:
    """Both types, and the times that we read."""
    read = elsewhere.run("open", str(LOG), *map(str, FIVE), stdin=cosigned(signed(40), 0, 1, 3))
    times = "".join(f"{FIVE[n].name} {1700000000 + n}\n" for n in (0, 1, 3))
    assert (read.stdout.decode(), read.stderr) == (f"{ORIGIN} 40\n{times}", b"")


def test_gos_reader_accepts_our_offline_proof_and_no_other_entrys(elsewhere: Elsewhere) -> None:
    path = tiles.inclusion_path(11, 40, tile)
    raw = Proof(11, path, cosigned(signed(40), 0, 1, 3), b"carton").encode()
    words = [str(LOG), *map(str, FIVE)]
    read = elsewhere.run("prove", ENTRIES[11].hex(), *words, stdin=raw)
    assert (read.returncode, read.stdout.decode().splitlines()[-1]) == (0, "index 11")
    assert proof.verify(proof.parse(raw), ENTRIES[11], Policy(LOG)).size == 40
    assert elsewhere.run("prove", ENTRIES[12].hex(), *words, stdin=raw).returncode == 1
    assert (
        elsewhere.run("prove", ENTRIES[11].hex(), *words, stdin=raw.replace(b"index 11", b"index 10")).returncode == 1
    )


CLASSIC = [VerifierKey.of_seed(f"{n}.example", bytes([n]) * 32, COSIGNATURE) for n in range(1, 6)]
WITNESS_LINES = "".join(f"witness w{n} {key} https://w{n}.example/\n" for n, key in enumerate(CLASSIC, 1))
POLICIES = {
    "none": "quorum none\n",
    "one": "quorum w2\n",
    "3 of 5": "group g 3 w1 w2 w3 w4 w5\nquorum g\n",
    "2 of 3 and any": "group a 2 w1 w2 w3\ngroup b any w4 w5\ngroup both all a b\nquorum both\n",
    "deep": "group a all w1 w2\ngroup b 1 w3 a\n# a comment\n\n \tgroup c 2 b\tw4 w5\nquorum c\n",
}


@pytest.mark.parametrize("name", POLICIES)
def test_a_public_reader_of_policies_believes_what_ours_believes(elsewhere: Elsewhere, name: str) -> None:
    """torchwood's, asked of every set of five witnesses."""
    text = f"log {LOG}\n{WITNESS_LINES}{POLICIES[name]}"
    ours = policy.parse(text)
    for by in (some for size in range(6) for some in combinations(range(5), size)):
        lines = [cosignature.cosign(note.parse(signed(40)).text, CLASSIC[n].name, bytes([n + 1]) * 32, 9) for n in by]
        raw = Proof(11, tiles.inclusion_path(11, 40, tile), signed(40) + "".join(lines).encode()).encode()
        theirs = elsewhere.run("believe", ENTRIES[11].hex(), text, stdin=raw)
        assert (theirs.returncode == 0) == ours.satisfied([f"w{n + 1}" for n in by]) == believed(raw, ours), by
    assert elsewhere.run("believe", ENTRIES[12].hex(), text, stdin=raw).returncode == 1
    assert elsewhere.run("believe", ENTRIES[11].hex(), str(ours), stdin=raw).returncode == 0


def believed(raw: bytes, by: Policy) -> bool:
    try:
        return proof.verify(proof.parse(raw), ENTRIES[11], by).size == 40
    except LedgerError:
        return False


@pytest.mark.parametrize("kind", KINDS)
def test_gos_reader_refuses_a_flipped_cosignature(elsewhere: Elsewhere, kind: int) -> None:
    """The control: it does check."""
    line = cosignature.cosign(note.parse(signed(40)).text, NAME, SEED, 1700000000, kind)
    key = VerifierKey.of_seed(NAME, SEED, kind)
    data = note.parse(signed(40) + line.encode()).by(key)[0]
    for spoilt in (data[:7] + bytes([data[7] ^ 1]) + data[8:], data[:-40] + bytes([data[-40] ^ 1]) + data[-39:]):
        raw = signed(40) + note.line(key, spoilt).encode()
        assert elsewhere.run("open", str(LOG), str(key), stdin=raw).returncode == 1
