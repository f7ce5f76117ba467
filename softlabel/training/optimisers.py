"""Optimisers, and their state as named tensors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, AdamW, Optimizer

from softlabel.bounded_files import one_line
from softlabel.errors import RunError
from softlabel.training.config import SettledTraining

_NAME = re.compile(r"(?P<index>\d{1,9})\.(?P<what>\w+)")
_STATE = {SGD: ("momentum_buffer",), AdamW: ("step", "exp_avg", "exp_avg_sq")}


def build_optimiser(
    parameters: Mapping[str, nn.Parameter],
    config: SettledTraining,
    weight_decay: float,
    rate_factors: Mapping[str, float] | None = None,
) -> Optimizer:
    """SGD, with Nesterov's step or without, or AdamW (Loshchilov & Hutter, ICLR 2019), in one fused update a step.

    rate_factors   dotted name of a part -> learning rate of its parameters over that of the others

    A factor is the group's own rate, so it is one under either optimiser, and its weight decay is as much smaller.
    """
    groups = _by_factor(parameters, rate_factors or {})
    if config.optimiser == "adamw":
        return AdamW(groups, lr=0.0, betas=(config.momentum, 0.999), weight_decay=weight_decay, fused=True)
    nesterov = config.momentum > 0 and config.nesterov
    return SGD(groups, lr=0.0, momentum=config.momentum, nesterov=nesterov, weight_decay=weight_decay, fused=True)


def set_rate(optimiser: Optimizer, rate: float) -> None:
    """Set the learning rate of the stage; each group has its factor of it."""
    for group in optimiser.param_groups:
        group["lr"] = rate * group["factor"]


def _by_factor(parameters: Mapping[str, nn.Parameter], rate_factors: Mapping[str, float]) -> list[dict[str, Any]]:
    groups: dict[float, list[nn.Parameter]] = {}
    for name, parameter in parameters.items():
        factors = [factor for part, factor in rate_factors.items() if f"{name}.".startswith(f"{part}.")]
        groups.setdefault(factors[0] if factors else 1.0, []).append(parameter)
    return [{"params": members, "factor": factor} for factor, members in groups.items()]


def optimiser_tensors(optimiser: Optimizer) -> dict[str, Tensor]:
    """All state as tensors named '<parameter's index>.<what>'; the rest follows from the configuration."""
    state = optimiser.state_dict()["state"]
    return {
        f"{index}.{what}": value
        for index, values in state.items()
        for what, value in values.items()
        if isinstance(value, Tensor)
    }


@torch.no_grad()
def load_optimiser(optimiser: Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Put back what `optimiser_tensors` gave. Raises RunError when it belongs to other parameters."""
    parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    optimiser.state.clear()
    for name, value in tensors.items():
        named = _NAME.fullmatch(name)
        if named is None or named["what"] not in _STATE[type(optimiser)]:
            raise RunError(
                f"the saved optimiser has {one_line(name)!r}, which is no part of {type(optimiser).__name__}"
            )
        index, what = int(named["index"]), named["what"]
        if index >= len(parameters):
            raise RunError(f"the saved optimiser has a parameter {index}, this one only {len(parameters)}")
        parameter = parameters[index]
        if value.shape != (() if what == "step" else parameter.shape) or not value.is_floating_point():
            raise RunError(f"the saved optimiser's {name} is {list(value.shape)}, expected {list(parameter.shape)}")
        optimiser.state[parameter][what] = _like(parameter, value)


def _like(parameter: Tensor, value: Tensor) -> Tensor:
    """In the parameter's memory format, so that the update runs through memory as it did before it was saved."""
    if value.shape != parameter.shape or not value.ndim:  # a step counter
        return value.to(parameter.device)
    return torch.empty_like(parameter).copy_(value)
