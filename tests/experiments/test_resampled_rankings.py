"""Scores that are no function of sums are resampled like all others, on the same draws."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score

from softlabel.experiments import resampling
from softlabel.experiments.statistics import summarise
from softlabel.metrics.average_precision import MeanAveragePrecision
from softlabel.metrics.label_ranking import OneError
from softlabel.statistic import pack, unpack

K, N = 4, 60
SCORES = (MeanAveragePrecision(K), OneError())


def run(strength: float, seed: int, rows: int = N) -> resampling.Rows:
    generator = torch.Generator().manual_seed(17)
    levels = torch.randint(0, 3, (rows, K), generator=generator, dtype=torch.uint8)
    levels[:, 0] |= 2
    noise = torch.randn(rows, K, generator=generator.manual_seed(seed), dtype=torch.float64)
    log_p = (strength * levels + noise).log_softmax(-1)
    return unpack(pack({s.name: s.contribute(log_p, levels) for s in SCORES}))


def mean_average_precision(rows: np.ndarray, weights: np.ndarray) -> float:
    """By scikit-learn, over classes with a drawn positive row."""
    found = []
    for k in range(K):
        score, role = rows[:, k], rows[:, K + k]
        counted = (role >= 0) & (weights > 0)
        if (role[counted] > 0).any():
            found.append(average_precision_score(role[counted], score[counted], sample_weight=weights[counted]))
    return float(np.mean(found))


def test_every_draw_equals_scikit_learn() -> None:
    runs, draws = [run(1.0, 0), run(0.2, 1)], 40
    found = resampling.resample_rows(SCORES, runs, draws, seed=3)["map"]
    # The generator is used for nothing else before, where all rows are taken.
    drawn = np.random.default_rng(3).integers(0, N, size=(N, draws))
    weights = np.stack([np.bincount(rows, minlength=N) for rows in drawn.T], axis=1)
    for place, one in enumerate(runs):
        rows = one["map"].values.numpy()
        assert found.estimate[place] == pytest.approx(mean_average_precision(rows, np.ones(N)), rel=1e-10)
        expected = [mean_average_precision(rows, weights[:, draw]) for draw in range(draws)]
        assert found.replicates[place] == pytest.approx(expected, rel=1e-10)


def test_rows_beyond_the_most_are_chosen_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [run(1.0, 0, 200), run(1.0, 0, 200)]
    full = resampling.resample_rows(SCORES, runs, 300, seed=0)["map"]
    monkeypatch.setattr(resampling, "MOST_ROWS", 100)
    fewer = resampling.resample_rows(SCORES, runs, 300, seed=0)["map"]
    assert np.array_equal(fewer.replicates[0], fewer.replicates[1])
    assert fewer.estimate == pytest.approx(full.estimate)
    assert fewer.replicates.std() == pytest.approx(full.replicates.std(), rel=0.4)


def test_a_comparison_by_mean_average_precision() -> None:
    contributions = {"strong": [run(1.5, seed) for seed in range(3)], "weak": [run(0.2, seed) for seed in range(3)]}
    summary = summarise(SCORES, contributions, "weak", primary="map", resamples=200)
    assert summary.winner == "strong"
    best = summary.methods[0]
    low, high = best.scores["map"].interval
    assert 0 <= low < best.scores["map"].mean < high <= 1
