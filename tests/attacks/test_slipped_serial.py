"""The intruder in the store: he writes to Redis what no maker signed, and wants it to read genuine.

He may write any key of the projection. What the maker's root, the ledger or the vault contradict is never genuine.
"""

from collections.abc import Callable, Iterator

import pytest
from forge import answer_of, event_of, trust
from house import House, with_element
from msgspec.structs import replace

from verifier.commands.issuing import Lot, identity_of, issue
from verifier.custody.transitions import STATES
from verifier.identity import Identity
from verifier.state.keys import BatchRecord
from verifier.state.replay import encode_record
from verifier.statements import buckets, cbor, serials
from verifier.store import layout
from verifier.verdict.judge import Question, judge_strictly

LOT = Lot("09521000000018", "SLIP1", "291231", ("FR",))
NAMES = [b"SERIAL%06d" % n for n in range(300)]
FAKE = identity_of(LOT, "FAKE00000000")


@pytest.fixture(scope="module")
def issued(demo_house: House) -> House:
    """A house that issued a batch of several buckets; one pack of it is dispensed."""
    house = demo_house
    issue(house.client, house.key("laboratoires-aubrac"), LOT, NAMES, moment=house.clock())
    event = event_of("dispense", [pack(1)], house.clock())
    assert house.say("event", "pharmacie-des-halles", event).status_code == 201
    assert house.codes(pack(0)) == ["genuine", "not_recorded"]
    assert "dispensed" in house.codes(pack(1))
    assert house.codes(FAKE) == ["unknown"]
    return house


@pytest.fixture
def lot(issued: House) -> Iterator[House]:
    """That house, its store put right again after the intruder."""
    pattern = layout.lot(LOT.gtin, LOT.batch) + b"*"
    kept = {key: get(issued, key) for key in issued.store.scan_iter(match=pattern, count=1000)}
    yield issued
    issued.store.mset(kept)
    assert issued.verdict(pack(0))["outcome"] == "genuine"


def pack(number: int) -> Identity:
    return identity_of(LOT, NAMES[number].decode())


def bucket_key(house: House, identity: Identity) -> bytes:
    record = BatchRecord(*cbor.decode(get(house, layout.derived(("batch", LOT.gtin, LOT.batch)))))
    number = serials.bucket_of((identity.serial or "").encode(), record.k)
    return layout.derived(("bucket", LOT.gtin, LOT.batch, str(number)))


def get(house: House, key: bytes) -> bytes:
    value = house.store.get(key)
    assert isinstance(value, bytes)
    return value


def slip(house: House, take_out: bool) -> None:
    """Put the fake serial into its bucket, in order, as one more or in another's place."""
    key = bucket_key(house, FAKE)
    names, states = buckets.unpack_bucket(get(house, key))
    kept = names[1:] if take_out else names
    wanted = sorted((*kept, (FAKE.serial or "").encode()))
    house.store.set(key, buckets.pack_bucket(wanted, bytes(len(wanted))))
    assert len(wanted) == len(names) + (not take_out)
    assert states


@pytest.mark.parametrize("take_out", [False, True], ids=["one more", "in another's place"])
def test_a_serial_slipped_into_a_bucket_is_not_genuine(lot: House, take_out: bool) -> None:
    slip(lot, take_out)
    assert lot.verdict(FAKE)["outcome"] == "unverified"
    for number in range(len(NAMES)):
        same = bucket_key(lot, pack(number)) == bucket_key(lot, FAKE)
        if same:  # the others of that bucket can no longer be shown to be issued: an outage, never a counterfeit
            assert lot.verdict(pack(number))["outcome"] != "genuine" or number == 1
        elif number < 20 and number != 1:
            assert lot.verdict(pack(number))["outcome"] == "genuine"


@pytest.mark.parametrize(("number", "state"), [(1, "active"), (0, "supplied"), (0, "stolen"), (1, "destroyed")])
def test_a_state_byte_flipped_by_hand_is_not_believed(lot: House, number: int, state: str) -> None:
    key = bucket_key(lot, pack(number))
    value = get(lot, key)
    position = buckets.find(value, NAMES[number])
    assert position is not None
    lot.store.set(key, buckets.with_state(value, position, STATES[state]))
    said = lot.verdict(pack(number))
    assert said["outcome"] == "unverified"
    assert "missing_state" in lot.codes(pack(number))


def empty(lot: House, key: bytes) -> None:
    lot.store.delete(key)


def flip(lot: House, key: bytes) -> None:
    value = get(lot, key)
    lot.store.set(key, value[:7] + bytes([value[7] ^ 1]) + value[8:])


def cut(lot: House, key: bytes) -> None:
    lot.store.set(key, get(lot, key)[:-1])


@pytest.mark.parametrize("harm", [empty, flip, cut])
@pytest.mark.parametrize("what", ["bucket", "heap"])
def test_a_bucket_or_its_tree_altered_is_never_genuine_nor_a_counterfeit(
    lot: House, what: str, harm: Callable[[House, bytes], None]
) -> None:
    keys = {"bucket": bucket_key(lot, pack(0)), "heap": layout.derived(("heap", LOT.gtin, LOT.batch))}
    whole = get(lot, keys[what])
    if what == "heap" and harm is flip:
        lot.store.set(keys[what], bytes(len(whole)))
    else:
        harm(lot, keys[what])
    assert lot.verdict(pack(0))["outcome"] == "unverified"
    assert lot.verdict(FAKE)["outcome"] in ("unverified", "caution")
    lot.store.set(keys[what], whole)
    assert lot.verdict(pack(0))["outcome"] == "genuine"


def test_a_batch_of_the_intruders_own_is_not_under_the_makers_root(lot: House) -> None:
    """Buckets, tree and record all replaced, in agreement with each other: only the signed root is not his."""
    for secret in (bytes(32), lot.desk.vault.get("batch", record(lot).id.hex()) or b""):
        tree = serials.build([*NAMES, (FAKE.serial or "").encode()], secret)
        for number, names in enumerate(tree.buckets):
            key = layout.derived(("bucket", LOT.gtin, LOT.batch, str(number)))
            lot.store.set(key, buckets.pack_bucket(names, bytes(len(names))))
        lot.store.set(layout.derived(("heap", LOT.gtin, LOT.batch)), tree.heap)
        forged = replace(record(lot), k=tree.k, root=tree.root)
        lot.store.set(layout.derived(("batch", LOT.gtin, LOT.batch)), encode_record(forged))
        assert lot.verdict(FAKE)["outcome"] != "genuine"
        evidence = lot.desk.evidence(FAKE)
        found = judge_strictly(Question(FAKE), evidence, trust(lot), lot.clock())
        assert found.outcome == "unverified"


def record(house: House) -> BatchRecord:
    return BatchRecord(*cbor.decode(get(house, layout.derived(("batch", LOT.gtin, LOT.batch)))))


def test_a_history_rewritten_whole_convicts_the_node(lot: House) -> None:
    """He also empties the pack's steps: the projection agrees with itself, and the node signs what is false. That
    answer leaves out an event that is a leaf below its own checkpoint: whoever replays the ledger holds the proof."""
    event = answer_of(lot.desk.evidence(pack(1))).withheld[-1]
    lot.store.delete(layout.derived(("pack", LOT.gtin, LOT.batch, NAMES[1].decode())))
    assert lot.verdict(pack(1))["outcome"] == "unverified"  # the state byte still stands against it
    key = bucket_key(lot, pack(1))
    position = buckets.find(get(lot, key), NAMES[1])
    lot.store.set(key, buckets.with_state(get(lot, key), position or 0, STATES["active"]))
    lie = answer_of(lot.desk.evidence(pack(1)))
    leaf = lot.desk.gatherer.log.leaf(event)
    assert lie.state == "active"
    assert leaf is not None
    assert leaf[0] < lie.size
    assert event not in lie.withheld


def test_a_made_up_pack_of_a_lot_that_is_not_there(lot: House) -> None:
    other = with_element(FAKE, "10", "NOWHERE")
    lot.store.set(layout.derived(("bucket", LOT.gtin, "NOWHERE", "0")), buckets.pack_bucket([b"FAKE00000000"], b"\0"))
    lot.store.set(layout.derived(("batch", LOT.gtin, "NOWHERE")), encode_record(record(lot)))
    assert lot.verdict(other)["outcome"] != "genuine"
