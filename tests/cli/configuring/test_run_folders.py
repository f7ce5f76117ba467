"""What a person means by a run."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from softlabel.cli.configuring.run_folders import folder_to_resume, model_folder, training_run
from softlabel.errors import RunError
from tests.report.results import comparison_results


def run_folder(path: Path, *, finished: bool = False, model: bool = False, changed: float = 0.0) -> Path:
    (path / "checkpoints").mkdir(parents=True)
    (path / "config.toml").write_text("")
    if finished:
        (path / "result.json").write_text("{}")
    if model:
        (path / "model").mkdir()
        (path / "model" / "model.json").write_text("{}")
    for entry in (*path.iterdir(), path):
        os.utime(entry, (changed, changed))
    return path


def test_the_latest_unfinished_run_is_resumed(tmp_path: Path) -> None:
    run_folder(tmp_path / "a-0001", changed=1)
    latest = run_folder(tmp_path / "a-0002", changed=3)
    (tmp_path / "a-0001" / "metrics.jsonl").symlink_to("nowhere")
    os.utime(tmp_path / "a-0001" / "metrics.jsonl", (2, 2), follow_symlinks=False)
    os.utime(tmp_path / "a-0001", (1, 1))
    run_folder(tmp_path / "b-0001", changed=2)
    run_folder(tmp_path / "b-0002", finished=True, changed=9)
    assert folder_to_resume("", tmp_path) == latest
    assert folder_to_resume(str(tmp_path / "a-0001"), tmp_path) == tmp_path / "a-0001"


def test_nothing_to_resume_says_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no training run there"):
        folder_to_resume("", tmp_path)
    run_folder(tmp_path / "a-0001", finished=True)
    with pytest.raises(RunError, match="1 run there, all finished"):
        folder_to_resume("", tmp_path)


def test_a_model_is_found_in_itself_and_in_its_run(tmp_path: Path) -> None:
    run = run_folder(tmp_path / "a-0001", model=True)
    assert model_folder(run) == model_folder(run / "model") == run / "model"


def test_a_folder_of_runs_is_answered_with_one_of_them(tmp_path: Path) -> None:
    run_folder(tmp_path / "a-0001", model=True, changed=1)
    run_folder(tmp_path / "a-0002", model=True, changed=2)
    with pytest.raises(RunError, match=r"holds 2 runs; name one of them, for instance .*a-0002"):
        model_folder(tmp_path)


def test_an_unfinished_run_has_no_model_yet(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="not finished"):
        model_folder(run_folder(tmp_path / "a-0001"))


def results(folder: Path, kept: object) -> None:
    """The results of a comparison that keeps this run."""
    found = comparison_results(1, 1, classes=3, epochs=4)
    found["verdict"]["kept"] = kept
    (folder / "results.json").write_text(json.dumps(found))


def kept_in(folder: str) -> dict[str, object]:
    return {"method": "dldl", "seed": 0, "temperature": 1.0, "folder": folder}


@pytest.mark.parametrize(
    ("kept", "words"),
    [
        (kept_in("../outside"), "verdict.kept.folder: expected a folder inside"),
        (kept_in("/outside"), "verdict.kept.folder: expected a folder inside"),
        (None, "keeps no model"),
        ([], "is damaged: verdict.kept: "),
    ],
)
def test_the_kept_run_of_a_comparison_lies_in_its_folder(kept: object, words: str, tmp_path: Path) -> None:
    results(tmp_path, kept)
    with pytest.raises(RunError, match=words):
        training_run(tmp_path)


def test_a_link_that_leads_outside_is_no_kept_run(tmp_path: Path) -> None:
    results(tmp_path, kept_in("cells"))
    (tmp_path / "cells").symlink_to("/")
    with pytest.raises(RunError, match="names a run outside of its folder"):
        training_run(tmp_path)


def test_the_kept_run_of_a_comparison_is_found(tmp_path: Path) -> None:
    results(tmp_path, kept_in("cells/dldl-seed0"))
    assert training_run(tmp_path) == tmp_path / "cells" / "dldl-seed0"
    assert training_run(tmp_path.parent) == tmp_path.parent
