"""Pretrained backbones of the timm library, by name. Weights are read from safetensors alone."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from softlabel.errors import UnsupportedError
from softlabel.networks.adapter import AdaptedBackbone, call, example, probing
from softlabel.networks.hub import PATIENCE, refuse_unreachable
from softlabel.networks.hub_preprocessing import HubPreprocess
from softlabel.networks.inputs import InputSpec

PREFIX = "timm:"
WEIGHTS = "model.safetensors"
LIBRARY = "timm"


class TimmBackbone(AdaptedBackbone):
    """A timm model without its classifier. Levels are its feature maps, or what it ends with where it has none.

    origin   what makes an equal, untrained backbone without a network connection: name and input configuration
    """

    def __init__(self, model: nn.Module, stages: tuple[str, ...], origin: Mapping[str, Any]) -> None:
        super().__init__(model, call, stages)
        self.origin = dict(origin)

    def freeze_idle(self, inputs: Tensor) -> None:
        """Freeze what the pooled features do not depend on: several processes would wait for its gradient."""
        with torch.enable_grad():
            weights = list(self.parameters())
            gradients = torch.autograd.grad(self(inputs).pooled.sum(), weights, allow_unused=True)
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.requires_grad_(gradient is not None)


def load_timm(name: str, inputs: InputSpec) -> tuple[HubPreprocess, TimmBackbone]:
    """Pretrained weights, by name. Raises UnsupportedError with the reason where they cannot be had."""
    timm = require_timm()
    refuse_unknown(timm, name)
    with loading(name):
        weights = _weights(timm, name)
        model = timm.create_model(name, pretrained=True, num_classes=0, pretrained_cfg_overlay={"file": weights})
        return finish(model, {"library": LIBRARY, "name": name, "processor": processor_of(timm, model)}, inputs)


def rebuild_timm(origin: Mapping[str, Any], inputs: InputSpec) -> tuple[HubPreprocess, TimmBackbone]:
    """An untrained backbone equal to a saved one, from its `origin` alone."""
    timm = require_timm()
    name = str(origin["name"])
    refuse_unknown(timm, name)
    with loading(name):
        return finish(timm.create_model(name, pretrained=False, num_classes=0), origin, inputs)


def processor_of(timm: Any, model: nn.Module) -> dict[str, Any]:
    """What is done to pixels before the model, in the terms of an image processor."""
    data = timm.data.resolve_model_data_config(model)
    _, height, width = data["input_size"]
    fixed = bool(model.pretrained_cfg.get("fixed_input_size"))  # type: ignore[union-attr, operator]
    return {
        "do_resize": fixed,
        "size": {"height": height, "width": width} if fixed else None,
        "resample": 3 if data["interpolation"] == "bicubic" else 2,
        "image_mean": list(data["mean"]),
        "image_std": list(data["std"]),
    }


def finish(model: nn.Module, origin: Mapping[str, Any], inputs: InputSpec) -> tuple[HubPreprocess, TimmBackbone]:
    """Preprocessing and backbone around a model, their shapes learned from one pass."""
    if inputs.kind != "image" or inputs.channels not in (1, 3):
        raise UnsupportedError(
            f"network.backbone: {type(model).__name__} takes images of 3 channels, not {inputs.kind} of shape "
            f"{list(inputs.shape)}"
        )
    preprocess = HubPreprocess(origin["processor"], inputs)
    described = getattr(model, "feature_info", None) or []
    stages = tuple(str(info["module"]) for info in described)
    with probing(model, preprocess):
        sample = preprocess(example(inputs, rows=1))
        backbone = _shaped(model, stages, origin, sample)
        backbone.freeze_idle(sample)
    return preprocess, backbone


def _shaped(model: nn.Module, stages: tuple[str, ...], origin: Mapping[str, Any], sample: Tensor) -> TimmBackbone:
    """With a pyramid where the stages that the model names give maps."""
    try:
        backbone = TimmBackbone(model, stages, origin)
        backbone.learn_shape(sample)
    except UnsupportedError:
        backbone = TimmBackbone(model, (), origin)
        backbone.learn_shape(sample)
    return backbone


def _weights(timm: Any, name: str) -> str:
    """The file of the weights, on this machine already or downloaded."""
    from huggingface_hub import hf_hub_download, try_to_load_from_cache

    place = getattr(timm.get_pretrained_cfg(name), "hf_hub_id", None)
    if place is None:
        raise UnsupportedError(f"network.backbone: {PREFIX}{name} has no weights on the Hub")
    kept = try_to_load_from_cache(place, WEIGHTS)
    if isinstance(kept, str):
        return kept
    refuse_unreachable(place, f"{PREFIX}{name}")
    return str(hf_hub_download(place, WEIGHTS, etag_timeout=PATIENCE))


def refuse_unknown(timm: Any, name: str) -> None:
    """Raise UnsupportedError for what is no name of timm's, such as an address, which would be downloaded."""
    if not timm.is_model(name):
        raise UnsupportedError(f"network.backbone: timm has no model {name!r:.80}; `timm.list_models()` names them")


def require_timm() -> Any:
    """The timm library, imported only here. Raises UnsupportedError where it is not installed, or broken."""
    try:
        import timm
        import timm.data
    except Exception as error:  # it imports torchvision, which breaks in its own ways where torch is another one
        reason = "" if isinstance(error, ModuleNotFoundError) and error.name == "timm" else f" ({str(error)[:120]})"
        raise UnsupportedError(f"network.backbone: timm:… needs the timm library: pip install timm{reason}") from None
    return timm


@contextlib.contextmanager
def loading(name: str) -> Iterator[None]:
    """Every failure as one line that names what cannot be loaded."""
    try:
        yield
    except UnsupportedError:
        raise
    except Exception as error:  # the library answers in any way
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        raise UnsupportedError(f"network.backbone: {PREFIX}{name} cannot be loaded: {reason}") from error
