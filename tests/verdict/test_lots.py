"""Boxes that carry no serial: their lot is checked, by the same laws. Whatever is lost, altered or made up, a lot is
never told as not recalled; and where a recall names serials, such a box cannot be told apart from them."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import pytest
from forge import STRANGER, Case, Forger, answer_of, signed, trust, verdict
from house import House
from hypothesis import given, settings
from hypothesis import strategies as st
from spoil import altered, read_back

from verifier.identity import Identity, parse_text
from verifier.statements.envelope import Statement
from verifier.statements.recall import Recall
from verifier.verdict import evidence as files
from verifier.verdict.evidence import Evidence
from verifier.verdict.reasons import REASONS
from verifier.web.desk import named

GTIN, OTHER = "09521000000018", "09521000000025"
CLEAR = {
    "known": f"(01){GTIN}(17)491231(10)AX26K1",
    "never-issued": f"(01){GTIN}(10)NEVER1",
    "unregistered": f"(01){STRANGER}(10)L1",
}
EXPECTED = {
    **dict.fromkeys(CLEAR, ("no_serial", "lot_not_recalled")),
    "expired": ("expired", "no_serial", "lot_not_recalled"),
    "recalled": ("recall_patient", "no_serial"),
    "pharmacies": ("recall_pharmacy", "no_serial"),
    "no-lot": ("no_serial",),
    "unregistered-no-lot": ("no_serial",),
}
TEXTS = {
    **CLEAR,
    "expired": f"(01){GTIN}(17)200131(10)AX26K1",
    "recalled": f"(01){OTHER}(10)CD26B3",
    "pharmacies": f"(01){OTHER}(10)CD26C9",
    "no-lot": f"(01){OTHER}",
    "unregistered-no-lot": f"(01){STRANGER}",
}


@pytest.fixture(scope="module")
def lots(demo_house: House) -> dict[str, Case]:
    found = {name: parse_text(text) for name, text in TEXTS.items()}
    return {name: Case(one, demo_house.desk.evidence(one)) for name, one in found.items()}


@pytest.mark.parametrize("name", EXPECTED)
def test_whole_evidence_says_what_is_so(demo_house: House, lots: dict[str, Case], name: str) -> None:
    case = lots[name]
    found = verdict(demo_house, case.identity, case.evidence)
    assert found.reasons == EXPECTED[name]
    assert found.as_of == demo_house.clock()
    assert (found.answers["use"] == "no") == (found.outcome == "do_not_use")
    assert "yes" not in found.answers.values()
    assert files.decode(files.encode(case.evidence)) == case.evidence


def test_a_known_lot_and_an_unknown_one_are_answered_alike(lots: dict[str, Case]) -> None:
    known, unknown = lots["known"].evidence, lots["never-issued"].evidence
    assert known.statements == unknown.statements
    one, other = answer_of(known), answer_of(unknown)
    assert (one.state, one.applies, one.custody) == (other.state, other.applies, other.custody)


@pytest.mark.parametrize("name", CLEAR)
def test_any_exhibit_removed_never_clears_a_lot(demo_house: House, lots: dict[str, Case], name: str) -> None:
    case, whole = lots[name], lots[name].evidence
    rows = whole.statements
    poorer = [replace(whole, statements=rows[:n] + rows[n + 1 :]) for n in range(len(rows))]
    for evidence in (*poorer, replace(whole, checkpoint=None), replace(whole, answer=None), Evidence(), None):
        found = verdict(demo_house, case.identity, evidence)
        assert "lot_not_recalled" not in found.reasons
        assert found.outcome == "unverified"  # a loss is never told as a danger
        assert "no_serial" in found.reasons


def test_a_recall_left_out_is_named(forger: Forger, demo_house: House, lots: dict[str, Case]) -> None:
    case = lots["recalled"]
    rest = tuple(e for e in case.evidence.statements if forger.leaves[e.index].kind != "recall")
    assert len(rest) + 1 == len(case.evidence.statements)
    found = verdict(demo_house, case.identity, replace(case.evidence, statements=rest))
    assert found.reasons == ("missing_recalls", "no_serial")


@pytest.mark.parametrize("name", CLEAR)
def test_a_flipped_bit_in_any_byte_of_the_file_never_clears_a_lot(
    demo_house: House, lots: dict[str, Case], name: str
) -> None:
    data = files.encode(lots[name].evidence)
    for place in range(len(data)):
        bad = data[:place] + bytes([data[place] ^ 1 << place % 8]) + data[place + 1 :]
        assert "lot_not_recalled" not in read_back(demo_house, lots[name], bad).reasons, place


@settings(max_examples=300, deadline=None)
@given(name=st.sampled_from(sorted(CLEAR)), bit=st.integers(0, 2**40))
def test_a_bit_of_any_field_flipped_never_clears_a_lot(
    demo_house: House, lots: dict[str, Case], name: str, bit: int
) -> None:
    found = verdict(demo_house, lots[name].identity, altered(lots[name].evidence, bit))
    assert found.outcome == "unverified"
    assert "lot_not_recalled" not in found.reasons


@pytest.mark.parametrize(("mine", "other"), [pair for pair in product(EXPECTED, EXPECTED) if pair[0] != pair[1]])
def test_another_boxs_evidence_clears_nothing(
    demo_house: House, lots: dict[str, Case], mine: str, other: str
) -> None:
    found = verdict(demo_house, lots[mine].identity, lots[other].evidence)
    assert "lot_not_recalled" not in found.reasons
    assert found.outcome == ("do_not_use" if mine == "expired" else "unverified")


def test_an_answer_that_is_old_says_so_and_clears_nothing(demo_house: House, lots: dict[str, Case]) -> None:
    case = lots["known"]
    late = demo_house.clock() + trust(demo_house).max_age_s + 1
    assert verdict(demo_house, case.identity, case.evidence, now=late).reasons == ("stale", "no_serial")


def test_only_the_state_of_a_box_without_a_serial_answers_for_one(
    forger: Forger, demo_house: House, lots: dict[str, Case], cases: dict[str, Case]
) -> None:
    for state in ("active", "supplied", "unknown", "not_registered"):
        bad = forger.remake(lots["known"].evidence, state=state)
        found = verdict(demo_house, lots["known"].identity, bad).reasons
        assert found == ("broken_evidence", "no_serial")
    pack = forger.remake(cases["active"].evidence, state="no_serial")
    assert verdict(demo_house, cases["active"].identity, pack).outcome == "unverified"


def test_a_maker_answers_for_no_lot(
    forger: Forger, demo_house: House, lots: dict[str, Case], cases: dict[str, Case]
) -> None:
    """It is believed of what it never issued: it could leave out what an authority recalls."""
    (maker,), unknown = forger.makers, cases["unknown"].evidence
    chain = [forger.leaves[exhibit.index] for exhibit in unknown.statements]
    assert verdict(demo_house, cases["unknown"].identity, forger.remake(unknown, key=maker)).reasons == ("unknown",)
    lie = forger.remake(lots["known"].evidence, *chain, key=maker)
    assert verdict(demo_house, lots["known"].identity, lie).reasons == ("broken_evidence", "no_serial")


def test_a_lots_answer_leaves_the_signature_of_its_packs_to_be_believed(
    forger: Forger, demo_house: House, cases: dict[str, Case]
) -> None:
    """It says nothing of one pack, and is no lie."""
    case = cases["signed"]
    for dated in (f"(17){case.identity.expiry}", ""):
        lot = parse_text(f"(01){case.identity.gtin}(10){case.identity.batch}{dated}")
        said = {"identity": lot.digital_link(), "state": "no_serial", "custody": [], "withheld": []}
        evidence = replace(forger.remake(case.evidence, **said), serial=None)
        assert verdict(demo_house, case.identity, evidence).reasons == ("signed_only", "missing_state")
        late = demo_house.clock() + trust(demo_house).max_age_s + 1
        found = verdict(demo_house, case.identity, evidence, now=late)
        assert found.reasons == ("signed_only", "missing_state", "stale")


def recalls(gtin: str, lot: str) -> Iterator[tuple[Recall, str | None]]:
    """Each depth and each narrowing, and the reason it must give a box of this lot that carries no serial."""
    for depth, whole, of_lot, some in (
        ("patients", "withdrawn", "recall_patient", "recall_some"),
        ("pharmacies", "recall_pharmacy", "recall_pharmacy", "recall_pharmacy"),
    ):
        yield Recall(gtin=gtin, depth=depth, reason="x"), whole  # type: ignore[arg-type]
        yield Recall(gtin=gtin, depth=depth, reason="x", batches=[lot, "Z"]), of_lot  # type: ignore[arg-type]
        yield Recall(gtin=gtin, depth=depth, reason="x", batches=[lot], serials=["S1"]), some  # type: ignore[arg-type]
        yield Recall(gtin=gtin, depth=depth, reason="x", batches=["Z"]), None  # type: ignore[arg-type]


@pytest.mark.parametrize("name", CLEAR)
def test_a_recall_added_never_improves_and_says_its_depth(
    forger: Forger, demo_house: House, lots: dict[str, Case], name: str
) -> None:
    case, authority = lots[name], demo_house.key("agence-sante")
    before = verdict(demo_house, case.identity, case.evidence)
    for body, code in recalls(case.identity.gtin or "", case.identity.batch or ""):
        statement = signed("recall", authority, body)
        bad = forger.grown(statement).remake(case.evidence, *enrolling(forger), statement)
        found = verdict(demo_house, case.identity, bad).reasons
        assert found == ((code, "no_serial") if code else before.reasons)
        if code:
            assert REASONS[found[0]].gravity > REASONS[before.reasons[0]].gravity


def enrolling(node: Forger) -> list[Statement]:
    """The leaves that enrol the authority."""
    return [leaf for leaf in node.leaves if leaf.kind == "member" and leaf.subject.endswith("agence-sante")]


def test_a_withdrawal_is_told_even_where_no_lot_is(
    forger: Forger, demo_house: House, lots: dict[str, Case]
) -> None:
    case = lots["no-lot"]
    body = Recall(gtin=OTHER, depth="patients", reason="x")
    statement = signed("recall", demo_house.key("agence-sante"), body)
    bad = forger.grown(statement).remake(case.evidence, *enrolling(forger), statement)
    assert verdict(demo_house, case.identity, bad).reasons == ("withdrawn", "no_serial")


@pytest.mark.parametrize("lacks", [("17",), ("10",), ("10", "17")], ids=["date", "lot", "both"])
def test_a_code_that_lacks_lot_or_date_hides_no_recall(
    forger: Forger, demo_house: House, cases: dict[str, Case], lacks: tuple[str, ...]
) -> None:
    """With a serial it says more than without, and is told no less: what is recalled of its lot and its product."""
    pack = cases["active"].identity
    short = Identity(tuple(element for element in pack.elements if element[0] not in lacks))
    lot = demo_house.desk.evidence(named(short))
    assert verdict(demo_house, short, lot).reasons == ("incomplete",)
    assert verdict(demo_house, short, cases["active"].evidence).reasons == ("incomplete",)
    for body, code in recalls(GTIN, pack.batch or ""):
        statement = signed("recall", demo_house.key("agence-sante"), body)
        evidence = forger.grown(statement).remake(lot, *enrolling(forger), statement)
        told = code is not None and body.serials is None and (body.batches is None or "10" not in lacks)
        assert verdict(demo_house, short, evidence).reasons == ((code, "incomplete") if told else ("incomplete",))


def test_a_pack_with_a_serial_is_not_stained_by_anothers_recall(
    forger: Forger, demo_house: House, cases: dict[str, Case]
) -> None:
    """With a serial, a recall of some serials is told of those alone."""
    pack = cases["active"].identity
    for serials, outcome in ((["OTHER"], "genuine"), ([pack.serial or ""], "do_not_use")):
        body = Recall(gtin=GTIN, depth="patients", reason="x", batches=[pack.batch or ""], serials=serials)
        statement = signed("recall", demo_house.key("agence-sante"), body)
        evidence = forger.grown(statement).remake(cases["active"].evidence, *enrolling(forger), statement)
        assert verdict(demo_house, pack, evidence).outcome == outcome
