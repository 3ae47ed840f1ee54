"""The log as Redis keeps it: what is read is what was published, and what is remembered is never stale."""

import threading
from hashlib import sha256

import pytest
import redis

from verifier.ledger.merkle import leaf_hash, tree_root, verify_inclusion
from verifier.store import layout
from verifier.store import log as module
from verifier.store.log import LogStore

BODIES = [b"statement %d" % number for number in range(600)]
IDS = [sha256(body).digest() for body in BODIES]


def fill(store: redis.Redis, *sizes: int) -> LogStore:
    """Grow the log to each size in turn."""
    log, at = LogStore(store), 0
    for size in sizes:
        values, root = log.growth(at, IDS[at:size])
        assert root == tree_root([leaf_hash(one) for one in IDS[:size]])
        store.mset(values)
        store.mset({layout.body(IDS[n]): BODIES[n] for n in range(at, size)})
        store.mset({layout.index(IDS[n]): n.to_bytes(8, "big") for n in range(at, size)})
        at = size
    return log


@pytest.mark.parametrize("sizes", [(1,), (255, 256, 257), (1, 2, 3, 600), (600,), (256, 512, 513)])
def test_any_way_of_growing_gives_the_same_keys(store: redis.Redis, sizes: tuple[int, ...]) -> None:
    fill(store, *sizes)
    grown = {key: store.get(key) for key in store.scan_iter()}
    store.flushall()
    fill(store, sizes[-1])
    assert grown == {key: store.get(key) for key in store.scan_iter()}


def test_ids_of_any_range(store: redis.Redis) -> None:
    log = fill(store, 600)
    for start, end in ((0, 600), (0, 0), (255, 257), (256, 512), (599, 600), (300, 301)):
        assert log.ids(start, end) == IDS[start:end]
    with pytest.raises(LookupError, match="entries 599 to 601: expected 2 ids, found fewer"):
        log.ids(599, 601)


def test_paths_of_a_growing_tree(store: redis.Redis) -> None:
    log = fill(store, 300)
    old = tree_root([leaf_hash(one) for one in IDS[:300]])
    paths = [log.path(index, 300) for index in range(300)]
    values, new = log.growth(300, IDS[300:])
    store.mset(values)
    for index in (0, 255, 256, 299):
        verify_inclusion(leaf_hash(IDS[index]), index, 300, paths[index], old)
        verify_inclusion(leaf_hash(IDS[index]), index, 600, log.path(index, 600), new)
        assert log.path(index, 300) == LogStore(store).path(index, 300) == paths[index]


def test_a_tile_cut_short_is_said(store: redis.Redis) -> None:
    fill(store, 300)
    store.set(layout.tile(0, 1), bytes(32))
    with pytest.raises(LookupError, match="tile 0/1: expected 44 hashes, found 1"):
        LogStore(store).path(299, 300)


def test_leaves_and_what_is_none(store: redis.Redis) -> None:
    log = fill(store, 10)
    assert log.leaf(IDS[7]) == (7, BODIES[7])
    assert log.leaf(IDS[11]) is None
    assert log.leaves({IDS[1], IDS[11]}) is None
    assert log.indexes([IDS[3], IDS[11], IDS[0]]) == [3, None, 0]
    assert log.indexes([]) == []
    store.set(layout.body(IDS[11]), BODIES[11])
    assert log.leaf(IDS[11]) is None, "an orphan is no leaf"
    store.set(layout.index(IDS[11]), (11).to_bytes(8, "big"))
    assert log.leaf(IDS[11]) == (11, BODIES[11]), "that it was none is not remembered"


def test_an_altered_body_is_said(store: redis.Redis) -> None:
    log = fill(store, 10)
    store.set(layout.body(IDS[4]), b"others")
    assert log.leaf(IDS[4]) is None
    with pytest.raises(LookupError, match=f"statement {IDS[4].hex()}: expected its bytes, found others"):
        log.bodies(IDS[:10])
    store.delete(layout.body(IDS[4]))
    with pytest.raises(LookupError, match="expected its bytes, found none"):
        log.bodies(IDS[:10])


def test_a_full_memory_forgets_and_answers_all_the_same(store: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MEMO", 3)
    log = fill(store, 100)
    for start in range(90):
        wanted = set(IDS[start : start + 10])
        assert {raw for _, raw in log.leaves(wanted) or ()} == set(BODIES[start : start + 10])


def test_threads_share_one_log(store: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MEMO", 5)
    log, wrong = fill(store, 200), list[object]()

    def ask(first: int) -> None:
        try:
            for start in range(first, 190, 3):
                found = log.leaves(set(IDS[start : start + 8])) or []
                assert sorted(index for index, _ in found) == list(range(start, start + 8))
        except BaseException as fault:
            wrong.append(fault)

    threads = [threading.Thread(target=ask, args=(first,)) for first in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
