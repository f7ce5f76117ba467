"""Scores of masks."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import distance_transform_cdt
from sklearn.metrics import accuracy_score, jaccard_score, log_loss
from torch import Tensor

from softlabel.metrics.boundary import VOID, near_boundary
from softlabel.metrics.segmentation import (
    MeanIntersectionOverUnion,
    PixelAccuracy,
    PixelCalibrationError,
    PixelLikelihood,
)
from softlabel.statistic import Statistic, StreamingStatistic, total
from tests.metrics.laws import check_nothing_to_score, check_streaming, check_weights, score
from tests.oracle import segmentation

K = 4
Oracle = Callable[[np.ndarray, np.ndarray], float]
SCORES: list[tuple[Statistic, Oracle]] = [
    pair
    for boundary in (None, 2)
    for pair in (
        (MeanIntersectionOverUnion(K, boundary), partial(segmentation.mean_iou, boundary=boundary)),
        (PixelAccuracy(boundary), partial(segmentation.accuracy, boundary=boundary)),
        (PixelLikelihood(boundary), partial(segmentation.nll, boundary=boundary)),
        (PixelCalibrationError(boundary=boundary), partial(segmentation.ece, boundary=boundary)),
    )
]
NAMES = [statistic.name for statistic, _ in SCORES]
each_score = pytest.mark.parametrize(("statistic", "oracle"), SCORES, ids=NAMES)


def images(n: int = 9, seed: int = 0, size: int = 11, present: int = K) -> tuple[Tensor, Tensor]:
    """Log-probabilities and masks of rectangles, with void pixels; the first image is all void."""
    generator = torch.Generator().manual_seed(seed)
    log_p = (2 * torch.randn(n, K, size, size + 3, generator=generator, dtype=torch.float64)).log_softmax(1)
    mask = torch.zeros(n, size, size + 3, dtype=torch.uint8)
    for image in mask:
        y, x, k = (int(torch.randint(1, high, (), generator=generator)) for high in (size, size + 2, present))
        image[y:, x:] = k
    mask[torch.rand(mask.shape, generator=generator) < 0.05] = VOID
    mask[0] = VOID
    return log_p, mask


@each_score
def test_equals_its_twin(statistic: Statistic, oracle: Oracle) -> None:
    log_p, mask = images()
    expected = oracle(log_p.exp().numpy(), mask.numpy())
    assert score(statistic, log_p, mask) == pytest.approx(expected, rel=1e-10)


@each_score
def test_keeps_the_laws_of_scores(statistic: Statistic, oracle: Oracle) -> None:
    log_p, mask = images()
    check_streaming(statistic, log_p, mask)
    check_weights(statistic, log_p, mask)
    check_nothing_to_score(statistic, log_p, torch.full_like(mask, VOID))
    changed = score(statistic, (3 * log_p).log_softmax(1), mask) != score(statistic, log_p, mask)
    assert changed == statistic.calibration


def test_equals_scikit_learn() -> None:
    log_p, mask = images()
    scored = mask != VOID
    true, p = mask[scored].numpy(), log_p.exp().movedim(1, -1)[scored].numpy()
    found = p.argmax(1)
    expected = {
        MeanIntersectionOverUnion(K): jaccard_score(true, found, average="macro"),
        PixelAccuracy(): accuracy_score(true, found),
        PixelLikelihood(): log_loss(true, p, labels=range(K)),
    }
    for statistic, value in expected.items():
        assert score(statistic, log_p, mask) == pytest.approx(value, rel=1e-10), statistic.name


@pytest.mark.parametrize("distance", [1, 2, 3, 5])
def test_near_boundary_equals_its_twin_and_scipy(distance: int) -> None:
    _, mask = images()
    found = near_boundary(mask, distance)
    assert torch.equal(found, torch.from_numpy(segmentation.near_boundary(mask.numpy(), distance)))
    two = (mask.clamp(max=1) * (mask != VOID)).bool().numpy()
    for image, near in zip(two[1:], near_boundary(torch.from_numpy(two[1:]).byte(), distance), strict=True):
        chess = np.maximum(distance_transform_cdt(image), distance_transform_cdt(~image))
        assert np.array_equal(near.numpy(), chess <= distance)


def test_near_a_straight_edge_and_around_void() -> None:
    mask = torch.tensor([[[0, 0, 0, 0, 1, 1, 1, 1]]], dtype=torch.uint8)
    assert near_boundary(mask, 3).int().tolist() == [[[0, 1, 1, 1, 1, 1, 1, 0]]]
    # Void alone makes no boundary; classes on either side of a thin line of it are near each other.
    line = torch.tensor([[[0, 0, VOID, 0, 0, 0, VOID, 1]]], dtype=torch.uint8)
    assert near_boundary(line, 2).int().tolist() == [[[0, 0, 0, 0, 0, 1, 0, 1]]]
    assert not near_boundary(torch.full((1, 4, 4), VOID, dtype=torch.uint8), 3).any()
    assert not near_boundary(torch.zeros(1, 4, 4, dtype=torch.uint8), 3).any()


def test_a_class_that_is_nowhere_is_left_out_and_one_only_predicted_counts_as_0() -> None:
    mask = torch.tensor([[[0, 0, 1, VOID]]], dtype=torch.uint8)
    predicted = torch.tensor([0, 2, 1, 3])
    log_p = (20.0 * torch.nn.functional.one_hot(predicted, 5).T[None, :, None]).log_softmax(1)
    statistic = MeanIntersectionOverUnion(5)
    per_class = statistic.per_class(total(statistic, statistic.contribute(log_p, mask))).tolist()
    # What is predicted at void pixels, here class 3, is not read.
    assert per_class[:3] == [0.5, 1.0, 0.0]
    assert [math.isnan(one) for one in per_class] == [False, False, False, True, True]
    assert score(statistic, log_p, mask) == pytest.approx(0.5)


def test_perfect_masks() -> None:
    _, mask = images()
    hot = torch.nn.functional.one_hot(mask.long().clamp(max=K - 1), K).movedim(-1, 1).double()
    best = [score(statistic, hot.log(), mask) for statistic, _ in SCORES]
    assert best == [1.0, 1.0, 0.0, 0.0] * 2


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 5))
def test_bounds_and_orders_of_images_and_classes(seed: int, n: int) -> None:
    log_p, mask = images(n, seed, size=6)
    renamed = torch.randperm(K, generator=torch.Generator().manual_seed(seed))
    other = torch.where(mask == VOID, mask, renamed[mask.long().clamp(max=K - 1)].byte())
    moved = torch.empty_like(log_p)
    moved[:, renamed] = log_p
    for statistic, _ in SCORES:
        if not math.isnan(score(statistic, log_p, mask)):
            check_streaming(statistic, log_p, mask)
            assert score(statistic, moved, other) == pytest.approx(score(statistic, log_p, mask), abs=1e-12)


def test_a_contribution_is_as_large_as_the_classes_and_not_as_the_image() -> None:
    log_p, mask = images(3)
    for statistic, _ in SCORES:
        cell, values = statistic.contribute(log_p.float(), mask)
        assert len(cell) == len(values) == 3
        assert values.numel() <= 3 * statistic.num_cells * statistic.width
        assert values.dtype == torch.float64


def test_half_precision_is_close() -> None:
    log_p, mask = images()
    for statistic, _ in SCORES:
        stream = StreamingStatistic(statistic)
        stream.update(log_p.bfloat16(), mask)
        assert stream.compute() == pytest.approx(score(statistic, log_p, mask), abs=0.03)


def test_names_tell_scores_apart() -> None:
    assert len(set(NAMES)) == len({statistic.title for statistic, _ in SCORES}) == len(SCORES)
    assert MeanIntersectionOverUnion(K, 3).title == "mIoU within 3 px of a boundary"
