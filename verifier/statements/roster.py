"""Who is who: members and keys as the ledger enrolled them, and whether a statement's signer may say it.

The rules of entitlement live here, over records; where the records are kept is the caller's business (the projection
in Redis, or the exhibits of one evidence file: both follow the same rules).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Protocol, cast

from msgspec import Struct
from msgspec.structs import replace as replace_struct

from verifier.statements.body import Body
from verifier.statements.envelope import Statement, kid_of, signed_by
from verifier.statements.errors import Refused
from verifier.statements.genesis import Genesis
from verifier.statements.key import Key
from verifier.statements.kinds import body_of, kind_of
from verifier.statements.member import Member

ROOT = "root"


class MemberRecord(Struct, frozen=True, kw_only=True):
    """A member; `since` is the leaf that completed its endorsement, None before. `statements` are the endorsements."""

    member: str
    name: str
    roles: list[str]
    country: str
    prefixes: list[str]
    body: bytes
    endorsers: list[bytes]
    statements: list[bytes]
    since: int | None = None


class KeyRecord(Struct, frozen=True, kw_only=True):
    """A key, valid for leaves `since` <= index < `until`; not believed from `compromised_since` on. `statements` are
    the ids that say so, `by` the keys (roots aside) that signed them: following `by` reaches the genesis."""

    public: bytes
    member: str
    purpose: str
    statements: list[bytes]
    by: list[bytes]
    since: int
    until: int | None = None
    compromised_since: int | None = None

    @property
    def kid(self) -> bytes:
        """The key id its statements carry."""
        return kid_of(self.public)


Record = MemberRecord | KeyRecord


class Directory(Protocol):
    """Where records are found. `threshold` is the k of the genesis, 0 before there is one."""

    def member(self, member: str) -> MemberRecord | None:
        """The record of a member id."""

    def key(self, kid: bytes) -> KeyRecord | None:
        """The record of a key id."""

    def threshold(self) -> int:
        """How many roots must endorse a member."""

    def prefixes(self) -> Mapping[str, str]:
        """Every enrolled company prefix and its member."""


@dataclass(frozen=True, slots=True)
class Roster:
    """A directory in memory; `with_records` returns the next one."""

    members: Mapping[str, MemberRecord] = field(default_factory=dict)
    keys: Mapping[bytes, KeyRecord] = field(default_factory=dict)
    k: int = 0

    def member(self, member: str) -> MemberRecord | None:
        """See Directory."""
        return self.members.get(member)

    def key(self, kid: bytes) -> KeyRecord | None:
        """See Directory."""
        return self.keys.get(kid)

    def threshold(self) -> int:
        """See Directory."""
        return self.k

    def prefixes(self) -> Mapping[str, str]:
        """See Directory."""
        return {prefix: m.member for m in self.members.values() if m.since is not None for prefix in m.prefixes}

    def with_records(self, records: tuple[Record, ...], threshold: int) -> "Roster":
        """The roster after these records."""
        members = {r.member: r for r in records if isinstance(r, MemberRecord)}
        keys = {r.kid: r for r in records if isinstance(r, KeyRecord)}
        return replace(self, members={**self.members, **members}, keys={**self.keys, **keys}, k=threshold)


def signer(statement: Statement, index: int, directory: Directory) -> MemberRecord:
    """The member that signed, entitled to say this as leaf `index`; raises Refused naming the rule it breaks."""
    kind, body = kind_of(statement), body_of(statement)
    key = directory.key(statement.kid)
    if key is None:
        raise Refused("unknown_key", value=statement.kid.hex(), expected="an enrolled key", found="no such key")
    if index < key.since or (key.until is not None and index >= key.until):
        found = f"leaf {index}, key valid from {key.since}" + (f" to {key.until}" if key.until is not None else "")
        raise Refused("revoked_key", value=statement.kid.hex(), expected="a key valid at its leaf", found=found)
    if not signed_by(statement, key.public):
        raise Refused("bad_signature", value=statement.kid.hex(), expected="the key's signature", found="another")
    if key.member != statement.member:
        raise Refused("issuer", value=statement.issuer, expected=key.member, found=statement.member)
    if key.purpose not in kind.keys:
        raise Refused("key_purpose", value=key.purpose, expected=" or ".join(sorted(kind.keys)), found=key.purpose)
    member = directory.member(key.member)
    if member is None or member.since is None:
        raise Refused("unknown_member", value=key.member, expected="an enrolled member", found="not enrolled")
    _entitled(body, member, kind.roles, kind.name)
    return member


def followed(kid: bytes, find: Callable[[bytes], KeyRecord | None]) -> list[KeyRecord]:
    """A key's record and those of the keys that signed for it, and so on: what makes its signatures count."""
    chain: dict[bytes, KeyRecord] = {}
    front = [kid]
    while front:
        record = find(front.pop())
        if record is not None and record.kid not in chain:
            chain[record.kid] = record
            front += record.by
    return list(chain.values())


def in_doubt(kid: bytes, index: int, directory: Directory) -> bool:
    """Whether leaf `index`, signed by this key, may be a thief's: the key was stolen by then, or one that enrolled it
    was when it did."""
    key = directory.key(kid)
    if key is None or (key.compromised_since is not None and index >= key.compromised_since):
        return True
    enrolling = ((by, directory.key(by)) for by in key.by)  # or revoking: that one may be the younger
    return any(in_doubt(by, key.since, directory) for by, other in enrolling if other and other.since < key.since)


def _entitled(body: Body, member: MemberRecord, roles: Mapping[str, tuple[str, ...]], kind: str) -> None:
    held = [role for role in roles if role in member.roles or role == "*"]
    if not held:
        found = ", ".join(member.roles)
        raise Refused("role", value=member.member, expected=f"{' or '.join(roles)} for a {kind}", found=found)
    for claims in (roles[role] for role in held):
        if all(CLAIMS[claim](body, member) for claim in claims):
            return
    claim = roles[held[0]][0]
    raise Refused(claim, value=member.member, expected=EXPECTED[claim], found=f"not {member.member}'s own")


def _own_gtin(body: Body, member: MemberRecord) -> bool:
    gtin = cast(str, getattr(body, "gtin", ""))
    return any(gtin[1:].startswith(prefix) for prefix in member.prefixes)


def _own_member(body: Body, member: MemberRecord) -> bool:
    return cast(str, getattr(body, "member", "")) == member.member


CLAIMS: Mapping[str, Callable[[Body, MemberRecord], bool]] = {"own_gtin": _own_gtin, "own_member": _own_member}
EXPECTED = {"own_gtin": "a GTIN under the signer's own GS1 company prefix", "own_member": "a key of the signer itself"}


def enrol(statement: Statement, index: int, directory: Directory) -> tuple[Record, ...]:
    """The records that a genesis, member or key statement at leaf `index` makes; raises Refused naming the rule."""
    body = body_of(statement)
    if isinstance(body, Genesis):
        return _genesis(statement, body, index, directory)
    signed = signer(statement, index, directory)
    if isinstance(body, Member):
        return _member(statement, body, index, directory)
    if isinstance(body, Key):
        return (_key(statement, body, index, directory, signed),)
    return ()


def _genesis(statement: Statement, body: Genesis, index: int, directory: Directory) -> tuple[Record, ...]:
    if index != 0 or directory.threshold():
        raise Refused("genesis", expected="leaf 0 of an empty ledger", found=f"leaf {index}")
    roots = {kid_of(public): public for public in body.roots}
    if statement.member != ROOT or statement.kid not in roots or not signed_by(statement, roots[statement.kid]):
        raise Refused("bad_signature", value=statement.kid.hex(), expected="one of its own roots", found="another key")
    everyone = (*body.roots, body.registry.key)
    if len(set(map(kid_of, everyone))) != len(everyone):
        raise Refused("key_taken", expected="different keys", found="a key twice")
    ids, node = [statement.id], body.registry
    keys = [
        KeyRecord(public=public, member=ROOT, purpose="root", statements=ids, by=[], since=0) for public in body.roots
    ]
    return (
        _founder(ROOT, body.consortium, ROOT, body.controller.country, statement),
        _founder(node.member, node.name, "registry", node.country, statement),
        *keys,
        KeyRecord(public=node.key, member=node.member, purpose="member", statements=ids, by=[], since=0),
    )


def _founder(member: str, name: str, role: str, country: str, genesis: Statement) -> MemberRecord:
    """A member that the genesis itself names: it needs no endorsement."""
    return MemberRecord(
        member=member,
        name=name,
        roles=[role],
        country=country,
        prefixes=[],
        body=sha256(genesis.payload).digest(),
        endorsers=[genesis.kid],
        statements=[genesis.id],
        since=0,
    )


def _member(statement: Statement, body: Member, index: int, directory: Directory) -> tuple[Record, ...]:
    digest, known = sha256(statement.payload).digest(), directory.member(body.member)
    if known is None:
        _check_new(body, directory)
    elif known.since is not None:
        raise Refused("already_enrolled", value=body.member, expected="a new member id", found=f"leaf {known.since}")
    elif known.body != digest:
        raise Refused("endorsement", value=body.member, expected="the body the first root signed", found="another")
    elif statement.kid in known.endorsers:
        raise Refused("endorsement", value=statement.kid.hex(), expected="another root", found="the same root twice")
    endorsers = [*(known.endorsers if known else []), statement.kid]
    done = len(endorsers) >= directory.threshold()
    if done:
        _check_new(body, directory)
    statements = [*(known.statements if known else []), statement.id]
    record = MemberRecord(
        member=body.member,
        name=body.name,
        roles=list(body.roles),
        country=body.country,
        prefixes=list(body.prefixes),
        body=digest,
        endorsers=endorsers,
        statements=statements,
        since=index if done else None,
    )
    if not done:
        return (record,)
    return record, KeyRecord(
        public=body.key, member=body.member, purpose="member", statements=statements, by=[], since=index
    )


def _check_new(body: Member, directory: Directory) -> None:
    if directory.key(kid_of(body.key)) is not None:
        raise Refused("key_taken", value=kid_of(body.key).hex(), expected="a new key", found="enrolled before")
    if body.member == ROOT:
        raise Refused("already_enrolled", value=body.member, expected="a new member id", found="the root's")
    for prefix in body.prefixes:
        for other, owner in directory.prefixes().items():
            if prefix.startswith(other) or other.startswith(prefix):
                raise Refused("prefix_taken", value=prefix, expected="a prefix nobody holds", found=f"{owner}: {other}")


def _key(statement: Statement, body: Key, index: int, directory: Directory, signed: MemberRecord) -> KeyRecord:
    known = directory.key(kid_of(body.public))
    by = [] if signed.member == ROOT else [statement.kid]
    if body.status == "enrolled":
        if known is not None:
            raise Refused("key_taken", value=known.kid.hex(), expected="a new key", found=f"enrolled at {known.since}")
        if signed.member == ROOT or (body.purpose == "answer" and not {"registry", "maker"} & set(signed.roles)):
            raise Refused("key_purpose", value=body.purpose, expected="a member's own key", found=signed.member)
        return KeyRecord(
            public=body.public, member=body.member, purpose=body.purpose, statements=[statement.id], by=by, since=index
        )
    if known is None or known.until is not None or known.purpose == "root":
        found = "no such key" if known is None else "already revoked" if known.until is not None else "a root"
        raise Refused("revocation", value=kid_of(body.public).hex(), expected="an enrolled key", found=found)
    if known.member != body.member or known.purpose != body.purpose:
        raise Refused("revocation", value=body.member, expected=f"{known.member}, {known.purpose}", found=body.member)
    return replace_struct(
        known,
        statements=[*known.statements, statement.id],
        by=[*known.by, *(kid for kid in by if kid not in (*known.by, known.kid))],
        until=index,
        compromised_since=body.compromised_since,
    )
