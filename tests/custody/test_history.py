"""What a history of steps leads to, what a further step would be, and where a step is missing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier.custody.history import MOST, Decision, Step, custody, decide, gaps, too_many
from verifier.custody.transitions import EPCIS

MAKER, CARRIER, PHARMACY, OTHER = "maker", "carrier", "pharmacy", "other"


def steps(*rows: tuple[str, str] | tuple[str, str, str]) -> list[Step]:
    return [
        Step(
            index=n, id=n.to_bytes(32), step=row[0], day="2026-11-01", country="FR", member=row[1],
            to=row[2] if len(row) > 2 else None, applied=True,
        )
        for n, row in enumerate(rows)
    ]  # fmt: skip


WHOLE = steps(
    ("ship", MAKER, CARRIER),
    ("receive", CARRIER),
    ("ship", CARRIER, PHARMACY),
    ("receive", PHARMACY),
    ("dispense", PHARMACY),
)


def test_a_whole_journey_has_no_gap_and_ends_supplied() -> None:
    assert gaps(MAKER, WHOLE) == (False,) * 5
    assert custody(MAKER, WHOLE).state == "supplied"


@pytest.mark.parametrize(
    ("missing", "named"),
    [(0, 0), (1, 1), (2, 2), (3, 3)],
    ids=["never shipped", "never received by the carrier", "never shipped on", "never received by the pharmacy"],
)
def test_a_missing_step_is_named_at_the_step_after_it(missing: int, named: int) -> None:
    left = [step for n, step in enumerate(WHOLE) if n != missing]
    assert gaps(MAKER, left)[named]
    assert sum(gaps(MAKER, left)) == 1


def test_a_second_dispensing_by_another_is_a_dispute() -> None:
    assert decide(MAKER, WHOLE, "dispense", OTHER).outcome == "disputed"
    assert decide(MAKER, WHOLE, "dispense", OTHER).found == "supplied"


def test_ones_own_second_scan_is_told_as_such() -> None:
    assert decide(MAKER, WHOLE, "dispense", PHARMACY).outcome == "already"


def test_ones_own_second_shipping_to_the_same_hands_is_no_second_step() -> None:
    assert decide(MAKER, WHOLE[:1], "ship", MAKER, CARRIER).outcome == "already"
    assert decide(MAKER, WHOLE[:1], "ship", MAKER, CARRIER).found == "on its way to carrier"
    assert decide(MAKER, WHOLE[:1], "ship", MAKER, PHARMACY).outcome == "applies"
    assert decide(MAKER, WHOLE[:2], "ship", CARRIER, PHARMACY).outcome == "applies"


def test_a_destruction_after_supply_is_a_dispute_even_by_the_same_pharmacy() -> None:
    assert decide(MAKER, WHOLE, "destroy", PHARMACY).outcome == "disputed"


def test_a_receipt_of_what_was_sent_to_another_is_a_dispute() -> None:
    assert decide(MAKER, WHOLE[:3], "receive", OTHER).outcome == "disputed"
    assert decide(MAKER, WHOLE[:3], "receive", PHARMACY).outcome == "applies"


def test_a_dispute_changes_neither_state_nor_custody() -> None:
    refused = dispute("destroy", OTHER)
    assert custody(MAKER, [*WHOLE, refused]) == custody(MAKER, WHOLE)
    assert gaps(MAKER, [*WHOLE, refused])[-1] is False


MEMBERS = st.sampled_from([MAKER, CARRIER, PHARMACY, OTHER])


@given(st.lists(st.tuples(st.sampled_from(sorted(EPCIS)), MEMBERS, MEMBERS), max_size=12))
def test_a_state_once_left_is_never_active_again(rows: list[tuple[str, str, str]]) -> None:
    """Whatever is said, in any order: only the first ending step counts."""
    history: list[Step] = []
    seen = ["active"]
    for number, (step, member, to) in enumerate(rows):
        applied = decide(MAKER, history, step, member).outcome == "applies"
        made = steps((step, member, to))[0]
        history.append(
            Step(**{**{f: getattr(made, f) for f in made.__struct_fields__}, "index": number, "applied": applied})
        )
        seen.append(custody(MAKER, history).state)
    ended = [state for state in seen if state != "active"]
    assert len(set(ended)) <= 1
    assert seen == ["active"] * (len(seen) - len(ended)) + ended


def dispute(step: str, member: str) -> Step:
    return Step(index=9, id=b"9" * 32, step=step, day="2026-11-02", country="FR", member=member, to=None, applied=False)


def test_the_same_contradiction_by_the_same_member_is_told_once() -> None:
    said = [*WHOLE, dispute("dispense", OTHER)]
    assert decide(MAKER, said, "dispense", OTHER).outcome == "already"
    assert decide(MAKER, said, "dispense", CARRIER).outcome == "disputed"
    assert decide(MAKER, said, "destroy", OTHER).outcome == "disputed"
    assert decide(MAKER, [*WHOLE[:4], dispute("receive", OTHER)], "dispense", OTHER).outcome == "applies"


def test_of_a_pack_with_very_many_steps_only_what_is_new_is_recorded() -> None:
    many = steps(*[("ship", MAKER, to) for _ in range(MOST // 2) for to in (CARRIER, PHARMACY)])
    told, contradicted = Decision("applies"), Decision("disputed")
    assert not too_many(many[1:], "ship", told)
    assert too_many(many, "ship", told)
    assert not any(too_many(many, step, told) for step in EPCIS if step != "ship")
    assert not too_many(many, "ship", contradicted)
    assert too_many([*many, dispute("ship", OTHER)], "ship", contradicted)
