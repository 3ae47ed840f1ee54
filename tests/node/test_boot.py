"""Before anything is signed: one altered byte anywhere, an older copy, an emptied store, each refused in a sentence."""

import time
from collections.abc import Callable
from hashlib import sha256

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from registry import Registry

from verifier.ledger import checkpoint as notes
from verifier.ledger.checkpoint import Checkpoint
from verifier.ledger.merkle import leaf_hash
from verifier.ledger.tiles import grow
from verifier.node import boot, highwater
from verifier.node.boot import Corrupt
from verifier.node.rehash import Damaged, Mark, walk
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


SOME = (0, 3, LAST // 2, LAST - 1)
DAMAGE = ["the bytes of statement", "numbered", "the id whose leaf hash is", "in tile/0/", "tile/1/000", "note"]


def places(registry: Registry, size: int) -> dict[str, list[bytes]]:
    """Every family of the log's keys, and the keys of it."""
    ids = registry.ids(size)
    return {
        "checkpoint": [layout.CHECKPOINT],
        "body": [layout.body(ids[leaf]) for leaf in SOME],
        "index": [layout.index(ids[leaf]) for leaf in SOME],
        "entries": [layout.entries(number) for number in (0, 1)],
        "tile": [layout.tile(0, 0), layout.tile(0, 1), layout.tile(1, 0)],
    }


def test_every_key_of_the_log_belongs_to_a_family_that_is_checked(registry: Registry, size: int) -> None:
    """Who adds a key to the log decides here whether a flipped bit of it may be signed over."""
    families = {key.split(b":")[1] for key in registry.client.scan_iter(match="{log}:*")}
    unchecked = {b"projected", b"lease", b"epoch"}  # each has its own guard: node/lease, commands/node
    assert families == {name.encode() for name in [*places(registry, size), "history"]} | unchecked


@given(st.data())
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_flipped_bit_is_refused(registry: Registry, size: int, data: st.DataObject) -> None:
    family = data.draw(st.sampled_from(sorted(places(registry, size))))
    name = data.draw(st.sampled_from(places(registry, size)[family]))
    value = registry.client.get(name)
    assert isinstance(value, bytes)
    bit = data.draw(st.integers(0, 8 * len(value) - 1))
    registry.client.set(name, flip(value, bit // 8, 1 << bit % 8))
    try:
        with pytest.raises(Corrupt, match=r"damaged, or not this log's .*; restore the newest copy") as refused:
            boot.verify(registry.client, registry.policy, highwater.read(registry.mark))
        assert family == "checkpoint" or any(words in str(refused.value) for words in DAMAGE)
    finally:
        registry.client.set(name, value)
    assert boot.verify(registry.client, registry.policy) == size


def test_a_flipped_bit_of_the_history_is_refused(registry: Registry, size: int) -> None:
    (note, *_) = registry.client.lrange(layout.HISTORY, 1, 1)
    for position in range(0, len(note), 7):
        registry.client.lset(layout.HISTORY, 1, flip(note, position, 4))
        with pytest.raises(Corrupt, match="damaged, or not this log's"):
            boot.verify(registry.client, registry.policy)
    registry.client.lset(layout.HISTORY, 1, note)
    assert boot.verify(registry.client, registry.policy) == size


def test_a_note_of_the_history_that_the_tree_did_not_have_is_refused(registry: Registry, size: int) -> None:
    other = notes.sign(Checkpoint(registry.policy.log.name, 9, sha256(b"another").digest()), registry.log_key)
    registry.client.rpush(layout.HISTORY, other)
    with pytest.raises(Corrupt, match=r"note 2 of the history: expected [0-9a-f]{64} as root of 9 leaves, found"):
        boot.verify(registry.client, registry.policy)


def test_a_value_cut_short_or_missing_is_refused(registry: Registry, size: int) -> None:
    for name in (name for names in places(registry, size).values() for name in names):
        value = registry.client.get(name)
        assert isinstance(value, bytes)
        for shorter in (value[:-1], value[:-32], b"", None):
            registry.client.delete(name) if shorter is None else registry.client.set(name, shorter)
            with pytest.raises(Corrupt):
                boot.verify(registry.client, registry.policy)
        registry.client.set(name, value)
    assert boot.verify(registry.client, registry.policy) == size


FIRST_WRONG: tuple[tuple[Callable[[Registry], bytes], str], ...] = (
    (lambda r: layout.body(r.ids(290)[289]), "leaf 289: expected the bytes of statement"),
    (lambda r: layout.index(r.ids(290)[289]), "leaf 289: expected statement .* numbered 289, found"),
    (lambda _: layout.entries(0), r"leaf 128: expected the id whose leaf hash is [0-9a-f]{64}, found"),
    (lambda _: layout.entries(1), r"leaf 286: expected the id whose leaf hash is [0-9a-f]{64}, found"),
    (lambda _: layout.tile(0, 0), r"leaf 128: expected its hash [0-9a-f]{64} in tile/0/000, found"),
    (lambda _: layout.tile(0, 1), r"leaf 286: expected its hash [0-9a-f]{64} in tile/0/001.p/60, found"),
    (lambda _: layout.tile(1, 0), "tile/1/000.p/1: expected the hashes of the tiles below it, found another as its"),
)


@pytest.mark.parametrize(("place", "says"), FIRST_WRONG)
def test_the_first_wrong_leaf_is_named(
    registry: Registry, size: int, place: Callable[[Registry], bytes], says: str
) -> None:
    """Of an id and a tile that disagree, what the tree above says is wrong."""
    assert size == 316
    name = place(registry)
    value = registry.client.get(name)
    assert isinstance(value, bytes)
    registry.client.set(name, flip(value, len(value) // 2, 128))
    with pytest.raises(Corrupt, match=says):
        boot.verify(registry.client, registry.policy)


def test_two_statements_that_change_their_places_are_refused(registry: Registry, size: int) -> None:
    one, other = (layout.body(registry.ids(size)[leaf]) for leaf in (7, 8))
    first, second = registry.client.mget([one, other])
    registry.client.mset({one: second, other: first})  # type: ignore[dict-item]
    with pytest.raises(Corrupt, match="leaf 7: expected the bytes of statement"):
        boot.verify(registry.client, registry.policy)


def flip(value: bytes, position: int, bit: int) -> bytes:
    return value[:position] + bytes([value[position] ^ bit]) + value[position + 1 :]


def test_an_emptied_store_does_not_begin_again(registry: Registry, size: int) -> None:
    mark = highwater.read(registry.mark)
    registry.client.flushall()
    with pytest.raises(Corrupt) as refused:
        boot.verify(registry.client, registry.policy, mark)
    assert str(refused.value) == (
        f"this store holds 0 leaves, and {size} were published from this machine: it was emptied, rolled back or "
        "exchanged; restore the newest copy of the store, or another member's (python -m verifier restore), or begin "
        "another ledger in another PROBATUM_DATA"
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


def test_a_leaf_that_was_signed_over_wrongly_is_still_found(registry: Registry, size: int) -> None:
    """Every byte agrees but the root: the checkpoint is signed, and is not of these leaves."""
    head = Checkpoint(registry.policy.log.name, size, sha256(b"another tree").digest())
    registry.client.set(layout.CHECKPOINT, notes.sign(head, registry.log_key))
    with pytest.raises(Corrupt, match=f"the signed checkpoint: expected {head.root.hex()} as root of {size} leaves"):
        boot.verify(registry.client, registry.policy)


def test_another_ledger_signed_with_the_same_key_is_refused(registry: Registry, size: int) -> None:
    mark = highwater.read(registry.mark)
    registry.client.flushall()
    registry.mark.unlink()
    other = registry.sequencer()
    other.register([*registry.enrolment(), *(registry.product(number) for number in range(500, 500 + LAST))])
    assert other.head.size >= size
    with pytest.raises(Corrupt, match=r"node/high-water: expected .* as root of"):
        boot.verify(registry.client, registry.policy, mark)


def test_a_mark_of_another_log_is_refused(registry: Registry, size: int) -> None:
    stranger = notes.sign(Checkpoint("another.example", size, bytes(32)), bytes(32))
    for mark in (stranger, b"garbage"):
        with pytest.raises(Corrupt, match="the checkpoint in node/high-water is not this log's"):
            boot.verify(registry.client, registry.policy, mark)


def test_the_mark_is_replaced_whole(registry: Registry) -> None:
    registry.mark.unlink()
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


def test_marks_within_one_run_and_at_its_edges_are_compared(registry: Registry, size: int) -> None:
    """Each size has a root of its own, wherever the walk's runs end."""
    ids = registry.ids(size)
    head = boot.examine(registry.client, registry.policy)
    assert head is not None
    for at in (0, 1, 2, 255, 256, 257, 300, size):
        root = grow(0, [leaf_hash(one) for one in ids[:at]], lambda *_: b"")[1]
        right = Mark("a mark", Checkpoint(head.origin, at, root))
        for run in (256, 512):
            assert list(walk(registry.client, head, [right], run=run))[-1] == size
        if at:
            wrong = Mark("a mark", Checkpoint(head.origin, at, bytes(32)))
            with pytest.raises(Damaged, match=f"a mark: expected {bytes(32).hex()} as root of {at} leaves"):
                list(walk(registry.client, head, [wrong], run=256, ahead=False))
    with pytest.raises(Damaged, match="a mark: expected at least 400 leaves, found 316"):
        list(walk(registry.client, head, [Mark("a mark", Checkpoint(head.origin, 400, bytes(32)))]))
