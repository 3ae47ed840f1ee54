"""`/docs`: every door as /openapi.json describes it, for people. The frame is worded in both languages; what a door
says of itself is the code's own English."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flask import current_app, render_template
from markupsafe import Markup, escape
from msgspec import Struct

from verifier.web import openapi
from verifier.web.openapi import Door, Form, Media
from verifier.web.pages.blueprint import pages


@dataclass(slots=True)
class Shown:
    """One door and every address that leads to it."""

    name: str
    addresses: list[tuple[str, str]]
    summary: str
    rest: str
    door: Door
    takes: list[dict[str, Any]]
    gives: list[dict[str, Any]]


@pages.get("/docs")
def docs() -> str:
    """The doors, in the order of the table."""
    shown: dict[str, Shown] = {}
    for rule, method, door in openapi.described(current_app):
        one = shown.setdefault(rule.endpoint, _shown(rule.endpoint, door))
        one.addresses.append((method, openapi.template(rule)))
        one.addresses.sort(key=lambda row: not row[1].startswith("/01/"))  # of a Digital Link's keys, the pack's first
    doors = [shown[endpoint] for endpoint in openapi.DOORS if endpoint in shown]
    found = {"doors": doors, "statuses": openapi.STATUSES, "signature": openapi.SIGNATURE}
    return render_template("docs.html", **found, ticked=ticked)


def _shown(endpoint: str, door: Door) -> Shown:
    summary, rest = openapi.words_of(current_app, endpoint)
    gives = [row | {"status": status} for status, media in door.answers.items() for row in _rows(media) or [{}]]
    return Shown(endpoint.replace(".", "-"), [], summary, rest, door, list(_rows(door.takes)), gives)


def _rows(media: Media) -> list[dict[str, Any]]:
    """Each media type, what it is, and its fields where it has any."""
    found = []
    for name, shape in media.items():
        plain = shape if isinstance(shape, type) else None
        words = openapi.what(shape)
        if isinstance(shape, Form):
            fields = [(shape.name, "file", shape.required), *_fields(shape.fields)]
            found.append({"media": name, "what": words, "fields": fields})
        else:
            found.append({"media": name, "what": words, "fields": list(_fields(plain))})
    return found


def _fields(shape: type[Struct] | None) -> Iterator[tuple[str, str, bool]]:
    """The fields of a struct: name, type in words, whether it must be there."""
    if shape is None:
        return
    schema = openapi.schemas_of(shape)[shape.__name__]
    for name, field in schema["properties"].items():
        yield name, said(field), name in schema.get("required", ())


def said(field: dict[str, Any]) -> str:
    """A JSON Schema in a few words.

    >>> said({"anyOf": [{"type": "string", "maxLength": 8}, {"type": "null"}]}), said({"enum": ["a", "b"]})
    ('string, at most 8, or null', '"a" or "b"')
    >>> said({"type": "array", "items": {"$ref": "#/components/schemas/Stop"}})
    'array of Stop'
    """
    if "anyOf" in field:
        return ", or ".join(said(one) for one in field["anyOf"])
    if "enum" in field:
        return " or ".join(f'"{one}"' for one in field["enum"])
    if "$ref" in field:
        return str(field["$ref"]).rpartition("/")[2]
    if field.get("type") == "array":
        return "array of " + said(field.get("items", {}))
    bounds = [f"{word} {field[key]}" for key, word in BOUNDS.items() if key in field]
    return ", ".join([str(field.get("type", "anything")), *bounds])


def ticked(text: str) -> Markup:
    """Text whose `words between ticks` are code; all is escaped.

    >>> ticked("A `<b>`.")
    Markup('A <code>&lt;b&gt;</code>.')
    """
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped here


BOUNDS = {"minimum": "at least", "maximum": "at most", "exclusiveMaximum": "below", "maxLength": "at most"}
