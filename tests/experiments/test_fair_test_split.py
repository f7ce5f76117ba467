"""The test split is the same for whatever is compared, is read after training only, and every look is counted."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from softlabel.cli.main import main
from softlabel.data.samples import Samples
from softlabel.deployed.rescore import evaluate
from softlabel.errors import RunError
from softlabel.experiments.compare import compare
from softlabel.experiments.config import CompareConfig
from softlabel.runs.openings import OPENINGS, count_openings
from softlabel.tasks.prepared import Prepared
from softlabel.training.config import RunConfig
from softlabel.training.train import train
from tests.training.tiny import tiny_config, tiny_prepared

EPOCHS = 3


class Watched:
    """Test samples that note how many epochs were over when they were looked at."""

    def __init__(self, samples: Samples, folder: Path) -> None:
        self._samples = samples
        self._folder = folder
        self.epochs_seen: list[int] = []

    def __len__(self) -> int:
        return len(self._samples)

    def __getattr__(self, name: str) -> Any:
        if name in ("annotation", "read", "select", "annotated", "digest"):
            log = self._folder / "metrics.jsonl"
            self.epochs_seen.append(len(log.read_text().splitlines()) if log.exists() else 0)
        return getattr(self._samples, name)


def with_test(prepared: Prepared, test: Any) -> Prepared:
    return dataclasses.replace(prepared, splits=dataclasses.replace(prepared.splits, test=test))


def with_shuffled_test(prepared: Prepared) -> Prepared:
    """Other truths of the test rows, and in another order."""
    test = prepared.splits.test
    order = torch.randperm(len(test), generator=torch.Generator().manual_seed(0))
    return with_test(prepared, test.select(order).annotated(test.annotation))


def config(runs: Path) -> RunConfig:
    return tiny_config(runs, epochs=EPOCHS)


def test_the_test_split_is_read_after_the_last_epoch_only(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    watched = Watched(tiny_prepared().splits.test, folder)
    train(config(tmp_path), folder=folder, prepared=with_test(tiny_prepared(), watched))
    assert watched.epochs_seen
    assert set(watched.epochs_seen) == {EPOCHS}


def test_nothing_but_test_scores_depends_on_the_test_split(tmp_path: Path) -> None:
    """Another truth of the test rows: the same weights, epoch, temperature and validation scores."""
    cells = {}
    for name, prepared in (("as-is", tiny_prepared()), ("shuffled", with_shuffled_test(tiny_prepared()))):
        cells[name] = train(config(tmp_path), folder=tmp_path / name, prepared=prepared).cell
    weights = [next((tmp_path / name / "model").glob("*.safetensors")).read_bytes() for name in cells]
    assert weights[0] == weights[1]
    for key in ("selected_epoch", "temperature", "validation", "temperature_interval"):
        assert cells["as-is"][key] == cells["shuffled"][key], key
    assert cells["as-is"]["selected"] != cells["shuffled"]["selected"]


# Counting


def compare_config(runs: Path) -> CompareConfig:
    return CompareConfig.model_validate(
        {
            "comparison": {"methods": ["cross_entropy", "label_smoothing"], "seeds": 1},
            "network": {"backbone": "mlp", "hidden": [8]},
            "training": {"epochs": 1, "batch_size": 256},
            "output": {"runs": str(runs)},
        }
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compare(compare_config(tmp_path_factory.mktemp("runs")))


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / finished.name))


def openings(folder: Path) -> int:
    stored: int = json.loads((folder / "results.json").read_text())["data"]["test_openings"]
    return stored


def test_every_look_at_the_test_split_is_counted(folder: Path) -> None:
    assert openings(folder) == count_openings(folder) == 2
    evaluate(folder)
    assert openings(folder) == count_openings(folder) == 3
    evaluate(folder / "cells" / "cross_entropy-seed0")
    assert openings(folder) == 4
    evaluate(folder / "model")
    evaluate(folder, split="validation")
    assert openings(folder) == 5
    assert (folder / OPENINGS).read_text().count("evaluate") == 2


def test_the_report_says_how_often(folder: Path) -> None:
    evaluate(folder)
    assert main(["report", str(folder)]) == 0
    assert "scored by 2 runs, after their training, and once more" in (folder / "report.html").read_text()


def test_a_folder_that_takes_no_line_is_evaluated_and_says_so(folder: Path) -> None:
    (folder / OPENINGS).mkdir()
    assert any("could not be counted" in note for note in evaluate(folder).notes)


# The same rows


HASHES = pytest.mark.parametrize(
    ("name", "words"), [("test_hash", "was tested on other rows"), ("data_hash", "was trained on other data")]
)


def change_hash(name: str, path: Path, *keys: Any) -> None:
    content = json.loads(path.read_text())
    place = content
    for key in keys:
        place = place[key]
    assert place[name]
    place[name] = "0" * 16
    path.write_text(json.dumps(content))


@HASHES
def test_a_report_of_other_rows_is_refused(
    name: str, words: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change_hash(name, folder / "results.json", "cells", 1)
    assert main(["report", str(folder)]) == 2
    complaint = capsys.readouterr().err
    assert f"{words} (hash 0000000000000000)" in complaint
    assert "Traceback" not in complaint


@HASHES
def test_a_comparison_does_not_go_on_with_other_rows(name: str, words: str, folder: Path) -> None:
    (folder / "results.json").unlink()
    change_hash(name, folder / "cells" / "label_smoothing-seed0" / "result.json")
    with pytest.raises(RunError, match=f"label_smoothing-seed0 {words}"):
        compare(compare_config(folder.parent))
    assert not (folder / "results.json").exists()


def test_a_run_does_not_go_on_with_other_test_rows(tmp_path: Path) -> None:
    train(config(tmp_path), folder=tmp_path / "run", prepared=tiny_prepared())
    (tmp_path / "run" / "result.json").unlink()
    splits = tiny_prepared().splits
    other = dataclasses.replace(splits.fingerprint.parts["test"], annotation=splits.fingerprint.parts["test"].inputs)
    fingerprint = dataclasses.replace(splits.fingerprint, parts={**splits.fingerprint.parts, "test": other})
    changed = dataclasses.replace(tiny_prepared(), splits=dataclasses.replace(splits, fingerprint=fingerprint))
    with pytest.raises(RunError, match=r"the data have changed since: .*test part: 359 of 359 labels differ"):
        train(config(tmp_path), folder=tmp_path / "run", resume=True, prepared=changed)


def test_evaluate_refuses_a_model_of_other_test_rows(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = (folder / "config.toml").read_text()
    assert "test_share" in content
    (folder / "config.toml").write_text(content.replace("test_share = 0.2", "test_share = 0.3"))
    assert main(["evaluate", str(folder)]) == 2
    assert "the data have changed since: " in capsys.readouterr().err
    assert count_openings(folder) == 2
