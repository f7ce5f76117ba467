"""fp32 or bf16 and the memory layout: asked for, or measured once on a few steps of the run's own network."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn

from softlabel.data.samples import Samples
from softlabel.training.config import TrainingConfig

WARM_UP_STEPS = 2
MEASURED_STEPS = 5


@dataclass(frozen=True)
class Precision:
    """The choice of a run.

    name           fp32, or bf16: autocast of forward and backward; weights, losses and statistics stay fp32
    channels_last  memory layout of images and convolution weights; goes with bf16, and with fp32 where it is faster
    measured       images/s of each way, where they were measured
    """

    name: Literal["fp32", "bf16"]
    channels_last: bool
    measured: dict[str, float] = field(default_factory=dict)

    @property
    def setting(self) -> str:
        """The option of the configuration that asks for it."""
        return "fp32-channels-last" if self.name == "fp32" and self.channels_last else self.name

    @property
    def for_fabric(self) -> Literal["32-true", "bf16-mixed"]:
        """Fabric's name for it."""
        return "bf16-mixed" if self.name == "bf16" else "32-true"

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def choose_precision(asked: str, network: nn.Module, inputs: Tensor, device: torch.device) -> Precision:
    """What was asked for, or with 'auto' the fastest way on this machine; the network is not touched."""
    images = inputs.dim() == 4
    options = {option.setting: option for option in (Precision("fp32", False), Precision("bf16", images))}
    if images:
        options["fp32-channels-last"] = Precision("fp32", True)
    if asked != "auto":
        return options.get(asked, options["fp32"])
    speed = {name: _images_per_second(network, inputs, option, device) for name, option in options.items()}
    best = options[max(speed, key=lambda name: speed[name])]
    return Precision(best.name, best.channels_last, {name: round(value, 1) for name, value in speed.items()})


def precision_for(config: TrainingConfig, network: nn.Module, training: Samples, device: torch.device) -> Precision:
    """The precision of a run that trains this network on these samples; nothing random moves outside."""
    some = training.read(torch.arange(min(len(training), config.batch_size)))
    with torch.random.fork_rng(devices=[]):
        return choose_precision(config.precision, network, some, device)


def _images_per_second(network: nn.Module, inputs: Tensor, option: Precision, device: torch.device) -> float:
    trial = copy.deepcopy(network).to(device).train()
    if option.channels_last:
        trial = trial.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    inputs = inputs.to(device)

    def step() -> None:
        with torch.autocast(device.type, torch.bfloat16, enabled=option.name == "bf16"):
            logits = trial(inputs)
        logits.float().logsumexp(-1).sum().backward()

    return len(inputs) / seconds_of(step, device)


def seconds_of(step: Callable[[], None], device: torch.device) -> float:
    """The shortest of a few steps: the least disturbed one."""
    times = []
    for _ in range(WARM_UP_STEPS + MEASURED_STEPS):
        start = time.perf_counter()
        step()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - start)
    return min(times[WARM_UP_STEPS:])
