"""The sets, in the order of the report. A set whose folder is absent is left out; one nobody judges yet says why."""

from conformance.rows import Source, count_files
from conformance.sets import ed25519, gs1_dictionary, gs1_engine, hibc, merkle, photos

SOURCES: tuple[Source, ...] = (
    *merkle.SOURCES,
    ed25519.SOURCE,
    gs1_engine.SOURCE,
    gs1_dictionary.SOURCE,
    hibc.SOURCE,
    Source(
        "epcis documents", "vectors/epcis/JSON", count_files("*.jsonld", "*.json"),
        why_not="no door captures EPCIS documents yet",
    ),
    Source(
        "epcis event hash", "vectors/epcis/event_hash", count_files("*.json"),
        why_not="no part computes the event hash yet",
    ),
    Source("eu dcc", "vectors/dcc", count_files("*.json"), why_not="no part verifies EU certificates yet"),
    Source("smart health cards", "vectors/shc", count_files("*"), why_not="no part verifies SMART cards yet"),
)  # fmt: skip

PHOTOS = photos.source
"""One set for each folder of photographs that is there."""
