"""Scores and tests equal those of scikit-learn and SciPy to ten digits."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.special import rel_entr
from sklearn.calibration import calibration_curve
from sklearn.metrics import accuracy_score, balanced_accuracy_score, log_loss
from sklearn.preprocessing import label_binarize

from softlabel.calibration.classwise_ece import ClasswiseCalibrationError
from softlabel.calibration.ece import ExpectedCalibrationError
from softlabel.experiments.variance import VarianceComponents
from softlabel.metrics.accuracy import Accuracy
from softlabel.metrics.balanced_accuracy import BalancedAccuracy
from softlabel.metrics.brier import Brier
from softlabel.metrics.kl import KullbackLeibler
from softlabel.metrics.nll import NegativeLogLikelihood
from softlabel.statistic import Statistic, StreamingStatistic

K, N, BINS = 4, 500, 15
GENERATOR = np.random.default_rng(0)
LOG_P = torch.from_numpy(2 * GENERATOR.normal(size=(N, K))).log_softmax(-1)
P = LOG_P.exp().numpy()
TRUE = GENERATOR.integers(0, K, N)
VOTES = GENERATOR.dirichlet(np.ones(K), N)


def score(statistic: Statistic, truth: np.ndarray) -> float:
    stream = StreamingStatistic(statistic)
    for log_p, true in zip(LOG_P.split(64), torch.from_numpy(truth).split(64), strict=True):
        stream.update(log_p, true)
    return stream.compute()


def binned_gap(correct: np.ndarray, confidence: np.ndarray) -> float:
    """Sum over bins of |accuracy - confidence| times rows, by scikit-learn's calibration curve."""
    accuracy, mean = calibration_curve(correct, confidence, n_bins=BINS, strategy="uniform")
    counts = np.histogram(confidence, np.linspace(0, 1, BINS + 1))[0]
    return float((np.abs(accuracy - mean) * counts[counts > 0]).sum())


def test_scores_of_classes() -> None:
    predicted = P.argmax(1)
    expected = {
        NegativeLogLikelihood(): log_loss(TRUE, P),
        Accuracy(): accuracy_score(TRUE, predicted),
        BalancedAccuracy(K): balanced_accuracy_score(TRUE, predicted),
        Brier(): ((P - label_binarize(TRUE, classes=range(K))) ** 2).sum(1).mean(),
        ExpectedCalibrationError(BINS): binned_gap(predicted == TRUE, P.max(1)) / N,
        ClasswiseCalibrationError(K, BINS): sum(binned_gap(k == TRUE, P[:, k]) for k in range(K)) / (N * K),
    }
    for statistic, value in expected.items():
        assert score(statistic, TRUE) == pytest.approx(value, rel=1e-10), statistic.name


def test_scores_of_distributions() -> None:
    divergence = rel_entr(VOTES, P).sum(1).mean()
    assert score(KullbackLeibler(), VOTES) == pytest.approx(divergence, rel=1e-10)
    entropy = stats.entropy(VOTES, axis=1).mean()
    assert score(NegativeLogLikelihood(), VOTES) == pytest.approx(divergence + entropy, rel=1e-10)


@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_intervals_and_tests_of_a_mean(seeds: int) -> None:
    values = np.random.default_rng(seeds).normal(0.4, 1.0, seeds)
    peer = stats.ttest_1samp(values, 0.0)
    variance = VarianceComponents(seeds, float(values.var(ddof=1)), own=0.0, shared=0.0)
    assert variance.p_value(float(values.mean())) == pytest.approx(peer.pvalue, rel=1e-10)
    assert variance.interval(float(values.mean()), 0.95) == pytest.approx(
        tuple(peer.confidence_interval(0.95)), rel=1e-10
    )
