"""After crashes: is everything that was acknowledged there, once, and did nobody see two histories?"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from registry import Registry

from verifier.ledger import tiles
from verifier.ledger.checkpoint import Checkpoint
from verifier.node import boot, highwater
from verifier.store.log import LogStore


@dataclass(frozen=True, slots=True)
class Reckoning:
    """Of `size` leaves. `lost`: acknowledged, and not at the index that was told; `reused`: indexes of two statements,
    or statements at two; `contradicted`: checkpoints that somebody saw or cosigned and the ledger does not begin with.
    """

    size: int
    lost: int
    reused: int
    contradicted: int

    @property
    def sound(self) -> bool:
        return (self.lost, self.reused, self.contradicted) == (0, 0, 0)


def reckon(registry: Registry, acknowledged: Mapping[bytes, int], seen: Collection[Checkpoint] = ()) -> Reckoning:
    """Hash the whole ledger again, and hold against it what was told (statement id -> index) and what was seen."""
    size = boot.verify(registry.client, registry.policy, highwater.read(registry.mark))
    ids, log = registry.ids(size), LogStore(registry.client)
    lost = sum(ids[index : index + 1] != [one] for one, index in acknowledged.items())
    reused = size - len(set(ids)) + len(acknowledged) - len(set(acknowledged.values()))
    grown = [head for head in seen if head.size <= size and head.root == tiles.root(head.size, log.tile)]
    return Reckoning(size, lost, reused, len(seen) - len(grown))


__all__ = ["Reckoning", "reckon"]
