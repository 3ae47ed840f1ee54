"""What a chain was seen to say about this ledger, as the process that watches it last told (node/ethereum).

A report and no proof: whoever judges does not believe it, and losing it loses nothing, since the chain still says it. A
chain for development is kept here too, and is called an anchor by nobody: `development` is asked first.
"""

from dataclasses import dataclass

import msgspec
import redis

from verifier.store import layout

KEPT = 32
"""The newest: they are written again as the chain grows."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """The ledger's `root` at `size`, as `contract` on the chain of that id (EIP-155) has it: since `transaction` in
    `block`, at that block's `time` (Unix seconds), under `depth` more blocks when last seen. `accounts` agree; `valid`
    is whether they are enough, and it lies deep enough. `development`: the chain is one that is thrown away."""

    size: int
    root: bytes
    chain: int
    contract: str
    transaction: str
    block: int
    depth: int
    time: int
    development: bool
    accounts: int = 1
    valid: bool = True


def anchors(client: redis.Redis) -> list[Anchor]:
    """What was seen, newest first, those of a development chain and those not yet valid too; none where nothing that
    can be read is kept."""
    value = client.get(layout.ANCHORS)
    try:
        return msgspec.msgpack.decode(value, type=list[Anchor]) if isinstance(value, bytes) else []
    except msgspec.MsgspecError:
        return []


def keep(client: redis.Redis, seen: list[Anchor]) -> None:
    """Keep what is seen now, instead of what was: after a reorganisation of the chain, less."""
    newest = sorted(seen, key=lambda one: (one.size, one.block), reverse=True)[:KEPT]
    client.set(layout.ANCHORS, msgspec.msgpack.encode(newest))


def newest(seen: list[Anchor], size: int) -> Anchor | None:
    """The newest valid one of a ledger of at most `size` leaves: what can be reported beside that ledger."""
    return next((one for one in seen if one.valid and one.size <= size), None)
