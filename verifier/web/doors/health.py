"""For operators: is this worker alive, and could it answer a scan now?"""

from flask import Blueprint, Response, jsonify

from verifier.ledger import checkpoint as notes
from verifier.store import layout
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
    """200 when a scan would be answered: a ledger is published and replayed up to there; says what stands behind it."""
    found = desk().gatherer
    note, projected = found.client.mget([layout.CHECKPOINT, layout.PROJECTED])
    size = notes.open(note, found.policy).size if isinstance(note, bytes) else 0
    if not size:
        raise Problem("not_ready", 503, "Nothing is published yet.")
    if projected != size.to_bytes(8, "big"):
        raise Problem("not_ready", 503, "The ledger is being replayed: nothing is answered meanwhile.")
    return jsonify({"status": "ready", "size": size, "witnesses": 0, "quorum": "none"})
