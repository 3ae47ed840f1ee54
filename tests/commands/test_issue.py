"""`issue`: a batch of one's own, from serials to labels that scan; and every refusal, in one sentence, before anything
is made."""

import re
import subprocess
import sys
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest
from nacl.signing import SigningKey
from served import Served

from scanner import decode, photo, sighting
from scanner.sighting import Sighting
from verifier.commands.client import Client
from verifier.commands.issue import yymmdd
from verifier.commands.issuing import _registered
from verifier.node import keyfile
from verifier.settings import ROOT
from verifier.statements import pack_signature
from verifier.statements.envelope import read
from verifier.statements.kinds import body_of
from verifier.verdict import evidence as files

GTIN = "09521000000018"
UNREGISTERED = "09521000000094"
USUAL = {"gtin": GTIN, "batch": "OWN1", "expiry": "2028-03-31", "serials": "3"}


def issue(served: Served, **options: str) -> subprocess.CompletedProcess[bytes]:
    return served.call("verifier", "issue", *words_of(**options))


def words_of(**options: str) -> list[str]:
    given = USUAL | options
    return [word for name, value in given.items() if name != "labels" or value for word in (f"--{name}", value)]


def size(server: Served) -> int:
    return int(httpx.get(f"{server.url}/readyz", trust_env=False).json()["size"])


@pytest.fixture(scope="module")
def issued(server: Served, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The labels of a batch of three."""
    folder = tmp_path_factory.mktemp("own") / "labels"
    done = issue(server, labels=str(folder))
    assert done.returncode == 0, done.stderr
    lines = done.stdout.decode().splitlines()
    assert lines[0].startswith(f"batch OWN1 of {GTIN}: 3 packs, leaf ")
    assert lines[1:] == [f"labels in {folder}"]
    assert done.stderr == b""  # no terminal, no progress
    return folder


def test_a_label_a_pack_in_both_carriers_and_forms(issued: Path) -> None:
    kept = issued / "OWN1.serials"
    names = sorted(path.name for path in issued.iterdir() if path != kept)
    serials = sorted({name.partition("-")[0] for name in names})
    assert len(serials) == 3
    assert sorted(kept.read_text("ascii").split()) == serials
    kinds = ("datamatrix.png", "datamatrix.svg", "qr.png", "qr.svg")
    assert names == [f"{serial}-{kind}" for serial in serials for kind in kinds]


@pytest.mark.parametrize("carrier", ["qr", "datamatrix"])
def test_a_label_shrunk_rotated_and_photographed_is_genuine(
    server: Served, issued: Path, tmp_path: Path, carrier: str
) -> None:
    for number, label in enumerate(sorted(issued.glob(f"*-{carrier}.png"))):
        shot = tmp_path / f"{number}.jpg"
        shot.write_bytes(photograph(cv2.imread(str(label), cv2.IMREAD_GRAYSCALE), 17.0 + 100 * number))
        done = server.call("scanner", str(shot))
        assert done.returncode == 0, done.stdout + done.stderr
        assert b"GENUINE" in done.stdout
        assert label.name.partition("-")[0].encode() in done.stdout


def photograph(label: np.ndarray, degrees: float) -> bytes:  # type: ignore[type-arg]
    """The label at two thirds, turned, in uneven light, a little out of focus, with noise, as a JPEG of quality 60."""
    small = cv2.resize(label, None, fx=0.66, fy=0.66, interpolation=cv2.INTER_AREA)
    side = int(np.hypot(*small.shape)) + 80
    turn = cv2.getRotationMatrix2D((small.shape[1] / 2, small.shape[0] / 2), degrees, 1.0)
    turn[:, 2] += side / 2 - np.array(small.shape[::-1]) / 2
    table = cv2.warpAffine(small, turn, (side, side), flags=cv2.INTER_LINEAR, borderValue=190.0)
    light = np.linspace(0.62, 1.0, side)[None, :]
    noise = np.random.default_rng(7).normal(0, 4, table.shape)
    shot = np.clip(cv2.GaussianBlur(table, (3, 3), 0) * light + noise, 0, 255).astype(np.uint8)
    written, data = cv2.imencode(".jpg", shot, (cv2.IMWRITE_JPEG_QUALITY, 60))
    assert written
    return data.tobytes()


def test_the_text_under_a_label_is_what_the_code_says(issued: Path) -> None:
    label = min(issued.glob("*-qr.svg"))
    serial = label.name.partition("-")[0]
    text = label.read_text("utf-8")
    assert all(part in text for part in (GTIN, "OWN1", serial))
    seen = sighting.sight(decode.decode(photo.read_photo(label.with_suffix(".png").read_bytes())))
    assert isinstance(seen, Sighting)
    assert (seen.identity.gtin, seen.identity.batch, seen.identity.serial, seen.identity.expiry) == (
        GTIN, "OWN1", serial, "280331",
    )  # fmt: skip


@pytest.fixture(scope="module")
def signed(server: Served, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The labels of a signed batch of two."""
    folder = tmp_path_factory.mktemp("signed") / "labels"
    done = server.call("verifier", "issue", *words_of(batch="SIGN1", serials="2", labels=str(folder)), "--sign")
    assert done.returncode == 0, done.stderr
    told = "signed; the key that signed them is forgotten, and signs no other pack"
    assert done.stdout.decode().splitlines()[1] == f"labels in {folder}, {told}"
    return folder


@pytest.mark.parametrize("carrier", ["qr", "datamatrix"])
def test_signed_labels_are_genuine_and_their_key_is_nowhere(
    server: Served, signed: Path, tmp_path: Path, carrier: str
) -> None:
    proof = server.call("verifier", "prove", "--gtin", GTIN, "--batch", "SIGN1").stdout
    batch = next(one for one in (read(e.raw) for e in files.decode(proof).statements) if one.kind == "batch")
    public = getattr(body_of(batch), "pack_key", None)
    assert public is not None
    for number, label in enumerate(sorted(signed.glob(f"*-{carrier}.png"))):
        shot = tmp_path / f"{number}.jpg"
        shot.write_bytes(photograph(cv2.imread(str(label), cv2.IMREAD_GRAYSCALE), 17.0 + 100 * number))
        done = server.call("scanner", str(shot))
        assert done.returncode == 0, done.stdout + done.stderr
        seen = sighting.sight(decode.decode(photo.read_photo(shot.read_bytes())))
        assert isinstance(seen, Sighting)
        own = pack_signature.read(seen.identity)
        assert own is not None
        assert own.verifies(public, seen.identity)
    kept = [path for folder in (server.data, signed) for path in folder.rglob("*") if path.is_file()]
    seeds = {seed for path in kept for seed in re.findall(rb"[0-9a-f]{64}", path.read_bytes())}
    publics = {bytes(SigningKey(bytes.fromhex(seed.decode())).verify_key) for seed in seeds}
    assert keyfile.load(server.data / "keys" / "laboratoires-aubrac.key").public in publics  # a key kept is found
    assert public not in publics


def test_to_sign_is_to_draw(server: Served) -> None:
    before = size(server)
    done = server.call("verifier", "issue", *words_of(batch="SIGN2"), "--sign")
    assert (done.returncode, size(server)) == (2, before)
    assert b"--sign draws signed labels and then forgets the key: expected --labels, found none" in done.stderr


def test_serials_from_a_file(server: Served, tmp_path: Path) -> None:
    file = tmp_path / "serials"
    file.write_bytes(b"A/1\r\n  B-2\n\nC%3\n")
    folder = tmp_path / "labels"
    done = issue(server, batch="FILE1", serials=str(file), labels=str(folder))
    assert done.returncode == 0, done.stderr
    assert b"3 packs" in done.stdout
    assert sorted(path.name for path in folder.glob("*-qr.png")) == ["A%2F1-qr.png", "B-2-qr.png", "C%253-qr.png"]
    done = server.call("scanner", *map(str, sorted(folder.glob("*.png"))))
    assert done.returncode == 0, done.stdout


REFUSALS: tuple[tuple[dict[str, str], str], ...] = (
    ({"gtin": "09521000000019"}, "expected check digit 8, found 9"),
    ({"gtin": "952100000001"}, "expected 14 digits"),
    ({"batch": "A" * 21}, "20"),
    ({"batch": "A B"}, "'A B'"),
    ({"batch": ""}, "1 to 20"),
    ({"expiry": "2028-02-30"}, "--expiry: expected a day as YYMMDD or YYYY-MM-DD, found '2028-02-30'"),
    ({"expiry": "281301"}, "--expiry: expected a day as YYMMDD or YYYY-MM-DD, found '281301'"),
    ({"expiry": "soon"}, "found 'soon'"),
    ({"serials": "0"}, "--serials: expected 1 to 10000000, found 0"),
    ({"serials": "10000001"}, "--serials: expected 1 to 10000000, found 10000001"),
    ({"serials": "-5"}, "--serials: expected how many, or a file with one a line, found '-5'"),
    ({"serials": "/nowhere/serials"}, "found '/nowhere/serials': No such file or directory"),
    ({"market": "FRA"}, "FRA|market"),
    ({"as": "/nowhere/maker.key"}, "expected a key file"),
    ({"gtin": "03400930000120"}, "--as: expected a maker's key file, found none for GTIN 03400930000120"),
    ({"labels": "/proc/labels"}, "/proc/labels"),
)


@pytest.mark.parametrize(("wrong", "told"), REFUSALS, ids=[str(sorted(row[0].items())) for row in REFUSALS])
def test_a_refusal_is_one_sentence_before_anything_is_made(
    server: Served, tmp_path: Path, wrong: dict[str, str], told: str
) -> None:
    before = size(server)
    done = issue(server, **{"product": "Amoxadine 500 mg", "batch": "NONE1", "labels": str(tmp_path)} | wrong)
    (line,) = done.stderr.decode().splitlines()
    assert done.returncode == 1
    assert line.startswith("Error: ")
    assert any(part in line for part in told.split("|")), line
    assert size(server) == before
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (b"A1\nB1\nA1\n", "A1"),
        (b"A1\nB\xc3\xa9\n", "set 82"),
        (b"A1\n" + b"B" * 21, "1 to 20 characters"),
        (b"\n \n", "expected a file with one a line, found nothing"),
    ],
)
def test_a_wrong_file_of_serials(server: Served, tmp_path: Path, lines: bytes, told: str) -> None:
    file, before = tmp_path / "serials", size(server)
    file.write_bytes(lines)
    done = issue(server, batch="NONE2", serials=str(file), product="Amoxadine 500 mg")
    assert (done.returncode, size(server)) == (1, before)
    assert told in done.stderr.decode()


def test_an_unknown_product_says_what_to_do_and_that_works(server: Served, tmp_path: Path) -> None:
    wanted = {"gtin": UNREGISTERED, "batch": "NEW1", "labels": str(tmp_path)}
    done = issue(server, **wanted)
    assert done.returncode == 1
    assert done.stderr.decode().splitlines()[-1].endswith("; name it with --product NAME to register it first")
    done = issue(server, **wanted, product="Nouvalin 5 mg")
    assert done.returncode == 0, done.stderr


def test_a_batch_is_issued_once(server: Served, issued: Path, tmp_path: Path) -> None:
    before, serials = size(server), (issued / "OWN1.serials").read_bytes()
    done = issue(server, labels=str(tmp_path))
    assert (done.returncode, size(server), list(tmp_path.iterdir())) == (1, before, [])
    assert b"expected a batch not issued before, found issued before" in done.stderr
    done = issue(server, labels=str(issued))
    assert b"--labels: expected no serials of OWN1 yet, found" in done.stderr
    assert (issued / "OWN1.serials").read_bytes() == serials


def test_a_node_that_is_long_over_a_batch_is_asked_again() -> None:
    """A door waits eight seconds, a batch of millions takes longer: the second answer is the true one."""
    asked: list[bytes] = []

    def door(request: httpx.Request) -> httpx.Response:
        asked.append(request.content)
        if len(asked) == 1:
            return httpx.Response(503, json={"detail": "the node did not answer in time"})
        return httpx.Response(200, json={"index": 7, "size": 8})

    with Client("http://house", httpx.MockTransport(door)) as client:
        assert _registered(client, b"the statement", quiet=True) == {"index": 7, "size": 8}
    assert asked == [b"the statement"] * 2


def test_anothers_key_is_refused_by_name(server: Served, tmp_path: Path) -> None:
    pose = {"as": str(server.data / "keys" / "nordhavn-pharma.key")}
    done = issue(server, batch="POSE1", labels=str(tmp_path), **pose)
    assert done.returncode == 1
    assert b"own gtin: expected a GTIN under the signer's own GS1 company prefix" in done.stderr


def test_no_server(server: Served, tmp_path: Path) -> None:
    done = issue(server, batch="NONE3", labels=str(tmp_path), server="http://127.0.0.1:9")
    assert done.returncode == 1
    told = "http://127.0.0.1:9: not reached (ConnectError); is it running?; run the same command again to go on"
    assert done.stderr.decode() == f"Error: {told}\n"


def test_a_bar_is_drawn_on_a_terminal_alone(server: Served, tmp_path: Path) -> None:
    file = tmp_path / "serials"
    file.write_bytes(b"".join(b"%07d\n" % number for number in range(40_000)))
    argv = [sys.executable, "-m", "verifier", "issue", "--gtin", GTIN, "--expiry", "280331", "--serials", str(file)]
    script = [sys.executable, "-c", "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)"]
    argv = [*script, *argv, "--batch", "BAR1"]
    shown = subprocess.run(argv, cwd=ROOT, env=server.environment, capture_output=True, timeout=60, check=True)
    assert b"serial tree  [" in shown.stdout
    assert b"100%" in shown.stdout


@pytest.mark.parametrize("text", ["", "2028-3-1", "28-03-31", "2803311", "28O331", "2028-03-31T00:00:00"])
def test_what_is_no_day(text: str) -> None:
    with pytest.raises(ValueError, match=r"^--expiry: expected a day as YYMMDD or YYYY-MM-DD, found"):
        yymmdd(text)


def test_serials_drawn_without_labels_are_kept_in_the_data_folder(server: Served) -> None:
    done = issue(server, batch="KEPT1", serials="4")
    assert done.returncode == 0, done.stderr
    kept = server.data / "issued" / GTIN / "KEPT1.serials"
    assert done.stdout.decode().splitlines()[1] == f"serials in {kept}"
    assert len(kept.read_bytes().split()) == 4
