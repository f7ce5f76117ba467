"""However many rows there are, few are held at once; `benchmarks/memory.py` measures what that comes to."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from softlabel.deployed import predict
from softlabel.evaluation import scores as evaluation
from softlabel.tasks.classification import Classification
from softlabel.tasks.evaluator import MOST_CELLS_KEPT

FEATURES, CLASSES = 4, 3
COUNTS = torch.tensor([200.0, 50.0, 5.0], dtype=torch.float64)


class Counting:
    """Samples that exist only while they are read."""

    input_kind = "features"
    input_shape = (FEATURES,)

    def __init__(self, rows: int) -> None:
        self.annotation = torch.arange(rows) % CLASSES
        self.sample_id = torch.arange(rows)
        self.reads: list[int] = []

    def __len__(self) -> int:
        return len(self.annotation)

    def read(self, rows: Tensor) -> Tensor:
        self.reads.append(len(rows))
        return torch.ones(len(rows), FEATURES) * rows[:, None]


class Model(nn.Module):
    task_json = Classification(["a", "b", "c"]).to_json()

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs[:, :CLASSES].softmax(-1)


def evaluate(samples: Counting) -> int:
    """Numbers that the evaluator holds in the end."""
    task = Classification(["a", "b", "c"])
    found = evaluation.evaluate(Model(), samples, task, COUNTS, "counts")  # type: ignore[arg-type]
    return sum(sums.sums.numel() for sums in (*found._scores, *found._tallies))


@pytest.mark.parametrize("rows", [2_000, 20_000])
def test_evaluation_holds_a_chunk_of_rows(rows: int) -> None:
    samples = Counting(rows)
    assert evaluate(samples) == evaluate(Counting(10))
    assert sum(samples.reads) == rows
    assert max(samples.reads) <= evaluation.CHUNK


def test_prediction_reads_as_it_is_asked() -> None:
    samples = Counting(20_000)
    answers = predict.answers(Model(), samples)  # type: ignore[arg-type]
    assert samples.reads == []
    next(answers)
    assert samples.reads == [predict.CHUNK]
    assert sum(1 for _ in answers) == 19_999
    assert max(samples.reads) == predict.CHUNK


@pytest.mark.parametrize("rows", [3_000, 60_000])
def test_rows_kept_for_statistics_of_all_classes_are_capped(rows: int) -> None:
    task = Classification(["a", "b", "c"])
    evaluator = evaluation.evaluate(Model(), Counting(rows), task, COUNTS, "counts", keep_rows=True)  # type: ignore[arg-type]
    kept = evaluator.row_contributions()  # type: ignore[attr-defined]
    assert ("classwise_ece" in kept) == (rows * CLASSES <= MOST_CELLS_KEPT)
    assert len(kept["nll"].cell) == rows
