"""The log over HTTP, to the letter of C2SP tlog-tiles: /checkpoint, /tile/<L>/<N>[.p/<W>], /tile/entries/<N>[.p/<W>].

Nothing is shown beyond the published checkpoint. A partial tile of any width up to there is served, also when the full
one exists: it is its beginning, so that whoever follows an older checkpoint still finds what that one needs. Entry
bundles are served as they are: ids are hashes, and do not compress.
"""

from flask import Blueprint, Response

from verifier.ledger import checkpoint as notes
from verifier.ledger import tiles
from verifier.ledger.tiles import Tile, TileError
from verifier.web.doors.api import desk
from verifier.web.problem import Problem

blueprint = Blueprint("log", __name__)
FOREVER = "public, max-age=31536000, immutable"


@blueprint.get("/checkpoint")
def checkpoint() -> Response:
    """The published checkpoint, a signed note; never cached, since it grows."""
    answer = Response(_published(), content_type="text/plain; charset=utf-8")
    answer.headers["Cache-Control"] = "no-cache"
    return answer


@blueprint.get("/tile/<path:place>")
def tile(place: str) -> Response:
    """The hashes of a tile, or the statement ids under it; 404 for what is misspelt or lies beyond the checkpoint."""
    try:
        wanted, entries = tiles.parse_path(f"tile/{place}")
    except TileError as fault:
        found = f"tile/{place}"[:100]
        raise Problem("no_tile", 404, "This is no tile's path.", expected=str(fault.expected), found=found) from None
    _within(wanted)
    answer = Response(_bundle(wanted) if entries else _hashes(wanted), content_type="application/octet-stream")
    answer.headers["Cache-Control"] = FOREVER
    return answer


def _published() -> bytes:
    note = desk().gatherer.log.checkpoint()
    if note is None:
        raise Problem("not_ready", 503, "Nothing is published yet.")
    return note


def _within(wanted: Tile) -> None:
    """Problem 404 unless the published tree has as many hashes in this tile."""
    size = notes.proposed(_published(), desk().gatherer.policy).size  # shown to whoever may cosign it, too
    width = tiles.width_of(wanted.level, wanted.number, size)
    if wanted.width > width:
        found = f"{wanted.width} of them asked for"
        expected = f"at most {width} hashes, at {size} leaves"
        raise Problem("no_tile", 404, "The log has not grown that far.", expected=expected, found=found)


def _hashes(wanted: Tile) -> bytes:
    return desk().gatherer.log.tile(wanted.level, wanted.number, wanted.width)


def _bundle(wanted: Tile) -> bytes:
    first = wanted.number * tiles.WIDTH
    return tiles.encode_entries(desk().gatherer.log.ids(first, first + wanted.width))
