"""C2SP tlog-policy: whose checkpoints are believed, and how many witnesses it takes. Only policies may live here.

    log <vkey> [url]                       whose checkpoints are believed: any one of these
    witness <name> <vkey> [url]            whose cosignatures count
    group <name> all|any|<k> <member>...   k of its members, each a witness or a group, defined above and used once
    quorum <name>|none                     what must have cosigned

>>> log = VerifierKey.of_seed("log.example", bytes(32))
>>> keys = [VerifierKey.of_seed(f"{n}.example", bytes([n]) * 32, 4) for n in (1, 2, 3)]
>>> text = f"log {log}\\n" + "".join(f"witness w{n} {key}\\n" for n, key in enumerate(keys, 1))
>>> policy = parse(text + "group hospitals 2 w1 w2 w3\\nquorum hospitals\\n")
>>> policy.satisfied({"w1"}), policy.satisfied({"w1", "w3"})
(False, True)
>>> policy.quorum_time({"w1": 1003, "w2": 1001, "w3": 1002}), policy.overlap()
(1002, 1)
>>> parse(text + "group any any w1 w2 w3\\nquorum any\\n").require_overlap()
Traceback (most recent call last):
verifier.ledger.policy.PolicyError: quorum any: expected any two to share a witness, found two that share none
"""

import re
from collections.abc import Callable, Collection, Mapping, Sized
from dataclasses import dataclass, field
from typing import TypeVar

from verifier.ledger.encoding import LedgerError, decode_decimal
from verifier.ledger.note import COSIGNATURES, ED25519, ML_DSA_COSIGNATURE, VerifierKey

NONE = "none"
LIMIT = 32  # logs, witnesses and groups, each: what the specification asks for
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_NOT_IN_WORD = re.compile(r"[\x00-\x20\x7f]")  # what may not stand in a name or a URL: the rest is opaque


SHAPES = {
    "log": "`log vkey [url]`",
    "witness": "`witness name vkey [url]`",
    "group": "`group name all|any|k member...`",
    "quorum": "`quorum name|none`",
}


class PolicyError(LedgerError):
    """A policy that is malformed, or one that must not be trusted."""


@dataclass(frozen=True, slots=True)
class Log:
    """A log's key (its name is the log's origin), and where it is served."""

    key: VerifierKey
    url: str | None = None

    def __str__(self) -> str:
        return " ".join(["log", str(self.key), *([self.url] if self.url else [])])


@dataclass(frozen=True, slots=True)
class Witness:
    """`name` means nothing outside the policy; `key` signs cosignatures; `url` is the submission prefix."""

    name: str
    key: VerifierKey
    url: str | None = None

    def __str__(self) -> str:
        return " ".join(["witness", self.name, str(self.key), *([self.url] if self.url else [])])


@dataclass(frozen=True, slots=True)
class Group:
    """Cosigned when `k` of its members have: names of witnesses, or of groups defined before it."""

    name: str
    k: int
    members: tuple[str, ...]

    def __str__(self) -> str:
        return " ".join(["group", self.name, str(self.k), *self.members])


V = TypeVar("V")
L = TypeVar("L", Log, Witness)


@dataclass(frozen=True, slots=True)
class Policy:
    """A checkpoint is valid if `log` (or one of `others`) signed it and `quorum`, a witness, a group or none, cosigned.

    Raises PolicyError where a name is not defined before it is used, or a rule of the format is broken.
    """

    log: VerifierKey
    log_url: str | None = None
    witnesses: tuple[Witness, ...] = ()
    groups: tuple[Group, ...] = ()
    quorum: str = NONE
    others: tuple[Log, ...] = ()

    def __post_init__(self) -> None:
        book = _Book()
        lines: tuple[Log | Witness | Group, ...] = (*self.logs, *self.witnesses, *self.groups)
        for line in lines:
            book.add(line)
        book.decide(self.quorum)

    def __str__(self) -> str:
        return "".join(f"{line}\n" for line in (*self.logs, *self.witnesses, *self.groups, f"quorum {self.quorum}"))

    @property
    def logs(self) -> tuple[Log, ...]:
        """Every log that is believed."""
        return (Log(self.log, self.log_url), *self.others)

    def satisfied(self, names: Collection[str]) -> bool:
        """Whether these witnesses, by the policy's names, are a quorum."""
        return self.quorum == NONE or self.quorum_time(dict.fromkeys(names, 0)) is not None

    def quorum_time(self, times: Mapping[str, int]) -> int | None:
        """The earliest moment at which those who cosigned by then, at `times` by the policy's names, were a quorum;
        None where they are none, or the policy asks for none."""
        known = {witness.name: times.get(witness.name) for witness in self.witnesses}

        def kth(group: Group, values: list[int | None]) -> int | None:
            there = sorted(value for value in values if value is not None)
            return there[group.k - 1] if len(there) >= group.k else None

        return self._fold(known, kth)

    def confirmed_since(self, times: Mapping[str, int]) -> int | None:
        """The latest moment since which a quorum has cosigned; else as `quorum_time`. How fresh a tree is: by that
        other time one liar who signs today would make fresh what the rest of a quorum last saw a year ago."""
        latest = self.quorum_time({name: -time for name, time in times.items()})
        return None if latest is None else -latest

    def overlap(self) -> int:
        """The fewest witnesses that any two quorums share: as many must lie for two histories to be believed. 0 where
        two quorums need not meet, and with quorum none. A log that witnesses itself counts for nothing.

        Two sets of k among n share at least 2k - n, and at worst those whose own quorums share the fewest.
        """
        own = {log.key.public for log in self.logs}
        apart = {witness.name: int(witness.key.public not in own) for witness in self.witnesses}

        def fewest(group: Group, values: list[int]) -> int:
            return sum(sorted(values)[: max(0, 2 * group.k - len(values))])

        return self._fold(apart, fewest) or 0

    def require_overlap(self) -> None:
        """Raises PolicyError where two quorums need not share a witness: each could cosign a history of its own."""
        if self.quorum != NONE and self.overlap() == 0:
            expected = "any two to share a witness"
            raise PolicyError(f"quorum {self.quorum}", expected=expected, found="two that share none")

    def _fold(self, values: Mapping[str, V], join: Callable[[Group, list[V]], V]) -> V | None:
        """The quorum's value, from its witnesses' up: groups stand in the order of their definition."""
        known = dict(values)
        for group in self.groups:
            known[group.name] = join(group, [known[member] for member in group.members])
        return known.get(self.quorum)


def parse(text: str | bytes) -> Policy:
    """Read a policy; raises PolicyError naming the line. Comments (#) and empty lines are ignored.

    Octets beyond ASCII are opaque: of a file's bytes, what is no UTF-8 is kept as Python's surrogateescape. A str is
    UTF-8 throughout, so that what it names can be shown.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", "surrogateescape")
    elif _SURROGATE.search(text):
        raise PolicyError("policy", expected="text that has a UTF-8", found="a surrogate")
    if control := _CONTROL.search(text):
        raise PolicyError("policy", expected="no control character but tab and newline", found=repr(control[0]))
    if not text.endswith("\n"):  # a file cut short may name another quorum than its writer's
        raise PolicyError("policy", expected="a newline after its last line", found=repr(text[-20:]))
    book = _Book()
    for number, line in enumerate(text[:-1].split("\n"), 1):
        words = re.split(r"[ \t]+", line.strip(" \t"))  # split() would also break at spaces beyond ASCII
        if words[0] and not words[0].startswith("#"):
            try:
                _read(words, book)
            except LedgerError as fault:
                what = f"line {number}: {fault.value}"
                raise PolicyError(what, expected=fault.expected, found=fault.found) from fault
    return book.policy()


@dataclass(slots=True)
class _Book:
    """The lines so far. Every rule of the format that is about more than one line is kept here, for whoever reads a
    policy and for whoever builds one."""

    logs: list[Log] = field(default_factory=list)
    witnesses: list[Witness] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    quorum: str | None = None
    defined: set[str] = field(default_factory=lambda: {NONE})
    free: set[str] = field(default_factory=set)  # defined, and a member of no group yet

    def add(self, line: Log | Witness | Group) -> None:
        """Raises PolicyError."""
        if isinstance(line, Log):
            _add_key("log", line, self.logs, (ED25519, ML_DSA_COSIGNATURE))
            return
        if isinstance(line, Witness):
            _add_key("witness", line, self.witnesses, COSIGNATURES)
        else:
            self._add_group(line)
        if not line.name or _NOT_IN_WORD.search(line.name):
            raise PolicyError("name", expected="no space or control character, not empty", found=repr(line.name[:100]))
        if line.name in self.defined:
            raise PolicyError("name", expected="one that is not defined yet", found=repr(line.name[:100]))
        self.defined.add(line.name)
        self.free.add(line.name)

    def _add_group(self, group: Group) -> None:
        what = f"group {group.name[:100]}"
        if not 1 <= group.k <= len(group.members):
            raise PolicyError(what, expected=f"1 to {len(group.members)} of its members", found=group.k)
        for member in group.members:
            if member not in self.free:
                raise PolicyError(what, expected="members defined above and each used once", found=repr(member[:100]))
            self.free.remove(member)
        _room("groups", self.groups)
        self.groups.append(group)

    def decide(self, quorum: str) -> None:
        """Raises PolicyError."""
        if self.quorum is not None:
            raise PolicyError("quorum", expected="one quorum line", found=repr(quorum[:100]))
        if quorum not in self.defined:
            raise PolicyError("quorum", expected="none, or a name defined above", found=repr(quorum[:100]))
        self.quorum = quorum

    def policy(self) -> Policy:
        """Raises PolicyError where lines are missing."""
        if not self.logs or self.quorum is None:
            found = "no quorum" if self.logs else "no log"
            raise PolicyError("policy", expected="a log line and one quorum line", found=found)
        log, *others = self.logs
        return Policy(log.key, log.url, tuple(self.witnesses), tuple(self.groups), self.quorum, tuple(others))


def _add_key(what: str, line: L, known: list[L], kinds: tuple[int, ...]) -> None:
    if line.key.kind not in kinds:
        raise PolicyError(f"{what} key", expected=f"a key of type {' or '.join(map(str, kinds))}", found=line.key.kind)
    if any(line.key.public == other.key.public for other in known):  # whatever its name and type
        raise PolicyError(f"{what} key", expected=f"one {what} a key", found=f"the key of {line.key.name} again")
    if line.url is not None and (not line.url or _NOT_IN_WORD.search(line.url)):
        raise PolicyError(f"{what} URL", expected="no space or control character", found=repr(line.url))
    _room(f"{what} lines", known)
    known.append(line)


def _room(what: str, known: Sized) -> None:
    if len(known) >= LIMIT:
        raise PolicyError(what, expected=f"at most {LIMIT}", found=f"more than {LIMIT}")


def _read(words: list[str], book: _Book) -> None:
    match words:
        case ["log", key, *url] if len(url) < 2:
            book.add(Log(VerifierKey.parse(key), *url))
        case ["witness", name, key, *url] if len(url) < 2:
            book.add(Witness(name, VerifierKey.parse(key), *url))
        case ["group", name, k, first, *more]:
            book.add(Group(name, _threshold(k, 1 + len(more)), (first, *more)))
        case ["quorum", name]:
            book.decide(name)
        case [word, *_]:
            if word in SHAPES:
                raise PolicyError(word, expected=SHAPES[word], found=repr(" ".join(words)[:100]))
            raise PolicyError("word", expected="log, witness, group or quorum", found=repr(word[:100]))


def _threshold(text: str, members: int) -> int:
    return {"any": 1, "all": members}.get(text) or decode_decimal(text, "threshold", PolicyError)
