"""What holds of every score, whatever it is a score of."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from softlabel.statistic import Contribution, Statistic, StreamingStatistic, total
from tests.oracle.metrics import one_hot

K = 5


def rows(kind: str, n: int = 300, seed: int = 0) -> tuple[Tensor, Tensor, np.ndarray]:
    """Log-probabilities, truth as scores take it, and truth as distributions; some rows are ignored."""
    generator = torch.Generator().manual_seed(seed)
    log_probabilities = (2 * torch.randn(n, K, generator=generator, dtype=torch.float64)).log_softmax(-1)
    ignored = torch.rand(n, generator=generator) < 0.1
    if kind == "class":
        truth = torch.randint(0, K, (n,), generator=generator).masked_fill(ignored, -100)
        return log_probabilities, truth, one_hot(truth.numpy(), K)
    votes = torch.poisson(torch.full((n, K), 1.5, dtype=torch.float64), generator=generator)
    votes[:, 0] += votes.sum(1) == 0
    truth = (votes / votes.sum(1, keepdim=True)).masked_fill(ignored[:, None], 0.0)
    return log_probabilities, truth, truth.numpy()


def score(statistic: Statistic, log_probabilities: Tensor, truth: Tensor) -> float:
    """The score of rows that come in batches of 7."""
    stream = StreamingStatistic(statistic)
    for log_p, true in zip(log_probabilities.split(7), truth.split(7), strict=True):
        stream.update(log_p, true)
    return stream.compute()


def check_streaming(statistic: Statistic, log_probabilities: Tensor, truth: Tensor) -> None:
    """Rows in any order and division, and merged, give one score, which lies within the bounds."""
    n = len(truth)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(n))
    whole, first, second = (StreamingStatistic(statistic) for _ in range(3))
    whole.update(log_probabilities, truth)
    for part in order[: n // 2].split(3):
        first.update(log_probabilities[part], truth[part])
    second.update(log_probabilities[order[n // 2 :]], truth[order[n // 2 :]])
    first.merge_(second)
    assert first.compute() == pytest.approx(whole.compute(), abs=1e-12)
    assert first.sums.dtype == torch.float64
    low, high = statistic.bounds
    assert low - 1e-12 <= whole.compute() <= high + 1e-12


def check_weights(statistic: Statistic, log_probabilities: Tensor, truth: Tensor) -> None:
    """Rows counted w times score as rows that are there w times; several sums are scored at once."""
    count = torch.randint(0, 4, (len(truth),), generator=torch.Generator().manual_seed(1))
    cell, values = statistic.contribute(log_probabilities, truth)
    weighted = total(statistic, Contribution(cell, values * count.double().view(-1, *[1] * (values.ndim - 1))))
    again = torch.repeat_interleave(torch.arange(len(truth)), count)
    repeated = total(statistic, statistic.contribute(log_probabilities[again], truth[again]))
    together = torch.stack([weighted, repeated]).reshape(2, 1, *weighted.shape)
    torch.testing.assert_close(statistic.value(weighted), statistic.value(repeated), equal_nan=True)
    assert statistic.value(together).shape == (2, 1)
    torch.testing.assert_close(statistic.value(together)[0, 0], statistic.value(weighted), equal_nan=True)


def check_nothing_to_score(statistic: Statistic, log_probabilities: Tensor, ignored: Tensor) -> None:
    """No rows, and rows that are all ignored, score NaN."""
    stream = StreamingStatistic(statistic)
    assert math.isnan(stream.compute())
    stream.update(log_probabilities[:0], ignored[:0])
    stream.update(log_probabilities, ignored)
    assert math.isnan(stream.compute())


def check_ignored_rows(statistic: Statistic, log_probabilities: Tensor, truth: Tensor) -> None:
    """What is predicted of rows that are ignored is not read, be it no number."""
    ignored = (truth < 0) if truth.ndim == 1 else (truth == 0).all(-1)
    assert ignored.any()
    anything = log_probabilities.masked_fill(ignored[:, None], math.nan)
    expected = total(statistic, statistic.contribute(log_probabilities, truth))
    found = total(statistic, statistic.contribute(anything, truth))
    torch.testing.assert_close(statistic.value(found), statistic.value(expected), rtol=0, atol=0)
