"""Photographs nobody here took: for each folder a floor of reads and a ceiling of misreads. Unseen and seen wrong are
different sins, and the second has no allowance."""

import pytest

from scanner.decode import decode
from scanner.photo import read_photo

FLOORS = {
    "code128-1": 6,
    "datamatrix-1": 30,
    "datamatrix-3": 27,
    "ean13-1": 15,
    "qrcode-1": 8,
    "qrcode-3": 18,
    "qrcode-5": 16,
    "falsepositives-2": 0,
}
CEILING = 0


@pytest.mark.interop
@pytest.mark.parametrize(("folder", "floor"), FLOORS.items())
def test_reads_have_a_floor_and_misreads_a_ceiling(vectors, folder, floor):
    here = sorted((vectors / "photos" / folder).iterdir())
    photos = [path for path in here if path.suffix in {".png", ".jpg", ".webp"}]
    assert photos
    read, wrong = 0, []
    for path in photos:
        text, raw = path.with_suffix(".txt"), path.with_suffix(".bin")
        want = raw.read_bytes() if raw.exists() else text.read_bytes() if text.exists() else None
        # Generous: the floors are of what the looks read, however busy the machine is.
        symbols = decode(read_photo(path.read_bytes()), budget_s=5)
        got = [symbol.content if raw.exists() else symbol.text.encode() for symbol in symbols]
        read += want in got
        wrong += [(path.name, content) for content in got if content != want]
    assert len(wrong) <= CEILING, wrong
    assert read >= floor
