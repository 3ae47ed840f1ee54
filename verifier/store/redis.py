"""The connection to Redis, and whether the server behind it may forget.

No key is named here (layout.py names them all), and no command but CONFIG and PING is sent.
"""

import time
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

CONNECT_TIMEOUT_S = 2.0
SOCKET_TIMEOUT_S = 10.0
RECONNECT_PAUSES_S = (0.05, 0.1, 0.2, 0.4)
"""A server that restarts is back within their sum: a request that met it waits instead of failing."""

DURABLE = (
    ("appendonly", "yes", "it forgets everything when it restarts"),
    ("appendfsync", "always", "it acknowledges what a power cut still loses"),
    ("aof-load-truncated", "no", "after a crash it starts silently without its last writes"),
    ("maxmemory-policy", "noeviction", "when memory is short it drops keys"),
)
"""What a ledger asks of a server: parameter, value, what happens otherwise (redis.conf)."""


class StoreError(Exception):
    """We could not use the store; the message is one sentence a fault, each with what to do."""


class PatientPool(redis.ConnectionPool):
    """Connecting is tried again; a command never is. One whose answer was lost may have been applied, and only its
    caller knows whether asking twice is harmless."""

    def get_connection(self, *args: Any, **options: Any) -> Any:
        """A connection that answers; raises redis.ConnectionError once RECONNECT_PAUSES_S are spent."""
        for pause in RECONNECT_PAUSES_S:
            try:
                return super().get_connection(*args, **options)
            except redis.AuthenticationError:
                raise
            except redis.ConnectionError:
                time.sleep(pause)
        return super().get_connection(*args, **options)


def connect(url: str) -> redis.Redis:
    """A client that speaks bytes, connects on its first command and heals after a restart of the server.

    A command cut short raises redis.ConnectionError or redis.TimeoutError (the door answers 503); the next one
    reconnects. Query parameters of `url` win over the time limits here. Raises StoreError if `url` is malformed.
    """
    try:
        pool = PatientPool.from_url(
            url,
            socket_connect_timeout=CONNECT_TIMEOUT_S,
            socket_timeout=SOCKET_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
        )
    except ValueError as fault:
        raise StoreError(f"REDIS_URL: expected a Redis URL, found {url!r}: {fault}") from None
    return redis.Redis.from_pool(pool)


def durability_faults(client: redis.Redis) -> tuple[str, ...]:
    """One sentence for each setting by which this server may forget; empty when it may not. Raises StoreError when
    the server is not reached."""
    try:
        found = {name: _setting(client, name) for name, _, _ in DURABLE}
    except redis.ResponseError as refusal:
        return (f"CONFIG GET: expected to be allowed to ask whether this Redis forgets, found {str(refusal)!r}",)
    except redis.RedisError as fault:
        raise StoreError(f"REDIS_URL: expected a server that answers, found {str(fault)!r}") from fault
    return tuple(
        f"{name}: expected {wanted}, found {found[name] or 'nothing'}: {otherwise}"
        for name, wanted, otherwise in DURABLE
        if found[name] != wanted
    )


def check_durable(client: redis.Redis, allow_volatile: bool) -> None:
    """Raise StoreError, a line a fault, if the server may forget what a ledger acknowledged; `allow_volatile` accepts
    the faults, never a server that is not reached."""
    faults = durability_faults(client)
    if faults and not allow_volatile:
        advice = "Set these in its redis.conf, or accept it: make run SERVE=--allow-volatile"
        raise StoreError("\n".join((*faults, advice)))


def _setting(client: redis.Redis, name: str) -> str:
    pairs: dict[Any, Any] = client.config_get(name)
    value = pairs.get(name, pairs.get(name.encode("ascii"), ""))
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
