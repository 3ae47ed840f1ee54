"""What a witness hands on of its mirror, at the log's own paths: tiles to anybody, statements and what they name to
whom they are open at the log's doors. Nothing is shown beyond the checkpoint that is mirrored.
"""

from typing import BinaryIO

from werkzeug.wrappers import Request, Response
from werkzeug.wsgi import wrap_file

from verifier.ledger import tiles
from verifier.ledger.tiles import TileError
from verifier.node.copying import deposits_of
from verifier.node.mirror import Mirror
from verifier.node.testimony import OK
from verifier.statements.cbor import MAX_BYTES
from verifier.statements.envelope import Statement, read
from verifier.statements.kinds import KINDS
from verifier.statements.readers import may_fetch, may_read, parties_of
from verifier.witness.index import Index
from verifier.witness.members import Asker, Members
from verifier.witness.problem import Problem

FOREVER, PRIVATE = "public, max-age=31536000, immutable", "private, no-store"
OCTETS = "application/octet-stream"
HEX = frozenset("0123456789abcdef")
CHUNK = 1 << 16


class Shelf:
    """Reads of one mirror. Each public method is a door: the request, and the rest of its path."""

    def __init__(self, mirror: Mirror, index: Index, members: Members) -> None:
        self.mirror, self.index, self.members = mirror, index, members

    def checkpoint(self, _: Request, rest: str) -> Response:
        """The newest checkpoint that is mirrored whole."""
        note = None if rest else self.mirror.note()
        if note is None:
            raise Problem("not_ready", 503, "Nothing is mirrored yet.", again=2)
        answer = Response(note, content_type="text/plain; charset=utf-8")
        answer.headers["Cache-Control"] = "no-cache"
        return answer

    def tile(self, _: Request, rest: str) -> Response:
        """The hashes of a tile, or the statement ids under it."""
        try:
            wanted, entries = tiles.parse_path(f"tile/{rest}")
        except TileError as fault:
            found = f"tile/{rest}"
            raise Problem("no_tile", 404, "This is no tile's path.", expected=fault.expected, found=found) from None
        size = self.mirror.size
        width = tiles.width_of(wanted.level, wanted.number, size)
        if wanted.width > width:
            expected = f"at most {width} hashes, at {size} leaves"
            raise Problem("no_tile", 404, "The mirror has not grown that far.", expected=expected, found=wanted.width)
        if entries:
            content = tiles.encode_entries(self.mirror.ids(wanted.number, wanted.width))
        else:
            content = self.mirror.tile(wanted.level, wanted.number, wanted.width)
        answer = Response(content, content_type=OCTETS)
        answer.headers["Cache-Control"] = FOREVER
        return answer

    def entries(self, asked: Request, entry: str) -> Response:
        """A statement, its leaf in Probatum-Leaf; what is not open to the asker answers as what is not there."""
        found, asker = self._statement(entry), self.members.asker(asked)
        if found is None or not may_read(KINDS[found[1].kind], parties_of(found[1]), asker):
            raise Problem("entry_unknown", 404, "No entry with this id is open to you.", value=entry)
        answer = Response(found[1].raw, content_type="application/cose")
        answer.headers["Probatum-Leaf"] = str(found[0])
        answer.headers["Cache-Control"] = PRIVATE if asker else FOREVER
        answer.vary.update(("Signature", "Signature-Input"))
        return answer

    def deposits(self, asked: Request, digest: str) -> Response:
        """A deposit that the statement `entry` names."""
        found, asker = self._statement(asked.args.get("entry", "")), self.members.asker(asked)
        if found is None or not self._has(found[1], digest, asker):
            raise Problem("deposit_unknown", 404, "No such deposit is open to you.", value=digest)
        file: BinaryIO = self.mirror.path_of(f"deposits/{digest}").open("rb")
        length = file.seek(0, 2)
        file.seek(0)
        answer = Response(wrap_file(asked.environ, file, CHUNK), content_type=OCTETS, direct_passthrough=True)
        answer.content_length = length
        answer.headers["Content-Disposition"] = "attachment"
        answer.headers["Cache-Control"] = PRIVATE
        return answer

    def _statement(self, entry: str) -> tuple[int, Statement] | None:
        """A leaf that is mirrored with its statement, of a kind that is known."""
        if len(entry) != 64 or set(entry) - HEX:
            raise Problem("entry", 400, "Not an id.", expected="64 lower-case hex digits", found=entry)
        index = self.index.leaf(bytes.fromhex(entry))
        answer = self.mirror.get(f"entries/{entry}", MAX_BYTES)
        if index is None or index >= self.mirror.size or answer.status != OK:
            return None
        statement = read(answer.body)
        return (index, statement) if statement.id.hex() == entry and statement.kind in KINDS else None

    def _has(self, statement: Statement, digest: str, asker: Asker | None) -> bool:
        named = {one.hex() for one in deposits_of(statement)}
        return digest in named and may_fetch(parties_of(statement), asker) and self.mirror.has(f"deposits/{digest}")
