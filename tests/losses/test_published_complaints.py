"""What users of other libraries reported, each as a test that our losses do not repeat it.

The numbers in the names are issue or pull-request numbers of the repository named.
"""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from softlabel.labels import dense, hard, mix, smoothed, top_k, votes
from softlabel.losses import cross_entropy, kl_divergence, sum_and_mass
from softlabel.losses.engine import delegated

INF = float("inf")


@pytest.fixture(params=["small", "fused", "plain"])
def path(request, monkeypatch):
    if request.param != "small":
        monkeypatch.setattr(delegated, "INDEX_LIMIT", 0)
    return {"fused": request.param != "plain"}


def optimum(label, weight, path):
    """The prediction that minimises the loss, found by Newton-like descent on the logits of one sample."""
    logits = torch.zeros(1, label.num_classes, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([logits], max_iter=200, tolerance_grad=1e-12, tolerance_change=1e-15)

    def closure():
        optimiser.zero_grad()
        loss = cross_entropy(logits, label, weight=weight, **path)
        loss.backward()
        return loss

    optimiser.step(closure)
    return torch.softmax(logits.detach(), -1)[0]


def test_pytorch_104776_a_class_weight_does_not_move_the_optimum(path):
    """There, smoothing 0.1 with weights (1, 1, 50) has its optimum at (0.354, 0.013, 0.633) for class 0."""
    label = smoothed(torch.tensor([0]), 3, 0.1)
    weight = torch.tensor([1.0, 1.0, 50.0], dtype=torch.float64)
    torch.testing.assert_close(optimum(label, weight, path), label.dense(torch.float64)[0], atol=1e-5, rtol=0)


def test_pytorch_107680_index_and_one_hot_agree_under_weights(path):
    logits, index, weight = torch.randn(6, 4), torch.randint(4, (6,)), torch.tensor([1.0, 2.0, 3.0, 4.0])
    one_hot = F.one_hot(index, 4).float()
    for reduction in ("none", "mean", "sum"):
        by_index = cross_entropy(logits, index, weight=weight, reduction=reduction, **path)
        for target in (one_hot, dense(one_hot), hard(index, 4)):
            torch.testing.assert_close(
                cross_entropy(logits, target, weight=weight, reduction=reduction, **path), by_index
            )


def test_pytorch_65329_50528_8062_the_divisor_of_the_mean_is_handed_out(path):
    """With weights the mean is not the mean of "none"; what it is divided by is a value, not a riddle."""
    logits, index, weight = torch.randn(6, 4), torch.randint(4, (6,)), torch.tensor([1.0, 2.0, 3.0, 4.0])
    each = cross_entropy(logits, index, weight=weight, reduction="none", **path)
    total = sum_and_mass(cross_entropy, logits, index, weight=weight, **path)
    torch.testing.assert_close(total.sum, each.sum())
    torch.testing.assert_close(total.mass, weight[index].sum())
    torch.testing.assert_close(total.sum / total.mass, cross_entropy(logits, index, weight=weight, **path))
    one = sum_and_mass(cross_entropy, logits[:1], index[:1], weight=weight, **path)
    torch.testing.assert_close(one.sum, weight[index[0]] * F.cross_entropy(logits[:1], index[:1]))  # not cancelled


@pytest.mark.parametrize("weighted", [False, True])
def test_pytorch_73205_69339_72056_91383_smoothing_ignoring_and_weights_together(weighted, path):
    logits, index = torch.randn(5, 4), torch.tensor([1, -100, 3, -100, 0])
    weight = torch.tensor([1.0, 2.0, 3.0, 4.0]) if weighted else None
    kept = index != -100
    value = cross_entropy(logits, smoothed(index, 4, 0.1), weight=weight, **path)
    torch.testing.assert_close(value, cross_entropy(logits[kept], smoothed(index[kept], 4, 0.1), weight=weight, **path))


def test_pytorch_63122_probabilities_can_be_ignored(path):
    logits, rows = torch.randn(4, 3), torch.softmax(torch.randn(4, 3), -1)
    mask = torch.tensor([True, False, True, True])
    torch.testing.assert_close(
        cross_entropy(logits, rows, mask=mask, **path), F.cross_entropy(logits[mask], rows[mask])
    )


def test_composer_763_unlabelled_rows_are_not_averaged_in(path):
    logits, rows = torch.randn(4, 3), torch.softmax(torch.randn(4, 3), -1)
    rows[2:] = 0
    for target in (rows, dense(rows, validate=False)):
        torch.testing.assert_close(cross_entropy(logits, target, **path), F.cross_entropy(logits[:2], rows[:2]))
        torch.testing.assert_close(kl_divergence(logits, target, **path), kl_divergence(logits[:2], rows[:2], **path))


def test_pytorch_63004_classes_can_be_taken_out_of_the_softmax(path):
    logits, index = torch.randn(3, 5, dtype=torch.float64), torch.tensor([0, 2, 4])
    left = torch.tensor([True, False, True, False, True])
    expected = F.cross_entropy(logits[:, left], torch.tensor([0, 1, 2]))
    torch.testing.assert_close(cross_entropy(logits, index, class_mask=left, **path), expected)
    smooth = cross_entropy(logits, smoothed(index, 5, 0.1), class_mask=left, **path)
    rows = smoothed(index, 5, 0.1).dense(torch.float64)[:, left]
    torch.testing.assert_close(smooth, F.cross_entropy(logits[:, left], rows / rows.sum(-1, keepdim=True)))
    leaf = logits.requires_grad_()
    cross_entropy(leaf, smoothed(index, 5, 0.1), class_mask=left, **path).backward()
    assert (leaf.grad[:, ~left] == 0).all()
    assert cross_entropy(logits, torch.tensor([1, 0, 0]), class_mask=left, **path) == INF


def test_pytorch_148884_the_convention_of_smoothing_has_a_name():
    index = torch.tensor([0])
    torch.testing.assert_close(
        smoothed(index, 5, 0.1, "uniform").dense(), torch.tensor([[0.92, 0.02, 0.02, 0.02, 0.02]])
    )
    torch.testing.assert_close(smoothed(index, 5, 0.1, "others").dense(), torch.tensor([[0.9] + [0.025] * 4]))


def test_timm_990_pytorch_7455_any_distribution_is_a_target(path):
    """ "target [0.8, 0.15, 0.05], how?" """
    logits, target = torch.randn(1, 3), torch.tensor([[0.8, 0.15, 0.05]])
    expected = -(target * logits.log_softmax(-1)).sum()
    weight = torch.tensor([1.0, 2.0, 3.0])
    for label in (
        target,
        dense(target),
        top_k(target, torch.tensor([[0, 1, 2]]), 3),
        votes(torch.tensor([[16, 3, 1]])),
    ):
        torch.testing.assert_close(cross_entropy(logits, label, **path), expected)
        torch.testing.assert_close(
            cross_entropy(logits, label, weight=weight, reduction="sum", **path), expected * (target @ weight)[0]
        )


def test_dlordinal_58_soft_labels_cannot_be_smoothed_a_second_time():
    """Smoothing is a kind of label, not an option of the loss; mixing it in is said in so many words."""
    rows = torch.softmax(torch.randn(2, 3), -1)
    with pytest.raises(TypeError, match="label_smoothing"):
        cross_entropy(torch.randn(2, 3), rows, label_smoothing=0.1)
    with pytest.raises(TypeError, match="expected an integer dtype"):
        smoothed(rows, 3, 0.1)
    said = mix(smoothed(torch.tensor([0, 0]), 3, 1.0), dense(rows), 0.1)
    torch.testing.assert_close(said.dense(), 0.9 * rows + 0.1 / 3)


def test_smp_852_372_ignored_pixels_are_not_in_the_divisor(path):
    logits, index = torch.randn(2, 3, 4, 4), torch.randint(3, (2, 4, 4))
    index[:, :2] = 255
    kept = index != 255
    for epsilon in (0.0, 0.1):
        label = smoothed(index, 3, epsilon, ignore_index=255)
        value = cross_entropy(logits, label, **path)
        expected = F.cross_entropy(logits.movedim(1, -1)[kept], index[kept], label_smoothing=epsilon)
        torch.testing.assert_close(value, expected)


def test_tensorflow_39329_127249_the_number_of_classes_comes_from_the_class_axis(path):
    logits = torch.randn(2, 3, 5, 7)  # neither 5 nor 7 classes
    label = smoothed(torch.randint(3, (2, 5, 7)), 3, 0.3)
    expected = F.cross_entropy(logits, label.dense().movedim(-1, 1))
    torch.testing.assert_close(cross_entropy(logits, label, **path), expected)
    with pytest.raises(ValueError, match="over 7 classes"):
        cross_entropy(logits, smoothed(torch.randint(3, (2, 5, 7)), 7, 0.3), **path)


def test_pytorch_89558_80488_optax_1786_no_nan_and_no_negative_divergence_without_mass(path):
    logits = torch.tensor([[0.0, 1.0, -INF], [5.0, -INF, 5.0]])
    target = torch.tensor([[0.25, 0.75, 0.0], [0.5, 0.0, 0.5]])
    for loss in (cross_entropy, kl_divergence):
        leaf = logits.clone().requires_grad_()
        value = loss(leaf, target, reduction="none", **path)
        value.sum().backward()
        assert value.isfinite().all()
        assert (value > -1e-6).all()
        assert leaf.grad.isfinite().all()
    rows = torch.softmax(torch.randn(50, 7, dtype=torch.float64), -1)
    assert kl_divergence(rows.log(), rows, reduction="none", **path).abs().max() < 1e-12
    ignored = torch.full((2,), -100)
    assert cross_entropy(logits, smoothed(ignored, 3, 0.1), **path) == 0
