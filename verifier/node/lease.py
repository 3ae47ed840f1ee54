"""One sequencer at a time: a lease with a fencing epoch. A leader that slept past its lease can no longer write.

Whatever a sequencer writes by a name that another could write too goes through `put`, `remove` or a script that begins
with GUARD: the server compares the holder's epoch and writes in one step. Bodies alone are not fenced: they are named
by their hash. So the lease's length decides only how long a successor waits, never what it may find.

The lease's value is `<epoch> <holder>`. A holder is a word for one place where only one node runs at a time, held by a
file lock (commands/node); from there a dead node's lease is taken over at once, from elsewhere when it has run out.
"""

import time
from collections.abc import Iterable, Mapping
from typing import cast
from uuid import uuid4

import redis
from redis.commands.core import Script

from verifier.store import layout

TTL_MS = 10_000

GUARD = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'lease' end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""
"""KEYS[1] is the lease, ARGV[1] its value, ARGV[2] its length: what follows runs for the holder alone, and renews."""
_TAKE = """
local held = redis.call('GET', KEYS[1])
if held and held:match(' (.*)$') ~= ARGV[1] then return 0 end
local epoch = redis.call('INCR', KEYS[2])
redis.call('SET', KEYS[1], epoch .. ' ' .. ARGV[1], 'PX', ARGV[2])
return epoch
"""
_PUT = GUARD + "for i = 2, #KEYS do redis.call('SET', KEYS[i], ARGV[i + 1]) end return 'ok'"
_WRITE = GUARD + "redis.call('SETRANGE', KEYS[2], ARGV[3], ARGV[4]) return 'ok'"
_REMOVE = GUARD + "for i = 2, #KEYS do redis.call('UNLINK', KEYS[i]) end return 'ok'"
_DROP = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end return 'ok'"


class LeaseLost(RuntimeError):
    """Another sequencer holds the lease, or this one's ran out."""


class Lease:
    """Held while its calls succeed; each raises LeaseLost when it is not, having written nothing."""

    def __init__(self, client: redis.Redis, epoch: int, holder: str) -> None:
        """Use `take`."""
        self.client, self.epoch = client, epoch
        self.value = f"{epoch} {holder}".encode()
        self._scripts: dict[str, Script] = {}
        self._renewed = time.monotonic()

    def run(self, script: str, keys: Iterable[bytes], args: Iterable[bytes]) -> bytes:
        """Run a script that begins with GUARD; what it returns. `keys` and `args` follow the guard's own."""
        if script not in self._scripts:
            self._scripts[script] = self.client.register_script(script)
        begun = time.monotonic()
        told = cast(bytes, self._scripts[script](keys=[layout.LEASE, *keys], args=[self.value, TTL_MS, *args]))
        if told == b"lease":
            raise LeaseLost(f"sequencer of epoch {self.epoch}: expected to hold the lease, found it gone")
        self._renewed = begun
        return told

    def renew(self) -> None:
        """Hold on for another term."""
        self.run(_PUT, (), ())

    def keep(self) -> None:
        """Renew once a quarter of the term is gone; call it as often as you like during long work."""
        if time.monotonic() - self._renewed > TTL_MS / 4000:
            self.renew()

    def put(self, values: Mapping[bytes, bytes]) -> None:
        """Set keys, all or none."""
        self.run(_PUT, values.keys(), values.values())

    def write(self, key: bytes, offset: int, part: bytes) -> None:
        """Write a part of a value; what lies before it and was never written is zeros."""
        self.run(_WRITE, (key,), (b"%d" % offset, part))

    def remove(self, keys: Iterable[bytes]) -> None:
        """Remove keys, all or none."""
        self.run(_REMOVE, keys, ())

    def drop(self) -> None:
        """Let the next one start at once."""
        self.client.eval(_DROP, 1, layout.LEASE, self.value)


def take(client: redis.Redis, holder: str | None = None) -> Lease:
    """Take the lease with a new epoch; raises LeaseLost while another than `holder` (by default: anybody) holds it."""
    word = holder or uuid4().hex
    epoch = cast(int, client.eval(_TAKE, 2, layout.LEASE, layout.EPOCH, word, str(TTL_MS)))
    if not epoch:
        raise LeaseLost("expected no sequencer, found one running on this store")
    return Lease(client, epoch, word)
