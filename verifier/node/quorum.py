"""The quorum of a policy: its witnesses asked all at once, and how they stand.

Each is asked by a thread of its own: a slow, dead or lying one delays nothing where the others are a quorum. The newest
proposal is what a witness is asked next, and one that failed is asked again after a pause.

One that holds more leaves of this log than are proposed, or another tree, *disowns* the proposal: this store was rolled
back, or another node signs with this log's key. Any two quorums share a witness, so where another history was cosigned,
those who disown are too many for a quorum without them: whoever waits hears Disowned, and must not go on. A liar alone
stops nobody whom a quorum can do without.
"""

import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass

from verifier.ledger.policy import Policy, PolicyError
from verifier.node.cosigners import Cosigner, Fault, Proposal

PAUSES_S = (0.1, 0.25, 0.5, 1.0, 2.0)
"""Before a witness that failed once, twice, ... is asked again."""


class Disowned(RuntimeError):
    """So many witnesses know another history of this log that there is no quorum for this one."""


@dataclass(frozen=True, slots=True)
class Row:
    """How a witness stands: why it does not cosign (empty: it does), and since when (Unix seconds)."""

    name: str
    fault: str = ""
    since: int = 0


@dataclass(slots=True)
class _Place:
    """What is known of a witness; under the quorum's lock."""

    cosigner: Cosigner
    row: Row
    busy: bool = False
    line: bytes = b""  # over the text that is proposed now
    disowns: bool = False
    failures: int = 0
    due: float = 0.0

    @property
    def name(self) -> str:
        return self.row.name


class Quorum:
    """The witnesses of a policy. `now` gives Unix seconds. One thread uses it; `close` it in the end."""

    def __init__(self, policy: Policy, known: int, now: Callable[[], int]) -> None:
        """`known` is the size that witnesses are first taken to know. Raises PolicyError where two quorums need not
        meet, or where too few witnesses have an address."""
        policy.require_overlap()
        reached = [witness for witness in policy.witnesses if witness.url]
        if not policy.satisfied([witness.name for witness in reached]):
            found = f"{len(reached)} of {len(policy.witnesses)} with one"
            raise PolicyError(f"quorum {policy.quorum}", expected="addresses of enough of its witnesses", found=found)
        self.policy, self._now = policy, now
        self._places = [_Place(Cosigner(one, known), Row(one.name)) for one in reached]
        self.proposal: Proposal | None = None
        self._changed = threading.Condition()
        self.close = weakref.finalize(self, _close, [place.cosigner for place in self._places])

    def ask(self, proposal: Proposal) -> None:
        """From now on this is what witnesses are asked to cosign; anew, if they have already."""
        with self._changed:
            self.proposal = proposal
            for place in self._places:
                place.line = b""
            self._begin()

    def wait(self, seconds: float) -> bytes | None:
        """The proposal, cosigned by a quorum and by whoever else has answered; None where there is no quorum within
        `seconds`. Raises Disowned."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while self.proposal is not None:
                self._begin()  # also those that a quorum can do without: one that was away may be back
                signed = [place for place in self._places if place.line]
                if self.policy.satisfied([place.name for place in signed]):
                    return self.proposal.note + b"".join(place.line for place in signed)
                self._check()
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(min(left, PAUSES_S[0]))
        return None

    def busy(self) -> bool:
        """Whether an answer is on its way."""
        with self._changed:
            return any(place.busy for place in self._places)

    def rows(self) -> tuple[Row, ...]:
        """How each witness stands."""
        with self._changed:
            return tuple(place.row for place in self._places)

    def _check(self) -> None:
        if self.policy.satisfied([place.name for place in self._places if not place.disowns]):
            return
        who = "; ".join(f"{place.name}: {place.row.fault}" for place in self._places if place.disowns)
        raise Disowned(
            f"this store's ledger is not the one that its witnesses hold ({who}): it was rolled back, or another node "
            "signs with this log's key; stop that node, or restore the newest copy of the store, or another member's"
        )

    def _begin(self) -> None:
        """Ask those who are free and due."""
        for place in self._places:
            if not place.busy and not place.line and time.monotonic() >= place.due:
                place.busy = True
                threading.Thread(target=self._run, args=(place,), name=f"asks {place.name}", daemon=True).start()

    def _run(self, place: _Place) -> None:
        """A witness's own thread: ask for the newest proposal until that is cosigned, or it failed."""
        while (proposal := self._next(place)) is not None:
            line, told, disowns = b"", "", False
            try:
                line = place.cosigner.cosign(proposal, self._now())
            except Fault as fault:
                told, disowns = str(fault), fault.disowns
            except Exception as fault:  # the store's, or ours: who waits would never hear of it
                told = f"it could not be asked ({type(fault).__name__})"
            with self._changed:
                self._heard(place, proposal, line, told, disowns)
                self._changed.notify_all()

    def _next(self, place: _Place) -> Proposal | None:
        """What to ask this witness now; None ends its thread."""
        with self._changed:
            if place.line or time.monotonic() < place.due:
                place.busy = False
                return None
            return self.proposal

    def _heard(self, place: _Place, proposal: Proposal, line: bytes, told: str, disowns: bool) -> None:
        asked = self.proposal is not None and self.proposal.text == proposal.text
        if told and not asked:
            return  # of a tree that has been followed by another, as this witness may know: it is asked of that one
        place.disowns = disowns
        if told:
            place.due = time.monotonic() + PAUSES_S[min(place.failures, len(PAUSES_S) - 1)]
            place.failures += 1
            place.row = Row(place.name, told, place.row.since or self._now())
            return
        place.failures, place.row = 0, Row(place.name)
        if asked:
            place.line = line


def _close(cosigners: list[Cosigner]) -> None:
    for one in cosigners:
        one.close()
