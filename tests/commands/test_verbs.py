"""`say` and `recall`, which make the demo playable; and every command that the README shows."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
from lying import two_logs
from served import Served, free_port

from verifier import labels
from verifier.commands.entry import described
from verifier.demo import _world
from verifier.identity import parse_text
from verifier.settings import ROOT
from verifier.statements.envelope import sign
from verifier.statements.product import Product

CANAL, HALLES, AUBRAC = "pharmacie-du-canal", "pharmacie-des-halles", "laboratoires-aubrac"


def key(server: Served, member: str) -> str:
    return str(server.data / "keys" / f"{member}.key")


def pack(server: Served, number: int, lot: str = "current") -> str:
    return _world(server.demo).pack(lot, number).digital_link()


def say(server: Served, member: str, step: str, *words: str) -> subprocess.CompletedProcess[bytes]:
    return server.call("verifier", "say", step, *words, "--as", key(server, member))


def codes(server: Served, text: str) -> list[str]:
    answer = httpx.post(f"{server.url}/api/scan", json={"text": text}, trust_env=False)
    return [reason["code"] for reason in answer.json()["reasons"]]


def test_a_serial_with_one_character_changed_is_unknown(server: Served) -> None:
    text = pack(server, 13)
    serial = text.partition("/21/")[2].partition("?")[0]
    other = text.replace(serial, serial[:-1] + ("A" if serial[-1] != "A" else "B"))
    assert codes(server, text)[0] == "genuine"
    assert codes(server, other) == ["unknown"]


def test_dispensed_it_is_dispensed(server: Served) -> None:
    text = pack(server, 14)
    done = say(server, CANAL, "dispense", text)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(rf"dispense by {CANAL}: 1 pack, leaf \d+, id [0-9a-f]{{64}}\n", done.stdout.decode())
    assert codes(server, text) == ["dispensed"]
    again = say(server, CANAL, "dispense", text)
    assert (again.returncode, b"your own earlier dispense" in again.stderr) == (1, True)
    other = say(server, HALLES, "dispense", text)
    assert (other.returncode, b"Registered as a dispute, leaf" in other.stderr) == (1, True)
    assert "disputed" in codes(server, text)


@pytest.mark.parametrize(
    ("number", "member", "step", "reason"), [(15, CANAL, "destroy", "destroyed"), (16, AUBRAC, "stolen", "stolen")]
)
def test_each_step_is_what_the_next_scan_says(server: Served, number: int, member: str, step: str, reason: str) -> None:
    assert say(server, member, step, pack(server, number)).returncode == 0
    assert codes(server, pack(server, number))[0] == reason


def test_two_packs_on_their_way_from_hand_to_hand(server: Served) -> None:
    both = pack(server, 17), pack(server, 18)
    done = say(server, CANAL, "ship", *both, "--to", HALLES)
    assert (done.returncode, b"2 packs" in done.stdout) == (0, True)
    assert say(server, HALLES, "receive", *both).returncode == 0
    assert [codes(server, text)[0] for text in both] == ["genuine", "genuine"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("dispense", "hello"), "expected a GTIN, AIs or a link"),
        (("dispense", "09521000000018"), "expected a pack's GTIN (01), lot (10) and serial (21), found (01)"),
        (("dispense", "https://id.gs1.org/01/09521000000018/10/AX26K1/21/NOBODY"), "expected an issued serial"),
        (("ship", "https://id.gs1.org/01/09521000000018/10/AX26K1/21/A", "--to", "nobody"), "an enrolled member"),
        (("stolen", "https://id.gs1.org/01/09521000000018/10/AX26K1/21/A"), "expected authority or maker"),
    ],
)
def test_a_refusal_is_one_sentence(server: Served, words: tuple[str, ...], told: str) -> None:
    done = say(server, CANAL, *words)
    (line,) = done.stderr.decode().splitlines()
    assert (done.returncode, done.stdout) == (1, b"")
    assert told in line


def test_the_same_pack_twice_in_one_event(server: Served) -> None:
    done = say(server, CANAL, "dispense", pack(server, 19), pack(server, 19))
    assert (done.returncode, b"expected each pack once, found a pack twice" in done.stderr) == (1, True)


@pytest.mark.parametrize("words", [("ship", "x"), ("dispense", "x", "--to", HALLES)])
def test_to_goes_with_ship_and_only_with_it(server: Served, words: tuple[str, ...]) -> None:
    done = say(server, CANAL, *words)
    assert (done.returncode, b"--to MEMBER goes with ship, and only with it" in done.stderr) == (2, True)


def test_a_recall_is_on_the_next_scan(server: Served, tmp_path: Path) -> None:
    (tmp_path / "serials").write_text("VERBS1\n", "ascii")
    lot, box = ["--gtin", "09522000000015", "--batch", "VERBS"], "(01)09522000000015(17)300131(10)VERBS(21)VERBS1"
    issued = server.call("verifier", "issue", *lot, "--expiry", "300131", "--serials", str(tmp_path / "serials"))
    assert issued.returncode == 0, issued.stderr
    assert codes(server, box)[0] == "genuine"
    recall = ["verifier", "recall", *lot, "--reason", "Stylo qui fuit", "--depth", "patients", "--as"]
    refused = server.call(*recall, key(server, AUBRAC))
    assert (refused.returncode, b"own GS1 company prefix" in refused.stderr) == (1, True)
    done = server.call(*recall, key(server, "nordhavn-pharma"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode().startswith("recalled to patients: lot VERBS of 09522000000015, leaf ")
    assert codes(server, box)[0] == "recall_patient"


def test_a_recall_of_some_serials(server: Served) -> None:
    """On a product that nobody registered: a box with another serial, and one that carries none."""
    recall = ["verifier", "recall", "--gtin", "09529000000106", "--reason", "x", "--depth", "patients"]
    recall += ["--instructions", "Rapportez-la.", "--as", key(server, "agence-sante")]
    recall += ["--serial", "S2", "--serial", "S1"]
    done = server.call(*recall)
    assert (done.returncode, b"exactly one batch" in done.stderr) == (1, True)
    done = server.call(*recall, "--batch", "L9")
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode().startswith("recalled to patients: 2 of lot L9 of 09529000000106, leaf ")
    assert codes(server, "(01)09529000000106(10)L9") == ["recall_some", "no_serial"]
    assert codes(server, "(01)09529000000106(17)491231(10)L9(21)S1") == ["recall_patient", "not_registered"]
    assert codes(server, "(01)09529000000106(17)491231(10)L9(21)S3") == ["not_registered"]


def test_a_wrong_recall(server: Served) -> None:
    words = ["verifier", "recall", "--reason", "x", "--depth", "patients", "--as", key(server, AUBRAC), "--gtin"]
    done = server.call(*words, "09521000000019")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    done = server.call(*words, "09521000000018", "--batch", "A" * 21)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)


def test_an_entry_is_read_as_its_readers_may(server: Served) -> None:
    done = say(server, HALLES, "receive", pack(server, 22))
    entry = done.stdout.decode().split()[-1]
    mine = server.call("verifier", "entry", entry, "--as", key(server, HALLES))
    head, _, body = mine.stdout.decode().partition("\n")
    assert head.startswith(f"event by {HALLES}, said 20"), mine.stderr
    assert json.loads(body)["bizStep"] == "receiving"
    raw = server.call("verifier", "entry", entry, "--raw", "--as", key(server, "agence-sante")).stdout
    assert sha256(raw).hexdigest() == entry
    for words in ([], ["--as", key(server, "hopital-saint-roch")]):
        refused = server.call("verifier", "entry", entry, *words)
        assert (refused.returncode, refused.stdout) == (1, b"")
        assert b"404 No entry with this id is open to you." in refused.stderr


def test_an_entry_for_anyone_needs_no_key(server: Served) -> None:
    genesis = sha256((server.data / "genesis.cose").read_bytes()).hexdigest()
    assert server.call("verifier", "entry", genesis).stdout.startswith(b"genesis by root, said ")


def test_no_statement_writes_to_the_readers_terminal() -> None:
    product = Product(gtin="09521000000018", name="Amox\x9b2J\u202e")
    said = sign("product", "laboratoires-aubrac", product.subject(), 0, product.encode(), bytes(32))
    shown = described(said, 3)
    assert r"Amox\x9b2J\u202e" in shown
    assert all(one.isprintable() or one == "\n" for one in shown)


# --- the README ---

FENCES = re.findall(r"^```\n(.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.M | re.S)
SHOWN = [line.partition("#")[0].strip() for fence in FENCES for line in fence.replace("\\\n", "").splitlines()]
PLAYED = "demo --consortium"  # tests/consortium plays it
COMMANDS = [line for line in SHOWN if line.startswith("python -m ") and not line.endswith(PLAYED)]


def test_the_readme_shows_every_verb_that_people_use() -> None:
    verbs = {line.split()[3] for line in COMMANDS if line.startswith("python -m verifier")}
    assert verbs >= {"trust", "prove", "issue", "say", "recall"}
    assert any(line.startswith("python -m scanner") for line in COMMANDS)


def test_the_readmes_commands_run_in_their_order(server: Served, tmp_path: Path) -> None:
    """In an empty folder, as they stand; only photo.png, the data folder, CODE, ID and FILE are put in: a demo pack's
    until there are labels of our own, the last statement's, and a conviction."""
    (tmp_path / "photo.png").write_bytes((server.demo / "genuine-qr.png").read_bytes())
    (tmp_path / "var").symlink_to(server.data)
    (tmp_path / "verifier").symlink_to(ROOT / "verifier")
    code, said, entry, lie = pack(server, 0), dict[str, str](), "ID", two_logs(server.data)
    for line in COMMANDS:
        command = line.replace("CODE", shlex.quote(code)).replace(" ID ", f" {entry} ")
        command = command.replace("python ", f"{shlex.quote(sys.executable)} ", 1)
        command = command.replace("convict FILE", f"convict {shlex.quote(str(lie))}")
        if "--listen" in command:
            command = command.replace("http://127.0.0.1:8000", server.url).replace("8100", str(free_port()))
            stands_until_stopped(command, tmp_path, server)
            continue
        burnt = {"PROBATUM_DATA": str(burnt_of(server, tmp_path / "burnt"))} if " restore " in line else {}
        done = subprocess.run(  # noqa: S602 - the README's own lines, redirections and all
            command, shell=True, cwd=tmp_path, env=server.environment | {"PYTHONPATH": str(ROOT)} | burnt,
            capture_output=True, timeout=60, check=False,
        )  # fmt: skip
        wanted = 2 if "--evidence lot.evidence" in line else 0  # a signature alone is unverified at best
        if " anchor " in line:  # no chain here: its own tests start one
            assert (done.returncode, b"PROBATUM_CHAIN" in done.stderr) == (1, True), done.stderr
            continue
        assert done.returncode == wanted, (line, done.stdout, done.stderr)
        if found := re.search(rb", id ([0-9a-f]{64})", done.stdout):
            entry = found[1].decode()
        if labels := sorted(tmp_path.glob("labels/*-qr.png")):
            code = f"https://id.gs1.org/01/09521000000018/10/LOT42/21/{labels[0].name[:13]}?17=280331"
            said[line.split("verifier ")[-1].partition(" CODE")[0].split(" --")[0]] = codes(server, code)[0]
    same = ("issue", "prove", "python -m scanner", "product", "say ship", "say receive")
    expected = dict.fromkeys(same, "genuine")
    after = ("recall", "import bdpm verifier/samples/bdpm", "import recalls verifier/samples/recalls.csv", "entry ID")
    after += ("witness", "backup", "restore")
    assert said == expected | {"say dispense": "dispensed"} | dict.fromkeys(after, "recall_patient")


def burnt_of(server: Served, folder: Path) -> Path:
    """The server's data folder after a fire, its keys put back: the node that runs is not to be restored under."""
    folder.mkdir(exist_ok=True)
    for name in ("genesis.cose", "policy.txt"):
        shutil.copy(server.data / name, folder)
    shutil.copytree(server.data / "node", folder / "node", ignore=shutil.ignore_patterns("lock"), dirs_exist_ok=True)
    return folder


def stands_until_stopped(command: str, folder: Path, server: Served) -> None:
    """A witness's command: it says how it is reached, and ends well when told to."""
    environment = server.environment | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(shlex.split(command), cwd=folder, env=environment, stdout=subprocess.PIPE) as standing:
        assert standing.stdout is not None
        said = [standing.stdout.readline() for _ in range(2)]
        standing.terminate()
        assert standing.wait(30) == 0, said
    assert said[1].startswith(b"witness hopital-saint-roch hopital-saint-roch+")


def test_a_step_is_said_by_the_clock_of_the_place(server: Served) -> None:
    """What a pharmacist reads of their own scan is the time that their clock showed."""
    code, canal = pack(server, 5, "retired"), key(server, CANAL)
    done = server.run("verifier", "say", "dispense", code, "--as", canal, TZ="UTC-05:30")  # POSIX: east of Greenwich
    assert done.returncode == 0, done.stderr
    label = server.data.parent / "own.png"
    label.write_bytes(labels.label_png(parse_text(code), "qr", ""))
    done = server.run("scanner", "--as", canal, str(label))
    assert done.returncode == 0, done.stderr
    clock = datetime.now(timezone(timedelta(hours=5, minutes=30)))
    said = re.search(r"This is your own scan of ([0-9]{2}:[0-9]{2})", done.stdout.decode())
    assert said is not None
    told = clock.replace(hour=int(said[1][:2]), minute=int(said[1][3:]))
    apart = abs((clock - told).total_seconds())
    assert min(apart, 86_400 - apart) < 300  # round midnight too
