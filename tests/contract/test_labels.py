"""Laws of every label kind found: whatever a label is lowered to, it is the distribution that it writes out."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from softlabel.labels import Dense, LabelDistribution, dense, mix
from softlabel.losses import cross_entropy, focal_loss, kl_divergence
from softlabel.losses.engine import fused
from tests.labels.kinds import discovered_kinds, example_of
from tests.oracle import labels as oracle

K = 6
SHAPE = (5, 3)
LOSSES = [cross_entropy, kl_divergence, focal_loss]


@pytest.fixture(params=discovered_kinds())
def kind(request):
    return request.param


@pytest.fixture
def label(kind) -> LabelDistribution:
    return example_of(kind)(SHAPE, K)[0]


@pytest.fixture
def rows(label):
    return label.dense(torch.float64)


@pytest.fixture(params=[False, True], ids=["whole", "in blocks"])
def block_size(request, monkeypatch):
    if request.param:
        monkeypatch.setitem(fused.BLOCK_BYTES, "cpu", 8 * K * 2)
        monkeypatch.setattr("softlabel.losses.engine.delegated.INDEX_LIMIT", 0)


def logits_like(label, dtype=torch.float64):
    shape = (label.shape[0], K, *label.shape[1:])
    return (2 * torch.randn(shape, dtype=torch.float64)).to(dtype).requires_grad_()


def value_and_gradient(loss, logits, target, **options):
    logits = logits.detach().clone().requires_grad_()
    value = loss(logits, target, **options)
    (gradient,) = torch.autograd.grad(value.sum(), logits)
    return value.detach(), gradient


def test_every_kind_has_an_example(kind):
    label, rows = example_of(kind)((7,), K)
    assert label.shape == (7,)
    assert label.num_classes == K
    np.testing.assert_allclose(label.dense(torch.float64).numpy(), rows, atol=1e-7)


def test_rows_sum_to_one_or_are_ignored(label, rows):
    assert rows.shape == (*SHAPE, K)
    assert (rows >= 0).all()
    torch.testing.assert_close(rows.sum(-1), label.mass.double(), atol=1e-6, rtol=0)
    assert set(label.mass.unique().tolist()) <= {0.0, 1.0}


def test_inner_entropy_and_expectation_are_those_of_the_rows(label, rows):
    logits = torch.randn(*SHAPE, K, dtype=torch.float64)
    values = torch.rand(K, dtype=torch.float64)
    close = {"atol": 1e-6, "rtol": 1e-6}
    np.testing.assert_allclose(label.inner(logits), oracle.inner(rows.numpy(), logits.numpy()), **close)
    np.testing.assert_allclose(label.entropy(torch.float64), oracle.entropy(rows.numpy()), **close)
    np.testing.assert_allclose(label.expectation(values), rows @ values, **close)


def test_added_in_place_it_is_the_rows(label, rows):
    for scale in (0.5, torch.rand(SHAPE, dtype=torch.float64)):
        sums = torch.zeros(*SHAPE, K, dtype=torch.float64)
        label.add_to_(sums, scale)
        known = label.mass.bool()
        expected = rows * (scale[..., None] if isinstance(scale, torch.Tensor) else scale)
        torch.testing.assert_close(sums[known], expected[known], atol=1e-6, rtol=0)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.usefixtures("block_size")
def test_a_loss_and_its_gradient_are_those_of_the_rows(label, rows, loss, reduction):
    logits = logits_like(label)
    lowered = value_and_gradient(loss, logits, label, reduction=reduction)
    written = value_and_gradient(loss, logits, rows.movedim(-1, 1), reduction=reduction)
    torch.testing.assert_close(lowered, written, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("loss", LOSSES)
def test_mixing_is_mixing_of_the_rows(label, rows, loss):
    other = torch.softmax(torch.randn(*SHAPE, K, dtype=torch.float64), -1)
    weight = torch.rand(SHAPE[0], dtype=torch.float64)
    share = weight[:, None, None]
    mixed = (share * rows + (1 - share) * other) * label.mass[..., None]
    logits = logits_like(label)
    lowered = value_and_gradient(loss, logits, mix(label, dense(other), weight))
    written = value_and_gradient(loss, logits, mixed.movedim(-1, 1))
    torch.testing.assert_close(lowered, written, atol=1e-6, rtol=1e-6)


@pytest.mark.usefixtures("block_size")
def test_a_mask_is_a_deletion(label):
    """Whatever the masked elements hold: here, NaN."""
    keep = torch.rand(SHAPE) > 0.4
    logits = logits_like(label).detach()
    logits.masked_fill_(~keep[:, None], float("nan"))
    value, gradient = value_and_gradient(cross_entropy, logits, label, mask=keep)
    flat = Dense(label.dense(torch.float64)[keep])
    expected, kept_gradient = value_and_gradient(cross_entropy, logits.movedim(1, -1)[keep], flat)
    torch.testing.assert_close(value, expected, atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(gradient.movedim(1, -1)[keep], kept_gradient, atol=1e-6, rtol=1e-6)
    assert (gradient.movedim(1, -1)[~keep] == 0).all()


def test_renaming_the_classes_renames_the_gradient(label, rows):
    order = torch.randperm(K)
    logits = logits_like(label)
    value, gradient = value_and_gradient(cross_entropy, logits, label)
    renamed, renamed_gradient = value_and_gradient(
        cross_entropy, logits[:, order], dense(rows[..., order], validate=False)
    )
    torch.testing.assert_close(renamed, value, atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(renamed_gradient, gradient[:, order], atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("loss", LOSSES)
def test_gradcheck(label, loss):
    logits = logits_like(label)
    assert torch.autograd.gradcheck(lambda z: loss(z, label, reduction="none", fused=False), (logits,))


@pytest.mark.usefixtures("block_size")
@pytest.mark.parametrize("reduction", ["none", "mean"])
@pytest.mark.parametrize("loss", LOSSES)
def test_the_fused_gradient_is_that_of_differences(label, reduction, loss):
    """What gradcheck does, with one backward per loss."""
    logits = logits_like(label).detach()
    direction = torch.randn_like(logits)
    step = 1e-6
    ahead, behind = (loss(logits + sign * step * direction, label, reduction=reduction) for sign in (1, -1))
    _, gradient = value_and_gradient(loss, logits, label, reduction=reduction)
    torch.testing.assert_close((gradient * direction).sum(), (ahead - behind).sum() / (2 * step), atol=1e-6, rtol=1e-6)


@pytest.mark.usefixtures("block_size")
def test_half_precision_is_close_and_keeps_dtype_and_strides(label):
    for dtype in (torch.bfloat16, torch.float16):
        logits = logits_like(label, dtype).detach().transpose(0, 2).contiguous().transpose(0, 2)
        value, gradient = value_and_gradient(cross_entropy, logits, label)
        exact, exact_gradient = value_and_gradient(cross_entropy, logits.double(), label)
        assert value.dtype == torch.float32
        assert gradient.dtype == dtype
        assert gradient.stride() == logits.stride()
        torch.testing.assert_close(value.double(), exact, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(gradient.double(), exact_gradient, atol=1e-3, rtol=1e-2)


def test_it_moves_to_another_device(label):
    moved = label.to("meta")
    assert all(tensor.device.type == "meta" for tensor in moved.tensors)
    assert moved.dense().shape == (*SHAPE, K)
    assert moved.device.type == "meta"
    assert moved.shape == label.shape


@pytest.mark.parametrize(
    "rows_wanted", [slice(1, 4), torch.tensor([3, 0, 0]), torch.tensor([True, False, True, True, False])]
)
def test_selected_rows_are_the_rows(label, rows, rows_wanted):
    chosen = label.select(rows_wanted)
    torch.testing.assert_close(chosen.dense(torch.float64), rows[rows_wanted])
    assert chosen.mass.tolist() == label.mass[rows_wanted].tolist()


def test_a_block_of_several_axes_is_the_block(label, rows):
    block = (slice(1, 2), slice(1, 3))
    torch.testing.assert_close(label.select(block).dense(torch.float64), rows[block])
