"""What this node holds, as a Source: its log, statements and deposits at one published checkpoint, read from its own
store as a stranger would read them. Nothing is believed here: who copies from it checks every byte (node/copying).
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import redis

from verifier.ledger import tiles
from verifier.ledger.tiles import TileError
from verifier.node.remote import NotShown
from verifier.node.testimony import OK, Answer
from verifier.statements.errors import Malformed
from verifier.store import deposits, layout
from verifier.store.log import LogStore

ABSENT = Answer(404, b"")


class Held:
    """A Source over the store behind `client` and the deposits in `folder`, at the checkpoint `note`."""

    def __init__(self, client: redis.Redis, folder: Path, note: bytes) -> None:
        self.note, self._client, self._log, self._folder = note, client, LogStore(client), folder

    def get(self, path: str, limit: int) -> Answer:
        """See Source."""
        if path == "checkpoint":
            return Answer(OK, self.note)
        if path.startswith("entries/"):
            (answer,) = self.get_all([path], limit)
            return answer
        try:
            tile, entries = tiles.parse_path(path)
            first = tile.number * tiles.WIDTH
            if entries:
                return Answer(OK, tiles.encode_entries(self._log.ids(first, first + tile.width)))
            return Answer(OK, self._log.tile(tile.level, tile.number, tile.width))
        except (TileError, LookupError):
            return ABSENT

    def get_all(self, paths: Sequence[str], limit: int) -> Iterable[Answer]:  # noqa: ARG002 - it is our own memory
        """See Source; paths of entries, in one round trip."""
        ids = [bytes.fromhex(path.removeprefix("entries/")) for path in paths]
        names = [name for one in ids for name in (layout.body(one), layout.index(one))]
        values = iter(self._client.mget(names) if names else [])
        for raw, index in zip(values, values, strict=True):
            if isinstance(raw, bytes) and isinstance(index, bytes):
                yield Answer(OK, raw, str(int.from_bytes(index, "big")))
            else:
                yield ABSENT

    def chunks(self, path: str) -> Iterator[bytes]:
        """The bytes of a deposit; raises NotShown where it is gone or altered."""
        digest = path.partition("?")[0].removeprefix("deposits/")
        try:
            yield from deposits.open_chunks(self._folder, digest)
        except (FileNotFoundError, Malformed):
            raise NotShown(path) from None
