"""What somebody brings to the ledger: a code, or a file. It is told for what it is, and held against our own ledger.

A file's evidence is judged as anywhere, with this server's trust; that proves nothing about this server, and the pages
say by which command it is judged without one. No file is kept.
"""

from collections.abc import Callable, Mapping

import msgspec

from scanner.sighting import Miss
from verifier.answers import conviction as convictions
from verifier.answers.convict import Unproven, convict, to_json
from verifier.identity import Identity, parse_text
from verifier.ledger import checkpoint as notes
from verifier.ledger import proof as proofs
from verifier.ledger import tiles
from verifier.ledger.checkpoint import Checkpoint
from verifier.ledger.encoding import LedgerError, encode_base64
from verifier.ledger.merkle import leaf_hash, node_hash, verify_inclusion
from verifier.ledger.note import NoteError
from verifier.ledger.note import parse as parse_note
from verifier.statements import cbor, serials
from verifier.statements.answer import Answer
from verifier.statements.batch import Batch
from verifier.statements.envelope import Statement, read
from verifier.statements.kinds import body_of, kind_of
from verifier.statements.member import Member
from verifier.statements.readers import CLASSES
from verifier.store.log import LogStore
from verifier.verdict import evidence as files
from verifier.verdict import verdict as verdicts
from verifier.verdict.evidence import Evidence, Exhibit
from verifier.verdict.judge import Question, judge
from verifier.web import shapes
from verifier.web.chart import sides
from verifier.web.desk import Desk
from verifier.web.in_force import still_convicts
from verifier.web.ledger import cosigners
from verifier.web.problem import Problem
from verifier.web.shapes import Finding, Lied, Placed, Step
from verifier.web.words import language

LIMIT = convictions.MAX_BYTES
PHOTOS = (b"\x89PNG", b"\xff\xd8\xff", b"RIFF")
MAPS = range(0xA0, 0xC0)  # how a CBOR map begins
FOLLOWED = "\n\n\N{EM DASH} ".encode()  # what follows a note's text


def place(desk: Desk, text: str) -> Finding:
    """Where the statements about a code stand, each with its way to the root of the newest checkpoint; raises Problem,
    NotReady or redis.RedisError. It is a scan, and counted as one."""
    identity = desk.thing(text, None)
    found = desk.evidence(identity)
    head = notes.open(found.checkpoint or b"", desk.trust.policy)
    answer = body_of(read(found.answer)) if found.answer else None
    bodies = [body_of(read(one.raw)) for one in found.statements]
    names = {body.member: body.name for body in bodies if isinstance(body, Member)}
    return Finding(
        what="code",
        says="placed",
        size=head.size,
        root=encode_base64(head.root),
        statements=[_placed(one, read(one.raw), head, names) for one in found.statements],
        serial=_issued(identity, found, [body for body in bodies if isinstance(body, Batch)]),
        withheld=len(answer.withheld) if isinstance(answer, Answer) else 0,
    )


def examine(desk: Desk, data: bytes, text: str = "") -> Finding:
    """What a file is, and what it is worth here; `text` is the code of the box that it is about, where it does not say.
    Raises Problem for what is none of the files we know; NotReady or redis.RedisError."""
    if len(data) > LIMIT:
        raise too_large(f"{len(data)} bytes")
    desk.limits.scan()
    for begins, look in LOOKS.items():
        if begins(data):
            return look(desk, data, text)
    if data.startswith(PHOTOS):
        raise Problem("file_photo", 415, "A photo is scanned on the first page.", expected=KNOWN, found="a picture")
    raise Problem("file_unknown", 415, "No file that we know.", expected=KNOWN, found=_begins(data))


def too_large(found: str) -> Problem:
    """The refusal of a file over LIMIT."""
    return Problem("file_too_large", 413, "The file is too long.", expected=f"at most {LIMIT} bytes", found=found)


def _map(desk: Desk, data: bytes, text: str) -> Finding:
    """Evidence, or a conviction, which holds some."""
    try:
        fields = cbor.decode(data, LIMIT)
    except ValueError as fault:
        raise _broken(fault, data) from fault
    return (_conviction if "said" in fields else _evidence)(desk, data, text)


def _conviction(desk: Desk, data: bytes, _: str) -> Finding:
    try:
        convicted = convict(convictions.decode(data), desk.trust)
    except Unproven:
        return Finding("conviction", "convicts_nobody")
    except ValueError as fault:
        raise _broken(fault, data) from fault
    if not still_convicts(desk, convicted):
        return Finding("conviction", "convicts_nobody")
    told, believed = to_json(convicted, language())["lies"], convicted.believed
    return Finding(
        what="conviction",
        says="convicts",
        size=believed.size,
        root=encode_base64(believed.root),
        who=convicted.name,
        lies=[Lied(one["code"], one["sentence"]) for one in told],
    )


def _evidence(desk: Desk, data: bytes, text: str) -> Finding:
    try:
        evidence = files.decode(data)
    except ValueError as fault:
        raise _broken(fault, data) from fault
    verdict = judge(Question(_about(desk, evidence, text)), evidence, desk.trust, desk.clock())
    return Finding("evidence", "judged", verdict=msgspec.convert(verdicts.to_json(verdict, language()), shapes.Verdict))


def _about(desk: Desk, evidence: Evidence, text: str) -> Identity:
    """What box the evidence is asked about: the code beside it, or what its answer names. That it names it proves
    nothing: judge looks."""
    if text:
        seen = desk.sight_text(text, None)
        if isinstance(seen, Miss):
            raise seen.error or Problem("malformed", 422, "Not a code of a box.", found=text[:100])
        return seen.identity
    try:
        answer = body_of(read(evidence.answer or b""))
        return parse_text(answer.identity if isinstance(answer, Answer) else "")
    except ValueError:
        expected = "an answer about one box, or the box's code beside the file"
        told = "The file names no box: it is a whole lot's."
        raise Problem("file_needs_code", 422, told, expected=expected, found="neither") from None


def _checkpoint(desk: Desk, data: bytes, _: str) -> Finding:
    says, head = _compared(desk, data)
    return Finding(
        what="checkpoint",
        says=says,
        size=head.size,
        root=encode_base64(head.root),
        witnesses=[] if says == "stranger" else cosigners(data, desk.trust.policy),
    )


def _proof(desk: Desk, data: bytes, _: str) -> Finding:
    try:
        proof = proofs.parse(data)
    except LedgerError as fault:
        raise _broken(fault, data) from fault
    says, head = _compared(desk, proof.checkpoint_note)
    placed = []
    if says == "published":
        log = LogStore(desk.client)
        try:
            (one,) = log.ids(proof.index, proof.index + 1)
            (raw,) = log.bodies([one])
            placed = [_placed(Exhibit(proof.index, raw, proof.path), read(raw), head, {})]
        except (LedgerError, LookupError):
            says = "unproven"
    return Finding("proof", says, size=head.size, root=encode_base64(head.root), statements=placed)


def _compared(desk: Desk, note: bytes) -> tuple[shapes.Says, Checkpoint]:
    """What a checkpoint is to our own ledger; Problem for what is no checkpoint at all."""
    try:
        head = notes.parse(parse_note(note).text)
    except NoteError as fault:
        raise _broken(fault, note) from fault
    log, policy = LogStore(desk.client), desk.trust.policy
    try:
        notes.proposed(note, policy)
    except NoteError:
        return "stranger", head
    try:
        notes.cosigned(note, policy)
    except NoteError as fault:
        raise _broken(fault, note) from fault
    ours = log.checkpoint()
    size = notes.proposed(ours, policy).size if ours else 0
    if head.size > size:
        return "ahead", head
    return "published" if tiles.root(head.size, log.tile) == head.root else "fork", head


def _placed(one: Exhibit, statement: Statement, head: Checkpoint, names: Mapping[str, str]) -> Placed:
    """A leaf and each step of its way up, proved before it is told; raises ProofError."""
    at = leaf_hash(statement.id)
    verify_inclusion(at, one.index, head.size, one.path, head.root)
    steps = []
    for neighbour, left in zip(one.path, sides(one.index, head.size), strict=True):
        at = node_hash(neighbour, at) if left else node_hash(at, neighbour)
        steps.append(Step(encode_base64(neighbour), left, encode_base64(at)))
    told = "anyone" in CLASSES[kind_of(statement).readers]
    kind, said_by = (statement.kind, names.get(statement.member, statement.member)) if told else (None, None)
    return Placed(one.index, statement.id.hex(), kind, said_by, steps)


def _issued(identity: Identity, found: Evidence, batches: list[Batch]) -> bool | None:
    """Whether the maker signed this serial into the lot; None for a box without one."""
    if identity.serial is None:
        return None
    lots = [one for one in batches if (one.gtin, one.batch) == (identity.gtin, identity.batch)]
    proof, serial = found.serial, identity.serial.encode()
    return proof is not None and any(serials.check(proof, serial, one.k, one.root) for one in lots)


def _broken(fault: Exception, data: bytes) -> Problem:
    expected, found = (str(getattr(fault, name, "") or fault)[:200] for name in ("expected", "found"))
    return Problem("file_broken", 422, "The file is damaged.", value=_begins(data), expected=expected, found=found)


def _begins(data: bytes) -> str:
    return f"{data[:24]!r}" if data else "an empty file"


LOOKS: Mapping[Callable[[bytes], bool], Callable[[Desk, bytes, str], Finding]] = {
    lambda data: data.startswith(b"c2sp.org/tlog-proof@"): _proof,
    lambda data: bool(data) and data[0] in MAPS: _map,
    lambda data: FOLLOWED in data: _checkpoint,
}
"""How a file begins -> who looks at it; the first that fits."""
KNOWN = "an evidence file, a conviction, a checkpoint, or a tlog-proof"
