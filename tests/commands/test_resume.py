"""kill -9, for real, at each step of an issue; the same command then ends with one registered batch, of the serials and
the secret that were signed, and every label whole."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest
from served import Served

from scanner import decode, photo, sighting
from verifier.commands.issue import check_room
from verifier.commands.issuing import Lot, identity_of
from verifier.commands.job import Job
from verifier.commands.spill import each
from verifier.process import FolderTaken
from verifier.settings import ROOT
from verifier.statements import pack_signature
from verifier.statements.batch import Batch
from verifier.statements.envelope import read
from verifier.statements.kinds import body_of
from verifier.vault import Vault

GTIN = "09521000000018"
MANY = "9000"  # three pieces of serials

CHILD = """
import importlib, os, signal, sys
spot, when, word, nth, *argv = sys.argv[1:]
module, _, dotted = spot.partition(":")
owner = importlib.import_module(module)
*path, name = dotted.split(".")
for part in path:
    owner = getattr(owner, part)
honest, left = getattr(owner, name), [int(nth)]

def struck(*args, **named):
    hit = not word or word in {str(arg) for arg in args} | {getattr(args[0], "label", "")}
    left[0] -= hit
    if hit and left[0] == 0 and when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    found = honest(*args, **named)
    if hit and left[0] == 0 and when == "after":
        os.kill(os.getpid(), signal.SIGKILL)
    return found

setattr(owner, name, struck)
from verifier.commands import main
main(argv)
"""
BAR, KEEP, CLIENT = (
    "click._termui_impl:ProgressBar.update", "verifier.commands.job:Job.keep", "verifier.commands.client:Client.",
)  # fmt: skip
# what is happening: where, before or after, with which word among its arguments, at which call; how many packs
KILLS: dict[str, tuple[str, str, str, int, str]] = {
    "nothing is asked yet": (KEEP, "before", "asked.json", 1, MANY),
    "serials are drawn": (BAR, "after", "serials", 2, MANY),
    "serials are put in order": (BAR, "after", "serial tree", 2, MANY),
    "the manifest is sealed": (BAR, "after", "serial tree", 40, MANY),
    "the statement is signed": (KEEP, "before", "statement", 1, MANY),
    "the manifest is sent": (BAR, "before", "manifest", 1, MANY),
    "the secret is sent": (CLIENT + "put_signed", "after", "", 1, MANY),
    "it is sent, and not yet registered": (CLIENT + "register", "before", "", 1, MANY),
    "it is registered, and the answer not heard": (CLIENT + "register", "after", "", 1, MANY),
    "the answer is kept": (KEEP, "after", "receipt.json", 1, MANY),
    "a label is half drawn": ("verifier.labels:label_svg", "before", "", 4, "4"),
    "all is done": ("verifier.commands.job:Job.remove", "before", "", 1, "4"),
}


def words(batch: str, **options: str) -> list[str]:
    given = {"gtin": GTIN, "batch": batch, "expiry": "280331"} | options
    return ["issue", *(word for name, value in given.items() for word in (f"--{name}", value))]


def kill(server: Served, argv: list[str], spot: str, when: str, word: str, nth: int) -> None:
    """Run `verifier argv` in a process that is killed there."""
    child = [sys.executable, "-c", CHILD, spot, when, word, str(nth), *argv]
    done = subprocess.run(child, cwd=ROOT, env=server.environment, capture_output=True, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL, done.stdout + done.stderr


def size(server: Served) -> int:
    return int(httpx.get(f"{server.url}/readyz", trust_env=False).json()["size"])


@pytest.mark.parametrize("what", KILLS)
def test_killed_while(server: Served, tmp_path: Path, what: str) -> None:
    *where, count = KILLS[what]
    batch = f"KILL{list(KILLS).index(what)}"
    labels = tmp_path / "labels"
    argv = words(batch, serials=count, **({"labels": str(labels)} if count != MANY else {}))
    job = server.data / "issued" / GTIN / f"{batch}.job"
    kill(server, argv, *where)
    begun = {path.name: path.read_bytes() for path in job.iterdir() if path.is_file()}
    assert all(path.stat().st_mode & 0o077 == 0 for path in (job, *job.iterdir()) if path.is_file() or path == job)
    drawn = {path: path.stat().st_mtime_ns for path in labels.glob("*") if path.name[0] != "."}

    done = server.call("verifier", *argv)
    assert done.returncode == 0, done.stderr
    told = re.match(rf"batch {batch} of {GTIN}: {count} packs, leaf (\d+) of \d+\n", done.stdout.decode())
    assert told
    assert not job.exists()
    kept = (labels if count != MANY else job.parent) / f"{batch}.serials"
    serials = list(each(kept))
    assert len(set(serials)) == int(count)
    if "serials" in begun:
        assert kept.read_bytes() == begun["serials"]
    if "statement" in begun:  # signed before the kill: that statement, with that secret, is the one that stands
        statement = read(begun["statement"])
        answer = httpx.get(f"{server.url}/entries/{statement.id.hex()}", trust_env=False)
        assert (answer.content, answer.headers["probatum-leaf"]) == (begun["statement"], told[1])
        assert Vault.open(server.data / "vault").get("batch", statement.id.hex()) == begun["secret"]
    scanned(server, batch, [serials[0], serials[-1]])
    if count != MANY:
        names = {f"{serial.decode()}-{kind}" for serial in serials for kind in KINDS} | {kept.name}
        assert {path.name for path in labels.iterdir()} == names  # and none half written
        whole = [path for path in drawn if path.name.partition("-")[0].encode() in serials[: int(begun["drawn"])]]
        assert [path.stat().st_mtime_ns for path in whole] == [drawn[path] for path in whole]
        assert len(whole) == 4 * (4 if what == "all is done" else 1)
    before = size(server)
    again = server.call("verifier", *words(batch, serials=str(kept)))
    assert b"expected a batch not issued before, found issued before" in again.stderr
    assert (size(server), job.exists()) == (before, False)


def test_killed_while_signed_labels_are_drawn_they_are_signed_by_the_batchs_key(
    server: Served, tmp_path: Path
) -> None:
    argv = [*words("KILLSIGN", serials="3", labels=str(tmp_path / "labels")), "--sign"]
    kill(server, argv, *KILLS["a label is half drawn"][:4])
    job = server.data / "issued" / GTIN / "KILLSIGN.job"
    assert (job / "pack.key").stat().st_mode & 0o077 == 0
    batch = body_of(read((job / "statement").read_bytes()))
    assert isinstance(batch, Batch)
    assert batch.pack_key
    done = server.call("verifier", *argv)
    assert done.stdout.endswith(b", signed; the key that signed them is forgotten, and signs no other pack\n")
    labels = sorted((tmp_path / "labels").glob("*-qr.png"))
    assert (len(labels), job.exists()) == (3, False)
    for label in labels:
        seen = sighting.sight(decode.decode(photo.read_photo(label.read_bytes())))
        assert isinstance(seen, sighting.Sighting)
        signature = pack_signature.read(seen.identity)
        assert signature
        assert signature.verifies(batch.pack_key, seen.identity)


KINDS = ("datamatrix.png", "datamatrix.svg", "qr.png", "qr.svg")


def scanned(server: Served, batch: str, serials: list[bytes]) -> None:
    for serial in serials:
        pack = identity_of(Lot(GTIN, batch, "280331", ("FR",)), serial.decode())
        answer = httpx.post(f"{server.url}/api/scan", json={"text": pack.digital_link()}, trust_env=False)
        assert answer.json()["outcome"] == "genuine", answer.text


def test_a_file_of_serials_is_gone_on_with_as_it_was(server: Served, tmp_path: Path) -> None:
    """Its serials are the job's own from the beginning; a file that was changed since is another batch."""
    file = tmp_path / "serials"
    file.write_bytes(b"".join(b"%06d\n" % number for number in range(9_000)))
    argv = words("KILLFILE", serials=str(file))
    kill(server, argv, *KILLS["the manifest is sealed"][:4])
    kept = file.read_bytes()
    file.write_bytes(kept + b"ONEMORE\n")
    done = server.call("verifier", *argv)
    assert done.returncode == 1
    assert re.search(rb"--serials: expected \S+ of SHA-256 \w{64}, found \S+ of SHA-256 \w{64}\)", done.stderr)
    file.write_bytes(kept)
    assert server.call("verifier", *argv).returncode == 0
    scanned(server, "KILLFILE", [b"000000", b"008999"])


def test_other_arguments_are_refused_by_name_and_the_way_out_works(server: Served, tmp_path: Path) -> None:
    argv = words("KILLARGS", serials="4", market="FR")
    kill(server, argv, *KILLS["it is sent, and not yet registered"][:4])
    job, before = server.data / "issued" / GTIN / "KILLARGS.job", size(server)
    other = words("KILLARGS", serials="5", market="BE", labels=str(tmp_path))
    done = server.call("verifier", *other)
    assert (done.returncode, size(server)) == (1, before)
    assert done.stderr.decode() == (
        "Error: this batch was begun with other arguments (--market: expected FR, found BE; --serials: expected 4, "
        f"found 5; --labels: expected nothing, found {tmp_path}): run it with those to go on, or, though it may be "
        f"registered by now, remove {job} to abandon it\n"
    )
    shutil.rmtree(job)
    assert server.call("verifier", *other).returncode == 0


def test_a_job_is_one_processes(server: Served, tmp_path: Path) -> None:
    with Job.begin(tmp_path / "job", {}, 1), pytest.raises(FolderTaken, match=f"held by process {os.getpid()}"):
        Job.begin(tmp_path / "job", {}, 1)


def test_a_job_removed_in_part_was_not_begun(tmp_path: Path) -> None:
    with Job.begin(tmp_path, {"--expiry": "1"}, 1) as job:
        job.keep("statement", b"old")
        (tmp_path / "asked.json").unlink()
    with Job.begin(tmp_path, {"--expiry": "2"}, 2) as job:
        assert (job.has("statement"), job.moment) == (False, 2)
        assert json.loads(job.read("asked.json")) == {"asked": {"--expiry": "2"}, "moment": 2}
        secret = job.read("secret")
    with Job.begin(tmp_path, {"--expiry": "2"}, 3) as job:
        assert (job.read("secret"), job.moment) == (secret, 2)


def test_a_batch_that_is_refused_leaves_no_job(server: Served, tmp_path: Path) -> None:
    pose = str(server.data / "keys" / "nordhavn-pharma.key")
    argv = words("KILLNONE", serials="4", labels=str(tmp_path), **{"as": pose})
    done = server.call("verifier", *argv)
    assert b"own gtin" in done.stderr
    assert not (server.data / "issued" / GTIN / "KILLNONE.job").exists()
    assert not list(tmp_path.iterdir())


def test_a_server_that_is_not_there_leaves_its_job_to_go_on_with(server: Served, tmp_path: Path) -> None:
    argv = [*words("KILLAWAY", serials="4"), "--server", "http://127.0.0.1:9"]
    job = server.data / "issued" / GTIN / "KILLAWAY.job"
    secrets = []
    for _ in range(2):
        assert server.call("verifier", *argv).stderr.endswith(b"; run the same command again to go on\n")
        secrets.append([(job / name).read_bytes() for name in ("secret", "serials", "statement", "manifest")])
    assert secrets[0] == secrets[1]


def test_a_count_that_a_power_cut_made_nothing_of_is_counted_anew(tmp_path: Path) -> None:
    """The file's length may be on the disk before its digits are."""
    with Job.begin(tmp_path, {}, 1) as job:
        for left, found in ((bytes(20), 0), (b"0" * 18 + b"\0\0", 0), (b"0" * 18 + b"42", 42)):
            job.path("drawn").write_bytes(left)
            with job.counter("drawn") as drawn:
                assert drawn.value == found


@pytest.mark.parametrize("said", [b"<html>", b"[]"])
def test_what_stands_between_and_speaks_nonsense_costs_no_job(server: Served, said: bytes) -> None:
    """A proxy that fails, and calls it JSON."""

    class Between(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(502)
            self.send_header("Content-Type", "application/problem+json")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Between) as between:
        thread = threading.Thread(target=between.serve_forever)
        thread.start()
        argv = words(f"KILLTALK{len(said)}", serials="4")
        done = server.call("verifier", *argv, "--server", f"http://127.0.0.1:{between.server_port}")
        between.shutdown()
        thread.join(5)
    assert done.returncode == 1
    assert b"Error: 502 " in done.stderr
    assert done.stderr.endswith(b"; run the same command again to go on\n")
    assert (server.data / "issued" / GTIN / f"KILLTALK{len(said)}.job" / "statement").exists()


def test_a_disk_too_small_is_said_before_anything_is_drawn(
    server: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No disk is filled for this: the system's word for what is free is replaced."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: type("Usage", (), {"free": 500_000_000})())
    done = server.call("verifier", *words("KILLFULL", serials="10000000"))
    job = server.data / "issued" / GTIN / "KILLFULL.job"
    assert done.stderr.decode() == (
        f"Error: --serials: expected 560,000,000 bytes free in {job}, found 500,000,000\n"
    )
    done = server.call("verifier", *words("KILLFULL", serials="10000", labels=str(tmp_path)))
    assert done.stderr.startswith(b"Error: --labels: expected 655,360,000 bytes free in ")
    assert not job.exists()


def test_room_enough_is_no_matter(tmp_path: Path) -> None:
    check_room("--labels", tmp_path, 1)
