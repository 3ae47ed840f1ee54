"""For operators: is this worker alive, could it answer a scan now, and what doors does it have?"""

import json
from typing import Any

from flask import Blueprint, Response, current_app, jsonify

from verifier.ledger import checkpoint as notes
from verifier.ledger.policy import NONE, Policy
from verifier.node import standing
from verifier.node.standing import Standing
from verifier.store import layout
from verifier.verdict.verdict import utc
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
    """200 when a scan would be answered and what is sent registered: a ledger is published and replayed up to there,
    and its quorum of witnesses cosigns; says what stands behind it. 503 says what is missing, also when the node found
    its ledger damaged: what was published is answered on, and nothing is registered."""
    client, policy = desk().gatherer.client, desk().gatherer.policy
    note, projected, alarm = client.mget([layout.CHECKPOINT, layout.PROJECTED, layout.ALARM])
    if isinstance(alarm, bytes):
        raise Problem("damaged", 503, alarm.decode("utf-8", "replace"))
    stands = standing.read(client) if policy.quorum != NONE else Standing()
    if stands.lost_since:
        raise _unreached(stands)
    if not isinstance(note, bytes):
        raise Problem("not_ready", 503, "Nothing is published yet.")
    if not policy.satisfied([one.name for one in notes.cosigned(note, policy)]):  # it had other witnesses then
        raise _unreached(stands)
    if projected != notes.open(note, policy).size.to_bytes(8, "big"):
        raise Problem("not_ready", 503, "The ledger is being replayed: nothing is answered meanwhile.")
    return jsonify(_ready(note, policy))


def _ready(note: bytes, policy: Policy) -> dict[str, Any]:
    at, size, signed = notes.quorum_time(note, policy), notes.open(note, policy).size, notes.cosigned(note, policy)
    moment = None if at is None else utc(at)
    return {"status": "ready", "size": size, "witnesses": len(signed), "quorum": policy.quorum, "cosigned": moment}


def _unreached(stands: Standing) -> Problem:
    """What is published can still be asked for; nothing is added to it."""
    rows = [
        {"name": row.name, "fault": row.fault or None, "since": utc(row.since) if row.fault else None}
        for row in stands.rows
    ]
    silent = ", ".join(row.name for row in stands.rows if row.fault) or "no answer yet"
    since = {"since": utc(stands.lost_since)} if stands.lost_since else {}
    detail = "The quorum of witnesses does not cosign: what is sent waits, and nothing new is published."
    problem = Problem("witnesses_unreached", 503, detail, expected="a quorum", found=silent)
    problem.more = {**since, "witnesses": rows}
    return problem


@blueprint.get("/openapi.json")
def openapi() -> Response:
    """Every door of this server: OpenAPI 3.1, made from its routes. `/docs` is the same for people."""
    return Response(json.dumps(described.document(current_app), indent=1), content_type="application/json")
