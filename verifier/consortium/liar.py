"""A witness that lies, to be seen failing: it has a true witness's key, and does with it what that must never do.

python -m verifier.consortium.liar FOLDER PORT fork      cosigns another tree of the size it was shown
python -m verifier.consortium.liar FOLDER PORT larger    says that it has seen more leaves than there are
"""

import sys
import time
from collections.abc import Callable, Mapping
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from verifier.ledger import checkpoint as notes
from verifier.ledger import cosignature, note, witnessing
from verifier.ledger.checkpoint import Checkpoint
from verifier.node.keyfile import KeyFile
from verifier.witness import state

Answer = tuple[int, bytes]


def fork(shown: Checkpoint, key: KeyFile) -> Answer:
    """Its signature, good, over a tree that is not the one it was shown."""
    other = Checkpoint(shown.origin, shown.size, sha256(b"another history").digest())
    return 200, cosignature.cosign(other.encode(), key.member, key.seed, int(time.time())).encode()


def larger(shown: Checkpoint, _: KeyFile) -> Answer:
    """A size beyond the one it was shown."""
    return 409, b"%d\n" % (shown.size + 1000)


LIES: Mapping[str, Callable[[Checkpoint, KeyFile], Answer]] = {"fork": fork, "larger": larger}


def serve(folder: Path, port: int, lie: str) -> None:
    """Answer add-checkpoint with a lie, until killed."""
    key = state.open_key(folder, None)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            shown = notes.parse(note.parse(witnessing.parse(body).checkpoint).text)
            status, told = LIES[lie](shown, key)
            self.send_response(status)
            self.send_header("Content-Type", "text/x.tlog.size" if status == 409 else "text/plain")
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, *_: object) -> None:
            """Liars keep no log."""

    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
