"""How often may one ask? Budgets against harvesting serials and flooding, which nobody can turn on somebody else.

Anonymous scans are counted by *device*: a keyed hash of the network address (IPv6 by its /64, the least that is one
subscriber's), under a secret drawn each day and forgotten, so that no address is kept and yesterday's cannot be told
from today's. Misses are counted by device and GTIN. When all devices together miss a GTIN too often somebody is
guessing at it from many places: then whoever has missed it once is refused it for the rest of the hour. Who scans a
genuine pack never missed, so no alarm that a stranger raises stands between a patient and a box. A member is counted
by its name, with more.

The counters stand in a Redis of their own, which may forget: a scan never fails because of them. When they do not
answer nothing is counted for a while, and the log says so.
"""

import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Literal, Protocol, cast

import redis
from flask import g, has_request_context, request
from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.storage import RedisStorage
from limits.strategies import FixedWindowRateLimiter
from redis.backoff import NoBackoff
from redis.retry import Retry

from verifier.web.caller import proven
from verifier.web.problem import Problem

log = logging.getLogger("probatum.web")
TIMEOUT_S = 0.25
PAUSE_S = 5.0  # nothing is counted for so long after the counters did not answer
DAY_S = 86_400
SAID = "Too many tries from here. This says nothing about the pack: wait, or ask a pharmacist."


LOOKS = RateLimitItemPerMinute(1500, 5)


@dataclass(frozen=True, slots=True)
class Budget:
    """What one asker may do: scans in all, misses of one GTIN, frames of a live camera (which mostly show nothing)."""

    scans: RateLimitItem
    misses: RateLimitItem
    looks: RateLimitItem = LOOKS


DEVICE = Budget(RateLimitItemPerMinute(300, 5), RateLimitItemPerHour(20))
MEMBER = Budget(RateLimitItemPerMinute(6000, 5), RateLimitItemPerHour(200), RateLimitItemPerMinute(30_000, 5))
EVERYBODY = RateLimitItemPerHour(300)
"""Anonymous misses of one GTIN by all devices together, from which on one miss is enough."""


class Limits(Protocol):
    """What the desk asks before and after it looks."""

    def scan(self) -> None:
        """Count this request as a scan, once. Raises Problem 429."""

    def look(self) -> None:
        """Count this request as a frame of a live camera. Raises Problem 429."""

    def guess(self, gtin: str) -> None:
        """Before a pack of this GTIN is looked up. Raises Problem 429."""

    def missed(self, gtin: str) -> None:
        """Count a pack of this GTIN that is not there."""


class Unlimited:
    """Nothing is counted: for benchmarks, and where somebody in front of us does."""

    def scan(self) -> None:
        """See Limits."""

    def look(self) -> None:
        """See Limits."""

    def guess(self, gtin: str) -> None:
        """See Limits."""

    def missed(self, gtin: str) -> None:
        """See Limits."""


class Counted:
    """Limits kept in the Redis at `url`, by this worker's `clock` (Unix seconds) as to the day."""

    def __init__(self, url: str, clock: Callable[[], int]) -> None:
        pool = redis.ConnectionPool.from_url(
            url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S, retry=Retry(NoBackoff(), 0)
        )
        self.client = redis.Redis(connection_pool=pool)
        self.storage = RedisStorage("redis://", connection_pool=pool, key_prefix="limits")
        self.window, self.clock = FixedWindowRateLimiter(self.storage), clock
        self._secret = lru_cache(maxsize=2)(self._drawn)
        self._again = 0.0

    def scan(self) -> None:
        """See Limits: one round trip."""
        if has_request_context() and not g.get("scan_counted"):
            g.scan_counted = True
            self._try(lambda: self._count("scans"))

    def look(self) -> None:
        """See Limits: one round trip."""
        if has_request_context():
            self._try(lambda: self._count("looks"))

    def guess(self, gtin: str) -> None:
        """See Limits: one round trip, and a second for who missed before."""
        if has_request_context():
            self._try(lambda: self._check(gtin))

    def missed(self, gtin: str) -> None:
        """See Limits: two round trips."""
        if has_request_context():
            self._try(lambda: self._count_miss(gtin))

    def _count(self, what: Literal["scans", "looks"]) -> None:
        budget, *who = self._asker()
        item: RateLimitItem = getattr(budget, what)
        if not self.window.hit(item, what, *who):
            raise self._refusal(item, what, *who)

    def _check(self, gtin: str) -> None:
        budget, *who = self._asker()
        missed = self.storage.get(budget.misses.key_for(*who, gtin))
        over = missed and budget is DEVICE and not self.window.test(EVERYBODY, gtin)
        if missed >= budget.misses.amount or over:
            raise self._refusal(budget.misses, *who, gtin)

    def _count_miss(self, gtin: str) -> None:
        budget, *who = self._asker()
        self.window.hit(budget.misses, *who, gtin)
        if budget is DEVICE:
            self.window.hit(EVERYBODY, gtin)

    def _asker(self) -> tuple[Budget, str, str]:
        """Whose budget this request spends: the member's that signed it, or its device's."""
        member = proven()
        if member is not None:
            return MEMBER, "member", member.member
        day = self.clock() // DAY_S
        return DEVICE, "device", device(request.remote_addr or "", self._secret(day))

    def _drawn(self, day: int) -> bytes:
        """The day's secret, shared by all workers and gone the day after the next."""
        name = f"limits:secret:{day}"
        with self.client.pipeline() as pipe:
            pipe.set(name, secrets.token_bytes(32), nx=True, ex=2 * DAY_S)
            pipe.get(name)
            return cast(bytes, pipe.execute()[1])

    def _refusal(self, item: RateLimitItem, *names: str) -> Problem:
        left = max(1, round(self.window.get_window_stats(item, *names).reset_time - time.time()))
        expected = f"fewer tries in {item.get_expiry() // 60} minutes"
        refusal = Problem("too_many", 429, SAID, title="Too many tries", expected=expected, found="too many")
        refusal.retry_after = left
        return refusal

    def _try(self, work: Callable[[], None]) -> None:
        """Do it if the counters answer; let the request pass if they do not."""
        if time.monotonic() < self._again:
            return
        try:
            work()
        except redis.RedisError as fault:
            self._again = time.monotonic() + PAUSE_S
            log.error("the counters do not answer (%s): for %d s nothing is limited", fault, PAUSE_S)


def device(address: str, secret: bytes) -> str:
    """The name under which an address is counted.

    >>> one, same, other = (device(a, b"k") for a in ("2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"))
    >>> one == same, one == other, device("192.0.2.1", b"k") == device("::ffff:192.0.2.1", b"k")
    (True, False, True)
    """
    return blake2b(_network(address), key=secret, digest_size=16).hexdigest()


def _network(address: str) -> bytes:
    try:
        found: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    except ValueError:  # a socket's peer has none
        return address.encode("utf-8", "replace")
    if isinstance(found, IPv6Address):
        return found.ipv4_mapped.packed if found.ipv4_mapped else found.packed[:8]
    return found.packed
