"""The page of many test rows is as small as that of few: what is stored of a run does not grow with its rows."""

from __future__ import annotations

import copy
import json

import torch

from softlabel.data.samples import HeldSamples
from softlabel.evaluation.extreme_rows import ExtremeRows, entropy, loss_against
from softlabel.report.html import render_report
from softlabel.tasks.classification import Classification
from tests.report.results import Json, comparison_results

BASE = comparison_results(2, 1)
FEW, MANY = 1_000, 100_000


def results_of(rows: int) -> Json:
    """A comparison whose runs were evaluated, by the real evaluator, on so many rows."""
    results = copy.deepcopy(BASE)
    task = Classification(results["data"]["class_names"])
    counts = torch.tensor(results["data"]["training_counts"], dtype=torch.float64)
    for place, cell in enumerate(results["cells"]):
        dice = torch.Generator().manual_seed(place)
        truth = torch.randint(0, 10, (rows,), generator=dice)
        logits = torch.randn(rows, 10, generator=dice) + 3 * torch.nn.functional.one_hot(truth, 10)
        pixels = torch.randint(0, 256, (rows, 1, 2, 2), dtype=torch.uint8, generator=dice)
        samples = HeldSamples(pixels, torch.arange(rows), truth, torch.arange(rows))
        evaluator = task.evaluator(counts, "counts")
        extremes = [ExtremeRows("entropy", entropy, 12, 1.0), ExtremeRows("loss", loss_against(truth), 12, 1.0)]
        for chunk in torch.split(torch.arange(rows), 4096):
            evaluator.update(logits[chunk], truth[chunk])
            for extreme in extremes:
                extreme.watch(chunk, logits[chunk])
        reliability = evaluator.reliability()
        cell["details"] = {"reliability": {"before": reliability, "after": reliability}, **evaluator.details()}
        cell["ambiguous"], cell["worst"] = (extreme.to_json(samples, task) for extreme in extremes)
    results["data"]["rows"]["test"] = rows
    return results


def test_size_does_not_grow_with_rows(no_drawing: None) -> None:
    few, many = map(results_of, (FEW, MANY))
    assert len(render_report(many)) <= 1.2 * len(render_report(few))
    assert len(json.dumps(many)) <= 1.2 * len(json.dumps(few))
