"""Methods on a label axis of 21 values, with a made training part of spread 5 around 30."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from softlabel.data.batch import Batch
from softlabel.methods.base.discovery import find_method
from softlabel.methods.base.method import Method, TrainingSet
from softlabel.networks.build import build_network
from softlabel.networks.config import NetworkConfig
from softlabel.networks.inputs import InputSpec
from softlabel.tasks.config import AxisConfig
from softlabel.tasks.ordinal import Ordinal

GRID = torch.arange(20.0, 41.0)
INPUTS = InputSpec(kind="features", shape=(6,), mean=[0.0] * 6, std=[1.0] * 6)


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


def logits(method: Method, inputs: Tensor) -> np.ndarray:
    return np.asarray(method.network(inputs).detach().double().numpy())


def log_p(method: Method, inputs: Tensor) -> np.ndarray:
    z = logits(method, inputs)
    return np.asarray(z - np.log(np.exp(z).sum(1, keepdims=True)))


def gaussian(values: np.ndarray, sigma: float) -> np.ndarray:
    q = np.exp(-((GRID.numpy()[None] - values[:, None]) ** 2) / (2 * sigma**2))
    return np.asarray(q / q.sum(1, keepdims=True))
