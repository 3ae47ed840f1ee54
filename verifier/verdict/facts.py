"""The facts that stand by themselves: recalls, expiry, keys lost, and what a believed answer says of state and way.

Each only adds reasons, and says them to the one who asks: what is normal in a hand stops a counter.
"""

from datetime import UTC, datetime

from verifier.identity import Identity, expires_on
from verifier.statements.answer import Answer
from verifier.statements.recall import Recall
from verifier.verdict.findings import ONLINE, Findings, Question
from verifier.verdict.supply import own_supply, when
from verifier.verdict.viewers import PATIENT, VIEWERS

EXCURSION = "excursion"


def bad_facts(question: Question, found: Findings, now: int) -> None:
    """Facts that stand by themselves: recalls, expiry, keys lost, and what the answer says of state and custody."""
    identity, codes, answer = question.identity, found.codes, found.answer
    shown = found.shown
    for kid, index in shown.signed:
        key = shown.roster.key(kid)
        if key is not None and key.compromised_since is not None and index >= key.compromised_since:
            codes.add("key_compromised")
    for recall, notice in shown.recalls:
        if said := _recalled(recall, identity):
            codes |= said
            found.notices.append(notice)
    if identity.gtin is not None and identity.expiry is not None:  # the code says it itself, whatever is known of it
        today = datetime.fromtimestamp(now, UTC).date()
        if expires_on(identity.expiry, today) < today:
            codes.add("expired")
    if answer is not None:
        _answered(question, found, answer, now)


def _answered(question: Question, found: Findings, answer: Answer, now: int) -> None:
    """What the answer says of the pack's state and way, to the one who asks."""
    codes, state = found.codes, answer.state
    if state == "supplied":
        codes.add(_supplied(question, found, now))
    elif state in ("unknown", "mismatch"):
        codes.add(_unknown(question, found, state))
    elif state != "active":
        codes.add(state)  # such a state is named as its reason is
    elif question.viewer == PATIENT and question.bought == ONLINE:
        codes.add("not_recorded_online")
    if any(stop.gap_before for stop in answer.custody):
        codes.add("gap")
    if EXCURSION in [stop.step for stop in answer.custody]:
        codes.add("cold")
    if answer.disputes:
        codes.add("disputed")


def _supplied(question: Question, found: Findings, now: int) -> str:
    """Normal in a hand; at a counter one's own scan, if one signed it, and somebody's otherwise."""
    code = VIEWERS[question.viewer].supplied
    own = own_supply(found.own, question.member)
    if code != "elsewhere" or own is None:
        return code
    found.values["time"] = when(own, now)
    return "dispensed_here"


def _unknown(question: Question, found: Findings, state: str) -> str:
    """What the maker itself never issued, read twice, is no slip of the reader. That the serial stands in another lot
    or with another date is for professionals: to anybody else it would tell a guesser that he is near."""
    if state == "mismatch" and VIEWERS[question.viewer].professional:
        return "mismatch"
    return "unknown_confirmed" if question.reads > 1 and found.by_maker else "unknown"


def _recalled(recall: Recall, identity: Identity) -> set[str]:
    """What a recall of this product says of the box. Where it names serials and the box carries none, the box may be
    one of them."""
    if recall.covers(identity.batch, identity.serial):
        code = "withdrawn" if recall.batches is None else "recall_patient"
    elif identity.serial is None and identity.batch in (recall.batches or ()):
        code = "recall_some"
    else:
        return set()
    return {code if recall.depth == "patients" else "recall_pharmacy"}
