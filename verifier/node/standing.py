"""How the quorum stands: told in the log when it is lost and when it is back, and kept in the store for the doors.

It is lost when a proposal has waited for it longer than the slack. What is kept is written when it changes, at most
once a second: a witness that comes and goes is no reason to write without end.

    layout.QUORUM: CBOR [lost since (Unix seconds, 0: it is not), [[witness, why it does not cosign, since], ...]]
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import redis

from verifier.node.lease import Lease
from verifier.node.quorum import Row
from verifier.statements import cbor
from verifier.store import layout

SLACK_S = 2.0
"""How long a proposal may wait for witnesses before that is worth a word."""
WRITE_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Standing:
    """`lost_since` is 0 while there is a quorum; `rows` are the witnesses that can be asked."""

    lost_since: int = 0
    rows: tuple[Row, ...] = ()

    def encode(self) -> bytes:
        """As it is kept."""
        return cbor.encode([self.lost_since, [[row.name, row.fault, row.since] for row in self.rows]])


def read(client: redis.Redis) -> Standing:
    """What the node said last."""
    return decode(client.get(layout.QUORUM))


def decode(kept: object) -> Standing:
    """What is kept; that all is well, if nothing is, or nothing that can be read: it is said anew."""
    try:
        lost_since, rows = cbor.decode(kept) if isinstance(kept, bytes) else (0, ())
        return Standing(lost_since, tuple(Row(*row) for row in rows))
    except (ValueError, TypeError):
        return Standing()


class Teller:
    """Says and keeps how the quorum `name` stands; `tell` takes a sentence, `now` gives Unix seconds."""

    def __init__(self, lease: Lease, name: str, tell: Callable[[str], None], now: Callable[[], int]) -> None:
        self._lease, self._name, self._tell, self._now = lease, name, tell, now
        self._kept = read(lease.client)
        self._lost_since, self._asked = self._kept.lost_since, 0.0
        self._written = float("-inf")

    @property
    def lost(self) -> bool:
        """Whether there was no quorum when this was last looked at."""
        return bool(self._lost_since)

    def asked(self) -> None:
        """A proposal begins to wait."""
        self._asked = time.monotonic()

    def waits(self, rows: Sequence[Row], size: int) -> None:
        """The proposal, of `size` leaves, still waits."""
        if not self._lost_since and time.monotonic() - self._asked > SLACK_S:
            self._lost_since = self._now()
            why = "; ".join(f"{row.name}: {row.fault}" for row in rows if row.fault) or "no answer yet"
            self._tell(f"the quorum {self._name} does not cosign {size} leaves ({why}); nothing is published meanwhile")
        self._keep(rows)

    def stands(self, rows: Sequence[Row]) -> None:
        """A quorum has cosigned."""
        if self._lost_since:
            lost = max(0, self._now() - self._lost_since)
            self._lost_since = 0
            self._tell(f"the quorum {self._name} cosigns again, after {lost} s")
        self._keep(rows)

    def _keep(self, rows: Sequence[Row]) -> None:
        standing, moment = Standing(self._lost_since, tuple(rows)), time.monotonic()
        turned = standing.lost_since != self._kept.lost_since
        if standing != self._kept and (turned or moment - self._written > WRITE_EVERY_S):
            self._lease.put({layout.QUORUM: standing.encode()})
            self._kept, self._written = standing, moment
