"""Networks of the user's own."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from softlabel.errors import UnsupportedError
from softlabel.networks.adapter import adapt
from softlabel.networks.inputs import InputSpec

INPUTS = InputSpec("image", (1, 8, 8), [0.5], [0.25])
PIXELS = torch.randint(0, 256, (3, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


class Own(nn.Module):
    """Two stages, global pooling, a head."""

    def __init__(self) -> None:
        super().__init__()
        self.layer1 = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU())
        self.layer2 = nn.Sequential(nn.Conv2d(4, 6, 3, stride=2), nn.ReLU())
        self.fc = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.layer2(self.layer1(x)).mean(dim=(2, 3)))


class Tail(Own):
    def forward(self, x: Tensor) -> Tensor:
        return F.log_softmax(super().forward(x), dim=1)


def standardised(x: Tensor) -> Tensor:
    return (x.float() / 255 - 0.5) / 0.25


@pytest.mark.parametrize("head", ["fc", None])
def test_an_adapted_module_computes_what_the_module_does(head: str | None) -> None:
    module = Own().eval()
    network = adapt(module, INPUTS, head=head).eval()
    torch.testing.assert_close(network(PIXELS), module(standardised(PIXELS)))
    assert network.backbone.num_features == 6
    assert network.features(PIXELS).pooled.shape == (3, 6)


def test_the_users_module_is_not_touched() -> None:
    module = Own()
    before, keys = copy.deepcopy(module.state_dict()), [name for name, _ in module.named_modules()]
    network = adapt(module, INPUTS, head="fc", stages=["layer1", "layer2"])
    network(PIXELS).sum().backward()
    assert keys == [name for name, _ in module.named_modules()]
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())
    assert all(parameter.grad is None for parameter in module.parameters())
    assert module.training
    assert network.training


def test_named_stages_give_the_pyramid_and_a_last_stage() -> None:
    network = adapt(Own(), INPUTS, head="fc", stages=["layer1", "layer2"]).eval()
    levels, pooled = network.features(PIXELS)
    assert network.backbone.widths == (4, 6)
    assert network.backbone.spatial
    assert [tuple(level.shape[1:]) for level in levels] == [(4, 8, 8), (6, 3, 3)]
    torch.testing.assert_close(network.backbone.pool(network.backbone.clone_last_stage()(levels[-2])), pooled)
    assert not any(layer._forward_hooks for layer in network.modules())
    assert network.backbone.pretrained  # nobody here knows how its weights were drawn


def test_a_copy_of_a_network_hears_its_own_stages() -> None:
    network = adapt(Own(), INPUTS, head="fc", stages=["layer1", "layer2"]).eval()
    twin = copy.deepcopy(network)
    with torch.no_grad():
        twin.backbone.module.layer2[0].bias += 100
    assert not torch.equal(network.features(PIXELS).levels[1], twin.features(PIXELS).levels[1])


def test_a_new_head_has_as_many_outputs_as_asked() -> None:
    network = adapt(Own(), INPUTS, head="fc", num_outputs=11)
    assert network(PIXELS).shape == (3, 11)
    assert isinstance(network.head, nn.Linear)


def test_a_feature_function_stands_in_for_a_head() -> None:
    network = adapt(
        Own(), INPUTS, features=lambda module, x: module.layer2(module.layer1(x)).amax(dim=(2, 3)), num_outputs=2
    )
    assert network(PIXELS).shape == (3, 2)
    with pytest.raises(UnsupportedError, match="num_outputs"):
        adapt(Own(), INPUTS, features=lambda module, x: module.layer1(x).mean(dim=(2, 3)))


def test_a_head_inside_a_sequence_and_vectors_as_levels() -> None:
    module = nn.Sequential(
        nn.Linear(4, 8),
        nn.ReLU(),
        nn.Sequential(nn.Linear(8, 8), nn.ReLU()),
        nn.Sequential(nn.Dropout(), nn.Linear(8, 3)),
    )
    inputs = InputSpec("features", (4,), [0.0] * 4, [1.0] * 4)
    network = adapt(module, inputs, head="3.1", stages=["1", "2"]).eval()
    x = torch.randn(5, 4)
    torch.testing.assert_close(network(x), module.eval()(x))
    assert not network.backbone.spatial
    assert network.backbone.widths == (8, 8)
    assert network.backbone.last_stage() is network.backbone.module[2]


class Halve(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.float() / 2


def test_preprocessing_of_ones_own() -> None:
    module = Own().eval()
    network = adapt(module, INPUTS, head="fc", preprocess=Halve()).eval()
    torch.testing.assert_close(network(PIXELS), module(PIXELS / 2))
    with pytest.raises(UnsupportedError, match="fails on"):
        adapt(module, INPUTS, head="fc", preprocess=nn.Identity())  # bytes in front of a convolution


@pytest.mark.parametrize(
    ("module", "options", "words"),
    [
        (Own(), {"head": "classifier"}, "no part 'classifier'; it has layer1, layer2, fc"),
        (Own(), {"head": "fc", "stages": ["layer9"]}, "no part 'layer9'"),
        (Tail(), {"head": "fc"}, "not that of 'fc'"),
        (Own(), {"head": "layer1"}, "without 'layer1' the module fails"),
        (nn.Sequential(nn.Conv2d(1, 2, 3)), {}, "no linear layer"),
        (Own(), {"features": lambda module, x: module.layer1(x), "num_outputs": 2}, r"\(N, D\)"),
        (Own(), {"head": "fc", "stages": ["layer1", "fc"]}, "must all give maps"),
    ],
)
def test_refusals(module: nn.Module, options: dict[str, object], words: str) -> None:
    with pytest.raises(UnsupportedError, match=words):
        adapt(module, INPUTS, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("stages", [[], ["layer2"], ["layer2", "layer1"]])
def test_a_last_stage_that_cannot_be_told_apart_is_refused(stages: list[str]) -> None:
    network = adapt(Own(), INPUTS, head="fc", stages=stages)
    with pytest.raises(UnsupportedError, match="last stage"):
        network.backbone.clone_last_stage()
