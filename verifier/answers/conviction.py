"""A conviction: what was signed, and what shows it false. One deterministic file that holds all but trust.

    { "v": 1,
      "said": bytes,      an evidence file (verdict/evidence): the answer; statements with proofs under its checkpoint;
                          the pack's serial proof; where the checkpoint is younger than the answer, the growth since
      "other": bytes,     another answer by the same key, if it is the two together that cannot both be true
      "seen": bytes }     another checkpoint that the log signed, if it is the log itself that said two things

Deterministic CBOR, at most 1 MiB and some. Nothing in it is believed before `convict` has checked it.
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from verifier.statements import cbor
from verifier.statements.errors import Malformed
from verifier.verdict import evidence as files
from verifier.verdict.evidence import Evidence

VERSION = 1
MAX_BYTES = files.MAX_BYTES + 2 * cbor.MAX_BYTES + 64
_FIELDS = {"v", "said", "other", "seen"}


@dataclass(frozen=True, slots=True)
class Conviction:
    """What is held against whoever signed `said.answer`, or against the log."""

    said: Evidence
    other: bytes | None = None
    seen: bytes | None = None


def encode(conviction: Conviction) -> bytes:
    """The file's bytes; parts that are missing are left out."""
    said = files.encode(conviction.said)
    fields = {"v": VERSION, "said": said, "other": conviction.other, "seen": conviction.seen}
    return cbor.encode({name: value for name, value in fields.items() if value is not None})


def decode(data: bytes) -> Conviction:
    """Parse a file strictly; raises Malformed saying what is not as the door of this file shows it."""
    fields = cbor.decode(data, MAX_BYTES)
    if not isinstance(fields, dict) or not set(fields) <= _FIELDS or type(fields.get("v")) is not int:
        raise Malformed("conviction", expected="a conviction's map", found=str(fields)[:40])
    if fields["v"] != VERSION:
        raise Malformed("conviction", expected=f"version {VERSION}", found=str(fields["v"])[:40])
    said = _bytes(fields, "said")
    if said is None:
        raise Malformed("conviction", value="said", expected="an evidence file", found="none")
    return Conviction(files.decode(said), _bytes(fields, "other"), _bytes(fields, "seen"))


def name_of(data: bytes) -> str:
    """The name of a file with these bytes: the SHA-256, in hex."""
    return sha256(data).hexdigest()


def _bytes(fields: dict[str, Any], name: str) -> bytes | None:
    value = fields.get(name)
    if name in fields and not isinstance(value, bytes):
        raise Malformed("conviction", value=name, expected="bytes", found=type(value).__name__)
    return value
