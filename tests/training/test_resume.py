"""A run that is stopped and goes on comes to the same bits; what each method owes is in tests/contract."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from softlabel.errors import RunError
from softlabel.runs.checkpoint import CheckpointFolder
from softlabel.training.config import RunConfig
from softlabel.training.progress import Progress, RunStart
from softlabel.training.train import RunResult, train
from tests.training.tiny import fingerprint, tiny_config, tiny_prepared


@pytest.fixture(autouse=True)
def every_epoch_is_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("softlabel.training.observer.SAVE_SECONDS", 0.0)


class StopAfter(Progress):
    """Ctrl-C at a step."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def step(self, images: int, terms: Callable[[], Mapping[str, float]]) -> None:
        self.steps -= 1
        if self.steps == 0:
            raise KeyboardInterrupt


def whole_run(config: RunConfig, folder: Path) -> dict[str, Any]:
    train(config, folder=folder, prepared=tiny_prepared())
    return fingerprint(folder)


def stopped_run(config: RunConfig, folder: Path, steps: int) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(config, folder=folder, prepared=tiny_prepared(), progress=StopAfter(steps))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return whole_run(tiny_config(), tmp_path_factory.mktemp("whole") / "run")


@pytest.mark.parametrize("steps", [2, 3, 7, 12])
def test_an_interrupted_run_goes_on_to_the_same_bits(whole: dict[str, Any], tmp_path: Path, steps: int) -> None:
    folder = tmp_path / "run"
    stopped_run(tiny_config(), folder, steps)
    assert not (folder / "lock").exists()
    assert "interrupted" in (folder / "log.txt").read_text()
    torch.randn(17)  # whatever state the global generator is in
    train(tiny_config(), folder=folder, resume=True, prepared=tiny_prepared())
    assert fingerprint(folder) == whole


def test_interrupted_twice_with_rare_checkpoints_and_another_optimiser(tmp_path: Path) -> None:
    config = tiny_config(optimiser="adamw", learning_rate=0.01, checkpoint_every=2, accumulate=2, epochs=5)
    expected = whole_run(config, tmp_path / "whole")
    folder = tmp_path / "run"
    stopped_run(config, folder, 8)
    with pytest.raises(KeyboardInterrupt):
        train(config, folder=folder, resume=True, prepared=tiny_prepared(), progress=StopAfter(7))
    train(config, folder=folder, resume=True, prepared=tiny_prepared())
    assert fingerprint(folder) == expected


def test_the_selected_weights_are_part_of_the_state(tmp_path: Path) -> None:
    config = tiny_config(learning_rate=1e-6, ema=None, epochs=3)  # so small that the first epoch stays the best or not
    expected = whole_run(config, tmp_path / "whole")
    folder = tmp_path / "run"
    stopped_run(config, folder, 7)
    best = CheckpointFolder(folder / "checkpoints").load("best")
    assert set(best.values) == {"score", "stage", "epoch"}
    train(config, folder=folder, resume=True, prepared=tiny_prepared())
    assert fingerprint(folder) == expected


def test_a_finished_run_is_given_back(whole: dict[str, Any], tmp_path: Path) -> None:
    folder = tmp_path / "run"
    first = train(tiny_config(epochs=1), folder=folder, prepared=tiny_prepared())
    changed = (folder / "result.json").stat().st_mtime_ns
    again = train(tiny_config(epochs=1), folder=folder, resume=True)
    assert (first.already_finished, again.already_finished) == (False, True)
    assert again.cell == first.cell
    assert (folder / "result.json").stat().st_mtime_ns == changed


def test_another_configuration_is_refused(tmp_path: Path) -> None:
    stopped_run(tiny_config(), tmp_path / "run", 4)
    with pytest.raises(RunError, match=r"training\.learning_rate: 0\.05 in the folder, 0\.01 now"):
        train(tiny_config(learning_rate=0.01), folder=tmp_path / "run", resume=True, prepared=tiny_prepared())


def test_a_damaged_checkpoint_stops_the_resume(tmp_path: Path) -> None:
    stopped_run(tiny_config(), tmp_path / "run", 8)
    (weights,) = (tmp_path / "run" / "checkpoints").glob("last-*.safetensors")
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(bytes(content))
    with pytest.raises(RunError, match=r"last-.*safetensors is damaged.*best\.json is good"):
        train(tiny_config(), folder=tmp_path / "run", resume=True, prepared=tiny_prepared())


def test_another_machine_warns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped_run(tiny_config(epochs=1), tmp_path / "run", 1)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 7)
    with pytest.warns(UserWarning, match="threads was 1, is 7"):
        train(tiny_config(epochs=1), folder=tmp_path / "run", resume=True, prepared=tiny_prepared())
    assert "threads was 1, is 7" in (tmp_path / "run" / "log.txt").read_text()


def test_resuming_takes_over_the_recorded_precision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter([1.0, 0.5, 0.75])
    monkeypatch.setattr("softlabel.training.precision.seconds_of", lambda step, device: next(seconds))
    config = tiny_config(precision="auto", epochs=2)
    stopped_run(config, tmp_path / "run", 4)
    starts: list[RunStart] = []

    class Watch(Progress):
        def begin(self, start: RunStart) -> None:
            starts.append(start)

    train(config, folder=tmp_path / "run", resume=True, prepared=tiny_prepared(), progress=Watch())
    (start,) = starts
    assert (start.precision, start.resumed, start.epochs) == ("bf16", True, 2)
    assert (start.images, start.images_done) == (180, 90)


def test_other_seeds_give_other_weights(tmp_path: Path) -> None:
    hashes = set()
    for seed in range(3):
        config = tiny_config(epochs=1, ema=None).model_copy(update={"seed": seed})
        found = whole_run(config, tmp_path / str(seed))
        hashes.add(found["last.method.network.head.weight"])
    assert len(hashes) == 3


def test_a_result_is_what_reports_need(tmp_path: Path) -> None:
    result: RunResult = train(tiny_config(epochs=2), folder=tmp_path / "run", prepared=tiny_prepared())
    cell = result.cell
    assert (cell["method"], cell["seed"], cell["status"], cell["folder"]) == (
        "online_label_smoothing",
        0,
        "finished",
        ".",
    )
    assert cell["last"].keys() == cell["selected"].keys() == {"before", "after"}
    assert cell["selected"]["before"]["accuracy"] == cell["selected"]["after"]["accuracy"]
    assert 0.05 <= cell["temperature"] <= 20
    assert [curve["epoch"] for curve in cell["curves"]] == [1, 2]
    assert cell["curves"][-1]["validation"]["balanced_nll"] > 0
    assert len(cell["table"]["values"]) == len(cell["table"]["row_names"]) == 10
    assert len(cell["ambiguous"]) == 12
    assert cell["ambiguous"][0]["entropy"] >= cell["ambiguous"][-1]["entropy"]
    assert cell["ambiguous"][0]["image"].startswith("data:image/png;base64,")
    assert cell["details"]["reliability"]["after"]
    assert sum(row["test_count"] for row in cell["details"]["per_class"]) == 90
    names = {path.name for path in result.folder.iterdir()}
    assert names == {
        "checkpoints", "config.toml", "data.safetensors", "environment.json", "evaluation", "log.txt", "metrics.jsonl",
        "model", "result.json", "tensorboard", "test-openings.txt",
    }  # fmt: skip
    for path in result.folder.rglob("*"):
        if path.suffix in (".json", ".jsonl", ".txt"):
            assert str(tmp_path) not in path.read_text()


def test_the_published_protocol_selects_and_calibrates_nothing(tmp_path: Path) -> None:
    config = tiny_config(epochs=2)
    config = config.model_copy(update={"data": config.data.model_copy(update={"protocol": "published"})})
    cell = train(config, folder=tmp_path / "run", prepared=tiny_prepared("published")).cell
    assert cell["selected"] == cell["last"]
    assert cell["last"]["after"] is None
    assert (cell["temperature"], cell["selected_epoch"]) == (1.0, 2)
    assert cell["curves"][0]["validation"] == {}
    assert not (tmp_path / "run" / "checkpoints" / "best.json").exists()


def test_a_bad_loss_stops_the_run_and_names_its_place(tmp_path: Path) -> None:
    config = tiny_config(learning_rate=1e6, weight_decay=1e6, warmup_epochs=0, clip_norm=None)
    with pytest.raises(RunError, match=r"train, epoch \d, step \d+: the loss term 'cross_entropy' is (nan|inf)"):
        train(config, folder=tmp_path / "run", prepared=tiny_prepared())
    assert "the loss term" in (tmp_path / "run" / "log.txt").read_text()


def test_nothing_is_made_for_input_that_cannot_be_used(tmp_path: Path) -> None:
    from softlabel.errors import ConfigError

    config = tiny_config(tmp_path).model_copy(update={"method": "cross_entropi"})
    with pytest.raises(ConfigError, match="did you mean"):
        train(config, prepared=tiny_prepared())
    config = tiny_config(tmp_path).model_copy(update={"methods": {"online_label_smoothing": {"hard_weight": 2.0}}})
    with pytest.raises(ConfigError, match=r"methods\.online_label_smoothing\.hard_weight"):
        train(config, prepared=tiny_prepared())
    assert list(tmp_path.iterdir()) == []


def test_head_only_training_leaves_the_backbone_bit_identical(tmp_path: Path) -> None:
    config = tiny_config(epochs=1, ema=None)
    config = config.model_copy(update={"network": config.network.model_copy(update={"trainable": "head"})})
    folder = tmp_path / "run"
    train(config, folder=folder, prepared=tiny_prepared())
    from softlabel.training.build_method import build_method

    start = build_method(config, tiny_prepared()).state_dict()
    end = CheckpointFolder(folder / "checkpoints").load("last").tensors
    for name, value in start.items():
        assert torch.equal(value, end[f"method.{name}"]) == name.startswith("network.backbone"), name


def test_prepared_data_describe_themselves() -> None:
    prepared = tiny_prepared()
    described = prepared.to_json()
    assert described["rows"] == {"training": 90, "validation": 90, "test": 90}
    assert described["input"] == {"kind": "image", "shape": [1, 8, 8]}
    assert described["effective_validation_size"] == 90
    described = dataclasses.replace(prepared, task=prepared.task.by_classes()).to_json()
    counts = prepared.task.class_counts(prepared.splits.validation.annotation)  # type: ignore[union-attr]
    weights = (1 / counts)[prepared.splits.validation.annotation]  # type: ignore[union-attr]
    expected = float(weights.sum() ** 2 / (weights**2).sum())
    assert described["effective_validation_size"] == pytest.approx(expected)


@pytest.mark.parametrize(("method", "steps"), [("ncm", 5), ("tau_norm", 5), ("mislas", 8), ("dive", 8)])
def test_stages_that_change_the_head_or_choose_go_on_to_the_same_bits(method: str, steps: int, tmp_path: Path) -> None:
    own = {"classifier_epochs": 2} if method == "mislas" else {}
    config = tiny_config(epochs=2).model_copy(update={"method": method, "methods": {method: own}})
    expected = whole_run(config, tmp_path / "whole")
    folder = tmp_path / "run"
    stopped_run(config, folder, steps)
    train(config, folder=folder, resume=True, prepared=tiny_prepared())
    assert fingerprint(folder) == expected
    chosen = json.loads((folder / "result.json").read_text())["chosen_options"]
    assert (chosen == {}) == (method != "tau_norm")
    (folder / "result.json").unlink()  # as if killed after the last checkpoint
    assert train(config, folder=folder, resume=True, prepared=tiny_prepared()).cell["chosen_options"] == chosen
