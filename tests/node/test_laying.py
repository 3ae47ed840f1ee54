"""A large batch is laid out aside, while the node makes leaves of all the rest; and whatever happens meanwhile, there
is one batch of a name, whole, or none and nothing of it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest
import redis
from registry import MAKER, NEVER, Registry, Sabotage

from verifier.node import laying, queue
from verifier.node.queue import Receipt
from verifier.node.sequencer import Sequencer
from verifier.state.replay import Admission, Read, admit
from verifier.statements import cbor
from verifier.statements.envelope import Statement, read
from verifier.statements.key import Key
from verifier.statements.kinds import body_of
from verifier.store import layout
from verifier.store.projection import derived_keys, digest

MANY = [b"A%06d" % number for number in range(3_000)]
K = 10  # 1,024 buckets: four slices
STEPS = 20  # more than any test here needs


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A large batch is one of more than a thousand, and a slice as short as can be."""
    monkeypatch.setattr(laying, "LARGE", 1_000)
    monkeypatch.setattr(laying, "SLICE_S", 0.0)


@pytest.fixture
def sequencer(registry: Registry) -> Sequencer:
    made = registry.sequencer()
    made.register([*registry.enrolment(), registry.product()])
    return made


def send(registry: Registry, raw: bytes) -> bytes:
    """Leave a statement in the queue as a door does; its token."""
    token = uuid4().bytes
    registry.client.lpush(layout.QUEUE, token + raw)
    return token


def heard(registry: Registry, token: bytes) -> Receipt | None:
    """What the door with this token was told by now."""
    told: Any = registry.client.lindex(layout.reply(token), 0)
    return msgspec.convert(cbor.decode(told[queue.NUMBER :], 2**20), Receipt, builtin_types=(bytes,)) if told else None


def until_heard(registry: Registry, sequencer: Sequencer, token: bytes) -> Receipt:
    for _ in range(STEPS):
        sequencer.step(0.01)
        if (receipt := heard(registry, token)) is not None:
            return receipt
    raise AssertionError("never answered")


def whole(registry: Registry, sequencer: Sequencer) -> None:
    """Nothing is noted, and the store is what the ledger says."""
    assert registry.client.exists(layout.LAID) == 0
    assert len(set(registry.replayed(sequencer.head.size))) == 1


def buckets(registry: Registry) -> list[bytes]:
    return [key for key in derived_keys(registry.client) if b":b:" in key or key.endswith(b":heap")]


def test_other_statements_are_leaves_before_it(registry: Registry, sequencer: Sequencer) -> None:
    batch = send(registry, registry.batch(names=MANY, k=K))
    others, sizes = [], [sequencer.head.size]
    for number in range(3):
        others.append(send(registry, registry.product(number + 1)))
        sequencer.step()
        assert heard(registry, others[-1])
        assert heard(registry, batch) is None
        sizes.append(sequencer.head.size)
        noted = registry.client.get(layout.LAID)
        assert isinstance(noted, bytes)
        assert cbor.decode(noted) == [[registry.lot.gtin, "L1", K]]
    assert sizes == sorted(set(sizes))
    receipt = until_heard(registry, sequencer, batch)
    assert (receipt.status, receipt.index, receipt.size) == ("registered", sequencer.head.size - 1, sequencer.head.size)
    whole(registry, sequencer)


def test_asked_again_meanwhile_it_is_one_leaf_and_all_are_told(registry: Registry, sequencer: Sequencer) -> None:
    raw = registry.batch(names=MANY, k=K)
    tokens = [send(registry, raw)]
    sequencer.step()
    tokens.append(send(registry, raw))
    receipt = until_heard(registry, sequencer, tokens[0])
    assert receipt.status == "registered"
    assert heard(registry, tokens[1]) == receipt
    again = until_heard(registry, sequencer, send(registry, raw))
    assert (again.status, again.index) == ("known", receipt.index)
    whole(registry, sequencer)


@pytest.mark.parametrize("count", [5, 3_000])
def test_another_of_its_name_waits_behind_it_and_harms_nothing(
    registry: Registry, sequencer: Sequencer, count: int
) -> None:
    first = send(registry, registry.batch(names=MANY, k=K))
    sequencer.step()
    others = [b"B%06d" % number for number in range(count)]
    second = send(registry, registry.batch(names=others, k=K if count > 5 else 0))
    assert until_heard(registry, sequencer, second).code == "batch_exists"
    told = heard(registry, first)
    assert told
    assert told.status == "registered"
    third = send(registry, registry.batch(names=MANY[1:], k=K))
    assert until_heard(registry, sequencer, third).code == "batch_exists"
    whole(registry, sequencer)


def test_a_false_one_is_refused_and_leaves_nothing(registry: Registry, sequencer: Sequencer) -> None:
    raw = registry.batch(names=MANY, k=K)
    honest = sequencer._layer.openings
    sequencer._layer.openings = lambda _: bytes(32)
    before = digest(registry.client)
    assert until_heard(registry, sequencer, send(registry, raw)).code == "manifest"
    assert (digest(registry.client), buckets(registry)) == (before, [])
    sequencer._layer.openings = honest
    assert until_heard(registry, sequencer, send(registry, raw)).status == "registered"
    whole(registry, sequencer)


def test_refused_after_all_it_is_removed(registry: Registry, sequencer: Sequencer) -> None:
    """Its maker's key is revoked while it is laid out."""
    batch = send(registry, registry.batch(names=MANY, k=K))
    sequencer.step()
    revoked = Key(member=MAKER, public=registry.key(MAKER).public, purpose="member", status="revoked")
    send(registry, registry.say("key", MAKER, revoked).raw)
    assert until_heard(registry, sequencer, batch).status == "refused"
    assert buckets(registry) == []
    whole(registry, sequencer)


def test_what_is_refused_anyway_is_not_laid_out(registry: Registry, sequencer: Sequencer) -> None:
    body = registry.say("batch", "nordhavn-pharma", body_of(read(registry.batch(names=MANY, k=K))))
    written: list[bytes] = []
    sequencer._layer.lease.put = lambda values: written.extend(values)  # type: ignore[method-assign]
    assert until_heard(registry, sequencer, send(registry, body.raw)).code == "own_gtin"
    assert written == []


def test_a_fault_of_ours_refuses_it_and_nothing_else(registry: Registry, sequencer: Sequencer) -> None:
    def broken(_: bytes) -> Iterator[bytes]:
        raise OSError(5, "Input/output error")

    sequencer._layer.manifests = broken
    batch, other = send(registry, registry.batch(names=MANY, k=K)), send(registry, registry.product(1))
    assert until_heard(registry, sequencer, batch).code == "internal"
    told = heard(registry, other)
    assert told
    assert told.status == "registered"
    assert buckets(registry) == []


def test_a_fault_of_ours_in_the_rules_stops_nobody(
    registry: Registry, sequencer: Sequencer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(statement: Statement, index: int, read: Read) -> Admission:
        if statement.kind == "batch":
            raise KeyError("ours")
        return admit(statement, index, read)

    with monkeypatch.context() as patched:
        for module in ("sequencer", "draft"):
            patched.setattr(f"verifier.node.{module}.admit", broken)
        batch = send(registry, registry.batch(names=MANY, k=K))
        assert until_heard(registry, sequencer, batch).code == "internal"
    assert until_heard(registry, sequencer, send(registry, registry.product(1))).status == "registered"
    whole(registry, sequencer)


def test_cut_short_it_is_swept_away_and_begun_again(registry: Registry, sequencer: Sequencer) -> None:
    raw = registry.batch(names=MANY, k=K)
    before = digest(registry.client)
    send(registry, raw)
    for _ in range(2):
        sequencer.step()
    assert len(buckets(registry)) > 256
    again = registry.sequencer()
    assert (digest(registry.client), buckets(registry)) == (before, [])
    assert until_heard(registry, again, send(registry, raw)).status == "registered"
    whole(registry, again)


def test_more_than_can_wait_are_not_answered(
    registry: Registry, sequencer: Sequencer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(laying, "MOST_ASIDE", 1)
    first = send(registry, registry.batch(names=MANY, k=K))
    second = send(registry, registry.batch(replace(registry.lot, batch="L2"), MANY, K))
    assert until_heard(registry, sequencer, first).status == "registered"
    assert heard(registry, second) is None
    assert registry.client.llen(layout.QUEUE) == 0


@pytest.mark.parametrize("after", [False, True], ids=["unsent", "unheard"])
def test_the_line_cut_at_every_request(tmp_path: Path, store: redis.Redis, redis_url: str, after: bool) -> None:
    """As in test_crashes, of a batch that is laid out aside with another statement between."""
    registry = Registry(tmp_path, store)
    beginning, raw = [*registry.enrolment(), registry.product()], registry.batch(names=MANY[:1100], k=8)
    for left in range(int(after), 100, 3):  # test_crashes cuts at each; here it is a sample
        store.flushall()
        registry.mark.unlink(missing_ok=True)
        sabotage = Sabotage(redis_url)
        registry.sequencer().register(beginning)
        sequencer, batch = registry.sequencer(sabotage.client), send(registry, raw)
        sabotage.left, sabotage.after = left, after
        try:
            sequencer.step()
            send(registry, registry.product(1))
            until_heard(registry, sequencer, batch)
        except redis.ConnectionError:
            pass
        finally:
            sabotage.left = NEVER
        again = registry.sequencer()
        (stands,) = again.log.indexes([read(raw).id])
        assert bool(buckets(registry)) == (stands is not None)
        (receipt,) = again.register([raw])
        assert receipt.status == ("registered" if stands is None else "known")
        assert registry.ids(again.head.size).count(receipt.id) == 1
        whole(registry, again)
        if not sabotage.struck:
            break
    assert not sabotage.struck
    assert left > 12
