"""`trust`: what a verifier must know beforehand, with a checkpoint whose signature was checked."""

import http.server
import threading
from pathlib import Path

from served import Served

from verifier.ledger import checkpoint as notes
from verifier.statements.envelope import read
from verifier.verdict import trust as trusts


def test_it_is_the_genesis_the_policy_and_a_checkpoint(server: Served, tmp_path: Path) -> None:
    done = server.run("verifier", "trust")
    assert (done.returncode, done.stderr) == (0, b"")
    trust = trusts.decode(done.stdout.decode())
    assert trust.genesis == read((server.data / "genesis.cose").read_bytes()).id
    assert notes.open(trust.checkpoint or b"", trust.policy).size > 0
    file = tmp_path / "trust.json"
    assert server.call("verifier", "trust", "--out", str(file)).stdout == b""
    assert trusts.decode(file.read_text("utf-8")).policy == trust.policy
    done = server.call("verifier", "trust", "--out", "/proc/no/trust.json")
    assert (done.returncode, len(done.stderr.splitlines()), b"/proc/no/trust.json" in done.stderr) == (1, 1, True)


def test_anothers_checkpoint_is_not_taken(server: Served, tmp_path: Path) -> None:
    class Liar(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write("probatum.example/demo\n5\nAAAA\n\n— probatum.example/demo AAAA\n".encode())

        def log_message(self, *_: object) -> None:
            """Silent."""

    with http.server.HTTPServer(("127.0.0.1", 0), Liar) as liar:
        thread = threading.Thread(target=liar.serve_forever, args=(0.01,))
        thread.start()
        file = tmp_path / "trust.json"
        done = server.call("verifier", "trust", "--server", f"http://127.0.0.1:{liar.server_port}", "--out", str(file))
        liar.shutdown()
        thread.join()
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert not file.exists()


def test_no_consortium_and_no_server(server: Served, tmp_path: Path) -> None:
    done = server.run("verifier", "trust", PROBATUM_DATA=str(tmp_path))
    assert done.returncode == 1
    assert b"no consortium here yet: start with `python -m verifier serve --demo`" in done.stderr
    done = server.call("verifier", "trust", "--server", "http://127.0.0.1:9")
    assert (done.returncode, b"not reached" in done.stderr) == (1, True)
