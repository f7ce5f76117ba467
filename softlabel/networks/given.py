"""A backbone that is a Python object: a module of the user's own, of timm, of torchvision, of anybody."""

from __future__ import annotations

import functools
from collections.abc import Callable

from torch import nn

from softlabel.errors import ConfigError, UnsupportedError
from softlabel.networks.adapter import adapt
from softlabel.networks.config import NetworkConfig
from softlabel.networks.inputs import InputSpec
from softlabel.networks.network import Backbone, Network

GIVEN = "module:"
"""What stands before its name where the configuration says which network a run trains."""

GivenBackbone = nn.Module | Callable[[InputSpec], Network]
"""A module that ends with a linear layer, or a function of the inputs that returns a network, made with `adapt`."""


def name_of(given: GivenBackbone) -> str:
    """What the configuration calls it. Raises ConfigError for what is neither a module nor a function.

    >>> from torch import nn
    >>> name_of(nn.Sequential(nn.Linear(4, 2)))
    'module:Sequential'
    """
    if not callable(given):
        raise ConfigError(f"backbone must be a name, a torch.nn.Module, or a function, not {given!r:.60}")
    if isinstance(given, functools.partial):
        given = next((value for value in given.args if isinstance(value, nn.Module)), given.func)
    named = type(given) if isinstance(given, nn.Module) else given
    return f"{GIVEN}{getattr(named, '__name__', type(named).__name__)}"


def given_backbone(config: NetworkConfig, inputs: InputSpec, given: GivenBackbone | None) -> tuple[nn.Module, Backbone]:
    """Preprocessing and backbone; the head of the module is left out.

    Raises UnsupportedError where nothing was given, where the features of every pixel are wanted, or where the module
    does not take the inputs.
    """
    if given is None:
        raise UnsupportedError(
            f"network.backbone: {config.backbone} is a Python object, which only Python can give: "
            "softlabel.train(backbone=module, ...)"
        )
    if config.head_kind == "pixel":
        raise UnsupportedError(
            f"network.backbone: {config.backbone} has one row of features per image; a class per pixel needs "
            "encoder_decoder"
        )
    network = _network(config.backbone, inputs, given)
    return network.preprocess, network.backbone


def _network(name: str, inputs: InputSpec, given: GivenBackbone) -> Network:
    try:
        network = adapt(given, inputs, num_outputs=1) if isinstance(given, nn.Module) else given(inputs)
    except UnsupportedError:
        raise
    except Exception as error:  # it is code of the user's, on inputs that it may not be made for
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        raise UnsupportedError(
            f"network.backbone: {name} does not take {inputs.kind} inputs of shape {list(inputs.shape)}: {reason}"
        ) from error
    if not isinstance(network, Network):
        raise UnsupportedError(
            f"network.backbone: {name} returned {type(network).__name__}, expected a network made with "
            "softlabel.networks.adapter.adapt"
        )
    return network
