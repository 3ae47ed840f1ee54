"""The way from a door to the sequencer and back: a Redis list of waiting statements, and one reply key each.

Nothing waiting here is acknowledged yet: if it is lost, the sender was never told otherwise, and sending again is safe.

    queue item: token (16 bytes), then the statement     reply: deterministic CBOR of a Receipt's fields
"""

from collections.abc import Iterable
from typing import Literal, cast
from uuid import uuid4

import msgspec
import redis
from msgspec import Struct

from verifier.statements import cbor
from verifier.store import layout

REPLY_TTL_S = 60
PATIENCE_S = 8.0  # below the store's own time limit (store/redis), so that it is we who say what happened
LONGEST = 4096
"""Statements that may wait: a second or two of the node's work, and at 64 KiB each no more than 256 MiB of Redis."""
TOKEN = 16


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
    disputes: list[str] = []


class Busy(RuntimeError):
    """The node did not answer in time, or too much is waiting. Nothing is known to be registered; HTTP 503."""


def submit(client: redis.Redis, raw: bytes, timeout_s: float = PATIENCE_S) -> Receipt:
    """Hand a statement to the node and wait for what became of it. Raises Busy, or redis.RedisError."""
    if client.llen(layout.QUEUE) >= LONGEST:
        raise Busy("too many statements are waiting; send it again in a moment")
    token = uuid4().bytes
    client.lpush(layout.QUEUE, token + raw)
    told = cast(tuple[bytes, bytes] | None, client.brpop([layout.reply(token)], timeout=timeout_s))
    if told is None:
        raise Busy("the node did not answer in time; sending the same statement again is safe")
    return msgspec.convert(cbor.decode(told[1], 2**20), Receipt, builtin_types=(bytes,))


def take(client: redis.Redis, most: int, wait_s: float) -> list[tuple[bytes, bytes]]:
    """Up to `most` waiting (token, statement) pairs, oldest first; waits `wait_s` for the first, not at all if 0. Any
    bytes that wait are some pair: whether the second is a statement is for the sequencer to say."""
    items: list[bytes] = []
    if wait_s > 0:  # to Redis, 0 is for ever
        first = cast(tuple[bytes, bytes] | None, client.brpop([layout.QUEUE], timeout=wait_s))
        if first is None:
            return []
        items = [first[1]]
    if most > len(items):
        items += cast(list[bytes] | None, client.rpop(layout.QUEUE, most - len(items))) or []
    return [(item[:TOKEN], item[TOKEN:]) for item in items]


def answer(client: redis.Redis, receipts: Iterable[tuple[bytes, Receipt]]) -> None:
    """Tell every waiting door what became of its statement; what nobody reads expires."""
    pipe = client.pipeline(transaction=True)  # a reply without its expiry would stay for ever
    for token, receipt in receipts:
        key = layout.reply(token)
        pipe.lpush(key, cbor.encode(msgspec.to_builtins(receipt, builtin_types=(bytes,))))
        pipe.expire(key, REPLY_TTL_S)
    pipe.execute()
