"""What ships: a folder with model.safetensors and model.json, checked when it is read; nothing in it is executed."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from softlabel.bounded_files import first_line
from softlabel.deployed.model_claims import (
    refuse_huge_inputs,
    refuse_huge_origin,
    refuse_no_origin,
    refuse_no_task,
    refuse_other_shapes,
    refuse_unbacked_widths,
)
from softlabel.deployed.model_files import (
    DESCRIPTION,
    FORMAT,
    KIND,
    WEIGHTS_PATTERN,
    digest_of,
    find_model,
    read_description,
    read_weights,
    refuse_not_finite,
    weights_name,
)
from softlabel.errors import RunError, SoftlabelError
from softlabel.networks.adapter import AdaptedBackbone, example, probing
from softlabel.networks.build import rebuild_network
from softlabel.networks.config import NetworkConfig
from softlabel.networks.heads import head_name
from softlabel.networks.hub import HubBackbone, require_transformers
from softlabel.networks.inputs import InputSpec
from softlabel.networks.network import Network
from softlabel.networks.timm_backbone import LIBRARY, TimmBackbone, require_timm
from softlabel.runs.atomic import write_bytes, write_json
from softlabel.runs.partial import remove_leftovers
from softlabel.tasks.link import probabilities
from softlabel.version import __version__


class DeployedModel(nn.Module):
    """Raw inputs, uint8 images (N, C, H, W) or float features (N, D) -> calibrated probabilities (N, K).

    Backbone and head, a bias per class where a method adjusts its logits, and the temperature.
    """

    adjust_bias: Tensor | None

    def __init__(
        self,
        network: Network,
        *,
        inputs: InputSpec,
        network_config: NetworkConfig,
        task_json: Mapping[str, Any],
        temperature: float = 1.0,
        card: Mapping[str, Any] | None = None,
        adjust_bias: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self.network_config = network_config
        self.inputs = inputs
        self.task_json = dict(task_json)
        self.temperature = float(temperature)
        self.card = dict(card or {})
        self.register_buffer("adjust_bias", None if adjust_bias is None else adjust_bias.detach().float().clone())

    @property
    def class_names(self) -> list[str]:
        """Names of the K classes."""
        return list(self.task_json["class_names"])

    def logits(self, inputs: Tensor) -> Tensor:
        """Logits (N, K) in fp32, before the temperature."""
        logits: Tensor = self.network(inputs).float()
        return logits if self.adjust_bias is None else logits + self.adjust_bias

    def forward(self, inputs: Tensor) -> Tensor:
        return probabilities(self.logits(inputs) / self.temperature, self.task_json.get("link", "softmax"))


def save_model(
    folder: str | Path,
    network: Network,
    *,
    inputs: InputSpec,
    network_config: NetworkConfig,
    task_json: Mapping[str, Any],
    temperature: float = 1.0,
    card: Mapping[str, Any] | None = None,
    adjust_bias: Tensor | None = None,
) -> Path:
    """Write a model folder; killed at any moment, it holds the model before or the new one. Returns the folder.

    Raises RunError for weights, a bias or a temperature that no model can have (NaN), OSError from the disk.
    """
    folder = Path(folder)
    state = {
        name: value.detach().cpu().contiguous().clone() for name, value in network.state_dict(prefix="network.").items()
    }
    if adjust_bias is not None:
        state["adjust_bias"] = adjust_bias.detach().cpu().float().clone()
    refuse_not_finite(folder, state)
    if not (math.isfinite(temperature) and temperature > 0):
        raise RunError(f"{folder}: {temperature} is not a temperature; expected a number above 0")
    content = safetensors.torch.save(state)
    digest = hashlib.sha256(content).hexdigest()
    folder.mkdir(parents=True, exist_ok=True)
    file = weights_name(folder, digest)
    description = {
        "kind": KIND,
        "format": FORMAT,
        "softlabel": __version__,
        "network": network_config.model_dump(mode="json") | {"head": head_name(network.head)},
        **origin_of(network),
        "inputs": inputs.to_json(),
        "num_outputs": num_outputs(network, inputs),
        "task": dict(task_json),
        "temperature": float(temperature),
        "card": dict(card or {}),
        "weights": {"file": file, "bytes": len(content), "sha256": digest},
    }
    write_bytes(folder / file, content)
    write_json(folder / DESCRIPTION, description | {"sha256": digest_of(description)})
    for path in folder.iterdir():  # weights that nothing names any more
        if WEIGHTS_PATTERN.fullmatch(path.name) and path.name != file:
            path.unlink()
    remove_leftovers(folder)
    return folder


def load_model(folder: str | Path, network: Network | None = None) -> DeployedModel:
    """Read a model folder, or the one inside a run folder, in evaluation mode on the CPU.

    network   the architecture to load the weights into, where it was made by `softlabel.networks.adapter.adapt`

    Raises RunError with the file and the reason for anything missing, damaged, foreign, or written by a newer version;
    UnsupportedError where the backbone needs transformers, and they are not installed.
    """
    folder = find_model(Path(folder))
    description = read_description(folder / DESCRIPTION)
    path = folder / description["weights"]["file"]
    state = read_weights(path, description["weights"])
    if (origin := description.get("origin")) is not None:
        is_timm = isinstance(origin, Mapping) and origin.get("library") == LIBRARY
        (require_timm if is_timm else require_transformers)()
    try:
        model = skeleton(description, network, has_bias="adjust_bias" in state, path=path, state=state)
    except RunError:
        raise
    except (KeyError, TypeError, ValueError, OverflowError, RuntimeError, SoftlabelError) as error:
        raise RunError(f"{folder / DESCRIPTION} does not describe a model: {first_line(error)}") from None
    model.load_state_dict(state)
    return model.eval()


def skeleton(
    description: Mapping[str, Any], network: Network | None, *, has_bias: bool, path: Path, state: Mapping[str, Tensor]
) -> DeployedModel:
    """The described model with new weights, once names and shapes are known to fit those of the file."""
    config = NetworkConfig.model_validate(description["network"])
    inputs = InputSpec.from_json(description["inputs"])
    outputs, temperature = int(description["num_outputs"]), float(description["temperature"])
    if not (math.isfinite(temperature) and temperature > 0):
        raise ValueError(f"{temperature} is not a temperature")
    refuse_no_task(description["task"], outputs)
    refuse_huge_inputs(inputs)
    origin, own = description["origin"], description["own_module"]
    if own is not None and network is None:
        raise RunError(
            f"{path.parent} holds a network of your own ({str(own)[:60]}): give it to load_model as network="
        )
    bias = torch.zeros(outputs) if has_bias else None

    def model(network: Network) -> DeployedModel:
        return DeployedModel(
            network,
            inputs=inputs,
            network_config=config,
            task_json=description["task"],
            temperature=temperature,
            card=description["card"],
            adjust_bias=bias,
        )

    if network is None and origin is None:
        refuse_no_origin(config)
        refuse_unbacked_widths(path, state, config, inputs, outputs)
    if origin is not None:
        refuse_huge_origin(path, origin, state)
    built = model(rebuild_network(config, inputs, outputs, origin) if network is None else network)
    refuse_other_shapes(path, state, built.state_dict())
    return built


def origin_of(network: Network) -> dict[str, Any]:
    """What besides the configuration is needed to make the network again."""
    backbone = network.backbone
    rebuilt = isinstance(backbone, HubBackbone | TimmBackbone)
    return {
        "origin": backbone.origin if rebuilt else None,
        "own_module": type(backbone.module).__name__ if isinstance(backbone, AdaptedBackbone) and not rebuilt else None,
    }


def num_outputs(network: Network, inputs: InputSpec) -> int:
    """K, whatever the head is made of."""
    device = next((parameter.device for parameter in network.parameters()), torch.device("cpu"))
    with probing(network):
        return int(network(example(inputs, rows=1).to(device)).shape[1])
