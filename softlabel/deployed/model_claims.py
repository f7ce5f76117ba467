"""What a model.json claims of its network, checked against the tensors before any memory is taken for it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from softlabel.errors import RunError
from softlabel.networks.config import NetworkConfig
from softlabel.networks.hub import PREFIX
from softlabel.networks.inputs import InputSpec
from softlabel.networks.timm_backbone import PREFIX as TIMM
from softlabel.tasks.resolve import task_from_json

MOST_PIXELS = 50_000_000
"""As many as the images of a source may have."""

MOST_IN_ORIGIN = 1_000_000
"""More than any width, number of classes or image side in the configuration of a pretrained network."""

DEEP = ("layer", "depth", "stage", "block")


def refuse_no_task(task: Mapping[str, Any], outputs: int) -> None:
    """Raise ValueError for classes that are not `outputs` different names, or a task that is none of ours."""
    names = task["class_names"]
    if not isinstance(names, list) or len(names) != outputs:
        raise ValueError(f"it has not one class name for each of {outputs} outputs")
    if not all(isinstance(name, str) for name in names) or len(set(names)) != outputs:
        raise ValueError("the class names are not different texts")
    task_from_json(task)


def refuse_huge_inputs(inputs: InputSpec) -> None:
    """Raise ValueError for images that no source may hold, to which `predict` would enlarge others."""
    if inputs.kind == "image" and math.prod(inputs.shape[1:]) > MOST_PIXELS:
        raise ValueError(f"inputs of {inputs.shape[1]} x {inputs.shape[2]} pixels, at most {MOST_PIXELS:,} are allowed")


def refuse_no_origin(config: NetworkConfig) -> None:
    """Raise ValueError for a pretrained network without its configuration, which would be asked of the network."""
    if config.backbone.startswith((PREFIX, TIMM)):
        raise ValueError("it names a pretrained backbone without that backbone's configuration")


def refuse_huge_origin(path: Path, origin: Mapping[str, Any], state: Mapping[str, Tensor]) -> None:
    """Raise RunError for a pretrained network of more layers than tensors, or with sizes that no such network has."""
    for name, number in _numbers(origin):
        most = len(state) if any(word in name for word in DEEP) else MOST_IN_ORIGIN
        if number > most:
            raise RunError(f"{path} belongs to another network: {name[:60]} is {number:.6g}, at most {most:,} can be")


def _numbers(value: Any, name: str = "origin") -> Iterator[tuple[str, float]]:
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from _numbers(part, str(key))
    elif isinstance(value, list):
        for part in value:
            yield from _numbers(part, name)
    elif isinstance(value, (int, float)):
        yield name, value


def refuse_unbacked_widths(
    path: Path, state: Mapping[str, Tensor], config: NetworkConfig, inputs: InputSpec, outputs: int
) -> None:
    """Raise RunError for a description whose widths no tensor has, before memory is taken for them."""
    is_mlp = config.backbone == "mlp" or (config.backbone == "auto" and inputs.kind == "features")
    flat = is_mlp or config.backbone == "linear"
    widths = [outputs, inputs.size if flat else inputs.channels, *(config.hidden if is_mlp else ())]
    there = {length for value in state.values() for length in value.shape}
    absent = [width for width in widths if width not in there]
    if absent or len(config.hidden) > len(state):
        raise RunError(f"{path} belongs to another network: no tensor has the width {absent[:1] or len(config.hidden)}")


def refuse_other_shapes(path: Path | str, state: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    """Raise RunError with the first tensor that is missing, of another shape or type, or not expected."""
    for name in sorted(state.keys() | expected.keys()):
        found, wanted = (_kind(tensors.get(name)) for tensors in (state, expected))
        if found != wanted:
            raise RunError(f"{path} belongs to another network: {name} is {found}, expected {wanted}")


def _kind(value: Tensor | None) -> str:
    if value is None:
        return "missing"
    return f"{str(value.dtype).removeprefix('torch.')} of shape {list(value.shape)}"
