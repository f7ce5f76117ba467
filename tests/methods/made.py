"""Methods on a small ResNet and a made long tail, stage by stage, as the loop would drive them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from softlabel.data.batch import Batch
from softlabel.losses import SumAndMass
from softlabel.methods.base.discovery import find_method
from softlabel.methods.base.method import Method, TrainingSet
from softlabel.networks.build import build_network
from softlabel.networks.config import NetworkConfig
from softlabel.networks.inputs import InputSpec
from softlabel.tasks.classification import Classification
from softlabel.training.part_modes import freeze_parts, own_gradients, restore_gradients, set_modes

COUNTS = torch.tensor([64.0, 16.0, 4.0, 1.0], dtype=torch.float64)
IMAGES = InputSpec(kind="image", shape=(1, 8, 8), mean=[0.5], std=[0.25])


def made(name: str, **options: Any) -> Method:
    kind = find_method(name)
    network = build_network(NetworkConfig(backbone="resnet8", head=kind.head_kind), IMAGES, 4, 0)
    task = Classification(["a", "b", "c", "d"])
    return kind(kind.Config.model_validate(options), network, task, TrainingSet(85, COUNTS, lambda folder: network))


def batch(n: int = 16, seed: int = 0) -> Batch:
    g = torch.Generator().manual_seed(seed)
    inputs = torch.randint(0, 256, (n, 1, 8, 8), generator=g, dtype=torch.uint8)
    return Batch(inputs, torch.randint(0, 4, (n,), generator=g), torch.arange(n))


def enter(method: Method, stage_index: int) -> None:
    """Begin a stage: its modules, its gradients, its modes."""
    stage = method.stages()[stage_index]
    own = own_gradients(method)
    restore_gradients(method, own)
    method.begin_stage(stage)
    freeze_parts(method, stage.parts)
    set_modes(method, stage.parts)
    method.begin_epoch(0, 10)


def learn(method: Method, steps: int = 2, rate: float = 0.1) -> None:
    """Some steps of gradient descent on made batches, and the end of the epoch."""
    moving = [parameter for parameter in method.parameters() if parameter.requires_grad]
    optimiser = torch.optim.SGD(moving, lr=rate)
    for step in range(steps):
        optimiser.zero_grad()
        terms, weights = method(batch(seed=step)), method.weights()
        sum(weights.get(name, 1.0) * term.sum / term.mass for name, term in terms.items()).backward()
        optimiser.step()
    method.end_epoch(lambda tensor, operation: tensor)


def copies(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}


def after_first_stage(name: str, **options: Any) -> Method:
    method = made(name, **options)
    enter(method, 0)
    learn(method)
    return method


def mean(term: SumAndMass) -> torch.Tensor:
    return term.sum / term.mass


def answered(method: Method, data: Batch) -> NDArray[np.float64]:
    """The network's logits (N, K)."""
    with torch.no_grad():
        return method.network(data.inputs).double().numpy()  # type: ignore[no-any-return]
