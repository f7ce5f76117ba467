"""Convolutions with fewer multiplications: equal to PyTorch's own, with their gradients, alone and mapped."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn import functional as F

from softlabel.networks import winograd
from softlabel.networks.winograd import Winograd, pays, with_winograd

SIZES = [(8, 8), (4, 4), (7, 9), (5, 13)]  # whole tiles, a single one, and tiles that reach beyond the map


@pytest.fixture(autouse=True)
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(winograd, "FEWEST_CHANNELS", 1)
    monkeypatch.setattr(winograd, "FEWEST_PIXELS", 1)


def normal(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("channels", "outputs"), [(3, 5), (5, 2)])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_equal_to_a_convolution(
    size: tuple[int, int], channels: int, outputs: int, layout: torch.memory_format
) -> None:
    torch.manual_seed(0)
    layer = nn.Conv2d(channels, outputs, 3, padding=1).double().to(memory_format=layout)
    x = torch.randn(2, channels, *size, dtype=torch.float64).to(memory_format=layout).requires_grad_()
    found, expected = Winograd(layer)(x), layer(x)
    assert "Convolve" in str(found.grad_fn.next_functions[0][0])
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
    weight = torch.randn_like(expected)
    inputs = (x, layer.weight, layer.bias)
    ours, theirs = (torch.autograd.grad((y * weight).sum(), inputs) for y in (found, expected))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


def test_gradients() -> None:
    torch.manual_seed(0)
    layer = Winograd(nn.Conv2d(2, 3, 3, padding=1, bias=False)).double()
    assert torch.autograd.gradcheck(
        lambda x, weight: functional_call(layer, {"weight": weight}, (x,)), (normal(2, 2, 5, 4), normal(3, 2, 3, 3))
    )


@pytest.mark.parametrize("dims", [(0, 0), (None, 0), (1, 0), (0, None)])
def test_a_mapped_call_is_a_loop(dims: tuple[int | None, int | None]) -> None:
    torch.manual_seed(0)
    layer = Winograd(nn.Conv2d(4, 3, 3, padding=1, bias=False)).double()
    x = normal(2, 4, 6, 6) if dims[0] is None else normal(*((3, 2) if dims[0] == 0 else (2, 3)), 4, 6, 6)
    weight = normal(3, 4, 3, 3) if dims[1] is None else normal(3, 3, 4, 3, 3)
    found = vmap(lambda x, w: functional_call(layer, {"weight": w}, (x,)), in_dims=dims)(x, weight)
    xs = [x] * 3 if dims[0] is None else x.unbind(dims[0])
    weights = [weight] * 3 if dims[1] is None else weight.unbind(0)
    expected = torch.stack([F.conv2d(a, b, padding=1) for a, b in zip(xs, weights, strict=True)])
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
    ours, theirs = (torch.autograd.grad(y.square().sum(), (x, weight)) for y in (found, expected))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-8)


def test_single_precision_rounds_little_more() -> None:
    torch.manual_seed(0)
    layer = nn.Conv2d(64, 64, 3, padding=1, bias=False)
    x = torch.randn(8, 64, 8, 8).relu()
    exact = F.conv2d(x.double(), layer.weight.double(), padding=1)
    wrong = [((y.double() - exact).norm() / exact.norm()).item() for y in (Winograd(layer)(x), layer(x))]
    assert wrong[0] < 2e-6
    assert wrong[0] < 5 * wrong[1]


def test_what_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(winograd, "FEWEST_CHANNELS", 32)
    monkeypatch.setattr(winograd, "FEWEST_PIXELS", 4)
    weight = torch.empty(32, 32, 3, 3)
    assert pays(torch.empty(1, 32, 4, 8), weight)
    assert not pays(torch.empty(1, 32, 3, 8), weight)
    assert not pays(torch.empty(1, 31, 4, 8), torch.empty(32, 31, 3, 3))
    assert not pays(torch.empty(1, 32, 4, 8, dtype=torch.bfloat16), weight)
    assert not pays(torch.empty(1, 32, 4, 8, device="meta"), weight)
    with torch.autocast("cpu", torch.bfloat16):
        assert not pays(torch.empty(1, 32, 4, 8), weight)


def test_where_it_does_not_pay_it_is_the_convolution(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(winograd, "FEWEST_CHANNELS", 32)
    layer, x = nn.Conv2d(4, 3, 3, padding=1), torch.randn(2, 4, 6, 6)
    torch.testing.assert_close(Winograd(layer)(x), layer(x), rtol=0, atol=0)


def test_only_convolutions_that_keep_the_size_are_exchanged() -> None:
    kept = [
        nn.Conv2d(2, 2, 3),
        nn.Conv2d(2, 2, 3, 2, 1),
        nn.Conv2d(2, 2, 1),
        nn.Conv2d(2, 2, 3, padding=1, groups=2),
        nn.Conv2d(2, 2, 3, padding=1, padding_mode="circular"),
        nn.Conv2d(2, 2, 3, padding="same"),
    ]
    module = with_winograd(nn.Sequential(nn.Sequential(nn.Conv2d(2, 2, 3, padding=1)), *kept))
    assert [type(layer) for layer in module[0]] == [Winograd]
    assert list(module[1:]) == kept
