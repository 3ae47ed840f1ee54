"""The projection follows the ledger: thrown away and made again, it is the same bytes."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pytest
import redis
from registry import CARRIER, GTIN, MAKER, NOW, Registry

from verifier.custody.transitions import STATES
from verifier.identity import Identity
from verifier.node import lease
from verifier.node.lease import LeaseLost
from verifier.state.replay import batch_record
from verifier.statements import buckets, cbor, serials
from verifier.statements.batch import Batch
from verifier.statements.errors import Malformed
from verifier.store import layout, projection
from verifier.store.gather import NotReady
from verifier.store.projection import Opened, Overlay, derived_keys, digest, laid_out, lay_out, reader, rebuild
from verifier.web.desk import Desk


@pytest.fixture
def registry(tmp_path: Path, store: redis.Redis) -> Registry:
    return Registry(tmp_path, store)


@pytest.fixture
def size(registry: Registry) -> int:
    """A ledger with something of everything: recalls, a dispute, state bytes."""
    sequencer = registry.sequencer()
    for raw in registry.story():
        sequencer.register([raw])
    return sequencer.head.size


def snapshot(store: redis.Redis) -> dict[bytes, object]:
    return {key: store.get(key) for key in derived_keys(store)}


def state(registry: Registry, pack: Identity) -> int:
    overlay = Overlay(registry.client)
    record = batch_record(overlay.read, GTIN, pack.batch or "")
    assert record is not None
    serial = (pack.serial or "").encode()
    value = overlay.read(("bucket", GTIN, pack.batch or "", str(serials.bucket_of(serial, record.k)))) or b""
    return buckets.state_at(value, buckets.find(value, serial) or 0)


def test_the_same_bytes_key_by_key(registry: Registry, size: int) -> None:
    before = snapshot(registry.client)
    states = [state(registry, registry.pack(number)) for number in (0, 1, 150)]
    assert states == [STATES[name] for name in ("supplied", "active", "stolen")]
    held = lease.take(registry.client, "here")
    assert rebuild(registry.client, size, *registry.sources, held) == []
    assert snapshot(registry.client) == before
    assert len([key for key in before if b":b:" in key]) >= 4
    assert registry.client.get(layout.PROJECTED) == size.to_bytes(8, "big")


@pytest.mark.parametrize("chunk", [1, 7])
def test_the_same_bytes_in_chunks_of_any_size(
    registry: Registry, size: int, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projection, "CHUNK", chunk)
    assert len(set(registry.replayed(size))) == 1


def test_what_was_changed_by_hand_is_repaired(registry: Registry, size: int) -> None:
    honest = digest(registry.client)
    bucket = next(key for key in sorted(derived_keys(registry.client)) if b":b:" in key)
    registry.client.append(bucket, b"x")
    registry.client.set(layout.derived(("product", "09529000000014")), b"slipped in")
    registry.client.delete(layout.derived(("recalls", GTIN, "L1")))
    assert registry.replayed(size)[1] == honest


def test_while_it_runs_nothing_is_answered_and_cut_short_it_is_finished(registry: Registry, size: int) -> None:
    honest = digest(registry.client)
    gatherer = Desk(registry.settings, registry.client, lambda: NOW).gatherer
    gatherer.gather(registry.pack(0), NOW)
    held = lease.take(registry.client, "here")
    asked = []

    def ask(done: int) -> None:
        asked.append(done)
        with pytest.raises(NotReady, match="is being rebuilt"):
            gatherer.gather(registry.pack(0), NOW)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rebuild(registry.client, size, *registry.sources, held, ask)
    assert asked == [size]
    assert registry.client.get(layout.PROJECTED) == bytes(8)
    rebuild(registry.client, size, *registry.sources, held)
    assert digest(registry.client) == honest


def test_who_lost_the_lease_rebuilds_nothing_more(registry: Registry, size: int) -> None:
    before = snapshot(registry.client)
    held = lease.take(registry.client, "here")
    lease.take(registry.client, "here")
    with pytest.raises(LeaseLost):
        rebuild(registry.client, size, *registry.sources, held)
    assert snapshot(registry.client) == before


def test_without_openings_everything_but_the_buckets(registry: Registry, size: int) -> None:
    before = snapshot(registry.client)
    held = lease.take(registry.client, "here")
    closed = rebuild(registry.client, size, lambda _: None, registry.sources[1], held)
    assert closed == [f"batch {lot} of {GTIN}: its manifest or its secret is not here" for lot in ("L1", "L2")]
    kept = {key: value for key, value in before.items() if b":b:" not in key and not key.endswith(b":heap")}
    assert snapshot(registry.client) == kept


def test_a_damaged_manifest_closes_its_batch_alone(registry: Registry, size: int) -> None:
    held, (openings, manifests) = lease.take(registry.client, "here"), registry.sources
    first: list[bytes] = []

    def damaged(found: bytes) -> Iterable[bytes] | None:
        chunks = manifests(found)
        if chunks is None or first not in ([], [found]):
            return chunks
        first.append(found)
        return [bytes(len(chunk)) for chunk in chunks]

    (closed,) = rebuild(registry.client, size, openings, damaged, held)
    assert closed.startswith(f"batch L1 of {GTIN}: manifest: expected version 1 and a nonce")
    assert registry.client.exists(layout.derived(("heap", GTIN, "L2"))) == 1


def test_a_leaf_whose_body_is_gone_stops_it(registry: Registry, size: int) -> None:
    registry.client.delete(layout.body(registry.ids(size)[3]))
    with pytest.raises(LookupError, match="expected its bytes, found none"):
        rebuild(registry.client, size, *registry.sources, lease.take(registry.client, "here"))
    assert registry.client.get(layout.PROJECTED) == bytes(8)


# --- overlays and buckets ---


def test_an_overlay_is_read_before_what_is_below(store: redis.Redis) -> None:
    name, other = ("product", "1"), ("product", "2")
    store.set(layout.derived(name), b"below")
    overlay = Overlay(store)
    assert (overlay.read(name), overlay.read(other)) == (b"below", None)
    overlay.apply({name: b"above", other: b"new"})
    assert (overlay.read(name), overlay.read(other)) == (b"above", b"new")
    assert store.get(layout.derived(name)) == b"below"
    assert overlay.writes() == {layout.derived(name): b"above", layout.derived(other): b"new"}
    assert reader(store)(name) == b"below"


class Notebook:
    """A writer that notes how many bytes it is given at once."""

    def __init__(self, store: redis.Redis) -> None:
        self.store, self.most, self.before = store, 0, 0

    def put(self, values: Mapping[bytes, bytes]) -> None:
        self.most = max(self.most, sum(map(len, values.values())))
        self.store.mset(values)

    def write(self, key: bytes, offset: int, part: bytes) -> None:
        self.most = max(self.most, len(part))
        self.store.setrange(key, offset, part)

    def remove(self, keys: Iterable[bytes]) -> None:
        self.store.delete(*keys)

    def keep(self) -> None: ...


NAMES = [b"A%05d" % number for number in range(20_000)]


def batch_of(tree: serials.SerialTree, **changed: object) -> Batch:
    said = {"gtin": GTIN, "batch": "L1", "expiry": "301231", "market": ["FR"], "count": tree.count, "k": tree.k}
    return Batch.of(said | {"manifest": bytes(32), "root": tree.root} | changed)


@pytest.mark.parametrize("k", [0, 4, 8, 12])
def test_what_is_laid_out_is_the_tree_and_what_is_swept(store: redis.Redis, k: int) -> None:
    tree = serials.build(NAMES[: 900 << k], bytes(32), k)
    writer, rows = Notebook(store), (serial for row in tree.buckets for serial in row)
    assert sum(lay_out(batch_of(tree), Opened(bytes(32), rows), writer)) == tree.count
    assert set(laid_out(GTIN, "L1", k)) == set(derived_keys(store))
    assert store.get(layout.derived(("heap", GTIN, "L1"))) == tree.heap
    for bucket, row in enumerate(tree.buckets):
        value = store.get(layout.derived(("bucket", GTIN, "L1", str(bucket))))
        assert value == buckets.pack_bucket(row, bytes(len(row)))
    assert writer.most < 256 * 1024  # never a large value at once, however large the batch


@pytest.mark.parametrize(
    ("serials_of", "changed", "told"),
    [
        (lambda names: names[:-1], {}, "manifest: expected serials under"),
        (lambda names: names, {"root": bytes(32)}, "manifest: expected serials under 0000"),
        (lambda names: names, {"count": 19_999}, "count: expected 20000, as the manifest, found 19999"),
        (lambda names: names, {"count": 20_001}, "count: expected 20000, as the manifest, found 20001"),
        (lambda names: names[1000:] + names[:1000], {}, "serial order: expected serials in the order of their buckets"),
        (lambda names: [names[1], names[0], *names[2:]], {}, "serial order: .*, found b'.*' after a later one"),
        (lambda names: [names[0], *names], {}, "serial twice: expected each serial once"),
        (lambda names: [*names, b"A B"], {}, "serial: expected 1 to 20 characters of GS1's set 82, found b'A B'"),
        (lambda names: names, {"k": 13}, "k: expected 0 to 12 for 20000 serials, found 13"),
    ],
)
def test_what_the_maker_did_not_sign_is_refused(
    store: redis.Redis, serials_of: Callable[[list[bytes]], list[bytes]], changed: dict[str, object], told: str
) -> None:
    tree = serials.build(NAMES, bytes(32))
    names = serials_of([serial for row in tree.buckets for serial in row])
    with pytest.raises(Malformed, match=told):
        list(lay_out(batch_of(tree, **changed), Opened(bytes(32), iter(names)), Notebook(store)))
    assert set(derived_keys(store)) <= set(laid_out(GTIN, "L1", batch_of(tree, **changed).k))


def test_a_manifest_of_more_than_were_signed_is_not_read_to_its_end(store: redis.Redis) -> None:
    tree = serials.build([b"A%05d" % number for number in range(60_000)], bytes(32), 12)
    names = iter([serial for row in tree.buckets for serial in row])
    with pytest.raises(Malformed, match=r"count: expected \d+ or more, as the manifest, found 12000"):
        list(lay_out(batch_of(tree, count=12_000), Opened(bytes(32), names), Notebook(store)))
    assert len(list(names)) > 30_000


def test_two_states_in_one_bucket(registry: Registry) -> None:
    """Both are kept, though neither was written when the other was made."""
    sequencer = registry.sequencer()
    sequencer.register([*registry.enrolment(), registry.product(), registry.batch(k=0)])
    sequencer.register([registry.event(step, MAKER, registry.pack(n), to=to) for n, step, to in (
        (0, "ship", CARRIER), (1, "stolen", None), (0, "stolen", None),
    )])  # fmt: skip
    assert (state(registry, registry.pack(0)), state(registry, registry.pack(1))) == (STATES["stolen"],) * 2
    assert state(registry, registry.pack(2)) == STATES["active"]
    steps = cbor.decode(Overlay(registry.client).read(("pack", GTIN, "L1", "SERIAL0000000")) or b"")
    assert [row["step"] if isinstance(row, dict) else row[2] for row in steps] == ["ship", "stolen"]
