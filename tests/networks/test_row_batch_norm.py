"""Batch normalisation by some rows: against PyTorch's own on those rows, and without a trace of the others."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from softlabel.networks.row_batch_norm import RowBatchNorm, with_row_batch_norm

KEPT = torch.tensor([1.0, 0.0, 1.0, 1.0, 0.0, 1.0])
SHAPES = [(6, 3), (6, 3, 4), (6, 3, 4, 2)]
LAYERS: dict[int, type[nn.Module]] = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d}


def pair(shape: tuple[int, ...]) -> tuple[nn.Module, RowBatchNorm]:
    """PyTorch's layer and ours with the same weights and statistics, in double precision."""
    torch.manual_seed(0)
    layer = LAYERS[len(shape)](3).double()
    for tensor in (layer.weight, layer.bias, layer.running_mean):
        nn.init.normal_(tensor)
    return layer, RowBatchNorm(layer)


def values(shape: tuple[int, ...]) -> Tensor:
    return (
        torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 3 + 5
    ).requires_grad_()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kept", [torch.ones(6), KEPT], ids=["all", "some"])
def test_the_rows_that_count_are_normalised_as_if_alone(shape: tuple[int, ...], kept: Tensor) -> None:
    theirs, ours = pair(shape)
    ours.rows = kept
    rows = kept.bool()
    x, alone = values(shape), values(shape)
    found, expected = ours(x)[rows], theirs(alone[rows])
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
    for one, other in ((ours.running_mean, theirs.running_mean), (ours.running_var, theirs.running_var)):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)
    weight = torch.randn_like(expected)
    (found * weight).sum().backward()
    (expected * weight).sum().backward()
    torch.testing.assert_close(x.grad, alone.grad, rtol=1e-7, atol=1e-9)
    torch.testing.assert_close(ours.weight.grad, theirs.weight.grad, rtol=1e-7, atol=1e-9)
    torch.testing.assert_close(ours.bias.grad, theirs.bias.grad, rtol=1e-7, atol=1e-9)


def test_gradients_of_all_rows_through_the_statistics() -> None:
    _, ours = pair((6, 3, 4))
    ours.rows = KEPT
    ours.momentum = 0.0  # so that every call of the check is the same function
    assert torch.autograd.gradcheck(ours, (values((6, 3, 4)),))


def test_a_row_that_does_not_count_leaves_no_trace() -> None:
    _, one = pair((6, 3, 4))
    _, other = pair((6, 3, 4))
    one.rows = other.rows = KEPT
    x = values((6, 3, 4)).detach()
    changed = torch.where(KEPT.bool()[:, None, None], x, 1e3)
    rows = KEPT.bool()
    torch.testing.assert_close(one(x)[rows], other(changed)[rows], rtol=0, atol=0)
    torch.testing.assert_close(one.running_var, other.running_var, rtol=0, atol=0)


def test_where_no_row_counts_the_running_statistics_do() -> None:
    theirs, ours = pair((6, 3, 4))
    ours.rows = torch.zeros(6)
    x = values((6, 3, 4)).detach()
    before = ours.running_mean.clone()
    torch.testing.assert_close(ours(x), theirs.eval()(x))
    assert torch.equal(ours.running_mean, before)
    torch.testing.assert_close(ours.eval()(x), theirs(x))


def test_layers_are_exchanged_at_every_depth() -> None:
    module = nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.BatchNorm1d(3)), nn.BatchNorm1d(3, affine=False))
    kinds = [type(layer) for layer in with_row_batch_norm(module).modules()]
    assert kinds.count(RowBatchNorm) == 1
    assert kinds.count(nn.BatchNorm1d) == 1  # without weights of its own it stays
