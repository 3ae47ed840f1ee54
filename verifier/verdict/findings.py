"""What is asked, and what the exhibits proved so far: the values that judge fills and facts reads. Nothing is decided
here."""

from dataclasses import dataclass, field

from verifier.identity import Identity
from verifier.ledger.checkpoint import Checkpoint
from verifier.statements.answer import Answer
from verifier.statements.batch import Batch
from verifier.statements.recall import Recall
from verifier.statements.roster import Roster
from verifier.verdict.beside import Information, Notice
from verifier.verdict.supply import Said
from verifier.verdict.viewers import PATIENT, VIEWERS

ONLINE = "online"


@dataclass(frozen=True, slots=True)
class Question:
    """What was scanned, and by whom: a viewer of the table, `member` its id where a signed request proved one. `reads`
    is how many times the same code was read, `bought` where ("online") if the person said so."""

    identity: Identity
    viewer: str = PATIENT
    reads: int = 1
    member: str | None = None
    bought: str | None = None

    def __post_init__(self) -> None:
        if self.viewer not in VIEWERS:
            raise ValueError(f"{self.viewer}: expected {', '.join(VIEWERS)}, found another viewer")


@dataclass(frozen=True, slots=True)
class About:
    """What an exhibit must be about: the product, the lot, and the hint of the pack key where the code carries one."""

    gtin: str | None
    batch: str | None
    hint: bytes | None


@dataclass(slots=True)
class Believed:
    """What the statements shown proved. `codes` are reasons; `signed` says which key signed what, at which leaf."""

    codes: set[str] = field(default_factory=set)
    roster: Roster = field(default_factory=Roster)
    ids: set[bytes] = field(default_factory=set)
    signed: list[tuple[bytes, int]] = field(default_factory=list)
    product: Information | None = None
    batch: Batch | None = None
    batch_index: int | None = None
    recalls: list[tuple[Recall, Notice]] = field(default_factory=list)
    signing: list[Batch] = field(default_factory=list)  # batches whose pack key has the hint that the code carries
    events: list[Said] = field(default_factory=list)


@dataclass(slots=True)
class Findings:
    """What the exhibits proved so far: the statements, the checkpoint, the answer."""

    codes: set[str] = field(default_factory=set)
    checkpoint: Checkpoint | None = None
    witnesses: int = 0  # of the policy's, those that cosigned the checkpoint
    shown: Believed = field(default_factory=Believed)
    answer: Answer | None = None
    answered_by: str | None = None
    by_maker: bool = False
    issued: bool = False
    own: list[Said] = field(default_factory=list)  # events about this pack that the answer names
    values: dict[str, str] = field(default_factory=dict)
    notices: list[Notice] = field(default_factory=list)
