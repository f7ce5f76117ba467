"""DLDL, DLDL-v2, SORD and regression on a label axis, and what they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from softlabel.data.batch import Batch
from softlabel.methods.base.discovery import find_method
from softlabel.methods.base.method import Method, TrainingSet
from softlabel.networks.build import build_network
from softlabel.networks.config import NetworkConfig
from softlabel.networks.heads import ValueHead
from softlabel.networks.inputs import InputSpec
from softlabel.tasks.classification import Classification
from softlabel.tasks.config import AxisConfig
from softlabel.tasks.ordinal import Ordinal
from softlabel.tasks.pose import Pose

GRID = torch.arange(20.0, 41.0)
INPUTS = InputSpec(kind="features", shape=(6,), mean=[0.0] * 6, std=[1.0] * 6)
METHODS = ["dldl", "dldl_v2", "sord", "regression"]


def made(name: str, **options: Any) -> Method:
    kind = find_method(name)
    network = build_network(NetworkConfig(backbone="mlp", head=kind.head_kind), INPUTS, len(GRID), 0)
    counts = torch.zeros(len(GRID), dtype=torch.float64)
    counts[[5, 15]] = 50
    task = Ordinal(GRID, AxisConfig())
    return kind(kind.Config.model_validate(options), network, task, TrainingSet(100, counts, lambda folder: network))


def batch(n: int = 8) -> Batch:
    g = torch.Generator().manual_seed(0)
    value = 20 + 20 * torch.rand(n, generator=g)
    return Batch(torch.randn(n, 6, generator=g), torch.stack([value, torch.full((n,), torch.nan)], 1), torch.arange(n))


def log_p(method: Method, inputs: Tensor) -> np.ndarray:
    z = method.network(inputs).detach().double().numpy()
    return np.asarray(z - np.log(np.exp(z).sum(1, keepdims=True)))


def gaussian(values: np.ndarray, sigma: float) -> np.ndarray:
    q = np.exp(-((GRID.numpy()[None] - values[:, None]) ** 2) / (2 * sigma**2))
    return np.asarray(q / q.sum(1, keepdims=True))


@pytest.mark.parametrize(("sigma", "used"), [(None, 2.0), (5.0, 5.0)])
def test_dldl_is_the_divergence_from_a_gaussian(sigma: float | None, used: float) -> None:
    method, data = made("dldl", sigma=sigma), batch()
    q = gaussian(data.annotation[:, 0].double().numpy(), used)
    expected = (q * (np.log(np.maximum(q, 1e-300)) - log_p(method, data.inputs))).sum()
    term = method(data)["kl_divergence"]
    assert float(term.sum.detach()) == pytest.approx(expected, rel=1e-5)
    assert float(term.mass) == 8


def test_dldl_v2_adds_the_error_of_the_mean() -> None:
    method, data = made("dldl_v2", expectation_weight=2.0), batch()
    p = np.exp(log_p(method, data.inputs))
    expected = np.abs((p * GRID.numpy()).sum(1) - data.annotation[:, 0].numpy()).sum()
    terms = method(data)
    assert float(terms["expectation"].sum.detach()) == pytest.approx(expected, rel=1e-5)
    assert method.weights() == {"expectation": 2.0}
    coarse = made("dldl_v2", expectation_weight=2.0)
    coarse.grid = 5 * coarse.grid
    assert coarse.weights() == {"expectation": 0.4}
    plain = made("dldl")(data)["kl_divergence"].sum
    torch.testing.assert_close(terms["kl_divergence"].sum, plain)


@pytest.mark.parametrize(("distance", "power"), [("absolute", 1), ("squared", 2)])
def test_sord_falls_off_with_the_distance(distance: str, power: int) -> None:
    method, data = made("sord", distance=distance, scale=0.5), batch()
    away = np.abs(GRID.numpy()[None] - data.annotation[:, :1].double().numpy())
    q = np.exp(-0.5 * away**power)
    q /= q.sum(1, keepdims=True)
    term = method(data)["cross_entropy"]
    assert float(term.sum.detach()) == pytest.approx(-(q * log_p(method, data.inputs)).sum(), rel=1e-5)


@pytest.mark.parametrize(("error", "power"), [("absolute", 1), ("squared", 2)])
def test_regression_measures_errors_in_spreads_of_the_training_values(error: str, power: int) -> None:
    method, data = made("regression", error=error), batch()
    head = method.network.head
    assert isinstance(head, ValueHead)
    assert head.scale.tolist() == pytest.approx([30, 5])
    value = head.value(method.network.features(data.inputs).pooled).detach()
    expected = ((value - data.annotation[:, 0]) / 5).abs().pow(power).sum()
    torch.testing.assert_close(method(data)["error"].sum.detach(), expected)


def test_a_regression_answers_with_its_number_as_the_mean() -> None:
    method, data = made("regression"), batch()
    head = method.network.head
    assert isinstance(head, ValueHead)
    value = head.value(method.network.features(data.inputs).pooled).detach()
    inside = (value > 24) & (value < 36)
    assert bool(inside.any())
    mean = method.network(data.inputs).softmax(-1).detach() @ GRID
    torch.testing.assert_close(mean[inside], value[inside], atol=1e-3, rtol=0)


def test_two_angles_are_for_dldl_alone() -> None:
    network = build_network(NetworkConfig(backbone="mlp"), INPUTS, 4, 0)
    pose = Pose(torch.tensor([0.0, 1.0]), torch.tensor([0.0, 1.0]), AxisConfig())
    assert find_method("dldl").supports(pose, network) is None
    for name in ("dldl_v2", "sord", "regression"):
        reason = find_method(name).supports(pose, network)
        assert reason == "it needs one label axis, which the task pose has not"


@pytest.mark.parametrize("name", METHODS)
def test_classes_without_order_are_refused(name: str) -> None:
    network = build_network(NetworkConfig(backbone="mlp"), INPUTS, 3, 0)
    reason = find_method(name).supports(Classification(["a", "b", "c"]), network)
    assert reason is not None
    assert "classification" in reason
