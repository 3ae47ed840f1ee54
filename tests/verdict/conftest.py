"""What tests of the verdict take apart: the evidence of the demo's packs, gathered once for real."""

import pytest
from forge import Case, Forger, cases_of
from house import House


@pytest.fixture(scope="session")
def cases(demo_house: House) -> dict[str, Case]:
    """The demo's packs by what is wrong with them."""
    return cases_of(demo_house)


@pytest.fixture(scope="session")
def forger(demo_house: House, cases: dict[str, Case]) -> Forger:
    """The node of that house, gone bad."""
    return Forger(demo_house)
