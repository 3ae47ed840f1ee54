"""What is shown? HTTP only: doors for machines, pages for people. Nothing is judged here, and nothing is opened.

`wire` puts the blueprints, the one shape of errors and the headers on an app; app.py opens the parts.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, request
from werkzeug.middleware.proxy_fix import ProxyFix

from verifier.web import problem
from verifier.web.desk import Desk
from verifier.web.doors import api, convictions, health, ledger, log, look, products, register, resolver
from verifier.web.pages import pages, prefers_page
from verifier.web.pages.problems import explain

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

IMAGE_LIMIT = 12 * 2**20 + 65_536  # a photo at its limit, and the form around it
CSP = (
    "default-src 'none'; img-src 'self' data: blob:; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; manifest-src 'self'"
)
MACHINES = (
    "/api/", "/entries", "/deposits", "/vault/", "/checkpoint", "/tile/", "/convictions", "/healthz", "/readyz",
    "/openapi.json",
)  # fmt: skip
"""Below these a problem is never a page, whatever the asker says it likes."""
HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(self), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def wire(app: Flask, desk: Desk, proxies: int = 0) -> Flask:
    """Give `app` every door and page, over one desk; `proxies` of ours stand in front."""
    app.config["MAX_CONTENT_LENGTH"] = IMAGE_LIMIT
    app.config["MAX_FORM_MEMORY_SIZE"] = 65_536
    app.url_map.merge_slashes = False  # no redirect to an address that a Host header named
    app.extensions["probatum"] = desk
    for door in (api, look, register, products, log, ledger, convictions, resolver, health):
        app.register_blueprint(door.blueprint)
    app.register_blueprint(pages)

    @app.errorhandler(Exception)
    def failed(fault: Exception) -> Response:
        told = problem.of(fault)
        if prefers_page() and not request.path.startswith(MACHINES):
            return app.make_response(explain(told))
        return told.response()

    reached = behind(with_headers(app.wsgi_app), proxies)
    app.wsgi_app = reached  # type: ignore[assignment, method-assign]
    return app


def behind(app: "WSGIApplication", proxies: int) -> "WSGIApplication":
    """The application behind so many proxies of ours: the address they tell is believed, and of no one else's."""
    return ProxyFix(app, x_for=proxies, x_proto=proxies, x_host=0) if proxies else app


def with_headers(app: "WSGIApplication") -> "WSGIApplication":
    """The application with HEADERS on every answer, the server's own errors included."""
    fixed = list(HEADERS.items())

    def wrapped(environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        def begin(status: str, headers: list[tuple[str, str]], *error: Any) -> Callable[[bytes], object]:
            return start(status, headers + fixed, *error)

        return app(environ, begin)

    return wrapped
