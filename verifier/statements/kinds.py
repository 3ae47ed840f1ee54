"""The table of kinds: body, signers, keys, claims, readers and reducer of each. A new kind is a body file and a row.

The rows stand in kinds.json, which the browser reads too; here they meet their Python bodies.

>>> KINDS["batch"].roles
{'maker': ('own_gtin',)}
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from verifier.statements.answer import Answer
from verifier.statements.batch import Batch
from verifier.statements.body import Body
from verifier.statements.catalogue import Catalogue
from verifier.statements.clock import Clock
from verifier.statements.envelope import MEMO_BYTES, Statement
from verifier.statements.errors import Malformed
from verifier.statements.event import Event
from verifier.statements.genesis import Genesis
from verifier.statements.key import Key
from verifier.statements.member import Member
from verifier.statements.product import Product
from verifier.statements.recall import Recall

BODIES: Mapping[str, type[Body]] = {
    "genesis": Genesis,
    "member": Member,
    "key": Key,
    "product": Product,
    "batch": Batch,
    "event": Event,
    "recall": Recall,
    "catalogue": Catalogue,
    "clock": Clock,
    "answer": Answer,
}


@dataclass(frozen=True, slots=True)
class Kind:
    """One row: `roles` maps a role ("*": any) to the claims that must agree; `leaf`: whether it is registered;
    `readers` the class that may read it; `strangers` the fields that everybody else is told of it, by the answer."""

    name: str
    roles: Mapping[str, tuple[str, ...]]
    keys: frozenset[str]
    leaf: bool
    readers: str
    strangers: tuple[str, ...]
    personal: bool
    reducer: str


TABLE = json.loads(files("verifier.statements").joinpath("kinds.json").read_text("utf-8"))


def _table() -> dict[str, Kind]:
    return {
        name: Kind(
            name,
            {role: tuple(claims) for role, claims in row["roles"].items()},
            frozenset(row["keys"]),
            row["leaf"],
            row["readers"],
            tuple(row.get("strangers", ())),
            row["personal"],
            row["reducer"],
        )
        for name, row in TABLE["kinds"].items()
    }


KINDS = _table()


_NAMING = [kind.encode() for kind, body in BODIES.items() if body.deposits is not Body.deposits]
_NAMES_DEPOSITS = re.compile(rb"application/probatum\.(?:%b)\+cbor" % b"|".join(_NAMING))


def names_deposits(raw: bytes) -> bool:
    """Whether a statement's bytes are of a kind that may refer to deposits: looked for at the beginning, where the
    protected header names it, and read no further. A statement that only looks so is a loss of time."""
    return _NAMES_DEPOSITS.search(raw, 0, 128) is not None


def kind_of(statement: Statement) -> Kind:
    """The row of a statement's kind; raises Malformed for a kind nobody defined."""
    if statement.kind not in KINDS:
        raise Malformed("unknown_kind", value=statement.kind, expected=", ".join(KINDS), found=statement.kind[:60])
    return KINDS[statement.kind]


def body_of(statement: Statement) -> Body:
    """The body, valid, and the subject it must have; raises Malformed. Small ones are memoised by bytes."""
    body = (_body if len(statement.payload) <= MEMO_BYTES else _body.__wrapped__)(statement.kind, statement.payload)
    expected = _subject(statement.kind, statement.payload) if len(statement.payload) <= MEMO_BYTES else body.subject()
    if statement.subject != expected:
        raise Malformed("subject", value=statement.subject, expected=expected, found=statement.subject[:200])
    return body


@lru_cache(maxsize=4096)
def _body(kind: str, payload: bytes) -> Body:
    if kind not in BODIES:
        raise Malformed("unknown_kind", value=kind, expected=", ".join(BODIES), found=kind[:60])
    return BODIES[kind].decode(payload)


@lru_cache(maxsize=4096)
def _subject(kind: str, payload: bytes) -> str:
    return _body(kind, payload).subject()


def forget() -> None:
    """Empty the memo (benchmarks of a cold scan)."""
    _body.cache_clear()
    _subject.cache_clear()
