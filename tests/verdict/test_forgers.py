"""Members, thieves and nodes that make evidence themselves: what they may not say is not believed, even as a leaf.

Each forgery is logged, proved and answered by a node that plays along; only the one lie is wrong. The control says
that the same making, without the lie, is genuine.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from forge import Case, Forger, answer_of, key_statement, signed, verdict
from house import House, with_element

from verifier.identity import Identity
from verifier.node.keyfile import KeyFile
from verifier.statements import serials
from verifier.statements.batch import Batch
from verifier.statements.cbor import encode
from verifier.statements.envelope import TAG_18, Statement, read
from verifier.statements.genesis import Genesis
from verifier.statements.kinds import body_of
from verifier.statements.member import Member
from verifier.statements.product import Product
from verifier.verdict.evidence import Evidence

SECRET = bytes(range(32))
AUBRAC, NORDHAVN, AUTHORITY, CANAL = (
    "laboratoires-aubrac", "nordhavn-pharma", "agence-sante", "pharmacie-du-canal"
)  # fmt: skip
THIEF = KeyFile(AUBRAC, bytes([9]) * 32)


@pytest.fixture
def case(cases: dict[str, Case]) -> Case:
    return cases["active"]


def shown(forger: Forger, case: Case) -> list[Statement]:
    """The statements in its evidence."""
    return [forger.leaves[exhibit.index] for exhibit in case.evidence.statements]


def batch_of(case: Case, key: KeyFile, lot: str = "FORGED1", member: str | None = None) -> Statement:
    """A batch of the one pack, by any key in any member's name."""
    tree = serials.build([(case.identity.serial or "").encode()], SECRET)
    body = Batch.of(
        {"gtin": case.identity.gtin, "batch": lot, "expiry": case.identity.expiry, "market": ["FR"], "count": 1}
        | {"k": tree.k, "root": tree.root, "manifest": bytes(32)}
    )
    return signed("batch", key, body, member=member)


def issued(forger: Forger, case: Case, *leaves: Statement, after: tuple[Statement, ...] = ()) -> Case:
    """The pack of the first of `leaves` that is a batch, proved and answered; `after` are shown later leaves."""
    batch = next(leaf for leaf in leaves if leaf.kind == "batch")
    body = body_of(batch)
    assert isinstance(body, Batch)
    identity = with_element(case.identity, "10", body.batch)
    serial = (identity.serial or "").encode()
    proof = serials.prove(serial, [serial], SECRET, (), 0)
    own = next(statement.id for statement in shown(forger, case) if statement.kind == "batch")
    node = forger.grown(*leaves, *after)
    evidence = node.remake(case.evidence, *leaves, *after, without=[own], identity=identity.digital_link())
    return Case(identity, replace(evidence, serial=proof))


def reasons(house: House, case: Case) -> tuple[str, ...]:
    return verdict(house, case.identity, case.evidence).reasons


def test_control_the_maker_may(demo_house: House, forger: Forger, case: Case) -> None:
    honest = issued(forger, case, batch_of(case, demo_house.key(AUBRAC)))
    assert reasons(demo_house, honest) == ("genuine", "not_recorded")


WHO: dict[str, Callable[[House, Forger], tuple[KeyFile, str | None]]] = {
    "another maker, of this one's GTIN": lambda house, _: (house.key(NORDHAVN), None),
    "another maker, in this one's name": lambda house, _: (house.key(NORDHAVN), AUBRAC),
    "a pharmacy": lambda house, _: (house.key(CANAL), None),
    "the authority": lambda house, _: (house.key(AUTHORITY), None),
    "the node": lambda _, forger: (forger.node, None),
    "the node's answer key, in the maker's name": lambda _, forger: (forger.answerer, AUBRAC),
    "a root, in the maker's name": lambda house, _: (house.key("root-1"), AUBRAC),
    "a key nobody enrolled": lambda *_: (THIEF, None),
}


@pytest.mark.parametrize("who", WHO)
def test_a_batch_signed_by_anyone_else_is_not_believed(
    demo_house: House, forger: Forger, case: Case, cases: dict[str, Case], who: str
) -> None:
    key, member = WHO[who](demo_house, forger)
    enrolled = [leaf for leaf in shown(forger, cases["imported"]) if leaf.kind == "member"]  # of the other maker
    lie = batch_of(case, key, member=member)
    forged = issued(forger, case, lie)
    whole = Forger(demo_house, (*forger.leaves, lie)).remake(forged.evidence, *enrolled)
    for evidence in (forged.evidence, replace(whole, serial=forged.evidence.serial)):
        found = verdict(demo_house, forged.identity, evidence)
        assert found.outcome == "unverified"
        assert "missing_issue" in found.reasons


def test_a_device_key_signs_no_batch(demo_house: House, forger: Forger, case: Case) -> None:
    device = key_statement(demo_house.key(AUBRAC), THIEF.public, purpose="device")
    assert "missing_issue" in reasons(demo_house, issued(forger, case, device, batch_of(case, THIEF)))


def test_a_key_enrolled_after_or_revoked_before_signs_nothing(demo_house: House, forger: Forger, case: Case) -> None:
    maker = demo_house.key(AUBRAC)
    enrol, end = key_statement(maker, THIEF.public), key_statement(maker, THIEF.public, "revoked")
    batch = batch_of(case, THIEF)
    assert reasons(demo_house, issued(forger, case, enrol, batch))[0] == "genuine"
    assert reasons(demo_house, issued(forger, case, enrol, batch, end))[0] == "genuine"  # it was good when it signed
    assert "missing_issue" in reasons(demo_house, issued(forger, case, batch, enrol))
    assert "missing_issue" in reasons(demo_house, issued(forger, case, enrol, end, batch))


@pytest.mark.parametrize(("before", "code"), [(0, "key_compromised"), (-1, "key_compromised"), (1, "genuine")])
def test_what_a_stolen_key_signed_is_in_doubt(
    demo_house: House, forger: Forger, case: Case, before: int, code: str
) -> None:
    maker = demo_house.key(AUBRAC)
    enrol, batch = key_statement(maker, THIEF.public), batch_of(case, THIEF)
    leaf = forger.size + 1
    end = key_statement(maker, THIEF.public, "revoked", compromised_since=leaf + before)
    assert reasons(demo_house, issued(forger, case, enrol, batch, end))[0] == code


def test_a_key_that_a_stolen_key_enrolled_is_in_doubt(demo_house: House, forger: Forger, case: Case) -> None:
    """The thief enrols a key of his own before the theft is told; only the stolen one is then named."""
    maker, stolen = demo_house.key(AUBRAC), KeyFile(AUBRAC, bytes([8]) * 32)
    first, second = key_statement(maker, stolen.public), key_statement(stolen, THIEF.public)
    end = key_statement(maker, stolen.public, "revoked", compromised_since=forger.size + 1)
    forged = issued(forger, case, first, second, batch_of(case, THIEF), end)
    assert reasons(demo_house, forged) == ("key_compromised",)


def test_a_stolen_key_that_ends_itself_casts_no_doubt_on_what_was_before(
    demo_house: House, forger: Forger, case: Case
) -> None:
    """A maker with one key revokes it with that key: the packs it signed before the theft stay genuine."""
    maker = demo_house.key(AUBRAC)
    end = key_statement(maker, maker.public, "revoked", compromised_since=forger.size)
    assert verdict(demo_house, case.identity, forger.grown(end).remake(case.evidence, end)).outcome == "genuine"


def test_the_house_shows_the_theft_of_a_key_further_up(house: House) -> None:
    """As above, through the real doors and the real gathering."""
    house.seed()
    maker, stolen, seen = house.key(AUBRAC), KeyFile(AUBRAC, bytes([8]) * 32), house.world.pack("current", 3)
    assert house.register(key_statement(maker, stolen.public).raw).status_code == 201
    leaf = house.register(key_statement(stolen, THIEF.public).raw).get_json()["index"]
    product = Product(gtin=seen.gtin or "", name="Amoxadine 500 mg")
    assert house.register(signed("product", THIEF, product).raw).status_code == 201
    assert house.codes(seen)[0] == "genuine"
    end = key_statement(maker, stolen.public, "revoked", compromised_since=leaf)
    assert house.register(end.raw).status_code == 201
    assert house.codes(seen) == ["key_compromised"]


ANSWERERS: dict[str, Callable[[House, Forger], KeyFile]] = {
    "the node's member key": lambda _, forger: forger.node,
    "a pharmacy": lambda house, _: house.key(CANAL),
    "a pharmacy in the node's name": lambda house, forger: KeyFile(forger.node.member, house.key(CANAL).seed),
    "the maker": lambda house, _: house.key(AUBRAC),
    "a root": lambda house, _: house.key("root-1"),
    "the log": lambda _, forger: KeyFile(forger.node.member, forger.log.seed),
    "nobody": lambda _, forger: KeyFile(forger.node.member, THIEF.seed),
}


@pytest.mark.parametrize("who", ANSWERERS)
def test_an_answer_by_anyone_but_the_answer_key_is_not_believed(
    demo_house: House, forger: Forger, case: Case, who: str
) -> None:
    evidence = forger.remake(case.evidence, key=ANSWERERS[who](demo_house, forger))
    found = verdict(demo_house, case.identity, evidence)
    assert found.outcome == "unverified"
    assert found.answers["hands"] == "unknown"
    assert found.as_of is None


@pytest.mark.parametrize("by", ["maker", "node for the maker"])
def test_an_answer_key_is_the_registrys_alone(demo_house: House, forger: Forger, case: Case, by: str) -> None:
    maker = demo_house.key(AUBRAC)
    signer = maker if by == "maker" else KeyFile(AUBRAC, forger.node.seed)
    enrol = key_statement(signer, THIEF.public, purpose="answer")
    evidence = forger.grown(enrol).remake(case.evidence, enrol, key=THIEF)
    assert verdict(demo_house, case.identity, evidence).outcome == "unverified"


@pytest.mark.parametrize("stolen", [None, 0])
def test_an_ended_answer_key_of_a_maker_answers_no_more(
    demo_house: House, forger: Forger, cases: dict[str, Case], stolen: int | None
) -> None:
    case, (maker,), member = cases["unknown"], forger.makers, demo_house.key(AUBRAC)
    said = {"purpose": "answer"} | ({} if stolen is None else {"compromised_since": stolen})
    end = key_statement(member, maker.public, "revoked", **said)
    assert reasons(demo_house, case) == ("unknown",)
    lie = forger.grown(end).remake(case.evidence, end, key=maker)
    assert reasons(demo_house, Case(case.identity, lie)) == ("broken_evidence", "missing_issue")


@pytest.mark.parametrize("stolen", [None, 0])
def test_a_revoked_answer_key_answers_no_more(
    demo_house: House, forger: Forger, case: Case, stolen: int | None
) -> None:
    said = {"purpose": "answer"} | ({} if stolen is None else {"compromised_since": stolen})
    end = key_statement(forger.node, forger.answerer.public, "revoked", **said)
    evidence = forger.grown(end).remake(case.evidence, end)
    assert verdict(demo_house, case.identity, evidence).outcome == "unverified"


def test_an_answer_about_another_checkpoint_is_not_believed(demo_house: House, forger: Forger, case: Case) -> None:
    product = signed("product", demo_house.key(AUBRAC), Product(gtin=case.identity.gtin or "", name="Other"))
    later = forger.grown(product).remake(case.evidence)
    now = forger.remake(case.evidence)
    for evidence in (
        replace(now, answer=later.answer),
        replace(later, answer=now.answer),
        replace(now, checkpoint=later.checkpoint),
        replace(now, statements=later.statements),
        forger.remake(case.evidence, root=bytes(32)),
        forger.remake(case.evidence, size=forger.size - 1),
        forger.remake(case.evidence, size=forger.size + 1),
    ):
        assert verdict(demo_house, case.identity, evidence).outcome == "unverified"


def test_statements_that_are_no_exhibits_are_not_believed(
    demo_house: House, forger: Forger, case: Case, cases: dict[str, Case]
) -> None:
    """Listed in the answer and leaves for sure, but about another product, another lot, or nothing of the kind."""
    kinds = {leaf.kind: leaf for leaf in forger.leaves}
    other, lot = shown(forger, cases["imported"]), shown(forger, cases["expired"])
    members = [s for s in other if s.kind == "member"]
    lies = [s for s in (*lot, *other) if s.kind in ("product", "batch") and s not in shown(forger, case)]
    for extra in (kinds["event"], kinds["clock"], *lies):
        found = verdict(demo_house, case.identity, forger.remake(case.evidence, extra, *members))
        assert found.outcome == "unverified"


def test_the_answer_must_name_what_is_shown_and_no_more(demo_house: House, forger: Forger, case: Case) -> None:
    applies = answer_of(case.evidence).applies
    for named, code in ((sorted([*applies, bytes(32)]), "missing_recalls"), (applies[1:], "broken_evidence")):
        found = verdict(demo_house, case.identity, forger.remake(case.evidence, applies=named))
        assert found.reasons == (code,)


def member_body(**fields: Any) -> Member:
    body = {"member": "faux-labo", "name": "Faux", "roles": ["maker"], "country": "FR", "prefixes": ["952300"]}
    return Member.of(body | {"key": THIEF.public} | fields)


def test_a_member_needs_its_roots(demo_house: House, forger: Forger, case: Case) -> None:
    """One root, the same root twice, members in its place: none of them enrols a maker."""
    gtin = "09523000000012"
    thief = KeyFile("faux-labo", THIEF.seed)
    pack = Case(with_element(case.identity, "01", gtin), case.evidence)
    roots = [demo_house.key(f"root-{n}") for n in (1, 2)]
    product = signed("product", thief, Product(gtin=gtin, name="Faux"))
    own = [s.id for s in forger.leaves if s.kind in ("product", "member")]

    def said(*endorsements: Statement) -> tuple[str, ...]:
        leaves = (*endorsements, product, batch_of(pack, thief))
        made = issued(forger, pack, *leaves)
        evidence = forger.grown(*leaves).remake(made.evidence, without=own)
        return reasons(demo_house, Case(made.identity, replace(evidence, serial=made.evidence.serial)))

    first, second = (signed("member", root, member_body()) for root in roots)
    assert said(first, second)[0] == "genuine"
    again = signed("member", roots[0], member_body(), moment=1_700_000_001)
    other = signed("member", roots[1], member_body(name="Autre"))
    by_member = signed("member", demo_house.key(AUBRAC), member_body())
    for endorsements in ((first,), (first, again), (first, other), (first, by_member), ()):
        assert "missing_issue" in said(*endorsements)


@pytest.mark.parametrize("element", [("17", "491231"), ("10", "OTHER1")])
def test_a_pack_printed_with_another_date_or_lot_is_not_its_batchs(
    demo_house: House, forger: Forger, case: Case, element: tuple[str, str]
) -> None:
    """The serial is under the maker's root, and the node swears to the code as printed."""
    forged = issued(forger, case, batch := batch_of(case, demo_house.key(AUBRAC)))
    printed = with_element(forged.identity, *element)
    answer = replace_answer(forger.grown(batch), forged, printed)
    assert verdict(demo_house, printed, answer).outcome == "unverified"


def replace_answer(node: Forger, case: Case, identity: Identity) -> Evidence:
    lie = node.remake(case.evidence, identity=identity.digital_link())
    return replace(lie, serial=case.evidence.serial)


def test_an_exhibit_shown_twice_in_its_place_is_not_carried_along(demo_house: House, case: Case) -> None:
    statements = case.evidence.statements
    for n in range(len(statements)):
        doubled = (*statements[: n + 1], *statements[n:])
        assert verdict(demo_house, case.identity, replace(case.evidence, statements=doubled)).outcome == "unverified"


def test_a_second_genesis_changes_nothing(demo_house: House, forger: Forger, case: Case) -> None:
    first = body_of(forger.leaves[0])
    assert isinstance(first, Genesis)
    genesis = signed("genesis", demo_house.key("root-1"), first)
    found = verdict(demo_house, case.identity, forger.grown(genesis).remake(case.evidence, genesis))
    assert found.reasons == ("broken_evidence",)


def test_unprotected_headers_are_not_carried_along(demo_house: House, forger: Forger, case: Case) -> None:
    """They are outside the id and the signature: anything could ride there."""
    exhibit = case.evidence.statements[-1]
    statement = read(exhibit.raw)
    ridden = TAG_18 + encode([statement.protected, {99: b"x"}, statement.payload, statement.signature])
    assert read(ridden).id == statement.id
    statements = (*case.evidence.statements[:-1], replace(exhibit, raw=ridden))
    answer = read(case.evidence.answer or b"")
    parts = [answer.protected, {99: b"x"}, answer.payload, answer.signature]
    for evidence in (
        replace(case.evidence, statements=statements),
        replace(case.evidence, answer=TAG_18 + encode(parts)),
    ):
        assert verdict(demo_house, case.identity, evidence).outcome == "unverified"
