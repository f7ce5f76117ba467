"""What the first process does at the end of each epoch: validation, selection, the log, a checkpoint."""

from __future__ import annotations

import math
import time
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from softlabel.data.samples import Samples
from softlabel.evaluation.answering import Inference
from softlabel.evaluation.calibrated import fitted, selection_score_at
from softlabel.evaluation.scores import evaluate_at
from softlabel.runs.checkpoint import CheckpointFolder
from softlabel.runs.metrics_log import MetricsLog
from softlabel.tasks.prepared import Prepared
from softlabel.training.config import RunConfig
from softlabel.training.progress import Progress
from softlabel.training.shared_stages import SharedStages
from softlabel.training.state import Best, TrainingState, best_to_checkpoint
from softlabel.training.term_tally import TermTally

CALIBRATED = "calibrated_selection"
"""By what epochs are compared where a likelihood selects: that score after a temperature fitted to the same rows."""
CHECK_SECONDS = 0.5
SAVE_SECONDS = 1.0
"""Epochs shorter than this are not all saved: a kill costs at most so much, and the disk is not kept busy."""


class FirstProcess:
    """Watches the run and writes its files.

    Only epochs of the last stage are candidates for selection: earlier stages do not leave the method's network yet.
    """

    def __init__(
        self,
        config: RunConfig,
        prepared: Prepared,
        state: TrainingState,
        checkpoints: CheckpointFolder,
        metrics: MetricsLog,
        progress: Progress,
        shared: SharedStages | None = None,
    ) -> None:
        self._config = config
        self._prepared = prepared
        self._state = state
        self._checkpoints = checkpoints
        self._metrics = metrics
        self._progress = progress
        self._shared = shared
        self._stages = [stage.name for stage in state.method.stages()]
        self._checked = self._marked = time.perf_counter()
        self._seconds, self._images = state.seconds, state.images
        self._best_is_saved = True

    def step(self, images: int, tally: TermTally, epoch_name: str) -> None:
        """Show progress; look at the losses twice a second, as looking waits for the device."""
        self._progress.step(images, tally.means)
        now = time.perf_counter()
        if now - self._checked >= CHECK_SECONDS:
            self._checked = now
            tally.refuse_bad(tally.means(), epoch_name)

    def epoch(self, record: dict[str, Any], optimiser: Optimizer | None) -> None:
        """Validate, select, log, and save when it is time."""
        record["validation"] = self._validate()
        self._select(record)
        record.update(self._speed())
        self._state.records.append(record)
        self._metrics.append(record)
        if self._is_due(record):
            self._save(optimiser)
        self._progress.epoch(record)

    def _validate(self) -> dict[str, float | None]:
        validation = self._prepared.splits.validation
        if validation is None:
            return {}
        network = Inference(self._state.evaluated, self._state.method)
        was_training = network.training
        network.eval()
        prepared, task = self._prepared, self._state.method.task
        kept: list[Tensor] = []
        (evaluator,) = evaluate_at(
            network,
            validation,
            task,
            prepared.class_counts,
            prepared.config.groups,
            [1.0],
            device=network.device,
            watch=(lambda _, logits: kept.append(logits)) if task.selects_calibrated else None,
        )
        network.train(was_training)
        scores = evaluator.scores()
        if task.selects_calibrated:
            scores[CALIBRATED] = self._calibrated(torch.cat(kept), validation)
        return scores

    def _calibrated(self, logits: Tensor, validation: Samples) -> float | None:
        """The score that selects, with a temperature of its own; None for logits that are not finite.

        Where no finite temperature is best, as every row is right, epochs are told apart without one.
        """
        if not bool(logits.isfinite().all()):
            return None
        task = self._state.method.task
        scaling = fitted(task, logits, validation.annotation)
        temperature = scaling.temperature if scaling.bounded else 1.0
        return selection_score_at(temperature, task, logits, validation, self._prepared)

    def _select(self, record: dict[str, Any]) -> None:
        task = self._prepared.task
        score = record["validation"].get(CALIBRATED if task.selects_calibrated else task.selection_score())
        if score is None or record["stage"] != self._stages[-1]:
            return
        best = self._state.best
        if best is None or self._is_better(score, best.score) or not math.isfinite(best.score):
            tensors: dict[str, Tensor] = {
                name: value.detach().clone() for name, value in self._state.evaluated.state_dict().items()
            }
            self._state.best = Best(score, record["stage"], record["epoch"], tensors)
            self._best_is_saved = False

    def _is_better(self, score: float, best: float) -> bool:
        return score < best if self._prepared.task.selects == "lowest" else score > best

    def _speed(self) -> dict[str, float]:
        seconds, images = self._state.seconds - self._seconds, self._state.images - self._images
        self._seconds, self._images = self._state.seconds, self._state.images
        return {"seconds": seconds, "images_per_second": images / seconds}

    def _is_due(self, record: dict[str, Any]) -> bool:
        if record["epoch"] == record["epochs"]:
            return True
        is_its_turn = len(self._state.records) % self._config.training.checkpoint_every == 0
        return is_its_turn and time.perf_counter() - self._marked >= SAVE_SECONDS

    def _save(self, optimiser: Optimizer | None) -> None:
        now = time.perf_counter()
        self._state.total_seconds += now - self._marked
        self._marked = now
        if self._state.best is not None and not self._best_is_saved:
            # before `last`: a run that is killed between the two comes to the same best epoch again
            self._checkpoints.save("best", best_to_checkpoint(self._state.best))
            self._best_is_saved = True
        checkpoint = self._state.to_checkpoint(optimiser)
        if self._shared is not None and self._stage_has_ended():
            self._shared.keep(self._state.stage, checkpoint)
        self._checkpoints.save("last", checkpoint)

    def _stage_has_ended(self) -> bool:
        record = self._state.records[-1]
        return bool(record["epoch"] == record["epochs"])


class OtherProcess:
    """Writes nothing."""

    def step(self, images: int, tally: TermTally, epoch_name: str) -> None:
        pass

    def epoch(self, record: dict[str, Any], optimiser: Optimizer | None) -> None:
        pass
