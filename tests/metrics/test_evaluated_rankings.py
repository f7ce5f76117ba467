"""An evaluator serves scores of the order of all rows as it serves sums."""

from __future__ import annotations

import pytest
import torch

from softlabel.metrics.average_precision import MeanAveragePrecision
from softlabel.metrics.label_ranking import OneError
from softlabel.metrics.ranking import value_once
from softlabel.statistic import total
from softlabel.tasks.evaluator import Evaluator


def test_scores_over_batches_equal_scores_of_the_kept_rows() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(40, 5, generator=generator)
    levels = torch.randint(0, 3, (40, 5), generator=generator, dtype=torch.uint8)
    ranking, sums = MeanAveragePrecision(5), OneError()
    evaluator = Evaluator([ranking, sums], [], lambda annotation: annotation, keep_rows=True)
    for part in torch.arange(40).split(9):
        evaluator.update(logits[part], levels[part])
    kept = evaluator.row_contributions()
    assert evaluator.scores() == pytest.approx(
        {
            "map": float(value_once(ranking, kept["map"].values)),
            "one_error": float(sums.value(total(sums, kept["one_error"]))),
        }
    )
