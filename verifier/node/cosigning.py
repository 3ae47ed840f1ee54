"""The sequencer's way to its witnesses: wait for their quorum without losing the lease, and keep a head's time fresh.

    cosign    step 4b of the commit: returns when a quorum has signed, however long that takes
    anew      beside the commits: an unchanged head again, when its quorum's time is old or another witness has joined
"""

import time
from collections.abc import Callable

from verifier.ledger import checkpoint as notes
from verifier.ledger.policy import Policy
from verifier.node.cosigners import Proposal
from verifier.node.lease import Lease
from verifier.node.quorum import Disowned, Quorum
from verifier.node.standing import SLACK_S, Teller

SLICE_S = 0.25
"""How long the quorum is waited for between two looks at the lease."""
ANEW_AFTER_S = 60
"""How old the quorum's time on an unchanged head may grow."""


class Stopped(RuntimeError):
    """Told to stop while a proposal waits for its quorum: the next sequencer goes on with it."""


class Cosigning:
    """The witnesses of a policy, asked by the one who holds the lease; `close` it in the end."""

    def __init__(
        self,
        policy: Policy,
        known: int,
        lease: Lease,
        now: Callable[[], int],
        tell: Callable[[str], None],
        stopping: Callable[[], bool],
    ) -> None:
        """As Sequencer and Quorum say. Raises PolicyError."""
        self._quorum = Quorum(policy, known, now)
        self._teller = Teller(lease, policy.quorum, tell, now)
        self._policy, self._lease, self._now, self._stopping = policy, lease, now, stopping
        self._begun, self._renewing = float("-inf"), False
        self.close = self._quorum.close

    def cosign(self, proposal: Proposal) -> bytes:
        """The note, cosigned by a quorum. Raises Stopped, LeaseLost, Disowned, or what the store raises."""
        self._ask(proposal)
        while (note := self._look(SLICE_S)) is None:
            self._teller.waits(self._quorum.rows(), proposal.size)
            self._lease.keep()
            if self._stopping():
                raise Stopped(f"{proposal.size} leaves still wait for the quorum {self._policy.quorum}")
        self._teller.stands(self._quorum.rows())
        return note

    def anew(self, published: bytes, head: Callable[[], Proposal]) -> bytes | None:
        """The published note with fresher cosignatures or more of them, where it is time for that and they are there;
        waits for nobody. `head` is its proposal. Raises as `cosign`."""
        age = self._now() - (notes.confirmed_since(published, self._policy) or 0)
        if not self._renewing and (self._teller.lost or age >= ANEW_AFTER_S):
            self._ask(head())
            self._renewing = True
        if self._quorum.proposal is None:
            return None
        note = self._look(0)
        if note is None:
            self._teller.waits(self._quorum.rows(), self._quorum.proposal.size)
            return None
        if self._quorum.busy() and time.monotonic() - self._begun < SLACK_S:
            return None  # whoever is on its way may come along
        self._renewing = False
        self._teller.stands(self._quorum.rows())
        return None if note == published else note

    def _ask(self, proposal: Proposal) -> None:
        self._begun, self._renewing = time.monotonic(), False
        self._teller.asked()
        self._quorum.ask(proposal)

    def _look(self, seconds: float) -> bytes | None:
        try:
            return self._quorum.wait(seconds)
        except Disowned:
            self._lease.renew()  # or it is this node whose time is over, and all is well with the store
            raise
