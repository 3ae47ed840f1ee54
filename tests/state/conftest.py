"""The projection in memory: what the reducers are given when no store is near."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest
from forge import ledger_of
from house import House

from verifier.state.keys import Name
from verifier.state.replay import Admission, admit
from verifier.statements.envelope import Statement


@dataclass
class Memory:
    """The projection of the leaves followed so far."""

    values: dict[Name, bytes] = field(default_factory=dict)
    size: int = 0

    def admit(self, statement: Statement) -> Admission:
        """What the statement would be as the next leaf; changes nothing."""
        return admit(statement, self.size, self.values.get)

    def follow(self, statements: Iterable[Statement]) -> "Memory":
        """The projection with these leaves too."""
        for statement in statements:
            self.values.update(self.admit(statement).changes)
            self.size += 1
        return self


@pytest.fixture(scope="module")
def ledger(demo_house: House) -> tuple[Statement, ...]:
    """The demo's leaves, in order."""
    return ledger_of(demo_house)


@pytest.fixture
def memory(ledger: tuple[Statement, ...]) -> Memory:
    """The demo's projection."""
    return Memory().follow(ledger)
