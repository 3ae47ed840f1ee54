"""Our application with every memo emptied before each request: what the first scan of a batch costs."""

from flask import Flask

import app as ours
from verifier.ledger import checkpoint
from verifier.statements import envelope, kinds, serials
from verifier.verdict import judge
from verifier.web.desk import Desk


def create_app() -> Flask:
    """The application that remembers nothing."""
    app = ours.create_app()
    desk: Desk = app.extensions["probatum"]

    app.before_request(lambda: forget(desk))
    return app


def forget(desk: Desk) -> None:
    """Empty every memo that a scan fills."""
    envelope.forget()
    kinds.forget()
    judge.forget()
    serials.forget()
    checkpoint.forget()
    desk.gatherer.forget()
