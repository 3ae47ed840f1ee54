"""Is a deposit what the statement that names it says? Asked before such a statement is taken, and again of what is
shown to strangers: a picture is a picture, and nothing else that a browser might run."""

from pathlib import Path

from scanner.photo import PhotoError, read_header
from verifier.statements import catalogue_rows
from verifier.statements.catalogue import Catalogue
from verifier.statements.errors import Malformed, Refused
from verifier.statements.product import Picture
from verifier.store import deposits

MAGIC = {"image/jpeg": b"\xff\xd8\xff", "image/png": b"\x89PNG\r\n\x1a\n", "image/webp": b"RIFF"}
MOST_PIXELS = 4_000_000


def picture(folder: Path, named: Picture) -> bytes:
    """The bytes of a picture; raises Refused `picture` unless they are here and are what `named` says."""
    digest, expected = named.sha256.hex(), f"a whole {named.media_type} of {named.size} bytes"
    length = deposits.length(folder, digest)
    if length != named.size:
        raise _wrong(digest, expected, "no such deposit" if length is None else f"{length} bytes")
    data = b"".join(deposits.open_chunks(folder, digest))
    try:
        header = read_header(data)
    except PhotoError as fault:
        raise _wrong(digest, expected, fault.found) from fault
    if not data.startswith(MAGIC[named.media_type]) or not header.complete:
        raise _wrong(digest, expected, data[:8].hex())
    if header.width * header.height > MOST_PIXELS:
        raise _wrong(digest, f"at most {MOST_PIXELS} pixels", f"{header.width} x {header.height}")
    return data


def catalogue(folder: Path, named: Catalogue) -> None:
    """Raises Refused `catalogue` unless the deposit is here and holds the rows that `named` says."""
    digest, length = named.rows.hex(), deposits.length(folder, named.rows.hex())
    expected = f"{named.count} rows in a deposit of {named.size} bytes"
    if length != named.size:
        found = "no such deposit" if length is None else f"{length} bytes"
        raise Refused("catalogue", value=digest, expected=expected, found=found)
    try:
        count = catalogue_rows.check(b"".join(deposits.open_chunks(folder, digest)))
    except Malformed as fault:
        raise Refused("catalogue", value=digest, expected=fault.expected, found=fault.found) from fault
    if count != named.count:
        raise Refused("catalogue", value=digest, expected=expected, found=f"{count} rows")


def _wrong(digest: str, expected: str, found: str) -> Refused:
    return Refused("picture", value=digest, expected=expected, found=found)
