"""Both losses against their twins and against PyTorch: values, gradients, normalisation, layouts, edges."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from softlabel.labels import dense, from_table, hard, mix, smoothed
from softlabel.losses import SumAndMass, cross_entropy, focal_loss, kl_divergence, sum_and_mass
from softlabel.losses.engine import delegated, fused
from tests.oracle import losses as oracle

INF = float("inf")
PATHS = ["small", "fused", "plain"]


@pytest.fixture(params=PATHS)
def path(request, monkeypatch):
    """The options that take each path: PyTorch's for small batches, the sweep in small blocks, the plain chain."""
    if request.param != "small":
        monkeypatch.setattr(delegated, "INDEX_LIMIT", 0)
        monkeypatch.setitem(fused.BLOCK_BYTES, "cpu", 160)
    return {"fused": request.param != "plain"}


def with_gradient(loss, logits, *arguments, **options):
    logits = logits.detach().requires_grad_()
    value = loss(logits, *arguments, **options)
    first = value.sum if isinstance(value, SumAndMass) else value.sum()
    return value, torch.autograd.grad(first, logits)[0]


def random_options(names, shape, num_classes):
    options = {
        "weight": torch.rand(num_classes, dtype=torch.float64) + 0.1,
        "sample_weight": torch.rand(shape[0], dtype=torch.float64),
        "mask": torch.rand(shape) > 0.3,
        "class_mask": torch.arange(num_classes) != 1,
    }
    return {name: options[name] for name in names}


@pytest.mark.parametrize(
    "names", [c for n in range(3) for c in itertools.combinations(["weight", "sample_weight", "mask", "class_mask"], n)]
)
@pytest.mark.parametrize("loss", [cross_entropy, kl_divergence])
def test_equals_its_twin_with_any_options(loss, names, path):
    shape, num_classes = (6, 2), 5
    rows = torch.softmax(torch.randn(*shape, num_classes, dtype=torch.float64), -1)
    logits = torch.randn(6, num_classes, 2, dtype=torch.float64)
    options = random_options(names, shape, num_classes)
    values, mass, gradient = oracle.loss(
        logits.movedim(1, -1).numpy(),
        rows.numpy(),
        divergence=loss is kl_divergence,
        **{name: option.numpy() for name, option in options.items()},
    )
    for reduction in ("none", "sum", "mean"):
        value, found = with_gradient(loss, logits, dense(rows), reduction=reduction, **options, **path)
        np.testing.assert_allclose(value.detach(), oracle.reduced(values, mass, reduction), atol=1e-12)
        divisor = mass.sum() if reduction == "mean" else 1
        np.testing.assert_allclose(found.movedim(1, -1), gradient / divisor, atol=1e-12)
    both = sum_and_mass(loss, logits, dense(rows), **options, **path)
    np.testing.assert_allclose([both.sum.item(), both.mass.item()], [values.sum(), mass.sum()], atol=1e-12)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("ignored", [-100, 255, 0])
def test_class_indices_are_pytorchs(weighted, ignored, reduction, path):
    logits, weight = torch.randn(8, 5, 3), torch.rand(5) if weighted else None
    index = torch.randint(5, (8, 3))
    index[0, 0] = ignored
    options = {"weight": weight, "ignore_index": ignored, "reduction": reduction}
    ours = with_gradient(cross_entropy, logits, index, **options, **path)
    theirs = with_gradient(F.cross_entropy, logits, index, **options)
    torch.testing.assert_close(ours, theirs)


def test_soft_labels_are_pytorchs_where_it_does_not_bend_them(path):
    logits, index = torch.randn(8, 5, 3), torch.randint(5, (8, 3))
    rows = torch.softmax(torch.randn(8, 5, 3), 1)
    torch.testing.assert_close(
        with_gradient(cross_entropy, logits, rows, **path), with_gradient(F.cross_entropy, logits, rows)
    )
    torch.testing.assert_close(
        with_gradient(cross_entropy, logits, smoothed(index, 5, 0.2), **path),
        with_gradient(F.cross_entropy, logits, index, label_smoothing=0.2),
    )
    expected = F.kl_div(logits.log_softmax(1), rows, reduction="sum") / 24
    torch.testing.assert_close(kl_divergence(logits, rows, **path), expected)


def test_layouts(path):
    """(K,), (N, K), (N, K, L), (N, K, H, W), channels-last, sliced, expanded: value, gradient and its strides."""
    whole = torch.randn(4, 7, 5, 6)
    layouts = {
        "one": (torch.randn(7), ()),
        "rows": (torch.randn(4, 7), (4,)),
        "tokens": (torch.randn(4, 7, 5), (4, 5)),
        "pixels": (whole, (4, 5, 6)),
        "channels last": (whole.to(memory_format=torch.channels_last), (4, 5, 6)),
        "sliced": (whole[1:, :, ::2, 1:4], (3, 3, 3)),
        "transposed": (torch.randn(7, 4).T, (4,)),
        "expanded": (torch.randn(1, 7).expand(4, 7), (4,)),
        "expanded classes": (torch.randn(4, 1).expand(4, 7), (4,)),
    }
    for name, (logits, shape) in layouts.items():
        axis = 0 if logits.ndim == 1 else 1
        index = torch.randint(7, shape)
        table = torch.softmax(torch.randn(7, 7), -1)
        for label in (hard(index, 7), smoothed(index, 7, 0.1), from_table(index, table)):
            value, gradient = with_gradient(cross_entropy, logits, label, reduction="none", **path)
            rows = label.dense().movedim(-1, axis)
            expected, expected_gradient = with_gradient(F.cross_entropy, logits, rows, reduction="none")
            torch.testing.assert_close(value, expected, msg=name)
            torch.testing.assert_close(gradient, expected_gradient, msg=name)
            if name not in ("sliced", "expanded", "expanded classes") and path["fused"]:
                assert gradient.stride() == logits.stride(), name


def test_the_callers_tensors_are_not_touched(path):
    logits, index = torch.randn(6, 5), torch.randint(5, (6,))
    rows = torch.softmax(torch.randn(6, 5), 1)
    before = logits.clone(), rows.clone()
    with_gradient(cross_entropy, logits, mix(hard(index, 5), dense(rows), 0.5), **path)
    assert torch.equal(logits, before[0])
    assert torch.equal(rows, before[1])


def test_no_elements_and_no_mass_give_zero(path):
    for loss in (cross_entropy, kl_divergence):
        value, gradient = with_gradient(loss, torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64), **path)
        assert value == 0
        assert gradient.shape == (0, 4)
        logits = torch.randn(3, 4)
        logits[0, 0] = INF
        for target in (torch.full((3,), -100), torch.zeros(3, 4), smoothed(torch.full((3,), -100), 4, 0.1)):
            value, gradient = with_gradient(loss, logits, target, **path)
            assert value == 0
            assert (gradient == 0).all()
        value, gradient = with_gradient(
            loss, logits, torch.tensor([0, 1, 2]), mask=torch.zeros(3, dtype=torch.bool), **path
        )
        assert value == 0
        assert (gradient == 0).all()


@pytest.mark.parametrize("offset", [1e4, -1e4])
def test_an_offset_of_the_logits_changes_nothing(offset, path):
    logits = (torch.randn(6, 300) + offset).float()
    index = torch.randint(300, (6,))
    for label in (hard(index, 300), smoothed(index, 300, 0.1), dense(torch.softmax(torch.randn(6, 300), -1))):
        value, gradient = with_gradient(cross_entropy, logits, label, **path)
        exact, exact_gradient = with_gradient(cross_entropy, logits.double(), label, fused=False)
        torch.testing.assert_close(value.double(), exact, atol=1e-5, rtol=1e-6)
        torch.testing.assert_close(gradient.double(), exact_gradient, atol=1e-7, rtol=1e-4)


def test_minus_infinity_counts_only_where_the_label_has_mass(path):
    logits = torch.tensor([[0.0, 1.0, -INF], [-INF, 2.0, 1.0]])
    labels = {
        "hard": hard(torch.tensor([0, 1]), 3),
        "dense": torch.tensor([[0.5, 0.5, 0.0], [0.0, 0.3, 0.7]]),
        "table": from_table(torch.tensor([0, 1]), torch.tensor([[0.5, 0.5, 0.0], [0.0, 0.3, 0.7]])),
        "mixed": mix(hard(torch.tensor([0, 1]), 3), hard(torch.tensor([1, 2]), 3), torch.tensor([0.5, 0.3])),
        "per class": smoothed(torch.tensor([0, 1]), 3, torch.zeros(3)),
    }
    for name, label in labels.items():
        value, gradient = with_gradient(cross_entropy, logits, label, **path)
        finite = logits.masked_fill(logits == -INF, -1e30)
        expected, expected_gradient = with_gradient(cross_entropy, finite, label, **path)
        assert value.isfinite(), name
        torch.testing.assert_close(value, expected, msg=name)
        torch.testing.assert_close(gradient, expected_gradient, msg=name)
    assert cross_entropy(logits, smoothed(torch.tensor([0, 1]), 3, 0.1), **path) == INF
    assert cross_entropy(logits, torch.tensor([2, 1]), **path) == INF


@given(st.integers(1, 5), st.integers(2, 40), st.integers(1, 30), st.integers(0, 10**6))
def test_blocks_change_nothing(rows, num_classes, rows_per_block, seed):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(rows, num_classes, 3, 2, dtype=torch.float64, generator=generator)
    label = smoothed(torch.randint(num_classes, (rows, 3, 2), generator=generator), num_classes, 0.1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delegated, "INDEX_LIMIT", 0)
        patch.setitem(fused.BLOCK_BYTES, "cpu", rows_per_block * num_classes * 8)
        ours = with_gradient(cross_entropy, logits, label)
    torch.testing.assert_close(ours, with_gradient(cross_entropy, logits, label, fused=False))


def test_micro_batches_add_up(path):
    """Four unequal micro-batches, divided once, are the batch."""
    logits, index = torch.randn(20, 5, dtype=torch.float64), torch.randint(5, (20,))
    index[3:6] = -100
    weight = torch.rand(5, dtype=torch.float64)
    options = {"weight": weight, **path}
    whole, gradient = with_gradient(cross_entropy, logits, smoothed(index, 5, 0.1), **options)
    leaf = logits.clone().requires_grad_()
    label, mass, total = smoothed(index, 5, 0.1), 0, 0
    for part in (slice(0, 3), slice(3, 6), slice(6, 8), slice(8, 20)):
        term = sum_and_mass(cross_entropy, leaf[part], label.select(part), **options)
        term.sum.backward()
        total, mass = total + term.sum.detach(), mass + term.mass
    torch.testing.assert_close(total / mass, whole.detach())
    torch.testing.assert_close(leaf.grad / mass, gradient)


def test_upstream_gradients_scale(path):
    logits, index = torch.randn(6, 5, 2), torch.randint(5, (6, 2))
    upstream = torch.randn(6, 2)
    for reduction, weights in (("none", upstream), ("mean", torch.tensor(-3.0))):
        leaf = logits.clone().requires_grad_()
        (cross_entropy(leaf, index, reduction=reduction, **path) * weights).sum().backward()
        other = logits.clone().requires_grad_()
        (F.cross_entropy(other, index, reduction=reduction) * weights).sum().backward()
        torch.testing.assert_close(leaf.grad, other.grad)


def test_float16_gradients_survive_a_loss_scaler():
    """The division by N waits until the scaler has multiplied: 0.01 / N alone would vanish in float16."""
    rows = 2**17
    logits = torch.zeros(rows, 2, dtype=torch.float16)
    logits[:, 0] = 4.59512  # log 99
    logits.requires_grad_()
    (cross_entropy(logits, torch.zeros(rows, dtype=torch.int64)) * 2.0**16).backward()
    torch.testing.assert_close(logits.grad[:, 1].float(), torch.full((rows,), 0.01 * 2**16 / rows), rtol=2e-3, atol=0)


def test_rows_that_do_not_sum_to_one_follow_the_formula(path):
    """-sum(q log p), as PyTorch has it, and a gradient that belongs to it."""
    logits, rows = torch.randn(8, 5), torch.rand(8, 5)
    ours = with_gradient(cross_entropy, logits, rows, **path)
    torch.testing.assert_close(ours, with_gradient(F.cross_entropy, logits, rows))
    mixed = mix(dense(rows, validate=False), hard(torch.arange(8) % 5, 5), 0.5)
    ours = with_gradient(cross_entropy, logits, mixed, **path)
    torch.testing.assert_close(ours, with_gradient(F.cross_entropy, logits, mixed.dense()))


def test_shapes_and_kinds_that_do_not_fit_are_refused():
    logits = torch.randn(4, 3)
    with pytest.raises(ValueError, match=r"target has shape \(3,\) over 3 classes, but logits of shape \(4, 3\)"):
        cross_entropy(logits, torch.tensor([0, 1, 2]))
    with pytest.raises(ValueError, match=r"expected that of the logits, \(4, 3\)"):
        cross_entropy(logits, torch.rand(4, 4))
    with pytest.raises(ValueError, match="over 5 classes"):
        cross_entropy(logits, hard(torch.zeros(4, dtype=torch.int64), 5))
    with pytest.raises(TypeError, match="target is list"):
        cross_entropy(logits, [0, 1, 2, 0])
    with pytest.raises(ValueError, match="reduction is 'avg', expected one of"):
        cross_entropy(logits, torch.zeros(4, dtype=torch.int64), reduction="avg")
    with pytest.raises(ValueError, match=r"weight has shape \(4,\), expected one per class"):
        cross_entropy(logits, torch.rand(4, 3), weight=torch.rand(4))
    with pytest.raises(ValueError, match=r"mask has shape \(3,\)"):
        cross_entropy(logits, torch.rand(4, 3), mask=torch.ones(3, dtype=torch.bool))
    with pytest.raises(TypeError, match=r"class_mask is torch.float32, expected bool"):
        cross_entropy(logits, torch.rand(4, 3), class_mask=torch.rand(3))
    with pytest.raises(ValueError, match=r"class_mask has shape \(4,\)"):
        cross_entropy(logits, torch.rand(4, 3), class_mask=torch.ones(4, dtype=torch.bool))
    with pytest.raises((IndexError, RuntimeError), match="out of bounds"):
        cross_entropy(logits, torch.tensor([0, 1, 2, 3]))


def test_sum_and_mass_is_asked_of_a_loss_by_its_own_function():
    logits, index = torch.randn(3, 4), torch.tensor([0, 1, 2])
    with pytest.raises(ValueError, match="loss is 'nll_loss', expected one of attention_distance, cross_entropy, exp"):
        sum_and_mass(F.nll_loss, logits, index)
    for loss in (cross_entropy, kl_divergence, focal_loss):
        with pytest.raises(TypeError, match="takes no reduction"):
            sum_and_mass(loss, logits, index, reduction="sum")
        with pytest.raises(ValueError, match="reduction is 'sum_and_mass', expected one of 'none', 'mean', 'sum'"):
            loss(logits, index, reduction="sum_and_mass")
