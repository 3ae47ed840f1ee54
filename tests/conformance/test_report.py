"""The report tells on itself: a difference nobody argued, a row dropped, a set nobody judges."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance import __main__ as command
from conformance import arguments, report
from conformance.rows import Row, Source
from conformance.sets import gs1_engine, photos

HERE = Path()
ROWS = (Row("one", "yes", "yes"), Row("two", "yes", "no"), Row("three [x]", "yes", "no", "known"))
ARGUED = "| set | row | difference | why |\n|---|---|---|---|\n| s* | `three [x]` | known | it is so |\n"


def judged(text: str = ARGUED, rows: tuple[Row, ...] = ROWS, count: int = 3) -> report.Result:
    source = Source("some", "", lambda _: count, lambda _: rows)
    return report.run(source, HERE, arguments.parse(text))


def test_a_difference_without_an_argument_fails_and_is_named() -> None:
    result = judged()
    assert (result.agree, len(result.differ), [row.name for row in result.unargued]) == (1, 2, ["two"])
    assert report.faults([result]) == ["some: two: expected yes, found no"]
    assert "DIFFERS some: 'two'" in report.differing([result])
    assert "argued  some: 'three [x]': expected 'yes', found 'no' (it is so)" in report.differing([result])


def test_a_row_dropped_fails_though_all_others_agree() -> None:
    result = judged(rows=ROWS[:1], count=2)
    assert report.faults([result]) == ["some: expected 2 rows judged, found 1"]


@pytest.mark.parametrize("line", [
    "| some | three [x] | other | it is so |", "| other | three [x] | known | x |", "| some | three | known | x |",
])  # fmt: skip
def test_an_argument_argues_its_own_set_row_and_difference(line: str) -> None:
    text = ARGUED.rpartition("| s*")[0] + line
    assert [row.name for row in judged(text).unargued] == ["two", "three [x]"]


def test_an_argument_without_a_why_is_refused() -> None:
    with pytest.raises(ValueError, match="expected set, row, difference and why"):
        arguments.parse(ARGUED.replace("it is so", ""))


def test_a_set_that_nobody_judges_says_what_is_missing() -> None:
    result = report.run(Source("cards", "", lambda _: 7, why_not="no room yet"), HERE, ())
    assert report.faults([result]) == []
    assert "7: no room yet" in report.table([result])
    assert report.to_json([result])[0]["not_applicable"] == "no room yet"


def rows_of(folder: Path) -> Iterator[Row]:
    source = photos.source(folder)
    assert source.judge is not None
    return iter(source.judge(folder))


def test_a_photograph_read_wrong_is_no_unread_one(vectors: Path, tmp_path: Path) -> None:
    code = next((vectors / "photos").glob("qrcode-*/*.png"))
    for name, text in (("wrong", b"another text"), ("right", code.with_suffix(".txt").read_bytes()), ("alone", None)):
        (tmp_path / f"{name}.png").write_bytes(code.read_bytes())
        if text is not None:
            (tmp_path / f"{name}.txt").write_bytes(text)
    (tmp_path / "blank.png").write_bytes(b"no image")
    (tmp_path / "blank.txt").write_bytes(b"something")
    found = {row.name: "agrees" if row.agrees else row.difference for row in rows_of(tmp_path)}
    assert found == {"alone.png": "misread", "blank.png": "unread", "right.png": "agrees", "wrong.png": "misread"}


@pytest.mark.interop
def test_nothing_differs_without_an_argument(vectors: Path) -> None:
    results = command.judge(vectors)
    assert report.faults(results) == []
    assert sum(result.agree for result in results) > 1000
    judged = {result.name: result for result in results if not result.why_not}
    merkle = {"merkle inclusion", "merkle consistency", "merkle witness"}
    assert merkle | {"ed25519", "gs1 engine", "gs1 dictionary"} <= judged.keys()
    for result in judged.values():
        assert len(result.differ) <= result.rows / 4, f"{result.name}: more argued than judged"
    assert {row.difference for row, _ in judged["gs1 engine"].differ} <= {one.name for one in gs1_engine.DIFFERENCES}


@pytest.mark.interop
def test_every_door_of_the_engine_is_asked_and_every_rule_of_ours_is_needed(vectors: Path) -> None:
    rows = list(gs1_engine._rows(vectors / "vectors/gs1"))
    assert {gs1_engine.suite(row) for row in rows} == set(gs1_engine.DOORS)
    assert {gs1_engine.difference(row) for row in rows} == {None, *gs1_engine.DIFFERENCES}


@pytest.mark.interop
def test_the_command_writes_its_rows_and_fails_on_a_planted_difference(
    vectors: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    row = next((vectors / "vectors/merkle/inclusion").rglob("happy-path.json"))
    planted = tmp_path / "vectors/merkle/inclusion/0/happy-path.json"
    planted.parent.mkdir(parents=True)
    planted.write_text(row.read_text("utf-8").replace('"wantErr": false', '"wantErr": true'), "utf-8")
    monkeypatch.setenv("PROBATUM_VECTORS", str(tmp_path))
    monkeypatch.setattr(command, "ROOT", tmp_path)
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert ended.value.code == 1
    assert "merkle inclusion: 0/happy-path: expected refused, found proven" in capsys.readouterr().err
    assert '"found": "proven"' in (tmp_path / "var/conformance.json").read_text("utf-8")
