"""A further key of a member, or the end of one. Valid from the leaf that enrols it to the leaf that revokes it."""

from typing import Literal

from verifier.statements.body import Body, Count, MemberId, PublicKey
from verifier.statements.envelope import kid_of
from verifier.statements.errors import Malformed

Purpose = Literal["member", "answer", "device"]


class Key(Body, frozen=True, kw_only=True):
    """`compromised_since` (a leaf index) goes with `revoked`: what the key signed from that leaf on is not believed."""

    member: MemberId
    public: PublicKey
    purpose: Purpose
    status: Literal["enrolled", "revoked"]
    compromised_since: Count | None = None

    def subject(self) -> str:
        """`urn:probatum:key:<kid in hex>`."""
        return f"urn:probatum:key:{kid_of(self.public).hex()}"

    def check(self) -> None:
        """Only a revocation tells of a compromise."""
        if self.compromised_since is not None and self.status != "revoked":
            raise Malformed("compromised", expected="with status revoked only", found=f"status {self.status}")
