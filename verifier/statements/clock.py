"""Registered time: when the previous checkpoint was first cosigned, written into the ledger for replay to see.

With `quorum none` it is the node's own clock, and `source` says so.
"""

from typing import Literal

from verifier.statements.body import Body, Count, Digest, Seconds


class Clock(Body, frozen=True, kw_only=True):
    """Every leaf below `size` not yet timed was registered at `time` (Unix seconds)."""

    size: Count
    root: Digest
    time: Seconds
    source: Literal["node", "quorum"]

    def subject(self) -> str:
        """`urn:probatum:checkpoint:<size>`."""
        return f"urn:probatum:checkpoint:{self.size}"
