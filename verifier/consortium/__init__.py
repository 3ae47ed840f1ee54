"""WHAT HAPPENS WHEN ONE OF US FAILS, OR LIES? Five witnesses around the demo's ledger, in a folder that ends with them.

stage   the processes: witnesses, store, node, web, and a chain where there is one
play    the scenes: what is done, what is seen, and what must not be
liar    a witness that lies
"""

from collections.abc import Mapping
from pathlib import Path

from verifier.ledger.note import VerifierKey
from verifier.ledger.policy import Group, Policy, Witness
from verifier.witness import state

CARE = ("hopital-saint-roch", "pharmacie-du-canal", "pharmacie-des-halles")
AUTHORITY = "agence-sante"
OUTSIDE = "nordhavn-pharma"
WITNESSES = (*CARE, AUTHORITY, OUTSIDE)
"""Members of the demo; the last keeps an eye on the ledger, and no quorum counts it."""


def folder_of(data: Path, name: str) -> Path:
    """Where a witness keeps its key and what it cosigned."""
    return data / "witnesses" / name


def policy(log: VerifierKey, data: Path, ports: Mapping[str, int]) -> Policy:
    """Published when two of the three who care for patients have cosigned, and the authority. Any two such quorums
    share two witnesses: a fork takes both of them, and the log's key."""
    witnesses = [
        Witness(name, state.own_key(state.open_key(folder_of(data, name), name)), f"http://127.0.0.1:{port}")
        for name, port in ports.items()
    ]
    groups = Group("care", 2, CARE), Group("published", 2, ("care", AUTHORITY))
    return Policy(log, None, tuple(witnesses), groups, "published")
