"""C2SP tlog-proof: all that is needed to check offline that an entry is in the log. Only this one format may live here.

    c2sp.org/tlog-proof@v1
    [extra <base64>]
    index <decimal>
    <base64 hash, the leaf's sibling first>...
    (empty line)
    <signed checkpoint, verbatim>

>>> from verifier.ledger.merkle import node_hash
>>> from verifier.ledger.note import VerifierKey
>>> root = node_hash(leaf_hash(b"a"), leaf_hash(b"b"))
>>> signed = checkpoint.sign(Checkpoint("log.example", 2, root), bytes(32))
>>> proof = parse(Proof(1, (leaf_hash(b"a"),), signed).encode())
>>> verify(proof, b"b", Policy(VerifierKey.of_seed("log.example", bytes(32)))).size
2
"""

from dataclasses import dataclass

from verifier.ledger import checkpoint
from verifier.ledger.checkpoint import Checkpoint
from verifier.ledger.encoding import HASH_BYTES, MAX_SIZE, decode_base64, decode_decimal, decode_hash, encode_base64
from verifier.ledger.merkle import ProofError, leaf_hash, verify_inclusion
from verifier.ledger.policy import Policy

HEADER = "c2sp.org/tlog-proof@v1"
MAX_PATH = 63  # as MAX_SIZE allows


@dataclass(frozen=True, slots=True)
class Proof:
    """A leaf's `index` from 0, its inclusion `path`, and the signed checkpoint it leads to, as it came.

    `extra` is the sender's own and signed by nobody: it must not be believed. None where absent.
    """

    index: int
    path: tuple[bytes, ...]
    checkpoint_note: bytes
    extra: bytes | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.index <= MAX_SIZE:
            raise ProofError("index", expected=f"0 to {MAX_SIZE}", found=self.index)
        if len(self.path) > MAX_PATH or any(len(item) != HASH_BYTES for item in self.path):
            found = f"{len(self.path)} of {sorted({len(item) for item in self.path})} bytes"
            raise ProofError("path", expected=f"up to {MAX_PATH} hashes of {HASH_BYTES} bytes", found=found)

    def encode(self) -> bytes:
        """The proof's text."""
        extra = [] if self.extra is None else [f"extra {encode_base64(self.extra)}"]
        lines = [HEADER, *extra, f"index {self.index}", *(encode_base64(item) for item in self.path)]
        return "\n".join([*lines, "", ""]).encode() + self.checkpoint_note


def parse(raw: bytes) -> Proof:
    """Read a proof; raises ProofError on any byte that `encode` would not write. Believe nothing before `verify`."""
    head, empty_line, note = raw.partition(b"\n\n")
    if not empty_line or not head.isascii():
        raise ProofError("proof", expected="ASCII lines, an empty line, a checkpoint", found=repr(raw[:100]))
    header, *lines = head.decode("ascii").split("\n")
    if header != HEADER:
        raise ProofError("first line", expected=repr(HEADER), found=repr(header[:100]))
    extra = None
    if lines and lines[0].startswith("extra "):
        extra = decode_base64(lines.pop(0).removeprefix("extra "), ProofError)
    if not lines or not lines[0].startswith("index "):
        raise ProofError("line", expected="'index <decimal>'", found=repr(lines[0][:100]) if lines else "none")
    index = decode_decimal(lines.pop(0).removeprefix("index "), "index", ProofError)
    return Proof(index, tuple(decode_hash(line, ProofError) for line in lines), note, extra)


def verify(proof: Proof, entry: bytes, policy: Policy) -> Checkpoint:
    """The checkpoint under which `entry` stands in the log; raises NoteError or ProofError where that is not proved."""
    signed = checkpoint.open(proof.checkpoint_note, policy)
    verify_inclusion(leaf_hash(entry), proof.index, signed.size, proof.path, signed.root)
    return signed
