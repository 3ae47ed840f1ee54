"""Policies: what is read, what is refused, and when two quorums may cosign two histories."""

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verifier.ledger import policy
from verifier.ledger.note import COSIGNATURE, ML_DSA_COSIGNATURE, VerifierKey
from verifier.ledger.policy import Group, Log, Policy, PolicyError, Witness

LOG, OTHER = VerifierKey.of_seed("log.example", bytes(32)), VerifierKey.of_seed("other.example", bytes([1]) * 32)


def witness(number: int, kind: int = COSIGNATURE) -> Witness:
    return Witness(f"w{number}", VerifierKey.of_seed(f"{number}.example", number.to_bytes(32), kind))


WITNESSES = tuple(witness(number) for number in range(1, 7))
HOSPITALS = Group("hospitals", 2, ("w1", "w2", "w3"))
BOTH = (HOSPITALS, Group("authority", 1, ("w4",)), Group("both", 2, ("hospitals", "authority")))
CONSORTIUM = Policy(LOG, "https://log.example/", WITNESSES, BOTH, "both")


@pytest.mark.parametrize("url", [None, "https://log.example/", "https://é.example/#x"])
def test_a_policy_comes_back(url: str | None) -> None:
    assert policy.parse(str(Policy(LOG, url))) == Policy(LOG, url, quorum="none")


def test_witnesses_groups_and_more_logs_come_back() -> None:
    assert policy.parse(str(CONSORTIUM)) == CONSORTIUM
    post_quantum = Witness("w9", VerifierKey.of_seed("9.example", bytes([9]) * 32, ML_DSA_COSIGNATURE), "https://9/")
    whole = Policy(LOG, None, (*WITNESSES, post_quantum), BOTH, "w9", (Log(OTHER, "https://o/"),))
    assert policy.parse(str(whole)) == whole
    assert hash(policy.parse(str(whole))) == hash(whole)


def test_comments_blank_lines_tabs_and_order_do_not_matter() -> None:
    text = f"\n \t\n# quorum any\n\t # log x\nquorum \t none\t\n  log\t{LOG}   https://log.example/  \n#\u2028log\n"
    assert policy.parse(text) == Policy(LOG, "https://log.example/")
    mixed = f"witness w1 {WITNESSES[0].key}\nquorum w1\nwitness w2 {WITNESSES[1].key}\nlog {LOG}\ngroup g all w1 w2\n"
    assert policy.parse(mixed) == Policy(LOG, None, WITNESSES[:2], (Group("g", 2, ("w1", "w2")),), "w1")


def test_any_is_one_and_all_is_every_member() -> None:
    lines = str(Policy(LOG, None, WITNESSES))
    read = policy.parse(f"{lines}group a any w1 w2\ngroup b all w3 w4\ngroup c 2 w5 w6 a\n")
    assert read.groups == (Group("a", 1, ("w1", "w2")), Group("b", 2, ("w3", "w4")), Group("c", 2, ("w5", "w6", "a")))


def test_names_are_opaque_octets_never_characters() -> None:
    """A Kelvin sign is not a K, a no-break space is part of a name, and octets need not be UTF-8."""
    keys = [one.key for one in WITNESSES]
    names = [b"K", "\u212a".encode(), "a\u00a0b".encode(), b"\xff\xfe", b"any"]
    lines = [b"witness %s %s\n" % (name, str(key).encode()) for name, key in zip(names, keys, strict=False)]
    text = f"log {LOG}\n".encode() + b"".join(lines) + b"group g all " + b" ".join(names) + b"\nquorum g\n"
    read = policy.parse(text)
    assert [one.name.encode("utf-8", "surrogateescape") for one in read.witnesses] == names
    assert read.groups[0].k == 5
    assert str(read).encode("utf-8", "surrogateescape") == text.replace(b" all ", b" 5 ")


LINE, W1, W2 = f"log {LOG}\n", f"witness w1 {WITNESSES[0].key}\n", f"witness w2 {WITNESSES[1].key}\n"
FIRST = LINE + W1 + W2
MANY = "".join(f"{witness(number)}\n" for number in range(33))
REFUSED = {
    "a quorum not defined": (
        f"{LINE}quorum w1\n",
        "line 2: quorum: expected none, or a name defined above, found 'w1'",
    ),
    "a quorum defined below": (f"{LINE}quorum w1\n{W1}", "line 2: quorum: expected none, or a name defined above"),
    "a quorum of two names": (f"{FIRST}quorum w1 w2\n", "line 4: quorum: expected `quorum name|none`"),
    "two names in quorum": (f"{LINE}quorum none none\n", "line 2: quorum: expected `quorum"),
    "two quorums": (f"{LINE}quorum none\nquorum none\n", "line 3: quorum: expected one quorum line"),
    "a log twice": (f"{LINE}{LINE}quorum none\n", "line 2: log key: expected one log a key, found the key of log.ex"),
    "a log's key under another name": (
        f"{LINE}log {VerifierKey.of_public('x', LOG.public)}\nquorum none\n",
        "line 2: log key: expected one log a key, found the key of x again",
    ),
    "a cosigner's key as a log": (
        f"log {WITNESSES[0].key}\nquorum none\n",
        "line 1: log key: expected a key of type 1 or 6",
    ),
    "a log's key as a witness": (
        f"{LINE}witness w {OTHER}\nquorum w\n",
        "line 2: witness key: expected a key of type 4",
    ),
    "a witness's key under another name": (
        f"{FIRST}witness w3 {VerifierKey.of_public('x', WITNESSES[0].key.public, COSIGNATURE)}\nquorum w1\n",
        "line 4: witness key: expected one witness a key, found the key of x again",
    ),
    "two witnesses of one name": (
        f"{LINE}{W1}{W2.replace('w2', 'w1')}quorum w1\n",
        "line 3: name: expected one that is",
    ),
    "a group named as a witness": (f"{FIRST}group w1 any w2\nquorum w1\n", "line 4: name: expected one that is not"),
    "a witness named none": (
        f"{LINE}{W1.replace('w1', 'none')}quorum none\n",
        "line 2: name: expected one that is not",
    ),
    "a group named none": (f"{FIRST}group none any w2\nquorum none\n", "line 4: name: expected one that is not"),
    "none in a group": (
        f"{FIRST}group g any none\nquorum g\n",
        "line 4: group g: expected members defined above .*'none'",
    ),
    "a member not defined": (f"{FIRST}group g any w1 w3\nquorum g\n", "line 4: group g: .*each used once, found 'w3'"),
    "a member defined below": (
        f"{LINE}group g any w1\n{W1}quorum g\n",
        "line 2: group g: .*each used once, found 'w1'",
    ),
    "a group in itself": (f"{FIRST}group g any w1 g\nquorum g\n", "line 4: group g: .*each used once, found 'g'"),
    "a member twice in a group": (
        f"{FIRST}group g 1 w1 w1\nquorum g\n",
        "line 4: group g: .*each used once, found 'w1'",
    ),
    "a member of two groups": (
        f"{FIRST}group g any w1\ngroup h any w1 w2\nquorum g\n",
        "line 5: group h: expected members defined above and each used once, found 'w1'",
    ),
    "a threshold of none": (
        f"{FIRST}group g 0 w1 w2\nquorum g\n",
        "line 4: group g: expected 1 to 2 of its members, fou",
    ),
    "a threshold above": (
        f"{FIRST}group g 3 w1 w2\nquorum g\n",
        "line 4: group g: expected 1 to 2 of its members, fou",
    ),
    "a threshold spelled otherwise": (f"{FIRST}group g 01 w1\nquorum g\n", "line 4: threshold: expected ASCII digits"),
    "a negative threshold": (f"{FIRST}group g -1 w1\nquorum g\n", "line 4: threshold: expected ASCII digits"),
    "a word for a threshold": (f"{FIRST}group g ANY w1\nquorum g\n", "line 4: threshold: expected ASCII digits"),
    "a group without members": (f"{FIRST}group g all\nquorum g\n", "line 4: group: expected `group name all|any|k mem"),
    "a witness without a key": (f"{LINE}witness w1\nquorum w1\n", "line 2: witness: expected `witness name vkey"),
    "a witness's third item": (f"{LINE}{W1[:-1]} a b\nquorum w1\n", "line 2: witness: expected `witness name vkey"),
    "33 witnesses": (f"{LINE}{MANY}quorum none\n", "line 34: witness lines: expected at most 32"),
    "no log": ("quorum none\n", "policy: expected a log line and one quorum line, found no log"),
    "no quorum": (FIRST, "policy: expected a log line and one quorum line, found no quorum"),
    "nothing": ("\n", "policy: expected a log line and one quorum line, found no log"),
    "empty": ("", "policy: expected a newline after its last line"),
    "cut short": (f"{LINE}quorum none", "policy: expected a newline after its last line"),
    "an unknown word": (f"{LINE}origin x\nquorum none\n", "line 2: word: expected log, witness, .* found 'origin'"),
    "a capital": (f"L{LINE[1:]}quorum none\n", "line 1: word: expected log, witness, group or quorum, found 'Log'"),
    "no key": ("log\nquorum none\n", "line 1: log: expected `log vkey"),
    "a third item": (f"log {LOG} a b\nquorum none\n", "line 1: log: expected `log vkey"),
    "a key of another name": (f"log x{LOG}\nquorum none\n", "line 1: key id of xlog.example: expected"),
    "a carriage return": (f"log {LOG}\r\nquorum none\r\n", r"policy: expected no control character .*found '\\r'"),
    "a delete": (f"{LINE}quorum none\n#\x7f\n", r"policy: expected no control character .*found '\\x7f'"),
    "a surrogate": (f"{LINE}quorum none\n#\udc80\n", "policy: expected text that has a UTF-8, found a surrogate"),
    "a foreign space": (f"log\u00a0{LOG}\nquorum none\n", "line 1: word: expected log, witness, group or quorum"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    text, says = REFUSED[name]
    with pytest.raises(PolicyError, match=says):
        policy.parse(text)


def test_32_logs_32_witnesses_and_32_groups() -> None:
    """What the format recommends at the least, and all that is taken."""
    logs = [Log(VerifierKey.of_seed(f"{n}.example", bytes([n]) * 32)) for n in range(1, 33)]
    witnesses = tuple(witness(number, ML_DSA_COSIGNATURE if number % 2 else COSIGNATURE) for number in range(32))
    groups = [Group("g0", 1, ("w0",))]
    groups += [Group(f"g{n}", 2, (f"g{n - 1}", f"w{n}")) for n in range(1, 32)]
    whole = Policy(logs[0].key, None, witnesses, tuple(groups), "g31", tuple(logs[1:]))
    assert policy.parse(str(whole)) == whole
    assert whole.overlap() == 32
    with pytest.raises(PolicyError, match="log lines: expected at most 32"):
        Policy(LOG, None, witnesses, tuple(groups), "g31", tuple(logs))
    with pytest.raises(PolicyError, match="groups: expected at most 32"):
        Policy(LOG, None, witnesses, (*groups, Group("g", 1, ("g31",))))


@pytest.mark.parametrize("url", ["", "a b", "a\tb", "a\nquorum none"])
def test_a_url_that_would_not_come_back_is_refused(url: str) -> None:
    with pytest.raises(PolicyError, match="log URL"):
        Policy(LOG, url)
    with pytest.raises(PolicyError, match="witness URL"):
        Policy(LOG, witnesses=(Witness("w", WITNESSES[0].key, url),))


@pytest.mark.parametrize("name", ["", "a b", "a\tb", "a\nquorum none"])
def test_a_name_that_would_not_come_back_is_refused(name: str) -> None:
    with pytest.raises(PolicyError, match="name: expected no space"):
        Policy(LOG, witnesses=(Witness(name, WITNESSES[0].key),))
    with pytest.raises(PolicyError, match="name: expected no space"):
        Policy(LOG, None, WITNESSES, (Group(name, 1, ("w1",)),))


@pytest.mark.parametrize(
    "build",
    [
        lambda: Policy(LOG, None, quorum="any"),
        lambda: Policy(LOG, None, WITNESSES, BOTH[::-1], "both"),
        lambda: Policy(LOG, None, WITNESSES[1:], BOTH, "both"),
        lambda: Policy(LOG, None, (*WITNESSES, WITNESSES[0])),
    ],
)
def test_a_policy_built_by_hand_keeps_the_rules_of_one_read(build: object) -> None:
    with pytest.raises(PolicyError):
        build()  # type: ignore[operator]


def test_the_specifications_example() -> None:
    """Two of three X and any of three Y."""
    groups = (Group("X", 2, ("w1", "w2", "w3")), Group("Y", 1, ("w4", "w5", "w6")), Group("X-and-Y", 2, ("X", "Y")))
    one = Policy(LOG, None, WITNESSES, groups, "X-and-Y")
    assert one.satisfied({"w1", "w3", "w6"})
    assert not one.satisfied({"w1", "w2", "w3"})
    assert not one.satisfied({"w1", "w4", "w5", "w6"})
    assert one.overlap() == 1


def test_quorum_none_is_always_met_and_has_no_time() -> None:
    none = Policy(LOG, None, WITNESSES)
    assert none.satisfied(())
    assert none.quorum_time({"w1": 5}) is None
    assert none.confirmed_since({"w1": 5}) is None
    assert none.overlap() == 0
    none.require_overlap()


def test_a_stranger_counts_for_nothing() -> None:
    assert not CONSORTIUM.satisfied({"w1", "w5", "w6", "stranger", "authority", "hospitals", "both"})
    assert CONSORTIUM.quorum_time({"hospitals": 1, "authority": 1}) is None


def test_the_quorum_time_is_when_the_last_one_needed_cosigned() -> None:
    assert CONSORTIUM.quorum_time({"w1": 10, "w2": 30, "w3": 20, "w4": 5, "w5": 1}) == 20
    assert CONSORTIUM.quorum_time({"w1": 10, "w2": 30, "w3": 20, "w4": 40}) == 40
    assert CONSORTIUM.quorum_time({"w1": 10, "w2": 30}) is None


OVERLAPS = {
    "two of three": ((HOSPITALS,), "hospitals", 1),
    "three of five": ((Group("g", 3, ("w1", "w2", "w3", "w4", "w5")),), "g", 1),
    "four of five": ((Group("g", 4, ("w1", "w2", "w3", "w4", "w5")),), "g", 3),
    "two of four": ((Group("g", 2, ("w1", "w2", "w3", "w4")),), "g", 0),
    "any of two": ((Group("g", 1, ("w1", "w2")),), "g", 0),
    "one witness": ((), "w1", 1),
    "hospitals and the authority": (BOTH, "both", 2),
    "hospitals or the authority": ((*BOTH[:2], Group("or", 1, ("hospitals", "authority"))), "or", 0),
    "two of three, one a group of any": (
        (Group("any", 1, ("w3", "w4")), Group("g", 2, ("w1", "w2", "any"))),
        "g",
        0,
    ),
}


@pytest.mark.parametrize("name", OVERLAPS)
def test_two_quorums_share_a_witness_or_the_policy_is_not_trusted(name: str) -> None:
    groups, quorum, overlap = OVERLAPS[name]
    one = Policy(LOG, None, WITNESSES, groups, quorum)
    assert one.overlap() == overlap
    if overlap:
        one.require_overlap()
    else:
        with pytest.raises(PolicyError, match=f"quorum {quorum}: expected any two to share a witness"):
            one.require_overlap()


def test_a_log_that_witnesses_itself_keeps_nobody_honest() -> None:
    """The format allows it; where two quorums share nobody but the log, it can sign two histories."""
    own = Witness("self", VerifierKey.of_public("log.example", LOG.public, COSIGNATURE))
    alone = Policy(LOG, None, (own,), (), "self")
    assert policy.parse(str(alone)) == alone
    assert Policy(LOG, None, (own, *WITNESSES), (Group("g", 2, ("self", "w1", "w2")),), "g").overlap() == 0
    with pytest.raises(PolicyError, match="quorum self: expected any two to share a witness"):
        alone.require_overlap()
    assert Policy(LOG, None, (own, *WITNESSES), (Group("g", 2, ("self", "w1")),), "g").overlap() == 1


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """Any tree of groups over six witnesses."""
    free, groups = [one.name for one in WITNESSES], []
    for number in range(draw(st.integers(0, 4))):
        members = draw(st.lists(st.sampled_from(free), min_size=1, unique=True))
        free = [name for name in free if name not in members] + [f"g{number}"]
        groups.append(Group(f"g{number}", draw(st.integers(1, len(members))), tuple(members)))
    return Policy(LOG, None, WITNESSES, tuple(groups), draw(st.sampled_from(free)))


def witnessed(one: Policy, name: str, names: set[str]) -> bool:
    """The definition, word for word: at least k of its members have witnessed."""
    groups = {group.name: group for group in one.groups}
    if name not in groups:
        return name in names
    return sum(witnessed(one, member, names) for member in groups[name].members) >= groups[name].k


@given(policies(), st.lists(st.integers(0, 9), min_size=6, max_size=6))
@settings(max_examples=150, deadline=None)
def test_against_every_set_of_witnesses(one: Policy, times: list[int]) -> None:
    """What is met, by whom and when, and how little two quorums share, held against trying all 64 sets."""
    assert policy.parse(str(one)) == one
    names = [witness.name for witness in one.witnesses]
    sets = [set(some) for size in range(7) for some in combinations(names, size)]
    quorums = [some for some in sets if witnessed(one, one.quorum, some)]
    assert [some for some in sets if one.satisfied(some)] == quorums
    assert one.overlap() == min(len(a & b) for a in quorums for b in quorums)
    at = dict(zip(names, times, strict=True))
    assert one.quorum_time(at) == min(max(at[name] for name in some) for some in quorums)
    assert one.confirmed_since(at) == max(min(at[name] for name in some) for some in quorums)


@given(st.text("log quorumnegpwits\n\t#1" + str(LOG), max_size=60).map(lambda text: text + "\n") | st.text(max_size=60))
@settings(max_examples=200, deadline=None)
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        read = policy.parse(text)
    except PolicyError:
        return
    assert policy.parse(str(read)) == read
