"""Before anything is signed: one altered byte anywhere, an older copy, an emptied store, each refused in a sentence."""

import time
from collections.abc import Callable
from hashlib import sha256

import pytest
from registry import Registry

from verifier.ledger import checkpoint as notes
from verifier.ledger.checkpoint import Checkpoint
from verifier.ledger.merkle import leaf_hash
from verifier.ledger.tiles import grow
from verifier.node import boot, highwater
from verifier.node.boot import Corrupt
from verifier.store import layout

LAST = 300


@pytest.fixture
def size(registry: Registry) -> int:
    """A ledger of two tiles, the second partial, and one above them."""
    sequencer = registry.sequencer()
    sequencer.register(registry.enrolment())
    sequencer.register([registry.product(number) for number in range(LAST - 1)])
    return sequencer.head.size


def test_an_honest_ledger_is_what_it_says(registry: Registry, size: int) -> None:
    done: list[int] = []
    assert boot.verify(registry.client, registry.policy, highwater.read(registry.mark), done.append) == size
    assert done == [size]


def test_an_empty_store_begins(registry: Registry) -> None:
    assert boot.verify(registry.client, registry.policy) == 0


PLACES: tuple[tuple[Callable[[Registry], bytes], str], ...] = (
    (lambda _: layout.CHECKPOINT, "expected"),
    (lambda r: layout.body(r.ids(5)[4]), "expected its bytes, found others"),
    (lambda r: layout.index(r.ids(5)[4]), "expected leaf 4, found"),
    (lambda _: layout.entries(0), "expected"),
    (lambda _: layout.entries(1), "expected"),
    (lambda _: layout.tile(0, 0), "tile 0/0: expected the hashes of its leaves, found others"),
    (lambda _: layout.tile(0, 1), "tile 0/1: expected the hashes of its leaves, found others"),
    (lambda _: layout.tile(1, 0), "tile 1/0: expected the hashes of its leaves, found others"),
)


def test_a_flipped_bit_or_a_missing_value_anywhere_is_refused(registry: Registry, size: int) -> None:
    for place, says in PLACES:
        name = place(registry)
        value = registry.client.get(name)
        assert isinstance(value, bytes)
        for flipped in (flip(value, 0, 1), flip(value, len(value) // 2, 128), flip(value, len(value) - 1, 1)):
            registry.client.set(name, flipped)
            with pytest.raises(Corrupt, match=f"damaged, or not this log's .*{says}.*restore the newest copy"):
                boot.verify(registry.client, registry.policy)
        for shorter in (value[:-1], value[:-32], b""):
            registry.client.set(name, shorter)
            with pytest.raises(Corrupt):
                boot.verify(registry.client, registry.policy)
        registry.client.delete(name)
        with pytest.raises(Corrupt):
            boot.verify(registry.client, registry.policy)
        registry.client.set(name, value)
        assert boot.verify(registry.client, registry.policy) == size


def flip(value: bytes, position: int, bit: int) -> bytes:
    return value[:position] + bytes([value[position] ^ bit]) + value[position + 1 :]


def test_an_emptied_store_does_not_begin_again(registry: Registry, size: int) -> None:
    mark = highwater.read(registry.mark)
    registry.client.flushall()
    with pytest.raises(Corrupt) as refused:
        boot.verify(registry.client, registry.policy, mark)
    assert str(refused.value) == (
        f"this store holds 0 leaves, and {size} were published from this machine: it was emptied, rolled back or "
        "exchanged; restore the newest copy of the store, or another member's, or begin another ledger in another "
        "PROBATUM_DATA"
    )


def test_an_older_copy_is_refused_and_a_newer_store_is_not(registry: Registry, size: int) -> None:
    copy = {key: registry.client.dump(key) for key in registry.client.scan_iter()}
    older = highwater.read(registry.mark)
    registry.sequencer().register([registry.product(9999)])
    newer = highwater.read(registry.mark)
    assert boot.verify(registry.client, registry.policy, older) == size + 2
    registry.client.flushall()
    for key, value in copy.items():
        registry.client.restore(key, 0, value)  # type: ignore[arg-type]
    assert boot.verify(registry.client, registry.policy, older) == size
    with pytest.raises(Corrupt, match=f"holds {size} leaves, and {size + 2} were published"):
        boot.verify(registry.client, registry.policy, newer)


def test_another_ledger_signed_with_the_same_key_is_refused(registry: Registry, size: int) -> None:
    mark = highwater.read(registry.mark)
    registry.client.flushall()
    registry.mark.unlink()
    other = registry.sequencer()
    other.register([*registry.enrolment(), *(registry.product(number) for number in range(500, 500 + LAST))])
    assert other.head.size >= size
    with pytest.raises(Corrupt, match="root in node/high-water: expected"):
        boot.verify(registry.client, registry.policy, mark)


def test_a_mark_of_another_log_is_refused(registry: Registry, size: int) -> None:
    stranger = notes.sign(Checkpoint("another.example", size, bytes(32)), bytes(32))
    for mark in (stranger, b"garbage"):
        with pytest.raises(Corrupt, match="the checkpoint in node/high-water is not this log's"):
            boot.verify(registry.client, registry.policy, mark)


def test_the_mark_is_replaced_whole(registry: Registry) -> None:
    assert highwater.read(registry.mark) is None
    highwater.write(registry.mark, b"a longer note")
    highwater.write(registry.mark, b"a note")
    assert highwater.read(registry.mark) == b"a note"
    assert registry.mark.stat().st_mode & 0o077 == 0
    assert not registry.mark.with_suffix(".part").exists()


def test_a_hundred_thousand_leaves_are_checked_in_three_seconds(registry: Registry) -> None:
    """Bodies as small as statements are; the figure is for two shared cores, in processor time."""
    raws = [b"%07d" % number + bytes(400) for number in range(100_000)]
    ids = [sha256(raw).digest() for raw in raws]
    news, root = grow(0, [leaf_hash(one) for one in ids], lambda *_: b"")
    values = {layout.tile(*where): value for where, value in news.items()}
    values |= {layout.entries(n): b"".join(ids[n * 256 : n * 256 + 256]) for n in range(-(-len(ids) // 256))}
    values[layout.CHECKPOINT] = notes.sign(Checkpoint(registry.policy.log.name, len(ids), root), registry.log_key)
    registry.client.mset(values)
    for start in range(0, len(ids), 10_000):
        part = range(start, start + 10_000)
        registry.client.mset({layout.body(ids[n]): raws[n] for n in part})
        registry.client.mset({layout.index(ids[n]): n.to_bytes(8, "big") for n in part})
    begun = time.process_time()
    assert boot.verify(registry.client, registry.policy) == 100_000
    assert time.process_time() - begun < 3
