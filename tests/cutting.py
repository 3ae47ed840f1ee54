"""A commit that fails at a chosen request to the store, and another sequencer that goes on: nothing is lost, used twice
or contradicted. Tests cut at every request; the soak cuts thousands of times on ledgers that go on growing."""

from dataclasses import dataclass

import redis
from reckoning import Reckoning, reckon
from registry import NEVER, Registry, Sabotage, Watcher, cut
from witnessed import Witnesses

from verifier.statements.envelope import read
from verifier.store.log import LogStore

WAYS = ("unsent", "unheard", "refused")
"""The line is cut before a request is sent, or when its answer is not heard; or the server answers with an error from
there on, as it really does to whoever writes when it must not (min-replicas-to-write)."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Whether the failure came before the commit was over, and whether the commit failed of it: a reading of tiles for
    a witness is tried again. What it left: nothing, a proposal, or leaves."""

    struck: bool
    failed: bool
    left: str


class Cutter:
    """Cuts commits on the ledger of `registry`; what was acknowledged before is looked for after each."""

    def __init__(self, registry: Registry, url: str, witnessed: bool = False) -> None:
        self.registry, self.url, self.witnessed = registry, url, witnessed
        self.witnesses: Witnesses | None = None
        self.begin([])

    def begin(self, raws: list[bytes]) -> None:
        """An empty store, and these statements in it. Its witnesses are new ones: those before may still be asked."""
        self.registry.client.flushall()
        self.registry.mark.unlink(missing_ok=True)
        if self.witnesses is not None:
            self.witnesses.__exit__()
        if self.witnessed:
            self.witnesses = Witnesses(self.registry.policy.log, lambda: self.registry.now)
            self.registry.policy = self.witnesses.policy
        self.acknowledged: dict[bytes, int] = {}
        self.watcher = Watcher(self.registry)
        if raws:
            self._register(raws)

    def close(self) -> None:
        """Stop the witnesses."""
        if self.witnesses is not None:
            self.witnesses.__exit__()

    def cut(self, news: list[bytes], left: int, way: str, other: bytes) -> Cut:
        """Let `left` requests of the commit of `news` pass, then fail as `way` says; check all that is left, and let
        another go on, with another statement before them."""
        registry, failed = self.registry, False
        sabotage = Sabotage(self.url, self._refuse if way == "refused" else cut)
        sequencer = registry.sequencer(sabotage.client)
        sabotage.left, sabotage.after = left, way == "unheard"
        try:
            sequencer.register(news)
        except redis.RedisError:
            failed = True
        finally:
            sabotage.left = NEVER
            sequencer.close()
            sabotage.client.close()
            if way == "refused":
                registry.client.config_set("min-replicas-to-write", 0)
        before = self._check().size
        published = LogStore(registry.client).indexes([read(raw).id for raw in news])
        assert len({index is None for index in published}) == 1, "a commit was published in part"
        left_is = "leaves" if published[0] is not None else "a proposal" if registry.proposed else "nothing"
        statuses = self._register([other, *news])[1:]
        assert {*statuses} == {"registered" if left_is == "nothing" else "known"}, (left_is, statuses)
        assert published[0] is None or all(index is not None and index < before for index in published)
        return Cut(sabotage.struck, failed, left_is)

    def reckon(self) -> Reckoning:
        """The whole ledger, and everything that was ever seen of it."""
        heads = [one.head for one in self.witnesses.all] if self.witnesses else []
        assert len(set(self.registry.replayed(self._check().size))) == 1, "the projection is not what the ledger says"
        return reckon(self.registry, self.acknowledged, [*self.watcher.seen.values(), *heads])

    def _check(self) -> Reckoning:
        """The ledger is whole, and holds what was acknowledged; boot holds what was published against it."""
        self.watcher.look()
        found = reckon(self.registry, self.acknowledged)
        assert found.sound, found
        return found

    def _register(self, raws: list[bytes]) -> list[str]:
        sequencer = self.registry.sequencer()
        receipts = sequencer.register(raws)
        sequencer.close()
        for raw, receipt in zip(raws, receipts, strict=True):
            assert receipt.id == read(raw).id
            assert self.acknowledged.setdefault(receipt.id, receipt.index) == receipt.index, "told two leaves"
        self.watcher.look()
        return [receipt.status for receipt in receipts]

    def _refuse(self) -> None:
        self.registry.client.config_set("min-replicas-to-write", 1)


__all__ = ["WAYS", "Cut", "Cutter"]
