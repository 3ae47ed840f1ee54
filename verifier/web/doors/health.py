"""For operators: is this worker alive, could it answer a scan now, and what doors does it have?"""

import json

from flask import Blueprint, Response, current_app, jsonify

from verifier.ledger import checkpoint as notes
from verifier.store import layout
from verifier.web import openapi as described
from verifier.web.doors.api import desk
from verifier.web.problem import Problem

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def healthz() -> Response:
    """200 while the worker runs and its store answers; 503 problem+json otherwise."""
    desk().client.ping()
    return jsonify({"status": "ok"})


@blueprint.get("/readyz")
def readyz() -> Response:
    """200 when a scan would be answered: a ledger is published and replayed up to there; says what stands behind it.
    503 also when the node found its ledger damaged: what was published is answered on, and nothing is registered."""
    found = desk().gatherer
    note, projected, alarm = found.client.mget([layout.CHECKPOINT, layout.PROJECTED, layout.ALARM])
    if isinstance(alarm, bytes):
        raise Problem("damaged", 503, alarm.decode("utf-8", "replace"))
    size = notes.open(note, found.policy).size if isinstance(note, bytes) else 0
    if not size:
        raise Problem("not_ready", 503, "Nothing is published yet.")
    if projected != size.to_bytes(8, "big"):
        raise Problem("not_ready", 503, "The ledger is being replayed: nothing is answered meanwhile.")
    return jsonify({"status": "ready", "size": size, "witnesses": 0, "quorum": "none"})


@blueprint.get("/openapi.json")
def openapi() -> Response:
    """Every door of this server: OpenAPI 3.1, made from its routes. `/docs` is the same for people."""
    return Response(json.dumps(described.document(current_app), indent=1), content_type="application/json")
