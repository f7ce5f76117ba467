"""Branches as one batched computation: equal to a loop over copies, with as many calls as one copy has."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from softlabel.networks.branches import BranchClassifiers, Branches
from softlabel.networks.mlp import MLP
from softlabel.networks.network import Backbone
from softlabel.networks.resnet import ResNet

NUM_BRANCHES, NUM_CLASSES = 3, 2
INDEX = torch.tensor([0, 1, 2, 0, 1, 2, 0, 0])
KEPT = torch.arange(NUM_BRANCHES)[:, None] != INDEX


def resnet() -> tuple[Backbone, Tensor]:
    return ResNet(1, blocks=2), torch.randn(8, 32, 6, 6, dtype=torch.float64)


def mlp() -> tuple[Backbone, Tensor]:
    return MLP(5, (7, 6)), torch.randn(8, 7, dtype=torch.float64)


def made(backbone: Backbone, count: int = NUM_BRANCHES) -> Branches:
    torch.manual_seed(0)
    return Branches(backbone, count, NUM_CLASSES).double()


def copies(branches: Branches, backbone: Backbone) -> list[nn.Module]:
    """Ordinary stages with the weights of each branch."""
    found = []
    for place in range(branches.num_branches):
        stage = backbone.clone_last_stage().double()
        own = {
            name: value.chunk(branches.num_branches)[place]
            for name, value in branches.stage.state_dict().items()
            if not name.endswith("rows")
        }
        missing = stage.load_state_dict(own, strict=False).missing_keys
        assert all(name.endswith("num_batches_tracked") for name in missing)
        found.append(stage)
    return found


@pytest.mark.parametrize("kind", [resnet, mlp])
@pytest.mark.parametrize("training", [True, False])
def test_equal_to_a_loop_over_copies(kind: Any, training: bool) -> None:
    torch.manual_seed(1)
    backbone, level = kind()
    branches = made(backbone).train(training)
    stages = [stage.train(training) for stage in copies(branches, backbone)]
    ours, theirs = level.clone().requires_grad_(), level.clone().requires_grad_()
    features, logits = branches(ours, KEPT)
    assert logits.shape == (NUM_BRANCHES, 8, NUM_CLASSES)
    weight = torch.randn_like(logits)
    loss = torch.zeros((), dtype=torch.float64)
    for place, stage in enumerate(stages):
        rows = KEPT[place]
        pooled = backbone.pool(stage(theirs[rows]))
        torch.testing.assert_close(features[place, rows], pooled, rtol=1e-9, atol=1e-9)
        expected = F.linear(pooled, branches.classifier.weight[place], branches.classifier.bias[place, 0])
        torch.testing.assert_close(logits[place, rows], expected, rtol=1e-9, atol=1e-9)
        loss = loss + (expected * weight[place, rows]).sum()
    ((logits * weight)[KEPT]).sum().backward()
    loss.backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-7, atol=1e-9)
    for name, value in branches.stage.named_parameters():
        parts = [dict(stage.named_parameters())[name].grad for stage in stages]
        torch.testing.assert_close(value.grad, torch.cat(parts), rtol=1e-7, atol=1e-9)
    for name, value in branches.stage.named_buffers():
        if name.endswith(("running_mean", "running_var")):
            parts = [dict(stage.named_buffers())[name] for stage in stages]
            torch.testing.assert_close(value, torch.cat(parts), rtol=1e-9, atol=1e-12)


class Calls(TorchDispatchMode):
    """Counts the convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += "convolution" in str(function)
        return function(*args, **(kwargs or {}))


def convolutions(branches: Branches, level: Tensor, kept: Tensor) -> int:
    with Calls() as calls:
        branches(level, kept).logits.sum().backward()
    return calls.count


def test_the_number_of_calls_does_not_grow_with_the_branches() -> None:
    backbone, level = resnet()
    some = convolutions(made(backbone), level, KEPT)
    many = convolutions(made(backbone, 9), level, KEPT.repeat(3, 1))
    assert some == many > 0


def test_branches_begin_apart_from_each_other_and_from_the_backbone() -> None:
    backbone, _ = resnet()
    weight = made(backbone).stage.state_dict()["0.conv1.weight"].chunk(NUM_BRANCHES)
    own = backbone.last_stage().state_dict()["0.conv1.weight"]
    assert not torch.equal(weight[0], weight[1])
    assert not any(torch.equal(each.float(), own) for each in weight)


@pytest.mark.parametrize("kind", [resnet, mlp])
def test_a_pretrained_last_stage_is_copied_into_every_branch(kind: Any) -> None:
    backbone, level = kind()
    backbone.pretrained = True
    with torch.no_grad():
        for value in backbone.last_stage().state_dict().values():
            value.add_(1)  # what no initialisation gives, statistics included
    branches = made(backbone).eval()
    features = branches(level, KEPT).features
    expected = backbone.pool(backbone.double().eval().last_stage()(level))
    for each in features:
        torch.testing.assert_close(each, expected)
    assert not torch.equal(branches.classifier.weight[0], branches.classifier.weight[1])
    branches.stage.get_parameter(next(name for name, _ in branches.stage.named_parameters())).data.zero_()
    torch.testing.assert_close(backbone.pool(backbone.last_stage()(level)), expected)  # a copy, not the stage itself


def test_channels_last_and_a_copy_give_the_same() -> None:
    backbone, level = resnet()
    branches = made(backbone)
    expected = branches.eval()(level, KEPT)
    moved = copy.deepcopy(branches).to(memory_format=torch.channels_last)
    torch.testing.assert_close(moved(level.contiguous(memory_format=torch.channels_last), KEPT), expected)


def test_classifiers_alone_see_the_same_features() -> None:
    torch.manual_seed(0)
    classifiers = BranchClassifiers(4, NUM_BRANCHES, NUM_CLASSES)
    pooled = torch.randn(8, 4)
    features, logits = classifiers(pooled, KEPT)
    assert torch.equal(features, pooled.expand(NUM_BRANCHES, 8, 4))
    for place in range(NUM_BRANCHES):
        expected = F.linear(pooled, classifiers.weight[place], classifiers.bias[place, 0])
        torch.testing.assert_close(logits[place], expected)
