"""The first leaf: who may enrol members (k of n root keys), who controls the data, and which node keeps the log."""

from base64 import b64decode
from typing import Annotated

from msgspec import Meta, Struct

from verifier.statements.body import Body, Country, MemberId, Name, PublicKey
from verifier.statements.errors import Malformed


class Controller(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The data controller a patient may write to (GDPR Art. 4(7); CNIL, Blockchain et RGPD: named before the start)."""

    name: Name
    contact: Name
    country: Country


class Registry(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The node's own membership; its key signs clocks and enrols answer keys, and never is the log's key."""

    member: MemberId
    name: Name
    country: Country
    key: PublicKey


class Genesis(Body, frozen=True, kw_only=True):
    """`roots` are the n root keys, `threshold` the k of them that enrol a member; `log` is the log's verifier key."""

    consortium: MemberId
    controller: Controller
    roots: Annotated[list[PublicKey], Meta(min_length=1, max_length=32)]
    threshold: Annotated[int, Meta(ge=1, le=32)]
    log: Annotated[str, Meta(min_length=10, max_length=300)]
    registry: Registry

    def subject(self) -> str:
        """`urn:probatum:consortium:<id>`."""
        return f"urn:probatum:consortium:{self.consortium}"

    def log_key(self) -> bytes | None:
        """The public key in `log` (C2SP signed-note: `name+hex(id)+base64(type || key)`), or None if it has none."""
        try:
            return b64decode(self.log.split("+", 2)[2], validate=True)[1:]
        except (IndexError, ValueError):
            return None

    def check(self) -> None:
        """k is at most n, and the n keys differ."""
        if self.threshold > len(self.roots) or len(set(self.roots)) != len(self.roots):
            found = f"{self.threshold} of {len(set(self.roots))}"
            raise Malformed("threshold", value=self.threshold, expected="k of n different root keys", found=found)
