"""The picture of a pack, for anyone: that which its maker's statement in force names, and no other deposit."""

from flask import Blueprint, Response

from verifier.statements.errors import StatementError
from verifier.web.deposited import picture
from verifier.web.desk import deposit_folder
from verifier.web.doors.api import desk
from verifier.web.in_force import signed_product
from verifier.web.problem import Problem

blueprint = Blueprint("products", __name__)
FOREVER = "public, max-age=31536000, immutable"


@blueprint.get("/products/<gtin>/<digest>")
def image(gtin: str, digest: str) -> Response:
    """The image of SHA-256 `digest` (hex) if the product in force under `gtin` names it; 404 for anything else."""
    body = signed_product(desk(), gtin) if len(gtin) == 14 and gtin.isascii() and gtin.isdecimal() else None
    if body is None or body.image is None or body.image.sha256.hex() != digest:
        raise Problem("no_picture", 404, "No product in force names this picture.", value=f"{gtin[:20]} {digest[:70]}")
    try:
        data = picture(deposit_folder(desk().settings.data), body.image)
    except StatementError as fault:  # gone from this machine, or altered on it
        raise Problem("no_picture", 404, "This picture is not here.", value=digest, found=fault.found) from fault
    answer = Response(data, content_type=body.image.media_type)
    answer.headers["Cache-Control"] = FOREVER
    return answer
