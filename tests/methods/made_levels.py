"""Methods on rows of several labels, some of them difficult and some without any."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from softlabel.data.batch import Batch
from softlabel.methods.base.discovery import find_method
from softlabel.methods.base.method import Method, TrainingSet
from softlabel.networks.build import build_network
from softlabel.networks.config import NetworkConfig
from softlabel.networks.inputs import InputSpec
from softlabel.randomness import addressed
from softlabel.tasks.multi_label import MultiLabel

K = 5
NAMES = [f"label {k}" for k in range(K)]
INPUTS = InputSpec(kind="features", shape=(6,), mean=[0.0] * 6, std=[1.0] * 6)
NETWORK = build_network(NetworkConfig(backbone="mlp"), INPUTS, K, 0)


def training_levels(rows: int = 60, seed: int = 0) -> Tensor:
    """Labels 0 and 1 occur together more often than by chance, 3 and 4 as well; some rows have none."""
    g = torch.Generator().manual_seed(seed)
    level = torch.zeros(rows, K, dtype=torch.uint8)
    topic = torch.randint(0, 3, (rows,), generator=g)
    for k, (own, other) in enumerate([(0.8, 0.1), (0.7, 0.1), (0.3, 0.3), (0.1, 0.8), (0.2, 0.7)]):
        p = torch.where(topic == 0, own, torch.where(topic == 1, other, 0.15))
        level[:, k] = 2 * torch.bernoulli(p, generator=g).to(torch.uint8)
    level[torch.rand(rows, K, generator=g) < 0.1] = 1
    level[::11] = 0
    return level


def made(name: str, **options: Any) -> Method:
    kind = find_method(name)
    training_set = TrainingSet(60, torch.ones(K), lambda folder: NETWORK, training_levels())
    with addressed(0, "method"):
        return kind(kind.Config.model_validate(options), NETWORK, MultiLabel(NAMES), training_set)


def batch(level: Tensor) -> Batch:
    g = torch.Generator().manual_seed(1)
    return Batch(torch.randn(len(level), 6, generator=g), level, torch.arange(len(level)))
