"""What ships: a folder with model.safetensors and model.json, checked when it is read; nothing in it is executed."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from softlabel import __version__
from softlabel.errors import RunError, SoftlabelError
from softlabel.networks.adapter import AdaptedBackbone, example, probing
from softlabel.networks.build import rebuild_network
from softlabel.networks.config import NetworkConfig
from softlabel.networks.heads import head_name
from softlabel.networks.hub import HubBackbone, require_transformers
from softlabel.networks.inputs import InputSpec
from softlabel.networks.network import Network
from softlabel.training.atomic import finite, write_bytes, write_json

KIND = "softlabel model"
FORMAT = 1
DESCRIPTION = "model.json"
WEIGHTS = "model.safetensors"
WEIGHTS_PATTERN = re.compile(r"model(-[0-9a-f]{8})?\.safetensors")


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
        return torch.softmax(self.logits(inputs) / self.temperature, dim=-1)


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
    if description.get("origin") is not None:
        require_transformers()
    try:
        model = skeleton(description, network, has_bias="adjust_bias" in state, path=path, state=state)
    except RunError:
        raise
    except (KeyError, TypeError, ValueError, OverflowError, RuntimeError, SoftlabelError) as error:
        raise RunError(f"{folder / DESCRIPTION} does not describe a model: {_line(error)}") from None
    model.load_state_dict(state)
    return model.eval()


def find_model(folder: Path) -> Path:
    """The model folder itself, or the one inside a run folder. Raises RunError when there is none."""
    for place in (folder, folder / "model"):
        if (place / DESCRIPTION).is_file():
            return place
    raise RunError(f"{folder / DESCRIPTION} is missing: expected a model folder, or the folder of a finished run")


def read_description(path: Path) -> dict[str, Any]:
    """model.json, checked against its own hash."""
    try:
        description = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(f"{path} is damaged: {_line(error)}") from None
    if not isinstance(description, dict) or description.get("kind") != KIND:
        raise RunError(f"{path} is not the description of a softlabel model")
    if description.get("format") != FORMAT:
        raise RunError(
            f"{path} has format {description.get('format')!r}; this version of softlabel reads format {FORMAT}"
        )
    if description.pop("sha256", None) != digest_of(description):
        raise RunError(f"{path} is damaged: its content does not fit its hash")
    weights = description.get("weights")
    if not isinstance(weights, dict) or not WEIGHTS_PATTERN.fullmatch(str(weights.get("file"))):
        raise RunError(f"{path} does not name its weights")
    return description


def read_weights(path: Path, expected: Mapping[str, Any]) -> dict[str, Tensor]:
    """The tensors of a safetensors file with this hash, all of them finite."""
    try:
        size = path.stat().st_size
        content = path.read_bytes() if size == expected.get("bytes") else b""
    except FileNotFoundError:
        raise RunError(f"{path} is missing") from None
    except OSError as error:
        raise RunError(f"{path} cannot be read: {_line(error)}") from None
    if len(content) != size:
        raise RunError(f"{path} is damaged: it has {size} bytes, expected {expected.get('bytes')}")
    if hashlib.sha256(content).hexdigest() != expected.get("sha256"):
        raise RunError(f"{path} is damaged: its content does not fit the hash in {DESCRIPTION}")
    try:
        refuse_twins(content)
        state = safetensors.torch.load(content)
    except (SafetensorError, ValueError, KeyError, RecursionError) as error:
        raise RunError(f"{path} is not a safetensors file: {_line(error)}") from None
    refuse_not_finite(path, state)
    return state


def skeleton(
    description: Mapping[str, Any], network: Network | None, *, has_bias: bool, path: Path, state: Mapping[str, Tensor]
) -> DeployedModel:
    """The described model with new weights, once names and shapes are known to fit those of the file."""
    config = NetworkConfig.model_validate(description["network"])
    inputs = InputSpec.from_json(description["inputs"])
    outputs, temperature = int(description["num_outputs"]), float(description["temperature"])
    if not (math.isfinite(temperature) and temperature > 0):
        raise ValueError(f"{temperature} is not a temperature")
    if len(description["task"]["class_names"]) != outputs:
        raise ValueError(f"{len(description['task']['class_names'])} class names for {outputs} outputs")
    origin, own = description["origin"], description["own_module"]
    if own is not None and network is None:
        raise RunError(f"{path.parent} holds a network of your own ({own}): give it to load_model as network=")
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
        refuse_unbacked_widths(path, state, config, inputs, outputs)
    built = model(rebuild_network(config, inputs, outputs, origin) if network is None else network)
    refuse_other_shapes(path, state, built.state_dict())
    return built


def refuse_unbacked_widths(
    path: Path, state: Mapping[str, Tensor], config: NetworkConfig, inputs: InputSpec, outputs: int
) -> None:
    """Raise RunError for a description whose widths no tensor has, before memory is taken for them."""
    is_mlp = config.backbone == "mlp" or (config.backbone == "auto" and inputs.kind == "features")
    widths = [outputs, *((inputs.size, *config.hidden) if is_mlp else (inputs.channels,))]
    there = {length for value in state.values() for length in value.shape}
    absent = [width for width in widths if width not in there]
    if absent or len(config.hidden) > len(state):
        raise RunError(f"{path} belongs to another network: no tensor has the width {absent[:1] or len(config.hidden)}")


def refuse_other_shapes(path: Path, state: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    """Raise RunError with the first tensor that is missing, of another shape or type, or not expected."""
    for name in sorted(state.keys() | expected.keys()):
        found, wanted = (_kind(tensors.get(name)) for tensors in (state, expected))
        if found != wanted:
            raise RunError(f"{path} belongs to another network: {name} is {found}, expected {wanted}")


def refuse_not_finite(path: Path, state: Mapping[str, Tensor]) -> None:
    """Raise RunError with the first tensor that has NaN or infinity in it."""
    for name, value in state.items():
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise RunError(f"{path}: {name} has values that are not finite")


def refuse_twins(content: bytes) -> None:
    """Raise ValueError when the header names a tensor twice, which the format forbids and its reader overlooks."""
    length = int.from_bytes(content[:8], "little")

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) != len(pairs):
            raise ValueError("a name occurs twice in the header")
        return dict(pairs)

    json.loads(content[8 : 8 + length], object_pairs_hook=once)


def weights_name(folder: Path, digest: str) -> str:
    """A name that does not overwrite other weights: until model.json is replaced, the old ones are still in use."""
    path = folder / WEIGHTS
    if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() == digest:
        return WEIGHTS
    return f"model-{digest[:8]}.safetensors"


def digest_of(description: Mapping[str, Any]) -> str:
    """Hash of a description's content, whatever its spaces and order."""
    text = json.dumps(finite(dict(description)), sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def origin_of(network: Network) -> dict[str, Any]:
    """What besides the configuration is needed to make the network again."""
    backbone = network.backbone
    return {
        "origin": backbone.origin if isinstance(backbone, HubBackbone) else None,
        "own_module": type(backbone.module).__name__ if isinstance(backbone, AdaptedBackbone) else None,
    }


def num_outputs(network: Network, inputs: InputSpec) -> int:
    """K, whatever the head is made of."""
    device = next((parameter.device for parameter in network.parameters()), torch.device("cpu"))
    with probing(network):
        return int(network(example(inputs, rows=1).to(device)).shape[1])


def _kind(value: Tensor | None) -> str:
    if value is None:
        return "missing"
    return f"{str(value.dtype).removeprefix('torch.')} of shape {list(value.shape)}"


def _line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
