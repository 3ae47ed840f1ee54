"""The desk behind every door and page: a photo or a text in, a verdict out, by the river.

photo -> grey pixels -> symbols -> Identity -> gather -> Evidence -> judge -> Verdict. Nothing is decided here.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from ssl import PEM_cert_to_DER_cert
from typing import Any, cast

import redis
from flask import current_app

from scanner import decode, photo, sighting
from scanner.check import check_each, miss
from scanner.sighting import Miss, Sighting
from verifier.identity import Identity
from verifier.ledger.policy import Policy
from verifier.ledger.policy import parse as parse_policy
from verifier.node import keyfile
from verifier.settings import Settings
from verifier.statements.answer import Answer
from verifier.statements.envelope import read
from verifier.statements.kinds import body_of
from verifier.store.answerers import Answerer, Answerers
from verifier.store.gather import Gatherer, NotReady
from verifier.vault import Vault
from verifier.verdict.evidence import Evidence
from verifier.verdict.judge import Question, judge
from verifier.verdict.trust import Trust
from verifier.verdict.verdict import Verdict, to_json
from verifier.verdict.viewers import PATIENT
from verifier.web.anchored import Anchored
from verifier.web.limits import Counted, Limits, Unlimited
from verifier.web.problem import Problem, of
from verifier.web.shelf import Shelf
from verifier.web.typed import refuse_damage

MAX_AGE_S = 24 * 3600


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, as a Question says it; a professional `viewer` and its `member` only where a signature proved them."""

    viewer: str = PATIENT
    member: str | None = None
    reads: int = 1
    bought: str | None = None
    first: str | None = None
    """The Digital Link that the earlier readings gave: another code, now, is read for the first time."""


ANYBODY = Asker()


class Desk:
    """One per web worker. `clock` gives Unix seconds."""

    def __init__(self, settings: Settings, client: redis.Redis, clock: Callable[[], int]) -> None:
        self.settings, self.client, self.clock = settings, client, clock
        self.vault = Vault.open(settings.data / "vault", settings.vault_key)
        self.limits: Limits = Unlimited() if settings.limits in (None, "off") else Counted(settings.limits, clock)
        self.anchored = Anchored(client, clock)
        self._remembered = lru_cache(maxsize=1024)(self._secret)

    @cached_property
    def trust(self) -> Trust:
        """What this server believes: its own genesis and policy. Raises NotReady before there is a consortium."""
        return trust_of(self.settings.data)

    @cached_property
    def gatherer(self) -> Gatherer:
        """The way to the evidence. Raises NotReady before there is a consortium."""
        path = self.settings.data / "node" / "answer.key"
        if not path.exists():
            raise NotReady("no consortium here yet: start with `python -m verifier serve --demo`")
        genesis = read((self.settings.data / "genesis.cose").read_bytes())
        makers = [answerer_of(file) for file in sorted(path.parent.glob("answer-*.key"))]
        answerers = Answerers(self.client, answerer_of(path), makers)
        return Gatherer(self.client, genesis, self.trust.policy, answerers, self._opening)

    @cached_property
    def shelf(self) -> Shelf:
        """The catalogues in force."""
        return Shelf(self.client, self.gatherer.log.leaf, deposit_folder(self.settings.data))

    def _opening(self, statement_id: bytes) -> bytes | None:
        try:
            return self._remembered(statement_id)
        except LookupError:
            return None

    def _secret(self, statement_id: bytes) -> bytes:
        secret = self.vault.get("batch", statement_id.hex())
        if secret is None:
            raise LookupError(statement_id.hex())
        return secret

    def sight_photo(self, data: bytes) -> Sighting | Miss:
        """What a photo shows; raises PhotoError."""
        self.limits.scan()
        return sighting.sight(decode.decode(photo.read_photo(data)), self.settings.hosts)

    def look(self, frame: bytes) -> Sighting | Miss:
        """What a live frame shows; raises PhotoError. It is no scan: whoever wants its verdict sends it as a photo."""
        self.limits.look()
        return sighting.sight(decode.decode(photo.read_photo(frame)), self.settings.hosts)

    def sight_text(self, text: str, symbology: str | None) -> Sighting | Miss:
        """What a typed or scanned text says."""
        self.limits.scan()
        return sighting.sight_text(text, symbology, self.settings.hosts)

    def check(self, seen: Sighting | Miss, asker: Asker = ANYBODY) -> Verdict:
        """The verdict on what was seen; raises Problem where there is nothing to judge."""
        self.limits.scan()
        now = self.clock()
        if isinstance(seen, Miss):
            return self._miss(seen, now, asker.viewer)
        reads = asker.reads if asker.first in (None, seen.identity.digital_link()) else 1
        question = Question(seen.identity, asker.viewer, reads, asker.member, asker.bought)
        evidence = self.evidence(named(seen.identity), asker=asker) if seen.identity.gtin is not None else None
        verdict = judge(question, evidence, self.trust, now)
        if verdict.information is None and seen.identity.gtin is not None:
            return replace(verdict, information=self.shelf.find(seen.identity.gtin))
        return verdict

    def evidence(self, identity: Identity, since: int | None = None, asker: Asker = ANYBODY) -> Evidence:
        """The evidence of what is `answerable`, as the one who asks may have it; raises NotReady, redis.RedisError, or
        Problem to one who guesses at serials of its GTIN."""
        if identity.serial is None:  # there is nothing to guess at: every lot is answered alike
            return self.gatherer.gather(identity, self.clock(), since, asker.member)
        self.limits.guess(identity.gtin or "")
        found = self.gatherer.gather(identity, self.clock(), since, asker.member)
        if found.serial is None and _unknown(found.answer):
            self.limits.missed(identity.gtin or "")
        return found

    def proof(self, identity: Identity, since: int | None, whole_lot: bool, asker: Asker = ANYBODY) -> Evidence:
        """The evidence of a box; of `whole_lot`, what holds for each of its packs; raises Problem for a lot nobody
        issued."""
        if not whole_lot:
            return self.evidence(identity, since, asker)
        gtin, batch = identity.gtin or "", identity.batch or ""
        found = self.gatherer.gather_lot(gtin, batch, since)
        if found is None:
            told = {"value": f"(01){gtin}(10){batch}", "expected": "an issued lot", "found": "no such lot"}
            raise Problem("lot_unknown", 404, f"No lot {batch} of {gtin} was issued.", **told)
        return found

    @staticmethod
    def _miss(seen: Miss, now: int, viewer: str) -> Verdict:
        """The verdict that a miss is by itself; raises what it is otherwise."""
        verdict = miss(seen, now, viewer)
        if verdict is None:
            raise seen.error or MISSES[seen.code](seen)
        return verdict

    def thing(self, text: str, symbology: str | None) -> Identity:
        """What a text names that evidence can be about (`answerable`); raises IdentityError or Problem."""
        seen = self.sight_text(text, symbology)
        if isinstance(seen, Miss):
            raise seen.error or MISSES[seen.code](seen)
        if not answerable(seen.identity):
            expected = "a GTIN (01), and lot (10) and expiry (17) where there is a serial (21)"
            found = " ".join(label for label, _ in seen.identity.human())
            detail = f"Evidence is about one box, and this code does not name one: expected {expected}, found {found}."
            raise Problem("incomplete", 422, detail, value=text[:200], expected=expected, found=found)
        return seen.identity

    def check_photo(self, data: bytes, lang: str, asker: Asker = ANYBODY) -> dict[str, Any]:
        """The verdict JSON of a photo; raises Problem."""
        with told():
            seen = self.sight_photo(data)
            if isinstance(seen, Miss):
                return to_json(self._miss(seen, self.clock(), asker.viewer), lang)

            def judge_one(one: Sighting) -> dict[str, Any]:
                return self.json(self.check(one, asker), lang)

            return check_each(seen, judge_one, self.clock(), lang, asker.viewer)

    def check_text(self, text: str, symbology: str | None, lang: str, asker: Asker = ANYBODY) -> dict[str, Any]:
        """The verdict JSON of a text; raises Problem. Without a symbology it was typed, and may be damaged."""
        with told():
            seen = self.sight_text(text, symbology)
            if symbology is None:
                refuse_damage(text, self.settings.hosts, seen.identity if isinstance(seen, Sighting) else None)
            return self.json(self.check(seen, asker), lang)

    def json(self, verdict: Verdict, lang: str) -> dict[str, Any]:
        """The JSON of a verdict, with what a chain is reported to say of its ledger."""
        fields = to_json(verdict, lang)
        if verdict.ledger is not None:
            fields["ledger"] |= self.anchored.beside(verdict.ledger.size)
        return fields

    def demo(self) -> list[dict[str, Any]]:
        """The demo images, in order, each with what a patient is told; `outcome` is None where nothing is read. `also`:
        what others are told, or who says more (verifier/demo.ALSO). Empty without a demo."""
        listing = self.demo_folder / "expected.json"
        if not listing.exists():
            return []
        rows: dict[str, dict[str, Any]] = json.loads(listing.read_text("utf-8"))
        blank: dict[str, Any] = {"outcome": None, "reasons": [], "also": []}
        return [{"file": name, "label": Path(name).stem, **blank, **row} for name, row in rows.items()]

    @property
    def authority(self) -> bytes | None:
        """The certificate (DER) that phones of the local network trust; None unless it is served."""
        path = self.settings.data / "lan" / "ca.crt"
        return PEM_cert_to_DER_cert(path.read_text("ascii")) if self.settings.lan is not None else None

    @property
    def lan_port(self) -> int:
        """The port of https on the local network."""
        return self.settings.lan_port

    @property
    def demo_folder(self) -> Path:
        """Where the demo images are."""
        return self.settings.data / "demo"


def desk() -> Desk:
    """The desk of this worker."""
    return cast(Desk, current_app.extensions["probatum"])


def answerer_of(file: Path) -> Answerer:
    """The answerer that a key file makes of its member; raises KeyFileError."""
    key = keyfile.load(file)
    return Answerer(key.member, key.seed, key.kid)


@contextmanager
def told() -> Iterator[None]:
    """Turn whatever fails inside into the Problem it is."""
    try:
        yield
    except Exception as fault:
        raise of(fault) from fault


def answerable(identity: Identity) -> bool:
    """Whether evidence can be about it: a pack by all four elements, or a box that carries no serial."""
    whole = None not in (identity.batch, identity.serial, identity.expiry)
    return identity.gtin is not None and (whole or identity.serial is None)


def named(identity: Identity) -> Identity:
    """What evidence is asked about: the pack; or else, where lot or date are missing, its product and lot alone."""
    if answerable(identity):
        return identity
    return Identity(tuple(element for element in identity.elements if element[0] != "21"), identity.unknown)


def _unknown(answer: bytes | None) -> bool:
    """Whether an answer says that no such pack was issued, or not so."""
    body = body_of(read(answer)) if answer is not None else None
    return isinstance(body, Answer) and body.state in ("unknown", "mismatch")


def trust_of(data: Path) -> Trust:
    """The trust that a data folder holds: genesis and policy; raises NotReady before there is one."""
    genesis, policy = data / "genesis.cose", data / "policy.txt"
    if not (genesis.exists() and policy.exists()):
        raise NotReady("no consortium here yet: start with `python -m verifier serve --demo`")
    return Trust(read(genesis.read_bytes()).id, policy_of(data), MAX_AGE_S)


def policy_of(data: Path) -> Policy:
    """The log policy of a data folder; raises PolicyError, also where two of its quorums need not share a witness."""
    policy = parse_policy((data / "policy.txt").read_bytes())
    policy.require_overlap()
    return policy


def deposit_folder(data: Path) -> Path:
    """Where deposits are kept."""
    return data / "deposits"


def _nothing(_: Miss) -> Problem:
    return Problem(
        "nothing_read", 422, "No code was read in this picture.", expected="a sharp QR or DataMatrix", found="none"
    )


MISSES: dict[str, Callable[[Miss], Problem]] = {"nothing_read": _nothing}
