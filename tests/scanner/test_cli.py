"""`python -m scanner`: what it prints and how it ends, for every outcome; with a server, without one, and offline."""

import http.server
import itertools
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import zxingcpp
from house import with_element
from served import Served

from scanner.__main__ import BEFORE, EXITS, exit_code
from verifier import labels
from verifier.demo import _world
from verifier.identity import parse_text
from verifier.statements.pack_signature import carrying
from verifier.verdict.trust import Trust, decode, encode

NOWHERE = "http://127.0.0.1:9"  # discard: nothing listens there
GENUINE, RECALLED, UNKNOWN, LOOKALIKE, BLANK = (
    "genuine-qr.png", "recalled.png", "unknown-serial.png", "look-alike-url.png", "blank-photo.jpg",
)  # fmt: skip


def scan(server: Served, *words: str | Path) -> tuple[int, list[str], str]:
    """Exit code, lines, and what went to standard error."""
    done = server.call("scanner", *map(str, words))
    return done.returncode, done.stdout.decode().splitlines(), done.stderr.decode()


def rows(server: Served, *words: str | Path) -> tuple[int, list[dict[str, Any]], str]:
    code, lines, error = scan(server, "--json", *words)
    return code, [json.loads(line) for line in lines], error


def test_as_it_is_started_in_a_terminal(server: Served) -> None:
    """The other tests call the same `main` in this process."""
    done = server.run("scanner", "--json", str(server.demo / "recalled.png"), str(server.demo / "genuine-qr.png"))
    assert done.returncode == 1, done.stderr
    assert [json.loads(line)["outcome"] for line in done.stdout.splitlines()] == ["do_not_use", "genuine"]
    done = server.run("scanner")
    assert (done.returncode, done.stdout) == (64, b"")
    assert b"Traceback" not in done.stderr


# --- against the server ---


def test_every_demo_image_in_one_run_says_what_the_server_says(server: Served) -> None:
    expected = server.expected
    code, found, _ = rows(server, *(server.demo / name for name in expected))
    assert code == EXITS["do_not_use"]
    assert [Path(row["file"]).name for row in found] == list(expected)
    for row, wanted in zip(found, expected.values(), strict=True):
        assert list(row) == ["file", "codes", "outcome", "answers", "reasons", "others"]
        assert row["outcome"] == wanted.get("outcome")
        assert [reason["code"] for reason in row["reasons"]] == wanted.get("reasons", [])
        assert [other["outcome"] for other in row["others"]] == wanted.get("others", [])


@pytest.mark.parametrize(
    ("file", "code"),
    [
        (GENUINE, 0), ("already-dispensed.png", 0), (RECALLED, 1), ("expired.png", 1), ("stolen.png", 1),
        (LOOKALIKE, 2), ("ean13-only.png", 2), ("maker-not-enrolled.png", 2), (BLANK, 3), (UNKNOWN, 4),
    ],
)  # fmt: skip
def test_the_exit_code_of_each_outcome(server: Served, file: str, code: int) -> None:
    found, lines, _ = scan(server, server.demo / file)
    assert found == code
    assert lines[0].startswith(f"{server.demo / file}: ")


def test_one_line_an_image(server: Served) -> None:
    _, (row,), error = rows(server, server.demo / "genuine-datamatrix.png")
    (symbol,) = row["codes"]
    assert list(symbol) == ["format", "symbology", "text", "bytes", "position"]
    assert (symbol["format"], symbol["symbology"]) == ("DataMatrix", "]d2")
    assert bytes.fromhex(symbol["bytes"]).decode() == symbol["text"]
    assert "\x1d" in symbol["text"]
    assert [len(corner) for corner in symbol["position"]] == [2, 2, 2, 2]
    assert row["answers"] == {"what": "yes", "hands": "yes", "use": "yes"}
    assert list(row["reasons"][0]) == ["code", "outcome", "question", "headline", "sentence", "next_step"]
    assert error == ""


def test_the_text_is_worded_in_either_language(server: Served) -> None:
    _, lines, _ = scan(server, server.demo / RECALLED)
    assert "DO_NOT_USE  Batch recalled. Your pharmacist must take it back. Don't use this box" in lines[0]
    _, lines, _ = scan(server, "--lang", "fr", server.demo / RECALLED)
    assert "DO_NOT_USE  Lot rappelé." in lines[0]
    assert any(line.strip().startswith("as of 20") for line in lines)


@pytest.mark.parametrize("results", list(itertools.permutations([0, 1, 2, 3, 4], 2)))
def test_of_several_the_gravest_first(results: tuple[int, int]) -> None:
    names = {code: name for name, code in EXITS.items()}
    wanted = next(code for code in (1, 4, 2, 3, 0) if code in results)
    assert exit_code(names[code] for code in results) == wanted
    assert exit_code([*(names[code] for code in results), "unopened"]) == 64
    assert set(BEFORE) == set(EXITS.values())


def test_of_several_images_the_gravest_first(server: Served) -> None:
    demo = server.demo
    assert scan(server, demo / GENUINE, demo / BLANK)[0] == 3
    assert scan(server, demo / GENUINE, demo / BLANK, demo / LOOKALIKE)[0] == 2
    assert scan(server, demo / LOOKALIKE, demo / UNKNOWN, demo / GENUINE)[0] == 4


# --- what cannot be read ---


def test_nothing_read(server: Served) -> None:
    code, (row,), error = rows(server, server.demo / BLANK)
    assert code == 3
    assert row == {"file": str(server.demo / BLANK), "codes": [], "outcome": None, "answers": None} | {
        "reasons": [], "others": [],
    }  # fmt: skip
    assert error == f"{server.demo / BLANK}: No code was read.\n"


def test_not_an_image_says_so_on_its_own_line(server: Served, tmp_path: Path) -> None:
    other = tmp_path / "letter.png"
    other.write_bytes(b"Dear Sir")
    code, lines, _ = scan(server, other, server.demo / GENUINE)
    assert code == 3
    told = "Failed to read 8 bytes as a photo: expected JPEG, PNG or WebP, found 4465617220536972."
    assert lines[0] == f"{other}: {told}"
    assert "GENUINE" in lines[1]
    code, (row,), error = rows(server, other)
    assert (code, row["outcome"], row["codes"]) == (3, None, [])
    assert error == f"{other}: {told}\n"


def test_a_file_that_is_not_there_is_a_wrong_use_and_the_others_are_read(server: Served, tmp_path: Path) -> None:
    code, lines, _ = scan(server, tmp_path / "none.png", tmp_path, server.demo / RECALLED)
    assert code == 64
    assert lines[0] == f"{tmp_path / 'none.png'}: expected an image to open, found: No such file or directory"
    assert lines[1] == f"{tmp_path}: expected an image to open, found: Is a directory"
    assert "DO_NOT_USE" in lines[2]


def test_a_code_that_steers_terminals_is_shown_as_text(server: Served, tmp_path: Path) -> None:
    for number, text in enumerate(("http://id.gs1.org/01/\x1b[2J", "\x1b]0;x\x07")):
        pixels = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCodeModel2).to_image(scale=6)
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.array(pixels))
        for words in ((), ("--read",), ("--json",)):
            done = server.call("scanner", *words, str(tmp_path / f"{number}.png"))
            assert b"\x1b" not in done.stdout + done.stderr


def test_two_packs_in_one_photo_are_both_told_gravest_first(server: Served) -> None:
    code, (row,), error = rows(server, server.demo / "two-packs.png")
    assert (code, row["outcome"], error) == (1, "do_not_use", "")
    assert [reason["code"] for reason in row["reasons"]] == ["recall_patient", "several"]
    (other,) = row["others"]
    assert (other["outcome"], other["others"]) == ("genuine", [])
    assert len(row["codes"]) == 2
    _, lines, _ = scan(server, server.demo / "two-packs.png")
    assert "DO_NOT_USE  Batch recalled." in lines[0]
    assert any(line.strip().startswith("beside it: GENUINE  Code genuine.") for line in lines)
    assert sum("(21) " in line for line in lines) == 2


def test_a_server_lost_is_told_once_for_all_the_packs_of_a_photo(server: Served) -> None:
    code, (row,), error = rows(server, "--server", NOWHERE, server.demo / "two-packs.png")
    assert (code, row["outcome"]) == (2, "unverified")
    assert [reason["code"] for reason in row["reasons"]] == ["several", "unreached"]
    assert error.count("not reached") == 1


def test_offline_another_pack_beside_ones_own_is_not_judged_by_its_evidence(
    server: Served, tmp_path: Path, trust: Path
) -> None:
    evidence = prove(server, tmp_path / "pack.evidence", "two-packs.png")
    stopped = ("--offline", "--evidence", evidence, "--trust", trust)
    code, (row,), _ = rows(server, *stopped, server.demo / "two-packs.png")
    told = [reason["code"] for one in (row, *row["others"]) for reason in one["reasons"]]
    assert (code, len(row["others"])) == ((1, 1) if "recall_patient" in told else (2, 1))
    assert "other_identity" in told
    assert "several" in told


# --- no server, or not ours ---


def test_a_server_that_is_not_reached_is_a_verdict(server: Served) -> None:
    code, (row,), error = rows(server, "--server", NOWHERE, server.demo / GENUINE)
    assert (code, row["outcome"]) == (2, "unverified")
    assert [reason["code"] for reason in row["reasons"]] == ["unreached"]
    assert row["reasons"][0]["headline"] == "Ledger unreachable"
    assert row["answers"] == {"what": "unknown", "hands": "unknown", "use": "unknown"}
    assert f"{NOWHERE}: not reached" in error
    code, lines, _ = scan(server, "--server", NOWHERE, server.demo / GENUINE)
    assert code == 2
    assert "UNVERIFIED  Ledger unreachable. This says nothing about the box." in lines[0]


class Stranger(http.server.BaseHTTPRequestHandler):
    """Answers every POST with the next of `answers`."""

    answers: Iterator[tuple[int, bytes]]

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        status, body = next(self.answers)
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Silent."""


@pytest.fixture
def stranger() -> Iterator[http.server.HTTPServer]:
    with http.server.HTTPServer(("127.0.0.1", 0), Stranger) as listening:
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        yield listening
        listening.shutdown()
        thread.join()


ANSWERS = (
    (200, b"<html>Welcome to the hotel's network</html>", "unreached"),
    (200, b"[]", "unreached"),
    (200, b'{"outcome": "genuine"}', "unreached"),
    (302, b"", "unreached"),
    (503, b'{"detail": "later"}', "unreached"),
    (413, b"", "unverified"),
)


@pytest.mark.parametrize(("status", "body", "reason"), ANSWERS)
def test_what_is_no_verdict_is_none(
    server: Served, stranger: http.server.HTTPServer, status: int, body: bytes, reason: str
) -> None:
    Stranger.answers = iter([(status, body)])
    code, (row,), error = rows(server, "--server", f"http://127.0.0.1:{stranger.server_port}", server.demo / GENUINE)
    assert (code, [one["code"] for one in row["reasons"]]) == (2, [reason])
    assert error


def test_read_asks_no_server(server: Served) -> None:
    words = ("--read", "--server", NOWHERE)
    code, (row,), error = rows(server, *words, server.demo / RECALLED)
    assert (code, row["outcome"], row["reasons"], error) == (0, None, [], "")
    assert row["codes"][0]["format"] == "DataMatrix"
    assert rows(server, *words, server.demo / BLANK)[0] == 3
    assert rows(server, *words, server.demo / RECALLED, server.demo / BLANK)[0] == 3
    code, lines, _ = scan(server, *words, server.demo / "ean13-only.png")
    assert (code, lines) == (0, [f"{server.demo / 'ean13-only.png'}: EAN13 '9521000000018'"])


# --- wrong use ---


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "Missing argument 'IMAGE...'"),
        (("--frobnicate", "x.png"), "No such option"),
        (("--offline", "x.png"), "--offline needs both --evidence FILE and --trust FILE"),
        (("--evidence", "e", "--trust", "t", "x.png"), "--evidence and --trust go with --offline"),
        (("--offline", "--evidence", "none", "--trust", "none", "x.png"), "none"),
        (("--lang", "de", "x.png"), "'de' is not one of"),
        (("--viewer", "pharmacy", "x.png"), "--viewer pharmacy needs --as KEYFILE"),
        (("--viewer", "chemist", "x.png"), "'chemist' is not one of"),
        (("--as", "none.key", "x.png"), "none.key: expected a key file"),
        (("--offline", "--evidence", "e", "--trust", "t", "--as", "k", "x.png"), "--as with --offline needs --viewer"),
    ],
)
def test_a_wrong_use_is_64_and_one_sentence(server: Served, words: tuple[str, ...], told: str) -> None:
    code, lines, error = scan(server, *words)
    assert (code, lines) == (64, [])
    assert told in error
    assert "Traceback" not in error


def test_help_is_no_failure(server: Served) -> None:
    code, lines, _ = scan(server, "--help")
    assert code == 0
    assert "--offline" in "\n".join(lines)


# --- offline ---


@pytest.fixture(scope="module")
def trust(server: Served, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("trust") / "trust.json"
    done = server.call("verifier", "trust", "--out", str(file))
    assert done.returncode == 0, done.stderr
    return file


def prove(server: Served, file: Path, image: str, *words: str | Path) -> Path:
    """The evidence about a code of a demo image: its first."""
    _, (row,), _ = rows(server, "--read", server.demo / image)
    code = row["codes"][0]["text"]
    done = server.call("verifier", "prove", code, "--out", str(file), *map(str, words))
    assert done.returncode == 0, done.stderr
    return file


OFFLINE = (
    GENUINE, "genuine-datamatrix.png", "already-dispensed.png", "expired.png", RECALLED, "withdrawn.png",
    UNKNOWN, "stolen.png", "destroyed.png", "journey-incomplete.png", "maker-not-enrolled.png",
    "signed-pack.png", "forged-signature.png", "foreign-91-92.png",
)  # fmt: skip


@pytest.mark.parametrize("image", OFFLINE)
def test_offline_equals_online(server: Served, tmp_path: Path, trust: Path, image: str) -> None:
    evidence = prove(server, tmp_path / "pack.evidence", image)
    code, (online,), _ = rows(server, server.demo / image)
    stopped = ("--offline", "--evidence", evidence, "--trust", trust, "--server", NOWHERE)
    assert rows(server, *stopped, server.demo / image) == (code, [online], "")


def test_offline_is_as_of_its_checkpoint(server: Served, tmp_path: Path, trust: Path) -> None:
    evidence = prove(server, tmp_path / "pack.evidence", GENUINE)
    stopped = ("--offline", "--evidence", evidence, "--trust", trust)
    lines = scan(server, *stopped, server.demo / GENUINE)[1]
    assert sum(line.strip().startswith("as of 20") for line in lines) == 1


def test_past_the_age_it_is_too_old_to_say(server: Served, tmp_path: Path, trust: Path) -> None:
    evidence = prove(server, tmp_path / "pack.evidence", GENUINE)
    known = decode(trust.read_text("utf-8"))
    impatient = tmp_path / "trust.json"
    impatient.write_text(encode(Trust(known.genesis, known.policy, 0, known.checkpoint)), "utf-8")
    threading.Event().wait(1.1)  # the only clock of the command is the machine's, in whole seconds
    stopped = ("--offline", "--evidence", evidence, "--trust", impatient)
    code, (row,), _ = rows(server, *stopped, server.demo / GENUINE)
    assert (code, row["outcome"], row["reasons"][0]["code"]) == (2, "unverified", "stale")


def test_another_packs_evidence_and_damaged_evidence(server: Served, tmp_path: Path, trust: Path) -> None:
    evidence = prove(server, tmp_path / "pack.evidence", "genuine-datamatrix.png")
    stopped = ("--offline", "--trust", trust, "--evidence")
    code, (row,), _ = rows(server, *stopped, evidence, server.demo / GENUINE)
    assert (code, row["outcome"]) == (2, "unverified")
    assert "other_identity" in [reason["code"] for reason in row["reasons"]]
    damaged = tmp_path / "damaged"
    damaged.write_bytes(evidence.read_bytes()[:-1])
    code, (row,), _ = rows(server, *stopped, damaged, server.demo / "genuine-datamatrix.png")
    assert (code, [reason["code"] for reason in row["reasons"]]) == (2, ["broken_evidence"])


@pytest.fixture(scope="module")
def lot(server: Served, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The evidence of the signed lot alone: nothing about any of its packs."""
    file = tmp_path_factory.mktemp("lot") / "lot.evidence"
    signed = _world(server.demo).lots["signed"]
    done = server.call("verifier", "prove", "--gtin", signed.gtin, "--batch", signed.batch, "--out", str(file))
    assert done.returncode == 0, done.stderr
    return file


@pytest.fixture(scope="module")
def labels_of(server: Served, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Labels of that lot that no demo image shows."""
    folder, world = tmp_path_factory.mktemp("labels"), _world(server.demo)
    pack = world.pack("signed", 7)
    hint, signature = pack.get("91") or "", pack.get("92") or ""
    drawn = {
        "matrix": (pack, "datamatrix"),
        "later-date": (with_element(pack, "17", "491231"), "qr"),
        "other-serial": (with_element(pack, "21", world.serials["signed"][8]), "datamatrix"),
        "other-lot": (with_element(pack, "10", world.lots["current"].batch), "qr"),
        "unsigned": (parse_text(pack.digital_link()), "qr"),
        "foreign": (carrying(pack, "EE08", "dGVzdA=="), "datamatrix"),
        "swapped-hint": (carrying(pack, hint[::-1], signature), "qr"),
    }
    for name, (identity, carrier) in drawn.items():
        (folder / f"{name}.png").write_bytes(labels.label_png(identity, carrier))
    return folder


OF_A_LOT = {
    "matrix": ("unverified", ["signed_only", "missing_state"]),
    "later-date": ("do_not_use", ["forged", "missing_issue", "missing_state"]),
    "other-serial": ("do_not_use", ["forged", "missing_issue", "missing_state"]),
    "other-lot": ("do_not_use", ["forged", "missing_issue", "missing_state"]),
    "unsigned": ("unverified", ["missing_issue", "missing_state"]),
    "foreign": ("unverified", ["missing_issue", "missing_state"]),
    "swapped-hint": ("unverified", ["missing_issue", "missing_state"]),
}


@pytest.mark.parametrize("image", OF_A_LOT)
def test_a_signed_pack_is_told_from_its_lots_evidence(
    server: Served, trust: Path, lot: Path, labels_of: Path, image: str
) -> None:
    stopped = ("--offline", "--evidence", lot, "--trust", trust, "--server", NOWHERE)
    code, (row,), _ = rows(server, *stopped, labels_of / f"{image}.png")
    outcome, reasons = OF_A_LOT[image]
    assert (code, row["outcome"], [reason["code"] for reason in row["reasons"]]) == (EXITS[outcome], outcome, reasons)
    assert row["answers"]["hands"] == "unknown"


def test_a_signed_demo_pack_without_a_network(server: Served, trust: Path, lot: Path) -> None:
    stopped = ("--offline", "--evidence", lot, "--trust", trust, "--server", NOWHERE)
    code, lines, _ = scan(server, *stopped, server.demo / "signed-pack.png")
    assert code == 2
    assert "UNVERIFIED  Partly checked. Code authentic, history not checked. Try again" in lines[0]
    assert not any("(91)" in line or "(92)" in line for line in lines)  # no box prints them to be compared
    code, lines, _ = scan(server, "--lang", "fr", *stopped, server.demo / "forged-signature.png")
    assert code == 1
    assert "DO_NOT_USE  Signature fausse. Le fabricant n'a pas signé ce code." in lines[0]
    code, (row,), _ = rows(server, *stopped, server.demo / "genuine-qr.png")  # of another lot
    assert (code, row["outcome"], row["reasons"][0]["code"]) == (2, "unverified", "other_identity")


def test_a_retail_code_needs_no_evidence_to_be_unverified(server: Served, tmp_path: Path, trust: Path) -> None:
    evidence = prove(server, tmp_path / "pack.evidence", GENUINE)
    stopped = ("--offline", "--evidence", evidence, "--trust", trust)
    for image, reason in (("ean13-only.png", "no_serial"), (LOOKALIKE, "foreign_link")):
        code, (row,), _ = rows(server, *stopped, server.demo / image)
        assert (code, [one["code"] for one in row["reasons"]]) == (2, [reason])


def test_a_label_of_nobody_here(server: Served, tmp_path: Path) -> None:
    stranger = parse_text("(01)09521234000013(17)271231(10)LOT1(21)ABC")
    (tmp_path / "label.png").write_bytes(labels.label_png(stranger, "qr", ""))
    code, (row,), _ = rows(server, tmp_path / "label.png")
    assert (code, [reason["code"] for reason in row["reasons"]]) == (2, ["not_registered"])


# --- professionals ---


def test_every_demo_image_in_its_members_hands(server: Served) -> None:
    asked = [(name, also) for name, row in server.expected.items() for also in row.get("also", ()) if "as" in also]
    assert len(asked) > 10
    for name, also in asked:
        words = ("--as", server.data / "keys" / also["as"], "--viewer", also["viewer"])
        code, (row,), _ = rows(server, *words, server.demo / name)
        assert (code, row["outcome"]) == (EXITS[also["outcome"]], also["outcome"])
        assert [reason["code"] for reason in row["reasons"]] == also["reasons"], (name, also)


def keys(server: Served, member: str) -> Path:
    return server.data / "keys" / f"{member}.key"


@pytest.mark.parametrize(
    ("member", "viewer", "reason", "code"),
    [
        ("pharmacie-des-halles", None, "elsewhere", 4),
        ("pharmacie-du-canal", None, "dispensed_here", 0),
        ("pharmacie-du-canal", "dock", "dispensed_here", 0),
        ("transvia", None, "elsewhere", 4),
        ("hopital-saint-roch", "ward", "dispensed", 0),
        ("hopital-saint-roch", "patient", "dispensed", 0),
    ],
)
def test_a_member_asks_in_their_own_name(
    server: Served, member: str, viewer: str | None, reason: str, code: int
) -> None:
    named = ("--viewer", viewer) if viewer else ()
    found = rows(server, "--as", keys(server, member), *named, server.demo / "already-dispensed.png")
    assert (found[0], found[1][0]["reasons"][0]["code"], found[2]) == (code, reason, "")


@pytest.mark.parametrize(
    ("member", "named", "told"),
    [
        ("hopital-saint-roch", (), "You may be several viewers: name ward or theatre or pharmacy or dock."),
        ("transvia", ("--viewer", "pharmacy"), "This viewer is not yours: name dock."),
    ],
)
def test_a_viewer_that_is_not_ones_own(server: Served, member: str, named: tuple[str, ...], told: str) -> None:
    """Refused, and told as a professional whose check failed: never judged as a patient."""
    code, (row,), error = rows(server, "--as", keys(server, member), *named, server.demo / "already-dispensed.png")
    assert (code, row["outcome"]) == (2, "unverified")
    assert told in error


def test_offline_a_viewer_is_told_what_the_file_holds(server: Served, tmp_path: Path, trust: Path) -> None:
    image, canal = server.demo / "already-dispensed.png", keys(server, "pharmacie-du-canal")
    plain = prove(server, tmp_path / "plain", image.name)
    own = prove(server, tmp_path / "own", image.name, "--as", canal)
    for file, words, reason in (
        (plain, (), "dispensed"), (plain, ("--viewer", "pharmacy"), "elsewhere"),
        (plain, ("--viewer", "pharmacy", "--as", canal), "elsewhere"),
        (own, ("--viewer", "pharmacy", "--as", canal), "dispensed_here"),
        (own, ("--viewer", "pharmacy", "--as", keys(server, "pharmacie-des-halles")), "elsewhere"),
        (own, ("--viewer", "pharmacy"), "elsewhere"), (own, (), "dispensed"),
    ):  # fmt: skip
        _, (row,), _ = rows(server, "--offline", "--evidence", file, "--trust", trust, *words, image)
        assert [one["code"] for one in row["reasons"]] == [reason], words
