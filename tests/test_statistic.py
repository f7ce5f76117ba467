"""Sums over rows: added in place, kept in files, held where they are added."""

from __future__ import annotations

import torch

from softlabel.metrics.accuracy import Accuracy
from softlabel.metrics.balanced_accuracy import BalancedAccuracy
from softlabel.statistic import Contribution, RunningSums, StreamingStatistic, add_rows, pack, total, unpack
from tests.metrics.laws import K, rows


def test_contributions_survive_a_file() -> None:
    log_probabilities, truth, _ = rows("class")
    stored = {s.name: s.contribute(log_probabilities, truth) for s in (Accuracy(), BalancedAccuracy(K))}
    for name, (cell, values) in unpack(pack(stored)).items():
        assert torch.equal(cell, stored[name].cell)
        assert torch.equal(values, stored[name].values)


def test_add_rows_changes_its_argument_only() -> None:
    contribution = Contribution(torch.tensor([0, 1, 0]), torch.ones(3, 2, dtype=torch.float64))
    sums = torch.zeros(2, 2, dtype=torch.float64)
    add_rows(sums, contribution)
    assert sums.tolist() == [[2, 2], [1, 1]]
    assert contribution.values.sum() == 6


def test_running_sums_of_contributions_are_those_of_a_stream() -> None:
    log_probabilities, truth, _ = rows("class")
    statistic = BalancedAccuracy(K)
    running, stream = RunningSums(statistic), StreamingStatistic(statistic)
    for log_p, true in zip(log_probabilities.split(64), truth.split(64), strict=True):
        running.add(statistic.contribute(log_p, true))
        stream.update(log_p, true)
    assert torch.equal(running.sums, stream.sums)
    torch.testing.assert_close(running.sums, total(statistic, statistic.contribute(log_probabilities, truth)))
    assert [name for name, _ in running] == ["sums"]
