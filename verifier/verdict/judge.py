"""judge(question, evidence, trust, now) -> Verdict. Total and pure: it checks every exhibit itself, and never raises.

The order of belief: the checkpoint is the trusted log's; each statement is a leaf of it; its signer was entitled at
that leaf, from the trusted genesis on; the answer is the node's, about this identity and this checkpoint, and names
exactly the statements shown. What fails falls to *unverified*; what is a bad fact stands by itself.
"""

from functools import lru_cache

from verifier.identity import Identity
from verifier.ledger import checkpoint as notes
from verifier.ledger.checkpoint import Checkpoint
from verifier.ledger.merkle import leaf_hash, verify_consistency, verify_inclusion
from verifier.ledger.note import parse as parse_note
from verifier.ledger.policy import Policy
from verifier.statements import pack_signature, serials
from verifier.statements.answer import Answer
from verifier.statements.batch import Batch
from verifier.statements.envelope import Statement, read
from verifier.statements.errors import Refused
from verifier.statements.event import Event
from verifier.statements.kinds import body_of
from verifier.statements.product import Product
from verifier.statements.recall import Recall
from verifier.statements.roster import enrol, signer
from verifier.verdict.beside import of_product, of_recall
from verifier.verdict.evidence import Evidence, Exhibit
from verifier.verdict.facts import bad_facts
from verifier.verdict.findings import About, Believed, Findings, Question
from verifier.verdict.reasons import REASONS
from verifier.verdict.supply import said
from verifier.verdict.trust import Trust
from verifier.verdict.verdict import NO_ANSWERS, Ledger, Verdict, compose, plain
from verifier.verdict.viewers import PATIENT

__all__ = ["Question", "forget", "judge", "judge_strictly"]

REGISTRY = "registry"
SKEW_S = 300  # clocks differ; an answer further in the future than this is not believed
ENROLLING = ("genesis", "member", "key")
WHY = {"unknown_key": "missing_keys", "unknown_member": "missing_keys", "another_lot": "other_identity"}
NEVER_ISSUED = ("unknown", "mismatch", "not_registered")  # the states of what no batch shown here can prove
LOT_CLEAR = frozenset({"no_serial", "expired"})  # nothing missing, nothing wrong, and no recall of any kind


def judge(question: Question, evidence: Evidence | None, trust: Trust, now: int) -> Verdict:
    """The verdict on `question`, from `evidence` alone, at `now` (Unix seconds). Never raises."""
    try:
        return judge_strictly(question, evidence, trust, now)
    except Exception:  # total by promise; tests call judge_strictly, so that no fault hides behind this
        return plain("broken_evidence", question.identity, now, question.viewer)


def judge_strictly(question: Question, evidence: Evidence | None, trust: Trust, now: int) -> Verdict:
    """As `judge`, letting a fault of our own through."""
    found = Findings()
    if short := _short(question.identity):
        if short != "not_a_pack" and evidence is not None:
            _weigh_lot(question, evidence, found, trust, now)
        found.codes.add(short)
    elif evidence is None:
        found.codes.add("unreached")
    else:
        _weigh(question, evidence, found, trust, now)
    bad_facts(question, found, now)
    return _conclude(question, found, trust.policy.quorum, now)


def _weigh(question: Question, evidence: Evidence, found: Findings, trust: Trust, now: int) -> None:
    """Add what the exhibits prove of the identity."""
    identity = question.identity
    found.checkpoint = _checkpoint(evidence, trust, found.codes)
    if found.checkpoint is not None and evidence.checkpoint is not None:
        own = pack_signature.read(identity)
        about = About(identity.gtin, identity.batch, own.hint if own else None)
        found.shown = _believe(evidence.statements, found.checkpoint, trust.genesis, about)
        found.codes |= found.shown.codes
        _answer(question, evidence, found, now, trust.max_age_s)
        _witnesses(evidence.checkpoint, found, trust, now)
        if identity.serial is not None:
            _signature(identity, found)
            _issue(identity, evidence, found)


def _weigh_lot(question: Question, evidence: Evidence, found: Findings, trust: Trust, now: int) -> None:
    """Add what the exhibits prove of a box whose code names no pack, having no serial, or no lot or date beside it: of
    its product and its lot. What answers about something else, or not at all, leaves it as it was: nothing is known,
    but for the recalls shown and for a lie."""
    _weigh(question, evidence, found, trust, now)
    if found.answer is None:
        found.codes &= {"broken_evidence", "checkpoint_refused"}


def _short(identity: Identity) -> str | None:
    """The reason of an identity that no pack's evidence can be about."""
    if identity.gtin is None:
        return "not_a_pack"
    if identity.serial is None:
        return "no_serial"
    return "incomplete" if identity.batch is None or identity.expiry is None else None


def _checkpoint(evidence: Evidence, trust: Trust, codes: set[str]) -> Checkpoint | None:
    """The evidence's checkpoint, signed by the trusted log and no contradiction of the highest one seen."""
    if evidence.checkpoint is None:
        codes.add("missing_state")
        return None
    try:
        now = notes.open(evidence.checkpoint, trust.policy)
        seen = notes.open(trust.checkpoint, trust.policy) if trust.checkpoint else None
        growth = evidence.growth
        if growth is not None:
            verify_consistency(growth.size, now.size, growth.path, growth.root, now.root)
    except ValueError:
        codes.add("broken_evidence")
        return None
    if _signed_by_strangers(evidence.checkpoint, trust.policy):
        codes.add("unknown_witnesses")
    if seen is not None and seen.size == now.size and seen.root != now.root:
        codes.add("checkpoint_refused")
    if seen is not None and 0 < seen.size < now.size:
        if growth is None or growth.size != seen.size:
            codes.add("missing_growth")
        elif growth.root != seen.root:
            codes.add("checkpoint_refused")
    return now


def _witnesses(note: bytes, found: Findings, trust: Trust, now: int) -> None:
    """Who of the policy's witnesses stand behind the checkpoint. A fresh answer about a ledger that their quorum has
    not confirmed for too long is the node's word alone."""
    found.witnesses, confirmed = _confirmed(note, trust.policy)
    if confirmed is not None and confirmed + trust.max_age_s < now and "stale" not in found.codes:
        found.codes.add("witnesses_unreached")


@lru_cache(maxsize=64)
def _confirmed(note: bytes, policy: Policy) -> tuple[int, int | None]:
    """How many of the policy's witnesses cosigned, and since when a quorum of them. Memoised by the note's bytes."""
    return len(notes.cosigned(note, policy)), notes.confirmed_since(note, policy)


@lru_cache(maxsize=64)
def _signed_by_strangers(note: bytes, policy: Policy) -> bool:
    """Whether a checkpoint bears signatures that nobody here can check: its consortium has other witnesses than this
    trust knows, or somebody altered the note. What such lines say is ignored (signed-note), but a file of which some
    bytes could be anything is never genuine. Memoised by the note's bytes."""
    known = {(key.name, key.key_id) for key in (policy.log, *(witness.key for witness in policy.witnesses))}
    return any((line.name, line.key_id) not in known for line in parse_note(note).signatures)


def forget() -> None:
    """Empty the memos (benchmarks of a cold check)."""
    _believe.cache_clear()
    _signed_by_strangers.cache_clear()
    _confirmed.cache_clear()


@lru_cache(maxsize=256)
def _believe(statements: tuple[Exhibit, ...], checkpoint: Checkpoint, genesis: bytes, about: About) -> Believed:
    """What these statements prove of a lot, under a believed checkpoint. Pure, and memoised by all their bytes: the
    result is read, never changed."""
    found = Believed()
    for exhibit in statements:
        try:
            statement = proven(exhibit, checkpoint, genesis)
            if statement.id in found.ids:
                raise ValueError("an exhibit twice")
            found.ids.add(statement.id)
            _enter(statement, exhibit.index, found, about)
        except ValueError as fault:
            found.codes.add(_why(fault))
    if [exhibit.index for exhibit in statements] != sorted(exhibit.index for exhibit in statements):
        found.codes.add("broken_evidence")
    return found


def _why(fault: ValueError) -> str:
    """A signer nobody showed to be enrolled is a missing class of evidence, another lot's batch is beside the question;
    any other fault is an exhibit that lies."""
    return WHY.get(fault.code, "broken_evidence") if isinstance(fault, Refused) else "broken_evidence"


def proven(exhibit: Exhibit, checkpoint: Checkpoint, genesis: bytes) -> Statement:
    """The statement of an exhibit that is the leaf it says; raises ValueError."""
    statement = read(exhibit.raw)
    if statement.raw != exhibit.raw:
        raise ValueError("unprotected headers that no signature covers")
    verify_inclusion(leaf_hash(statement.id), exhibit.index, checkpoint.size, exhibit.path, checkpoint.root)
    if (exhibit.index == 0) != (statement.id == genesis):
        raise ValueError("another genesis")
    return statement


def _enter(statement: Statement, index: int, found: Believed, about: About) -> None:
    """Add a proven statement to what is believed; raises Refused where its signer was not entitled."""
    if statement.kind in ENROLLING:
        records = enrol(statement, index, found.roster)
        body = body_of(statement)
        found.roster = found.roster.with_records(records, getattr(body, "threshold", found.roster.k))
        if getattr(body, "status", "enrolled") == "enrolled":  # a key may end itself, stolen or not
            found.signed.append((statement.kid, index))
        return
    member = signer(statement, index, found.roster)
    body = body_of(statement)
    if isinstance(body, Event):
        found.events.append(said(statement, body, member, about.gtin, about.batch))
    elif getattr(body, "gtin", None) != about.gtin:
        raise ValueError("about another product")
    elif isinstance(body, Product):
        found.product = of_product(body, member.name, statement)
    elif isinstance(body, Batch):
        if body.pack_key is not None and pack_signature.hint_of(body.pack_key) == about.hint:
            found.signing.append(body)
            if body.batch != about.batch:
                return  # an exhibit about its key alone
        if body.batch != about.batch:
            raise Refused("another_lot", value=body.batch, expected=about.batch or "", found=body.batch)
        found.batch, found.batch_index = body, index
    elif isinstance(body, Recall):
        found.recalls.append((body, of_recall(body, member.name, statement)))
    else:
        raise ValueError("a kind that is no exhibit about a pack")
    found.signed.append((statement.kid, index))


def _answer(question: Question, evidence: Evidence, found: Findings, now: int, max_age_s: int) -> None:
    """Believe the node's answer if its key is an answer key, and it is about this identity and this checkpoint."""
    if evidence.answer is None:
        found.codes.add("missing_state")
        return
    checkpoint = found.checkpoint
    try:
        statement = read(evidence.answer)
        if checkpoint is None or statement.kind != "answer" or statement.raw != evidence.answer:
            raise ValueError("no answer")
        member = signer(statement, checkpoint.size - 1, found.shown.roster)
        body = body_of(statement)
        if not isinstance(body, Answer) or (body.size, body.root) != (checkpoint.size, checkpoint.root):
            raise ValueError("an answer about another checkpoint")
        if REGISTRY not in member.roles and body.state != "unknown":
            raise ValueError("a maker answers for what it never issued, and for nothing else")
    except ValueError as fault:
        found.codes.add(_why(fault))
        return
    found.answered_by, found.by_maker = member.name, REGISTRY not in member.roles
    whole = body.identity == question.identity.digital_link()
    if not whole and body.identity not in _lot_links(question.identity):
        found.codes.add("other_identity")
        return
    unnumbered = question.identity.serial is None or not whole
    if body.time > now + SKEW_S or (body.state == "no_serial") != unnumbered:
        found.codes.add("broken_evidence")
        return
    if whole:
        found.answer = body
    else:
        found.codes.add("missing_state")  # it answers for the lot's recalls, and not for this pack
    if body.time + max_age_s < now:
        found.codes.add("stale")
    # Of what the answer withholds, the asker may hold what they signed themselves: this pack's events, no others.
    shown = found.shown.ids
    if found.shown.events:
        named = set(body.withheld)
        found.own = [one for one in found.shown.events if one.id in named and one.about(question.identity)]
        shown = shown.difference(one.id for one in found.own)
    if set(body.applies) != shown:
        found.codes.add("missing_recalls" if set(body.applies) > shown else "broken_evidence")


def _lot_links(pack: Identity) -> tuple[str, ...]:
    """The links of the lot that a pack is of, with its expiry and without; none of what is no pack."""
    if pack.serial is None:
        return ()
    whole = tuple(element for element in pack.elements if element[0] != "21")
    undated = tuple(element for element in whole if element[0] != "17")
    return Identity(whole).digital_link(), Identity(undated).digital_link()


def _signature(identity: Identity, found: Findings) -> None:
    """The pack's own signature. A hint that no batch shown has is another scheme's; one that a batch has binds: only
    that batch's key, over this very code, will do. Where nothing is answered, it says that the code at least is good.
    """
    own, lot = pack_signature.read(identity), (identity.batch, identity.expiry)
    if own is None or not found.shown.signing:
        return
    keys = [batch.pack_key or b"" for batch in found.shown.signing if (batch.batch, batch.expiry) == lot]
    if not any(own.verifies(key, identity) for key in keys):
        found.codes.add("forged")
    elif found.answer is None:
        found.codes.add("signed_only")


def _issue(identity: Identity, evidence: Evidence, found: Findings) -> None:
    """The pack was issued: its serial is under the root that the maker signed, with this expiry."""
    if found.answer is not None and found.answer.state in NEVER_ISSUED:
        return
    if evidence.serial is None and "signed_only" in found.codes:
        return  # the signature says as much
    batch = found.shown.batch
    if batch is None or evidence.serial is None or identity.serial is None:
        found.codes.add("missing_issue")
    elif not serials.check(evidence.serial, identity.serial.encode(), batch.k, batch.root):
        found.codes.add("broken_evidence")
    elif batch.expiry != identity.expiry:
        found.codes.add("other_identity")
    else:
        found.issued = True


def _conclude(question: Question, found: Findings, policy: str, now: int) -> Verdict:
    """Genuine only if nothing is missing and nothing is wrong; then the three answers and the facts to show."""
    answer, checkpoint = found.answer, found.checkpoint
    if answer is not None and answer.state == "no_serial" and question.identity.batch and found.codes <= LOT_CLEAR:
        found.codes.add("lot_not_recalled")
    sound = not any(REASONS[code].outcome == "unverified" for code in found.codes)
    if sound and answer is not None and answer.state == "active":
        clean = {"genuine", "not_recorded"} if question.viewer == PATIENT else {"genuine"}
        found.codes.update(clean if not found.codes else ())
    issued = sound and found.issued
    known = {
        "what": "yes" if issued else "unknown",
        "hands": "yes" if issued and answer is not None else "unknown",
        "use": "yes" if issued else "unknown",
    }
    ledger = None
    if checkpoint is not None:
        tree = checkpoint.size, checkpoint.root
        ledger = Ledger(found.shown.batch_index, *tree, found.witnesses, policy, found.answered_by)
    return compose(
        found.codes or {"unverified"},
        known if sound else NO_ANSWERS,
        question.identity,
        now,
        information=found.shown.product,
        notices=tuple(found.notices),
        custody=tuple(answer.custody) if answer else (),
        ledger=ledger,
        as_of=answer.time if answer else None,
        viewer=question.viewer,
        values=found.values,
    )
