"""For operators: is this worker alive, and could it answer a scan now?"""

from flask import Blueprint, Response, jsonify

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
    """200 when a scan would be answered: a ledger is published; says what stands behind it."""
    note = desk().gatherer.log.checkpoint()
    if note is None:
        raise Problem("not_ready", 503, "Nothing is published yet.")
    return jsonify({"status": "ready", "size": int(note.split(b"\n")[1]), "witnesses": 0, "quorum": "none"})
