"""`import`: a bad row is named, and nothing half believed; imported again, it changes nothing; the next scan tells."""

import json
import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from served import Served

from verifier.commands import bdpm, recall_list
from verifier.commands.lines import Fault
from verifier.demo import RECALLS, SAMPLES
from verifier.statements import catalogue_rows
from verifier.statements.catalogue_rows import HEAD, Row
from verifier.statements.errors import Malformed

CIS, CIP = ((SAMPLES / "bdpm" / name).read_bytes() for name in (bdpm.SPECIALTIES, bdpm.PRESENTATIONS))
CREAM = Row("09529000001042", "APAISINE 2 %, crème", "crème", "1 tube(s) aluminium verni de 30 g")


def test_the_samples_are_read_in_both_encodings() -> None:
    found = bdpm.read(CIS, CIP)
    assert found.faults == ()
    assert len(found.rows) == 4
    assert found.rows[3] == CREAM
    for encoding in ("utf-8", "utf-8-sig", "cp1252"):
        again = bdpm.read(CIS.decode("cp1252").encode(encoding), CIP.decode().encode(encoding))
        assert again == found


def changed(data: bytes, line: int, column: int, value: str) -> bytes:
    """The file with one field of one line (from 1) put otherwise."""
    lines = data.decode("cp1252" if data is CIS else "utf-8").split("\r\n")
    fields = lines[line - 1].split("\t")
    lines[line - 1] = "\t".join([*fields[:column], value, *fields[column + 1 :]])
    return "\r\n".join(lines).encode()


BAD = [
    (0, 1, 0, "9000000", "CIS_bdpm.txt:1: code CIS: expected 8 digits, found '9000000'"),
    (0, 2, 1, "  ", "CIS_bdpm.txt:2: name: expected 1 to 400 printable characters, found '  '"),
    (0, 2, 1, "x" * 401, "CIS_bdpm.txt:2: name: expected 1 to 400 printable characters, found '" + "x" * 60 + "'"),
    (0, 3, 2, "cr\x07eme", "CIS_bdpm.txt:3: form: expected 0 to 400 printable characters, found 'cr\\x07eme'"),
    (0, 3, 5, "a\tb", "CIS_bdpm.txt:3: row: expected 12 columns, tab-separated, found '13 columns'"),
    (1, 2, 0, "99999999", "CIS_CIP_bdpm.txt:2: code CIS: expected one of CIS_bdpm.txt, found '99999999'"),
    (1, 2, 1, "12", "CIS_CIP_bdpm.txt:2: CIP7: expected 7 digits, found '12'"),
    (1, 3, 6, "9529000001036", "CIS_CIP_bdpm.txt:3: CIP13: expected a GTIN whose check digit is right, found '95290"
     "00001036'"),
    (1, 3, 6, "", "CIS_CIP_bdpm.txt:3: CIP13: expected 13 digits, found ''"),
    (1, 4, 6, "9529000001011", "CIS_CIP_bdpm.txt:4: CIP13: expected each once, found '9529000001011'"),
    (1, 1, 0, "9\u0660000001", "CIS_CIP_bdpm.txt:1: code CIS: expected 8 digits, found '9\u0660000001'"),
]


@pytest.mark.parametrize(("which", "line", "column", "value", "told"), BAD)
def test_a_bad_row_is_named_and_the_others_stand(which: int, line: int, column: int, value: str, told: str) -> None:
    files = [CIS, CIP]
    files[which] = changed(files[which], line, column, value)
    found = bdpm.read(*files)
    assert str(found.faults[0]) == told
    assert 1 <= len(found.rows) < 4


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_no_bytes_crash_the_reader_and_every_row_is_read_or_named(one: bytes, other: bytes) -> None:
    for files in ((one, other), (CIS, other), (one, CIP), (CIS + one, CIP + other)):
        found = bdpm.read(*files)
        assert all(fault.line >= 1 and fault.column and fault.expected for fault in found.faults)
        if found.rows:
            assert catalogue_rows.check(catalogue_rows.encode(found.rows)) == len(found.rows)


HEADER = "gtin,lots,depth,reason,date"


def recalls(text: str) -> recall_list.Read[recall_list.Called]:
    return recall_list.read("list.csv", text.encode())


def test_a_list_says_the_same_in_each_of_its_writings() -> None:
    found = recall_list.read("recalls.csv", RECALLS.read_bytes())
    assert found.faults == ()
    first, second = found.rows
    assert (first.body.gtin, first.body.batches) == ("09529000001028", ["RV26A4", "RV26A5"])
    assert first.body.depth == "patients"
    assert first.body.instructions == "Rapportez les boîtes à votre pharmacien, même entamées."
    assert (second.body.link, second.body.instructions) == (None, None)
    assert first.moment == 1_710_115_200  # 2024-03-11T00:00Z
    one = recalls(f"{HEADER}\n9529000001028,B A,patients,x,11/03/2024\n").rows
    assert recalls(f"{HEADER}\n9529000001028,B A,patients,x,11/03/2024\n".replace(",", ";")).rows == one
    assert recalls(f"{HEADER}\r\n\r\n09529000001028,B  A,patients,x,2024-03-11").rows == one
    item = {"gtin": "9529000001028", "lots": ["A", "B"], "depth": "patients", "reason": "x", "date": "2024-03-11"}
    assert recalls(json.dumps([item])).rows == one
    assert recalls("\ufeff" + json.dumps([item])).rows == one


BAD_RECALLS = [
    ("", "list.csv:1: header: expected gtin, lots, depth, reason, date, found 'nothing'"),
    ("gtin,lots\n", "list.csv:1: header: expected gtin, lots, depth, reason, date, and perhaps serials"),
    (f"{HEADER},colour\n", "list.csv:1: header: "),
    (f"{HEADER}\n1,A,patients,x,2024-03-11", "list.csv:2: gtin: expected 13 or 14 digits, found '1'"),
    (f"{HEADER}\n9529000001029,A,patients,x,2024-03-11", "list.csv:2: row: expected a valid GS1 key"),
    (f"{HEADER}\n9529000001028,A,everyone,x,2024-03-11", "list.csv:2: depth: expected the fields of Recall"),
    (f"{HEADER}\n9529000001028,A,patients,,2024-03-11", "list.csv:2: "),
    (f"{HEADER}\n9529000001028,A,patients,{'x' * 121},2024-03-11", "list.csv:2: reason: "),
    (f"{HEADER}\n\n9529000001028,A,patients,x,2026-13-02", "list.csv:3: date: expected a day, YYYY-MM-DD or DD"),
    (f"{HEADER}\n9529000001028,{'A' * 21},patients,x,2024-03-11", "list.csv:2: lots: "),
    (f"{HEADER}\n9529000001028,A,patients,x", "list.csv:2: row: expected 5 columns, found '4 columns'"),
    (f'{HEADER}\n9529000001028,A,patients,"x\ny",2024-03-11', "list.csv:2: row: expected one row of CSV on one line"),
    (f"{HEADER},serials\n9529000001028,A B,patients,x,2024-03-11,S1", "list.csv:2: serials: expected exactly one"),
    (f"{HEADER},link\n9529000001028,A,patients,x,2024-03-11,http://x.example", "list.csv:2: link: "),
    ("[1]", "list.csv:1: item: expected an object, found 'int'"),
    ('{"a": 1}', "list.csv:1: file: expected a list of recalls, found 'dict'"),
    ("[\n{]", "list.csv:2: file: expected JSON"),
    ('[{"gtin": "9529000001028", "lots": [1], "depth": "patients", "reason": "x", "date": "2024-03-11"}]',
     "list.csv:1: lots"),
    ('[{"gtin": 9529000001028, "lots": "A", "depth": "patients", "reason": "x", "date": "2024-03-11"}]',
     "list.csv:1: gtin"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "told"), BAD_RECALLS)
def test_a_bad_recall_is_named_by_line_and_column(text: str, told: str) -> None:
    found = recalls(text)
    assert found.rows == ()
    assert str(found.faults[0]).startswith(told), str(found.faults[0])


@given(st.binary(max_size=300) | st.text(max_size=200).map(lambda text: f"{HEADER}\n{text}".encode()))
def test_no_bytes_crash_the_list(data: bytes) -> None:
    found = recall_list.read("x", data)
    assert all(isinstance(fault, Fault) and fault.line >= 1 for fault in found.faults)


@given(st.lists(st.sampled_from(range(60)), unique=True))
def test_a_catalogue_is_the_same_bytes_in_any_order_and_each_row_is_found(numbers: list[int]) -> None:
    rows = [row(number) for number in numbers]
    data = catalogue_rows.encode(rows)
    assert data == catalogue_rows.encode(rows[::-1])
    assert [catalogue_rows.find(data, one.gtin) for one in rows] == rows
    for number in set(range(60)) - set(numbers):
        assert catalogue_rows.find(data, row(number).gtin) is None


def row(number: int) -> Row:
    digits = f"0952900000{number:03d}"
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(digits))
    return Row(digits + str(-total % 10), f"Produit {number}é", "é" * (number % 3), "")


@given(st.binary(max_size=200))
def test_a_spoilt_catalogue_is_refused_by_its_line(tail: bytes) -> None:
    data = catalogue_rows.encode([CREAM])
    for bad in (tail, data + tail, data[:-1] + tail.rstrip(b"\n")):  # with its newline, a longer field is a good one
        if bad not in (data, catalogue_rows.HEAD):  # a catalogue of nothing is one
            with pytest.raises(Malformed, match="in line "):
                catalogue_rows.check(bad)


def test_too_many_rows_are_counted_before_they_are_taken_apart() -> None:
    """Or 64 MiB of empty lines would cost a web worker half a gigabyte."""
    many = HEAD + b"\n" * 4_000_000
    tracemalloc.start()
    try:
        with pytest.raises(Malformed, match="at most 200000 rows"):
            catalogue_rows.check(many)
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()


# --- on a real server ---


def key(server: Served, member: str) -> str:
    return str(server.data / "keys" / f"{member}.key")


def told(server: Served, text: str) -> dict[str, object]:
    answer: dict[str, object] = httpx.post(f"{server.url}/api/scan", json={"text": text}, trust_env=False).json()
    return answer


def test_the_drug_database_names_what_no_maker_registered(server: Served, tmp_path: Path) -> None:
    today = datetime.now(UTC).date()
    day, before = today.isoformat(), (today - timedelta(days=1)).isoformat()
    (tmp_path / bdpm.SPECIALTIES).write_bytes(CIS)
    (tmp_path / bdpm.PRESENTATIONS).write_bytes(CIP + CIP.splitlines(keepends=True)[0])
    words = ["verifier", "import", "bdpm", str(tmp_path), "--published", day, "--as"]
    bad = server.call(*words, key(server, "agence-sante"))
    assert bad.returncode == 1
    assert b"CIS_CIP_bdpm.txt:5: CIP13: expected each once" in bad.stderr
    assert b"nothing was imported" in bad.stderr
    dry = server.call(*words, key(server, "agence-sante"), "--skip-bad", "--dry-run")
    assert dry.stdout.decode().endswith("dry run: nothing signed, nothing sent\n")
    refused = server.call(*words, key(server, "nordhavn-pharma"), "--skip-bad")
    assert refused.returncode == 1
    assert b"role" in refused.stderr, refused.stderr
    assert told(server, "9529000001042")["information"]["as_of"] != day  # type: ignore[index]
    done = server.call(*words, key(server, "agence-sante"), "--skip-bad")
    assert done.returncode == 0, done.stderr
    assert b"1 bad rows left out" in done.stderr
    assert "imported, leaf " in done.stdout.decode()
    said = told(server, "(01)09529000001042(10)L1")
    assert said["information"] == {
        "name": CREAM.name, "form": CREAM.form, "contents": CREAM.contents, "leaflet": None, "image": None,
        "source": "catalogue", "said_by": bdpm.NAME, "as_of": day,
    }  # fmt: skip
    assert said["identity"]["product"] is None  # type: ignore[index]
    assert said["outcome"] == "unverified"
    size = httpx.get(f"{server.url}/readyz", trust_env=False).json()["size"]
    again = server.call(*words, key(server, "agence-sante"), "--skip-bad")
    assert "nothing changed" in again.stdout.decode()
    assert httpx.get(f"{server.url}/readyz", trust_env=False).json()["size"] == size
    older = server.call(*words[:4], "--published", before, "--as", key(server, "agence-sante"), "--skip-bad")
    assert (older.returncode, f"expected one of {day} or later".encode() in older.stderr) == (1, True)


def test_a_recall_list_is_told_at_the_next_scan(server: Served, tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    rows = [f"{HEADER},serials", "9529000000205,L1 L2,patients,a,2024-03-11,"]
    rows += ["9529000000205,L3,pharmacies,b,2024-03-11,"]
    rows += ["9529000000205,L4,patients,c,11/03/2024,S1 S2", "9529000000206,L1,patients,d,2024-03-11,"]
    file.write_text("\n".join(rows), "utf-8")
    words = ["verifier", "import", "recalls", str(file), "--as", key(server, "agence-sante")]
    bad = server.call(*words)
    assert (bad.returncode, b"list.csv:5: " in bad.stderr, b"nothing was imported" in bad.stderr) == (1, True, True)
    assert codes(server, "L1") == ["no_serial", "lot_not_recalled"]
    assert server.call(*words, "--skip-bad", "--dry-run").stdout.startswith(b"dry run: 3 recalls read")
    assert codes(server, "L1") == ["no_serial", "lot_not_recalled"]
    done = server.call(*words, "--skip-bad")
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode().endswith("recalls: 3 registered, 0 already there\n")
    wanted = {"L1": "recall_patient", "L2": "recall_patient", "L3": "recall_pharmacy", "L4": "recall_some"}
    assert {lot: codes(server, lot)[0] for lot in wanted} == wanted
    assert codes(server, "L5") == ["no_serial", "lot_not_recalled"]
    again = server.call(*words, "--skip-bad")
    assert again.stdout.decode().endswith("recalls: 0 registered, 3 already there\n")
    refused = server.call(*words[:-1], key(server, "nordhavn-pharma"), "--skip-bad")
    assert (refused.returncode, b"0 of 3 recalls stand, import again to go on" in refused.stderr) == (1, True)


@pytest.mark.parametrize("data", [b"<html>busy", b'{"error": "busy"}', b"[", b""])
def test_a_list_of_which_nothing_can_be_read_is_no_success(server: Served, tmp_path: Path, data: bytes) -> None:
    """--skip-bad leaves rows out: who runs it every night must hear that the file was none."""
    file = tmp_path / "list"
    file.write_bytes(data)
    done = server.call("verifier", "import", "recalls", str(file), "--as", key(server, "agence-sante"), "--skip-bad")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"expected at least one recall that can be read, found none" in done.stderr


def codes(server: Served, lot: str) -> list[str]:
    reasons = told(server, f"(01)09529000000205(10){lot}")["reasons"]
    return [reason["code"] for reason in reasons]  # type: ignore[attr-defined]
