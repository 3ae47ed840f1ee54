"""The log read by clients that nobody here wrote: the Go project's checkpoint and tile code, out of its own
distribution, so that no network is needed; and torchwood's, which follows a served log."""

import os
import shutil
import subprocess
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from golang import Elsewhere
from werkzeug.serving import make_server
from wide import Wide

from verifier.ledger import checkpoint as notes
from verifier.ledger import tiles
from verifier.ledger.tiles import Tile

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

SOURCE = Path(__file__).parent.parent / "elsewhere" / "readlog.go"
OFFLINE = {"GOFLAGS": "-mod=mod", "GOPROXY": "off", "GOTOOLCHAIN": "local", "GOWORK": "off"}


@pytest.fixture(scope="module")
def readlog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled client; golang.org/x/mod is the copy inside Go's distribution."""
    go = shutil.which("go")
    if go is None:
        pytest.xfail("expected go on the PATH, found none: the log is read by no other client here")
    home = tmp_path_factory.mktemp("readlog")
    told = subprocess.run([go, "env", "GOROOT", "GOVERSION"], capture_output=True, text=True, check=True)
    root, version = told.stdout.split()
    version = ".".join(version.removeprefix("go").split(".")[:2])
    copy = home / "mod"
    for name in ("note", "tlog"):
        shutil.copytree(Path(root) / "src/cmd/vendor/golang.org/x/mod/sumdb" / name, copy / "sumdb" / name)
    (copy / "go.mod").write_text(f"module golang.org/x/mod\n\ngo {version}\n", "utf-8")
    require = "require golang.org/x/mod v0.0.0\nreplace golang.org/x/mod => ./mod\n"
    (home / "go.mod").write_text(f"module readlog\n\ngo {version}\n{require}", "utf-8")
    shutil.copy(SOURCE, home)
    own = {} if "HOME" in os.environ else {"GOCACHE": str(home / "cache"), "GOPATH": str(home / "path")}
    kept = own | os.environ | OFFLINE
    done = subprocess.run([go, "build", "-o", "readlog", "."], cwd=home, env=kept, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return home / "readlog"


def download(wide: Wide, folder: Path) -> None:
    """Everything that the log serves, as the static files that they are."""
    paths = ["checkpoint"]
    for level in range(2):
        for number in range(-(-(wide.size >> 8 * level) // 256)):
            tile = Tile(level, number, tiles.width_of(level, number, wide.size))
            paths += [tile.path()] if level else [tile.path(), tile.entries_path()]
    for path in paths:
        answer = wide.http.get(f"/{path}")
        assert answer.status_code == 200, path
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(answer.data)


def run(readlog: Path, wide: Wide, folder: Path) -> subprocess.CompletedProcess[str]:
    early = notes.open(wide.early, wide.registry.policy)
    key = str(wide.registry.policy.log)
    words = [str(readlog), str(folder), key, str(early.size), b64encode(early.root).decode()]
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)


def test_go_proves_every_entry_and_the_growth(readlog: Path, wide: Wide, tmp_path: Path) -> None:
    download(wide, tmp_path)
    done = run(readlog, wide, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{wide.head.origin} {wide.size}\n"


@pytest.mark.parametrize("path", ["checkpoint", "tile/0/001", "tile/1/000.p/2", "tile/entries/000"])
def test_go_refuses_a_flipped_byte(readlog: Path, wide: Wide, tmp_path: Path, path: str) -> None:
    """The control: it does check."""
    download(wide, tmp_path)
    said = bytearray((tmp_path / path).read_bytes())
    said[45] ^= 1
    (tmp_path / path).write_bytes(said)
    assert run(readlog, wide, tmp_path).returncode != 0


@contextmanager
def served(app: "WSGIApplication") -> Iterator[str]:
    """The application on a port of its own; the URL."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.timeout(600)  # the first build of a fresh machine
def test_a_public_tile_client_follows_the_doors_to_the_last_entry(elsewhere: Elsewhere, wide: Wide) -> None:
    with served(wide.app.wsgi_app) as url:
        done = elsewhere.run("follow", url, str(wide.registry.policy.log))
    entries = sha256(b"".join(wide.log.ids(0, wide.size))).hexdigest()
    assert (done.returncode, done.stdout.decode()) == (0, f"{wide.head.origin} {wide.size}\n{wide.size} {entries}\n")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("path", ["/checkpoint", "/tile/0/000", "/tile/entries/001"])
def test_a_public_tile_client_refuses_what_doors_that_lie_serve(elsewhere: Elsewhere, wide: Wide, path: str) -> None:
    """The control: it does check."""

    def lying(environ: "WSGIEnvironment", start: "StartResponse") -> list[bytes]:
        whole = b"".join(wide.app.wsgi_app(environ, start))
        return [whole[:45] + bytes([whole[45] ^ 1]) + whole[46:] if environ["PATH_INFO"] == path else whole]

    with served(lying) as url:
        assert elsewhere.run("follow", url, str(wide.registry.policy.log)).returncode == 1
