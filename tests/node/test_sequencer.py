"""The commit: what becomes of statements, alone, together and again; and when it was."""

import random
from collections.abc import Iterable
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from registry import CANAL, CARRIER, DAY, HALLES, MAKER, NOW, Registry

from verifier.commands.issuing import Lot
from verifier.commands.node import openings_of
from verifier.demo import gtin
from verifier.ledger import checkpoint as notes
from verifier.ledger import note
from verifier.node import sequencer as module
from verifier.statements.envelope import read
from verifier.statements.key import Key
from verifier.store import layout
from verifier.store.log import KEPT, LogStore
from verifier.store.projection import derived_keys, digest, laid_out


def words(receipts: list[Any]) -> list[str]:
    return [receipt.code or receipt.status for receipt in receipts]


def test_a_story_told_at_once(registry: Registry) -> None:
    """A batch and the events about it, two events about one pack, a dispute: all in one commit."""
    story = registry.story()
    receipts = registry.sequencer().register(story)
    disputed = len(registry.enrolment()) + 8
    assert words(receipts) == ["registered"] * disputed + ["disputed"] + ["registered"] * 3
    assert [receipt.index for receipt in receipts] == list(range(len(story)))
    assert registry.ids(len(story)) == [read(raw).id for raw in story]
    before, after = registry.replayed(len(story))
    assert before == after


def test_sent_again_it_is_the_same_leaf_and_the_same_answer(registry: Registry) -> None:
    story = registry.story()
    sequencer = registry.sequencer()
    first = sequencer.register(story)
    again = registry.sequencer().register(story)
    assert registry.sequencer().head.size == len(story)
    assert [one.index for one in again] == [one.index for one in first]
    assert {one.status for one in again} == {"known", "disputed"}
    assert [one.status == "disputed" for one in again] == [one.status == "disputed" for one in first]


def test_twice_in_one_batch_is_one_leaf(registry: Registry) -> None:
    sequencer = registry.sequencer()
    sequencer.register(registry.enrolment())
    receipts = sequencer.register([registry.product(), registry.product()])
    assert words(receipts) == ["registered", "known"]
    assert receipts[0].index == receipts[1].index


def test_a_refused_statement_leaves_no_trace(registry: Registry) -> None:
    sequencer = registry.sequencer()
    sequencer.register([*registry.enrolment(), registry.product()])
    batch = registry.batch()
    sequencer.register([batch])
    before = digest(registry.client), sequencer.head
    elsewhere = Lot(registry.lot.gtin, "L9", "301231", ("FR",))
    refused = [
        b"no statement",
        registry.event("ship", MAKER, registry.pack(0), registry.pack(0, elsewhere), to=CARRIER),
        registry.batch(Lot(gtin("0952900000001"), "L1", "301231", ("FR",))),
        registry.batch(),
        registry.event("dispense", MAKER, registry.pack(0)),
    ]
    receipts = sequencer.register(refused)
    assert words(receipts) == ["not_cose_sign1", "unknown_batch", "own_gtin", "batch_exists", "step_role"]
    assert (digest(registry.client), sequencer.head) == before
    mixed = sequencer.register([*refused, registry.product(7), *refused])
    assert [one.status for one in mixed].count("registered") == 1
    before_replay, after = registry.replayed(sequencer.head.size)
    assert before_replay == after


def test_what_upsets_us_is_refused_and_the_others_go_on(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    sequencer = registry.sequencer()
    sequencer.register(registry.enrolment())
    poison = registry.product(13)

    def upset(raw: bytes) -> Any:
        if raw == poison:
            raise RecursionError
        return read(raw)

    monkeypatch.setattr("verifier.node.draft.read", upset)
    assert words(sequencer.register([registry.product(), poison, registry.product(1)])) == [
        "registered", "internal", "registered",
    ]  # fmt: skip
    assert "RecursionError" in caplog.text


def test_a_statement_from_the_future_is_refused(registry: Registry) -> None:
    sequencer = registry.sequencer()
    sequencer.register([*registry.enrolment(), registry.product(), registry.batch()])
    (receipt,) = sequencer.register([registry.event("ship", MAKER, registry.pack(0), to=CARRIER, moment=NOW + DAY)])
    assert (receipt.code, receipt.found) == ("future", f"{DAY} s ahead")


def test_a_body_that_a_crash_orphaned_is_admitted(registry: Registry) -> None:
    raw = registry.product()
    registry.client.set(layout.body(read(raw).id), raw)
    sequencer = registry.sequencer()
    receipts = sequencer.register([*registry.enrolment(), raw])
    assert receipts[-1].status == "registered"


def test_an_altered_body_does_not_make_a_second_leaf(registry: Registry) -> None:
    sequencer = registry.sequencer()
    raw = registry.product()
    first = sequencer.register([*registry.enrolment(), raw])[-1]
    registry.client.set(layout.body(first.id), b"others")
    again = sequencer.register([raw])[0]
    assert (again.status, again.index) == ("known", first.index)


# --- the history of checkpoints ---


def test_the_history_keeps_the_newest_notes_and_each_head_once(registry: Registry) -> None:
    sequencer = registry.sequencer()
    notes_seen = []
    for raw in [registry.genesis, *(registry.product(number) for number in range(3))]:
        sequencer.register([*registry.enrolment(), raw])
        notes_seen.insert(0, sequencer.note)
    assert sequencer.log.history() == notes_seen
    assert sequencer.log.history(1, 2) == notes_seen[1:3]
    assert sequencer.log.history(0, 0) == sequencer.log.history(4, 9) == []
    anew = notes_seen[0] + note.sign(sequencer.head.encode(), "w.example", bytes(32)).encode()
    names = [layout.CHECKPOINT, layout.LAID, layout.HISTORY, layout.PENDING]
    assert sequencer.lease.run(module._PUBLISH, names, [notes_seen[0], anew, b"", b""]) == b"ok"
    assert sequencer.log.history() == [anew, *notes_seen[1:]]


def test_a_long_history_is_cut(registry: Registry) -> None:
    sequencer = registry.sequencer()
    registry.client.rpush(layout.HISTORY, *(b"%d" % number for number in range(KEPT)))
    sequencer.register(registry.enrolment())
    history = sequencer.log.history()
    assert (len(history), history[0], history[-1]) == (KEPT, sequencer.note, b"%d" % (KEPT - 2))


def test_a_history_of_another_type_is_refused_before_the_first_write(registry: Registry) -> None:
    sequencer = registry.sequencer()
    sequencer.register(registry.enrolment())
    registry.client.set(layout.HISTORY, b"no list")
    before = published(registry)
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        sequencer.register([registry.product()])
    assert published(registry) == before


def published(registry: Registry) -> dict[bytes, Any]:
    """Every key and its value but bodies, which mean nothing before they are leaves."""
    keys = (key for key in registry.client.scan_iter() if not key.startswith(layout.body(b"")))
    return {key: registry.client.get(key) for key in keys}


# --- packs ---


def test_a_serial_slipped_into_redis_is_nobodys_pack(registry: Registry) -> None:
    sequencer = registry.sequencer()
    sequencer.register([*registry.enrolment(), registry.product(), registry.batch(k=0)])
    key = layout.buckets(registry.lot.gtin, "L1") + bytes(4)
    honest = registry.client.get(key)
    assert isinstance(honest, bytes)
    registry.names[150] = b"SERIAL000014X"  # in the place of ...149 it keeps the order
    registry.client.set(key, honest.replace(b"SERIAL0000149", registry.names[150]))
    slipped = registry.event("ship", MAKER, registry.pack(150), to=CARRIER)
    assert words(sequencer.register([slipped])) == ["unread_batch"]
    registry.client.set(key, honest)
    assert words(sequencer.register([slipped])) == ["unknown_pack"]
    assert words(sequencer.register([registry.event("ship", MAKER, registry.pack(0), to=CARRIER)])) == ["registered"]


@pytest.mark.parametrize("missing", ["deposit", "secret"])
def test_a_batch_that_cannot_be_opened_is_refused(registry: Registry, missing: str) -> None:
    raw = registry.batch()
    if missing == "secret":
        registry.sources = (lambda _: None, registry.sources[1])
    else:
        registry.sources = (registry.sources[0], lambda _: None)
    receipts = registry.sequencer().register([*registry.enrolment(), registry.product(), raw])
    assert (receipts[-1].code, receipts[-1].found) == ("manifest", "one of them missing")


def test_a_batch_of_another_count_is_refused(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("verifier.node.laying.MOST_PACKS", 100)
    receipts = registry.sequencer().register([*registry.enrolment(), registry.product(), registry.batch()])
    assert (receipts[-1].code, receipts[-1].expected) == ("count", "at most 100 packs")
    assert not [key for key in derived_keys(registry.client) if b":b:" in key]


def test_buckets_of_a_commit_cut_short_are_swept_away(registry: Registry) -> None:
    sequencer = registry.sequencer()
    sequencer.register([*registry.enrolment(), registry.product()])
    before = digest(registry.client)

    def cut(_: object) -> list[bytes]:
        raise OSError("cut by the test")

    sequencer.log.bodies = cut  # type: ignore[method-assign,assignment]
    with pytest.raises(OSError, match="cut by the test"):
        sequencer.register([registry.batch(k=4)])
    assert registry.client.exists(*laid_out(registry.lot.gtin, "L1", 4)) == 17
    again = registry.sequencer()
    assert digest(registry.client) == before
    assert registry.client.exists(layout.LAID) == 0
    assert words(again.register([registry.batch(k=1)])) == ["registered"]
    assert len(set(registry.replayed(again.head.size))) == 1


# --- the same ledger, however it is cut ---


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), sizes=st.lists(st.integers(1, 9), min_size=1, max_size=8))
def test_batches_of_any_size_make_the_same_ledger(registry: Registry, seed: int, sizes: list[int]) -> None:
    """Clocks aside: they say when batches were, so here the node has just none to say."""
    chance = random.Random(seed)
    story, head = registry.story(), len(registry.enrolment())
    rest = story[head:]
    chance.shuffle(rest)  # much of it will be refused, in one order as in another
    rest += [chance.choice(rest) for _ in range(4)]
    ledgers = []
    for cuts in ([1], sizes):
        registry.client.flushall()
        registry.mark.unlink(missing_ok=True)
        sequencer = registry.sequencer()
        sequencer._clock = lambda _: None  # type: ignore[method-assign,assignment]
        said = words(sequencer.register(story[:head]))
        left, turn = list(rest), 0
        while left:
            width = cuts[turn % len(cuts)]
            said += words(sequencer.register(left[:width]))
            left, turn = left[width:], turn + 1
        ledgers.append((sequencer.head, digest(registry.client), said))
    assert ledgers[0] == ledgers[1]
    assert len(set(registry.replayed(ledgers[0][0].size))) == 1


def test_the_checkpoint_is_signed_and_marked(registry: Registry) -> None:
    sequencer = registry.sequencer()
    sequencer.register(registry.enrolment())
    assert registry.mark.read_bytes() == LogStore(registry.client).checkpoint()
    assert notes.open(registry.mark.read_bytes(), registry.policy) == sequencer.head


def test_a_key_enrolled_and_used_in_one_batch(registry: Registry) -> None:
    other = registry.key(CANAL)
    sequencer = registry.sequencer()
    sequencer.register(registry.enrolment())
    revoked = Key(member=HALLES, public=registry.key(HALLES).public, purpose="member", status="revoked")
    late = registry.event("dispense", HALLES, registry.pack(0))
    receipts = sequencer.register(
        [registry.product(), registry.batch(), registry.say("key", HALLES, revoked).raw, late]
    )
    assert words(receipts)[:2] == ["registered", "registered"]
    assert receipts[2].status == "registered"
    assert receipts[3].status == "refused"
    assert other.member == CANAL


def test_the_lease_is_kept_while_a_large_batch_is_laid_out(registry: Registry) -> None:
    sequencer = registry.sequencer()
    sequencer.register([*registry.enrolment(), registry.product()])
    raw = registry.batch(names=[b"A%06d" % number for number in range(20_000)], k=12)
    renewed, run = [0], sequencer.lease.run

    def counted(script: str, keys: Iterable[bytes], args: Iterable[bytes]) -> bytes:
        renewed[0] += 1
        return run(script, keys, args)

    sequencer.lease.run = counted  # type: ignore[method-assign]
    assert words(sequencer.register([raw])) == ["registered"]
    assert renewed[0] >= 2**12 / 256  # at least as often as some hundred buckets are written, each time it is renewed


def test_a_false_batch_leaves_nothing_and_a_true_one_beside_it_stands(registry: Registry) -> None:
    sequencer = registry.sequencer()
    sequencer.register([*registry.enrolment(), registry.product()])
    before = set(derived_keys(registry.client))
    raw = registry.batch(k=4)
    registry.sources = (lambda _: bytes(32), registry.sources[1])  # another secret: another manifest, another root
    liar = registry.sequencer()
    assert words(liar.register([raw])) == ["manifest"]
    assert set(derived_keys(registry.client)) == before
    registry.sources = openings_of(registry.settings), registry.sources[1]
    again = registry.sequencer()
    assert registry.client.exists(layout.LAID) == 0
    assert words(again.register([raw])) == ["registered"]
    assert len(set(registry.replayed(again.head.size))) == 1
