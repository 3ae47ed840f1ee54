"""The way from a door to the sequencer and back: a Redis list of waiting statements, and one reply key a sending.

Nothing waiting here is acknowledged yet: if it is lost, the sender was never told otherwise, and sending again is safe.

    queue item: token (16 bytes: the sending's, and the number in it), then the statement
    reply: the number (u16, big-endian), then deterministic CBOR of a Receipt's fields
"""

import time
from collections.abc import Iterable, Sequence
from typing import Literal, Self, cast
from uuid import uuid4

import msgspec
import redis
from msgspec import Struct

from verifier.node import standing
from verifier.statements import cbor
from verifier.statements.errors import Malformed, Refused
from verifier.store import layout

REPLY_TTL_S = 60
PATIENCE_S = 8.0  # below the store's own time limit (store/redis), so that it is we who say what happened
LOST_PATIENCE_S = 0.5  # without a quorum nothing is registered: a door that waits is one that answers no scan
LONGEST = 4096
"""Statements that may wait: a second or two of the node's work, and at 64 KiB each no more than 256 MiB of Redis."""
TOKEN, NUMBER = 16, 2


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

    @classmethod
    def of(cls, fault: Malformed | Refused) -> Self:
        """What became of a statement that broke a rule."""
        status: Literal["malformed", "refused"] = "malformed" if isinstance(fault, Malformed) else "refused"
        return cls(status=status, code=fault.code, value=fault.value, expected=fault.expected, found=fault.found)


class Busy(RuntimeError):
    """The node did not answer in time, or too much is waiting. Nothing is known to be registered; HTTP 503."""


def submit(client: redis.Redis, raw: bytes, timeout_s: float = PATIENCE_S) -> Receipt:
    """Hand a statement to the node and wait for what became of it. Raises Busy, or redis.RedisError."""
    return submit_all(client, [raw], timeout_s)[0]


def submit_all(client: redis.Redis, raws: Sequence[bytes], timeout_s: float = PATIENCE_S) -> list[Receipt]:
    """Hand statements to the node, at most 65,536, and wait for what became of each, in their order. Raises as
    `submit`: some may be leaves then, and sending all again is safe."""
    pipe = client.pipeline(transaction=False)
    pipe.llen(layout.QUEUE)
    pipe.exists(layout.ALARM)
    pipe.get(layout.QUORUM)
    waiting, alarm, kept = pipe.execute()
    if alarm:
        raise Busy("the node found its ledger damaged and registers nothing until it is restored")
    if waiting + len(raws) > LONGEST:
        raise Busy("too many statements are waiting; send it again in a moment")
    lost = standing.decode(kept).lost_since
    patience = min(timeout_s, LOST_PATIENCE_S) if lost else timeout_s
    sending, deadline = uuid4().bytes[:-NUMBER], time.monotonic() + patience
    client.lpush(layout.QUEUE, *(sending + n.to_bytes(NUMBER, "big") + raw for n, raw in enumerate(raws)))
    key, told = layout.reply(sending), dict[int, Receipt]()
    while len(told) < len(raws):
        left = deadline - time.monotonic()
        first = cast(tuple[bytes, bytes] | None, client.brpop([key], timeout=left)) if left > 0 else None
        if first is None:
            why = "its quorum of witnesses is missing" if lost else "the node did not answer in time"
            raise Busy(f"{why}; sending the same statement again is safe")
        rest = client.rpop(key, len(raws)) if len(told) + 1 < len(raws) else None
        told |= map(_told, [first[1], *cast(list[bytes], rest or [])])
    return [told[number] for number in range(len(raws))]


def _told(reply: bytes) -> tuple[int, Receipt]:
    fields = cbor.decode(reply[NUMBER:], 2**20)
    return int.from_bytes(reply[:NUMBER], "big"), msgspec.convert(fields, Receipt, builtin_types=(bytes,))


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
    replies: dict[bytes, list[bytes]] = {}
    for token, receipt in receipts:
        fields = cbor.encode(msgspec.to_builtins(receipt, builtin_types=(bytes,)))
        replies.setdefault(layout.reply(token), []).append(token[-NUMBER:] + fields)
    pipe = client.pipeline(transaction=True)  # a reply without its expiry would stay for ever
    for key, told in replies.items():
        pipe.lpush(key, *told)
        pipe.expire(key, REPLY_TTL_S)
    pipe.execute()
