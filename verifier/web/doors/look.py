"""The live camera's door: what does this frame show, and where? Nothing is looked up, judged or counted as a scan.

A camera asks several times a second and mostly sees a table. What it shows in the end is sent once, as a photo.
"""

from typing import Any

from flask import Blueprint, Response

from scanner.decode import MATRIX
from scanner.sighting import Miss, Sighting
from verifier.web.desk import answerable, desk, told
from verifier.web.doors.api import no_store, photo

blueprint = Blueprint("look", __name__)


@blueprint.post("/api/look")
def look() -> Response:
    """What `image` (multipart) shows, as `shown`; Problem where it is no picture."""
    image = photo()
    with told():
        return no_store(shown(desk().look(image)))


def shown(seen: Sighting | Miss) -> dict[str, Any]:
    """{"seen", "codes": [{"format", "corners"}]}. `seen` is "pack" for a code that names one, or the lot of a box
    without a serial, "stripes" for a retail code alone, "part" for less, "several" for more than one thing, or why
    there is none (sighting.MISSES).
    Corners are pixels [x, y] of the frame, clockwise from its own top left; the code that counts stands first."""
    if isinstance(seen, Miss):
        what, symbols = seen.code, seen.symbols
    else:
        symbols = tuple(symbol for one in seen.things for symbol in (one.symbol, *one.others) if symbol is not None)
        stripes = not any(symbol.format in MATRIX for symbol in symbols)
        named = seen.identity.batch is not None and answerable(seen.identity)
        alone = "pack" if named else "stripes" if stripes else "part"
        what = "several" if seen.beside else alone
    return {
        "seen": what,
        "codes": [{"format": symbol.format, "corners": [list(at) for at in symbol.position]} for symbol in symbols],
    }
