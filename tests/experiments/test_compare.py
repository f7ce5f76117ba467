"""A comparison from end to end, on real digits with a small network and few epochs."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from softlabel.deployed.model_folder import load_model
from softlabel.errors import ConfigError, SoftlabelError
from softlabel.experiments.cells import Cell
from softlabel.experiments.compare import CompareProgress, compare
from softlabel.experiments.config import CompareConfig
from softlabel.tasks.prepared import Prepared

METHODS = ["cross_entropy", "label_smoothing"]


def config(runs: Path, **changes: Any) -> CompareConfig:
    values: dict[str, Any] = {
        "comparison": {"methods": METHODS, "seeds": 2},
        "data": {"imbalance": 20.0},
        "network": {"backbone": "mlp", "hidden": [32]},
        "training": {"epochs": 2, "batch_size": 128},
        "output": {"runs": str(runs)},
    }
    for key, value in changes.items():
        values[key] = {**values.get(key, {}), **value}
    return CompareConfig.model_validate(values)


def results(folder: Path) -> dict[str, Any]:
    stored: dict[str, Any] = json.loads((folder / "results.json").read_text())
    return stored


def scores(folder: Path) -> list[Any]:
    return [(cell["method"], cell["seed"], cell["selected"], cell["last"]) for cell in results(folder)["cells"]]


class Watcher(CompareProgress):
    """A progress that interferes."""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compare(config(tmp_path_factory.mktemp("runs")), command="softlabel compare")


def test_every_cell_and_every_method_is_in_the_results(finished: Path) -> None:
    found = results(finished)
    assert [(c["method"], c["seed"]) for c in found["cells"]] == [(m, s) for s in (0, 1) for m in METHODS]
    assert sorted(entry["method"] for entry in found["summary"]) == sorted(METHODS)
    assert found["baseline"] == "cross_entropy"
    assert found["command"] == "softlabel compare"


def test_summary_means_are_those_of_the_cells(finished: Path) -> None:
    found = results(finished)
    for entry in found["summary"]:
        own = [c["selected"]["after"] for c in found["cells"] if c["method"] == entry["method"]]
        for name in ("nll", "accuracy", "ece", "classwise_ece"):
            assert entry["scores"][name]["mean"] == pytest.approx(sum(s[name] for s in own) / 2)


def test_the_kept_model_is_the_best_on_validation_and_ships(finished: Path) -> None:
    found = results(finished)
    kept = found["verdict"]["kept"]
    best = min(found["cells"], key=lambda c: c["validation"]["nll"])
    assert (kept["method"], kept["seed"]) == (best["method"], best["seed"])
    model = load_model(finished / "model")
    assert model.temperature == pytest.approx(kept["temperature"])


def test_a_report_lies_beside_the_results(finished: Path) -> None:
    assert "<html" in (finished / "report.html").read_text()[:500]


def test_the_kept_model_has_a_card_with_its_own_numbers(finished: Path) -> None:
    card = (finished / "model-card.md").read_text()
    kept = results(finished)["verdict"]["kept"]
    assert f"# {kept['method']} on digits" in card
    assert f"temperature {kept['temperature']:.2f}" in card


def test_a_finished_comparison_is_not_continued(finished: Path) -> None:
    again = compare(config(finished.parent))
    assert again != finished
    assert scores(again) == scores(finished)


class InterruptAfterOne(Watcher):
    def update(self, cells: Sequence[Cell]) -> None:
        if any(cell.finished for cell in cells):
            raise KeyboardInterrupt


def test_the_same_command_continues_an_interrupted_comparison(finished: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        compare(config(tmp_path), progress=InterruptAfterOne())
    (folder,) = tmp_path.iterdir()
    done = {path: path.stat().st_mtime_ns for path in folder.glob("cells/*/result.json")}
    assert done
    assert compare(config(tmp_path)) == folder
    assert {path: path.stat().st_mtime_ns for path in done} == done
    assert scores(folder) == scores(finished)


class BlockOneCell(Watcher):
    def begin(
        self, folder: Path, prepared: Prepared, cells: Sequence[Cell], jobs: int, notes: Sequence[str] = ()
    ) -> None:
        cells[1].folder.parent.mkdir()
        cells[1].folder.write_text("in the way")


def test_a_failing_cell_is_marked_and_the_others_go_on(tmp_path: Path) -> None:
    found = results(compare(config(tmp_path), progress=BlockOneCell()))
    failed = [cell for cell in found["cells"] if cell["status"] == "failed"]
    assert [(c["method"], c["seed"]) for c in failed] == [("label_smoothing", 0)]
    assert "is a file" in failed[0]["reason"]
    (entry,) = [e for e in found["summary"] if e["method"] == "label_smoothing"]
    assert (entry["seeds"], entry["failed"]) == (1, 1)


def test_when_nothing_could_be_trained_the_first_reason_is_said(tmp_path: Path) -> None:
    with pytest.raises(SoftlabelError, match="none of the 4 runs"):
        compare(config(tmp_path, training={"learning_rate": 1e6, "warmup_epochs": 0}))


def test_precision_is_measured_once_for_all_cells(tmp_path: Path) -> None:
    folder = compare(config(tmp_path, training={"precision": "auto", "epochs": 1}))
    chosen = json.loads((folder / "precision.json").read_text())
    assert chosen["setting"] == max(chosen["images_per_second"], key=lambda name: chosen["images_per_second"][name])
    asked = {
        tomllib.loads(path.read_text())["training"].get("precision") for path in folder.glob("cells/*/config.toml")
    }
    assert asked == {chosen["setting"]}
    used = [json.loads(path.read_text())["precision"] for path in folder.glob("cells/*/environment.json")]
    assert [one["measured"] for one in used] == [{}] * 4


def test_the_published_protocol_keeps_no_model(tmp_path: Path) -> None:
    folder = compare(config(tmp_path, data={"protocol": "published"}, comparison={"seeds": 1}))
    assert results(folder)["verdict"]["kept"] is None
    assert not (folder / "model").exists()


def test_what_does_not_go_together_is_refused_before_a_folder_is_made(tmp_path: Path) -> None:
    wrong = config(tmp_path / "runs", methods={"label_smoothing": {"epsilon": 0.99, "convention": "others"}})
    with pytest.raises(ConfigError, match="epsilon"):
        compare(wrong)
    assert not (tmp_path / "runs").exists()
