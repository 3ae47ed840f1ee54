"""What the resolver links to, read from link_types.json: pure, the same for every serial and lot of a product, so that
no list of links tells which of them exist.

>>> link_type("gs1:pip"), link_type("https://ref.gs1.org/voc/pip"), link_type("pip")
('pip', 'pip', None)
"""

import json
from dataclasses import dataclass
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from verifier.identity import Identity
from verifier.identity.identity import STEM
from verifier.statements.product import Product

_TABLE = json.loads(files("verifier.web").joinpath("link_types.json").read_text("utf-8"))
NAMESPACE: str = _TABLE["namespace"]
PREFIX: str = _TABLE["prefix"]
ROWS: tuple[dict[str, Any], ...] = tuple(_TABLE["links"])
SPELLINGS = (PREFIX, NAMESPACE, NAMESPACE.replace("ref.", "", 1))  # the vocabulary stands at both addresses
LANGUAGES = ["fr", "en"]


@dataclass(frozen=True, slots=True)
class Link:
    """One link: its type without prefix, its target (ours without a host), and what a linkset says of it."""

    type: str
    href: str
    title: str
    media: str | None
    ours: bool


def link_type(text: str) -> str | None:
    """The GS1 link type that a CURIE or a URI names; None for any other vocabulary's."""
    return next((text.removeprefix(one) for one in SPELLINGS if text.startswith(one) and text != one), None)


def own_path(identity: Identity) -> str:
    """Where this identity is answered here: its canonical link, without the host."""
    return identity.digital_link().removeprefix(STEM)


def links(identity: Identity, product: Product | None, language: str) -> tuple[Link, ...]:
    """Every link of an identity. `product` is what its maker signed of its GTIN, None where nothing is registered."""
    found = {"any": True, "product": product is not None, "pack": bool(identity.gtin and identity.serial)}
    targets = {
        "self": own_path(identity),
        "product": f"/01/{identity.gtin}",
        "leaflet": leaflet(product) if product else None,
    }
    return tuple(
        Link(row["type"], href, row[language], row["media"], ours=row["target"] != "leaflet")
        for row in ROWS
        if found[row["about"]] and (href := targets[row["target"]]) is not None
    )


def leaflet(product: Product) -> str | None:
    """The leaflet's https link; None where there is none, or one that browsers might read otherwise than we do."""
    try:
        parts = urlsplit(product.leaflet or "")
        return product.leaflet if parts.scheme == "https" and parts.hostname and "@" not in parts.netloc else None
    except ValueError:
        return None


def with_query(href: str, query: str) -> str:
    """A target with the request's whole query, as the standard asks (GS1-Conformant Resolver 2.12).

    >>> with_query("https://maker.example/l?a=1#fr", "17=271231")
    'https://maker.example/l?a=1&17=271231#fr'
    """
    parts = urlsplit(href)
    return urlunsplit(parts._replace(query="&".join(filter(None, (parts.query, query)))))


def linkset(identity: Identity, found: tuple[Link, ...], product: Product | None, root: str) -> dict[str, Any]:
    """The links as RFC 9264 writes them in JSON; `root` is our address, without a slash at its end."""
    said: dict[str, Any] = {"anchor": root + own_path(identity).partition("?")[0]}
    if product is not None:
        said["description"] = product.name
    for link in found:
        said.setdefault(NAMESPACE + link.type, []).append(_target(link, root))
    return {"linkset": [said]}


def _target(link: Link, root: str) -> dict[str, Any]:
    target: dict[str, Any] = {"href": root + link.href if link.ours else link.href, "title": link.title}
    if link.media is not None:
        target["type"] = link.media
    if link.media == "text/html":
        target["hreflang"] = LANGUAGES
    return target
