"""Trust: what the one who judges believes beforehand. It never comes from the evidence.

`trust.json` is {"genesis": hex, "policy": text, "max_age_s": int, "checkpoint": text or null}, written by
`python -m verifier trust`.
"""

import json
from dataclasses import dataclass

from verifier.ledger.policy import Policy, PolicyError
from verifier.ledger.policy import parse as parse_policy
from verifier.statements.errors import Malformed

FIELDS = ("genesis", "policy", "max_age_s", "checkpoint")


@dataclass(frozen=True, slots=True)
class Trust:
    """`genesis` is the id of leaf 0; `max_age_s` how old an answer may be; `checkpoint` the highest note seen."""

    genesis: bytes
    policy: Policy
    max_age_s: int
    checkpoint: bytes | None = None


def decode(text: str) -> Trust:
    """Parse trust.json; raises Malformed naming the field."""
    try:
        fields = json.loads(text)
    except ValueError as fault:
        raise Malformed("trust", expected="JSON", found=str(fault)[:80]) from fault
    if not isinstance(fields, dict) or set(fields) != set(FIELDS):
        raise Malformed("trust", expected="the fields " + ", ".join(FIELDS), found=str(fields)[:80])
    genesis, policy, age, checkpoint = (fields[name] for name in FIELDS)
    if not isinstance(genesis, str) or len(genesis) != 64 or set(genesis) - set("0123456789abcdef"):
        raise Malformed("trust", value="genesis", expected="64 lower-case hex digits", found=str(genesis)[:70])
    if type(age) is not int or age < 0:
        raise Malformed("trust", value="max_age_s", expected="whole seconds", found=str(age)[:20])
    if not isinstance(policy, str) or not isinstance(checkpoint, str | None):
        raise Malformed("trust", expected="policy and checkpoint as text", found=type(policy).__name__)
    return Trust(bytes.fromhex(genesis), _policy(policy), age, checkpoint.encode() if checkpoint else None)


def encode(trust: Trust) -> str:
    """The text of trust.json."""
    checkpoint = trust.checkpoint.decode() if trust.checkpoint else None
    values = (trust.genesis.hex(), str(trust.policy), trust.max_age_s, checkpoint)
    return json.dumps(dict(zip(FIELDS, values, strict=True)), indent=2, ensure_ascii=False) + "\n"


def _policy(text: str) -> Policy:
    """One log, whose history no two quorums could cosign in two ways."""
    try:
        policy = parse_policy(text)
        policy.require_overlap()
        if policy.others:
            raise PolicyError("logs", expected="one: a ledger has one history", found=len(policy.logs))
        return policy
    except ValueError as fault:
        raise Malformed("trust", value="policy", expected="a tlog-policy", found=str(fault)[:120]) from fault
