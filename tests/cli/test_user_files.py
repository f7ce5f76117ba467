"""What lies beside a run stays as it is, and a run folder may go anywhere."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from softlabel.cli.main import main

SMALL = ["--backbone", "mlp", "--hidden", "16", "--epochs", "2", "--batch-size", "128"]
COMPARE = ["compare", "--source", "folder:photos", *SMALL, "--seeds", "1", "--methods", "cross_entropy,label_smoothing"]
BESIDE = ("diary.txt", "runs/thesis.txt", "runs/photos-0001/mine.txt", "runs/photos-0002/model/mine.bin")
"""Files of a person, some where run folders would like to be."""

Tree = dict[str, str]


def hashes(folder: Path) -> Tree:
    """Every file below a folder, by its content."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def canaries(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Tree]:
    """A folder with photos and files of a person, and what was in it."""
    folder = tmp_path_factory.mktemp("person")
    digits = load_digits()
    for number in range(120):
        place = folder / "photos" / str(digits.target[number])
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray((digits.images[number] * 15).astype(np.uint8)).save(place / f"{number}.png")
    for name in BESIDE:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"{name}: do not touch\n")
    return folder, hashes(folder)


@pytest.fixture(scope="module")
def compared(canaries: tuple[Path, Tree]) -> Path:
    """The run folder of a comparison among those files."""
    folder, _ = canaries
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(COMPARE) == 0
    return folder / "runs" / "photos-0003"


def commands(run: str) -> list[list[str]]:
    """Every command that reads or writes something, on this run."""
    return [
        ["train", "--source", "folder:photos", *SMALL],
        ["train", "--source", "folder:photos", *SMALL, "--name", "thesis.txt"],
        ["evaluate", run],
        ["predict", run, "photos/1", "--out", "answers.csv"],
        ["predict", run, "photos/1", "--out", "diary.txt"],
        ["report", run],
        ["export", run, "--format", "safetensors"],
        ["export", run, "--format", "safetensors", "--out", "photos"],
        ["methods"],
        ["sources"],
        ["train", "--source", "folder:nowhere"],
        ["compare", "--source", "folder:photos", "--learning-rate", "much"],
    ]


@pytest.mark.slow
def test_no_command_touches_what_it_did_not_write(
    canaries: tuple[Path, Tree], compared: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, before = canaries
    monkeypatch.chdir(folder)
    for words in commands(f"runs/{compared.name}"):
        main(words)
        after = hashes(folder)
        assert {name: after.get(name) for name in before} == before, words
    assert "exists already" in capsys.readouterr().err


def test_new_files_are_in_the_run_folder_only(canaries: tuple[Path, Tree], compared: Path) -> None:
    folder, before = canaries
    known = {"answers.csv", "photos-0003-export"}
    new = {name for name in hashes(folder) if name not in before and name.split("/")[0] not in known}
    assert new
    assert {name.split("/")[0] for name in new} == {"runs"}
    assert {name.split("/")[1] for name in new} <= {"photos-0003", "photos-0004", "thesis.txt-0001"}


def test_a_persons_file_in_the_run_folder_survives_going_on(
    canaries: tuple[Path, Tree], compared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(canaries[0] / "photos", tmp_path / "photos")
    run = tmp_path / "runs" / compared.name
    shutil.copytree(compared, run)
    (run / "results.json").unlink()  # as a kill just before the end leaves it
    for place in (".", "model", "cells/cross_entropy-seed0", "cells/label_smoothing-seed0/model"):
        (run / place / "mine.txt").write_text("do not touch")
    monkeypatch.chdir(tmp_path)
    assert main(COMPARE) == 0
    assert (run / "results.json").exists()
    assert len(list(run.rglob("mine.txt"))) == 4


def test_a_run_folder_knows_no_absolute_path(compared: Path) -> None:
    for name in (path for path in compared.rglob("*") if path.is_file()):
        content = name.read_bytes()
        assert str(compared.parents[1]).encode() not in content, name
        assert b"/root" not in content, name
        assert str(Path(__file__).parents[2]).encode() not in content, name


def test_a_moved_run_answers_and_reports(
    canaries: tuple[Path, Tree], compared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = tmp_path / "elsewhere" / "renamed"
    shutil.copytree(compared, moved)
    kept = (compared / "report.html").read_bytes()
    monkeypatch.chdir(tmp_path)
    (moved / "report.html").unlink()
    image = str(canaries[0] / "photos" / "1")
    assert main(["predict", "elsewhere/renamed", image, "--out", "answers.csv"]) == 0
    assert main(["report", "elsewhere/renamed"]) == 0
    assert (moved / "report.html").read_bytes() == kept


def test_the_first_and_the_last_line_name_the_folder(
    canaries: tuple[Path, Tree], compared: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(canaries[0])
    assert main(["train", "--source", "folder:photos", *SMALL, "--name", "named"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == lines[-1] == f"folder   {(canaries[0] / 'runs' / 'named-0001').resolve()}"


def test_the_disk_that_a_comparison_takes(compared: Path) -> None:
    """Finished runs keep their model and no checkpoint."""
    sizes = {path: path.stat().st_size for path in compared.rglob("*") if path.is_file()}
    model = (compared / "model" / "model.safetensors").stat().st_size
    tensors = [path for path in sizes if path.suffix == ".safetensors" and path.parent.name in ("model", "checkpoints")]
    assert sum(sizes[path] for path in tensors) <= 2 * model * 2
    assert not list(compared.glob("cells/*/checkpoints"))
    assert sum(sizes.values()) <= 2 * model * 2 + 20e6
