"""Groups by training count, confusion, and the table per class."""

from __future__ import annotations

import math

import pytest
import torch
from sklearn.metrics import balanced_accuracy_score, confusion_matrix

from softlabel.metrics.balanced_accuracy import BalancedAccuracy
from softlabel.metrics.confusion import Confusion
from softlabel.metrics.groups import class_groups, group_accuracies
from softlabel.metrics.per_class import PerClass
from softlabel.statistic import StreamingStatistic, StreamingTally, total


def test_groups_by_count_have_the_published_edges() -> None:
    groups = class_groups(torch.tensor([101, 100, 20, 19, 0]))
    assert [members.tolist() for members in groups.values()] == [
        [True, False, False, False, False],
        [False, True, True, False, False],
        [False, False, False, True, True],
    ]


def test_cifar100_long_tail_has_35_35_30_classes() -> None:
    counts = torch.tensor([int(500 * 0.01 ** (j / 99)) for j in range(100)])
    assert [int(members.sum()) for members in class_groups(counts).values()] == [35, 35, 30]


@pytest.mark.parametrize("num_classes", [1, 2, 3, 7, 10])
def test_thirds_are_a_partition_in_order_of_counts(num_classes: int) -> None:
    counts = torch.arange(num_classes)
    groups = class_groups(counts, "thirds")
    assert (sum(members.long() for members in groups.values()) == 1).all()
    sizes = [int(members.sum()) for members in groups.values()]
    assert max(sizes) - min(sizes) <= 1
    assert sizes == sorted(sizes, reverse=True)
    assert groups["many"][-1]


def test_empty_group_is_nan_and_others_are_means_of_their_classes() -> None:
    many, medium, few = (StreamingStatistic(group) for group in group_accuracies(torch.tensor([500, 200, 50])))
    log_probabilities = torch.eye(3)[[0, 0, 1, 1, 2]].log_softmax(-1)
    truth = torch.tensor([0, 0, 0, 1, 2])
    for stream in (many, medium, few):
        stream.update(log_probabilities, truth)
    assert many.compute() == pytest.approx((2 / 3 + 1) / 2)
    assert medium.compute() == 1.0
    assert math.isnan(few.compute())


def test_against_scikit_learn() -> None:
    log_probabilities = torch.randn(400, 6).log_softmax(-1)
    truth = torch.randint(0, 5, (400,))  # class 5 is never true
    predicted = log_probabilities.argmax(-1)
    accuracy, confusion = StreamingStatistic(BalancedAccuracy(6)), StreamingTally(Confusion(6))
    for part in torch.arange(400).split(33):
        accuracy.update(log_probabilities[part], truth[part])
        confusion.update(log_probabilities[part], truth[part])
    with pytest.warns(UserWarning, match="not in y_true"):
        assert accuracy.compute() == pytest.approx(balanced_accuracy_score(truth, predicted))
    assert Confusion(6).table(confusion.sums) == confusion_matrix(truth, predicted, labels=range(6)).tolist()


def test_table_per_class() -> None:
    stream = StreamingTally(PerClass(3))
    probabilities = torch.tensor([[0.8, 0.1, 0.1], [0.4, 0.6, 0.0], [0.2, 0.7, 0.1], [0.1, 0.1, 0.8]])
    stream.update(probabilities.log(), torch.tensor([0, 0, 1, -100]))
    first, second, third = PerClass(3).table(stream.sums)
    assert (first.count, first.accuracy) == (2, 0.5)
    assert first.mean_confidence == pytest.approx(0.7)
    assert (second.count, second.accuracy) == (1, 1.0)
    assert third.to_json() == {"index": 2, "count": 0, "accuracy": None, "mean_confidence": None}


def test_the_table_of_classes_does_not_read_what_is_predicted_of_ignored_rows() -> None:
    statistic = PerClass(2)
    log_p, truth = torch.tensor([[0.9, 0.1], [math.nan, math.nan]]).log(), torch.tensor([0, -1])
    row, nothing = statistic.table(total(statistic, statistic.contribute(log_p, truth)))
    assert (row.count, row.accuracy, nothing.count) == (1, 1.0, 0)
    assert row.mean_confidence == pytest.approx(0.9)
