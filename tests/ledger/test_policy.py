"""Policies: what is read, and what is refused rather than half obeyed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verifier.ledger import policy
from verifier.ledger.note import VerifierKey
from verifier.ledger.policy import Policy, PolicyError

LOG, OTHER = VerifierKey.of_seed("log.example", bytes(32)), VerifierKey.of_seed("w.example", bytes([1]) * 32)


@pytest.mark.parametrize("url", [None, "https://log.example/", "https://é.example/#x"])
def test_a_policy_comes_back(url: str | None) -> None:
    assert policy.parse(str(Policy(LOG, url))) == Policy(LOG, url, "none")


def test_comments_blank_lines_tabs_and_order_do_not_matter() -> None:
    text = f"\n \t\n# quorum any\n\t # log x\nquorum \t none\t\n  log\t{LOG}   https://log.example/  \n#\u2028log\n"
    assert policy.parse(text) == Policy(LOG, "https://log.example/")


LINE = f"log {LOG}\n"
REFUSED = {
    "a witness": (f"{LINE}witness w {OTHER}\nquorum w\n", r"line 2: .*witnesses are not built yet.*found 'witness'"),
    "a group": (f"{LINE}group g any w\nquorum g\n", r"line 2: .*witnesses are not built yet.*found 'group'"),
    "a quorum": (f"{LINE}quorum w\n", r"line 2: .*witnesses are not built yet.*found 'quorum w'"),
    "two names in quorum": (f"{LINE}quorum none none\n", "line 2: expected one quorum line"),
    "two quorums": (f"{LINE}quorum none\nquorum none\n", "line 3: expected one quorum line"),
    "two logs": (f"{LINE}{LINE}quorum none\n", "line 2: expected one log line"),
    "no log": ("quorum none\n", "policy: expected one log line and one quorum line, found no log"),
    "no quorum": (LINE, "policy: expected one log line and one quorum line, found no quorum"),
    "nothing": ("\n", "policy: expected one log line and one quorum line, found no log"),
    "empty": ("", "policy: expected a newline after its last line"),
    "cut short": (f"{LINE}quorum none", "policy: expected a newline after its last line"),
    "an unknown word": (f"{LINE}origin x\nquorum none\n", "line 2: expected log or quorum none .*found 'origin'"),
    "a capital": (f"L{LINE[1:]}quorum none\n", "line 1: expected log or quorum none .*found 'Log'"),
    "no key": ("log\nquorum none\n", "line 1: expected one log line"),
    "a third item": (f"log {LOG} a b\nquorum none\n", "line 1: expected one log line"),
    "a key of another name": (f"log x{LOG}\nquorum none\n", "line 1: key id of xlog.example: expected"),
    "a carriage return": (f"log {LOG}\r\nquorum none\r\n", r"policy: expected no control character .*found '\\r'"),
    "a delete": (f"{LINE}quorum none\n#\x7f\n", r"policy: expected no control character .*found '\\x7f'"),
    "a foreign space": (f"log\u00a0{LOG}\nquorum none\n", "line 1: expected log or quorum none"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    text, says = REFUSED[name]
    with pytest.raises(PolicyError, match=says):
        policy.parse(text)


@pytest.mark.parametrize("url", ["", "a b", "a\tb", "a\nquorum none"])
def test_a_url_that_would_not_come_back_is_refused(url: str) -> None:
    with pytest.raises(PolicyError, match="log URL"):
        Policy(LOG, url)


def test_a_quorum_not_built_cannot_be_had_by_construction() -> None:
    with pytest.raises(PolicyError, match="quorum: expected none"):
        Policy(LOG, None, "any")  # type: ignore[arg-type]


@given(st.text("log quorumne\n\t#" + str(LOG), max_size=60).map(lambda text: text + "\n") | st.text(max_size=60))
@settings(max_examples=200, deadline=None)
def test_parse_returns_or_raises_its_own_error(text: str) -> None:
    try:
        policy.parse(text)
    except PolicyError:
        return
