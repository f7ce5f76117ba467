"""One method of a comparison fails in every way there is: it is marked with the reason, and the others go on."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import signal
from multiprocessing import connection
from pathlib import Path
from typing import Any

import pytest

from softlabel.experiments import cells
from softlabel.experiments.compare import compare
from softlabel.training.config import RunConfig
from tests.experiments.test_compare import config

REASONS = {
    0: r"train, epoch \d, step \d+: the loss term 'cross_entropy' is (nan|inf)",
    1: r"MemoryError$",
    2: r"TypeError: a fault of the method",
    3: r"its process was killed \(SIGKILL\), perhaps because the machine ran out of memory",
    4: r"its process ended with exit code 7, without a result",
}
"""What is said of each seed of the sick method."""

train_cell = cells.train_cell


def train_sick_cell(cell: cells.Cell, threads: int, answer: connection.Connection) -> None:
    """Stands for `train_cell`: label_smoothing fails, with every seed in another way."""
    if cell.method == "label_smoothing":
        cell = dataclasses.replace(cell, config=sick(cell.config))
    train_cell(cell, threads, answer)


def sick(config: RunConfig) -> RunConfig:
    from softlabel.methods.label_smoothing import LabelSmoothing

    def fail(*arguments: object) -> Any:
        if config.seed == 1:
            raise MemoryError
        if config.seed == 2:
            raise TypeError("a fault of the method")
        if config.seed == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        os._exit(7)

    if config.seed == 0:
        training = config.training.model_copy(
            update={"learning_rate": 1e6, "epochs": 5, "warmup_epochs": 0, "clip_norm": None}
        )
        return config.model_copy(update={"training": training})
    setattr(LabelSmoothing, "forward", fail)  # noqa: B010 (mypy would want its signature)
    return config


def test_the_others_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(cells, "train_cell", train_sick_cell)
    folder = compare(config(tmp_path, comparison={"seeds": len(REASONS), "jobs": 2}, training={"epochs": 1}))
    results = json.loads((folder / "results.json").read_text())
    for cell in results["cells"]:
        if cell["method"] == "cross_entropy":
            assert cell["status"] == "finished"
        else:
            assert cell["status"] == "failed"
            assert re.search(REASONS[cell["seed"]], cell["reason"]), cell["reason"]
    (entry,) = [entry for entry in results["summary"] if entry["method"] == "label_smoothing"]
    assert (entry["seeds"], entry["failed"]) == (0, len(REASONS))
    assert "label_smoothing" in (folder / "report.html").read_text()
    assert "a fault of the method" in (folder / "cells" / "label_smoothing-seed2" / "log.txt").read_text()
    assert "Traceback" not in "".join(capfd.readouterr())
