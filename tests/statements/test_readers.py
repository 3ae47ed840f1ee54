"""The rule of who may read what, as a table: each reader against each class."""

from dataclasses import dataclass

import pytest

from verifier.statements.answer import Stop
from verifier.statements.kinds import KINDS
from verifier.statements.readers import CLASSES, WORDS, Parties, may_fetch, may_read


@dataclass(frozen=True)
class Asker:
    member: str
    roles: frozenset[str] = frozenset({"pharmacy"})
    witness: bool = False


EVENT = Parties("carrier", frozenset({"canal"}))
ASKERS = (
    (None, False),
    (Asker("carrier"), True),
    (Asker("canal"), True),
    (Asker("aubrac", frozenset({"maker"})), False),
    (Asker("halles"), False),
    (Asker("agency", frozenset({"authority"})), True),
    (Asker("saint-roch", frozenset({"hospital"})), False),
    (Asker("nordhavn", frozenset({"maker"})), False),
    (Asker(""), False),
    (Asker("node", frozenset({"registry"})), True),
    (Asker("witness", frozenset({"hospital"}), witness=True), True),
)


@pytest.mark.parametrize(("asker", "may"), ASKERS, ids=[a.member if a else "nobody" for a, _ in ASKERS])
def test_an_event_is_for_its_parties(asker: Asker | None, may: bool) -> None:
    assert may_read(KINDS["event"], EVENT, asker) is may
    assert may_read(KINDS["recall"], EVENT, asker)


@pytest.mark.parametrize(("asker", "may"), ASKERS, ids=[a.member if a else "nobody" for a, _ in ASKERS])
def test_a_deposit_is_for_its_signer_and_who_keeps_the_ledger(asker: Asker | None, may: bool) -> None:
    """Who is named in a statement has it, and not what it names."""
    named = asker is not None and asker.member == "canal"
    assert may_fetch(EVENT, asker) is (may and not named)


def test_every_kind_names_a_class_and_every_class_words_that_have_a_test() -> None:
    assert {kind.readers for kind in KINDS.values()} | {"deposits"} == set(CLASSES)
    assert {word for words in CLASSES.values() for word in words} == set(WORDS) | {"anyone"}
    assert all(words for words in CLASSES.values())


def test_what_is_not_for_anyone_says_what_strangers_learn_of_it() -> None:
    for kind in KINDS.values():
        assert bool(kind.strangers) == ("anyone" not in CLASSES[kind.readers])
    assert KINDS["event"].strangers == Stop.__struct_fields__
