"""From a configuration to a network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from softlabel.errors import ConfigError, UnsupportedError
from softlabel.networks.config import NetworkConfig
from softlabel.networks.efficientnet_lite import EfficientNetLite0
from softlabel.networks.encoder_decoder import EncoderDecoder
from softlabel.networks.given import GIVEN, GivenBackbone, given_backbone
from softlabel.networks.heads import build_head
from softlabel.networks.hub import PREFIX, load_hub, rebuild_hub
from softlabel.networks.inputs import InputSpec
from softlabel.networks.linear import Linear
from softlabel.networks.mlp import MLP
from softlabel.networks.network import Backbone, Network
from softlabel.networks.preprocessing import Standardise, StandardiseAsPublished
from softlabel.networks.published_weights import pretrained_efficientnet_lite0
from softlabel.networks.resnet import ResNet
from softlabel.networks.timm_backbone import LIBRARY, load_timm, rebuild_timm
from softlabel.networks.timm_backbone import PREFIX as TIMM
from softlabel.randomness import addressed
from softlabel.text.words import nearest


def resnet(blocks: int) -> Callable[[NetworkConfig, InputSpec], Backbone]:
    """A CIFAR ResNet of depth 6 · blocks + 2, for images of any size."""

    def build(config: NetworkConfig, inputs: InputSpec) -> Backbone:
        if inputs.kind != "image":
            raise UnsupportedError(
                f"network.backbone: {config.backbone} needs images, but a row of this source is "
                f"{inputs.channels} features; use mlp"
            )
        return ResNet(inputs.channels, blocks)

    return build


def mlp(config: NetworkConfig, inputs: InputSpec) -> Backbone:
    """An MLP with the hidden layers of the configuration."""
    return MLP(inputs.size, config.hidden)


def linear(config: NetworkConfig, inputs: InputSpec) -> Backbone:
    """The inputs themselves."""
    return Linear(inputs.size)


BACKBONES: dict[str, Callable[[NetworkConfig, InputSpec], Backbone]] = {
    "resnet8": resnet(1),
    "resnet20": resnet(3),
    "resnet32": resnet(5),
    "resnet56": resnet(9),
    "mlp": mlp,
    "linear": linear,
}
PER_PIXEL = "encoder_decoder"
PRETRAINED = "efficientnet_lite0"
"""The backbone whose ImageNet weights are installed with the library."""
SMALL = 48
"""Side of images up to which `auto` trains a small network from scratch, in pixels."""


def build_network(
    config: NetworkConfig,
    inputs: InputSpec,
    num_outputs: int,
    seed: int,
    *,
    pretrained: bool = True,
    given: GivenBackbone | None = None,
) -> Network:
    """The network of a configuration, its new weights drawn from the seed alone.

    pretrained   whether a backbone that has published weights gets them; not where others are loaded into it
    given        the backbone that is a Python object

    Raises ConfigError for an unknown backbone, UnsupportedError where it does not go with the inputs.
    """
    with addressed(seed, "initialisation"):
        preprocess: nn.Module
        backbone: Backbone
        if config.backbone.startswith(GIVEN):
            preprocess, backbone = given_backbone(config, inputs, given)
        elif config.head_kind == "pixel":
            preprocess, backbone = Standardise(inputs), encoder_decoder(config, inputs)
        elif config.backbone.startswith(PREFIX):
            preprocess, backbone = load_hub(config.backbone.removeprefix(PREFIX), inputs)
        elif config.backbone.startswith(TIMM):
            preprocess, backbone = load_timm(config.backbone.removeprefix(TIMM), inputs)
        elif backbone_name(config, inputs) == PRETRAINED:
            preprocess = StandardiseAsPublished(inputs)
            backbone = pretrained_efficientnet_lite0() if pretrained else EfficientNetLite0()
        else:
            preprocess = Standardise(inputs)
            backbone = build_backbone(config, inputs)
        return Network(preprocess, backbone, build_head(config.head_kind, backbone.num_features, num_outputs))


def rebuild_network(
    config: NetworkConfig, inputs: InputSpec, num_outputs: int, origin: Mapping[str, Any] | None
) -> Network:
    """A network of the same shape, to load saved weights into: nothing is downloaded.

    origin   `network.backbone.origin` of a pretrained backbone, None for the library's own
    """
    if origin is None:
        return build_network(config, inputs, num_outputs, seed=0, pretrained=False)
    rebuild = rebuild_timm if dict(origin).get("library") == LIBRARY else rebuild_hub
    preprocess, backbone = rebuild(origin, inputs)
    return Network(preprocess, backbone, build_head(config.head_kind, backbone.num_features, num_outputs))


def build_backbone(config: NetworkConfig, inputs: InputSpec) -> Backbone:
    """One of the library's own backbones, with weights from the global generator."""
    name = backbone_name(config, inputs)
    if name == PER_PIXEL:
        raise UnsupportedError(f"network.backbone: {PER_PIXEL} has features of every pixel, which only masks need")
    if name not in BACKBONES:
        raise ConfigError(unknown_backbone(name))
    return BACKBONES[name](config, inputs)


def encoder_decoder(config: NetworkConfig, inputs: InputSpec) -> Backbone:
    """The backbone for a class per pixel. Raises UnsupportedError for another one, and for features."""
    if config.backbone not in ("auto", PER_PIXEL):
        raise UnsupportedError(
            f"network.backbone: {config.backbone} has one row of features per image; "
            f"a class per pixel needs {PER_PIXEL}"
        )
    if inputs.kind != "image":
        raise UnsupportedError(f"network.head: pixel needs images, but a row of this source is {inputs.size} features")
    return EncoderDecoder(inputs.channels)


def refuse_unknown_backbone(name: str) -> None:
    """Raise ConfigError for a name that is no backbone."""
    if name not in ("auto", PRETRAINED, PER_PIXEL, *BACKBONES) and not name.startswith((PREFIX, TIMM, GIVEN)):
        raise ConfigError(unknown_backbone(name))


def unknown_backbone(name: str) -> str:
    """The message for a name that is no backbone."""
    known = ["auto", *BACKBONES, PRETRAINED, PER_PIXEL, "hf:PATH_OR_NAME", "timm:NAME"]
    near = nearest(name, known)
    listing = f"did you mean {near}? There are" if near else "there are"
    return f"network.backbone: {name!r} is not a backbone; {listing} {', '.join(known)}."


def backbone_name(config: NetworkConfig, inputs: InputSpec) -> str:
    """The backbone that is asked for, or that `auto` stands for where one row of features is wanted of a sample."""
    if config.backbone != "auto":
        return config.backbone
    if inputs.kind != "image":
        return "mlp"
    return PRETRAINED if min(inputs.shape[1:]) > SMALL else "resnet8"


def is_pretrained(config: NetworkConfig, inputs: InputSpec, *, per_pixel: bool = False) -> bool:
    """Whether training starts from weights that were learned before; known before anything is built."""
    if per_pixel:
        return False
    return config.backbone.startswith((PREFIX, TIMM, GIVEN)) or backbone_name(config, inputs) == PRETRAINED
