"""Several copies of a backbone's last stage, each with a classifier of its own, run as one batched computation."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from softlabel.networks.initialise import initialise
from softlabel.networks.network import Backbone
from softlabel.networks.row_batch_norm import RowBatchNorm, with_row_batch_norm


class BranchOutputs(NamedTuple):
    """What the branches make of a batch: their semantic features (B, N, D), and logits (B, N, K)."""

    features: Tensor
    logits: Tensor


class Branches(nn.Module):
    """What goes into the last stage (N, C, H, W) or (N, D) -> features and logits of every branch.

    No branch shares a weight with another one or with the backbone's own last stage: each begins as a copy of a
    pretrained one, or is drawn anew. Convolutions become grouped ones, so a pass has as many calls as one stage has,
    whatever the number of branches. The stages' tensors lie one after another along their first dimension, under the
    names that the stage gives them.
    """

    def __init__(self, backbone: Backbone, num_branches: int, num_classes: int) -> None:
        super().__init__()
        self.num_branches = num_branches
        stages = [with_row_batch_norm(_new_stage(backbone)) for _ in range(num_branches)]
        self.stage, self._shapes = _joined(stages)
        self.classifier = BranchClassifiers(backbone.num_features, num_branches, num_classes)
        self._pool: Callable[[Tensor], Tensor] = backbone.pool
        self._norms = [name for name, layer in self.stage.named_modules() if isinstance(layer, RowBatchNorm)]

    @property
    def learns_features(self) -> bool:
        """Whether a branch can come to see other features than the backbone's own last stage gives."""
        return any(True for _ in self.stage.parameters())

    def forward(self, level: Tensor, kept: Tensor) -> BranchOutputs:
        """kept (B, N) says which rows a branch normalises by: the ones that it is trained on."""
        tensors = {name: value.view(self.num_branches, *self._shapes[name]) for name, value in self._tensors()}
        pooled: Tensor = vmap(self._one, in_dims=(0, 0, None), randomness="different")(tensors, kept.float(), level)
        return BranchOutputs(pooled, self.classifier.of_each(pooled))

    def _one(self, tensors: dict[str, Tensor], rows: Tensor, level: Tensor) -> Tensor:
        masks = {f"{name}.rows": rows for name in self._norms}
        return self._pool(functional_call(self.stage, {**tensors, **masks}, (level,)))

    def _tensors(self) -> list[tuple[str, Tensor]]:
        named = [*self.stage.named_parameters(), *self.stage.named_buffers()]
        return [(name, value) for name, value in named if name in self._shapes]


class BranchClassifiers(nn.Module):
    """A linear classifier per branch."""

    learns_features = False

    def __init__(self, num_features: int, num_branches: int, num_classes: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(num_branches, num_classes, num_features))
        self.bias = nn.Parameter(torch.zeros(num_branches, 1, num_classes))
        nn.init.normal_(self.weight, std=(2 / num_features) ** 0.5)

    def forward(self, pooled: Tensor, kept: Tensor) -> BranchOutputs:
        """The same features (N, D) for every branch; they are classified alike, kept or not."""
        features = pooled.expand(len(self.weight), *pooled.shape)
        return BranchOutputs(features, self.of_each(features))

    def of_each(self, pooled: Tensor) -> Tensor:
        """Features of every branch (B, N, D) -> logits (B, N, K)."""
        return torch.baddbmm(self.bias, pooled, self.weight.mT)


def _new_stage(backbone: Backbone) -> nn.Module:
    stage = backbone.clone_last_stage()
    if not backbone.pretrained:
        initialise(stage)
    return stage.requires_grad_(True)


def _joined(stages: list[nn.Module]) -> tuple[nn.Module, dict[str, torch.Size]]:
    """The first stage, holding the tensors of all; and the shape of each tensor in one stage."""
    whole, shapes = stages[0], {}
    for path, owner in list(whole.named_modules()):
        others = [stage.get_submodule(path) for stage in stages]
        for name, value in list(owner.named_parameters(recurse=False)):
            shapes[_dotted(path, name)] = value.shape
            joined = torch.cat([other.get_parameter(name).detach() for other in others])
            owner.register_parameter(name, nn.Parameter(joined))
        for name, value in list(owner.named_buffers(recurse=False)):
            if name in owner._non_persistent_buffers_set:
                continue
            shapes[_dotted(path, name)] = value.shape
            setattr(
                owner, name, torch.stack([other.get_buffer(name) for other in others]).flatten(0, min(1, value.dim()))
            )
    return whole, shapes


def _dotted(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
