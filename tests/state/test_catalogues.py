"""Which catalogue is in force: the newest of its source, from whoever published it first."""

import pytest
from nacl.signing import SigningKey

from verifier.state.catalogues import MOST, NAME, published, records
from verifier.state.keys import Name
from verifier.statements.catalogue import Catalogue
from verifier.statements.envelope import sign
from verifier.statements.errors import Refused

SEED = bytes(SigningKey(bytes(32)))


class Kept(dict[Name, bytes]):
    """A projection."""

    def say(self, member: str, source: str, day: str, name: str = "n") -> None:
        body = Catalogue(
            source=source, name=name, published=day, licence="l", count=1, rows=bytes(32), size=1,
        )  # fmt: skip
        statement = sign("catalogue", member, body.subject(), 1_700_000_000, body.encode(), SEED)
        self.update(published(statement, body, member, len(self), self.get))

    def standing(self) -> list[tuple[str, str, str]]:
        return [(one.source, one.member, one.published) for one in records(self.get(NAME))]


def test_a_newer_one_replaces_and_an_older_one_is_refused() -> None:
    kept = Kept()
    kept.say("authority", "a", "2026-01-02")
    kept.say("authority", "b", "2026-01-03")
    kept.say("authority", "a", "2026-01-05")
    kept.say("authority", "a", "2026-01-05", "the same day, put right")
    assert kept.standing() == [("a", "authority", "2026-01-05"), ("b", "authority", "2026-01-03")]
    with pytest.raises(Refused, match="2026-01-05 or later, found 2026-01-04"):
        kept.say("authority", "a", "2026-01-04")


def test_a_source_is_its_first_publishers() -> None:
    kept = Kept()
    kept.say("authority", "a", "2026-01-02")
    with pytest.raises(Refused, match="expected authority, who publishes it, found another"):
        kept.say("another", "a", "2026-02-01")
    kept.say("another", "b", "2026-02-01")
    assert kept.standing() == [("b", "another", "2026-02-01"), ("a", "authority", "2026-01-02")]


def test_sources_are_bounded() -> None:
    kept = Kept()
    for number in range(MOST):
        kept.say("authority", f"s{number}", "2026-01-02")
    with pytest.raises(Refused, match=f"at most {MOST} sources"):
        kept.say("authority", "one-more", "2026-01-02")
    kept.say("authority", "s0", "2026-01-03")
    assert kept.standing()[0] == ("s0", "authority", "2026-01-03")
