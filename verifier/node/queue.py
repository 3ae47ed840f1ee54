"""The way from a door to the sequencer and back: a Redis list of waiting statements, and one reply key each.

Nothing waiting here is acknowledged yet: if it is lost, the sender was never told otherwise, and sending again is safe.

    queue item: deterministic CBOR [token, statement]     reply: deterministic CBOR of a Receipt's fields
"""

from typing import Annotated, Literal, cast
from uuid import uuid4

import msgspec
import redis
from msgspec import Meta, Struct

from verifier.statements import cbor
from verifier.store import layout

REPLY_TTL_S = 60
LONGEST = 50_000


class Receipt(Struct, frozen=True, kw_only=True):
    """What became of a statement. `status`: registered, known (it was a leaf already), disputed (a leaf that
    contradicts the record), refused (no leaf; `code` names the rule) or malformed."""

    status: Literal["registered", "known", "disputed", "refused", "malformed"]
    id: bytes = b""
    index: int = -1
    size: int = 0
    code: str = ""
    value: str = ""
    expected: str = ""
    found: str = ""
    disputes: Annotated[list[str], Meta(max_length=500)] = []


class Busy(RuntimeError):
    """The node did not answer in time, or too much is waiting. Nothing is known to be registered; HTTP 503."""


def submit(client: redis.Redis, raw: bytes, timeout_s: float = 10.0) -> Receipt:
    """Hand a statement to the node and wait for what became of it. Raises Busy, or redis.RedisError."""
    if client.llen(layout.QUEUE) > LONGEST:
        raise Busy("too many statements are waiting")
    token = uuid4().bytes
    client.lpush(layout.QUEUE, cbor.encode([token, raw]))
    answer = cast(tuple[bytes, bytes] | None, client.brpop([layout.reply(token)], timeout=timeout_s))
    if answer is None:
        raise Busy("the node did not answer in time; sending the same statement again is safe")
    return msgspec.convert(cbor.decode(answer[1], 2**20), Receipt, builtin_types=(bytes,))


def take(client: redis.Redis, most: int, wait_s: float) -> list[tuple[bytes, bytes]]:
    """Up to `most` waiting (token, statement) pairs, oldest first; waits `wait_s` for the first."""
    first = cast(tuple[bytes, bytes] | None, client.brpop([layout.QUEUE], timeout=wait_s))
    if first is None:
        return []
    rest = cast(list[bytes] | None, client.rpop(layout.QUEUE, most - 1)) if most > 1 else None
    pairs = [cbor.decode(item, 2**20) for item in (first[1], *(rest or []))]
    return [(token, raw) for token, raw in pairs]


def answer(client: redis.Redis, receipts: list[tuple[bytes, Receipt]]) -> None:
    """Tell every waiting door what became of its statement."""
    pipe = client.pipeline(transaction=False)
    for token, receipt in receipts:
        key = layout.reply(token)
        pipe.lpush(key, cbor.encode(msgspec.to_builtins(receipt, builtin_types=(bytes,))))
        pipe.expire(key, REPLY_TTL_S)
    pipe.execute()
