"""The GS1 Digital Link resolver (GS1-Conformant Resolver standard, release 1.2): a pack's link opened in a browser.

`GET /01/<gtin>[/22/..][/10/..][/21/..]?17=..`, and the other keys: the verdict as a page or as JSON, the linkset
(RFC 9264), or a redirect to what the maker signed. The identity is read from path and query alone, under GS1's own
host: what the request says of its host never matters. A link is refused (400) wherever two readers could read it
differently, and nothing is asked of anyone but our own ledger.

Where we part from the standard: the default link is answered here, not redirected to; compressed links and EPC binary
strings are refused; TLS is the business of whoever stands in front.
"""

from typing import NoReturn
from urllib.parse import unquote_to_bytes

import msgspec
from flask import Blueprint, Response, make_response, redirect, request

from scanner.sighting import Sighting
from verifier.identity import Identity, IdentityError
from verifier.identity.ai import KEYS
from verifier.identity.sent import parse_decoded, parse_sent
from verifier.statements.envelope import read
from verifier.statements.genesis import Genesis
from verifier.statements.kinds import body_of
from verifier.statements.product import Product
from verifier.web import links
from verifier.web.doors.api import desk, no_store
from verifier.web.in_force import signed_product
from verifier.web.pages.blueprint import finish
from verifier.web.pages.problems import prefers_page, words_of
from verifier.web.pages.scan import typed, verdict_page
from verifier.web.problem import Problem, of
from verifier.web.words import language

blueprint = Blueprint("resolver", __name__)
PAGE, JSON, LINKSET = "text/html", "application/json", "application/linkset+json"
OFFERED = [PAGE, JSON, LINKSET]
CONTEXT = "https://ref.gs1.org/standards/resolver/linkset-context"
CONTEXT_LINK = f'<{CONTEXT}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'
WHOLE = ("linkset", "all")  # `all` is what it was called before the standard's release 1.0
CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS",
    "Access-Control-Allow-Headers": "Accept, Accept-Language",
    "Access-Control-Expose-Headers": "Link, Location",
    "Access-Control-Max-Age": "86400",
}


def resolve(rest: str) -> Response:  # noqa: ARG001 - what matched; the identity is read from the address as sent
    """The verdict on a Digital Link, its linkset, or a redirect to the link type asked for."""
    identity = _identity()
    asked = _link_type()
    if asked in WHOLE or (asked is None and _wanted() == LINKSET):
        return _linkset(identity)
    target = _target(identity, asked) if asked is not None else None
    answer = redirect(target, 307) if target is not None else _verdict(identity)
    return _announced(make_response(answer), identity)


for key in KEYS:
    blueprint.add_url_rule(f"/{key}/<path:rest>", "resolve", resolve)


@blueprint.get("/.well-known/gs1resolver")
def description() -> Response:
    """The resolver description file (standard, section 3)."""
    leaf = desk().gatherer.log.leaf(desk().gatherer.genesis)
    if leaf is None:
        raise Problem("not_ready", 503, "Nothing is published yet.")
    genesis = body_of(read(leaf[1]))
    assert isinstance(genesis, Genesis)  # noqa: S101 - leaf 0, named by our own trust
    fields = {
        "name": "Probatum",
        "resolverRoot": root(),
        "supportedPrimaryKeys": list(KEYS),
        "supportedLinkType": [{"namespace": links.NAMESPACE, "prefix": links.PREFIX}],
        "linkTypeDefaultCanBeLinkset": False,
        "jsonLdContextLocation": CONTEXT,
        "contact": {"fn": genesis.controller.name},
    }
    answer = Response(msgspec.json.encode(fields), content_type=JSON)
    answer.headers["Cache-Control"] = "public, max-age=3600"
    return answer


@blueprint.after_request
def shared(response: Response) -> Response:
    """Any page may ask, and read what links we tell of; what is answered depends on what was asked for."""
    response.headers.update(CORS)
    response.vary.update(("Accept", "Accept-Language", "Cookie"))
    return response


def root() -> str:
    """Our own address: the name asked for if it is one of PROBATUM_HOSTS, for a Host header says what it likes."""
    ours = request.host.lower()
    if ours not in desk().settings.hosts:
        return desk().settings.base_url
    return f"{request.scheme}://{ours}" if ":" in ours else f"https://{ours}"


def _identity() -> Identity:
    """What the address says, as it was sent where the server tells (RAW_URI, REQUEST_URI); Problem 400."""
    environ = request.environ
    path, query = str(environ.get("PATH_INFO", "")), str(environ.get("QUERY_STRING", ""))
    sent = next((str(environ[name]).partition("?")[0] for name in ("RAW_URI", "REQUEST_URI") if name in environ), "")
    try:
        if unquote_to_bytes(sent).decode("latin-1") == path:
            return parse_sent(sent, query)
        return parse_decoded(path, query)
    except IdentityError as fault:
        told = of(fault)
        told.status = 400
        if prefers_page():
            told.type_code = words_of(told.type_code, 422)
        raise told from None


def _link_type() -> str | None:
    """The link type asked for: one of WHOLE, or GS1's without its prefix. None where none is."""
    asked = request.args.getlist("linkType")
    if len(asked) > 1:
        found = f"{len(asked)} times"
        raise Problem("link_type", 400, "One link type at a time.", expected="linkType once", found=found)
    if not asked or asked[0] in WHOLE:
        return asked[0] if asked else None
    return links.link_type(asked[0]) or _no_link(asked[0], ())


def _no_link(asked: str, found: tuple[links.Link, ...]) -> NoReturn:
    known = ", ".join(links.PREFIX + link.type for link in found) or f"linkset, or one of {links.NAMESPACE}"
    raise Problem("no_link", 404, "There is no link of this type here.", expected=known, found=asked[:100])


def _target(identity: Identity, asked: str) -> str | None:
    """Where the link type leads; None where what was asked is the answer itself. Problem 404 where there is none."""
    found = links.links(identity, _product(identity), language())
    link = next((link for link in found if link.type == asked), None)
    if link is None:
        _no_link(links.PREFIX + asked, found)
    if link.href.partition("?")[0] != links.own_path(identity).partition("?")[0]:
        return links.with_query(link.href, request.environ.get("QUERY_STRING", ""))
    return None


def _wanted() -> str:
    """The media type that the asker likes best; a page for who says nothing, or asks for what there is not."""
    return request.accept_mimetypes.best_match(OFFERED, PAGE)


def _verdict(identity: Identity) -> Response:
    verdict = desk().json(desk().check(Sighting(identity, None)), language())
    if _wanted() == JSON:
        return no_store(verdict)
    return finish(make_response(verdict_page(verdict, typed(identity))))


def _linkset(identity: Identity) -> Response:
    product = _product(identity)
    found = links.links(identity, product, language())
    said = links.linkset(identity, found, product, root())
    answer = Response(msgspec.json.encode(said), content_type=LINKSET)
    answer.headers["Link"] = CONTEXT_LINK
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _announced(answer: Response, identity: Identity) -> Response:
    """The same answer, telling where its linkset is."""
    path = links.own_path(identity).partition("?")[0]
    answer.headers["Link"] = f'<{path}?linkType=linkset>; rel="linkset"; type="{LINKSET}"'
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _product(identity: Identity) -> Product | None:
    return signed_product(desk(), identity.gtin) if identity.gtin else None
