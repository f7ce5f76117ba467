"""After training: temperatures from the validation part, scores on the test part, the model that ships."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from softlabel.calibration import TemperatureScaling
from softlabel.data.samples import Samples
from softlabel.deployed.model_claims import refuse_other_shapes
from softlabel.evaluation.answering import Inference, adjustment_bias
from softlabel.evaluation.calibrated import fitted, scores_at
from softlabel.evaluation.constant import beside_constant
from softlabel.evaluation.extreme_rows import ExtremeRows, entropy, entropy_of_each, loss_against
from softlabel.evaluation.feature_map import FeatureMap
from softlabel.evaluation.features import PooledFeatures
from softlabel.evaluation.row_scores import write_row_scores
from softlabel.evaluation.scores import collect, evaluate_at
from softlabel.metrics.feature_spread import FeatureSpread
from softlabel.networks.network import Network
from softlabel.runs.atomic import write_bytes, write_json
from softlabel.runs.openings import record_opening
from softlabel.statistic import pack
from softlabel.tasks.evaluator import Evaluator
from softlabel.tasks.prepared import Prepared
from softlabel.training.config import RunConfig
from softlabel.training.state import TrainingState

if TYPE_CHECKING:
    from softlabel.evaluation.mask_samples import MaskSamples

ROWS_SHOWN = 12


@dataclass(frozen=True)
class Tested:
    """One network on the test part, before and after its temperature (None where nothing was fitted)."""

    network: nn.Module
    scaling: TemperatureScaling
    before: Evaluator
    after: Evaluator | None
    validation: dict[str, float | None] | None
    spread: FeatureSpread
    features: FeatureMap
    masks: MaskSamples | None
    ambiguous: list[dict[str, Any]]
    worst: list[dict[str, Any]]

    def scores(self) -> dict[str, Any]:
        """As in result.json."""
        return {"before": self.before.scores(), "after": None if self.after is None else self.after.scores()}


def finish(config: RunConfig, prepared: Prepared, state: TrainingState, folder: Path, read: Prepared) -> dict[str, Any]:
    """Calibrate and test the last and the selected network, write evaluation and model, and return the result.

    read   the data as networks read them: `prepared`, or what a frozen part made of it

    Under the published protocol nothing is selected and nothing calibrated: the last network is all there is.
    """
    record_opening(folder, "train")  # before the rows are read: an interrupted look was a look
    last = _test(state.evaluated, prepared, state, read)
    selected = last if state.best is None else _test(_selected_network(state), prepared, state, read)
    _write_evaluation(folder / "evaluation", selected, state)
    write_row_scores(folder, state.method, read.splits.training, config.training.batch_size)
    result = _result(config, prepared, state, last, selected)
    _save_model(config, prepared, state, selected, folder / "model", result)
    return result


def _selected_network(state: TrainingState) -> nn.Module:
    assert state.best is not None
    network = copy.deepcopy(state.evaluated)
    refuse_other_shapes("the checkpoint of the best epoch", state.best.tensors, network.state_dict())
    network.load_state_dict(state.best.tensors)
    return network


def _test(network: nn.Module, prepared: Prepared, state: TrainingState, read: Prepared) -> Tested:
    task = state.method.task  # which reads logits as the method trains them
    answering = Inference(network, state.method).eval()
    scaling = TemperatureScaling()
    validation = None
    if read.splits.validation is not None:
        logits, annotation = collect(answering, read.splits.validation, answering.device)
        scaling = fitted(task, logits, annotation, cautious=True)
        validation = scores_at(scaling.temperature, task, logits, read.splits.validation, prepared)
    temperatures = [1.0] if prepared.splits.validation is None else [1.0, scaling.temperature]
    test = prepared.splits.test
    undecided = entropy if task.link == "softmax" else entropy_of_each
    ambiguous = ExtremeRows("entropy", undecided, ROWS_SHOWN, scaling.temperature, task.link)
    worst = ExtremeRows("loss", loss_against(task.truth(test.annotation)), ROWS_SHOWN, scaling.temperature, task.link)

    assert isinstance(network, Network)
    spread = FeatureSpread(task.num_classes, network.backbone.num_features)
    features = FeatureMap(len(test))
    masks = _mask_samples(test, scaling.temperature) if task.per_pixel else None
    with PooledFeatures(network) as pooled:

        def watch(rows: Tensor, logits: Tensor) -> None:
            if masks is not None:
                masks.watch(rows, logits)
                return
            ambiguous.watch(rows, logits)
            worst.watch(rows, logits)
            assert pooled.last is not None
            index = task.index(test.annotation[rows])
            spread.update(pooled.last.cpu(), index)
            features.watch(pooled.last, rows, index)

        before, *after = evaluate_at(
            answering,
            read.splits.test,
            task,
            prepared.class_counts,
            prepared.config.groups,
            temperatures,
            device=answering.device,
            keep_rows=True,
            watch=watch,
        )
    shown = [extreme.to_json(test, task, state.method.target) for extreme in (ambiguous, worst)]
    return Tested(network, scaling, before, after[0] if after else None, validation, spread, features, masks, *shown)


def _mask_samples(test: Samples, temperature: float) -> MaskSamples:
    from softlabel.evaluation.mask_samples import MaskSamples

    return MaskSamples(test, temperature)


def _write_evaluation(folder: Path, selected: Tested, state: TrainingState) -> None:
    """Details for the report, and what every test row adds to every score: after temperature, where there is one."""
    from safetensors.torch import save

    folder.mkdir(exist_ok=True)
    write_json(folder / "details.json", _details(selected))
    if (features := selected.features.to_json()) is not None:
        write_json(folder / "features.json", features)
    if selected.masks is not None:
        write_json(folder / "masks.json", selected.masks.to_json())
    reported = selected.after or selected.before
    write_bytes(folder / "rows.safetensors", save(pack(reported.row_contributions())))
    tables = state.method.tables()
    if tables:
        write_bytes(folder / "tables.safetensors", save({name: _plain(table) for name, table in tables.items()}))


def _result(
    config: RunConfig, prepared: Prepared, state: TrainingState, last: Tested, selected: Tested
) -> dict[str, Any]:
    low, high = selected.scaling.interval
    return {
        "method": config.method,
        "seed": config.seed,
        "status": "finished",
        "reason": None,
        "seconds": state.total_seconds,
        "images_per_second": state.images / max(state.seconds, 1e-9),
        "folder": ".",
        "temperature": selected.scaling.temperature,
        "temperature_interval": [low, high],
        "temperature_flag": selected.scaling.flag,
        "selected_stage": state.records[-1]["stage"] if state.best is None else state.best.stage,
        "selected_epoch": state.records[-1]["epoch"] if state.best is None else state.best.epoch,
        "chosen_options": dict(state.method.chosen()),
        "last": last.scores(),
        "selected": selected.scores(),
        "constant": beside_constant(
            state.method.task, selected.after or selected.before, prepared.splits.test, prepared
        ),
        "intra_class_variance": selected.spread.mean(),
        "validation": selected.validation,
        "test_hash": prepared.splits.test_hash,
        "data_hash": prepared.splits.fingerprint.data_hash,
        "details": _details(selected),
        "curves": [{key: record[key] for key in _CURVE} for record in state.records],
        "table": _table(state),
        "ambiguous": selected.ambiguous,
        "worst": selected.worst,
    }


_CURVE = ("stage", "epoch", "learning_rate", "loss", "terms", "validation")


def _details(tested: Tested) -> dict[str, Any]:
    reported = tested.after or tested.before
    reliability = {
        "before": tested.before.reliability(),
        "after": None if tested.after is None else tested.after.reliability(),
    }
    borders = {} if tested.masks is None else {"borders": tested.masks.borders()}
    return {"reliability": reliability, **reported.details(), **borders}


def _table(state: TrainingState) -> dict[str, Any] | None:
    """The first of the method's tables, for the report's heat map."""
    names = list(state.method.task.class_names)
    for title, table in state.method.tables().items():
        return {"title": title, "row_names": names, "column_names": names, "values": _plain(table).tolist()}
    return None


def _save_model(
    config: RunConfig,
    prepared: Prepared,
    state: TrainingState,
    selected: Tested,
    folder: Path,
    result: Mapping[str, Any],
) -> None:
    from softlabel.deployed.model_folder import save_model

    assert isinstance(selected.network, Network)
    scores = result["selected"]["after"] or result["selected"]["before"]
    save_model(
        folder,
        selected.network,
        inputs=prepared.inputs,
        network_config=config.network,
        task_json=state.method.task.to_json(),
        temperature=selected.scaling.temperature,
        card={
            "method": config.method,
            "seed": config.seed,
            "source": config.data.source,
            "protocol": config.data.protocol,
            "selected_epoch": result["selected_epoch"],
            "test_hash": prepared.splits.test_hash,
            "value_columns": prepared.source.annotation_columns if prepared.task.annotation_kind.numbers else [],
            "rows": prepared.rows,
            "training_counts": prepared.class_counts.tolist(),
            "groups": prepared.config.groups,
            "white_level": prepared.config.white_level if prepared.inputs.kind == "image" else None,
            "scores": scores,
            "temperature_flag": selected.scaling.flag,
            "constant": result["constant"],
        },
        adjust_bias=adjustment_bias(state.method, next(selected.network.parameters()).device),
    )


def _plain(table: Tensor) -> Tensor:
    return table.detach().to("cpu", torch.float32).contiguous()
