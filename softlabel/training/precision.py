"""fp32 or bf16: asked for, or measured once on a few steps of the run's own network."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn

WARM_UP_STEPS = 2
MEASURED_STEPS = 5


@dataclass(frozen=True)
class Precision:
    """The choice of a run.

    name           fp32, or bf16: autocast of forward and backward; weights, losses and statistics stay fp32
    channels_last  memory layout of images and convolution weights; goes with bf16
    measured       images/s of both, where they were measured
    """

    name: Literal["fp32", "bf16"]
    channels_last: bool
    measured: dict[str, float] = field(default_factory=dict)

    @property
    def for_fabric(self) -> Literal["32-true", "bf16-mixed"]:
        """Fabric's name for it."""
        return "bf16-mixed" if self.name == "bf16" else "32-true"

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def choose_precision(asked: str, network: nn.Module, inputs: Tensor, device: torch.device) -> Precision:
    """What was asked for, or with 'auto' the faster of the two on this machine; the network is not touched."""
    images = inputs.dim() == 4
    options = {"fp32": Precision("fp32", False), "bf16": Precision("bf16", images)}
    if asked != "auto":
        return options[asked]
    speed = {name: _images_per_second(network, inputs, option, device) for name, option in options.items()}
    best = options[max(speed, key=lambda name: speed[name])]
    return Precision(best.name, best.channels_last, {name: round(value, 1) for name, value in speed.items()})


def _images_per_second(network: nn.Module, inputs: Tensor, option: Precision, device: torch.device) -> float:
    trial = copy.deepcopy(network).to(device).train()
    if option.channels_last:
        trial = trial.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    inputs = inputs.to(device)

    def step() -> None:
        with torch.autocast(device.type, torch.bfloat16, enabled=option.name == "bf16"):
            logits = trial(inputs)
        logits.float().logsumexp(-1).sum().backward()

    return len(inputs) / _seconds(step, device)


def _seconds(step: Callable[[], None], device: torch.device) -> float:
    """The shortest of a few steps: the least disturbed one."""
    times = []
    for _ in range(WARM_UP_STEPS + MEASURED_STEPS):
        start = time.perf_counter()
        step()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - start)
    return min(times[WARM_UP_STEPS:])
