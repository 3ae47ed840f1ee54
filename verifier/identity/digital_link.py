"""GS1 Digital Link URIs, parsed strictly and never opened (GS1 Digital Link Standard: URI Syntax).

The rule of this door: whatever two readers could read differently is refused. So: exact hosts (no user, no port but
the scheme's own, no final dot); one key in the path, and a path before it that cannot itself be read as one; values
of full length; qualifiers in the path and in order; no AI twice, none that GS1 has not assigned; only well-formed
percent-encoding, none in an AI; no `+` or `;` in the query, which some readers take for a space and for `&`; no value
`.` or `..`, which a browser would resolve away. Accepted: http as well as https (in one case), a path before the key,
query names that are not numbers, and a fragment: these are ignored. Compressed links are refused.

>>> parse("https://id.gs1.org/01/09521234000013/10/LOT%2F1?17=271231").batch
'LOT/1'
>>> parse("https://id.gs1.org.evil.example/01/09521234000013")
Traceback (most recent call last):
verifier.identity.errors.ForeignLink: Failed to parse 'https://id.gs1.org.evil.example/01/09521234000013' as GS1 \
Digital Link: expected the host id.gs1.org, found 'id.gs1.org.evil.example'.
"""

import re
from collections.abc import Iterator, Sequence
from urllib.parse import unquote

from .ai import KEYS, TABLE
from .errors import ForeignLink, IdentityError, shown, within_limit
from .identity import Element, Identity

HOSTS = frozenset({"id.gs1.org"})
# AIs that may not stand in the query whatever the key (Syntax Dictionary: no "?" flag).
NOT_ATTRIBUTES = frozenset(
    {"03", "21", "22", "235", "254", "7040", "7041", "8011", "8014", "8019", "8020"}
    | {"8040", "8041", "8042", "8043", "8200"}
)
SCHEMES = {"https": ":443", "HTTPS": ":443", "http": ":80", "HTTP": ":80"}
WHAT = "GS1 Digital Link"
_URI = re.compile(r"([^:/?#]*)://([^/?#]*)([^?#]*)(?:\?([^#]*))?(?:#.*)?", re.DOTALL)
_HOST = re.compile(r"[a-z0-9.:\[\]-]+")
_PLAIN = r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]*"
_WELL_FORMED = re.compile(f"{_PLAIN}(?:%[0-9A-Fa-f]{{2}}{_PLAIN})*")  # RFC 3986 2
_STEM = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]*")
_COMPRESSED = re.compile(r"(?=[0-9_-]*[A-Za-z])[A-Za-z0-9_-]{10,}")  # base64url; digits alone are a value


def parse(uri: str, hosts: frozenset[str] = HOSTS) -> Identity:
    """The Identity a link says. `hosts` are lower-case, `name` or `name:port`.

    Raises ForeignLink for another host or a link without a GS1 key, IdentityError for whatever else is wrong.
    """
    path, query = _local_part(within_limit(uri, WHAT), hosts)
    segments = path.split("/")[1:]
    at = _key(uri, segments)
    _check_stem(uri, segments, at)
    in_path = segments[at::2]
    in_query = list(_attributes(uri, query)) if query else []
    identity = Identity((*zip(in_path, _values(uri, segments[at + 1 :: 2]), strict=True), *in_query))
    _check_order(uri, in_path)
    for ai, _ in in_query:
        if ai in NOT_ATTRIBUTES or any(ai in sequence for sequence in KEYS[in_path[0]]):
            raise IdentityError(uri, WHAT, f"({ai}) in the path", f"({ai}) in the query", "attribute")
    return identity


def _local_part(uri: str, hosts: frozenset[str]) -> tuple[str, str]:
    """Path and query, once scheme, host and spelling are right. The host comes first: foreign is worse than wrong."""
    parts = _URI.fullmatch(uri)
    if parts is None or parts[1].lower() not in SCHEMES:
        raise ForeignLink(uri, WHAT, "a link that begins with https://", shown(uri[:12]), "foreign_link")
    scheme, authority = parts[1], parts[2].lower()
    if _HOST.fullmatch(authority) is None or not {authority, authority.removesuffix(SCHEMES[scheme.lower()])} & hosts:
        names = " or ".join(sorted(hosts))
        raise ForeignLink(uri, WHAT, f"the host {names}", shown(parts[2]), "foreign_link")
    if scheme not in SCHEMES:
        raise IdentityError(uri, WHAT, "a scheme in one case", repr(scheme), "scheme")
    if _WELL_FORMED.fullmatch(uri) is None:
        where = _WELL_FORMED.match(uri)
        bad = uri[where.end() :][:3] if where else ""
        raise IdentityError(uri, WHAT, "the characters of a URI, percent-encoded", repr(bad), "encoding")
    return parts[3], parts[4] or ""


def _key(uri: str, segments: Sequence[str]) -> int:
    """Where the key stands: the first from the end, pair by pair, with only AIs after it."""
    at = len(segments) - 2
    while at >= 0 and segments[at] in TABLE and segments[at] not in KEYS:
        at -= 2
    if at >= 0 and segments[at] in KEYS:
        return at
    if len(segments) > 1 and not segments[-1]:
        raise IdentityError(uri, WHAT, "a value after the last slash", "nothing", "empty")
    if segments and _COMPRESSED.fullmatch(segments[-1]):
        raise IdentityError(uri, WHAT, "an uncompressed link", f"{segments[-1][:80]!r}", "compressed")
    raise ForeignLink(uri, WHAT, "a GS1 key in the path, such as /01/", "none", "foreign_link")


def _check_stem(uri: str, segments: Sequence[str], at: int) -> None:
    """A path before the key is the host's own affair, unless another reader could take it for the key."""
    for here in range(at):
        segment, following = segments[here], segments[here + 1]
        if _STEM.fullmatch(segment) is None:
            raise IdentityError(uri, WHAT, "plain names before the key", repr(segment[:80]), "encoding")
        if segment in KEYS and TABLE[segment].pattern.fullmatch(following):
            raise IdentityError(uri, WHAT, "one key in the path", f"({segment}) and ({segments[at]})", "two_keys")


def _values(uri: str, segments: Sequence[str]) -> Iterator[str]:
    for segment in segments:
        value = _decode(segment)
        if value in (".", ".."):
            raise IdentityError(uri, WHAT, "values that no browser resolves away", repr(value), "encoding")
        yield value


def _attributes(uri: str, query: str) -> Iterator[Element]:
    """The query's elements; names that are not numbers are the host's own affair."""
    if ";" in query:
        raise IdentityError(uri, WHAT, "%3B for a semicolon in the query", "';'", "encoding")
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        if not _decode(name).isdigit():
            continue
        if "%" in name or "+" in value:
            raise IdentityError(uri, WHAT, "plain AIs, and %2B for a plus in the query", repr(pair[:80]), "encoding")
        yield name, _decode(value)


def _decode(text: str) -> str:
    """Percent-decoded; bytes above 0x7F become characters that no AI accepts."""
    return unquote(text, "latin-1") if "%" in text else text


def _check_order(uri: str, ais: Sequence[str]) -> None:
    key, *qualifiers = ais
    for sequence in (*KEYS[key], ()):
        rest = iter(sequence)
        if all(ai in rest for ai in qualifiers):
            return
    allowed = " or ".join(", ".join(sequence) for sequence in KEYS[key]) or "none"
    raise IdentityError(uri, WHAT, f"qualifiers of ({key}) in order: {allowed}", ", ".join(qualifiers), "order")
