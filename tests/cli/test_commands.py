"""The commands on real digits, from training to answers, and what Ctrl-C leaves."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

import softlabel as package
from softlabel.cli.main import main

SHORT = ["--epochs", "3"]


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one finished run, and the first digits as PNG files."""
    folder = tmp_path_factory.mktemp("work")
    digits = load_digits()
    (folder / "pngs").mkdir()
    for number in range(12):
        pixels = (digits.images[number] * 255 / 16).round().astype(np.uint8)
        Image.fromarray(pixels).save(folder / "pngs" / f"{number:02d}-is-{digits.target[number]}.png")
    before = Path.cwd()
    os.chdir(folder)
    try:
        assert main(["train", *SHORT, "--name", "first"]) == 0
    finally:
        os.chdir(before)
    return folder


@pytest.fixture
def there(work: Path, softlabel, monkeypatch: pytest.MonkeyPatch):
    """The command line, called in the folder of the run."""
    monkeypatch.chdir(work)
    return softlabel


def test_the_folder_can_be_given_back_as_a_recipe(there, work: Path) -> None:
    outcome = there("train", "--recipe", "runs/first-0001/config.toml", "--resume", "--epochs", "4")
    assert outcome.code == 2
    again = there("train", "--resume", "runs/first-0001", "--epochs", "4")
    assert again.code == 2
    assert "training.epochs: 3 in the folder, 4 now" in again.err
    done = there("train", "--resume", "runs/first-0001")
    assert done.code == 0
    assert "finished already" in done.out


def test_train_says_where_and_how_well(work: Path, softlabel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(work)
    outcome = softlabel("train", *SHORT, "--name", "told", "--json", "--seed", "1")
    assert outcome.code == 0
    events = [json.loads(line) for line in outcome.out.splitlines()]
    assert [event["event"] for event in events] == ["begin", "plan", "epoch", "epoch", "epoch", "result"]
    folder = str((work / "runs" / "told-0001").resolve())
    assert events[0]["folder"] == events[-1]["folder"] == folder
    words = outcome.err.splitlines()
    assert words[0] == words[-1] == f"folder   {folder}"
    assert any(line.startswith("NLL ↓") for line in words)
    assert "\r" not in outcome.err


def test_predict_gives_the_whole_distribution(there, work: Path) -> None:
    outcome = there("predict", "runs/first-0001", "pngs")
    rows = list(csv.DictReader(io.StringIO(outcome.out)))
    assert [row["file"] for row in rows] == sorted(path.name for path in (work / "pngs").iterdir())
    assert list(rows[0]) == ["file", "label", "confidence", *(f"p_{digit}" for digit in range(10))]
    assert sum(float(rows[0][f"p_{digit}"]) for digit in range(10)) == pytest.approx(1, abs=1e-4)
    assert sum(row["file"].endswith(f"{row['label']}.png") for row in rows) >= 9


def test_predict_from_run_model_and_python_agree(there, work: Path) -> None:
    from_run = json.loads(there("predict", "runs/first-0001", "pngs", "--json").out)
    from_model = json.loads(there("predict", "runs/first-0001/model", "pngs", "--json").out)
    from_python = package.predict(work / "runs/first-0001", work / "pngs")
    assert from_run == from_model == from_python
    one = package.predict(work / "runs/first-0001", work / "pngs" / "00-is-0.png", top=2)
    assert len(one) == 1
    assert len(one[0]["distribution"]) == 2


def test_predict_into_files(there, work: Path) -> None:
    for ending in ("csv", "json", "parquet"):
        outcome = there("predict", "runs/first-0001", "pngs", "--out", f"answers.{ending}", "--overwrite")
        assert outcome.code == 0
        assert outcome.out == ""
        assert (work / f"answers.{ending}").stat().st_size > 0
    (work / "answers.csv").unlink()


def test_predict_refuses_what_it_cannot_read(there, work: Path) -> None:
    (work / "broken").mkdir(exist_ok=True)
    (work / "broken" / "a.png").write_bytes((work / "pngs" / "00-is-0.png").read_bytes()[:40])
    (work / "broken" / "b.png").write_bytes((work / "pngs" / "00-is-0.png").read_bytes())
    refused = there("predict", "runs/first-0001", "broken")
    assert refused.code == 2
    assert "a.png" in refused.err
    assert refused.out == ""
    skipped = there("predict", "runs/first-0001", "broken", "--skip-bad")
    assert skipped.code == 0
    assert "left out: a.png" in skipped.err
    assert len(skipped.out.splitlines()) == 2


def test_evaluate_repeats_the_scores_of_training(there, work: Path) -> None:
    scored = json.loads(there("evaluate", "runs/first-0001", "--json").out)
    stored = json.loads((work / "runs/first-0001/result.json").read_text())["selected"]
    assert scored["before"] == pytest.approx(stored["before"], nan_ok=True, abs=1e-6)
    assert scored["after"] == pytest.approx(stored["after"], nan_ok=True, abs=1e-6)
    outcome = there("evaluate", "runs/first-0001", "--split", "validation")
    assert "selected on these rows" in outcome.out


def test_evaluate_on_other_data_in_another_order_of_classes(there, work: Path) -> None:
    for name in ("8", "1"):
        (work / "others" / name).mkdir(parents=True, exist_ok=True)
        for path in (work / "pngs").glob(f"*-is-{name}.png"):
            (work / "others" / name / path.name).write_bytes(path.read_bytes())
    scored = json.loads(there("evaluate", "runs/first-0001", "--source", "folder:others", "--json").out)
    assert scored["rows"] == 3
    assert scored["after"]["accuracy"] == 1.0
    (work / "others" / "cat").mkdir(exist_ok=True)
    (work / "others" / "cat" / "x.png").write_bytes((work / "pngs" / "00-is-0.png").read_bytes())
    unknown = there("evaluate", "runs/first-0001", "--source", "folder:others")
    assert unknown.code == 2
    assert "does not know the class 'cat'" in unknown.err
    small = there("evaluate", "runs/first-0001", "--source", "folder:others", "--resize", "4,4")
    assert small.code == 2


def test_export_checks_what_it_wrote(there, work: Path) -> None:
    outcome = there("export", "runs/first-0001", "--format", "safetensors", "--out", "exported")
    assert outcome.code == 0
    assert "no probability differs" in outcome.out
    assert there("export", "runs/first-0001", "--format", "safetensors", "--out", "exported").code == 2


def test_a_moved_run_still_predicts(there, work: Path) -> None:
    before = there("predict", "runs/first-0001", "pngs").out
    (work / "runs" / "first-0001").rename(work / "elsewhere")
    try:
        assert there("predict", "elsewhere", "pngs").out == before
    finally:
        (work / "elsewhere").rename(work / "runs" / "first-0001")


def test_a_closed_pipe_is_no_error(work: Path) -> None:
    command = f"{sys.executable} -m softlabel.cli.main sources | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True, env=_environment())
    assert done.stderr == ""


@pytest.mark.slow
def test_a_training_that_ctrl_c_stopped_goes_on(tmp_path: Path) -> None:
    process = _started(tmp_path, "train", "--epochs", "200", "--name", "long")
    _wait_for(tmp_path, "runs/long-0001/checkpoints/last.json")
    process.send_signal(signal.SIGINT)
    _, words = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "To go on: softlabel train --resume runs/long-0001" in words
    assert "Traceback" not in words


@pytest.mark.slow
def test_a_comparison_that_was_told_to_end_leaves_nothing_running(tmp_path: Path) -> None:
    process = _started(tmp_path, "compare", "--epochs", "200", "--name", "long", "--seeds", "1")
    _wait_for(tmp_path, "runs/long-0001/cells/*/checkpoints/last.json")
    process.send_signal(signal.SIGTERM)
    _, words = process.communicate(timeout=30)  # ends when no process holds its streams any more
    assert process.returncode == 143
    assert "To go on: the same command again" in words
    assert "Traceback" not in words


def _started(folder: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "softlabel.cli.main", *words],
        cwd=folder,
        env=_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _wait_for(folder: Path, pattern: str) -> None:
    deadline = time.monotonic() + 120
    while not list(folder.glob(pattern)) and time.monotonic() < deadline:
        time.sleep(0.05)


def _environment() -> dict[str, str]:
    root = Path(package.__file__).parents[1]
    return os.environ | {"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
