"""Which answers to images results.json keeps: of one run a method, the best on validation, and each image once."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from softlabel.experiments.cells import Cell
from softlabel.experiments.results import add_masks
from softlabel.tasks.segmentation import Segmentation
from softlabel.training.config import RunConfig

PREPARED: Any = SimpleNamespace(task=Segmentation(["sky", "road"]))
IMAGES = [{"sample_id": 7, "image": "data:", "truth": "data:"}]


ZONE = {"pixels": 10, "accuracy": 0.5, "uncertainty": 0.2}
ANSWER = {"uncertainty": "data:", "accuracy": 0.5, "borders": {"distance": 3.0, "near": ZONE, "elsewhere": ZONE}}


def made(root: Path, validation: dict[str, list[float | None]]) -> tuple[list[Cell], dict[str, Any]]:
    """Cells with stored masks, and their entries; a validation of None has no score, one below 0 is of a failed run."""
    cells, entries = [], {}
    for method, scores in validation.items():
        for seed, score in enumerate(scores):
            cell = Cell(method, seed, RunConfig(), root / f"{method}-seed{seed}")
            (cell.folder / "evaluation").mkdir(parents=True)
            stored = {"images": IMAGES, "answers": [{"sample_id": 7, "prediction": cell.name, **ANSWER}]}
            (cell.folder / "evaluation" / "masks.json").write_text(json.dumps(stored))
            failed = score is not None and score < 0
            entries[cell.name] = {
                "method": method,
                "seed": seed,
                "status": "failed" if failed else "finished",
                "validation": None if score is None else {"miou": score},
            }
            cells.append(cell)
    return cells, entries


@pytest.mark.parametrize(
    ("validation", "shown"),
    [
        ({"dldl": [0.3, 0.5, 0.4], "cross_entropy": [0.6, 0.2]}, ["dldl-seed1", "cross_entropy-seed0"]),
        ({"dldl": [None, None]}, ["dldl-seed0"]),  # published: nothing is selected
        ({"dldl": [-1.0, 0.1], "cross_entropy": [-1.0]}, ["dldl-seed1"]),
    ],
    ids=["best of each", "published", "failed"],
)
def test_the_best_run_of_each_method_is_shown(validation: Any, shown: list[str], tmp_path: Path) -> None:
    cells, entries = made(tmp_path, validation)
    assert add_masks(cells, entries, PREPARED) == IMAGES
    assert [name for name, entry in entries.items() if "masks" in entry] == shown
    assert all(entries[name]["masks"][0]["prediction"] == name for name in shown)


def test_other_tasks_store_nothing(tmp_path: Path) -> None:
    cells, entries = made(tmp_path, {"dldl": [0.5]})
    (cells[0].folder / "evaluation" / "masks.json").unlink()
    assert add_masks(cells, entries, PREPARED) == []
    assert "masks" not in entries["dldl-seed0"]
