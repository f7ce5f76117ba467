"""A training step of a method on random images, ready to be timed: forward, backward and SGD of a ResNet-32."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from softlabel.data.batch import Batch
from softlabel.methods.base.discovery import find_method
from softlabel.methods.base.method import Method, TrainingSet
from softlabel.networks.build import build_network
from softlabel.networks.config import NetworkConfig
from softlabel.networks.inputs import InputSpec
from softlabel.tasks.classification import Classification
from softlabel.training.part_modes import freeze_parts, set_modes

INPUTS = InputSpec(kind="image", shape=(3, 32, 32), mean=[0.5] * 3, std=[0.25] * 3)
ROWS = 128


def random_batch(num_classes: int) -> Batch:
    """128 colour images of 32 x 32, of all classes in turn."""
    images = torch.randint(0, 256, (ROWS, 3, 32, 32), dtype=torch.uint8)
    return Batch(images, torch.arange(ROWS) % num_classes, torch.arange(ROWS))


def method_of(name: str, options: Mapping[str, Any], counts: Tensor) -> Method:
    """A method with a ResNet-32 for classes of these counts."""
    kind = find_method(name)
    network = build_network(NetworkConfig(backbone="resnet32"), INPUTS, len(counts), 0)
    task = Classification([str(k) for k in range(len(counts))])
    training_set = TrainingSet(int(counts.sum()), counts, lambda folder: network)
    return kind(kind.Config.model_validate(options), network, task, training_set)


class TrainingStep:
    """A method in its first or second stage. Called, it makes one step and says the seconds.

    On a CPU those that the process had a processor for, so that other work on the machine counts less.
    """

    def __init__(self, method: Method, batch: Batch, *, stage: int = 0) -> None:
        self.method, self.batch = method, batch
        stages = method.stages()
        for begun in stages[: stage + 1]:
            method.begin_stage(begun)
        freeze_parts(method, stages[stage].parts)
        set_modes(method, stages[stage].parts)
        method.to(batch.inputs.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        moving = [parameter for parameter in method.parameters() if parameter.requires_grad]
        self.optimiser = torch.optim.SGD(moving, lr=0.001, momentum=0.9, fused=True)

    def loss(self) -> Tensor:
        terms, weights = self.method(self.batch), self.method.weights()
        return torch.stack([weights.get(name, 1.0) * term.sum / term.mass for name, term in terms.items()]).sum()

    def __call__(self) -> float:
        started = clock(self.batch)
        self.loss().backward()
        self.optimiser.step()
        self.optimiser.zero_grad()
        return clock(self.batch) - started


def clock(batch: Batch) -> float:
    """Seconds by which work on a batch is timed."""
    if not batch.inputs.is_cuda:
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()
