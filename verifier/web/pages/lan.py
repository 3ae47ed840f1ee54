"""`/lan`: how a phone of the local network comes to trust this machine, so that it opens its camera. It exists only
where PROBATUM_LAN serves phones."""

import hashlib
from urllib.parse import urlsplit

from flask import Response, abort, render_template, request

from verifier.web.pages.blueprint import checks, pages


@pages.get("/lan")
def lan() -> str:
    """The certificate, its fingerprint to compare with the terminal's, and the steps of each kind of phone."""
    host = urlsplit(request.host_url).hostname or ""
    digest = hashlib.sha256(_authority()).digest().hex(":").upper()
    return render_template("lan.html", fingerprint=digest, secure=f"https://{host}:{checks().lan_port}/")


@pages.get("/lan/ca.crt")
def certificate() -> Response:
    """The certificate itself; phones ask whether to install what comes as this type."""
    return Response(_authority(), content_type="application/x-x509-ca-cert")


def _authority() -> bytes:
    found = checks().authority
    if found is None:
        abort(404)
    return found
