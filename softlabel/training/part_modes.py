"""What of the training module moves in a stage, and how."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from softlabel.errors import UnsupportedError
from softlabel.methods.base.stage import PartMode


def restore_gradients(module: nn.Module, own: Mapping[str, bool]) -> None:
    """Undo what an earlier stage froze: parameters get gradients as the method made them; new ones stay as they are."""
    for name, parameter in module.named_parameters():
        parameter.requires_grad_(own.get(name, parameter.requires_grad))


def freeze_parts(module: nn.Module, parts: Mapping[str, PartMode]) -> None:
    """Take the gradients from the parts that a stage holds still. Raises UnsupportedError for an unknown part."""
    for name, mode in parts.items():
        if mode in ("shift", "frozen"):
            part_of(module, name).requires_grad_(False)


def set_modes(module: nn.Module, parts: Mapping[str, PartMode]) -> None:
    """Put the module in train mode, except the parts that a stage fixes; called again after every evaluation."""
    module.train()
    for name, mode in parts.items():
        part = part_of(module, name)
        if mode == "frozen":
            part.eval()
        elif mode == "fixed-statistics":
            for layer in part.modules():
                if isinstance(layer, _NormBase):
                    layer.eval()


def own_gradients(module: nn.Module) -> dict[str, bool]:
    """Which parameters ask for gradients as the method made them (a teacher's do not)."""
    return {name: parameter.requires_grad for name, parameter in module.named_parameters()}


def part_of(module: nn.Module, name: str) -> nn.Module:
    """The part of this dotted name."""
    try:
        return module.get_submodule(name)
    except AttributeError:
        raise UnsupportedError(
            f"a stage names the part {name!r}, which {type(module).__name__} does not have"
        ) from None
