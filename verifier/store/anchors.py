"""What a chain was seen to say about this ledger, as the process that watches it last told (node/ethereum).

A report and no proof: whoever judges does not believe it, and losing it loses nothing, since the chain still says it. A
chain for development is kept here too, and is called an anchor by nobody: `development` is asked first.
"""

from dataclasses import dataclass

import msgspec
import redis

from verifier.store import layout

KEPT, ODD = 32, 8
"""How many are kept, the newest, for they are written again as the chain grows; and how many of them may be of those
that do not agree with this ledger: an account that says what it likes crowds nothing else out."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """The ledger's `root` at `size`, as `contract` on the chain of that id (EIP-155) has it: since `transaction` in
    `block`, at that block's `time` (Unix seconds), under `depth` more blocks when last seen. `accounts` agree; `valid`
    is whether they are enough, and it lies deep enough. `development`: the chain is one that is thrown away. `agrees`:
    whether this ledger had that root there when last looked; False is two histories, None that it is not so large."""

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
    agrees: bool | None = True


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
    first = sorted(seen, key=lambda one: (one.size, one.block), reverse=True)
    odd = [one for one in first if not one.agrees][:ODD]
    fitting = [one for one in first if one.agrees][: KEPT - len(odd)]
    newest = sorted([*odd, *fitting], key=first.index)
    client.set(layout.ANCHORS, msgspec.msgpack.encode(newest))


def newest(seen: list[Anchor], size: int) -> Anchor | None:
    """The newest valid one that agrees with a ledger of `size` leaves: what can be reported beside that ledger."""
    return next((one for one in seen if one.valid and one.agrees and one.size <= size), None)
