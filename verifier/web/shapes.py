"""What the doors answer in JSON, as structs: the API's description is made of them, and tests hold answers to them.

Nothing is answered from here; the words of a shape's docstring are what a reader of /docs and /openapi.json gets.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from verifier.statements.body import Country

Day = Annotated[str, Meta(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
Instant = Annotated[str, Meta(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$")]
Hex32 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Base64Root = Annotated[str, Meta(pattern="^[A-Za-z0-9+/]{43}=$")]
Outcome = Literal["genuine", "unverified", "caution", "do_not_use"]
Known = Literal["yes", "no", "unknown"]
Size = Annotated[int, Meta(ge=0)]


class Shape(Struct, frozen=True, forbid_unknown_fields=True):
    """A closed object."""


class Answers(Shape, frozen=True):
    """The three questions: is it what it says, whose hands has it been in, may I use it now?"""

    what: Known
    hands: Known
    use: Known


class Reason(Shape, frozen=True):
    """Why: a stable `code`, and its words in the language asked for."""

    code: str
    outcome: Outcome
    question: Literal["what", "hands", "use"]
    headline: str
    sentence: str
    next_step: str


class Identity(Shape, frozen=True):
    """What the code says. `printed_link` has its pack signature too; `human` are (AI, value) as printed, `national` the
    national numbers by name; `product` is what the maker calls it."""

    gtin: str | None
    batch: str | None
    serial: str | None
    expiry: str | None
    digital_link: str
    printed_link: str
    human: list[list[str]]
    national: list[list[str]]
    product: str | None


class Stop(Shape, frozen=True):
    """A stop on the pack's way as strangers see it: step, day, country; never who."""

    step: str
    day: Day
    country: Country
    gap_before: bool


class OnChain(Shape, frozen=True):
    """What a chain (its EIP-155 id) was seen to say of the ledger: its `root` at `size`, since `block`, under `depth`
    more when last seen; so many `accounts` agree. Reported by this server; ask the chain yourself."""

    size: Size
    root: Base64Root
    chain: Size
    contract: Annotated[str, Meta(pattern="^0x[0-9a-f]{40}$")]
    transaction: Annotated[str, Meta(pattern="^0x[0-9a-f]{64}$")]
    block: Size
    depth: Size
    time: Instant
    accounts: Size


class Ledger(Shape, frozen=True):
    """What stands behind the verdict: the batch's leaf, the checkpoint, who answered. `anchor` is reported beside it
    and judged by nobody; what stands on a `development_chain` is anchored nowhere."""

    index: Size | None
    size: Size
    root: Base64Root
    witnesses: Size
    anchor: OnChain | None
    policy: str
    answered_by: str | None
    development_chain: OnChain | UnsetType = UNSET


class Information(Shape, frozen=True):
    """What the product is, as its maker or a catalogue's authority signed it on the day `as_of`; `image` is the SHA-256
    of the pack's picture, which `/products/{gtin}/{digest}` shows."""

    name: str
    form: str | None
    contents: str | None
    leaflet: str | None
    image: str | None
    source: Literal["maker", "catalogue"]
    said_by: str
    as_of: Day


class Notice(Shape, frozen=True):
    """A recall that the verdict tells, in the words of who signed it on the day `as_of`."""

    depth: Literal["patients", "pharmacies"]
    reason: str
    instructions: str | None
    link: str | None
    said_by: str
    as_of: Day


class Verdict(Shape, frozen=True):
    """One verdict; `reasons` gravest first, `as_of` the time of the answer it rests on, `others` the other codes of
    the same photo."""

    outcome: Outcome
    answers: Answers
    reasons: Annotated[list[Reason], Meta(min_length=1)]
    identity: Identity | None
    custody: list[Stop]
    information: Information | None
    recalls: list[Notice]
    ledger: Ledger | None
    as_of: Instant | None
    checked_at: Instant
    viewer: Literal["patient", "ward", "pharmacy", "dock", "theatre"]
    others: list["Verdict"]


class Seen(Shape, frozen=True):
    """A code in a frame: its format, and its corners in pixels (x, y), clockwise from its own top left."""

    format: str
    corners: list[list[int]]


class Shown(Shape, frozen=True):
    """What a frame shows: a "pack", only its "stripes", a "part" of what names one, or why there is none."""

    seen: str
    codes: list[Seen]


class Problem(Struct, frozen=True):
    """RFC 9457: `type` ends in a stable word; `value` is what was asked, `expected` what would do, `found` what was.
    `suggested`, of a typed code that was damaged on its way, is what it may have been: to be compared, then asked."""

    type: Annotated[str, Meta(pattern="^/problems/[a-z0-9_-]+$")]
    title: Annotated[str, Meta(min_length=1)]
    status: Annotated[int, Meta(ge=400, le=599)]
    detail: str
    value: Any = UNSET
    expected: Any = UNSET
    found: Any = UNSET
    suggested: str | UnsetType = UNSET


class Dispute(Problem, frozen=True, kw_only=True):
    """The statement was registered although it contradicts what is recorded of the packs in `disputes`."""

    id: Hex32 | UnsetType = UNSET
    index: Size | UnsetType = UNSET
    disputes: list[str] | UnsetType = UNSET


class Registered(Shape, frozen=True):
    """Where a statement stands: its id, its leaf, and the size of the ledger that covers it."""

    id: Hex32
    status: Literal["registered", "known"]
    index: Size
    size: Size


class Became(Shape, frozen=True):
    """What became of one of many statements: its leaf, as in Registered, or the rule (`code`) that refused it."""

    status: Literal["registered", "known", "disputed", "refused", "malformed"]
    id: Hex32 | UnsetType = UNSET
    index: Size | UnsetType = UNSET
    size: Size | UnsetType = UNSET
    disputes: list[str] | UnsetType = UNSET
    code: str | UnsetType = UNSET
    value: str | UnsetType = UNSET
    expected: str | UnsetType = UNSET
    found: str | UnsetType = UNSET


class Receipts(Shape, frozen=True):
    """What became of each statement, in the order in which they were sent."""

    receipts: list[Became]


class Deposited(Shape, frozen=True):
    """What was kept, by its SHA-256."""

    digest: Hex32


class Healthy(Shape, frozen=True):
    """The worker runs and its store answers."""

    status: Literal["ok"]


class Ready(Shape, frozen=True):
    """A scan would be answered, and what stands behind it: how many of the policy's witnesses cosigned the checkpoint,
    which quorum it asks of them, and when that had cosigned (null without one)."""

    status: Literal["ready"]
    size: Size
    witnesses: Size
    quorum: str
    cosigned: Instant | None


class Asked(Shape, frozen=True):
    """A witness as the node sees it: why it does not cosign, and since when (null: it does)."""

    name: str
    fault: str | None
    since: Instant | None


class Unready(Problem, frozen=True, kw_only=True):
    """Nothing is answered yet; or (`witnesses_unreached`) nothing new is published since the moment `since`, when the
    quorum of witnesses stopped cosigning, and how each of them stands."""

    since: Instant | UnsetType = UNSET
    witnesses: list[Asked] | UnsetType = UNSET


class Anchored(Struct, frozen=True):
    """Links about one thing (RFC 9264); each of its other members is a link type with its targets."""

    anchor: str


class Linkset(Shape, frozen=True):
    """The links of a GS1 Digital Link (RFC 9264)."""

    linkset: list[Anchored]


class Resolver(Struct, frozen=True):
    """The resolver description file (GS1-Conformant Resolver, section 3)."""

    name: str
    resolver_root: str = msgspec.field(name="resolverRoot")
    supported_primary_keys: list[str] = msgspec.field(name="supportedPrimaryKeys")


class Cosigner(Shape, frozen=True):
    """A witness of the policy, and when it cosigned, by its own clock; null where it did not. `fault`: why it does not
    just now, as the node tells it, if it is being asked in vain."""

    name: str
    cosigned: Instant | None
    fault: str | None = None


class Published(Shape, frozen=True):
    """A published checkpoint: how many statements it covers, their root, when it was registered (null until a later
    statement says so), and who cosigned it."""

    size: Size
    root: Base64Root
    registered: Instant | None
    witnesses: list[Cosigner]


class Reported(OnChain, frozen=True):
    """An anchor as this server reports it. `valid`: enough accounts agree and it lies deep enough; `agrees`: it is this
    very ledger's root at that size, null where it does not reach so far."""

    valid: bool
    agrees: bool | None


class Grown(Shape, frozen=True):
    """The ledger held `size` statements at `time`, as its own clocks say."""

    time: Instant
    size: Size


class Overview(Shape, frozen=True):
    """What the ledger tells of itself. `checkpoints` newest first, `older` the address of those before them, `grown`
    some of its clocks, oldest first and evenly apart; `policy` is a C2SP tlog-policy, `witnesses` which of its own
    cosigned the newest checkpoint, and `quorum` whether they are enough: "none" where it asks for none, "waiting" where
    nothing newer is published since `waiting_since`, for want of them. `damaged`: what the node found wrong in its own
    ledger, if it did: then it signs nothing. `convictions`: the newest few false answers that were proved here."""

    origin: str
    size: Size
    root: Base64Root | None
    policy: str
    quorum: Literal["none", "reached", "waiting", "missing"]
    waiting_since: Instant | None
    damaged: str | None
    witnesses: list[Cosigner]
    grown: list[Grown]
    checkpoints: list[Published]
    older: str | None
    anchors: list[Reported]
    convictions: list["Convicted"]


class Brought(Shape, frozen=True):
    """A code, or the code of the box that the file is about, where the file does not say."""

    text: Annotated[str, Meta(max_length=16_384, examples=["(01)09521000000018"])] | None = None


class Step(Shape, frozen=True):
    """One step from a leaf to the root: the neighbour's hash, whether it stands on the left, and what both make."""

    neighbour: Base64Root
    left: bool
    hash: Base64Root


class Placed(Shape, frozen=True):
    """A statement in the ledger: leaf `index`, and the way from there to the root. Its `kind` and `said_by`, who
    signed it, are null where only its parties may read it."""

    index: Size
    id: Hex32
    kind: str | None
    said_by: str | None
    path: list[Step]


Says = Literal[
    "placed", "judged", "published", "fork", "ahead", "stranger", "unproven", "convicts", "convicts_nobody"
]


class Lied(Shape, frozen=True):
    """One lie that a conviction proves."""

    code: str
    sentence: str


class Finding(Shape, frozen=True):
    """What was brought, and what it is. `what`: a "code", or the file that it was. `says`: a code is "placed"; evidence
    is "judged"; a checkpoint, or that of a proof, is of the tree that is "published", a "fork" of it, "ahead" of what
    is published here, or a "stranger" to this log; a proof that does not lead to the published tree is "unproven".
    A conviction "convicts" `who` of `lies`, or nobody.
    `serial`: whether the maker signed the serial into its lot; `withheld` counts steps that only their parties read."""

    what: Literal["code", "evidence", "checkpoint", "proof", "conviction"]
    says: Says
    size: Size | None = None
    root: Base64Root | None = None
    statements: list[Placed] = []
    serial: bool | None = None
    withheld: Size = 0
    witnesses: list[Cosigner] = []
    who: str | None = None
    lies: list[Lied] = []
    verdict: Verdict | None = None


class Liar(Shape, frozen=True):
    """Whose key signed it: a member's id (null for the log itself), its name, and the key's id."""

    member: str | None
    name: str
    key: Annotated[str, Meta(pattern="^[0-9a-f]{8,64}$")]


class Answered(Shape, frozen=True):
    """The size of the ledger that was spoken of, and when (null for the log itself)."""

    size: Size
    time: Instant | None


class Shows(Shape, frozen=True):
    """The statement that shows a lie: its leaf is since when it was one."""

    id: Hex32
    kind: str
    by: str
    leaf: Size
    said_at: Instant


class Told(Shape, frozen=True):
    """A lie: a stable `code`, its sentence in the language asked for, and the statement that shows it, if one does."""

    code: Literal[
        "hidden_recall", "hidden_event", "hidden_key", "hidden_product", "hidden_batch", "denied_issue", "false_state",
        "two_answers", "another_tree", "two_logs",
    ]  # fmt: skip
    sentence: str
    statement: Shows | None


class Tree(Shape, frozen=True):
    """The signed checkpoint that all was proven under."""

    size: Size
    root: Hex32


class Convicted(Shape, frozen=True):
    """Who answered falsely about what (a Digital Link; null for the log itself), and the file that proves it."""

    id: Hex32
    file: str
    who: Liar
    identity: str | None
    answered: Answered
    lies: Annotated[list[Told], Meta(min_length=1)]
    believed: Tree


class Convictions(Shape, frozen=True):
    """The newest convictions, newest first."""

    convictions: Annotated[list[Convicted], Meta(max_length=100)]
