"""A mirror: the log's own paths as files below one folder. A witness keeps one, a backup is one, a restore reads one.

    checkpoint                   the signed note of the tree that is here, whole
    tile/<L>/<N>[.p/<W>]         its tiles, and tile/entries/<N>[.p/<W>], the ids under those of level 0
    entries/<hex id>             the statements' bytes, of those that were shown
    deposits/<sha256>            what they name, of what was shown

Every byte is checked against a signed checkpoint before it is kept (node/copying), and each file is written whole:

    tiles, ids, statements, deposits     crash: files that no checkpoint here speaks of yet; found, and not asked again
    checkpoint                           crash: the old one or the new one, and all that either needs
    partial tiles outgrown, removed      crash: strays, removed when their tile is full

A folder is a Source (node/auditor). Reading it believes nothing: who wrote it may not be who checked it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from verifier import files
from verifier.ledger import checkpoint as notes
from verifier.ledger import note, tiles
from verifier.ledger.checkpoint import Checkpoint
from verifier.ledger.encoding import HASH_BYTES
from verifier.ledger.tiles import WIDTH, Tile, TileError
from verifier.node.remote import NotShown
from verifier.node.testimony import OK, Answer

CHECKPOINT = "checkpoint"
UNIT = 2 + HASH_BYTES
MISSING = 404
_NAMED = re.compile("(?:entries|deposits)/[0-9a-f]{64}")
_CHUNK = 1 << 16
_REMEMBERED = 4  # runs of ids whose leaf numbers are known, since their bundles were read last


class Mirror:
    """The mirror in `folder`, made on the first writing. A Source; one writer at a time, any number of readers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._made: set[Path] = set()
        self._runs: dict[int, dict[bytes, int]] = {}

    # --- a Source ---

    def get(self, path: str, limit: int) -> Answer:
        """See Source. A statement's leaf number is known when the bundle that names it was read shortly before."""
        try:
            body = self._read(path.partition("?")[0], limit)
        except (FileNotFoundError, NotADirectoryError, TileError, LookupError):
            return Answer(MISSING, b"")
        leaf = self._leaf(path) if path.startswith("entries/") else None
        return Answer(OK, body, leaf)

    def get_all(self, paths: Sequence[str], limit: int) -> Iterable[Answer]:
        """See Source."""
        return (self.get(path, limit) for path in paths)

    def chunks(self, path: str) -> Iterator[bytes]:
        """The bytes at a path, 64 KiB at a time; raises NotShown."""
        try:
            with self.path_of(path.partition("?")[0]).open("rb") as file:
                while chunk := file.read(_CHUNK):
                    yield chunk
        except FileNotFoundError:
            raise NotShown(path) from None

    # --- what is here ---

    def note(self) -> bytes | None:
        """The checkpoint's note; None before the first."""
        path = self.folder / CHECKPOINT
        return path.read_bytes() if path.exists() else None

    def head(self) -> Checkpoint | None:
        """The checkpoint of the tree that is here, whole; None before the first. Nobody's signature is asked for."""
        signed = self.note()
        return notes.parse(note.parse(signed).text) if signed else None

    @property
    def size(self) -> int:
        """How many leaves are here."""
        head = self.head()
        return head.size if head else 0

    def has(self, path: str) -> bool:
        """Whether a file is here."""
        return self.path_of(path).is_file()

    def path_of(self, path: str) -> Path:
        """The file of one of the log's paths; raises LookupError for anything else."""
        if path != CHECKPOINT and not _NAMED.fullmatch(path):
            try:
                tiles.parse_path(path)
            except TileError:
                raise LookupError(f"{path[:100]!r}: expected a path of the log") from None
        return self.folder / path

    def tile(self, level: int, number: int, width: int) -> bytes:
        """A ReadTile; raises LookupError. A wider tile will do: its beginning is the narrower one."""
        return self._tile(Tile(level, number, width), entries=False)

    def ids(self, number: int, width: int) -> list[bytes]:
        """The statement ids under the first `width` hashes of a tile of level 0; raises LookupError."""
        bundle = self._tile(Tile(0, number, width), entries=True)
        return [bundle[at + 2 : at + UNIT] for at in range(0, len(bundle), UNIT)]

    def at_hand(self, tile: Tile) -> bytes | None:
        """A tile, where it is here (node/proved)."""
        try:
            return self.tile(tile.level, tile.number, tile.width)
        except LookupError:
            return None

    # --- writing ---

    def keep(self, content: Mapping[str, bytes]) -> None:
        """Keep files, each whole; durable on return. What they say is the caller's to have checked."""
        for path in content:
            self._make(self.path_of(path).parent)
        files.write_all(self.folder, content)

    def keep_chunks(self, digest: str, chunks: Iterable[bytes], limit: int) -> None:
        """Keep a deposit as it comes, if it has its digest; raises files.WrongBytes, or what `chunks` raise."""
        path = self.path_of(f"deposits/{digest}")
        self._make(path.parent)
        files.write_chunks(path, chunks, digest, limit)

    def publish(self, signed: bytes) -> None:
        """Keep the checkpoint, when all that it needs is here; then let go of the partial tiles that it outgrew."""
        before = self.head()
        self.keep({CHECKPOINT: signed})
        after = self.head()
        if before is not None and after is not None:
            for tile in tiles.edges(before.size):
                self._outgrown(tile, after.size)

    def _outgrown(self, tile: Tile, size: int) -> None:
        width = tiles.width_of(tile.level, tile.number, size)
        paths = [tile.path(), *([tile.entries_path()] if tile.level == 0 else [])]
        for path in paths:
            folder = (self.folder / path).parent
            if width == tile.width or not folder.is_dir():
                continue
            for stray in folder.iterdir():
                if width == WIDTH or stray.name != str(width):
                    stray.unlink(missing_ok=True)
            if width == WIDTH:
                folder.rmdir()
                self._made.discard(folder)

    def _make(self, folder: Path) -> None:
        if folder not in self._made:
            files.make_folder(folder)
            self._made.add(folder)

    # --- reading ---

    def _read(self, path: str, limit: int) -> bytes:
        file = self.path_of(path)
        if not path.startswith("tile/"):
            with file.open("rb") as opened:
                return opened.read(limit + 1)
        tile, entries = tiles.parse_path(path)
        if not entries:
            return self.tile(tile.level, tile.number, tile.width)
        ids = self.ids(tile.number, tile.width)
        self._remember(tile.number, ids)
        return tiles.encode_entries(ids)

    def _tile(self, tile: Tile, *, entries: bool) -> bytes:
        """The beginning of the narrowest file that holds as much of the tile."""
        for _ in range(2):  # the narrower one may be let go of while we look for a wider
            if (content := self._beginning(tile, entries)) is not None:
                return content
        raise LookupError(f"{_spelt(tile, entries)}: expected {tile.width} hashes or ids, found fewer here")

    def _beginning(self, tile: Tile, entries: bool) -> bytes | None:
        unit = UNIT if entries else HASH_BYTES
        whole = self.folder / _spelt(Tile(tile.level, tile.number, WIDTH), entries)
        exact = self.folder / _spelt(tile, entries)
        wider = (path for path in exact.parent.glob("[0-9]*") if path.name.isdecimal()) if tile.width < WIDTH else ()
        for path in (exact, whole, *sorted(wider, key=lambda path: int(path.name))):
            with suppress(FileNotFoundError, NotADirectoryError):
                content = path.read_bytes()[: tile.width * unit]
                if len(content) == tile.width * unit:
                    return content
        return None

    def _remember(self, number: int, ids: list[bytes]) -> None:
        while len(self._runs) >= _REMEMBERED:
            del self._runs[next(iter(self._runs))]
        self._runs[number] = {one: number * WIDTH + place for place, one in enumerate(ids)}

    def _leaf(self, path: str) -> str | None:
        one = bytes.fromhex(path.partition("?")[0].removeprefix("entries/"))
        return next((str(run[one]) for run in self._runs.values() if one in run), None)


def _spelt(tile: Tile, entries: bool) -> str:
    return tile.entries_path() if entries else tile.path()
