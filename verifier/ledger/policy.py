"""C2SP tlog-policy: whose checkpoints are believed. Only the policy's text may live here.

Read today: one `log <vkey> [url]` and `quorum none`. Witnesses and groups are refused by name, never skipped: a policy
that asks for cosignatures must not be satisfied without them.

>>> log = VerifierKey.of_seed("log.example", bytes(32))
>>> policy = parse(f"# ours\\nlog {log} https://log.example/\\nquorum none\\n")
>>> policy.log.name, policy.log_url, policy.quorum
('log.example', 'https://log.example/', 'none')
>>> parse(f"log {log}\\nwitness w {log}\\nquorum w\\n")
Traceback (most recent call last):
verifier.ledger.policy.PolicyError: line 2: expected log or quorum none (witnesses are not built yet), found 'witness'
"""

import re
from dataclasses import dataclass
from typing import Literal

from verifier.ledger.encoding import LedgerError
from verifier.ledger.note import NoteError, VerifierKey


class PolicyError(LedgerError):
    """A policy that is malformed, or asks for what is not built."""


@dataclass(frozen=True, slots=True)
class Policy:
    """A checkpoint is valid if `log` signed it; no cosignature is asked for. `log_url` is where the log is served."""

    log: VerifierKey
    log_url: str | None = None
    quorum: Literal["none"] = "none"

    def __post_init__(self) -> None:
        if self.quorum != "none":
            raise PolicyError("quorum", expected="none (witnesses are not built yet)", found=repr(self.quorum))
        if self.log_url is not None and (not self.log_url or re.search(r"[\x00-\x20\x7f]", self.log_url)):
            raise PolicyError("log URL", expected="no space or control character", found=repr(self.log_url))

    def __str__(self) -> str:
        return " ".join(["log", str(self.log), *([self.log_url] if self.log_url else [])]) + "\nquorum none\n"


def parse(text: str) -> Policy:
    """Read a policy; raises PolicyError naming the line. Comments (#) and empty lines are ignored."""
    if control := re.search(r"[\x00-\x08\x0b-\x1f\x7f]", text):
        raise PolicyError("policy", expected="no control character but tab and newline", found=repr(control[0]))
    if not text.endswith("\n"):  # a file cut short may name another quorum than its writer's
        raise PolicyError("policy", expected="a newline after its last line", found=repr(text[-20:]))
    log: tuple[VerifierKey, str | None] | None = None
    quorum = False
    for number, line in enumerate(text[:-1].split("\n"), 1):
        match re.split(r"[ \t]+", line.strip(" \t")):  # split() would also break at spaces beyond ASCII
            case [first, *_] if not first or first.startswith("#"):
                continue
            case ["log", key, *url] if log is None and len(url) < 2:
                log = _key(key, number), url[0] if url else None
            case ["quorum", "none"] if not quorum:
                quorum = True
            case items:
                raise _refusal(number, items)
    if log is None or not quorum:
        raise PolicyError("policy", expected="one log line and one quorum line", found="no quorum" if log else "no log")
    return Policy(*log)


def _key(text: str, number: int) -> VerifierKey:
    try:
        return VerifierKey.parse(text)
    except NoteError as fault:
        raise PolicyError(f"line {number}: {fault.value}", expected=fault.expected, found=fault.found) from fault


def _refusal(number: int, items: list[str]) -> PolicyError:
    expected = {
        "log": "one log line, `log vkey [url]`",
        "quorum": "one quorum line, `quorum none` (witnesses are not built yet)",
    }.get(items[0])
    found = " ".join(items)[:100] if expected else items[0][:100]
    return PolicyError(
        f"line {number}", expected=expected or "log or quorum none (witnesses are not built yet)", found=repr(found)
    )
