"""What a method may ask of the loop: stages, parts, solving, a second source, its own updates, the end of an epoch."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from softlabel.data.batch import Batch
from softlabel.errors import RunError, UnsupportedError
from softlabel.losses import SumAndMass, cross_entropy, sum_and_mass
from softlabel.methods.base.method import Method, Step, Terms
from softlabel.methods.base.stage import Stage
from softlabel.running_state import AllReduce, RunningState
from softlabel.runs.checkpoint import CheckpointFolder
from softlabel.training import build_method as setup
from softlabel.training.build_method import build_method
from softlabel.training.config import RunConfig
from softlabel.training.train import train
from tests.training.tiny import fingerprint, tiny_config, tiny_prepared

pytestmark = pytest.mark.usefixtures("every_epoch_is_saved")


@pytest.fixture
def every_epoch_is_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("softlabel.training.observer.SAVE_SECONDS", 0.0)


class Counts(RunningState):
    """How often each class was seen in an epoch, and what the last epoch came to."""

    def __init__(self) -> None:
        super().__init__()
        self.declare("seen", torch.zeros(10, dtype=torch.float64), "sum")
        self.declare("last", torch.zeros(10, dtype=torch.float64), "replace")


class Everything(Method):
    """Four stages that use all that the protocol offers, with dropout."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.counts = Counts()
        self.dropout = nn.Dropout(0.3)
        self.scale = nn.Parameter(torch.ones(10))
        self.register_buffer("means", torch.zeros(10))
        self.means: Tensor
        self.events: list[str] = []
        self.modes: set[tuple[str, bool, bool]] = set()
        self.seen_ids: list[list[int]] = []

    def stages(self) -> tuple[Stage, ...]:
        return (
            Stage("warm", epochs=1, learning_rate=0.01, warmup_epochs=0.0, schedule="constant"),
            Stage("centres", gradients=False),
            Stage("meta", epochs=2, second_source="validation", custom_update=True),
            Stage("head", epochs=2, sampler="balanced", parts={"network.backbone": "frozen"}),
        )

    def begin_stage(self, stage: Stage) -> None:
        self.events.append(f"begin {stage.name}")
        self.stage = stage.name
        if stage.name == "head":
            self.network.head = nn.Linear(self.network.head.in_features, 10)  # from the addressed generator

    def transform(self, batch: Batch, generator: torch.Generator) -> Batch:
        flipped = torch.rand(len(batch), generator=generator) < 0.2
        inputs = torch.where(flipped[:, None, None, None], batch.inputs.flip(-1), batch.inputs)
        return Batch(inputs, batch.annotation, batch.sample_id)

    def forward(self, batch: Batch) -> Terms:
        self.modes.add((self.stage, self.network.backbone.training, self.network.head.weight.requires_grad))
        self.seen_ids.append(batch.sample_id.tolist())
        logits = self.network.classify(self.dropout(self.network.features(batch.inputs).pooled)) * self.scale
        self.counts.tensor("seen").index_add_(0, batch.annotation, torch.ones(len(batch), dtype=torch.float64))
        label = self.task.label(batch.annotation)
        size = SumAndMass((self.scale**2).sum(), torch.tensor(4.0))
        return {"cross_entropy": sum_and_mass(cross_entropy, logits, label), "size": size}

    def weights(self) -> dict[str, float]:
        return {"size": 0.1}

    def update(self, step: Step) -> Terms:
        assert step.second is not None
        terms = step.module(step.batch)
        step.backward(terms)
        with torch.no_grad():
            self.scale.grad = torch.randn(10, generator=step.generator) * 0.01
        return terms

    def solve(self, stage: Stage, batches: Iterable[Batch], validation: Iterable[Batch] | None = None) -> None:
        self.events.append("solve")
        ids = torch.cat([batch.sample_id for batch in batches])
        assert torch.equal(ids, tiny_prepared().splits.training.sample_id)
        self.means.fill_(float(ids.double().mean()))

    def end_epoch(self, all_reduce: AllReduce) -> None:
        self.counts.all_reduce_(all_reduce)
        self.counts.tensor("last").copy_(self.counts.tensor("seen"))
        self.counts.tensor("seen").zero_()


@pytest.fixture(autouse=True)
def found(monkeypatch: pytest.MonkeyPatch) -> list[Everything]:
    """The configuration's method is the one above; the list collects those that were built."""
    built: list[Everything] = []

    class Collected(Everything):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            built.append(self)

    monkeypatch.setattr(setup, "find_method", lambda name: Collected)
    return built


def run(config: RunConfig, folder: Path, **options: Any) -> dict[str, Any]:
    return train(config, folder=folder, prepared=tiny_prepared(), **options).cell


def config() -> RunConfig:
    return tiny_config(ema=None).model_copy(update={"method": "everything"})


def test_stages_run_in_order_as_they_ask(found: list[Everything], tmp_path: Path) -> None:
    cell = run(config(), tmp_path / "run")
    (method,) = found
    assert method.events == ["begin warm", "begin centres", "solve", "begin meta", "begin head"]
    assert [(c["stage"], c["epoch"]) for c in cell["curves"]] == [
        ("warm", 1), ("centres", 1), ("meta", 1), ("meta", 2), ("head", 1), ("head", 2),
    ]  # fmt: skip
    assert cell["curves"][0]["learning_rate"] == 0.01
    assert cell["curves"][1]["loss"] is None
    assert cell["curves"][0]["loss"] == pytest.approx(
        cell["curves"][0]["terms"]["cross_entropy"] + 0.1 * cell["curves"][0]["terms"]["size"]
    )
    assert cell["selected_stage"] == "head"
    training = {(stage, trains) for stage, trains, _ in method.modes}
    assert training == {("warm", True), ("meta", True), ("head", False)}
    per_epoch = 3
    assert sorted(i for ids in method.seen_ids[:per_epoch] for i in ids) == sorted(
        tiny_prepared().splits.training.sample_id.tolist()
    )
    assert method.counts.tensor("last").sum() == 90
    assert method.counts.tensor("seen").sum() == 0
    assert float(method.means[0]) > 0


@pytest.mark.parametrize("stop_after", [2, 4, 5, 8, 10, 14])
def test_a_run_of_many_stages_goes_on_to_the_same_bits(
    found: list[Everything], tmp_path: Path, stop_after: int
) -> None:
    from tests.training.test_resume import StopAfter

    run(config(), tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(config(), tmp_path / "run", progress=StopAfter(stop_after))
    run(config(), tmp_path / "run", resume=True)
    assert fingerprint(tmp_path / "run") == fingerprint(tmp_path / "whole")


def test_a_frozen_part_is_bit_identical_and_the_rest_learns(
    found: list[Everything], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Watch(Everything):
        before: dict[str, Tensor]

        def begin_stage(self, stage: Stage) -> None:
            super().begin_stage(stage)
            if stage.name == "head":
                Watch.before = copy.deepcopy(self.state_dict())

    monkeypatch.setattr(setup, "find_method", lambda name: Watch)
    train(config(), folder=tmp_path / "run", prepared=tiny_prepared())
    after = CheckpointFolder(tmp_path / "run" / "checkpoints").load("last").tensors
    changed = {name for name, value in Watch.before.items() if not torch.equal(value, after[f"method.{name}"])}
    assert not any(name.startswith("network.backbone") for name in changed)
    assert {"network.head.weight", "network.head.bias", "scale"} <= changed


def test_what_does_not_go_together_is_refused(found: list[Everything], monkeypatch: pytest.MonkeyPatch) -> None:
    published = config().model_copy(update={"data": config().data.model_copy(update={"protocol": "published"})})
    with pytest.raises(UnsupportedError, match="learns from a validation part"):
        build_method(published, tiny_prepared())
    with pytest.raises(UnsupportedError, match=r"accumulate must be 1"):
        build_method(tiny_config(accumulate=2), tiny_prepared())
    monkeypatch.setattr(Everything, "supports", classmethod(lambda cls, task, network: "it is Monday"))
    with pytest.raises(UnsupportedError, match="it is Monday"):
        build_method(config(), tiny_prepared())
    monkeypatch.undo()


def test_two_stages_of_one_name_are_refused(found: list[Everything], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Everything, "stages", lambda self: (Stage("a"), Stage("a")))
    with pytest.raises(UnsupportedError, match="several stages of one name"):
        build_method(config(), tiny_prepared())


def test_a_stage_that_trains_nothing_is_refused(
    found: list[Everything], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = {"network": "frozen", "dropout": "frozen"}
    monkeypatch.setattr(Everything, "stages", lambda self: (Stage("still", parts=parts),))  # type: ignore[arg-type]
    monkeypatch.setattr(Everything, "begin_stage", lambda self, stage: _hold_still(self.scale))
    with pytest.raises(UnsupportedError, match="leaves nothing to train"):
        run(config(), tmp_path / "run")


def _hold_still(parameter: nn.Parameter) -> None:
    parameter.requires_grad_(False)


def test_a_network_that_answers_nan_is_refused(
    found: list[Everything], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Everything, "adjust", lambda self, logits: logits * float("nan"))
    with pytest.raises(RunError, match="the network answers NaN"):
        run(config(), tmp_path / "run")


def test_an_adjustment_ships_as_a_bias(
    found: list[Everything], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from softlabel.deployed.model_folder import load_model
    from softlabel.evaluation.answering import adjustment_bias

    bias = torch.linspace(-1, 1, 10)
    monkeypatch.setattr(Everything, "adjust", lambda self, logits: logits + bias.to(logits.device))
    run(config(), tmp_path / "run")
    model = load_model(tmp_path / "run" / "model")
    assert model.adjust_bias is not None
    torch.testing.assert_close(model.adjust_bias, bias)
    monkeypatch.setattr(Everything, "adjust", lambda self, logits: logits * 2)
    with pytest.raises(UnsupportedError, match="more than a constant"):
        adjustment_bias(found[0], torch.device("cpu"))


def test_deployed_predictions_are_those_that_were_tested(found: list[Everything], tmp_path: Path) -> None:
    from softlabel.deployed.model_folder import load_model
    from softlabel.evaluation.scores import evaluate

    cell = run(config(), tmp_path / "run")
    model = load_model(tmp_path / "run" / "model").eval()
    prepared = tiny_prepared()
    evaluator = evaluate(
        model.logits, prepared.splits.test, prepared.task, prepared.class_counts, "counts", model.temperature
    )
    assert evaluator.scores() == pytest.approx(cell["selected"]["after"], nan_ok=True)
