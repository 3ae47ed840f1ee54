"""Photographs: an image, and its exact text (.txt) or bytes (.bin) under the same name; without either, nothing may be
read. Not seen and seen wrong are different sins: `unread` may be argued, `misread` is argued by nobody."""

from collections.abc import Iterator
from pathlib import Path

from conformance.rows import Row, Source
from scanner.decode import Symbol, decode
from scanner.photo import PhotoError, read_photo

IMAGES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif"})
PATIENCE_S = 5.0  # what the looks can read is asked, however busy the machine is
NOTHING = "nothing"


def source(folder: Path) -> Source:
    """The set of one folder of photographs."""
    return Source(f"photos {folder.name}", f"photos/{folder.name}", lambda here: sum(1 for _ in _photos(here)), _judge)


def _photos(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.suffix.lower() in IMAGES)


def _judge(folder: Path) -> Iterator[Row]:
    for path in _photos(folder):
        raw, text = path.with_suffix(".bin"), path.with_suffix(".txt")
        side = next((one for one in (raw, text) if one.exists()), None)
        wanted = side.read_bytes() if side else None
        read = [symbol.content if raw.exists() else symbol.text.encode() for symbol in _read(path)]
        found, kind = _said(wanted, read)
        yield Row(path.relative_to(folder).as_posix(), _shown(wanted), found, kind)


def _read(path: Path) -> tuple[Symbol, ...]:
    try:
        return decode(read_photo(path.read_bytes()), budget_s=PATIENCE_S)
    except PhotoError:
        return ()


def _said(wanted: bytes | None, read: list[bytes]) -> tuple[str, str]:
    """What was read, and whether it is a misread: anything but what is there."""
    wrong = [content for content in read if content != wanted]
    if wrong:
        return _shown(wrong[0]), "misread"
    return _shown(read[0] if read else None), "unread"


def _shown(content: bytes | None) -> str:
    return NOTHING if content is None else repr(content)[2:-1][:120]
