"""Who answers? The registry; and, of what it never issued, the maker itself, where its answer key is kept here.

A maker's word that a serial is not its own makes a second reading final (WORDS.md, "unknown"). Of custody and recalls
it is not asked: whoever judges believes it about nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import redis

from verifier.state.replay import Projected
from verifier.statements.answer import Answer
from verifier.statements.envelope import sign
from verifier.store.projection import read_keys, reader


@dataclass(frozen=True, slots=True)
class Answerer:
    """A member, with the seed of its enrolled answer key."""

    member: str
    seed: bytes
    kid: bytes

    def sign(self, answer: Answer) -> bytes:
        """The statement of an answer."""
        return sign("answer", self.member, answer.identity, answer.time, answer.encode(), self.seed).raw


class Answerers:
    """The registry's answerer, and the makers' that are kept here. Which of them are enrolled, and for which GTINs, is
    read again when any key changed."""

    def __init__(self, client: redis.Redis, registry: Answerer, makers: Sequence[Answerer] = ()) -> None:
        self.client, self.registry, self.makers = client, registry, makers
        self._enrolled: tuple[bytes, dict[str, Answerer]] = (b"", {})

    def of(self, gtin: str | None, state: str | None, keyring: bytes) -> Answerer:
        """Who answers that a pack is in `state`; `keyring` changes with every key (state/keys)."""
        if state != "unknown" or not self.makers or gtin is None:
            return self.registry
        at, enrolled = self._enrolled
        if at != keyring:
            enrolled = self._read()
            self._enrolled = (keyring, enrolled)
        return next((maker for prefix, maker in enrolled.items() if gtin[1:].startswith(prefix)), self.registry)

    def _read(self) -> dict[str, Answerer]:
        """Company prefix -> the maker whose key here is enrolled."""
        keys, directory = read_keys(self.client, [maker.kid for maker in self.makers]), Projected(reader(self.client))
        enrolled: dict[str, Answerer] = {}
        for maker in self.makers:
            key, record = keys.get(maker.kid), directory.member(maker.member)
            if record is not None and key is not None and (key.purpose, key.until) == ("answer", None):
                enrolled |= dict.fromkeys(record.prefixes, maker)
        return enrolled
