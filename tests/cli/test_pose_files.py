"""Pictures of turned plates and a table of their angles, through train, predict, evaluate, compare and report."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path

import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq
import pytest

from softlabel.cli.main import main
from tests.made_poses import pose_table

RUN = Path("runs/poses-0001")
GRIDS = "--grid=-45:45:30,-60:60:30"
TASK = ["--image-column", "file", "--value-columns", "pitch,yaw", GRIDS, "--unit", "degrees"]
SMALL = ["--backbone", "mlp", "--hidden", "8", "--epochs", "1", "--augment", "crop-flip"]


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pictures, the table as CSV and as Parquet, and a model."""
    folder = tmp_path_factory.mktemp("turned")
    table = pose_table(folder / "set", 80)
    pq.write_table(arrow_csv.read_csv(table), folder / "set" / "poses.parquet")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["train", "--source", "csv:set/poses.csv", *TASK, *SMALL, "--method", "dldl"]) == 0
    return folder


@pytest.fixture
def there(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(work)


def test_answers_hold_both_angles_and_the_whole_distribution(there: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", str(RUN), "set/plates"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert len(rows) == 80
    cells = [f"p_pitch {pitch} yaw {yaw}" for pitch in (-45, -15, 15, 45) for yaw in (-60, -30, 0, 30, 60)]
    assert list(rows[0])[1:] == ["pitch", "pitch_low", "pitch_high", "yaw", "yaw_low", "yaw_high", *cells]
    for row in rows:
        shares = {name: float(row[name]) for name in cells}
        assert sum(shares.values()) == pytest.approx(1, abs=1e-4)
        of_pitch = sum(float(name.split()[1]) * share for name, share in shares.items())
        of_yaw = sum(float(name.split()[3]) * share for name, share in shares.items())
        assert (float(row["pitch"]), float(row["yaw"])) == pytest.approx((of_pitch, of_yaw), abs=1e-2)


def test_a_person_reads_both_angles(
    there: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["predict", str(RUN), "set/plates/0000.png", "--json"]) == 0
    (answer,) = json.loads(capsys.readouterr().out)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert main(["predict", str(RUN), "set/plates/0000.png"]) == 0
    told = capsys.readouterr().out
    for angle in ("pitch", "yaw"):
        low, high = answer[f"{angle}_low"], answer[f"{angle}_high"]
        assert f"{angle} {answer[angle]:.1f} [{low:g}, {high:g}]" in told
    assert max(map(len, told.splitlines())) <= 80


def test_scores_on_other_rows_equal_those_of_the_answers(there: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(RUN), "--source", "csv:set/poses.csv", *TASK[:4], "--json"]) == 0
    scores = json.loads(capsys.readouterr().out)["after"]
    assert main(["predict", str(RUN), "set/plates", "--json"]) == 0
    answers = {Path(answer["file"]).name: answer for answer in json.loads(capsys.readouterr().out)}
    rows = list(csv.DictReader(io.StringIO(Path("set/poses.csv").read_text())))
    for angle in ("pitch", "yaw"):
        errors = [abs(answers[Path(row["file"]).name][angle] - float(row[angle])) for row in rows]
        assert scores[f"mae_{angle}"] == pytest.approx(sum(errors) / len(errors), rel=1e-3)


def test_a_comparison_from_parquet_has_its_report(there: None, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--source", "parquet:set/poses.parquet", *TASK, *SMALL, "--seeds", "1", "--methods", "dldl", "--jobs", "1"]
    assert main(["compare", *words, "--task", "pose"]) == 0
    told = capsys.readouterr().out
    assert "pitch from -45 to 45 and yaw from -60 to 60 degrees, 20 cells" in told.replace("\n         ", " ")
    (page,) = Path("runs").glob("*/report.html")
    assert "Error by pitch and yaw" in page.read_text(encoding="utf-8")


def test_numbers_are_not_scored_as_classes_nor_one_as_two(there: None, capsys: pytest.CaptureFixture[str]) -> None:
    said = {
        "--label-column": "poses has one class label per row, and the model's task pose needs two numbers per row",
        "--value-column": "poses has a number per row, and the model's task pose needs two numbers per row",
    }
    for option, words in said.items():
        assert main(["evaluate", str(RUN), "--source", "csv:set/poses.csv", *TASK[:2], option, "yaw"]) == 2
        assert words in capsys.readouterr().err


def test_one_number_is_scored_on_other_rows_too(there: None, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--source", "csv:set/poses.csv", "--feature-columns", "pitch", "--value-column", "yaw"]
    assert main(["train", *words, *SMALL[:-2], "--name", "one-angle"]) == 0
    told = capsys.readouterr().out
    assert main(["evaluate", "runs/one-angle-0001", *words, "--json"]) == 0
    scores = json.loads(capsys.readouterr().out)
    assert scores["rows"] == 80
    assert 0 < scores["after"]["mae"] < 90
    assert "ordinal" in told
