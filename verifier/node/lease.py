"""One sequencer at a time: a lease with a fencing epoch. A leader that slept past its lease can no longer write.

Every write of the log carries the holder's epoch, and the script that moves the checkpoint compares it.
"""

from dataclasses import dataclass
from typing import cast

import redis

from verifier.store import layout

TTL_MS = 10_000

_TAKE = """
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local epoch = redis.call('INCR', KEYS[2])
redis.call('SET', KEYS[1], epoch, 'PX', ARGV[1])
return epoch
"""
_RENEW = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
"""
_DROP = """
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1
"""


class LeaseLost(RuntimeError):
    """Another sequencer holds the lease, or this one's ran out."""


@dataclass(frozen=True, slots=True)
class Lease:
    """Held while `renew` succeeds; `epoch` fences every write."""

    client: redis.Redis
    epoch: int

    def renew(self) -> None:
        """Hold on for another term; raises LeaseLost."""
        if not self.client.eval(_RENEW, 1, layout.LEASE, str(self.epoch), str(TTL_MS)):
            raise LeaseLost(f"sequencer of epoch {self.epoch}: expected to hold the lease, found it gone")

    def drop(self) -> None:
        """Let the next one start at once."""
        self.client.eval(_DROP, 1, layout.LEASE, str(self.epoch))


def take(client: redis.Redis) -> Lease:
    """Take the lease with a new epoch; raises LeaseLost while another holds it."""
    epoch = cast(int, client.eval(_TAKE, 2, layout.LEASE, layout.EPOCH, str(TTL_MS)))
    if not epoch:
        raise LeaseLost("expected no sequencer, found one running on this store")
    return Lease(client, epoch)
