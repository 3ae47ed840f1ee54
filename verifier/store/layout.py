"""Every Redis key there is. Nothing else in the house spells one.

{log}:checkpoint          the published signed note                {log}:queue   statements waiting, with reply keys
{log}:projected           u64: leaves the projection has followed  {log}:reply:* a sending's answers, expiring
{log}:tile:<L>:<N>        up to 256 hashes (C2SP tlog-tiles)       {log}:lease   who sequences, with its epoch
{log}:entries:<N>         up to 256 statement ids                  {log}:epoch   the fencing counter
{log}:body:<id>           the statement                            {log}:index:<id>  its leaf, u64
{log}:history             a list: the newest 256 published notes, newest first; a head that is signed anew takes the
                          place of its older note
{log}:anchors             what a chain was seen to say (store/anchors): a report, which may be lost
{log}:laid                CBOR [[gtin, batch, k], ...] of batches laid out by a commit that is not published yet
{log}:pending             what is signed and not published yet: a proposal to the witnesses (node/pending)
{log}:quorum              how the witnesses stand with the node, when that changed last (node/standing)
{log}:alarm               one sentence: the node found its ledger damaged, and signs nothing (node/patrol)
s:...                     the projection: rebuilt from the above bit for bit (state/keys names it)
s:{gtin:batch}:b:<u32>    a bucket: serials, a state byte each     s:{gtin:batch}:heap  its tree's hashes

Counters of who asks how often (limits:*, web/limits) stand in another Redis, which may forget.
"""

from verifier.state.keys import Name

CHECKPOINT = b"{log}:checkpoint"
PROJECTED = b"{log}:projected"
LAID = b"{log}:laid"
HISTORY = b"{log}:history"
ANCHORS = b"{log}:anchors"
PENDING = b"{log}:pending"
QUORUM = b"{log}:quorum"
QUEUE = b"{log}:queue"
ALARM = b"{log}:alarm"
LEASE = b"{log}:lease"
EPOCH = b"{log}:epoch"
DERIVED = b"s:*"


def tile(level: int, number: int) -> bytes:
    """A tile of hashes."""
    return b"{log}:tile:%d:%d" % (level, number)


def entries(number: int) -> bytes:
    """A run of 256 statement ids."""
    return b"{log}:entries:%d" % number


def body(statement_id: bytes) -> bytes:
    """A statement's bytes."""
    return b"{log}:body:" + statement_id


def index(statement_id: bytes) -> bytes:
    """A statement's leaf index."""
    return b"{log}:index:" + statement_id


def reply(token: bytes) -> bytes:
    """Where the node answers a sending, by the token (16 bytes) of any of its statements: two of them number it."""
    return b"{log}:reply:" + token[:14]


def derived(name: Name) -> bytes:
    """The key of a projected name; all of a batch's share a hash tag.

    >>> derived(("batch", "09521234000013", "L1"))
    b's:{09521234000013:L1}:batch'
    >>> derived(("member", "acme"))
    b's:member:acme'
    """
    kind, *rest = name
    if kind in ("batch", "pack", "recalls", "bucket", "heap") and len(rest) >= 2:
        return lot(rest[0], rest[1]) + {"pack": b"p:", "bucket": b"b:"}.get(kind, kind.encode()) + _tail(kind, rest[2:])
    return b":".join([b"s", *(part.encode() for part in name)])


def lot(gtin: str, batch: str) -> bytes:
    """The prefix of everything about one batch."""
    return b"s:{%s:%s}:" % (gtin.encode(), batch.encode())


def scanned(gtin: str, batch: str, serial: str, hint: bytes = b"") -> list[bytes]:
    """The keys of one scan's snapshot, in the order of gather.lua; `hint` is that of the pack's key (AI 91).

    >>> scanned("0", "L", "S", b"H")[2:] == [derived(name) for name in (
    ...     ("keyring",), ("product", "0"), ("recalls", "0"), ("batch", "0", "L"), ("recalls", "0", "L"),
    ...     ("pack", "0", "L", "S"), ("heap", "0", "L"), ("pack_keys", "0", "48"))]
    True
    """
    one, pack = gtin.encode(), lot(gtin, batch)
    product = [b"s:keyring", b"s:product:" + one, b"s:recalls:" + one]
    return [
        CHECKPOINT,
        PROJECTED,
        *product,
        pack + b"batch",
        pack + b"recalls",
        pack + b"p:" + serial.encode(),
        pack + b"heap",
        b"s:pack_keys:" + one + b":" + hint.hex().encode(),
    ]


def unnumbered(gtin: str, batch: str) -> list[bytes]:
    """The keys of the snapshot about a box without a serial: the first of `scanned`, and its lot's recalls."""
    return [*scanned(gtin, batch, "")[:5], lot(gtin, batch) + b"recalls"]


def buckets(gtin: str, batch: str) -> bytes:
    """The prefix of a batch's bucket keys; the bucket's u32 follows."""
    return lot(gtin, batch) + b"b:"


def _tail(kind: str, rest: list[str]) -> bytes:
    if kind == "bucket":
        return int(rest[0]).to_bytes(4, "big")
    return b":".join(part.encode() for part in rest)


def nonce(kid: bytes, word: str) -> bytes:
    """A signed request's nonce, kept while the request would still be fresh."""
    return b"nonce:" + kid + word.encode()
