"""The rehearsal: a real server registers, is killed, loses its Redis and deposits, and comes back from its backup."""

import os
import shutil
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
from served import Served

from verifier.ledger import checkpoint as notes
from verifier.ledger import tiles
from verifier.ledger.checkpoint import Checkpoint
from verifier.ledger.merkle import verify_consistency
from verifier.store.embedded import reach
from verifier.store.log import LogStore
from verifier.store.projection import digest
from verifier.store.redis import connect
from verifier.web.desk import policy_of

MOMENTS = frozenset({"as_of", "checked_at"})


def verdicts(server: Served) -> dict[str, Any]:
    """What the demo images say, without the moment at which it was said."""
    found = {}
    for image in sorted(server.demo.glob("*.png"))[:6]:
        files = {"image": (image.name, image.read_bytes(), "image/png")}
        answer = httpx.post(f"{server.url}/api/scan", files=files, timeout=30, trust_env=False)
        assert answer.status_code == 200
        found[image.name] = timeless(answer.json())
    return found


def timeless(told: Any) -> Any:
    if isinstance(told, list):
        return [timeless(one) for one in told]
    if isinstance(told, dict):
        return {name: timeless(value) for name, value in told.items() if name not in MOMENTS}
    return told


def projected(data: Path) -> str:
    with reach(data) as url, connect(url) as client:
        return digest(client)


def head(server: Served) -> Checkpoint:
    note = httpx.get(f"{server.url}/checkpoint", trust_env=False).content
    return notes.open(note, policy_of(server.data))


def grew(data: Path, before: Checkpoint, after: Checkpoint) -> None:
    with reach(data) as url, connect(url) as client:
        path = tiles.consistency_path(before.size, after.size, LogStore(client).tile)
    verify_consistency(before.size, after.size, path, before.root, after.root)


def burn(server: Served) -> None:
    """Store, node and supervisor are killed, and what Redis and the deposits held is gone."""
    for pid in (server.child("redis-server"), server.child("node"), server.process.pid):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    server.process.wait(30)
    shutil.rmtree(server.data / "redis")
    shutil.rmtree(server.data / "deposits")


def test_a_ledger_comes_back_over_http(server: Served, tmp_path: Path) -> None:
    """From doors that serve it: another node's, or a witness's, which are the same. Whoever keeps the ledger reads all
    of it; a stranger is not shown enough."""
    trust, data = tmp_path / "trust.json", tmp_path / "var"
    assert server.run("verifier", "trust", "--out", str(trust)).returncode == 0
    words = ("verifier", "restore", "--from", server.url, "--trust", str(trust))
    done = server.run(*words, PROBATUM_DATA=str(data))
    assert done.returncode == 2
    assert "is not shown to us: restore from who shows it" in done.stderr.decode()
    done = server.run(*words, "--as", str(server.data / "node" / "node.key"), PROBATUM_DATA=str(data))
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode().startswith("restored: ")
    assert "its packs read unverified here: batch " in done.stderr.decode()  # the vault stays where it is
    assert "without the log's own key nothing can be signed on" in done.stderr.decode()
    shutil.copytree(server.data / "vault", data / "vault", dirs_exist_ok=True)
    assert server.run("verifier", "rebuild", PROBATUM_DATA=str(data)).returncode == 0
    done = server.run("verifier", "fsck", PROBATUM_DATA=str(data))
    assert done.returncode == 0, done.stderr
    assert projected(data) == projected(server.data)


def test_a_burnt_node_comes_back(tmp_path: Path) -> None:
    data, copy = tmp_path / "var", str(tmp_path / "copy")
    with Served(data) as server:
        before, told, projection = head(server), verdicts(server), projected(data)
        assert server.run("verifier", "fsck").returncode == 0  # beside the running node
        done = server.run("verifier", "backup", "--out", copy)
        assert done.returncode == 0, done.stderr
        assert head(server) == before  # nothing was registered meanwhile
        burn(server)
    done = server.run("verifier", "restore", "--from", copy)
    assert done.returncode == 0, done.stderr
    assert (done.stderr, done.stdout.decode()) == (b"", f"restored: {before.size} leaves, root {before.root.hex()}\n")
    assert projected(data) == projection
    with Served(data) as server:
        assert verdicts(server) == told
        words = ("verifier", "product", "--gtin", "09521000000018", "--name", "Amoxadine 500 mg, again")
        done = server.run(*words, "--as", str(data / "keys" / "laboratoires-aubrac.key"))
        assert done.returncode == 0, done.stderr
        after = head(server)
        assert after.size > before.size
        grew(data, before, after)
