"""The main job: train methods × seeds on the same splits, compare them with statistics, keep a calibrated model."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from softlabel.errors import FailedRunError
from softlabel.experiments.cells import Cell, Failure, run_cells, threads_of, warm_up
from softlabel.experiments.config import CompareConfig
from softlabel.experiments.results import collect
from softlabel.experiments.sharing import with_shared_stages
from softlabel.experiments.taking_over import is_taken_over, take_over, told
from softlabel.methods.base.method import OF_EVERY_METHOD, Method
from softlabel.runs.atomic import write_text
from softlabel.runs.openings import count_openings, refuse_other_data, refuse_other_test_rows
from softlabel.runs.run_folder import RunFolder, unfinished_run
from softlabel.runs.trained_on import DATA, record, recorded_columns, refuse_changed_data
from softlabel.tasks.prepared import Prepared, prepare
from softlabel.training.build_method import build_method, refuse_wrong_options
from softlabel.training.engine import device_name
from softlabel.training.fingerprinted import fingerprint_for
from softlabel.training.frozen_features import frozen_features
from softlabel.training.precision import precision_for
from softlabel.training.shared_stages import forget
from softlabel.training.train import BEGIN_ANEW


class CompareProgress:
    """What a comparison tells about its progress; nothing of it is shown but what a subclass shows."""

    def begin(
        self, folder: Path, prepared: Prepared, cells: Sequence[Cell], jobs: int, notes: Sequence[str] = ()
    ) -> None:
        """Everything was understood and checked; training starts. The notes are of single methods."""

    def preparing(self, what: str, done: int, total: int) -> None:
        """Work before the first run, such as features of images that all runs read."""

    def message(self, text: str) -> None:
        """Something to say besides."""

    def ready(self, cells: Sequence[Cell], prepared: Prepared, jobs: int) -> None:
        """The runs begin."""

    def update(self, cells: Sequence[Cell]) -> None:
        """Called a few times a second; reads how far the cells are from their folders."""

    def failed(self, cell: Cell, reason: str) -> None:
        """A run has ended without a result; the others go on."""

    def end(self) -> None:
        """All cells are done."""


def compare(config: CompareConfig, *, progress: CompareProgress | None = None, command: str = "") -> Path:
    """Run a comparison, or go on with an unfinished one of the same configuration; returns its folder.

    The folder holds results.json, report.html, one run folder per cell, and the kept model.
    Raises SoftlabelError for input that cannot be used, RunError when no cell could be trained.
    """
    progress = progress or CompareProgress()
    for method in config.comparison.methods:
        refuse_wrong_options(config.cell(method, seed=0))
    warm_up()
    columns = recorded_columns(unfinished_run(config, "compare"))
    prepared = prepare(config.data, config.task, config.axis, columns)
    # refuses what does not go together, before anything runs
    methods = {method: build_method(config.cell(method, seed=0), prepared) for method in config.comparison.methods}
    with RunFolder.continue_or_create(config, kind="compare") as run:
        started = time.perf_counter()
        _settle_data(config, run, prepared)
        same = _with_one_precision(config, run, prepared, methods[config.comparison.baseline_name])
        cells = [
            Cell(method, seed, same.cell(method, seed), run.path / "cells" / f"{method}-seed{seed}")
            for seed in config.comparison.seed_list
            for method in config.comparison.methods
        ]
        jobs = jobs_that_pay_off(config, len(cells))
        refused = _take_over(config, cells, prepared, run.path, threads_of(jobs))
        taken = told(cells)
        cells = _sharing(cells, methods)
        _refuse_other_cells([cell for cell in cells if cell.finished], prepared, str(run.path))
        notes = dict.fromkeys(note for method in methods.values() for note in method.notes(config.training.sampler))
        progress.begin(run.path, prepared, cells, jobs, [*taken, *refused, *notes, *_own_training(methods)])
        _keep_features(cells, methods, prepared, progress)
        progress.ready(cells, prepared, jobs)
        failures = run_cells(
            cells, jobs, lambda: progress.update(cells), lambda failure: progress.failed(failure.cell, failure.reason)
        )
        progress.end()
        forget(run.path / "cells" / "shared-stages")
        shutil.rmtree(run.path / "cells" / "features", ignore_errors=True)
        _refuse_all_failed(cells, failures)
        seconds = run.add_seconds(time.perf_counter() - started)
        openings = count_openings(run.path)
        results = collect(config, prepared, cells, failures, seconds=seconds, command=command, test_openings=openings)
        results["data"]["notes"] += taken
        keep_model(run.path, results)
        write_pages(results, run.path)
        run.write_json("results.json", results)  # last, as it marks the comparison as finished
        return run.path


def _take_over(
    config: CompareConfig, cells: Sequence[Cell], prepared: Prepared, folder: Path, threads: int
) -> list[str]:
    """Take over equal runs of other comparisons, where that is asked for; in words what was nearly so."""
    if not config.comparison.take_over:
        return []
    return take_over(cells, prepared, folder, Path(config.output.runs), threads)


def _sharing(cells: Sequence[Cell], methods: Mapping[str, Method]) -> list[Cell]:
    """The cells with what they have in common; runs that were taken over have kept no stage for others."""
    own = with_shared_stages([cell for cell in cells if not is_taken_over(cell)], methods)
    shared = {cell.name: cell for cell in own}
    return [shared.get(cell.name, cell) for cell in cells]


def _settle_data(config: CompareConfig, run: RunFolder, prepared: Prepared) -> None:
    """Record what all cells are trained on, or refuse what has changed since the comparison began."""
    data = fingerprint_for(prepared, (config.cell(method, seed=0) for method in config.comparison.methods))
    if not (run.path / DATA).exists() and not any(run.path.glob("cells/*")):
        record(run.path, data)
    refuse_changed_data(run.path, data, BEGIN_ANEW)


def _refuse_other_cells(finished: Sequence[Cell], prepared: Prepared, where: str) -> None:
    """Raise RunError for a finished cell that was trained or tested on other rows."""
    results = {cell.name: cell.result() for cell in finished}
    tested = [(name, result["test_hash"]) for name, result in results.items()]
    refuse_other_test_rows(prepared.splits.test_hash, tested, where)
    trained = [(name, result.get("data_hash")) for name, result in results.items()]
    refuse_other_data(prepared.splits.fingerprint.data_hash, trained, where)


def _with_one_precision(config: CompareConfig, run: RunFolder, prepared: Prepared, method: Method) -> CompareConfig:
    """The configuration with 'auto' replaced by what one measurement chose, for all cells and after a resume."""
    if config.training.precision != "auto":
        return config
    if not (run.path / "precision.json").exists():
        device = torch.device(device_name(config.training.device))
        precision = precision_for(config.training, method.deployable(), prepared.splits.training, device)
        run.write_json("precision.json", {"setting": precision.setting, "images_per_second": precision.measured})
    setting = run.read_json("precision.json")["setting"]
    return config.model_copy(update={"training": config.training.model_copy(update={"precision": setting})})


def _keep_features(
    cells: Sequence[Cell], methods: Mapping[str, Method], prepared: Prepared, progress: CompareProgress
) -> None:
    """Compute what frozen parts make of the samples where it is the same for all seeds; else each run does it."""
    left = {cell.method: cell for cell in cells if not cell.finished}
    device = torch.device(device_name(cells[0].config.training.device))
    for name, cell in left.items():
        if methods[name].network.backbone.pretrained:
            network = methods[name].to(device)
            frozen_features(
                cell.config, prepared, network, cell.features_folder, device, progress.message, progress.preparing
            )


def _own_training(methods: Mapping[str, Method]) -> list[str]:
    """What a person should know of methods that are not trained as the others are."""
    own = {
        name: method.config.model_dump(include={*OF_EVERY_METHOD}, exclude_none=True)
        for name, method in methods.items()
    }
    return [
        f"{name}: " + ", ".join(f"{option.replace('_', ' ')} {_shown(value)}" for option, value in given.items())
        for name, given in own.items()
        if given
    ]


def _shown(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def jobs_that_pay_off(config: CompareConfig, cells: int) -> int:
    """One single-threaded run per core, as small networks gain little from a second thread; one run on a GPU."""
    if config.comparison.jobs != "auto":
        return config.comparison.jobs
    if config.training.processes > 1 or _uses_gpu(config):
        return 1
    return max(1, min(cells, os.cpu_count() or 1))


def keep_model(folder: Path, results: dict[str, Any]) -> None:
    """Copy the kept cell's model beside the results; the published protocol selects nothing and keeps none."""
    kept = results["verdict"]["kept"]
    if kept is None:
        return
    shutil.copytree(folder / kept["folder"] / "model", folder / "model", dirs_exist_ok=True)


def _uses_gpu(config: CompareConfig) -> bool:
    return config.training.device == "cuda" or (config.training.device == "auto" and torch.cuda.is_available())


def _refuse_all_failed(cells: Sequence[Cell], failures: Sequence[Failure]) -> None:
    if len(failures) == len(cells):
        raise FailedRunError(f"none of the {len(cells)} runs could be trained; the first said: {failures[0].reason}")


def write_pages(results: dict[str, Any], folder: Path) -> None:
    """The report, and the card of the kept model."""
    from softlabel.report.card import model_card
    from softlabel.report.html import write_report

    write_report(results, folder / "report.html")
    if results["verdict"]["kept"] is not None:
        write_text(folder / "model-card.md", model_card(results))
